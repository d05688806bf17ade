//! The pages, one file each: gets the documents of the API, and turns them into the values of a
//! template. The second step is pure.

pub(super) mod now;
pub(super) mod workers;
