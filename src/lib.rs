//! dtf tests AI models on every kind of hardware.
//!
//! The modules are listed by floor. A module imports only modules of lower floors
//! (`tests/architecture.rs`).

// floor 0: vocabulary, and the data of the binary
pub mod assets;
pub mod domain;
// floor 1: tools for texts
pub mod text;
// floor 2: pure engines
pub mod models;
pub mod scheduler;
// floor 3: templates of tests
pub mod templates;
// floor 4: plans
pub mod plan;
// floor 5: the operating system
pub mod sys;
// floor 6: one technology each
pub mod api;
pub mod blobs;
pub mod log;
pub mod store;
// floor 7: tools
pub mod client;
pub mod detect;
pub mod junit;
pub mod results;
// floor 8: sources of tests
pub mod gather;
// floor 9: roles
pub mod coordinator;
pub mod worker;
// floor 10
pub mod config;
// floor 11
pub mod cli;
