//! Flags that several commands share, and parsers of values. The flags of one command are
//! beside that command.

pub mod machine;
pub mod models;
pub mod results;
pub mod shared;
pub mod values;
pub mod with;
