//! The back-ends that a test can require, and the devices that provide them.
//!
//! Names of back-ends and vendors are open: a team adds its own by data
//! (`templates/backends.yaml`), and a coordinator accepts every well-formed name.

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use short_name::short_names;
use std::collections::BTreeMap;

pub mod short_name;

short_names! {
    /// The software that runs a model on a kind of device. Each back-end has the same name everywhere.
    Backend, "a back-end" {
        CPU = "cpu",
        CUDA = "cuda",
        ROCM = "rocm",
        MPS = "mps",
        XPU = "xpu",
        OPENVINO = "openvino",
        QNN = "qnn",
        NEURON = "neuron",
        TPU = "tpu",
        HPU = "hpu",
        NPU = "npu",
        WEBGPU = "webgpu",
        WEBNN = "webnn",
    }
}

short_names! {
    /// The manufacturer of a device.
    Vendor, "a vendor" {
        NVIDIA = "nvidia",
        AMD = "amd",
        INTEL = "intel",
        APPLE = "apple",
        QUALCOMM = "qualcomm",
        GOOGLE = "google",
        AWS = "aws",
        HUAWEI = "huawei",
        HABANA = "habana",
    }
}

/// A required back-end as people write it: `any` if the test has no requirement.
#[must_use]
pub fn backend_text(backend: Option<Backend>) -> String {
    backend.map_or_else(|| "any".to_owned(), |backend| backend.to_string())
}

/// The name is not that of a back-end. Where back-ends are named, `any` is allowed too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown back-end {0:?}; known are cpu, cuda, rocm, mps, xpu, openvino, qnn, neuron, tpu, hpu, npu, webgpu, webnn and any"
)]
pub struct BackendError(pub String);

impl std::str::FromStr for Backend {
    type Err = BackendError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Backend::BUILT_IN
            .into_iter()
            .find(|backend| backend.name() == text)
            .ok_or_else(|| BackendError(text.chars().take(80).collect()))
    }
}

/// The evidence that a back-end can use a device, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The device exists. No driver has confirmed that it works.
    Hardware,
    /// The driver or the tool of the vendor lists the device.
    Driver,
    /// A Python runtime has found the device.
    Runtime,
}

/// Whether tests can run on a device.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    #[default]
    Ok,
    /// The driver or the tool of the vendor does not work, so the device cannot be inspected.
    Degraded,
    /// The device was inspected, and no test can run on it.
    Unusable,
}

/// One device of a worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Accelerator {
    /// Number of the device among those of its worker.
    pub index: u16,
    /// Number of the device in the listing of the vendor's tool, if it is not `index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    pub vendor: Vendor,
    /// Product name, as the vendor's tool prints it.
    pub model: String,
    /// Permanent id by which tests are pinned to the device (`GPU-…`), or its PCI address; empty if
    /// it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// The back-ends that use the device, with what is known of each.
    #[serde(alias = "backend", deserialize_with = "one_or_many")]
    pub backends: BTreeMap<Backend, Proof>,
    /// CUDA compute capability (`9.0`) or AMD target (`gfx942`); empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// Total memory of the device; 0 if it is unknown. [`Self::memory`] distinguishes the two.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Origin of the memory size, such as `nvidia-smi` or `system memory`; empty if it is unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub memory_source: String,
    /// The memory was computed or assumed, not reported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub memory_estimated: bool,
    /// The device uses the memory of the processor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unified: bool,
    /// Id of the device that this one is a part of; empty if it is a whole device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub partition_of: String,
    /// Numbers of the cores of the device, if its runtime names cores instead of devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<u16>,
    /// Version of the driver; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    #[serde(default, skip_serializing_if = "is_ok")]
    pub state: DeviceState,
    /// Reason for a state other than `ok`; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Accelerator {
    /// A working device without further facts.
    #[must_use]
    pub fn new(index: u16, vendor: Vendor, model: &str) -> Self {
        Self {
            index,
            number: None,
            vendor,
            model: model.to_owned(),
            uuid: String::new(),
            backends: BTreeMap::new(),
            architecture: String::new(),
            memory_bytes: 0,
            memory_source: String::new(),
            memory_estimated: false,
            unified: false,
            partition_of: String::new(),
            cores: Vec::new(),
            driver: String::new(),
            state: DeviceState::Ok,
            reason: String::new(),
        }
    }

    /// Adds a back-end that the driver confirms.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backends.insert(backend, Proof::Driver);
        self
    }

    /// Identifies the device among those of its worker, also when their positions change: the vendor with
    /// the permanent id, or with the vendor's number if there is none.
    #[must_use]
    pub fn id(&self) -> String {
        if self.uuid.is_empty() {
            format!("{}:{}", self.vendor, self.pin_number())
        } else {
            format!("{}:{}", self.vendor, self.uuid)
        }
    }

    /// The number by which the variables of the vendor name the device.
    #[must_use]
    pub fn pin_number(&self) -> u16 {
        self.number.unwrap_or(self.index)
    }

    /// Total memory of the device, in bytes; None if it is unknown.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        (self.memory_bytes > 0).then_some(self.memory_bytes)
    }

    /// The back-ends on which tests may run on this device: the hardware alone proves nothing.
    pub fn offered(&self) -> impl Iterator<Item = Backend> {
        let is_usable = self.state == DeviceState::Ok;
        let proven =
            self.backends.iter().filter(move |(_, proof)| is_usable && **proof >= Proof::Driver);
        proven.map(|(backend, _)| *backend)
    }

    /// Whether tests of this back-end may run on this device.
    #[must_use]
    pub fn offers(&self, backend: Backend) -> bool {
        self.offered().any(|offered| offered == backend)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_ok(state: &DeviceState) -> bool {
    *state == DeviceState::Ok
}

/// Reads the back-ends. Logs of earlier versions have one name, which their driver had confirmed.
fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Backend, Proof>, D::Error> {
    struct Backends;
    impl<'de> Visitor<'de> for Backends {
        type Value = BTreeMap<Backend, Proof>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a mapping of back-ends to proofs, or the name of one back-end")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
            let backend = Backend::new(name).map_err(E::custom)?;
            Ok(BTreeMap::from([(backend, Proof::Driver)]))
        }

        fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
            BTreeMap::deserialize(MapAccessDeserializer::new(mapping))
        }
    }
    deserializer.deserialize_any(Backends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_earlier_logs_are_read() {
        let old = r#"{"index":1,"vendor":"nvidia","model":"L4","backend":"cuda","memory_bytes":5}"#;
        let device: Accelerator = serde_json::from_str(old).expect("a device");
        let mut expected = Accelerator::new(1, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        expected.memory_bytes = 5;
        assert_eq!(device, expected);
        let text = serde_json::to_string(&device).expect("JSON");
        assert_eq!(serde_json::from_str::<Accelerator>(&text).expect("a device"), device);
    }

    #[test]
    fn a_wrong_back_end_of_a_device_is_named() {
        let refused = |backends: &str| {
            let device = format!(r#"{{"index":1,"vendor":"x","model":"y","backends":{backends}}}"#);
            serde_json::from_str::<Accelerator>(&device).expect_err("refused").to_string()
        };
        assert!(
            refused(r#"{"Cuda":"driver"}"#).contains(r#""Cuda" is not the name of a back-end"#)
        );
        assert!(refused(r#"{"cuda":"maybe"}"#).contains("unknown variant `maybe`"));
        assert!(refused("1").contains("expected a mapping of back-ends"), "{}", refused("1"));
    }

    #[test]
    fn hardware_alone_offers_nothing() {
        let mut device = Accelerator::new(0, Vendor::INTEL, "x").with_backend(Backend::XPU);
        device.backends.insert(Backend::OPENVINO, Proof::Hardware);
        assert!(device.offered().eq([Backend::XPU]));
        device.state = DeviceState::Degraded;
        assert!(!device.offers(Backend::XPU));
    }
}
