//! Counts the tests that run on this worker at the same time as an attempt, and finds out whether they
//! shared a device with it. Both influence every measured time.
//!
//! Limit: attempts of other workers and other programs on the same machine are not counted.
//!
//! Promise: an attempt counts from [`Neighbours::enter`] until its [`Presence`] is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The running programs of a worker.
#[derive(Debug, Clone, Default)]
pub struct Neighbours(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    next: u64,
    programs: BTreeMap<u64, Encounters>,
}

#[derive(Debug)]
struct Encounters {
    /// Ids of the devices that the program holds.
    devices: Vec<String>,
    most: usize,
    shared: bool,
}

/// A running program.
#[derive(Debug)]
pub struct Presence {
    neighbours: Neighbours,
    key: u64,
}

/// The other programs that a program has met while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Maximum number of other programs at the same time.
    pub most: usize,
    /// Number of other programs at its end.
    pub at_end: usize,
    /// Whether another program held one of its devices. `None` for a program without devices.
    pub device_shared: Option<bool>,
}

impl Neighbours {
    /// A program starts that holds these devices.
    #[must_use]
    pub fn enter(&self, devices: Vec<String>) -> Presence {
        let mut running = self.lock();
        let key = running.next;
        running.next += 1;
        let most = running.programs.len();
        let mut entering = Encounters { devices, most, shared: false };
        for other in running.programs.values_mut() {
            other.most = other.most.max(most);
            let shares = other.devices.iter().any(|device| entering.devices.contains(device));
            other.shared |= shares;
            entering.shared |= shares;
        }
        running.programs.insert(key, entering);
        drop(running);
        Presence { neighbours: self.clone(), key }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// The programs that it has met so far, as if it ended now.
    #[must_use]
    pub fn met(&self) -> Met {
        let running = self.neighbours.lock();
        let at_end = running.programs.len().saturating_sub(1);
        let own = running.programs.get(&self.key);
        Met {
            most: own.map_or(at_end, |own| own.most),
            at_end,
            device_shared: own.filter(|own| !own.devices.is_empty()).map(|own| own.shared),
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.neighbours.lock().programs.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(devices: &[&str]) -> Vec<String> {
        devices.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn programs_count_while_they_run_at_the_same_time() {
        let neighbours = Neighbours::default();
        let first = neighbours.enter(Vec::new());
        assert_eq!(first.met(), Met { most: 0, at_end: 0, device_shared: None });
        let (second, third) = (neighbours.enter(Vec::new()), neighbours.enter(Vec::new()));
        drop(second);
        assert_eq!(first.met(), Met { most: 2, at_end: 1, device_shared: None });
        drop(first);
        // The third one began when two others ran.
        assert_eq!(third.met(), Met { most: 2, at_end: 0, device_shared: None });
        drop(third);
        assert_eq!(
            neighbours.enter(Vec::new()).met(),
            Met { most: 0, at_end: 0, device_shared: None }
        );
    }

    #[test]
    fn a_device_is_shared_once_another_program_has_held_it() {
        let neighbours = Neighbours::default();
        let (both, other) = (neighbours.enter(ids(&["a", "b"])), neighbours.enter(ids(&["c"])));
        assert_eq!(both.met().device_shared, Some(false));
        let second = neighbours.enter(ids(&["b"]));
        drop(second);
        assert_eq!(both.met(), Met { most: 2, at_end: 1, device_shared: Some(true) });
        assert_eq!(other.met().device_shared, Some(false));
        let later = neighbours.enter(ids(&["b"]));
        assert_eq!(later.met().device_shared, Some(true));
    }
}
