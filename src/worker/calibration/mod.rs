//! Calibrates this worker: how fast it is in a short benchmark, and how much that varies.
//!
//! The benchmark runs when the worker is idle: after its start unless it was calibrated within a day,
//! then daily. The processor is first. The devices are added to its calibration one after the other, as
//! soon as an environment has found them (`devices`), so that frequent tests delay only the device that is
//! being measured. A worker that is never idle takes no new tests for a limited time, so that it becomes idle
//! (`hold`). Promises: no test runs beside the benchmark. A test that arrives meanwhile waits for
//! less than a second: the measurement of a device, which takes longer, is given up. The latest
//! calibrations are kept in the work directory.

pub mod devices;
pub mod hold;
pub mod measure;

use crate::domain::capability::Capability;
use crate::domain::capability::calibration::{Calibration, DeviceSpeed, MAX_CALIBRATIONS, noise};
use crate::domain::time::{Millis, Timestamp};
use crate::sys::clock;
use crate::sys::fs::write_whole;
use devices::Runtimes;
use measure::{USUAL, measure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};

/// Time after which a calibration is repeated.
const PERIOD: Millis = Millis::from_secs(24 * 3600);
/// Maximum size of the file with the latest calibrations, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The calibrations of a worker. Clones share them.
#[derive(Debug, Clone)]
pub struct Calibrations {
    file: PathBuf,
    history: Arc<Mutex<Vec<Arc<Calibration>>>>,
    /// Held for reading by tests and probes, and for writing by the benchmark and by a probe that runs
    /// alone.
    quiet: Arc<RwLock<()>>,
    /// Number of tests and probes that have begun.
    begun: watch::Sender<u64>,
    runtimes: Runtimes,
    /// Held by a calibration.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Calibrations {
    /// Reads those that an earlier process kept in this file. Without a readable file there are none.
    #[must_use]
    pub fn open(file: PathBuf, runtimes: Runtimes) -> Self {
        let is_small = std::fs::metadata(&file).is_ok_and(|found| found.len() <= MAX_FILE_BYTES);
        let text = if is_small { std::fs::read(&file).unwrap_or_default() } else { Vec::new() };
        let mut history: Vec<Arc<Calibration>> = serde_json::from_slice(&text).unwrap_or_default();
        history.retain(|calibration| calibration.is_plausible());
        history.truncate(MAX_CALIBRATIONS);
        Self {
            file,
            history: Arc::new(Mutex::new(history)),
            quiet: Arc::default(),
            begun: watch::channel(0).0,
            runtimes,
            turn: Arc::default(),
        }
    }

    /// A test runs as long as the guard exists. Waits for the end of a benchmark.
    pub async fn test_runs(&self) -> OwnedRwLockReadGuard<()> {
        let guard = Arc::clone(&self.quiet).read_owned().await;
        // Only now: a benchmark that begins in between sees either the guard or the count.
        self.interrupt();
        guard
    }

    /// Gives up the measurement of a device.
    pub fn interrupt(&self) {
        self.begun.send_modify(|count| *count += 1);
    }

    /// A probe runs as long as the guard exists, and no benchmark beside it. With `alone`, no test runs
    /// beside it either: it waits for those that run, and later ones wait for it.
    pub async fn probe_runs(&self, alone: bool) -> Box<dyn Send + Sync> {
        if alone {
            let guard = Arc::clone(&self.quiet).write_owned().await;
            self.interrupt();
            Box::new(guard)
        } else {
            Box::new(self.test_runs().await)
        }
    }

    #[must_use]
    pub fn latest(&self) -> Option<Arc<Calibration>> {
        self.lock().last().cloned()
    }

    /// See [`noise`].
    #[must_use]
    pub fn noise(&self) -> Option<f64> {
        noise(self.lock().iter().map(|calibration| &**calibration))
    }

    /// Whether a calibration is due: the latest one is older than a day, there is none, or it lacks a
    /// device that can be measured.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, capability: &Capability) -> bool {
        self.is_old(now) || self.next_device(capability).is_some()
    }

    /// The next device that the latest calibration lacks and that can be measured.
    fn next_device(&self, capability: &Capability) -> Option<String> {
        self.runtimes.next(&capability.accelerators, &self.latest()?.devices)
    }

    fn is_old(&self, now: Timestamp) -> bool {
        self.latest().is_none_or(|latest| {
            // A time in the future is that of another clock.
            now < latest.measured_at || now.since(latest.measured_at) >= PERIOD
        })
    }

    /// Runs the parts of the benchmark that are due, unless a test runs. The measurement of a device is given
    /// up when one begins.
    pub async fn calibrate(&self, capability: &Capability) {
        // Another calibration runs.
        let Ok(_turn) = self.turn.try_lock() else { return };
        let mut begun = self.begun.subscribe();
        if self.is_old(clock::wall()) {
            let (own, capability) = (self.clone(), capability.clone());
            // A panic is logged, and the benchmark repeated.
            let run = move || own.calibrate_processor(&capability);
            let _ = tokio::task::spawn_blocking(run).await;
        }
        while let Some(device) = self.next_device(capability) {
            if self.quiet.try_write().is_err() {
                return;
            }
            let speed = tokio::select! {
                biased;
                _ = begun.changed() => return,
                speed = self.runtimes.measure(&device) => speed,
            };
            if let Some(speed) = speed {
                self.add_device(device, speed);
            }
        }
    }

    /// Runs the benchmark of the processor, and keeps the calibration, unless a test runs. The thread is
    /// occupied for less than a second.
    fn calibrate_processor(&self, capability: &Capability) {
        let Ok(alone) = self.quiet.try_write() else { return };
        let measured = measure(capability.cpu_milli, capability.memory_bytes, USUAL);
        drop(alone);
        let Some(measured) = measured else { return };
        self.runtimes.forget_failures();
        self.change(|history| {
            history.push(Arc::new(Calibration {
                measured_at: clock::wall(),
                threads: u32::try_from(measured.threads).unwrap_or(u32::MAX),
                compute: measured.compute,
                memory: measured.memory,
                devices: BTreeMap::new(),
            }));
        });
    }

    /// Adds a device to the latest calibration.
    fn add_device(&self, device: String, speed: DeviceSpeed) {
        self.change(|history| {
            if let Some(latest) = history.last_mut() {
                Arc::make_mut(latest).devices.insert(device, speed);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Calibration>>)) {
        let mut history = self.lock();
        change(&mut history);
        let excess = history.len().saturating_sub(MAX_CALIBRATIONS);
        history.drain(..excess);
        let text = serde_json::to_vec(&*history).unwrap_or_default();
        drop(history);
        if let Err(error) = write_whole(&self.file, &text) {
            tracing::warn!(path = %self.file.display(), %error, "cannot keep the calibration");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Calibration>>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::capability::calibration::Speed;

    fn calibration(at: u64, spread: f64) -> Calibration {
        let speed = Speed { per_second: 1e9, spread };
        let (measured_at, devices) = (Timestamp(at), BTreeMap::new());
        Calibration { measured_at, threads: 1, compute: speed, memory: speed, devices }
    }

    #[test]
    fn calibrations_are_kept_for_the_next_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("calibration.json");
        let open = |file| Calibrations::open(file, Runtimes::default());
        let calibrations = open(file.clone());
        assert!(calibrations.is_old(Timestamp(5)) && calibrations.noise().is_none());
        for at in 1..20 {
            calibrations.change(|history| {
                history.push(Arc::new(calibration(at, 0.25)));
            });
        }
        let again = open(file.clone());
        assert_eq!(again.latest().expect("kept").measured_at, Timestamp(19));
        let count = again.lock().len();
        assert_eq!((count, again.noise()), (MAX_CALIBRATIONS, Some(0.25)));
        assert!(!again.is_old(Timestamp(PERIOD.0 + 18)) && again.is_old(Timestamp(PERIOD.0 + 19)));
        assert!(again.is_old(Timestamp(18)), "the clock was set back");
        std::fs::write(&file, "[{}").expect("written");
        assert!(open(file).latest().is_none());
    }

    #[tokio::test]
    async fn no_test_runs_beside_the_benchmark() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("calibration.json");
        let calibrations = Calibrations::open(file, Runtimes::default());
        let capability: Capability = serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1 << 26,
            "slots": 1, "backends": ["cpu"],
        }))
        .expect("a capability");
        let test = calibrations.test_runs().await;
        calibrations.calibrate(&capability).await;
        assert!(calibrations.latest().is_none(), "a test runs");
        drop(test);
        let probe = calibrations.probe_runs(false).await;
        calibrations.calibrate(&capability).await;
        assert!(calibrations.latest().is_none(), "a probe runs");
        drop(calibrations.test_runs().await);
        drop(probe);
        let probe = calibrations.probe_runs(true).await;
        assert!(futures::poll!(Box::pin(calibrations.test_runs())).is_pending(), "it runs alone");
        drop(probe);
        let alone = calibrations.quiet.try_write().expect("idle");
        let mut waiting = Box::pin(calibrations.test_runs());
        assert!(futures::poll!(&mut waiting).is_pending(), "the test waits for the benchmark");
        drop(waiting);
        drop(alone);
        calibrations.calibrate(&capability).await;
        assert_eq!(calibrations.latest().expect("measured").threads, 1);
    }

    fn with_device() -> Capability {
        serde_json::from_value(serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1 << 26,
            "slots": 1, "backends": ["cpu", "cuda"], "accelerators": [
                { "index": 0, "vendor": "nvidia", "model": "L4", "backend": "cuda" }],
        }))
        .expect("a capability")
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn the_measurement_of_a_device_is_given_up_when_a_test_begins() {
        let directory = tempfile::tempdir().expect("a directory");
        let runtimes = Runtimes::default();
        let file = directory.path().join("calibration.json");
        let calibrations = Calibrations::open(file, runtimes.clone());
        let capability = with_device();
        let id = capability.accelerators[0].id();
        runtimes.add(&id, || {
            devices::Runtime::script(directory.path(), ": >started; while :; do sleep 1; done")
        });
        let started = directory.path().join("started");
        for interrupt_by_test in [true, false] {
            let has_started = async {
                while !started.exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            };
            let mut calibrating = Box::pin(calibrations.calibrate(&capability));
            tokio::select! {
                () = &mut calibrating => panic!("it measures"),
                () = has_started => {}
            }
            let test = if interrupt_by_test {
                Some(calibrations.test_runs().await)
            } else {
                calibrations.interrupt();
                None
            };
            calibrating.await;
            drop(test);
            // The processor was measured first, and only once.
            assert_eq!(calibrations.lock().len(), 1);
            assert!(calibrations.latest().expect("measured").devices.is_empty());
            assert!(
                calibrations.is_due(clock::wall(), &capability),
                "the device is measured later"
            );
            std::fs::remove_file(&started).expect("removed");
        }
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_device_is_added_to_the_calibration_and_not_measured_again_after_a_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("calibration.json");
        let capability = with_device();
        let id = capability.accelerators[0].id();
        let prints = r#"prefix=${4##*'"prefix":"'}; prefix=${prefix%%'"'*}
            echo "$prefix"'{"compute": [2, 2, 2, 2], "memory": [1, 2, 3, 4]}'"#;
        let open = |file: PathBuf, has_found: bool| {
            let runtimes = Runtimes::default();
            if has_found {
                runtimes.add(&id, || devices::Runtime::script(directory.path(), prints));
            }
            Calibrations::open(file, runtimes)
        };
        let before = open(file.clone(), false);
        before.calibrate(&capability).await;
        assert!(!before.is_due(clock::wall(), &capability));
        let measured_at = before.latest().expect("measured").measured_at;
        let found = open(file.clone(), true);
        assert!(found.is_due(clock::wall(), &capability), "a device can be measured");
        found.calibrate(&capability).await;
        let again = open(file, true);
        assert!(
            !again.is_due(clock::wall(), &capability),
            "it is measured daily, not at each start"
        );
        let latest = again.latest().expect("kept");
        assert_eq!((latest.measured_at, again.lock().len()), (measured_at, 1));
        assert_eq!(latest.devices[&id].compute.per_second.to_bits(), 2.0_f64.to_bits());
    }
}
