//! The location of a suite, and the directory where pytest is started for it.

use crate::gather::GatherError;
use crate::gather::pytest::ask::{Asker, Root};
use std::path::{Path, PathBuf};

/// The location of a suite, and how pytest is started for it. All paths are absolute.
pub struct SuiteLocation {
    pub suite: PathBuf,
    pub root: PathBuf,
    pub settings: Option<PathBuf>,
    /// Directory where pytest is started: the root, or a directory below it.
    pub directory: PathBuf,
    /// Arguments of pytest besides options; empty if it finds the tests without them.
    pub args: Vec<String>,
}

/// Asks pytest for its root directory, and chooses where to start it: in the current directory if that
/// is inside the root, otherwise in the root.
pub async fn locate(asker: &Asker, named: &Path) -> Result<SuiteLocation, GatherError> {
    let unreadable =
        |error| GatherError::usage(format!("cannot read {}: {error}", named.display()));
    let suite = named.canonicalize().map_err(unreadable)?;
    let begin = beginning(&asker.here, &suite);
    let words = if begin == suite { Vec::new() } else { vec![suite.display().to_string()] };
    let Root { root, settings } = asker.root(&begin, &words).await?;
    let directory = if begin.starts_with(&root) { begin } else { root.clone() };
    let args = if suite == directory && directory == root { Vec::new() } else { words };
    let args = if args.is_empty() && suite != directory {
        vec![suite.display().to_string()]
    } else {
        args
    };
    if let Some(outside) = settings.as_ref().filter(|file| !file.starts_with(&root)) {
        let message = format!(
            "the settings of pytest, {}, are outside of its root directory {}",
            outside.display(),
            root.display()
        );
        return Err(
            GatherError::usage(message).hint("only files below the root directory can be sent")
        );
    }
    Ok(SuiteLocation { suite, root, settings, directory, args })
}

/// The directory where a user would start pytest: the current one if the suite is below it, otherwise
/// the parent of the suite, or of the package that contains it.
fn beginning(here: &Path, suite: &Path) -> PathBuf {
    if suite.starts_with(here) {
        return here.to_owned();
    }
    let mut place = suite;
    while place == suite || place.join("__init__.py").is_file() {
        match place.parent() {
            Some(parent) => place = parent,
            None => break,
        }
    }
    place.to_owned()
}

/// A path below the root in the form of a plan; `.` is the root itself.
pub fn relative(root: &Path, path: &Path) -> Result<String, GatherError> {
    let inside = path.strip_prefix(root).map_err(|_| {
        let message = format!("{} is outside of {}", path.display(), root.display());
        GatherError::usage(message).hint("only what is below pytest's root directory can be sent")
    })?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    let parts = parts
        .ok_or_else(|| GatherError::usage(format!("{} is not a Unicode name", path.display())))?;
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytest_is_started_where_a_person_would() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        std::fs::create_dir_all(root.join("p/pkg/tests")).expect("directories");
        for file in ["p/pkg/__init__.py", "p/pkg/tests/__init__.py"] {
            std::fs::write(root.join(file), "").expect("written");
        }
        let suite = root.join("p/pkg/tests");
        assert_eq!(beginning(&root, &suite), root, "below where the person is");
        assert_eq!(beginning(&suite, &suite), suite, "where the person is");
        assert_eq!(beginning(Path::new("/nowhere"), &suite), root.join("p"), "above the package");
        assert_eq!(beginning(Path::new("/nowhere"), &root.join("p")), root, "beside it");
    }
}
