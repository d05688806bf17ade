//! Detects the machine again while the worker runs: at intervals, and after a test that held a device
//! ended without passing.
//!
//! Promises: devices that a detection does not find are given up only when a second detection agrees,
//! so that one hanging tool ends no test. At most one detection runs, and there is a pause between two.

use crate::detect::Limits;
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::worker::offer::Offer;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// Detects the machine again. `None`: it could not be done.
pub type Detect = Arc<dyn Fn() -> BoxFuture<'static, Option<Capability>> + Send + Sync>;
/// Reads the limits again, within a millisecond.
pub type ReadLimits = Arc<dyn Fn() -> Limits + Send + Sync>;

/// The means to assess the machine again. Without them, it is not.
#[derive(Clone, Default)]
pub struct Assessors {
    pub detect: Option<Detect>,
    pub limits: Option<ReadLimits>,
    pub pauses: Pauses,
}

/// The times between detections.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// Between two detections without failures.
    pub usual: Duration,
    /// After a first detection with failures; doubled after each further one, up to `longest`.
    pub failed: Duration,
    pub longest: Duration,
    /// Minimum time between two detections, also after failed tests.
    pub shortest: Duration,
    /// Time until a loss of devices is confirmed.
    pub confirmation: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            usual: Duration::from_mins(15),
            failed: Duration::from_mins(5),
            longest: Duration::from_hours(1),
            shortest: Duration::from_mins(2),
            confirmation: Duration::from_secs(20),
        }
    }
}

/// Detects the machine until the task is aborted. `suspicion` requests a detection.
pub async fn reassess(offer: Arc<Offer>, detect: Detect, pauses: Pauses, suspicion: Arc<Notify>) {
    let mut failed = pauses.failed;
    loop {
        let last = Instant::now();
        let pause = if offer.last_detected().detection_errors.is_empty() {
            failed = pauses.failed;
            pauses.usual
        } else {
            let pause = failed;
            failed = failed.saturating_mul(2).min(pauses.longest);
            pause
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = suspicion.notified() => sleep_until(last + pauses.shortest).await,
        }
        if let Some(found) = detect_surely(&offer, &detect, pauses.confirmation).await {
            offer.detected(found);
        }
    }
}

/// A detection. If it misses devices, the second of two that agree; `None` if they do not.
async fn detect_surely(offer: &Offer, detect: &Detect, pause: Duration) -> Option<Capability> {
    let known = devices(&offer.last_detected());
    let first = detect().await?;
    if known.is_subset(&devices(&first)) {
        return Some(first);
    }
    tracing::warn!("devices are missing; detecting again before they are given up");
    sleep(pause).await;
    let second = detect().await?;
    let found = devices(&second);
    (known.is_subset(&found) || found == devices(&first)).then_some(second)
}

fn devices(capability: &Capability) -> BTreeSet<String> {
    capability.accelerators.iter().map(Accelerator::id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::Vendor;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    fn capability(devices: &[u16]) -> Capability {
        let mut capability: Capability = serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1 << 30,
            "slots": 1, "backends": ["cpu"],
        }))
        .expect("a capability");
        let device = |index: &u16| Accelerator::new(*index, Vendor::NVIDIA, "L4");
        capability.accelerators = devices.iter().map(device).collect();
        capability
    }

    const PAUSES: Pauses = Pauses {
        usual: Duration::from_millis(2),
        failed: Duration::from_millis(2),
        longest: Duration::from_millis(2),
        shortest: Duration::from_millis(1),
        confirmation: Duration::from_millis(1),
    };

    /// Runs the loop until all detections were made, and returns the devices that were offered.
    async fn offered(detections: &[Option<&[u16]>]) -> Vec<Vec<u16>> {
        let offer = Offer::new(capability(&[0, 1]), false);
        let left: VecDeque<_> = detections.iter().map(|found| found.map(capability)).collect();
        let left = Arc::new(Mutex::new(left));
        let done = Arc::new(Notify::new());
        let detect: Detect = Arc::new({
            let done = done.clone();
            move || {
                let next = left.lock().expect("a lock").pop_front();
                let done = done.clone();
                Box::pin(async move {
                    if let Some(found) = next {
                        return found;
                    }
                    done.notify_one();
                    std::future::pending().await
                })
            }
        });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let suspicion = Arc::new(Notify::new());
        let mut changes = offer.subscribe();
        let watch = async {
            while changes.changed().await.is_ok() {
                let now = changes.borrow_and_update().clone();
                let indices = now.accelerators.iter().map(|device| device.index).collect();
                seen.lock().expect("a lock").push(indices);
            }
        };
        tokio::select! {
            biased;
            () = watch => {}
            () = reassess(offer.clone(), detect, PAUSES, suspicion) => {}
            () = done.notified() => {}
        }
        std::mem::take(&mut *seen.lock().expect("a lock"))
    }

    #[tokio::test]
    async fn a_loss_counts_when_two_detections_agree() {
        assert_eq!(offered(&[Some(&[0]), Some(&[0])]).await, [vec![0]]);
        assert_eq!(offered(&[Some(&[]), Some(&[0, 1])]).await, [] as [Vec<u16>; 0]);
        assert_eq!(offered(&[Some(&[]), Some(&[0]), Some(&[]), None]).await, [] as [Vec<u16>; 0]);
        assert_eq!(offered(&[Some(&[0, 1, 2])]).await, [vec![0, 1, 2]], "a gain counts at once");
    }

    #[tokio::test]
    async fn a_suspicion_shortens_the_pause() {
        let offer = Offer::new(capability(&[]), false);
        let (sender, mut detected) = tokio::sync::mpsc::unbounded_channel();
        let detect: Detect = Arc::new(move || {
            let _ = sender.send(());
            Box::pin(async { None })
        });
        let suspicion = Arc::new(Notify::new());
        suspicion.notify_one();
        let pauses = Pauses { usual: Duration::from_hours(1), ..PAUSES };
        // Without the suspicion, the first detection would be in an hour.
        tokio::select! {
            () = reassess(offer, detect, pauses, suspicion) => unreachable!("it has no end"),
            found = detected.recv() => assert_eq!(found, Some(())),
        }
    }
}
