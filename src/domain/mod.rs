//! The vocabulary of dtf: ids, amounts, requirements, tests, leases, outcomes, events.
//!
//! Plain values without clock, input or output. Everything above imports these
//! types; this module imports nothing of dtf. A type that plan files, the wire
//! and the log carry unchanged derives serde here, once
//! (`docs/decisions/0002-one-serde-shape-for-specs.md`).

pub mod accelerator;
pub mod access;
pub mod backoff;
pub mod capability;
pub mod causes;
pub mod digest;
pub mod fact;
pub mod id;
pub mod launch;
pub mod name;
pub mod outcome;
pub mod priority;
pub mod requirement;
pub mod retry;
pub mod tag;
pub mod template;
pub mod test;
pub mod text;
pub mod time;
