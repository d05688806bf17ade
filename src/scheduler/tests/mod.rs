//! The scheduler from outside: requests in, facts and replies out, promises checked after each fact.

mod changes;
mod corrections;
mod deadlines;
mod demand;
mod engine;
mod harness;
mod late;
mod leases;
mod marks;
mod placement;
mod properties;
mod runs;
mod templates;
mod weights;
