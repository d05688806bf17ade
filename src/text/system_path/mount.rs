//! A directory that two systems see at different places.

use super::parsed::Parsed;

/// A directory that two systems see at different places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub(super) left: Parsed,
    pub(super) right: Parsed,
}
