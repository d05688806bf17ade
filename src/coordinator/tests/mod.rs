//! Scenarios over real sockets: a coordinator on port 0, and the client.

mod bodies;
mod compaction;
mod disk;
mod files;
mod harness;
mod journey;
mod refusals;
mod repair;
mod templates;
