//! The state that all attempts of a worker share.

use crate::api::v1::leases::LeaseView;
use crate::backends::Table;
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::held_weights::HeldWeights;
use crate::sys::process::Labels;
use crate::worker::attempt::neighbours::Neighbours;
use crate::worker::calibration::Calibrations;
use crate::worker::environments::Environments;
use crate::worker::offer::Offer;
use crate::worker::proofs::UsedEnvironments;
use crate::worker::variables::InheritedVariables;
use crate::worker::warm::WarmPool;
use crate::worker::weights::sources::WeightSources;
use crate::worker::work_dir::WorkDir;
use crate::worker::work_dir::directories::Directories;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// State that all attempts of a worker share.
pub struct AttemptContext<L> {
    pub work_dir: WorkDir,
    pub directories: Directories,
    pub labels: Labels,
    pub link: Arc<L>,
    /// How devices are pinned.
    pub backends: Arc<Table>,
    /// The present offer of this worker.
    pub offer: Arc<Offer>,
    pub calibrations: Calibrations,
    /// Requests that the machine is detected again.
    pub suspicion: Arc<Notify>,
    /// The weights that this worker has, for the coordinator.
    pub held: watch::Receiver<Arc<HeldWeights>>,
    pub inherited: InheritedVariables,
    pub environments: Arc<Environments>,
    pub used_environments: UsedEnvironments,
    pub weights: WeightSources<L>,
    pub warm: WarmPool,
    pub neighbours: Neighbours,
    /// Every test gets all cores, whatever its share.
    pub all_cores: bool,
}

impl<L> AttemptContext<L> {
    /// Number of threads for the CPU share of a lease: at least one.
    #[must_use]
    pub fn threads(&self, lease: &LeaseView, capability: &Capability) -> u64 {
        let share = if self.all_cores { capability.cpu_milli } else { lease.cpu_milli };
        (share / 1000).max(1)
    }
}

/// The devices of a lease. Positions may have changed since the lease was granted, so that ids precede
/// them.
///
/// # Errors
/// The first device that the capability does not have.
pub fn devices<'a>(
    lease: &LeaseView,
    capability: &'a Capability,
) -> Result<Vec<&'a Accelerator>, String> {
    let offered = &capability.accelerators;
    if lease.device_ids.is_empty() {
        let at = |position: &u16| {
            offered.get(usize::from(*position)).ok_or_else(|| format!("device {position}"))
        };
        return lease.devices.iter().map(at).collect();
    }
    let with_id =
        |id: &String| offered.iter().find(|device| device.id() == *id).ok_or_else(|| id.clone());
    lease.device_ids.iter().map(with_id).collect()
}
