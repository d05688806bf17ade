//! Tools for texts that people write: YAML and JSON with positions and limits, typed fields,
//! quantities, suggestions for mistyped names, patterns, selections of tests, templates, Python literals, invisible characters.
//!
//! ```text
//! bytes ─ source (size, depth) ─ node (tree) ─ fields (ValueError, FieldError) ─ locate (SourceError)
//! ```
//! Pure. Limits are constants beside their types.

pub mod chart;
pub mod depth;
pub mod error;
pub mod fields;
pub mod glob;
pub mod invisible;
pub mod locate;
pub mod node;
pub mod python;
pub mod python_json;
pub mod quantity;
pub mod render;
pub mod selection;
pub mod source;
pub mod suggest;
pub mod system_path;
