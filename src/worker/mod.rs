//! The agent on a machine that runs tests.
//!
//! [`run`] opens the work directory, registers over a [`link::Link`], and lives until it is
//! stopped or has nothing more to do. `machine` decides, `session` talks, `attempt` runs.

use crate::domain::accelerator::Backend;
use crate::domain::capability::Capability;
use crate::domain::id::WorkerId;
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::sys::limits::raise_open_files;
use crate::sys::process::{Labels, MARKER, adopt_orphans};
use crate::sys::shutdown::Shutdown;
use crate::worker::attempt::Workshop;
use crate::worker::directories::Directories;
use crate::worker::environments::{Environments, Progress, Recipe};
use crate::worker::link::Link;
use crate::worker::session::Session;
use crate::worker::site::{Site, SiteError};
use crate::worker::spool::Spool;
use crate::worker::surroundings::{Inherited, set};
use crate::worker::warm::WarmPool;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod artifacts;
pub mod attempt;
pub mod capture;
pub mod cases;
mod directories;
mod dispute;
pub mod environments;
pub mod files;
pub mod junit;
pub mod last_words;
pub mod link;
pub mod machine;
pub mod process;
pub mod protocol;
mod remote;
mod requests;
mod session;
pub mod site;
pub mod spool;
pub mod supervise;
pub mod surroundings;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod warm;

/// How a worker is set up. The capability decides slots, tags and devices.
#[derive(Clone)]
pub struct Settings {
    pub name: String,
    pub capability: Capability,
    pub work_dir: PathBuf,
    /// Where environments are kept instead of in the work directory; may be shared.
    pub environments_dir: Option<PathBuf>,
    /// Leaves when it has worked and there is nothing more to do.
    pub ephemeral: bool,
    /// Leaves after so long without a lease.
    pub idle_timeout: Option<Millis>,
    /// Answers every lease with `passed` at once: measures everything but the tests.
    pub null_runner: bool,
    /// Environments are built from caches only.
    pub offline: bool,
    /// Interpreter to use instead of the one in `PATH`.
    pub python: Option<PathBuf>,
    /// Tests use the packages of that interpreter; nothing is built.
    pub system_packages: bool,
    /// Torch build to install (`cpu`, `auto`, `cu128`, …) instead of what suits the devices.
    pub torch_backend: Option<String>,
    /// Further environment variables that tests may see.
    pub pass_env: Vec<String>,
    /// Hears about environments that are built.
    pub progress: Arc<dyn Progress>,
}

/// What a worker did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub worker: Option<WorkerId>,
    /// Attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Results that came too late.
    pub conflicts: u64,
    /// Results left in the spool; they are sent when the worker starts again.
    pub unsent: u64,
}

impl Summary {
    fn count(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error("cannot use the spool of results: {0}")]
    Spool(#[source] io::Error),
    #[error("the coordinator does not accept this worker's token: {0}")]
    Unauthorized(String),
    #[error("the coordinator refused this worker: {0}")]
    Refused(String),
    #[error("{0}")]
    Taken(String),
    #[error("{0}")]
    Misaddressed(String),
    #[error("no coordinator answered for {} s", .0.as_secs())]
    NoCoordinator(Duration),
}

/// Runs a worker until it leaves: by a stop, a drain, idleness, or as ephemeral.
///
/// # Errors
/// The work directory is unusable or in use, or the coordinator will not have this worker.
pub async fn run<L: Link>(
    settings: Settings,
    link: Arc<L>,
    shutdown: Shutdown,
) -> Result<Summary, WorkerError> {
    adopt_orphans();
    // Each attempt needs some.
    raise_open_files();
    let site = Site::open(&settings.work_dir)?;
    let (spool, left) = Spool::open(&site.spool()).map_err(WorkerError::Spool)?;
    if !left.is_empty() {
        tracing::info!(count = left.len(), "results of an earlier worker wait to be sent");
    }
    let inherited = Inherited::from_process(&settings.pass_env);
    let environments_dir = settings.environments_dir.clone().unwrap_or_else(|| site.envs());
    // Programs are started from other directories, so the path must not be relative. It is made
    // when the first environment is built: tests that need none run without it.
    let directory = std::path::absolute(&environments_dir)
        .map_err(|error| SiteError::Unusable { path: environments_dir, error })?;
    let recipe = Recipe {
        directory,
        cwd: site.envs(),
        python: settings.python.clone(),
        system_packages: settings.system_packages,
        torch_backend: torch_backend(&settings),
        offline: settings.offline,
        marker: format!("{}build/", site.marker()),
    };
    let mut warm_env = inherited.for_attempt(&site.spool(), 1);
    set(&mut warm_env, MARKER, format!("{}warm/", site.marker()));
    let workshop = Workshop {
        link,
        capability: Arc::new(settings.capability.clone()),
        environments: Environments::new(recipe, inherited.clone(), settings.progress.clone()),
        warm: WarmPool::new(site.spool(), warm_env),
        inherited,
        directories: Directories::new(site.attempts()),
        labels: Labels::of(&site.marker()),
        site,
    };
    Session::new(&settings, Arc::new(workshop), spool, left).run(shutdown).await
}

/// `auto` lets uv look at the driver; a machine without devices wants the small build.
fn torch_backend(settings: &Settings) -> String {
    let accelerated = settings
        .capability
        .backends
        .iter()
        .any(|b| matches!(b, Backend::Cuda | Backend::Rocm | Backend::Xpu));
    let suitable = if accelerated { "auto" } else { "cpu" };
    settings.torch_backend.clone().unwrap_or_else(|| suitable.to_owned())
}
