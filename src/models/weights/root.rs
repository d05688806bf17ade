//! The place of the files of weights on a machine.

use crate::models::catalogue::BASE_DIRECTORY;
use std::path::{Path, PathBuf};

/// The directory of the paths of a manifest. Those of the base model of an adapter may be in another
/// directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub directory: PathBuf,
    /// Directory of the base model of an adapter, if it is not in the directory itself.
    pub base: Option<PathBuf>,
}

impl Root {
    /// The file with this path in the manifest.
    #[must_use]
    pub fn place(&self, path: &str) -> PathBuf {
        let inside = path.strip_prefix(BASE_DIRECTORY).and_then(|rest| rest.strip_prefix('/'));
        match (&self.base, inside) {
            (Some(base), Some(inside)) => base.join(inside),
            _ => self.directory.join(path),
        }
    }
}

impl From<&Path> for Root {
    fn from(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), base: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_base_model_are_elsewhere() {
        let beside = Root::from(Path::new("/a"));
        assert_eq!(beside.place("base_model/x"), Path::new("/a/base_model/x"));
        let root = Root { base: Some("/b".into()), ..beside };
        assert_eq!(root.place("base_model/x/y"), Path::new("/b/x/y"));
        for name in ["base_model", "base_models/x", "x"] {
            assert_eq!(root.place(name), Path::new("/a").join(name));
        }
    }
}
