//! Detects the machine again while the worker runs: at intervals, and after a test that held a device
//! ended without passing.
//!
//! Promises: devices that a detection does not find are given up only when a second detection agrees,
//! so that one hanging tool ends no test. A tool that hangs in both proves nothing: its devices are kept,
//! with the failure in the offer, until it has hung [`MAX_UNANSWERED`] times in a row. At most one
//! detection runs, and there is a pause between two.

use crate::detect::Limits;
use crate::domain::accelerator::{Accelerator, Vendor};
use crate::domain::capability::{Capability, MAX_ACCELERATORS};
use crate::worker::offer::Offer;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// Number of rounds in a row after which the devices of a tool that hangs are given up: such a tool can
/// also be the consequence of a lost device.
pub const MAX_UNANSWERED: u32 = 3;

/// The result of a detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub capability: Capability,
    /// The limits of the processors and the memory in it, as far as they are known.
    pub limits: Limits,
    /// The vendors of which a tool did not end in time.
    pub unanswered: BTreeSet<Vendor>,
}

/// Detects the machine again. `None`: it could not be done.
pub type Detect = Arc<dyn Fn() -> BoxFuture<'static, Option<Found>> + Send + Sync>;
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
    /// Before the first detection, if it is another pause: the detection at the start was cut short.
    pub first: Option<Duration>,
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
            first: None,
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
    let (mut first, mut failed) = (pauses.first, pauses.failed);
    let mut unanswered = 0;
    loop {
        let last = Instant::now();
        let pause = if let Some(pause) = first.take() {
            pause
        } else if offer.last_detected().detection_errors.is_empty() {
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
        let Some(found) = detect_surely(&offer, &detect, pauses.confirmation).await else {
            continue;
        };
        let known = offer.last_detected();
        let is_unanswered = |device: &Accelerator| found.unanswered.contains(&device.vendor);
        let kept = known.accelerators.iter().chain(&known.unusable).any(is_unanswered);
        unanswered = if kept { unanswered + 1 } else { 0 };
        let limits = found.limits;
        if kept && unanswered < MAX_UNANSWERED {
            offer.detected(with_unanswered(found, &known), limits);
        } else {
            offer.detected(found.capability, limits);
        }
    }
}

/// A detection. If it misses devices, the second of two that agree; `None` if they do not.
async fn detect_surely(offer: &Offer, detect: &Detect, pause: Duration) -> Option<Found> {
    let known = devices(&offer.last_detected());
    let first = detect().await?;
    if known.is_subset(&devices(&first.capability)) {
        return Some(first);
    }
    tracing::warn!("devices are missing; detecting again before they are given up");
    sleep(pause).await;
    let second = detect().await?;
    let found = devices(&second.capability);
    (known.is_subset(&found) || found == devices(&first.capability)).then_some(second)
}

/// A detection, with the known devices of the vendors whose tool did not answer, usable or not. Devices
/// keep their numbers, and a new one whose number is taken has to wait.
fn with_unanswered(found: Found, known: &Capability) -> Capability {
    let Found { mut capability, unanswered, .. } = found;
    let is_known = |vendor| {
        let mut all = known.accelerators.iter().chain(&known.unusable);
        all.any(|device| device.vendor == vendor)
    };
    let is_unanswered =
        |device: &Accelerator| unanswered.contains(&device.vendor) && is_known(device.vendor);
    capability.unusable.retain(|device| !is_unanswered(device));
    let unusable = known.unusable.iter().filter(|device| is_unanswered(device)).cloned();
    capability.unusable.extend(unusable);
    capability.unusable.truncate(MAX_ACCELERATORS);
    let now = std::mem::take(&mut capability.accelerators);
    // A device that was unusable before and is listed now.
    capability.unusable.retain(|device| now.iter().all(|other| other.id() != device.id()));
    let still = |device: &&Accelerator| {
        is_unanswered(device) || now.iter().any(|other| other.id() == device.id())
    };
    let mut all: Vec<Accelerator> = known.accelerators.iter().filter(still).cloned().collect();
    for device in now {
        let is_free =
            |other: &Accelerator| other.id() != device.id() && other.index != device.index;
        if all.iter().all(is_free) {
            all.push(device);
        }
    }
    capability.backends.extend(all.iter().flat_map(Accelerator::offered));
    capability.accelerators = all;
    capability
}

fn devices(capability: &Capability) -> BTreeSet<String> {
    capability.accelerators.iter().map(Accelerator::id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::DeviceState;
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
        first: None,
        usual: Duration::from_millis(2),
        failed: Duration::from_millis(2),
        longest: Duration::from_millis(2),
        shortest: Duration::from_millis(1),
        confirmation: Duration::from_millis(1),
    };

    /// Runs the loop until all detections were made, and returns the devices that were offered.
    async fn offered(detections: &[Option<&[u16]>]) -> Vec<Vec<u16>> {
        let answered = |devices: Option<&[u16]>| {
            let found = |devices| (capability(devices), BTreeSet::new());
            devices.map(found).map(|(capability, unanswered)| Found {
                limits: Limits::default(),
                capability,
                unanswered,
            })
        };
        offered_after(detections.iter().map(|found| answered(*found)).collect()).await
    }

    async fn offered_after(left: VecDeque<Option<Found>>) -> Vec<Vec<u16>> {
        let offer = Offer::new(capability(&[0, 1]), false);
        offered_by(&offer, left).await
    }

    async fn offered_by(offer: &Arc<Offer>, left: VecDeque<Option<Found>>) -> Vec<Vec<u16>> {
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
    async fn a_tool_that_hangs_loses_its_devices_only_in_the_end() {
        let hung = |devices: &[u16], count: u32| {
            let mut capability = capability(devices);
            capability.detection_errors = vec![format!("nvidia-smi took too long ({count})")];
            let (limits, unanswered) = (Limits::default(), [Vendor::NVIDIA].into());
            Some(Found { capability, limits, unanswered })
        };
        // Each round has two detections.
        let rounds = |count: u32| (0..count).flat_map(|round| [hung(&[], round), hung(&[], round)]);
        let kept = offered_after(rounds(2).collect()).await;
        assert_eq!(kept, [[0, 1], [0, 1]], "the failure is in the offer, and so are the devices");
        let lost = offered_after(rounds(MAX_UNANSWERED).collect()).await;
        assert_eq!(lost.last(), Some(&Vec::new()), "{lost:?}");
        let other = [hung(&[1], 0), hung(&[1], 0)].into_iter().collect();
        assert_eq!(offered_after(other).await, [[0, 1]]);
        // A tool that answers and does not list the device is believed.
        assert_eq!(offered(&[Some(&[1]), Some(&[1])]).await, [[1]]);
    }

    /// The list of a tool that hangs has neither the unusable devices nor what was known of the others.
    #[tokio::test]
    async fn a_tool_that_hangs_loses_no_fact_of_a_device() {
        let mut known = capability(&[0, 1]);
        known.accelerators[1].memory_bytes = 24 << 30;
        let unusable = |uuid: &str, state, reason: &str| {
            let mut device = Accelerator::new(2, Vendor::NVIDIA, "H100");
            (device.uuid, device.state, device.reason) = (uuid.into(), state, reason.into());
            device
        };
        known.unusable =
            vec![unusable("GPU-2", DeviceState::Unusable, "MIG mode is on and there is no slice")];
        let mut hung = capability(&[0, 1]);
        hung.unusable = vec![unusable("", DeviceState::Degraded, "nvidia-smi took too long")];
        let offer = Offer::new(known.clone(), false);
        let (limits, unanswered) = (Limits::default(), BTreeSet::from([Vendor::NVIDIA]));
        let found = Found { capability: hung.clone(), limits, unanswered };
        offered_by(&offer, [Some(found.clone()), Some(found.clone())].into()).await;
        let now = offer.current();
        assert_eq!((&now.accelerators, &now.unusable), (&known.accelerators, &known.unusable));
        offered_by(&offer, vec![Some(found); MAX_UNANSWERED as usize].into()).await;
        assert_eq!(offer.current().unusable, hung.unusable, "it is believed in the end");
    }

    #[tokio::test]
    async fn a_detection_that_was_cut_short_is_completed_at_once() {
        let offer = Offer::new(capability(&[]), false);
        let detect: Detect = Arc::new(|| {
            let (limits, unanswered) = (Limits::default(), BTreeSet::new());
            let found = Found { capability: capability(&[0]), limits, unanswered };
            Box::pin(async move { Some(found) })
        });
        let (first, usual) = (Some(Duration::ZERO), Duration::from_hours(1));
        let mut changes = offer.subscribe();
        tokio::select! {
            () = reassess(offer.clone(), detect, Pauses { first, usual, ..PAUSES }, Arc::default()) =>
                unreachable!("it has no end"),
            changed = changes.changed() => assert!(changed.is_ok()),
        }
        assert_eq!(offer.current().accelerators.len(), 1);
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
