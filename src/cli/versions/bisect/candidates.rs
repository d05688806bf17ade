//! The candidates of a search: versions of a package, or commits of its repository.

use crate::cli::args::shared::Global;
use crate::cli::connect::settings;
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::versions::bisect::args::BisectArgs;
use crate::cli::worker::machine;
use crate::config::Resolver;
use crate::gather::commits::{Repository, short};
use crate::plan::packages::Pin;
use crate::results::render::figures::counted;
use crate::worker::environments::torch::TorchBuild;
use crate::worker::environments::{BuildSettings, Environments, NoProgress};
use crate::worker::variables::InheritedVariables;
use pep440_rs::Version;
use std::sync::Arc;

/// A version or commit, with the pin that selects it.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub name: String,
    pub pin: Pin,
}

/// The candidates from the good to the bad end, and the repository that they need.
pub struct Candidates {
    pub list: Vec<Candidate>,
    /// Holds the copy of a repository while its commits are installed.
    _repository: Option<Repository>,
}

/// Lists the candidates.
///
/// # Errors
/// An end is not a version or commit, or the list cannot be read.
pub async fn list(
    console: Console,
    global: &Global,
    args: &BisectArgs,
) -> Result<Candidates, CliError> {
    match &args.commits {
        Some(repository) => of_commits(repository, args).await,
        None => of_versions(console, global, args).await,
    }
}

async fn of_commits(place: &str, args: &BisectArgs) -> Result<Candidates, CliError> {
    if args.place.coordinator.is_some() && !place.contains("://") {
        let message = format!("workers of a coordinator cannot install from the directory {place}");
        return Err(CliError::usage(message).hint("name the address of the repository"));
    }
    pin(&args.package, "0")?;
    let repository = Repository::open(place).await?;
    let commits = repository.commits(&args.good, &args.bad).await?;
    let one = |commit: &String| Candidate {
        name: short(commit).to_owned(),
        pin: Pin::of_commit(&args.package, &repository.address, commit),
    };
    let list = commits.iter().map(one).collect();
    Ok(Candidates { list, _repository: Some(repository) })
}

async fn of_versions(
    console: Console,
    global: &Global,
    args: &BisectArgs,
) -> Result<Candidates, CliError> {
    let (good, bad) = (version(&args.good, "--good")?, version(&args.bad, "--bad")?);
    if good >= bad {
        let message = format!("the good version {good} is not older than the bad version {bad}");
        return Err(CliError::usage(message).hint("dtf bisect finds what broke, not what fixed it"));
    }
    pin(&args.package, &args.good)?;
    let names = if args.versions.is_empty() {
        of_index(console, global, args).await?
    } else {
        given(args, &good, &bad)?
    };
    let one = |name: String| pin(&args.package, &name).map(|pin| Candidate { name, pin });
    let list = names.into_iter().map(one).collect::<Result<_, _>>()?;
    Ok(Candidates { list, _repository: None })
}

fn version(text: &str, flag: &str) -> Result<Version, CliError> {
    text.parse().map_err(|_| {
        CliError::usage(format!("{flag}: {text:?} is not a version"))
            .hint("for commits, name the repository with --commits")
    })
}

fn pin(package: &str, version: &str) -> Result<Pin, CliError> {
    Pin::parse(&format!("{package}=={version}")).map_err(|error| CliError::usage(error.message))
}

/// The versions of `--versions` between the ends, with the ends, in the order of versions.
fn given(args: &BisectArgs, good: &Version, bad: &Version) -> Result<Vec<String>, CliError> {
    let mut all = vec![(good.clone(), args.good.clone()), (bad.clone(), args.bad.clone())];
    for text in &args.versions {
        let version = version(text, "--versions")?;
        if version > *good && version < *bad {
            all.push((version, text.clone()));
        }
    }
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    Ok(all.into_iter().map(|(_, text)| text).collect())
}

/// The versions between the ends that the package index has for the Python of this machine.
async fn of_index(
    console: Console,
    global: &Global,
    args: &BisectArgs,
) -> Result<Vec<String>, CliError> {
    let file = settings(global)?;
    let machine = machine::resolve(&args.place.local.machine, &mut Resolver::new(&file));
    let cwd = std::env::current_dir()
        .map_err(|error| CliError::new(format!("cannot read the current directory: {error}")))?;
    let settings = BuildSettings {
        directory: machine.environments_dir,
        cwd,
        python: machine.python,
        system_packages: false,
        // Nothing is installed.
        torch_build: TorchBuild::Given("cpu".to_owned()),
        offline: machine.offline,
        marker: format!("bisect-{}/", crate::sys::ids::new_id().simple()),
    };
    let inherited = InheritedVariables::from_process(&[]);
    let environments = Environments::new(settings, inherited, Arc::new(NoProgress));
    let progress = Progress::new(console);
    let note = |count: usize| {
        progress.show(&format!("{} of {} found", counted(count as u64, "version"), args.package));
    };
    let ends = (&*args.good, &*args.bad);
    let versions = environments.versions(&args.package, ends, args.pre, &note).await;
    versions.map_err(|error| {
        CliError::new(error.to_string())
            .hint("--versions names the versions to search, without asking the package index")
    })
}
