//! The agent on a machine that runs tests.

pub mod machine;
