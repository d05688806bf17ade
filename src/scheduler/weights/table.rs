//! The keys of weights as numbers, and the weights of one worker.
//!
//! A worker has weights if it has reported them, or if one of its seats uses them: then its cache
//! keeps or fetches them. A claim compares numbers; keys are compared when a class is made and when a
//! worker reports.

use crate::domain::held_weights::HeldWeights;
use crate::domain::weights::WeightsKey;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The number of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scheduler) struct WeightsId(pub u32);

/// The weights of the tests of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scheduler) struct ClassWeights {
    pub id: WeightsId,
    /// Their size; 0 if it is unknown.
    pub bytes: u64,
}

/// How far the weights of a test are from a worker, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scheduler) enum Distance {
    /// The worker has them, or the test needs none.
    Here,
    /// No worker has them.
    Nowhere,
    /// Other workers have them, which can run the test without fetching them.
    Elsewhere,
}

/// All keys that a class or a report of a worker names.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct WeightsTable {
    by_key: HashMap<WeightsKey, WeightsId>,
    slots: Vec<Slot>,
    /// Number of workers that have the weights, by the number of their key.
    workers: Vec<u32>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    /// `None` in a free slot.
    key: Option<WeightsKey>,
    /// Number of classes and reports that name the key.
    names: u32,
}

impl WeightsTable {
    /// The number of a key, which is named once more.
    pub fn name(&mut self, key: &WeightsKey) -> WeightsId {
        let id = self.by_key.get(key).copied().unwrap_or_else(|| {
            let slot = Slot { key: Some(key.clone()), ..Slot::default() };
            let id = if let Some(free) = self.free.pop() {
                self.slots[free as usize] = slot;
                WeightsId(free)
            } else {
                self.slots.push(slot);
                self.workers.push(0);
                WeightsId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
            };
            self.by_key.insert(key.clone(), id);
            id
        });
        if let Some(slot) = self.slot(id) {
            slot.names += 1;
        }
        id
    }

    /// The key is named once less, and forgotten when nothing names it.
    pub fn unname(&mut self, id: WeightsId) {
        let Some(slot) = self.slot(id) else { return };
        slot.names = slot.names.saturating_sub(1);
        if slot.names == 0
            && let Some(key) = slot.key.take()
        {
            self.by_key.remove(&key);
            self.free.push(id.0);
        }
    }

    /// Number of workers that have the weights.
    pub fn workers(&self, id: WeightsId) -> u32 {
        self.workers.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// Numbers of names and of workers of each key.
    pub fn counts(&self) -> BTreeMap<WeightsId, (u32, u32)> {
        let slots = (0..).map(WeightsId).zip(&self.slots);
        let named = slots.filter(|(_, slot)| slot.key.is_some());
        named.map(|(id, slot)| (id, (slot.names, self.workers(id)))).collect()
    }

    fn at_one_more(&mut self, id: WeightsId) {
        if let Some(workers) = self.workers.get_mut(id.0 as usize) {
            *workers += 1;
        }
    }

    fn at_one_less(&mut self, id: WeightsId) {
        if let Some(workers) = self.workers.get_mut(id.0 as usize) {
            *workers = workers.saturating_sub(1);
        }
    }

    fn slot(&mut self, id: WeightsId) -> Option<&mut Slot> {
        self.slots.get_mut(id.0 as usize)
    }
}

/// The weights of one worker.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct WorkerWeights {
    /// The last report; `None` before the first one.
    pub reported: Option<Arc<HeldWeights>>,
    /// The reported weights, sorted.
    pub held: Vec<WeightsId>,
    /// Number of seats that use weights of this size.
    used: BTreeMap<(WeightsId, u64), u32>,
    /// Size of all used weights together.
    pub used_bytes: u64,
    /// Reported and used weights, sorted: claims search here.
    here: Vec<WeightsId>,
}

impl WorkerWeights {
    pub fn has(&self, id: WeightsId) -> bool {
        self.here.binary_search(&id).is_ok()
    }

    /// Brings `here` up to date for one key, and the number of workers that have it.
    fn note(&mut self, id: WeightsId, table: &mut WeightsTable) {
        let is_used = || self.used.range((id, 0)..=(id, u64::MAX)).next().is_some();
        match (self.here.binary_search(&id), self.holds(id) || is_used()) {
            (Err(at), true) => {
                self.here.insert(at, id);
                table.at_one_more(id);
            }
            (Ok(at), false) => {
                self.here.remove(at);
                table.at_one_less(id);
            }
            _ => {}
        }
    }

    fn holds(&self, id: WeightsId) -> bool {
        self.held.binary_search(&id).is_ok()
    }

    fn capacity(&self) -> Option<u64> {
        self.reported.as_ref()?.capacity_bytes
    }

    /// Whether weights fit beside those that seats use.
    pub fn has_room(&self, weights: Option<ClassWeights>) -> bool {
        let (Some(capacity), Some(ClassWeights { id, bytes })) = (self.capacity(), weights) else {
            return true;
        };
        bytes == 0 || self.has(id) || self.used_bytes.saturating_add(bytes) <= capacity
    }

    /// Whether weights are here, or fit if no others are used.
    pub fn could_have(&self, weights: Option<ClassWeights>) -> bool {
        let (Some(capacity), Some(ClassWeights { id, bytes })) = (self.capacity(), weights) else {
            return true;
        };
        bytes <= capacity || self.holds(id)
    }

    /// Checks the weights that seats use.
    ///
    /// # Errors
    /// They are not those of `seats`: the number of seats for each size of weights.
    pub fn check(&self, seats: &BTreeMap<(WeightsId, u64), u32>) -> Result<(), String> {
        let sum = seats.keys().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        if self.used == *seats && self.used_bytes == sum {
            Ok(())
        } else {
            Err(format!("seats use {seats:?}, counted {:?} ({})", self.used, self.used_bytes))
        }
    }

    /// A seat begins to use the weights.
    pub fn take(&mut self, weights: Option<ClassWeights>, table: &mut WeightsTable) {
        let Some(ClassWeights { id, bytes }) = weights else { return };
        let seats = self.used.entry((id, bytes)).or_insert(0);
        *seats += 1;
        if *seats == 1 {
            self.used_bytes = self.used_bytes.saturating_add(bytes);
            self.note(id, table);
        }
    }

    /// A seat no longer uses the weights.
    pub fn give_back(&mut self, weights: Option<ClassWeights>, table: &mut WeightsTable) {
        let Some(ClassWeights { id, bytes }) = weights else { return };
        let Some(seats) = self.used.get_mut(&(id, bytes)) else { return };
        *seats -= 1;
        if *seats == 0 {
            self.used.remove(&(id, bytes));
            self.used_bytes = self.used_bytes.saturating_sub(bytes);
            self.note(id, table);
        }
    }

    /// The process has ended: no seat uses weights.
    pub fn end_seats(&mut self, table: &mut WeightsTable) {
        let ids: BTreeSet<WeightsId> =
            std::mem::take(&mut self.used).into_keys().map(|(id, _)| id).collect();
        self.used_bytes = 0;
        for id in ids {
            self.note(id, table);
        }
    }

    /// Replaces the report; `None` when nothing is known any more.
    pub fn report(&mut self, report: Option<Arc<HeldWeights>>, table: &mut WeightsTable) {
        let mut held = BTreeSet::new();
        for key in report.iter().flat_map(|report| &report.keys) {
            let id = table.name(key);
            // A key that is listed twice counts once.
            if !held.insert(id) {
                table.unname(id);
            }
        }
        let before = std::mem::replace(&mut self.held, held.iter().copied().collect());
        for id in held {
            self.note(id, table);
        }
        for id in before {
            self.note(id, table);
            table.unname(id);
        }
        self.reported = report;
    }
}
