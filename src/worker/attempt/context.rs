//! The state that all attempts of a worker share.

use crate::api::v1::leases::LeaseView;
use crate::backends::Table;
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::held_weights::HeldWeights;
use crate::sys::process::Labels;
use crate::worker::attempt::neighbours::Neighbours;
use crate::worker::environments::Environments;
use crate::worker::variables::InheritedVariables;
use crate::worker::warm::WarmPool;
use crate::worker::weights::sources::WeightSources;
use crate::worker::work_dir::WorkDir;
use crate::worker::work_dir::directories::Directories;
use std::sync::Arc;
use tokio::sync::watch;

/// State that all attempts of a worker share.
pub struct AttemptContext<L> {
    pub work_dir: WorkDir,
    pub directories: Directories,
    pub labels: Labels,
    pub link: Arc<L>,
    pub capability: Arc<Capability>,
    /// How devices are pinned.
    pub backends: Arc<Table>,
    /// The weights that this worker has, for the coordinator.
    pub held: watch::Receiver<Arc<HeldWeights>>,
    pub inherited: InheritedVariables,
    pub environments: Environments,
    pub weights: WeightSources<L>,
    pub warm: WarmPool,
    pub neighbours: Neighbours,
    /// Every test gets all cores, whatever its share.
    pub all_cores: bool,
}

impl<L> AttemptContext<L> {
    /// The devices of a lease. Positions that this worker does not have are left out.
    pub fn devices<'a>(&'a self, lease: &'a LeaseView) -> impl Iterator<Item = &'a Accelerator> {
        lease
            .devices
            .iter()
            .filter_map(|position| self.capability.accelerators.get(usize::from(*position)))
    }

    /// Number of threads for the CPU share of a lease: at least one.
    #[must_use]
    pub fn threads(&self, lease: &LeaseView) -> u64 {
        let share = if self.all_cores { self.capability.cpu_milli } else { lease.cpu_milli };
        (share / 1000).max(1)
    }
}
