//! The size of facts in memory and in a transaction, as far as it matters for limits.

use crate::domain::fact::Fact;

/// Size of a fact without its texts, in bytes. It also covers its rows.
const FACT_BYTES: usize = 256;
/// Size of a test, a grant or a notice without its texts, in bytes.
const PART_BYTES: usize = 128;

/// Approximate size of a fact in bytes, at least the size of its texts.
#[must_use]
pub fn weight(fact: &Fact) -> usize {
    FACT_BYTES
        + match fact {
            Fact::AttemptFinished { detail, .. } | Fact::LateResult { detail, .. } => {
                detail.as_ref().map_or(0, |text| text.get().len())
            }
            Fact::TestsAdded { tests, .. } => tests
                .iter()
                .map(|test| PART_BYTES + test.name.len() + test.launch.get().len())
                .sum(),
            Fact::LeasesGranted { grants, .. } => grants.len() * PART_BYTES,
            Fact::LeasesRecalled { notices, .. } | Fact::RunCancelled { notices, .. } => {
                notices.len() * PART_BYTES
            }
            // These have short texts only.
            _ => 0,
        }
}
