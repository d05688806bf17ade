//! Weights of a submission that the coordinator must have before its tests are submitted.

use crate::domain::weights::Manifest;
use std::path::PathBuf;
use std::sync::Arc;

/// The files of a directory, and where they are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedWeights {
    pub manifest: Arc<Manifest>,
    /// Directory of the paths of the manifest.
    pub root: PathBuf,
    /// Name for people.
    pub name: String,
    /// Workers read the files themselves, so only the manifest is sent.
    pub in_place: bool,
}
