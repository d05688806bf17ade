//! Selects the files of a project that are sent with its tests: those that the tests were observed
//! to need, and small entries beside them. Entries that are not sent are reported.
//!
//! Limits: [`MAX_BESIDE_BYTES`] of content, and [`MAX_LIST_BYTES`] for the list of all files, which
//! is part of each test.

use crate::gather::GatherError;
use crate::gather::PlanDirectory;
use crate::gather::pytest::ask::{Asker, quoted, read_capped};
use crate::gather::pytest::place::{SuiteLocation, relative};
use crate::plan::files::directory::{MAX_FILE_BYTES, PlanFiles};
use crate::plan::files::gatherer::IGNORED;
use crate::plan::files::path::normalise;
use crate::plan::pytest::BESIDE;
use crate::plan::pytest::suite::Collected;
use crate::results::render::figures::counted;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maximum size of the entries that are sent only because they are beside the tests, in bytes.
const MAX_BESIDE_BYTES: u64 = 32 << 20;
/// Maximum number of bytes that the list of files may take in the description of a test.
const MAX_LIST_BYTES: usize = 44 * 1024;
/// The same for what is packed: some thousand files.
const MAX_PACKED_LIST_BYTES: usize = 1 << 20;
const ARCHIVE: &str = include_str!("archive.py");
/// Size of one file in the list in addition to its path: digest, size, punctuation.
const LISTED_BYTES: usize = 120;
/// Maximum number of entries of a directory without settings that are taken for a suite's own.
const MAX_UNKNOWN_ENTRIES: usize = 100;

pub struct Travelling {
    /// Files, directories and patterns below the root.
    pub files: Vec<String>,
    /// Whether these files are packed into one archive, because a test cannot list all of them.
    pub packed: bool,
    /// Entries that are not sent, with their sizes.
    pub left: Vec<String>,
}

/// An entry beside the tests, and what it would add.
struct Candidate {
    path: String,
    /// The reason why it cannot be sent, if there is one.
    obstacle: Option<String>,
    files: usize,
    bytes: u64,
    listed: usize,
}

pub fn files(
    place: &SuiteLocation,
    collected: &Collected,
    patterns: &[String],
) -> Result<Travelling, GatherError> {
    let needed = needed(place, collected)?;
    let plan_directory = PlanDirectory::new(&place.root);
    let mut listed: usize =
        needed.iter().map(|path| measure(&plan_directory, place, path).listed).sum();
    let (beside, mut left) = beside(place, collected, &needed);
    let mut candidates: Vec<Candidate> = beside
        .into_iter()
        .map(|path| measure(&plan_directory, place, &path))
        .filter(|candidate| candidate.files > 0)
        .collect();
    candidates.sort_by_key(|one| (one.listed, one.bytes));
    let packed = listed > MAX_LIST_BYTES;
    let most = if packed { MAX_PACKED_LIST_BYTES } else { MAX_LIST_BYTES };
    let mut files = needed;
    let mut bytes: u64 = 0;
    for one in candidates {
        let fits =
            listed + one.listed <= most && bytes.saturating_add(one.bytes) <= MAX_BESIDE_BYTES;
        if fits {
            listed += one.listed;
            bytes += one.bytes;
            files.insert(one.path);
        } else if !patterns.contains(&one.path) {
            let why = one.obstacle.unwrap_or_else(|| {
                let size = one.bytes.div_ceil(1 << 20);
                format!("{}, {size} MiB", counted(one.files as u64, "file"))
            });
            left.push(format!("{} ({why})", one.path));
        }
    }
    let mut files: Vec<String> = files.into_iter().collect();
    if !packed {
        files.extend(patterns.iter().cloned());
    }
    Ok(Travelling { files, packed, left })
}

/// The files below some paths as one compressed tar file.
pub async fn pack(
    asker: &Asker,
    place: &SuiteLocation,
    paths: &[String],
) -> Result<Arc<[u8]>, GatherError> {
    let plan_directory = PlanDirectory::new(&place.root);
    let mut all = BTreeSet::new();
    for path in paths {
        let listing =
            plan_directory.survey(path, &IGNORED).map_err(|error| GatherError::usage(error.0))?;
        if let Some(refused) = listing.refused.first() {
            return Err(GatherError::usage(format!("{refused}, and cannot be sent")));
        }
        all.extend(listing.files);
    }
    let failed = |what: &str| GatherError::new(format!("cannot pack {} files: {what}", all.len()));
    let (list, out) = (asker.scratch.path().join("pack.json"), asker.scratch.path().join("tar"));
    let question = json!({ "root": place.root, "out": out, "files": all });
    std::fs::write(&list, question.to_string()).map_err(|error| failed(&error.to_string()))?;
    let ended = asker.ask(ARCHIVE, &list.display().to_string(), &place.root).await?;
    if ended.exit.code != Some(0) {
        return Err(failed(&quoted(&ended.stderr.text).join("\n")));
    }
    let bytes = read_capped(&out).map_err(|error| failed(&error))?;
    if bytes.len() > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES >> 20;
        return Err(failed(&format!("they are larger than {most} MiB"))
            .hint("choose a part of the suite; put large data on the workers"));
    }
    Ok(bytes.into())
}

/// Entries that pytest read or imported, without those inside other entries.
fn needed(place: &SuiteLocation, collected: &Collected) -> Result<BTreeSet<String>, GatherError> {
    let mut entries = BTreeSet::new();
    entries.extend(place.settings.as_deref().map(|file| relative(&place.root, file)).transpose()?);
    let mut args = Vec::new();
    for arg in &collected.args {
        let arg = relative(&place.root, Path::new(arg))?;
        if arg != "." {
            entries.insert(arg.clone());
        }
        args.push(arg);
    }
    let whole = args.iter().any(|arg| arg == ".");
    for file in collected.items.iter().filter_map(|item| item.file.as_deref()) {
        if whole {
            entries.insert(first(file).to_owned());
        }
    }
    for one in &collected.imported {
        if one.conftest {
            entries.insert(one.file.clone());
            continue;
        }
        // More of the place may be imported later; but a place around the tests is the project.
        let around = |arg: &String| arg == "." || is_below(arg, &one.place) || *arg == one.place;
        let path = if one.place.is_empty() || args.iter().any(around) {
            let inside = one.file.strip_prefix(&one.place).unwrap_or(&one.file);
            let name = first(inside.trim_start_matches('/'));
            if one.place.is_empty() { name.to_owned() } else { format!("{}/{name}", one.place) }
        } else {
            one.place.clone()
        };
        entries.insert(path);
    }
    entries.extend(collected.paths.iter().filter(|path| *path != ".").cloned());
    let all = entries.clone();
    entries.retain(|path| !all.iter().any(|other| is_below(path, other)));
    Ok(entries)
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Entries beside the tests: of each directory from the root down to them in a project, else of the
/// one around them, unless that holds more than a suite does.
/// Returns them with the directories that were left out, each with the reason.
fn beside(
    place: &SuiteLocation,
    collected: &Collected,
    needed: &BTreeSet<String>,
) -> (BTreeSet<String>, Vec<String>) {
    let project = place.settings.is_some() || place.root.join("setup.py").is_file();
    let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
    for arg in collected.args.iter().map(Path::new) {
        let above = if arg == place.root { arg } else { arg.parent().unwrap_or(arg) };
        let above = above.ancestors().take_while(|one| one.starts_with(&place.root));
        directories.extend(above.take(if project { usize::MAX } else { 1 }).map(Path::to_owned));
    }
    let (mut chosen, mut left) = (BTreeSet::new(), Vec::new());
    let named = |directory: &Path| {
        relative(&place.root, directory).unwrap_or_else(|_| directory.display().to_string())
    };
    for directory in directories {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                left.push(format!("{} ({error})", named(&directory)));
                continue;
            }
        };
        let names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        if !project && names.len() > MAX_UNKNOWN_ENTRIES {
            left.push(format!(
                "{} ({} entries, maximum {MAX_UNKNOWN_ENTRIES} without a settings file)",
                named(&directory),
                names.len()
            ));
            continue;
        }
        for name in names {
            let full = directory.join(&name);
            let Ok(path) = relative(&place.root, &full) else { continue };
            let own = name.starts_with('.')
                || name.starts_with(BESIDE)
                || IGNORED.contains(&name.as_str());
            let partly =
                |other: &String| *other == path || is_below(other, &path) || is_below(&path, other);
            let odd = normalise(&path).is_err() || path.contains(['*', '?', '[']);
            if !own && !odd && !full.join("pyvenv.cfg").exists() && !needed.iter().any(partly) {
                chosen.insert(path);
            }
        }
    }
    (chosen, left)
}

/// Measures a path; empty if it has no file that can be sent.
fn measure(plan_directory: &PlanDirectory, place: &SuiteLocation, path: &str) -> Candidate {
    let mut one =
        Candidate { path: path.to_owned(), obstacle: None, files: 0, bytes: 0, listed: 0 };
    let obstacle = |obstacle: String| Candidate {
        obstacle: Some(obstacle),
        path: path.to_owned(),
        files: 1,
        bytes: 0,
        listed: usize::MAX / 1024,
    };
    // An entry that cannot be sent completely, or is too large to be listed, is reported as not sent.
    let all = match plan_directory.survey(path, &IGNORED) {
        Err(error) => return obstacle(error.0),
        Ok(all) => all,
    };
    if let Some(refused) = all.refused.first() {
        return obstacle(refused.to_string());
    }
    for file in &all.files {
        let size = match std::fs::metadata(place.root.join(file)) {
            Ok(data) => data.len(),
            Err(error) => return obstacle(format!("{file}: {error}")),
        };
        one.files += 1;
        one.listed += file.len() + LISTED_BYTES;
        // One file that is too large for a plan would refuse all of it.
        let size = if size > MAX_FILE_BYTES as u64 { u64::MAX } else { size };
        one.bytes = one.bytes.saturating_add(size);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        for file in files {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
            std::fs::write(file, "x").expect("written");
        }
        (directory, root)
    }

    fn place(root: &Path, suite: &str, settings: Option<&str>) -> SuiteLocation {
        SuiteLocation {
            suite: root.join(suite),
            root: root.to_owned(),
            settings: settings.map(|file| root.join(file)),
            directory: root.to_owned(),
            args: Vec::new(),
        }
    }

    fn collected(root: &Path, arg: &str, imported: &[(&str, &str, bool)]) -> Collected {
        let item = |(file, _, conftest): &(&str, &str, bool)| {
            let item = json!({
                "id": file, "file": file, "together": [], "near": [], "markers": []
            });
            (!conftest && file.contains("test_")).then_some(item)
        };
        let items: Vec<_> = imported.iter().filter_map(item).collect();
        let imported: Vec<_> = imported
            .iter()
            .map(|(file, place, conftest)| json!({"file": file, "place": place, "conftest": conftest}))
            .collect();
        let arg = if arg == "." { root.to_owned() } else { root.join(arg) };
        serde_json::from_value(json!({
            "items": items, "errors": [], "args": [arg], "conftests_from": root,
            "imported": imported, "paths": [], "distributions": [], "python": "3.11",
            "outside": [], "options": [], "variables": [], "pytest_variables": {}
        }))
        .expect("what was collected")
    }

    #[test]
    fn what_was_imported_goes_with_its_place_and_what_lies_beside_goes_along() {
        let (_kept, root) = project(&[
            "pyproject.toml",
            "conftest.py",
            "data/golden.json",
            "src/mine/__init__.py",
            "tests/unit/test_x.py",
            "tests/helpers.py",
            "tests/conftest.py",
            ".secret/key",
            ".env",
            "venv/pyvenv.cfg",
            "dtf-plan/1.json",
        ]);
        let collected = collected(
            &root,
            "tests/unit",
            &[
                ("conftest.py", "", true),
                ("tests/conftest.py", "tests", true),
                ("tests/unit/test_x.py", "tests/unit", false),
                ("src/mine/__init__.py", "src", false),
            ],
        );
        let place = place(&root, "tests/unit", Some("pyproject.toml"));
        let needed = needed(&place, &collected).expect("paths");
        let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
        let expected = ["conftest.py", "pyproject.toml", "src", "tests/conftest.py", "tests/unit"];
        assert_eq!(needed, expected);
        let sent = files(&place, &collected, &["more/*.bin".to_owned()]).expect("paths");
        let expected = [
            "conftest.py",
            "data",
            "pyproject.toml",
            "src",
            "tests/conftest.py",
            "tests/helpers.py",
            "tests/unit",
            "more/*.bin",
        ];
        assert_eq!(sent.files, expected);
        assert!(sent.left.is_empty(), "{:?}", sent.left);
    }

    #[test]
    fn a_package_around_the_tests_goes_whole_and_the_root_in_parts() {
        let (_kept, root) =
            project(&["pkg/__init__.py", "pkg/core.py", "pkg/tests/test_x.py", "other.txt"]);
        let imported = [("pkg/tests/test_x.py", "", false), ("pkg/__init__.py", "", false)];
        let inside = place(&root, "pkg/tests", None);
        let needed_of = |arg: &str, place: &SuiteLocation| {
            let needed = needed(place, &collected(&root, arg, &imported)).expect("paths");
            needed.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(needed_of("pkg/tests", &inside), ["pkg"]);
        assert_eq!(needed_of(".", &place(&root, ".", None)), ["pkg"]);
        // A place that contains the tests is not a library.
        let wide = collected(&root, "pkg/tests", &[("pkg/core.py", "pkg", false)]);
        let needed = needed(&inside, &wide).expect("paths");
        assert!(needed.iter().eq(["pkg/core.py", "pkg/tests"]), "{needed:?}");
        let outside = collected(&root, "/elsewhere", &imported);
        assert!(files(&inside, &outside, &[]).is_err());
    }

    #[test]
    fn what_is_too_large_to_go_along_is_named() {
        let many: Vec<String> = (0..600).map(|at| format!("docs/{at}.txt")).collect();
        let mut all: Vec<&str> = many.iter().map(String::as_str).collect();
        all.extend(["setup.py", "tests/test_x.py", "data/a"]);
        let (_kept, root) = project(&all);
        let place = place(&root, "tests", None);
        let collected = collected(&root, "tests", &[("tests/test_x.py", "tests", false)]);
        let sent = files(&place, &collected, &[]).expect("paths");
        assert_eq!(sent.files, ["data", "setup.py", "tests"]);
        assert_eq!(sent.left, ["docs (600 files, 1 MiB)"]);
        let named = files(&place, &collected, &["docs".to_owned()]).expect("paths");
        assert_eq!((named.files.last().map(String::as_str), named.left.len()), (Some("docs"), 0));
        // Not a project: only what is around the tests, and nothing of a crowded directory.
        std::fs::remove_file(root.join("setup.py")).expect("removed");
        for at in 0..MAX_UNKNOWN_ENTRIES {
            std::fs::write(root.join(format!("{at}.txt")), "x").expect("written");
        }
        assert_eq!(files(&place, &collected, &[]).expect("paths").files, ["tests"]);
    }
}
