//! The details that were read last. A page about a test reads the same detail for its attempts, its explanation and
//! its output, and the database decompresses those of 2,048 attempts for one.
//!
//! Limit: [`MAX_BYTES`]. Promise: a detail is the stored one, because a stored attempt never changes.

use crate::domain::id::AttemptId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Maximum size of all details, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of details.
const MAX_DETAILS: usize = 64;

/// A detail. `None`: the attempt has none.
type Detail = (AttemptId, Option<String>);

#[derive(Default)]
pub(in crate::store) struct Recent(Mutex<VecDeque<Detail>>);

impl Recent {
    /// The details of these attempts, if all of them are there.
    pub fn get(&self, attempts: &[AttemptId]) -> Option<HashMap<AttemptId, String>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashMap::new();
        for wanted in attempts {
            let (attempt, detail) = recent.iter().find(|(attempt, _)| attempt == wanted)?;
            found.extend(detail.as_ref().map(|detail| (*attempt, detail.clone())));
        }
        Some(found)
    }

    /// Keeps the details of these attempts, of which at least one was not there, if they are few. The oldest ones make room.
    pub fn keep(&self, attempts: &[AttemptId], details: &HashMap<AttemptId, String>) {
        let size = |detail: &Option<String>| detail.as_ref().map_or(0, String::len);
        let new: usize = details.values().map(String::len).sum();
        if attempts.len() > MAX_DETAILS || new > MAX_BYTES {
            return;
        }
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(attempt, _)| !attempts.contains(attempt));
        let mut total = new + recent.iter().map(|(_, detail)| size(detail)).sum::<usize>();
        while total > MAX_BYTES || recent.len() + attempts.len() > MAX_DETAILS {
            let Some((_, oldest)) = recent.pop_front() else { break };
            total -= size(&oldest);
        }
        recent.extend(attempts.iter().map(|attempt| (*attempt, details.get(attempt).cloned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunId, TestId};

    fn attempt(index: u32) -> AttemptId {
        TestId { run: RunId(1), index }.attempt(1)
    }

    fn keep(recent: &Recent, index: u32, bytes: usize) {
        let details = HashMap::from([(attempt(index), "x".repeat(bytes))]);
        recent.keep(&[attempt(index)], &details);
    }

    #[test]
    fn the_oldest_details_make_room() {
        let recent = Recent::default();
        keep(&recent, 1, MAX_BYTES / 2);
        keep(&recent, 2, MAX_BYTES / 2);
        let has = |index| recent.get(&[attempt(index)]).is_some();
        assert!(has(1) && has(2));
        keep(&recent, 3, 1);
        assert!(!has(1) && has(2) && has(3));
        keep(&recent, 4, MAX_BYTES + 1);
        assert!(has(2) && !has(4), "one that is too large is not kept");
        for index in 10..10 + MAX_DETAILS as u32 {
            keep(&recent, index, 1);
        }
        assert!(!has(3) && has(10));
    }

    #[test]
    fn all_details_are_there_or_none() {
        let recent = Recent::default();
        recent.keep(&[attempt(1), attempt(2)], &HashMap::from([(attempt(2), "{}".to_owned())]));
        let found = recent.get(&[attempt(2), attempt(1)]).expect("both are known");
        assert_eq!(found, HashMap::from([(attempt(2), "{}".to_owned())]), "the first has none");
        assert_eq!(recent.get(&[attempt(2), attempt(3)]), None);
    }
}
