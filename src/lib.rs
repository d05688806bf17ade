//! dtf: tests AI models on every kind of hardware.
//!
//! Modules in floor order; a module imports only lower floors (`tests/architecture.rs`).

// floor 0: vocabulary
pub mod domain;
// floor 1: pure engines
pub mod plan;
pub mod scheduler;
// floor 2: one technology each
pub mod api;
pub mod blobs;
pub mod log;
pub mod store;
pub mod sys;
// floor 3: tools
pub mod client;
pub mod detect;
pub mod results;
// floor 4: roles
pub mod coordinator;
pub mod worker;
// floor 5
pub mod config;
// floor 6
pub mod cli;
