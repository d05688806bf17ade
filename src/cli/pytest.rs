//! `dtf generate --from-pytest DIR`: has pytest list the items of a suite, and looks for
//! what they took before.
//!
//! Limits: [`PATIENCE`] for collecting, [`MAX_LIST_BYTES`] of list and of durations.

use super::args::{PytestArgs, span};
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::progress::Progress;
use crate::plan::pytest::{self, Collected, Item, Suite};
use crate::sys::fs::read_text;
use crate::worker::junit;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// The plug-in that writes the list.
const PLUG_IN: &str = include_str!("pytest_collect.py");
const PLUG_IN_NAME: &str = "dtf_pytest_collect";
/// Collecting imports the suite, and torch with it.
const PATIENCE: Duration = Duration::from_mins(10);
/// Largest list of items, and largest file of durations.
const MAX_LIST_BYTES: u64 = 256 << 20;
/// Where pytest-split keeps what tests took, below the folder that pytest runs in.
const DURATIONS: &str = ".test_durations";
/// Files that make a folder the one that pytest runs in.
const ROOTS: [&str; 5] = ["pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py"];
/// What pytest says when there is nothing to run.
const NOTHING_COLLECTED: i32 = 5;
/// Lines of pytest's output that are told when it fails.
const TOLD_LINES: usize = 20;
const SHARD: &str = "1m";

/// A suite on disk.
pub struct Found {
    pub suite: Suite,
    pub items: Vec<Item>,
    /// The folder that pytest runs in, and that of the plan.
    pub base: PathBuf,
}

/// Collects the suite below a folder.
pub async fn collect(
    console: Console,
    args: &PytestArgs,
    python: Option<&Path>,
) -> Result<Found, Failure> {
    let folder = args.from_pytest.as_deref().unwrap_or(Path::new("."));
    let (base, below) = place(folder)?;
    let progress = Progress::new(console);
    progress.say(&format!("collecting the tests of {}", folder.display()));
    let collected = listed(&base, &below, python.unwrap_or(Path::new("python3"))).await?;
    let Collected { items, packages: installed, files, paths } = collected;
    drop(progress);
    let seconds = durations(args.durations.as_deref(), &base, &items)?;
    let known = items.iter().filter(|item| seconds.contains_key(&item.id)).count();
    console.note(&format!("{} items, {known} of them with a measured time", items.len()));
    let named = if below == "." { base.as_path() } else { Path::new(&below) };
    let name = named.file_name().and_then(|name| name.to_str()).unwrap_or("pytest").to_owned();
    if !files.is_empty() {
        console.note(&format!("also sent with {below}: {}", files.join(" ")));
    }
    let packages = packages(console, &base, &below, installed)?;
    let shard = args.shard_time.map_or_else(|| span(SHARD).map_err(Failure::new), Ok)?;
    let shard_seconds = Duration::from(shard).as_secs_f64();
    let suite = Suite { name, folder: below, files, paths, packages, shard_seconds, seconds };
    Ok(Found { suite, items, base })
}

/// The folder that pytest runs in, and the suite below it: a project's own folder, or the
/// folder around a mere folder of tests.
fn place(folder: &Path) -> Result<(PathBuf, String), Failure> {
    let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", folder.display()));
    let full = folder.canonicalize().map_err(unreadable)?;
    if !full.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display())));
    }
    let project = ROOTS.iter().any(|root| full.join(root).is_file());
    match (full.parent(), full.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) if !project => Ok((parent.to_owned(), name.to_owned())),
        _ => Ok((full, ".".to_owned())),
    }
}

async fn listed(base: &Path, below: &str, python: &Path) -> Result<Collected, Failure> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| Failure::new(format!("cannot {what}: {error}"))
    };
    let place = tempfile::tempdir().map_err(failed("make a temporary directory"))?;
    let list = place.path().join("items.json");
    let plug_in = place.path().join(format!("{PLUG_IN_NAME}.py"));
    std::fs::write(plug_in, PLUG_IN).map_err(failed("write the plug-in"))?;
    let run = tokio::process::Command::new(python)
        .args(["-m", "pytest", "--collect-only", "-q", "--rootdir=.", "-p", "no:cacheprovider"])
        .args(["-p", PLUG_IN_NAME, below])
        .env("PYTHONPATH", search_path(place.path()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DTF_COLLECTED", &list)
        .current_dir(base)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let late = |_| Failure::new(format!("pytest did not list its items within {PATIENCE:?}"));
    let run = tokio::time::timeout(PATIENCE, run).await.map_err(late)?.map_err(|error| {
        Failure::new(format!("cannot start {}: {error}", python.display()))
            .hint("name the interpreter of the suite: --python .venv/bin/python")
    })?;
    let listed = match read_capped(&list) {
        Ok(text) if run.status.success() => {
            Some(pytest::parse(&text).map_err(|wrong| Failure::new(wrong.message))?)
        }
        _ => None,
    };
    if let Some(listed) = listed.filter(|listed| !listed.items.is_empty()) {
        return Ok(listed);
    }
    if run.status.success() || run.status.code() == Some(NOTHING_COLLECTED) {
        return Err(Failure {
            code: exit::NO_TEST,
            ..Failure::new(format!("pytest found no tests in {}", base.join(below).display()))
        });
    }
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    let message = format!("pytest cannot list all items:\n{}", told(&said).join("\n"));
    Err(Failure::new(message)
        .hint("the interpreter needs pytest and what the suite imports: --python .venv/bin/python"))
}

/// The lines that say what went wrong: each error that pytest marks with an `E`, and the end.
fn told(said: &str) -> Vec<&str> {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut told: Vec<&str> = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with("E  ")) {
        if told.len() < TOLD_LINES && !told.contains(line) {
            told.push(line);
        }
    }
    let last = lines.len().saturating_sub(TOLD_LINES - told.len());
    let end: Vec<&str> =
        lines[last..].iter().copied().filter(|line| !told.contains(line)).collect();
    told.extend(end);
    told
}

#[expect(clippy::disallowed_methods, reason = "where this person's interpreter looks, no setting")]
fn search_path(first: &Path) -> std::ffi::OsString {
    let mut places = vec![first.to_owned()];
    if let Some(usual) = std::env::var_os("PYTHONPATH") {
        places.extend(std::env::split_paths(&usual));
    }
    std::env::join_paths(places).unwrap_or_else(|_| first.into())
}

fn read_capped(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_LIST_BYTES {
        return Err(format!("it has {size} bytes, at most {MAX_LIST_BYTES} are read"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// Seconds by item: from a JUnit file (.xml), or from what pytest-split keeps.
fn durations(
    named: Option<&Path>,
    base: &Path,
    items: &[Item],
) -> Result<HashMap<String, f64>, Failure> {
    let kept = base.join(DURATIONS);
    let Some(path) = named.or_else(|| kept.is_file().then_some(kept.as_path())) else {
        return Ok(HashMap::new());
    };
    let wrong = |reason: String| {
        Failure::usage(format!("cannot read durations from {}: {reason}", path.display()))
            .hint("a JUnit file (.xml), or the .test_durations of pytest-split")
    };
    let text = read_capped(path).map_err(wrong)?;
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("xml")) {
        return serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()));
    }
    let cases = junit::times(&text).map_err(wrong)?;
    let by_case: HashMap<(String, String), f64> =
        cases.into_iter().map(|case| ((case.class, case.name), case.seconds)).collect();
    let known = |item: &Item| Some((item.id.clone(), *by_case.get(&case_of(&item.id))?));
    Ok(items.iter().filter_map(known).collect())
}

/// How pytest writes an item into a JUnit file: `tests/test_x.py::TestIt::test_that[1]` is
/// the case `test_that[1]` of the class `tests.test_x.TestIt`.
fn case_of(id: &str) -> (String, String) {
    // What stands in brackets may hold anything, `::` too.
    let (plain, parameters) = id.split_at(id.find('[').unwrap_or(id.len()));
    let mut parts: Vec<&str> = plain.split("::").collect();
    let name = parts.pop().unwrap_or_default();
    let file = parts.first().copied().unwrap_or_default();
    let module = file.strip_suffix(".py").unwrap_or(file).replace('/', ".");
    let classes = parts.iter().skip(1).map(|class| format!(".{class}"));
    (classes.fold(module, |all, class| all + &class), format!("{name}{parameters}"))
}

/// What the suite needs: the lines of its requirements.txt that name packages, else what it
/// imports as installed here; and pytest.
fn packages(
    console: Console,
    base: &Path,
    below: &str,
    installed: Vec<String>,
) -> Result<Vec<String>, Failure> {
    let places = [base.join(below).join("requirements.txt"), base.join("requirements.txt")];
    let mut packages = if let Some(file) = places.iter().find(|file| file.is_file()) {
        named_in(console, file)?
    } else {
        console.note(&format!("packages, as installed here: {}", installed.join(" ")));
        installed
    };
    let named = |package: &String| {
        let end = package.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        package[..end.unwrap_or(package.len())].eq_ignore_ascii_case("pytest")
    };
    if !packages.iter().any(named) {
        packages.push("pytest".to_owned());
    }
    Ok(packages)
}

/// The lines of a requirements.txt that name packages.
fn named_in(console: Console, file: &Path) -> Result<Vec<String>, Failure> {
    let text = read_text(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let mut packages = Vec::new();
    for line in text.lines().map(|line| line.split(" #").next().unwrap_or("").trim()) {
        if line.starts_with('-') {
            console.warning(&format!("{}: {line} is left out", file.display()));
        } else if !line.is_empty() && !line.starts_with('#') {
            packages.push(line.to_owned());
        }
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_again_in_a_junit_file() {
        let pair = |class: &str, name: &str| (class.to_owned(), name.to_owned());
        assert_eq!(case_of("tests/test_x.py::test_a"), pair("tests.test_x", "test_a"));
        assert_eq!(
            case_of("tests/deep/test_x.py::TestIt::test_that[a::b/c]"),
            pair("tests.deep.test_x.TestIt", "test_that[a::b/c]")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_pytest_says_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let python = directory.path().join("python");
        // In the place of an interpreter; the plug-in itself is tested with a real one.
        let with = async |script: &str| {
            std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).expect("written");
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&python, executable).expect("executable");
            listed(directory.path(), "tests", &python).await
        };
        let one = r#"{"items": [{"id": "tests/t.py::a", "markers": []}], "packages": ["x==1"],
            "files": [], "paths": []}"#;
        let script = format!("test -d \"$PYTHONPATH\" && echo '{one}' > \"$DTF_COLLECTED\"");
        let found = with(&script).await.expect("items");
        assert_eq!(found.items[0].id, "tests/t.py::a");
        assert_eq!(found.packages, ["x==1"]);
        let script = format!("echo '{one}' > \"$DTF_COLLECTED\"; echo no module x; exit 2");
        let broken = with(&script).await.expect_err("incomplete");
        assert!(broken.message.ends_with("no module x"), "{}", broken.message);
        let nothing = with("exit 5").await.expect_err("nothing");
        assert_eq!(nothing.code, exit::NO_TEST);
        let failed = with("echo No module named pytest >&2; exit 1").await.expect_err("refused");
        assert!(failed.message.contains("No module named pytest"), "{}", failed.message);
        let odd = with("echo '{\"items\": 1}' > \"$DTF_COLLECTED\"").await.expect_err("no list");
        assert!(odd.message.contains("cannot be read"), "{}", odd.message);
    }

    #[test]
    fn errors_are_told_before_the_end_that_may_not_name_them() {
        let long = "E   ModuleNotFoundError: No module named 'x'\nmore\n".repeat(40) + "2 errors\n";
        let lines = told(&long);
        assert_eq!(lines[0], "E   ModuleNotFoundError: No module named 'x'");
        assert_eq!(lines.last(), Some(&"2 errors"));
        assert!(lines.len() <= TOLD_LINES);
    }

    #[test]
    fn a_project_is_its_own_place_and_a_folder_of_tests_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        std::fs::create_dir(root.join("tests")).expect("a folder");
        let found = place(&root.join("tests")).ok();
        assert_eq!(found, Some((root.clone(), "tests".to_owned())));
        std::fs::write(root.join("pyproject.toml"), "").expect("written");
        assert_eq!(place(&root).ok(), Some((root, ".".to_owned())));
    }
}
