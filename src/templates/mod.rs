//! Templates of tests: the layers that they come from, their front matter, and the checks that a
//! template must pass.
//!
//! Pure: the texts of a layer are read by the caller.

pub mod check;
pub mod front_matter;
pub mod library;
pub mod origin;
pub mod path;
pub mod quality;
pub mod template;
