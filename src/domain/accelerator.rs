//! The back-ends that a test can require, and the devices that provide them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The software that runs a model on a kind of device. Each back-end has the same name everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Cpu,
    Cuda,
    Rocm,
    Mps,
    Xpu,
    OpenVino,
    Qnn,
    Neuron,
    Tpu,
    Hpu,
    Npu,
    WebGpu,
    WebNn,
}

impl Backend {
    pub const ALL: [Backend; 13] = [
        Backend::Cpu,
        Backend::Cuda,
        Backend::Rocm,
        Backend::Mps,
        Backend::Xpu,
        Backend::OpenVino,
        Backend::Qnn,
        Backend::Neuron,
        Backend::Tpu,
        Backend::Hpu,
        Backend::Npu,
        Backend::WebGpu,
        Backend::WebNn,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Backend::Cpu => "cpu",
            Backend::Cuda => "cuda",
            Backend::Rocm => "rocm",
            Backend::Mps => "mps",
            Backend::Xpu => "xpu",
            Backend::OpenVino => "openvino",
            Backend::Qnn => "qnn",
            Backend::Neuron => "neuron",
            Backend::Tpu => "tpu",
            Backend::Hpu => "hpu",
            Backend::Npu => "npu",
            Backend::WebGpu => "webgpu",
            Backend::WebNn => "webnn",
        }
    }

    /// Whether a test on this back-end holds a device unless it specifies otherwise.
    #[must_use]
    pub fn needs_accelerator(self) -> bool {
        !matches!(self, Backend::Cpu | Backend::OpenVino | Backend::WebGpu | Backend::WebNn)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is not that of a back-end. Where back-ends are named, `any` is allowed too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown back-end {0:?}; known are cpu, cuda, rocm, mps, xpu, openvino, qnn, neuron, tpu, hpu, npu, webgpu, webnn and any"
)]
pub struct BackendError(pub String);

impl FromStr for Backend {
    type Err = BackendError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == text)
            .ok_or_else(|| BackendError(text.chars().take(80).collect()))
    }
}

/// The manufacturer of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    Nvidia,
    Amd,
    Intel,
    Apple,
    Qualcomm,
    Google,
    Aws,
    Huawei,
    Habana,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Vendor::Nvidia => "nvidia",
            Vendor::Amd => "amd",
            Vendor::Intel => "intel",
            Vendor::Apple => "apple",
            Vendor::Qualcomm => "qualcomm",
            Vendor::Google => "google",
            Vendor::Aws => "aws",
            Vendor::Huawei => "huawei",
            Vendor::Habana => "habana",
        })
    }
}

/// One device of a worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Accelerator {
    /// Number of the device in the listing of the vendor's tool.
    pub index: u16,
    pub vendor: Vendor,
    /// Product name, as the vendor's tool prints it.
    pub model: String,
    /// Permanent id by which tests are pinned to the device (`GPU-…`); empty if the tool reports none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// The back-end that uses the device.
    pub backend: Backend,
    /// CUDA compute capability (`9.0`) or AMD target (`gfx942`); empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// Total memory of the device; 0 if it is unknown. [`Self::memory`] distinguishes the two.
    #[serde(default)]
    pub memory_bytes: u64,
}

impl Accelerator {
    /// Total memory of the device, in bytes; None if it is unknown.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        (self.memory_bytes > 0).then_some(self.memory_bytes)
    }
}
