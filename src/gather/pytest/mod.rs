//! `dtf generate --from-pytest`: asks the suite's pytest for the items that it collects, and gathers
//! the files and packages that they need on other machines.
//!
//! Promises: pytest decides about root directory, settings file, `testpaths`, `conftest.py` and
//! items, in the directory where a person would start it; what the suite imported from here is
//! what its shards import, or this fails. Limits: beside the parts.

mod ask;
mod packages;
mod place;
mod times;
mod travel;

use crate::gather::GatherError;
use crate::gather::Notices;
use crate::plan::pytest::suite::{Collected, Item, Start, Suite};
use crate::results::render::figures::counted;
use ask::Asker;
use place::{SuiteLocation, locate, relative};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum number of paths or variables in a note.
const NAMED: usize = 20;

/// The suite to collect, and the options for it.
#[derive(Debug)]
pub struct SuiteOptions {
    /// A directory or file of the suite.
    pub path: PathBuf,
    /// The interpreter of the suite; the one in `PATH` by default.
    pub python: Option<PathBuf>,
    /// Maximum expected time of one shard.
    pub shard_time: Option<Duration>,
    /// A file with measured times of the tests.
    pub durations: Option<PathBuf>,
    /// Patterns of additional files, relative to the root directory.
    pub files: Vec<String>,
    /// Environment variables for the collection and for the tests.
    pub env: Vec<(String, String)>,
    pub pytest_options: Vec<String>,
}

/// A collected suite on disk.
pub struct CollectedSuite {
    pub suite: Suite,
    pub items: Vec<Item>,
    /// pytest's root directory, and that of the plan.
    pub base: PathBuf,
}

/// Collects the suite below a directory.
pub async fn collect(
    notices: &dyn Notices,
    options: &SuiteOptions,
) -> Result<CollectedSuite, GatherError> {
    let named = &options.path;
    notices.step(&format!("collecting the tests of {}", named.display()));
    let asker = Asker::new(options.python.as_deref(), &options.env, &options.pytest_options)?;
    let place = locate(&asker, named).await?;
    let (collected, cwd_on_path) = listed(notices, &asker, &place).await?;
    notices.done();
    let items = collected.items.clone();
    if items.is_empty() {
        let message = format!("pytest found no tests in {}", place.suite.display());
        return Err(GatherError::no_test(message));
    }
    let seconds = times::known(options.durations.as_deref(), &place.root, &items)?;
    let known = items.iter().filter(|item| seconds.contains_key(&item.id)).count();
    notices.note(&format!(
        "{}, {known} of them with a measured time",
        counted(items.len() as u64, "item")
    ));
    let travelling = travel::files(&place, &collected, &options.files)?;
    report(notices, options, &place, &collected, &travelling);
    let archive = if travelling.packed {
        let all = &travelling.files;
        let archive = travel::pack(&asker, &place, all).await?;
        notices.note("the files are packed in their current state: generate again after changes");
        Some(archive)
    } else {
        None
    };
    let needed = packages::needed(notices, &asker, &place, &collected).await?;
    let mut env = collected.pytest_variables.clone();
    env.extend(options.env.iter().cloned());
    let start = Start {
        args: relative_all(&place.root, &collected.args)?,
        options: options.pytest_options.clone(),
        settings: place.settings.as_deref().map(|file| relative(&place.root, file)).transpose()?,
        conftests_from: conftests_from(&place, &collected),
        directory: relative(&place.root, &place.directory)?,
        cwd_on_path,
        paths: collected.paths.clone(),
    };
    let name = place.suite.file_name().and_then(|name| name.to_str()).unwrap_or("pytest");
    let suite = Suite {
        name: name.to_owned(),
        files: if travelling.packed { options.files.clone() } else { travelling.files },
        archive,
        start,
        packages: needed.requirements,
        python: Some(format!("=={}.*", collected.python)),
        env,
        wheels: needed.wheels,
        shard_seconds: options.shard_time.map(|time| time.as_secs_f64()),
        seconds,
    };
    Ok(CollectedSuite { suite, items, base: place.root })
}

/// Lists the items, with the working directory among the places for modules, as
/// `python -m pytest` does, or without it, as `pytest` does, where only that works.
async fn listed(
    notices: &dyn Notices,
    asker: &Asker,
    place: &SuiteLocation,
) -> Result<(Collected, bool), GatherError> {
    let first = asker.list(&place.directory, &place.root, &place.args, true).await;
    let failed = match first {
        Ok(collected) if collected.errors.is_empty() => return Ok((collected, true)),
        Ok(collected) => GatherError::new(broken(&collected)),
        Err(failure) => failure,
    };
    match asker.list(&place.directory, &place.root, &place.args, false).await {
        Ok(collected) if collected.errors.is_empty() && !collected.items.is_empty() => {
            notices.note(&format!(
                "collected like `pytest`; like `python -m pytest`, which adds {} to the module \
                 search path, the collection fails",
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
    let mut lines = vec![format!(
        "pytest cannot collect the whole suite ({}):",
        counted(count as u64, "error")
    )];
    for error in collected.errors.iter().take(5) {
        lines.push(format!("{}:", error.id));
        lines.extend(ask::quoted(&error.text).iter().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

/// Reports which files are sent with the tests and which are not.
fn report(
    notices: &dyn Notices,
    options: &SuiteOptions,
    place: &SuiteLocation,
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
    notices.note(&format!("root directory of pytest: {}", place.root.display()));
    notices.note(&format!("sent with the tests: {}", list(&travelling.files)));
    if !travelling.left.is_empty() {
        notices.warning(&format!(
            "not sent with the tests: {}; to send them, use --files {}",
            list(&travelling.left),
            travelling
                .left
                .first()
                .map_or("PATTERN", |left| left.split(' ').next().unwrap_or(left))
        ));
    }
    if !collected.options.is_empty() {
        notices.note(&format!(
            "shards run without {}: each runs all of its items once, in one process",
            list(&collected.options)
        ));
    }
    let is_missing = |name: &&String| options.env.iter().all(|(given, _)| given != *name);
    let unknown: Vec<String> = collected.variables.iter().filter(is_missing).cloned().collect();
    if !unknown.is_empty() {
        notices.warning(&format!(
            "the suite reads variables that workers may not have: {}; to send one, use --env {}=VALUE",
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
        notices.warning(&format!(
            "imported from outside the root directory and not sent: {}; install them into the \
             interpreter of the suite",
            list(&lost)
        ));
    }
}

fn conftests_from(place: &SuiteLocation, collected: &Collected) -> String {
    let from = collected.conftests_from.as_deref().map(Path::new);
    // Above the root nothing can be sent.
    from.and_then(|from| relative(&place.root, from).ok()).unwrap_or_else(|| ".".to_owned())
}

fn relative_all(root: &Path, paths: &[String]) -> Result<Vec<String>, GatherError> {
    paths.iter().map(|path| relative(root, Path::new(path))).collect()
}
