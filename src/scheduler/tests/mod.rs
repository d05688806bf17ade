//! The scheduler from outside: requests in, facts and replies out, promises checked after each fact.

mod demand;
mod engine;
mod harness;
mod leases;
mod placement;
mod properties;
mod runs;
mod templates;
