//! Scenarios over real sockets: a coordinator on port 0, and the client.

mod after_compaction;
mod bodies;
mod compaction;
mod confirm;
mod database;
mod disk;
mod files;
mod harness;
mod held_weights;
mod interrupted;
mod journey;
mod large;
mod marks;
mod pages;
mod refusals;
mod repair;
mod snapshot;
mod templates;
mod weights;
