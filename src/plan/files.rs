//! What a plan may ask of the world around it, and the files that travel with tests.
//!
//! The plan names paths relative to its own folder; the caller reads them. Limits:
//! [`MAX_FILE_BYTES`] a file, [`MAX_TOTAL_BYTES`] a plan, [`MAX_LIST`] files a test.

use crate::domain::launch::FileRef;
use crate::domain::launch::MAX_LIST;
use crate::plan::glob;
use crate::plan::markers::Description;
use crate::plan::node::shortened;
use crate::plan::problem::Wrong;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Largest file that travels with a test.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Most bytes of all files of one plan.
pub const MAX_TOTAL_BYTES: usize = 512 << 20;
/// Most files that one plan may list.
pub const MAX_FILES: usize = 20_000;

/// Folders that nobody means when they name the folder around them.
const IGNORED: [&str; 5] = ["__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".venv"];

/// A file that cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A model's folder in a local cache, or as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    pub description: Description,
    /// Commit of the version; empty when unknown.
    pub revision: String,
}

/// The folder of the plan, as the plan may see it. Paths are relative, with `/`.
pub trait Files {
    /// # Errors
    /// Missing, not a file, unreadable, or larger than [`MAX_FILE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable>;

    /// A file: itself. A folder (empty text: the plan's own): every file below it.
    /// Links are not followed out of the folder.
    ///
    /// # Errors
    /// Missing or unreadable, or more than [`MAX_FILES`].
    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable>;

    /// The configuration of a model in the machine's model cache.
    fn cached_model(&self, _model: &str) -> Option<KnownModel> {
        None
    }

    /// What was fetched for this plan from the hub.
    fn fetched_model(&self, _model: &str) -> Option<KnownModel> {
        None
    }
}

/// A plan that stands alone: nothing can be read.
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, Unreadable> {
        Err(Unreadable("files cannot be read here".into()))
    }
    fn list(&self, _: &str) -> Result<Vec<String>, Unreadable> {
        Err(Unreadable("files cannot be listed here".into()))
    }
}

/// One file of a submission, to be stored before the tests are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Name in the test's working directory.
    pub path: String,
    pub bytes: Arc<[u8]>,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// In lower case.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

impl PlannedFile {
    #[must_use]
    pub fn new(path: String, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        Self { path, bytes, sha256 }
    }

    #[must_use]
    pub fn reference(&self) -> FileRef {
        FileRef {
            path: self.path.clone(),
            sha256: self.sha256.clone(),
            size_bytes: self.bytes.len() as u64,
        }
    }
}

/// Reads each file once, however many tests name it.
pub struct Gatherer<'a> {
    files: &'a dyn Files,
    read: BTreeMap<String, PlannedFile>,
    /// What the plan itself wrote.
    made: Vec<PlannedFile>,
    listed: BTreeMap<String, Vec<String>>,
    matched: BTreeMap<String, Vec<FileRef>>,
    total_bytes: usize,
}

impl<'a> Gatherer<'a> {
    #[must_use]
    pub fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            read: BTreeMap::new(),
            made: Vec::new(),
            listed: BTreeMap::new(),
            matched: BTreeMap::new(),
            total_bytes: 0,
        }
    }

    /// Takes in a file that the plan itself made.
    pub fn add(&mut self, file: PlannedFile) -> FileRef {
        let reference = file.reference();
        self.made.push(file);
        reference
    }

    /// One file by its path.
    ///
    /// # Errors
    /// Outside of the folder, unreadable, or over a limit.
    pub fn file(&mut self, path: &str) -> Result<FileRef, Wrong> {
        let path = inside(path)?;
        if let Some(file) = self.read.get(&path) {
            return Ok(file.reference());
        }
        let bytes = self.files.read(&path).map_err(|problem| {
            Wrong::new(format!("cannot read {path:?}: {problem}"))
                .hint("paths are relative to the folder of the plan")
        })?;
        if bytes.len() > MAX_FILE_BYTES {
            let message = format!("{path:?} is larger than {} MiB", MAX_FILE_BYTES >> 20);
            return Err(Wrong::new(message).hint("large data belongs on the workers"));
        }
        if self.total_bytes + bytes.len() > MAX_TOTAL_BYTES {
            let message = format!("the plan's files exceed {} MiB", MAX_TOTAL_BYTES >> 20);
            return Err(Wrong::new(message).hint("large data belongs on the workers"));
        }
        self.total_bytes += bytes.len();
        let file = PlannedFile::new(path.clone(), bytes);
        let reference = file.reference();
        self.read.insert(path, file);
        Ok(reference)
    }

    /// The files that a path, folder or pattern names.
    ///
    /// # Errors
    /// Nothing matches, or what [`Gatherer::file`] refuses.
    pub fn matching(&mut self, pattern: &str) -> Result<Vec<FileRef>, Wrong> {
        if let Some(found) = self.matched.get(pattern) {
            return Ok(found.clone());
        }
        let found = self.find(pattern)?;
        self.matched.insert(pattern.to_owned(), found.clone());
        Ok(found)
    }

    fn find(&mut self, pattern: &str) -> Result<Vec<FileRef>, Wrong> {
        let (folder, is_pattern) = glob::fixed_folder(pattern);
        let pattern = if is_pattern { pattern.strip_prefix("./").unwrap_or(pattern) } else { "" };
        let folder =
            if folder.is_empty() || folder == "." { String::new() } else { inside(folder)? };
        let listed = self.list(&folder)?;
        let chosen: Vec<String> = listed
            .into_iter()
            .filter(|path| !path.split('/').any(|part| IGNORED.contains(&part)))
            .filter(|path| pattern.is_empty() || glob::path_matches(pattern, path))
            .collect();
        if chosen.is_empty() {
            return Err(Wrong::new("no file matches").hint("paths are relative to the plan"));
        }
        if chosen.len() > MAX_LIST {
            let message = format!("{} files match, at most {MAX_LIST} are allowed", chosen.len());
            return Err(Wrong::new(message).hint("name a smaller folder or pattern"));
        }
        chosen.iter().map(|path| self.file(path)).collect()
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, Wrong> {
        if let Some(listed) = self.listed.get(folder) {
            return Ok(listed.clone());
        }
        let mut listed = self
            .files
            .list(folder)
            .map_err(|problem| Wrong::new(format!("cannot list {folder:?}: {problem}")))?;
        listed.sort();
        self.listed.insert(folder.to_owned(), listed.clone());
        Ok(listed)
    }

    /// Every file that was named, each content once.
    #[must_use]
    pub fn finish(self) -> Vec<PlannedFile> {
        let mut seen = std::collections::HashSet::new();
        let all = self.read.into_values().chain(self.made);
        all.filter(|file| seen.insert(file.sha256.clone())).collect()
    }
}

/// A relative path without `.`, `..`, doubled or trailing slashes.
///
/// # Errors
/// It points outside of the plan's folder, or is no portable path.
pub fn inside(path: &str) -> Result<String, Wrong> {
    let refused = |why: &str| {
        Wrong::new(format!("{:?} {why}", shortened(path)))
            .hint("paths are relative to the folder of the plan and stay inside it")
    };
    if path.starts_with('/') {
        return Err(refused("is an absolute path"));
    }
    if path.len() > 1024 || path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        return Err(refused("is not a portable path"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(refused("leaves the folder"));
    }
    if parts.is_empty() { Err(refused("names nothing")) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(&'static [&'static str]);

    impl Files for Folder {
        fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
            let found = self.0.contains(&path).then(|| path.as_bytes().to_vec());
            found.ok_or_else(|| Unreadable("no such file".into()))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
            let below = |name: &&&str| {
                path.is_empty() || **name == path || name.starts_with(&format!("{path}/"))
            };
            let found: Vec<String> = self.0.iter().filter(below).map(|s| (*s).into()).collect();
            if found.is_empty() { Err(Unreadable("no such folder".into())) } else { Ok(found) }
        }
    }

    const FOLDER: Folder =
        Folder(&["t/a.py", "t/b.py", "t/sub/c.py", "t/__pycache__/a.pyc", "top.toml"]);

    fn names(pattern: &str) -> Result<Vec<String>, Wrong> {
        let found = Gatherer::new(&FOLDER).matching(pattern)?;
        Ok(found.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn folders_patterns_and_files() {
        assert_eq!(names("t/").expect("a folder"), ["t/a.py", "t/b.py", "t/sub/c.py"]);
        assert_eq!(names("t/*.py").expect("a pattern"), ["t/a.py", "t/b.py"]);
        assert_eq!(names("**/*.py").expect("a pattern"), ["t/a.py", "t/b.py", "t/sub/c.py"]);
        assert_eq!(names("./top.toml").expect("a file"), ["top.toml"]);
        assert_eq!(names(".").expect("all").len(), 4);
        assert!(names("t/*.rs").is_err());
        assert!(names("missing").is_err());
    }

    #[test]
    fn paths_stay_in_the_folder() {
        for path in ["../x", "/etc/passwd", "a/../../x", "c:\\x", "a\nb", "", "."] {
            assert!(inside(path).is_err(), "{path:?}");
        }
        assert_eq!(inside("./a//b/").as_deref(), Ok("a/b"));
    }

    #[test]
    fn each_file_is_read_once_and_each_content_kept_once() {
        let mut gatherer = Gatherer::new(&FOLDER);
        gatherer.matching("t/").expect("files");
        gatherer.matching("t/a.py").expect("files");
        gatherer.add(PlannedFile::new("copy.py".into(), b"t/a.py".to_vec()));
        assert_eq!(gatherer.finish().len(), 3);
    }
}
