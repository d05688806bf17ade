//! Calibrates devices with the Python environments that have found them.
//!
//! Limits: `TIMEOUT` for each device, `MAX_OUTPUT_BYTES` of output. Promise: a measurement is given up
//! when a test begins, so no test waits for it and none runs beside it for longer than it takes to stop.

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
    /// The device was measured, or cannot be, since the last daily calibration.
    is_done: bool,
}

#[derive(Deserialize)]
struct Rates {
    compute: Vec<f64>,
    memory: Vec<f64>,
}

impl Runtimes {
    /// An environment has found a device. The first one measures it.
    pub fn add(&self, device: &str, runtime: impl FnOnce() -> Runtime) {
        let entry = || Entry { runtime: runtime(), is_done: false };
        self.lock().entry(device.to_owned()).or_insert_with(entry);
    }

    /// Whether one of these devices was not measured since the last daily calibration.
    #[must_use]
    pub fn has_new(&self, devices: &[Accelerator]) -> bool {
        let entries = self.lock();
        devices.iter().any(|device| entries.get(&device.id()).is_some_and(|entry| !entry.is_done))
    }

    /// Measures these devices, as far as an environment has found them, one after the other.
    pub async fn measure(&self, devices: &[Accelerator]) -> BTreeMap<String, DeviceSpeed> {
        let mut speeds = BTreeMap::new();
        for device in devices {
            let id = device.id();
            let Some(runtime) = self.lock().get(&id).map(|entry| entry.runtime.clone()) else {
                continue;
            };
            match runtime.measure().await {
                Ok(speed) => drop(speeds.insert(id.clone(), speed)),
                Err(reason) => tracing::warn!(device = id, reason, "cannot calibrate a device"),
            }
            if let Some(entry) = self.lock().get_mut(&id) {
                entry.is_done = true;
            }
        }
        speeds
    }

    /// The last figures are not used, so all devices are to be measured again.
    pub fn repeat(&self) {
        self.lock().values_mut().for_each(|entry| entry.is_done = false);
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
        assert!(!runtimes.has_new(&devices));
        runtimes.add(&devices[1].id(), || Runtime::script(directory.path(), prints));
        assert!(runtimes.has_new(&devices) && !runtimes.has_new(&devices[..1]));
        let speeds = runtimes.measure(&devices).await;
        assert!(!runtimes.has_new(&devices));
        let speed = speeds[&devices[1].id()];
        assert_eq!((speed.compute.per_second, speed.memory.per_second), (2e12, 2.0));
        // One that fails is not tried again until the next day.
        let other = tempfile::tempdir().expect("a directory");
        runtimes
            .add(&devices[0].id(), || Runtime::script(other.path(), "echo no device >&2; exit 1"));
        assert_eq!(runtimes.measure(&devices[..1]).await, BTreeMap::new());
        assert!(!runtimes.has_new(&devices));
    }
}
