//! The vocabulary of dtf: ids, amounts, requirements, tests, leases, outcomes, facts.
//!
//! The module contains plain values, without clock, input or output. All other modules may import it,
//! and it imports none of them. A type that plan files, the API and the log carry in the same form
//! derives serde here (`docs/decisions/0002-one-serde-shape-for-specs.md`).

pub mod accelerator;
pub mod access;
pub mod added;
pub mod capability;
pub mod causes;
pub mod digest;
pub mod fact;
pub mod findings;
pub mod held_weights;
pub mod id;
pub mod launch;
pub mod lease_limit;
pub mod name;
pub mod outcome;
pub mod priority;
pub mod requirement;
pub mod retry;
pub mod series;
pub mod storage_id;
pub mod tag;
pub mod test;
pub mod text;
pub mod time;
pub mod weights;
