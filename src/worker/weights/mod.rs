//! The weights of tests on this machine: finds them where they are, or fetches them into a cache.
//!
//! [`sources::WeightSources::ensure`] returns a directory with verified files for the weights that a launch names. `store`
//! is the cache, in the directory that `layout` describes; `chunks` fetches from the coordinator,
//! `remote` from a hub or a web server. Coordinator and hub never see the files of the machine.

mod address;
pub mod alive;
pub mod chunks;
pub mod error;
mod hub;
pub mod layout;
pub mod limit;
pub mod model_cache;
pub mod patience;
mod plan;
pub mod progress;
pub mod record;
mod remote;
mod room;
pub mod sources;
pub mod store;
mod target;
#[cfg(test)]
mod tests;
