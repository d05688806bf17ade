//! Tools for texts that people write: YAML and JSON with positions, limits on depth and size,
//! typed fields with errors that name file, line and field, quantities, suggestions for names
//! that were mistyped, patterns of paths, Python literals.
//!
//! Pure. The limits are constants beside their types.

pub mod depth;
pub mod error;
pub mod fields;
pub mod glob;
pub mod locate;
pub mod node;
pub mod python;
pub mod python_json;
pub mod quantity;
pub mod render;
pub mod source;
pub mod suggest;
