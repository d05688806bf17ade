//! The folder of a plan as the plan may see it, and the machine's model cache.

use crate::plan::files::{CachedModel, Files, MAX_FILE_BYTES, MAX_FILES, Unreadable};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// Files below one folder. Links are followed only inside of it.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    hub: Option<PathBuf>,
}

impl Folder {
    pub fn new(root: &Path) -> Self {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        Self { root: root.to_owned(), hub: hub_cache() }
    }

    /// The folder that holds a file.
    pub fn of(file: &Path) -> Self {
        Self::new(file.parent().unwrap_or(Path::new(".")))
    }

    fn inside(&self, path: &str) -> Result<PathBuf, Unreadable> {
        let failed = |error: std::io::Error| Unreadable(format!("{path}: {error}"));
        let root = self.root.canonicalize().map_err(failed)?;
        let full = root.join(path).canonicalize().map_err(failed)?;
        if full.starts_with(&root) {
            Ok(full)
        } else {
            Err(Unreadable(format!("{path} leads out of the folder {}", root.display())))
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        read_capped(&self.inside(path)?, MAX_FILE_BYTES)
            .map_err(|reason| Unreadable(format!("{path}: {reason}")))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let root = self.root.canonicalize().map_err(|e| Unreadable(e.to_string()))?;
        let full = self.inside(path)?;
        if full.is_file() {
            return Ok(vec![path.to_owned()]);
        }
        let mut found = Vec::new();
        walk(&root, &full, MAX_DEPTH, &mut found)?;
        found.sort_unstable();
        Ok(found)
    }

    /// `models--OWNER--NAME/refs/main` names a commit, `snapshots/COMMIT` holds its files.
    fn cached_model(&self, model: &str) -> Option<CachedModel> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if !model.chars().all(plain) || model.contains("..") {
            return None;
        }
        let folder = self.hub.as_ref()?.join(format!("models--{}", model.replace('/', "--")));
        let revision = read_capped(&folder.join("refs/main"), 256).ok()?;
        let revision = String::from_utf8(revision).ok()?.trim().to_owned();
        if revision.is_empty() || !revision.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let config = folder.join("snapshots").join(&revision).join("config.json");
        Some(CachedModel { config: read_capped(&config, MAX_FILE_BYTES).ok()?, revision })
    }
}

fn read_capped(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() > limit {
        return Err(format!("it has more than {limit} bytes"));
    }
    Ok(bytes)
}

fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), Unreadable> {
    let failed = |error: std::io::Error| Unreadable(format!("{}: {error}", folder.display()));
    if depth == 0 {
        return Err(Unreadable(format!("{} is nested too deeply", folder.display())));
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(root, &entry.path(), depth - 1, found)?;
        } else if kind.is_file() {
            let path = entry.path();
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let parts: Option<Vec<_>> = relative.iter().map(|part| part.to_str()).collect();
            let Some(parts) = parts else {
                return Err(Unreadable(format!("{} is not a Unicode name", path.display())));
            };
            found.push(parts.join("/"));
            if found.len() > MAX_FILES {
                return Err(Unreadable(format!("there are more than {MAX_FILES} files")));
            }
        }
    }
    Ok(())
}

/// Where the model hub's own tools keep what they have fetched.
#[expect(clippy::disallowed_methods, reason = "variables of the model hub's tools, no settings")]
fn hub_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(hub) = named("HF_HUB_CACHE") {
        return Some(PathBuf::from(hub));
    }
    if let Some(home) = named("HF_HOME") {
        return Some(PathBuf::from(home).join("hub"));
    }
    let base = directories::BaseDirs::new()?;
    Some(base.home_dir().join(".cache/huggingface/hub"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_and_read_inside_the_folder_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let plan = directory.path().join("plan");
        std::fs::create_dir_all(plan.join("tests/deep")).expect("folders");
        std::fs::write(plan.join("tests/deep/a.py"), "a").expect("written");
        std::fs::write(plan.join("tests/b.py"), "b").expect("written");
        std::fs::write(directory.path().join("secret"), "s").expect("written");
        let folder = Folder::new(&plan);
        assert_eq!(folder.list("tests").expect("listed"), ["tests/b.py", "tests/deep/a.py"]);
        assert_eq!(folder.read("tests/b.py").expect("read"), b"b");
        assert!(folder.read("../secret").is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", plan.join("link")).expect("linked");
            assert!(folder.read("link").is_err());
        }
    }

    #[test]
    fn a_cached_model_is_found_by_its_reference() {
        let directory = tempfile::tempdir().expect("a directory");
        let model = directory.path().join("models--owner--name");
        std::fs::create_dir_all(model.join("snapshots/abc123")).expect("folders");
        std::fs::create_dir_all(model.join("refs")).expect("folders");
        std::fs::write(model.join("refs/main"), "abc123").expect("written");
        std::fs::write(model.join("snapshots/abc123/config.json"), "{}").expect("written");
        let mut folder = Folder::new(directory.path());
        folder.hub = Some(directory.path().to_owned());
        let found = folder.cached_model("owner/name").expect("found");
        assert_eq!((found.config.as_slice(), found.revision.as_str()), (&b"{}"[..], "abc123"));
        assert!(folder.cached_model("../name").is_none());
        assert!(folder.cached_model("no/such").is_none());
    }
}
