//! The work of a generated test, as far as its requirements depend on it.

use crate::domain::accelerator::Backend;

/// The work of one generated test.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    pub family: &'a str,
    /// Number of inputs that are processed together.
    pub batch: u64,
    /// Number of tokens of one input.
    pub tokens: u64,
    /// Number of generated tokens; 0 if the test does not generate.
    pub new_tokens: u64,
    /// Edge of the image in pixels; 0 for that of the configuration, or the default of the family.
    pub image: u64,
    /// Length of the sound, in seconds.
    pub audio_seconds: f64,
    /// Size of a number on the device, in bytes: 4 or 2.
    pub width: u64,
    /// Whether attention stores its scores.
    pub eager_attention: bool,
    /// The back-end of a test that holds a device.
    pub backend: Option<Backend>,
    pub runtime: Runtime,
    pub role: ScriptRole,
    pub weights: WeightsSource,
    /// Minimum number of measured runs.
    pub iterations: u64,
    /// Minimum duration of the measured runs, in seconds.
    pub min_seconds: f64,
    /// Number of runs before the measured ones.
    pub warm_up: u64,
}

/// The library that runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    Torch,
    /// A library that reads a graph which torch exports.
    Exported,
}

/// The purpose of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptRole {
    /// Tests, and computes its own reference.
    Test,
    /// Tests, and compares with a reference from another script.
    Compares,
    /// Computes the reference for other scripts.
    Reference,
    /// Loads the model and runs it once.
    Load,
}

/// The source of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightsSource {
    /// Random weights; nothing is read.
    Random,
    /// Files, from a cache or downloaded.
    Published,
    /// Files if available, otherwise random weights.
    Either,
}
