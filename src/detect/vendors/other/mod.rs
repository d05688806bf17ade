//! Devices of the vendors that have one kind of accelerator.

pub(super) mod ascend;
pub(super) mod gaudi;
pub(super) mod neuron;
pub(super) mod nodes;
#[cfg(test)]
mod tests;
