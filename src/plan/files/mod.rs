//! The files of a plan, which are sent with its tests: where they are, how they are read, and which of
//! them a path or pattern matches.

pub mod directory;
pub mod gatherer;
pub mod path;
pub mod planned;
