//! Schemas of the machine of a worker: its capability, its devices and their speed.

use super::names::{Backend, ShortName, Tag, Vendor};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Hardware and software of a worker.
#[derive(ToSchema)]
pub struct Capability {
    #[schema(example = "linux")]
    pub os: ShortName,
    #[schema(example = "x86_64")]
    pub arch: ShortName,
    /// Kind of the container in which the worker runs, such as `docker`; absent for none.
    #[schema(required = false, nullable = false)]
    pub container: Option<String>,
    /// Product name of the processor; absent if it is unknown.
    #[schema(required = false, nullable = false)]
    pub cpu_model: Option<String>,
    /// CPU in thousandths of a core.
    #[schema(minimum = 1, maximum = 16_384_000)]
    pub cpu_milli: u64,
    #[schema(minimum = 1, maximum = 1_125_899_906_842_624_u64)]
    pub memory_bytes: u64,
    /// Maximum number of tests at a time.
    #[schema(minimum = 1, maximum = 4096)]
    pub slots: u32,
    #[schema(min_items = 1)]
    pub backends: Vec<Backend>,
    #[schema(required = false, nullable = false, max_items = 64)]
    pub accelerators: Option<Vec<Accelerator>>,
    #[schema(required = false, nullable = false, max_items = 64)]
    pub tags: Option<Vec<Tag>>,
    /// Devices that no test may use, each with its state and the reason.
    #[schema(required = false, nullable = false, max_items = 64)]
    pub unusable: Option<Vec<Accelerator>>,
    /// Kinds of devices whose detection failed, with the reasons. The worker may have such devices.
    #[schema(required = false, nullable = false)]
    pub detection_errors: Option<Vec<String>>,
}

/// The speed of a worker in a short benchmark.
#[derive(ToSchema)]
pub struct Calibration {
    /// Time by the clock of the worker.
    pub measured_at: u64,
    /// Number of CPU threads that measured at the same time.
    pub threads: u32,
    /// Floating-point operations (fp32) of all threads, per second.
    pub compute: Speed,
    /// Bytes that all threads read and wrote in memory, per second.
    pub memory: Speed,
    /// The same of devices, by the id of the device.
    #[schema(required = false, nullable = false)]
    pub devices: Option<BTreeMap<String, DeviceSpeed>>,
}

/// The speed of a device.
#[derive(ToSchema)]
pub struct DeviceSpeed {
    pub compute: Speed,
    pub memory: Speed,
}

/// The median of several measurements, and their spread.
#[derive(ToSchema)]
pub struct Speed {
    pub per_second: f64,
    /// Interquartile range in proportion to the median.
    pub spread: f64,
}

/// One device of a worker.
#[derive(ToSchema)]
pub struct Accelerator {
    /// Number of the device among those of its worker.
    #[schema(maximum = 65535)]
    pub index: u16,
    /// Number of the device in the list of the tool of the vendor, if it is not `index`.
    #[schema(required = false, maximum = 65535)]
    pub number: Option<u16>,
    pub vendor: Vendor,
    pub model: ShortName,
    #[schema(required = false, nullable = false)]
    pub uuid: Option<String>,
    /// The back-ends that use the device, with the evidence.
    pub backends: BTreeMap<Backend, Proof>,
    #[schema(required = false, nullable = false)]
    pub architecture: Option<String>,
    /// 0 if the memory is unknown.
    #[schema(required = false, nullable = false, maximum = 1_125_899_906_842_624_u64)]
    pub memory_bytes: Option<u64>,
    /// Origin of the memory size, such as `nvidia-smi`.
    #[schema(required = false, nullable = false)]
    pub memory_source: Option<String>,
    /// The memory was computed or assumed, not reported.
    #[schema(required = false, nullable = false)]
    pub memory_estimated: Option<bool>,
    /// The device uses the memory of the processor.
    #[schema(required = false, nullable = false)]
    pub unified: Option<bool>,
    /// Id of the device that this one is a part of.
    #[schema(required = false, nullable = false)]
    pub partition_of: Option<String>,
    /// Numbers of the cores of the device, if its runtime names cores instead of devices.
    #[schema(required = false, nullable = false, max_items = 256)]
    pub cores: Option<Vec<CoreNumber>>,
    #[schema(required = false, nullable = false)]
    pub driver: Option<String>,
    #[schema(required = false, nullable = false)]
    pub state: Option<DeviceState>,
    /// Reason for a state other than `ok`.
    #[schema(required = false, nullable = false)]
    pub reason: Option<String>,
}

/// Number of a core of a device.
#[derive(ToSchema)]
#[schema(maximum = 65_535)]
pub struct CoreNumber(pub u16);

/// The evidence that a back-end can use a device. Tests need a driver or a runtime.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Proof {
    Hardware,
    Driver,
    Runtime,
}

/// Whether tests can run on a device.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum DeviceState {
    Ok,
    Degraded,
    Unusable,
}
