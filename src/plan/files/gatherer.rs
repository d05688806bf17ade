//! Collects the files that the paths and patterns of a plan match.
//!
//! Limits: [`MAX_FILE_BYTES`] a file, [`MAX_TOTAL_BYTES`] a plan, [`MAX_LIST`] files a test.
//! Promises: every file in a named directory is sent, or the plan is refused with the reason; files
//! that are left out on purpose are reported by [`Gatherer::notes`].

use crate::domain::launch::{FileRef, MAX_LIST};
use crate::plan::files::directory::{Listing, MAX_FILE_BYTES, PlanFiles};
use crate::plan::files::path::normalise;
use crate::plan::files::planned::PlannedFile;
use crate::text::error::ValueError;
use crate::text::glob;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Maximum size of all files of one plan, in bytes.
pub const MAX_TOTAL_BYTES: usize = 512 << 20;
/// Directories that are left out when a directory above them is named. A path or pattern that
/// contains one of these names includes them.
pub const IGNORED: [&str; 5] = ["__pycache__", ".pytest_cache", ".mypy_cache", ".git", ".venv"];
/// The directories of [`IGNORED`] that are caches, so that no note about them is needed.
const CACHES: [&str; 3] = ["__pycache__", ".pytest_cache", ".mypy_cache"];
/// Maximum number of paths named in one note.
const MAX_NAMED: usize = 5;
const EXCLUDE_IT: &str =
    "remove it, or name the files beside it with a pattern such as \"suite/**/*.py\"";

/// The entries that a path or pattern matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched {
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
    matched: BTreeMap<String, Matched>,
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
        let path = normalise(path)?;
        if let Some(file) = self.read.get(&path) {
            return Ok(file.reference());
        }
        let bytes = self.files.read(&path).map_err(|error| {
            ValueError::new(format!("cannot read {path:?}: {error}"))
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
    pub fn matching(&mut self, pattern: &str) -> Result<Matched, ValueError> {
        if let Some(matched) = self.matched.get(pattern) {
            return Ok(matched.clone());
        }
        let matched = self.search(pattern)?;
        self.matched.insert(pattern.to_owned(), matched.clone());
        Ok(matched)
    }

    fn search(&mut self, pattern: &str) -> Result<Matched, ValueError> {
        let (directory, is_pattern) = glob::fixed_directory(pattern);
        let spelled: Vec<&'static str> = IGNORED
            .into_iter()
            .filter(|name| pattern.split('/').any(|part| part == *name))
            .collect();
        let pattern = if is_pattern { pattern.strip_prefix("./").unwrap_or(pattern) } else { "" };
        let directory = if directory.is_empty() || directory == "." {
            String::new()
        } else {
            normalise(directory)?
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
            let error = ValueError::new("no file matches");
            return Err(match left_out.peek() {
                Some(path) => error.hint(format!(
                    "{path:?} is left out unless the path or pattern spells its name"
                )),
                None => error.hint("paths are relative to the plan"),
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
        Ok(Matched { files, directories })
    }

    fn list(&mut self, directory: &str, spelled: Vec<&'static str>) -> Result<Listing, ValueError> {
        let key = (directory.to_owned(), spelled);
        if let Some(listing) = self.listed.get(&key) {
            return Ok(listing.clone());
        }
        let ignored: Vec<&str> = IGNORED.into_iter().filter(|name| !key.1.contains(name)).collect();
        let listing = self.files.survey(directory, &ignored);
        let mut listing = listing
            .map_err(|error| ValueError::new(format!("cannot list {directory:?}: {error}")))?;
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
        let mut seen = HashSet::new();
        let all = self.read.into_values().chain(self.made);
        all.filter(|file| seen.insert(file.sha256.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::files::directory::Refused;
    use crate::text::error::ReadError;

    struct TestFiles(&'static [&'static str]);

    impl PlanFiles for TestFiles {
        fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            let content = self.0.contains(&path).then(|| path.as_bytes().to_vec());
            content.ok_or_else(|| ReadError("no such file".into()))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
            let below = |name: &&&str| {
                path.is_empty() || **name == path || name.starts_with(&format!("{path}/"))
            };
            let names: Vec<String> = self.0.iter().filter(below).map(|s| (*s).into()).collect();
            if names.is_empty() { Err(ReadError("no such directory".into())) } else { Ok(names) }
        }
    }

    const TEST_FILES: TestFiles =
        TestFiles(&["t/a.py", "t/b.py", "t/sub/c.py", "t/__pycache__/a.pyc", "top.toml"]);

    fn names(pattern: &str) -> Result<Vec<String>, ValueError> {
        let matched = Gatherer::new(&TEST_FILES).matching(pattern)?;
        Ok(matched.files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn directories_patterns_and_files_match() {
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

    /// A directory with entries that cannot be sent.
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
    fn an_unsendable_entry_is_an_error_when_named_and_a_note_when_skipped() {
        let error = Gatherer::new(&Odd).matching("t").expect_err("refused");
        assert_eq!(error.message, "\"t/data\" is a link to \"/big\"");
        assert!(Gatherer::new(&Odd).matching("t/o*").is_err());
        let mut gatherer = Gatherer::new(&Odd);
        let matched = gatherer.matching("t/**/*.py").expect("a match");
        assert!(matched.files[0].executable);
        assert_eq!(matched.directories, [""; 0]);
        let notes = gatherer.notes();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("\"t/data\" is a link"), "{notes:?}");
        assert!(notes[1].ends_with("t/.git"), "{notes:?}");
        let mut gatherer = Gatherer::new(&Odd);
        assert_eq!(gatherer.matching("t/e*").expect("a match").directories, ["t/empty"]);
        assert_eq!(gatherer.notes(), [""; 0]);
    }

    #[test]
    fn an_error_names_ignored_entries() {
        let error = Gatherer::new(&Odd).matching("t/**/*.pyc").expect_err("no match");
        assert!(error.hint.expect("a hint").contains("t/.git"));
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
