//! The settings of a worker.

use crate::backends::Table;
use crate::client::Hub;
use crate::domain::accelerator::Backend;
use crate::domain::launch::Environment;
use crate::domain::time::Millis;
use crate::worker::environments::BuildProgress;
use crate::worker::environments::torch::TorchBuild;
use crate::worker::offer::Offer;
use crate::worker::places::Places;
use crate::worker::reassess::Assessors;
use crate::worker::weights::limit::CacheSettings;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of a worker. Its capability determines slots, tags and devices.
#[derive(Clone)]
pub struct Settings {
    pub name: String,
    /// The table of back-ends.
    pub backends: Arc<Table>,
    /// The offer of the worker, which may change while it runs.
    pub offer: Arc<Offer>,
    /// The means to assess the machine again while the worker runs.
    pub assessors: Assessors,
    /// Back-ends with environments that are built, and asked for them, before the registration.
    pub prove_first: Vec<(Backend, Environment)>,
    pub work_dir: PathBuf,
    /// Directory of Python environments, instead of one inside the work directory. Several
    /// workers may share it.
    pub environments_dir: Option<PathBuf>,
    /// Cache of weights. Several workers may share its directory.
    pub weights: CacheSettings,
    /// The places of paths that plans name.
    pub places: Places,
    /// The model hub, or the reason why it is not used.
    pub hub: Result<Hub, String>,
    /// The worker leaves when it has run something and no further test is available.
    pub ephemeral: bool,
    /// The worker leaves after this period without a lease.
    pub idle_timeout: Option<Millis>,
    /// Every lease is reported as `passed` without running it, to measure everything else.
    pub null_runner: bool,
    /// Every test gets all cores of the machine. The capability then has one slot, so that tests run
    /// one at a time.
    pub quiet_machine: bool,
    /// Time for which a calibration may be due before the worker takes no new tests until it is idle.
    pub calibration_patience: Millis,
    /// Environments are built from caches only.
    pub offline: bool,
    /// Python interpreter to use instead of the one in `PATH`.
    pub python: Option<PathBuf>,
    /// Tests use the packages that the interpreter has; no environment is built.
    pub system_packages: bool,
    /// Build of torch to install (`cpu`, `auto`, `cu128`, …) instead of the default for the
    /// devices of the worker.
    pub torch_backend: Option<String>,
    /// Additional environment variables that are passed on to tests.
    pub pass_env: Vec<String>,
    /// Receives the progress of environment builds.
    pub progress: Arc<dyn BuildProgress>,
}

impl Settings {
    /// The build of torch that environments get.
    #[must_use]
    pub fn torch_build(&self) -> TorchBuild {
        match &self.torch_backend {
            Some(name) => TorchBuild::Given(name.clone()),
            None => {
                TorchBuild::OfOffer { backends: self.backends.clone(), offer: self.offer.clone() }
            }
        }
    }
}
