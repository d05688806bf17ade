//! Back-ends that a test can ask for, and the devices behind them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The software path that runs a model. One spelling everywhere.
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

    /// Whether a test on this back-end holds a device of its own unless it says otherwise.
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

/// A back-end that dtf does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown back-end {0:?}; known are cpu, cuda, rocm, mps, xpu, openvino, qnn, neuron, tpu, hpu, npu, webgpu, webnn and any"
)]
pub struct UnknownBackend(pub String);

impl FromStr for Backend {
    type Err = UnknownBackend;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == text)
            .ok_or_else(|| UnknownBackend(text.chars().take(80).collect()))
    }
}

/// Who made a device.
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
    /// Position in the vendor tool's listing.
    pub index: u16,
    pub vendor: Vendor,
    /// Product name as the vendor's tool prints it.
    pub model: String,
    /// Stable name that device pins use (`GPU-…`), empty where the tool gives none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// Back-end that drives it.
    pub backend: Backend,
    /// CUDA compute capability (`9.0`) or AMD target (`gfx942`), empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// Total device memory; 0 when it is unknown. Ask [`Self::memory`].
    #[serde(default)]
    pub memory_bytes: u64,
}

impl Accelerator {
    /// Total device memory; None when it is unknown.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        (self.memory_bytes > 0).then_some(self.memory_bytes)
    }
}
