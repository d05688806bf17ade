//! The files of a plan, which are sent with its tests.
//!
//! The plan names paths relative to its own directory, and the caller reads them. Limits:
//! [`MAX_FILE_BYTES`] a file, [`MAX_TOTAL_BYTES`] a plan, [`MAX_LIST`] files a test.
//! Promises: every file in a named directory is sent, or the plan is refused with the reason; files
//! that are left out on purpose are reported by [`Gatherer::notes`].

use crate::domain::digest::sha256_hex;
use crate::domain::launch::{FileRef, MAX_LIST};
use crate::text::error::{ReadError, ValueError};
use crate::text::glob;
use crate::text::node::shortened;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum size of a file, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Maximum size of all files of one plan, in bytes.
pub const MAX_TOTAL_BYTES: usize = 512 << 20;
/// Maximum number of files that one plan may list.
pub const MAX_FILES: usize = 20_000;

/// Directories that are left out when a directory above them is named. A path or pattern that
/// contains one of these names includes them.
pub const IGNORED: [&str; 5] = ["__pycache__", ".pytest_cache", ".mypy_cache", ".git", ".venv"];
/// The directories of [`IGNORED`] that are caches, so that no note about them is needed.
const CACHES: [&str; 3] = ["__pycache__", ".pytest_cache", ".mypy_cache"];
/// Maximum number of paths named in one note.
const MAX_NAMED: usize = 5;

/// The content of a directory and of the directories below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Every file that can be read, by the path through which it was found.
    pub files: Vec<String>,
    /// Empty directories.
    pub empty: Vec<String>,
    /// Entries that cannot be sent.
    pub refused: Vec<Refused>,
    /// Paths that were left out, because their name is ignored.
    pub left_out: Vec<String>,
}

/// An entry that cannot be sent, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub path: String,
    /// Predicate of a sentence whose subject is the path: "is a socket".
    pub why: String,
    /// Whether it is a directory or a link to one, so that files may be below it.
    pub directory: bool,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.path, self.why)
    }
}

/// The directory of the plan. Paths are relative, with `/`.
pub trait PlanFiles {
    /// Reads a file.
    ///
    /// # Errors
    /// The file is missing, is not a file, cannot be read, or is larger than [`MAX_FILE_BYTES`].
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// Lists a file, or every file below a directory. The empty path is the directory of the plan.
    ///
    /// # Errors
    /// The path is missing, an entry cannot be read, or there are more than [`MAX_FILES`].
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError>;

    /// Lists files like [`PlanFiles::list`], but returns entries that cannot be read separately.
    /// Entries whose name is in `ignored` are left out. Links are followed inside the directory of
    /// the plan.
    ///
    /// # Errors
    /// The path is missing or cannot be read, or a limit is exceeded.
    fn survey(&self, path: &str, _ignored: &[&str]) -> Result<Listing, ReadError> {
        Ok(Listing { files: self.list(path)?, ..Listing::default() })
    }

    /// Whether the file is executable.
    fn executable(&self, _path: &str) -> bool {
        false
    }
}

/// Generated files, which are not on a disk, in front of the files of a directory.
pub struct Overlay<'a> {
    pub made: &'a BTreeMap<String, Arc<[u8]>>,
    pub files: &'a dyn PlanFiles,
}

impl PlanFiles for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match self.made.get(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.files.read(path),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if self.made.contains_key(path) {
            return Ok(vec![path.to_owned()]);
        }
        self.files.list(path)
    }

    fn survey(&self, path: &str, ignored: &[&str]) -> Result<Listing, ReadError> {
        if self.made.contains_key(path) {
            return Ok(Listing { files: vec![path.to_owned()], ..Listing::default() });
        }
        self.files.survey(path, ignored)
    }

    fn executable(&self, path: &str) -> bool {
        !self.made.contains_key(path) && self.files.executable(path)
    }
}

/// A file of a submission. It is stored before the tests are submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Path in the working directory of the test.
    pub path: String,
    pub bytes: Arc<[u8]>,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    pub executable: bool,
}

impl PlannedFile {
    #[must_use]
    pub fn new(path: String, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = sha256_hex(&bytes);
        Self { path, bytes, sha256, executable: false }
    }

    #[must_use]
    pub fn reference(&self) -> FileRef {
        FileRef {
            path: self.path.clone(),
            sha256: self.sha256.clone(),
            size_bytes: self.bytes.len() as u64,
            executable: self.executable,
        }
    }
}

/// The entries that a path or pattern matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub files: Vec<FileRef>,
    /// Empty directories.
    pub directories: Vec<String>,
}

/// Collects the files of all tests. Each file is read once.
pub struct Gatherer<'a> {
    files: &'a dyn PlanFiles,
    read: BTreeMap<String, PlannedFile>,
    /// Generated files.
    made: Vec<PlannedFile>,
    /// Listings by directory and by the ignored names that are included.
    listed: BTreeMap<(String, Vec<&'static str>), Listing>,
    matched: BTreeMap<String, Found>,
    /// Paths that patterns skipped, each with its reason.
    passed_over: BTreeSet<String>,
    left_out: BTreeSet<String>,
    total_bytes: usize,
}

impl<'a> Gatherer<'a> {
    #[must_use]
    pub fn new(files: &'a dyn PlanFiles) -> Self {
        Self {
            files,
            read: BTreeMap::new(),
            made: Vec::new(),
            listed: BTreeMap::new(),
            matched: BTreeMap::new(),
            passed_over: BTreeSet::new(),
            left_out: BTreeSet::new(),
            total_bytes: 0,
        }
    }

    /// Adds a generated file.
    pub fn add(&mut self, file: PlannedFile) -> FileRef {
        let reference = file.reference();
        self.made.push(file);
        reference
    }

    /// Adds a file by its path.
    ///
    /// # Errors
    /// The path leads out of the directory, cannot be read, or exceeds a limit.
    pub fn file(&mut self, path: &str) -> Result<FileRef, ValueError> {
        let path = inside(path)?;
        if let Some(file) = self.read.get(&path) {
            return Ok(file.reference());
        }
        let bytes = self.files.read(&path).map_err(|problem| {
            ValueError::new(format!("cannot read {path:?}: {problem}"))
                .hint("paths are relative to the directory of the plan")
        })?;
        if bytes.len() > MAX_FILE_BYTES {
            let message = format!("{path:?} is too large (maximum {} MiB)", MAX_FILE_BYTES >> 20);
            return Err(ValueError::new(message).hint("store large data on the workers"));
        }
        if self.total_bytes + bytes.len() > MAX_TOTAL_BYTES {
            let message = format!(
                "the files of the plan are too large (maximum {} MiB)",
                MAX_TOTAL_BYTES >> 20
            );
            return Err(ValueError::new(message).hint("store large data on the workers"));
        }
        self.total_bytes += bytes.len();
        let executable = self.files.executable(&path);
        let file = PlannedFile { executable, ..PlannedFile::new(path.clone(), bytes) };
        let reference = file.reference();
        self.read.insert(path, file);
        Ok(reference)
    }

    /// Adds the files that a path, directory or pattern matches.
    ///
    /// # Errors
    /// Nothing matches, a matching entry cannot be sent, or an error of [`Gatherer::file`].
    pub fn matching(&mut self, pattern: &str) -> Result<Found, ValueError> {
        if let Some(found) = self.matched.get(pattern) {
            return Ok(found.clone());
        }
        let found = self.find(pattern)?;
        self.matched.insert(pattern.to_owned(), found.clone());
        Ok(found)
    }

    fn find(&mut self, pattern: &str) -> Result<Found, ValueError> {
        let (directory, is_pattern) = glob::fixed_directory(pattern);
        let spelled: Vec<&'static str> = IGNORED
            .into_iter()
            .filter(|name| pattern.split('/').any(|part| part == *name))
            .collect();
        let pattern = if is_pattern { pattern.strip_prefix("./").unwrap_or(pattern) } else { "" };
        let directory = if directory.is_empty() || directory == "." {
            String::new()
        } else {
            inside(directory)?
        };
        let listing = self.list(&directory, spelled)?;
        let named = |path: &str| pattern.is_empty() || glob::path_matches(pattern, path);
        for refused in &listing.refused {
            if named(&refused.path) {
                return Err(ValueError::new(refused.to_string()).hint(EXCLUDE_IT));
            }
            if refused.directory && glob::may_match_below(pattern, &refused.path) {
                self.passed_over.insert(refused.to_string());
            }
        }
        let chosen: Vec<&String> = listing.files.iter().filter(|path| named(path)).collect();
        let directories: Vec<String> =
            listing.empty.iter().filter(|path| named(path)).cloned().collect();
        let left_out = listing.left_out.iter();
        let mut left_out = left_out.filter(|path| glob::may_match_below(pattern, path)).peekable();
        if chosen.is_empty() && directories.is_empty() {
            let wrong = ValueError::new("no file matches");
            return Err(match left_out.peek() {
                Some(path) => wrong.hint(format!(
                    "{path:?} is left out unless the path or pattern spells its name"
                )),
                None => wrong.hint("paths are relative to the plan"),
            });
        }
        let count = chosen.len() + directories.len();
        if count > MAX_LIST {
            let message = format!("too many files match ({count}, maximum {MAX_LIST})");
            return Err(ValueError::new(message).hint("name a smaller directory or pattern"));
        }
        let is_cache = |path: &str| CACHES.iter().any(|name| path.ends_with(name));
        self.left_out.extend(left_out.filter(|path| !is_cache(path)).cloned());
        let files = chosen.into_iter().map(|path| self.file(path)).collect::<Result<_, _>>()?;
        Ok(Found { files, directories })
    }

    fn list(&mut self, directory: &str, spelled: Vec<&'static str>) -> Result<Listing, ValueError> {
        let key = (directory.to_owned(), spelled);
        if let Some(listing) = self.listed.get(&key) {
            return Ok(listing.clone());
        }
        let ignored: Vec<&str> = IGNORED.into_iter().filter(|name| !key.1.contains(name)).collect();
        let listing = self.files.survey(directory, &ignored);
        let mut listing = listing
            .map_err(|problem| ValueError::new(format!("cannot list {directory:?}: {problem}")))?;
        listing.files.retain(|path| !path.split('/').any(|part| ignored.contains(&part)));
        listing.files.sort();
        self.listed.insert(key, listing.clone());
        Ok(listing)
    }

    /// Notes on files that are not sent.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let passed_over =
            self.passed_over.iter().map(|what| format!("{what}; no file below it is sent"));
        let left_out = (!self.left_out.is_empty()).then(|| {
            let named: Vec<&str> =
                self.left_out.iter().take(MAX_NAMED).map(String::as_str).collect();
            let more = self.left_out.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("not sent with the tests unless named: {}{more}", named.join(", "))
        });
        passed_over.take(MAX_NAMED).chain(left_out).collect()
    }

    /// The collected files. Files with equal content occur once.
    #[must_use]
    pub fn finish(self) -> Vec<PlannedFile> {
        let mut seen = std::collections::HashSet::new();
        let all = self.read.into_values().chain(self.made);
        all.filter(|file| seen.insert(file.sha256.clone())).collect()
    }
}

const EXCLUDE_IT: &str =
    "remove it, or name the files beside it with a pattern such as \"suite/**/*.py\"";

/// Normalises a relative path: without `.`, `..`, doubled or trailing slashes.
///
/// # Errors
/// The path leads out of the directory of the plan, or is not portable.
pub fn inside(path: &str) -> Result<String, ValueError> {
    let refused = |why: &str| {
        ValueError::new(format!("{:?} {why}", shortened(path)))
            .hint("paths are relative to the directory of the plan and stay inside it")
    };
    if path.starts_with('/') {
        return Err(refused("is an absolute path"));
    }
    if path.len() > 1024 || path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        return Err(refused("is not a portable path"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(refused("leads out of the directory"));
    }
    if parts.is_empty() { Err(refused("names nothing")) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TestFiles(&'static [&'static str]);

    impl PlanFiles for TestFiles {
        fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            let found = self.0.contains(&path).then(|| path.as_bytes().to_vec());
            found.ok_or_else(|| ReadError("no such file".into()))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
            let below = |name: &&&str| {
                path.is_empty() || **name == path || name.starts_with(&format!("{path}/"))
            };
            let found: Vec<String> = self.0.iter().filter(below).map(|s| (*s).into()).collect();
            if found.is_empty() { Err(ReadError("no such directory".into())) } else { Ok(found) }
        }
    }

    const TEST_FILES: TestFiles =
        TestFiles(&["t/a.py", "t/b.py", "t/sub/c.py", "t/__pycache__/a.pyc", "top.toml"]);

    fn names(pattern: &str) -> Result<Vec<String>, ValueError> {
        let found = Gatherer::new(&TEST_FILES).matching(pattern)?;
        Ok(found.files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn folders_patterns_and_files() {
        assert_eq!(names("t/").expect("a directory"), ["t/a.py", "t/b.py", "t/sub/c.py"]);
        assert_eq!(names("t/*.py").expect("a pattern"), ["t/a.py", "t/b.py"]);
        assert_eq!(names("**/*.py").expect("a pattern"), ["t/a.py", "t/b.py", "t/sub/c.py"]);
        assert_eq!(names("./top.toml").expect("a file"), ["top.toml"]);
        assert_eq!(names(".").expect("all").len(), 4);
        assert!(names("t/*.rs").is_err());
        assert!(names("missing").is_err());
        assert_eq!(names("t/__pycache__").expect("spelled"), ["t/__pycache__/a.pyc"]);
        assert_eq!(names("**/__pycache__/*").expect("spelled"), ["t/__pycache__/a.pyc"]);
    }

    /// A directory with things that cannot travel.
    struct Odd;

    impl PlanFiles for Odd {
        fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            Ok(path.into())
        }
        fn list(&self, _: &str) -> Result<Vec<String>, ReadError> {
            Err(ReadError("unused".into()))
        }
        fn survey(&self, _: &str, ignored: &[&str]) -> Result<Listing, ReadError> {
            let refused = |path: &str, directory| Refused {
                path: path.into(),
                why: "is a link to \"/big\"".into(),
                directory,
            };
            let left_out = ["t/.git", "t/__pycache__"].into_iter();
            Ok(Listing {
                files: vec!["t/a.py".into()],
                empty: vec!["t/empty".into()],
                refused: vec![refused("t/data", true), refused("t/one", false)],
                left_out: left_out.filter(|p| ignored.contains(&&p[2..])).map(Into::into).collect(),
            })
        }
        fn executable(&self, path: &str) -> bool {
            path == "t/a.py"
        }
    }

    #[test]
    fn what_cannot_travel_is_an_error_where_it_is_named_and_a_note_where_it_may_matter() {
        let wrong = Gatherer::new(&Odd).matching("t").expect_err("refused");
        assert_eq!(wrong.message, "\"t/data\" is a link to \"/big\"");
        assert!(Gatherer::new(&Odd).matching("t/o*").is_err());
        let mut gatherer = Gatherer::new(&Odd);
        let found = gatherer.matching("t/**/*.py").expect("found");
        assert!(found.files[0].executable);
        assert_eq!(found.directories, [""; 0]);
        let notes = gatherer.notes();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("\"t/data\" is a link"), "{notes:?}");
        assert!(notes[1].ends_with("t/.git"), "{notes:?}");
        let mut gatherer = Gatherer::new(&Odd);
        assert_eq!(gatherer.matching("t/e*").expect("found").directories, ["t/empty"]);
        assert_eq!(gatherer.notes(), [""; 0]);
    }

    #[test]
    fn an_error_names_what_was_left_out() {
        let wrong = Gatherer::new(&Odd).matching("t/**/*.pyc").expect_err("nothing");
        assert!(wrong.hint.expect("a hint").contains("t/.git"));
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
        let mut gatherer = Gatherer::new(&TEST_FILES);
        gatherer.matching("t/").expect("files");
        gatherer.matching("t/a.py").expect("files");
        gatherer.add(PlannedFile::new("copy.py".into(), b"t/a.py".to_vec()));
        assert_eq!(gatherer.finish().len(), 3);
    }
}
