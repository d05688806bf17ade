//! Stored weights by their key and name.

/// Weights, whichever place has them.
#[derive(Debug, Clone)]
pub struct Item {
    /// `sha256:DIGEST` or `MODEL@COMMIT`.
    pub key: String,
    /// Name for people; empty if there is none.
    pub name: String,
    /// Only a manifest is stored.
    pub in_place: bool,
}
