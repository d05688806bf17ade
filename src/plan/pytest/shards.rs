//! Items in shards of about equal time: the longest first, each to the shard with the least.

use crate::plan::pytest::markers;
use crate::plan::pytest::{Item, MAX_SHARD_BYTES, MAX_SHARD_ITEMS, Suite, USUAL_SECONDS};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;

/// Items that one command runs, in the order of the suite.
pub(super) struct Shard {
    pub ids: Vec<String>,
    /// Expected time, where some of the items were measured.
    pub measured_ms: Option<u64>,
}

/// Items that must stay together.
struct Bundle {
    items: Vec<usize>,
    millis: u64,
    bytes: usize,
}

/// `members` are positions in `items`, ascending.
pub(super) fn split(suite: &Suite, items: &[Item], members: &[usize]) -> Vec<Shard> {
    let bundles = bundles(suite, items, members);
    let total: u64 = bundles.iter().map(|bundle| bundle.millis).sum();
    let count: usize = bundles.iter().map(|bundle| bundle.items.len()).sum();
    let bytes: usize = bundles.iter().map(|bundle| bundle.bytes).sum();
    let most = millis(suite.shard_seconds).max(1);
    let by_time = usize::try_from(total.div_ceil(most)).unwrap_or(usize::MAX);
    // Twice as many as limits alone ask for, so that uneven bundles fit.
    let by_size = 2 * (count / MAX_SHARD_ITEMS).max(bytes / MAX_SHARD_BYTES) + 1;
    let wanted = by_time.max(by_size).clamp(1, bundles.len().max(1));
    fill(bundles, wanted)
        .into_iter()
        .map(|(mut positions, time)| {
            positions.sort_unstable();
            let measured = positions.iter().any(|at| suite.seconds.contains_key(&items[*at].id));
            let ids = positions.into_iter().map(|at| items[at].id.clone()).collect();
            // What took no time that a clock can tell is written as the least there is.
            Shard { ids, measured_ms: measured.then_some(time.max(1)) }
        })
        .collect()
}

fn bundles(suite: &Suite, items: &[Item], members: &[usize]) -> Vec<Bundle> {
    let mut known: Vec<f64> = suite.seconds.values().copied().filter(|s| s.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    let usual = known.get(known.len() / 2).copied().unwrap_or(USUAL_SECONDS);
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut together: BTreeMap<&str, usize> = BTreeMap::new();
    for at in members {
        let item = &items[*at];
        let millis = millis(suite.seconds.get(&item.id).copied().unwrap_or(usual));
        let place = match markers::group(item) {
            Some(group) => *together.entry(group).or_insert(bundles.len()),
            None => bundles.len(),
        };
        if place == bundles.len() {
            bundles.push(Bundle { items: Vec::new(), millis: 0, bytes: 0 });
        }
        let bundle = &mut bundles[place];
        bundle.items.push(*at);
        bundle.millis = bundle.millis.saturating_add(millis);
        bundle.bytes += item.id.len() + 1;
    }
    bundles
}

/// Longest processing time first. A shard that is full takes no more; a new one is opened.
fn fill(mut bundles: Vec<Bundle>, wanted: usize) -> Vec<(Vec<usize>, u64)> {
    bundles.sort_by_key(|bundle| (Reverse(bundle.millis), bundle.items.first().copied()));
    let mut shards: Vec<(Vec<usize>, u64, usize)> = vec![(Vec::new(), 0, 0); wanted];
    let mut free: BinaryHeap<Reverse<(u64, usize)>> =
        (0..wanted).map(|at| Reverse((0, at))).collect();
    for bundle in bundles {
        let fits = |shard: &(Vec<usize>, u64, usize)| {
            shard.0.is_empty()
                || (shard.0.len() + bundle.items.len() <= MAX_SHARD_ITEMS
                    && shard.2 + bundle.bytes <= MAX_SHARD_BYTES)
        };
        let place = loop {
            match free.pop() {
                Some(Reverse((_, at))) if fits(&shards[at]) => break at,
                // Full: left out from now on.
                Some(_) => {}
                None => {
                    shards.push((Vec::new(), 0, 0));
                    break shards.len() - 1;
                }
            }
        };
        let shard = &mut shards[place];
        shard.0.extend(bundle.items);
        shard.1 = shard.1.saturating_add(bundle.millis);
        shard.2 += bundle.bytes;
        free.push(Reverse((shard.1, place)));
    }
    let used = shards.into_iter().filter(|(items, _, _)| !items.is_empty());
    let mut used: Vec<_> = used.map(|(items, millis, _)| (items, millis)).collect();
    used.sort_by_key(|(items, _)| items.iter().min().copied());
    used
}

fn millis(seconds: f64) -> u64 {
    let span = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
