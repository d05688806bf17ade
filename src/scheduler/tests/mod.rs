//! The scheduler from outside: commands in, facts out, promises checked after every step.

mod harness;
mod leases;
mod placement;
mod properties;
mod runs;
mod templates;
