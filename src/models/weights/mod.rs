//! Finds the weights of a model: the files in its directory that contain them, and whether these
//! files are intact as far as their names, sizes and headers show.
//!
//! Each test repeats this check on the machine where it runs, before it loads the weights
//! (`templates/_shared/files_of_weights.py.j2`). The check here refuses unusable weights before
//! anything runs. Limits: [`MAX_ENTRIES`] names in a directory, [`MAX_READ_BYTES`] per file. Larger
//! headers are left to the test.

mod belonging;
mod choice;
mod directory;
pub mod formats;
mod graph;
mod header;
pub mod requested;
mod root;
mod search;
pub mod source;
#[cfg(test)]
mod tests;

pub use belonging::{Wanted, belonging};
pub use choice::WeightsNotes;
pub use graph::{Graph, GraphFormat};
pub use header::MAX_READ_BYTES;
pub use root::Root;

/// Maximum number of names in one directory.
pub const MAX_ENTRIES: usize = 20_000;
