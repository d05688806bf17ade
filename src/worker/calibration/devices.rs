//! Calibrates devices with the Python environments that have found them.
//!
//! Limits: `TIMEOUT` for each device, `MAX_OUTPUT_BYTES` of output. Promise: a measurement that is dropped
//! ends its process.

use crate::domain::accelerator::Accelerator;
use crate::domain::capability::calibration::{DeviceSpeed, Speed};
use crate::sys::ids;
use crate::sys::process::{Call, Completion, Keep, Limits, run};
use crate::worker::variables::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const PROGRAM: &str = include_str!("measure_device.py");
/// Time limit of one device. The first import of torch from a slow disk takes a minute.
const TIMEOUT: Duration = Duration::from_secs(180);
/// Maximum size of the output that is read, in bytes.
const MAX_OUTPUT_BYTES: usize = 1 << 16;

/// The environment that measures a device, with the variables of a test on it.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub python: PathBuf,
    /// The entry of the back-end in the table.
    pub hooks: Map<String, Value>,
    pub cwd: PathBuf,
    pub env: Variables,
    /// Beginning of the marker of the process.
    pub marker: String,
}

/// The environments by the ids of the devices. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Runtimes(Arc<Mutex<BTreeMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    runtime: Runtime,
    /// The device cannot be measured today.
    has_failed: bool,
}

#[derive(Deserialize)]
struct Rates {
    compute: Vec<f64>,
    memory: Vec<f64>,
}

impl Runtimes {
    /// An environment has found a device. The first one measures it; another one replaces it after a
    /// failure.
    pub fn add(&self, device: &str, runtime: impl FnOnce() -> Runtime) {
        let mut entries = self.lock();
        let known = entries.get(device);
        if known.is_some_and(|entry| !entry.has_failed) {
            return;
        }
        let runtime = runtime();
        let has_failed = known.is_some_and(|entry| entry.runtime.python == runtime.python);
        entries.insert(device.to_owned(), Entry { runtime, has_failed });
    }

    /// Whether the environment of a device could not measure it today.
    #[must_use]
    pub fn has_failed(&self, device: &str) -> bool {
        self.lock().get(device).is_some_and(|entry| entry.has_failed)
    }

    /// The id of the first of these devices that an environment has found, that can be measured, and that
    /// is not among those already measured.
    #[must_use]
    pub fn next(
        &self,
        devices: &[Accelerator],
        measured: &BTreeMap<String, DeviceSpeed>,
    ) -> Option<String> {
        let entries = self.lock();
        let is_open = |id: &String| entries.get(id).is_some_and(|entry| !entry.has_failed);
        let mut ids = devices.iter().map(Accelerator::id);
        ids.find(|id| !measured.contains_key(id) && is_open(id))
    }

    /// Measures a device that an environment has found. One that fails is not tried again on this day.
    pub async fn measure(&self, id: &str) -> Option<DeviceSpeed> {
        let runtime = self.lock().get(id).map(|entry| entry.runtime.clone())?;
        match runtime.measure().await {
            Ok(speed) => Some(speed),
            Err(reason) => {
                tracing::warn!(device = id, reason, "cannot calibrate a device");
                if let Some(entry) = self.lock().get_mut(id) {
                    entry.has_failed = true;
                }
                None
            }
        }
    }

    /// A new day: devices that could not be measured are tried again.
    pub fn forget_failures(&self) {
        self.lock().values_mut().for_each(|entry| entry.has_failed = false);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    async fn measure(&self) -> Result<DeviceSpeed, String> {
        let prefix = format!("dtf-{}:", ids::new_id().simple());
        let mut question = self.hooks.clone();
        question.insert("prefix".to_owned(), Value::from(prefix.clone()));
        let question = Value::Object(question).to_string();
        let call = Call {
            program: self.python.as_path().into(),
            args: vec!["-I".into(), "-c".into(), PROGRAM.into(), question.into()],
            cwd: self.cwd.clone(),
            env: self.env.clone().into_iter().collect(),
            marker: Some(format!("{}speed-{}/", self.marker, ids::new_id().simple())),
            ..Call::default()
        };
        let limits = Limits { time: TIMEOUT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::End };
        let completion = run(&call, limits).await;
        if let Some(failure) = completion.failure() {
            let last = completion.output().and_then(|output| output.stderr.text.lines().last());
            return Err(format!("it {failure}: {}", last.unwrap_or_default()));
        }
        let Completion::Exited(output) = completion else { return Err("it did not end".into()) };
        let mut lines = output.stdout.text.lines().filter_map(|line| line.strip_prefix(&prefix));
        let rates: Option<Rates> = lines.find_map(|line| serde_json::from_str(line).ok());
        let speed = rates.and_then(|rates| {
            Some(DeviceSpeed {
                compute: Speed::of(&rates.compute)?,
                memory: Speed::of(&rates.memory)?,
            })
        });
        speed.ok_or_else(|| "it printed no figures".to_owned())
    }
}

#[cfg(test)]
impl Runtime {
    /// A runtime whose interpreter is a shell script with this body; `$4` is the question.
    pub fn script(directory: &std::path::Path, body: &str) -> Self {
        let python = directory.join("python");
        crate::sys::fs::write_whole(&python, format!("#!/bin/sh\n{body}\n").as_bytes())
            .expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("set");
        }
        let hooks = Map::from_iter([("device".to_owned(), Value::from("cuda:0"))]);
        let (cwd, env) = (directory.to_owned(), Variables::default());
        Self { python, hooks, cwd, env, marker: "test/".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::{Backend, Vendor};

    #[tokio::test]
    #[cfg(unix)]
    async fn devices_with_a_runtime_are_measured_once() {
        let device =
            |index| Accelerator::new(index, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        let directory = tempfile::tempdir().expect("a directory");
        let prints = r#"prefix=${4##*'"prefix":"'}; prefix=${prefix%%'"'*}
            echo noise; echo "$prefix"'{"compute": [2e12, 2e12, 2e12, 2e12], "memory": [1, 2, 3, 4]}'"#;
        let runtimes = Runtimes::default();
        let devices = [device(0), device(1)];
        let [first, second] = [0, 1].map(|at: usize| devices[at].id());
        let mut speeds = BTreeMap::new();
        assert_eq!(runtimes.next(&devices, &speeds), None);
        runtimes.add(&second, || Runtime::script(directory.path(), prints));
        assert_eq!(runtimes.next(&devices, &speeds).as_ref(), Some(&second));
        assert_eq!(runtimes.next(&devices[..1], &speeds), None);
        let speed = runtimes.measure(&second).await.expect("figures");
        assert_eq!((speed.compute.per_second, speed.memory.per_second), (2e12, 2.0));
        speeds.insert(second, speed);
        assert_eq!(runtimes.next(&devices, &speeds), None);
        // One that fails is not tried again until the next day.
        let other = tempfile::tempdir().expect("a directory");
        runtimes.add(&first, || Runtime::script(other.path(), "echo no device >&2; exit 1"));
        assert_eq!(runtimes.next(&devices, &speeds).as_ref(), Some(&first));
        assert_eq!(runtimes.measure(&first).await, None);
        assert_eq!(runtimes.next(&devices, &speeds), None);
        runtimes.forget_failures();
        assert_eq!(runtimes.next(&devices, &speeds).as_ref(), Some(&first));
        // Another environment that finds the device replaces one that failed, and no other.
        let script = |directory: &tempfile::TempDir| Runtime::script(directory.path(), "exit 1");
        let third = tempfile::tempdir().expect("a directory");
        runtimes.add(&first, || script(&third));
        assert_eq!(runtimes.measure(&first).await, None);
        runtimes.add(&first, || script(&other));
        assert_eq!(runtimes.next(&devices, &speeds), None, "the same environment");
        runtimes.add(&first, || script(&third));
        assert_eq!(runtimes.next(&devices, &speeds).as_ref(), Some(&first));
    }
}
