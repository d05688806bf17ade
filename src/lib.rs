//! dtf tests AI models on every kind of hardware.
//!
//! The modules are listed by floor. A module imports only modules of lower floors
//! (`tests/architecture.rs`).

// floor 0: vocabulary, and the data of the binary
pub mod assets;
pub mod domain;
// floor 1: tools for texts
pub mod text;
// floor 2: back-ends as data
pub mod backends;
// floor 3: pure engines
pub mod models;
pub mod scheduler;
pub mod trends;
// floor 4: templates of tests
pub mod templates;
// floor 5: plans, and scripts of deployments
pub mod deploy;
pub mod plan;
// floor 6: the operating system
pub mod sys;
// floor 7: one technology each
pub mod api;
pub mod blobs;
pub mod log;
pub mod store;
// floor 8: tools
pub mod client;
pub mod detect;
pub mod results;
// floor 9: sources of tests
pub mod gather;
// floor 10: roles
pub mod coordinator;
pub mod worker;
// floor 11
pub mod config;
// floor 12
pub mod cli;
