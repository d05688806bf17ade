//! The worker: the process on a machine that runs tests.
//!
//! Job: [`run`] opens the work directory, registers with a coordinator over a [`link::Link`], and
//! runs leases until the worker is stopped, drained or idle. `machine` decides which lease starts
//! when, `session` exchanges requests with the coordinator, `attempt` runs one lease, `verdict`
//! judges its end.

use crate::sys::limits::raise_open_files;
use crate::sys::process::{Labels, MARKER, adopt_orphans};
use crate::sys::shutdown::Shutdown;
use crate::sys::spawn::Tasks;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::neighbours::Neighbours;
use crate::worker::calibration::Calibrations;
use crate::worker::environments::{BuildEvent, BuildSettings, Environments};
use crate::worker::link::Link;
use crate::worker::proofs::{Place, Prover, Quiet, UsedEnvironments};
use crate::worker::reassess::{Assessors, reassess};
use crate::worker::session::state::Session;
use crate::worker::settings::Settings;
use crate::worker::summary::{Summary, WorkerError};
use crate::worker::variables::{InheritedVariables, set};
use crate::worker::warm::WarmPool;
use crate::worker::weights::sources::WeightSources;
use crate::worker::work_dir::directories::Directories;
use crate::worker::work_dir::spool::Spool;
use crate::worker::work_dir::{WorkDir, WorkDirError};
use std::sync::Arc;

pub mod attempt;
pub mod calibration;
pub mod environments;
pub mod files;
pub mod link;
pub mod machine;
pub mod offer;
pub mod places;
pub mod prefetch;
pub mod proofs;
pub mod reassess;
mod session;
pub mod settings;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod variables;
pub mod verdict;
pub mod warm;
pub mod weights;
pub mod work_dir;

/// Runs a worker until it leaves: stopped, drained, idle, or out of work when it is ephemeral.
///
/// # Errors
/// The work directory is unusable or in use, or the coordinator refuses the worker.
pub async fn run<L: Link>(
    settings: Settings,
    link: Arc<L>,
    shutdown: Shutdown,
) -> Result<Summary, WorkerError> {
    adopt_orphans();
    // Each running attempt needs several descriptors.
    raise_open_files();
    let work_dir = WorkDir::open(&settings.work_dir)?;
    let (spool, unsent) = Spool::open(&work_dir.spool()).map_err(WorkerError::Spool)?;
    if !unsent.is_empty() {
        tracing::info!(count = unsent.len(), "sending the results of an earlier worker");
    }
    let inherited = InheritedVariables::from_process(&settings.pass_env);
    let build = build_settings(&settings, &work_dir)?;
    let mut warm_env = inherited.for_attempt(&work_dir.spool(), 1);
    set(&mut warm_env, MARKER, format!("{}warm/", work_dir.marker()));
    let weights = WeightSources::new(link.clone(), settings.weights.clone(), settings.hub.clone())
        .with_places(settings.places.clone());
    weights.refresh().await;
    let environments =
        Arc::new(Environments::new(build, inherited.clone(), settings.progress.clone()));
    let prover = prover(&settings, &environments, (&work_dir, &inherited)).await;
    let (used_environments, used) = UsedEnvironments::new();
    let context = AttemptContext {
        held: weights.held(),
        weights,
        link,
        backends: settings.backends.clone(),
        offer: settings.offer.clone(),
        suspicion: Arc::default(),
        calibrations: Calibrations::open(work_dir.calibrations(), prover.runtimes()),
        environments: environments.clone(),
        used_environments,
        warm: WarmPool::new(work_dir.spool(), warm_env),
        neighbours: Neighbours::default(),
        all_cores: settings.quiet_machine,
        inherited,
        directories: Directories::new(work_dir.attempts()),
        labels: Labels::of(&work_dir.marker()),
        work_dir,
    };
    let mut tasks = Tasks::new();
    let Assessors { detect, pauses, .. } = settings.assessors.clone();
    if let Some(detect) = detect {
        let (offer, suspicion) = (settings.offer.clone(), context.suspicion.clone());
        tasks.spawn("reassess", reassess(offer, detect, pauses, suspicion));
    }
    if !settings.null_runner {
        let calibrations = context.calibrations.clone();
        let quiet = Quiet { calibrations, is_alone: settings.quiet_machine };
        tasks.spawn("proofs", prover.run(environments, used, quiet));
    }
    Session::new(&settings, Arc::new(context), spool, unsent).run(shutdown).await
}

/// The settings for building environments.
fn build_settings(settings: &Settings, work_dir: &WorkDir) -> Result<BuildSettings, WorkDirError> {
    let environments_dir = settings.environments_dir.clone().unwrap_or_else(|| work_dir.envs());
    // Programs start in other directories, so the path must be absolute. The directory itself is
    // created with the first environment: a worker may never need one.
    let directory = std::path::absolute(&environments_dir)
        .map_err(|error| WorkDirError::Unusable { path: environments_dir, error })?;
    Ok(BuildSettings {
        directory,
        cwd: work_dir.envs(),
        python: settings.python.clone(),
        system_packages: settings.system_packages,
        torch_build: settings.torch_build(),
        offline: settings.offline,
        marker: format!("{}build/", work_dir.marker()),
    })
}

/// Asks environments for back-ends. What earlier probes reported, and the environments that are to be
/// asked first, are in the offer.
async fn prover(
    settings: &Settings,
    environments: &Environments,
    (work_dir, inherited): (&WorkDir, &InheritedVariables),
) -> Prover {
    let place =
        Place { cwd: work_dir.envs(), marker: work_dir.marker(), inherited: inherited.clone() };
    let offer = settings.offer.clone();
    let mut prover = Prover::new(settings.backends.clone(), offer, environments, place);
    prover.recall(environments).await;
    for (backend, environment) in &settings.prove_first {
        let proof = match environments.prepare(environment, &work_dir.files()).await {
            Ok(environment) => prover.prove_backend(&environment, *backend).await,
            Err(error) => Err(format!("its environment cannot be built: {error}")),
        };
        match proof {
            Ok(()) => {
                let line = format!("the back-end {backend} works");
                let environment = backend.name();
                settings.progress.event(BuildEvent::Notice { environment, line: &line });
            }
            Err(reason) => tracing::warn!("the back-end {backend} is not offered: {reason}"),
        }
    }
    prover.announce();
    prover
}
