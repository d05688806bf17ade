//! `dtf generate --from-pytest DIR`: asks the suite's own pytest what it collects, and gathers
//! what that needs on other machines.
//!
//! Promises: pytest decides about root directory, settings file, `testpaths`, `conftest.py` and
//! items, in the directory where a person would start it; what the suite imported from here is
//! what its shards import, or this fails. Limits: beside the parts.

mod ask;
mod packages;
mod times;
mod travel;

use super::args::PytestArgs;
use super::console::Console;
use super::exit;
use super::failure::Failure;
use super::progress::Progress;
use crate::plan::pytest::{Collected, Item, Start, Suite};
use ask::{Asker, Root};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Paths and variables of which a note names at most so many.
const NAMED: usize = 20;

/// A suite on disk.
pub struct Found {
    pub suite: Suite,
    pub items: Vec<Item>,
    /// pytest's root directory, and that of the plan.
    pub base: PathBuf,
}

/// Where the suite is, and how pytest is started for it. All paths are absolute.
struct Place {
    suite: PathBuf,
    root: PathBuf,
    settings: Option<PathBuf>,
    /// Where pytest is started: in the root or below it.
    directory: PathBuf,
    /// What it is given beside options; nothing where it finds the tests itself.
    args: Vec<String>,
}

/// Collects the suite below a directory.
pub async fn collect(
    console: Console,
    args: &PytestArgs,
    python: Option<&Path>,
) -> Result<Found, Failure> {
    let named = args.from_pytest.as_deref().unwrap_or(Path::new("."));
    let progress = Progress::new(console);
    progress.say(&format!("collecting the tests of {}", named.display()));
    let asker = Asker::new(python, &args.env, &args.pytest_options)?;
    let place = place(&asker, named).await?;
    let (collected, cwd_on_path) = listed(console, &asker, &place).await?;
    drop(progress);
    let items = collected.items.clone();
    if items.is_empty() {
        return Err(Failure {
            code: exit::NO_TEST,
            ..Failure::new(format!("pytest found no tests in {}", place.suite.display()))
        });
    }
    let seconds = times::known(args.durations.as_deref(), &place.root, &items)?;
    let known = items.iter().filter(|item| seconds.contains_key(&item.id)).count();
    console.note(&format!("{} items, {known} of them with a measured time", items.len()));
    let travelling = travel::files(&place, &collected, &args.files)?;
    tell(console, args, &place, &collected, &travelling);
    let archive = if travelling.packed {
        let all = &travelling.files;
        let archive = travel::pack(&asker, &place, all).await?;
        console.note("the files are packed as they are now: generate again when they change");
        Some(archive)
    } else {
        None
    };
    let needed = packages::needed(console, &asker, &place, &collected).await?;
    let mut env = collected.pytest_variables.clone();
    env.extend(args.env.iter().cloned());
    let start = Start {
        args: relative_all(&place.root, &collected.args)?,
        options: args.pytest_options.clone(),
        settings: place.settings.as_deref().map(|file| relative(&place.root, file)).transpose()?,
        conftests_from: conftests_from(&place, &collected),
        directory: relative(&place.root, &place.directory)?,
        cwd_on_path,
        paths: collected.paths.clone(),
    };
    let name = place.suite.file_name().and_then(|name| name.to_str()).unwrap_or("pytest");
    let suite = Suite {
        name: name.to_owned(),
        files: if travelling.packed { args.files.clone() } else { travelling.files },
        archive,
        start,
        packages: needed.requirements,
        python: Some(format!("=={}.*", collected.python)),
        env,
        wheels: needed.wheels,
        shard_seconds: args.shard_time.map(|span| Duration::from(span).as_secs_f64()),
        seconds,
    };
    Ok(Found { suite, items, base: place.root })
}

/// Asks pytest for its root directory, and decides where it is started: where the person is,
/// when that is within the root, else in the root.
async fn place(asker: &Asker, named: &Path) -> Result<Place, Failure> {
    let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", named.display()));
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
        return Err(Failure::usage(message).hint("only files below the root can be sent"));
    }
    Ok(Place { suite, root, settings, directory, args })
}

/// Where a person would start pytest: where they are, when the suite is below that. Else beside
/// the suite, or beside the package that it is in.
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

/// Lists the items, with the working directory among the places for modules, as
/// `python -m pytest` does, or without it, as `pytest` does, where only that works.
async fn listed(
    console: Console,
    asker: &Asker,
    place: &Place,
) -> Result<(Collected, bool), Failure> {
    let first = asker.list(&place.directory, &place.root, &place.args, true).await;
    let failed = match first {
        Ok(collected) if collected.errors.is_empty() => return Ok((collected, true)),
        Ok(collected) => Failure::new(broken(&collected)),
        Err(failure) => failure,
    };
    match asker.list(&place.directory, &place.root, &place.args, false).await {
        Ok(collected) if collected.errors.is_empty() && !collected.items.is_empty() => {
            console.note(&format!(
                "collected as by `pytest`: as by `python -m pytest`, with {} among the places \
                 for modules, it fails",
                place.directory.display()
            ));
            Ok((collected, false))
        }
        _ => Err(failed.hint(
            "the interpreter needs pytest and what the suite imports: --python .venv/bin/python",
        )),
    }
}

fn broken(collected: &Collected) -> String {
    let count = collected.errors.len();
    let mut lines = vec![format!("pytest cannot collect all of the suite ({count} errors):")];
    for error in collected.errors.iter().take(5) {
        lines.push(format!("{}:", error.id));
        lines.extend(ask::told(&error.text).iter().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

/// Tells what goes along and what does not.
fn tell(
    console: Console,
    args: &PytestArgs,
    place: &Place,
    collected: &Collected,
    travelling: &travel::Travelling,
) {
    let list = |all: &[String]| {
        let mut text = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(" ");
        if all.len() > NAMED {
            text.push_str(&format!(" and {} more", all.len() - NAMED));
        }
        text
    };
    console.note(&format!("root directory of pytest: {}", place.root.display()));
    console.note(&format!("sent with the tests: {}", list(&travelling.files)));
    if !travelling.left.is_empty() {
        console.warning(&format!(
            "not sent with the tests: {}; if they need it: --files {}",
            list(&travelling.left),
            travelling
                .left
                .first()
                .map_or("PATTERN", |left| left.split(' ').next().unwrap_or(left))
        ));
    }
    if !collected.options.is_empty() {
        console.note(&format!(
            "shards run without {}: each runs all of its items once, in one process",
            list(&collected.options)
        ));
    }
    let told = |name: &&String| args.env.iter().all(|(given, _)| given != *name);
    let unknown: Vec<String> = collected.variables.iter().filter(told).cloned().collect();
    if !unknown.is_empty() {
        console.warning(&format!(
            "the suite reads variables that workers may not have: {}; to send one: --env {}=VALUE",
            list(&unknown),
            unknown[0]
        ));
    }
    let packed: Vec<&Path> = collected
        .distributions
        .iter()
        .filter_map(|one| one.from.as_deref().map(Path::new))
        .collect();
    let lost =
        |file: &&String| !packed.iter().any(|place| Path::new(file.as_str()).starts_with(place));
    let lost: Vec<String> = collected.outside.iter().filter(lost).cloned().collect();
    if !lost.is_empty() {
        console.warning(&format!(
            "imported from outside of the root directory and not sent: {}; install it into the \
             suite's interpreter",
            list(&lost)
        ));
    }
}

fn conftests_from(place: &Place, collected: &Collected) -> String {
    let from = collected.conftests_from.as_deref().map(Path::new);
    // Above the root nothing can be sent.
    from.and_then(|from| relative(&place.root, from).ok()).unwrap_or_else(|| ".".to_owned())
}

fn relative_all(root: &Path, paths: &[String]) -> Result<Vec<String>, Failure> {
    paths.iter().map(|path| relative(root, Path::new(path))).collect()
}

/// A path below the root as a plan writes it; `.`: the root itself.
fn relative(root: &Path, path: &Path) -> Result<String, Failure> {
    let inside = path.strip_prefix(root).map_err(|_| {
        let message = format!("{} is outside of {}", path.display(), root.display());
        Failure::usage(message).hint("only what is below pytest's root directory can be sent")
    })?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    let parts =
        parts.ok_or_else(|| Failure::usage(format!("{} is not a Unicode name", path.display())))?;
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
