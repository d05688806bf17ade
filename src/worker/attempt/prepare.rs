//! Prepares an attempt: reads and checks its launch, takes a directory, draws its marker.

use crate::api::v1::leases::LeaseView;
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::launch::Launch;
use crate::sys::process::Label;
use crate::worker::attempt::context::{AttemptContext, devices};
use crate::worker::verdict::Verdict;
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the protocol file in the directory of the attempt.
const RESULT_FILE: &str = ".dtf-result.jsonl";

/// An attempt whose launch is valid and which has a directory.
pub struct PreparedAttempt<'a> {
    pub view: &'a LeaseView,
    pub launch: Launch,
    pub directory: PathBuf,
    /// Marks all processes of the attempt. It starts with the marker of the work directory, and
    /// ends with `/` so that it is never the prefix of another attempt's marker.
    pub marker: String,
    pub label: Label,
    /// The offer of the worker when the attempt begins.
    pub capability: Arc<Capability>,
}

impl PreparedAttempt<'_> {
    /// The devices that the test holds.
    #[must_use]
    pub fn devices(&self) -> Vec<&Accelerator> {
        // `prepare` has found them.
        devices(self.view, &self.capability).unwrap_or_default()
    }

    /// Their ids.
    #[must_use]
    pub fn device_ids(&self) -> Vec<String> {
        self.devices().into_iter().map(Accelerator::id).collect()
    }

    /// The file to which a script writes its protocol.
    #[must_use]
    pub fn protocol_file(&self) -> PathBuf {
        self.directory.join(RESULT_FILE)
    }
}

impl<L> AttemptContext<L> {
    /// # Errors
    /// The verdict on an attempt that cannot be prepared.
    pub fn prepare<'a>(
        &self,
        view: &'a LeaseView,
        capability: Arc<Capability>,
    ) -> Result<PreparedAttempt<'a>, Verdict> {
        let launch: Launch = serde_json::from_str(view.launch.get())
            .map_err(|error| Verdict::set_up(format!("cannot read the launch: {error}")))?;
        // The coordinator has checked it too, but the paths in it apply to this machine.
        launch.check().map_err(|error| Verdict::set_up(error.to_string()))?;
        devices(view, &capability).map_err(|device| {
            Verdict::set_up(format!("this worker does not have the device {device} of the lease"))
        })?;
        let directory = self.directories.take().map_err(|error| {
            Verdict::set_up(format!("cannot create the directory of the attempt: {error}"))
        })?;
        let lease = view.lease;
        let marker = format!("{}{}/{}/", self.work_dir.marker(), lease.attempt, lease.epoch);
        let label = self.labels.next();
        Ok(PreparedAttempt { view, launch, directory, marker, label, capability })
    }
}
