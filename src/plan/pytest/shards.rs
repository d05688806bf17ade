//! Divides items into shards that take about equal time. Files are kept whole if they fit into a
//! shard. The longest unit is placed first, each into the shard that takes the least time so far.

use crate::plan::pytest::suite::{Item, MAX_SHARD_ITEMS, Suite, USUAL_SECONDS};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

/// Bounds of the default time of a shard, in milliseconds. The default is a quarter of the suite,
/// so that a few workers share a short suite. The bounds keep the start of pytest a small part of
/// it.
const MIN_MILLIS: u64 = 10_000;
const MAX_MILLIS: u64 = 60_000;
const USUAL_SHARDS: u64 = 4;

/// Items that one test runs, by position, in the order of the suite.
pub(super) struct Shard {
    pub members: Vec<usize>,
    /// Expected time in milliseconds, if an item was measured.
    pub measured_ms: Option<u64>,
}

/// Items that are placed together.
struct Unit {
    items: Vec<usize>,
    millis: u64,
}

/// Maximum time of a shard, in milliseconds.
pub(super) fn max_millis(suite: &Suite, items: &[Item]) -> u64 {
    if let Some(seconds) = suite.shard_seconds {
        return millis(seconds).max(1);
    }
    let usual = usual(suite);
    let total: u64 = items.iter().map(|item| time_of(suite, item, usual)).sum();
    (total / USUAL_SHARDS).clamp(MIN_MILLIS, MAX_MILLIS)
}

/// Divides `members`, which are ascending positions in `items`, into shards of at most
/// `max_millis`.
pub(super) fn split(
    suite: &Suite,
    items: &[Item],
    members: &[usize],
    max_millis: u64,
) -> Vec<Shard> {
    let units = units(suite, items, members, max_millis);
    let total: u64 = units.iter().map(|unit| unit.millis).sum();
    let by_time = usize::try_from(total.div_ceil(max_millis)).unwrap_or(usize::MAX);
    let by_size = members.len().div_ceil(MAX_SHARD_ITEMS);
    let wanted = by_time.max(by_size).clamp(1, units.len().max(1));
    fill(units, wanted)
        .into_iter()
        .map(|(mut members, time)| {
            members.sort_unstable();
            let measured = members.iter().any(|at| suite.seconds.contains_key(&items[*at].id));
            // A measured time of 0 ms is rounded up, because 0 would mean that there is no
            // measurement.
            Shard { members, measured_ms: measured.then_some(time.max(1)) }
        })
        .collect()
}

/// Time of an item that was not measured: the median of the others.
fn usual(suite: &Suite) -> u64 {
    let mut known: Vec<f64> = suite.seconds.values().copied().filter(|s| s.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    millis(known.get(known.len() / 2).copied().unwrap_or(USUAL_SECONDS))
}

fn time_of(suite: &Suite, item: &Item, usual: u64) -> u64 {
    suite.seconds.get(&item.id).map_or(usual, |seconds| millis(*seconds))
}

/// The file of an item, or the first part of its id.
fn file_of(item: &Item) -> &str {
    item.file.as_deref().unwrap_or_else(|| item.id.split("::").next().unwrap_or_default())
}

/// Units of items: whole files, except files with a measured time above `max_millis`, which are
/// divided by classes and shared state. Items that must run together are one unit across files.
fn units(suite: &Suite, items: &[Item], members: &[usize], max_millis: u64) -> Vec<Unit> {
    let usual = usual(suite);
    let mut times: HashMap<&str, u64> = HashMap::new();
    let mut measured: HashSet<&str> = HashSet::new();
    for at in members {
        let (item, file) = (&items[*at], file_of(&items[*at]));
        let time = times.entry(file).or_default();
        *time = time.saturating_add(time_of(suite, item, usual));
        if suite.seconds.contains_key(&item.id) {
            measured.insert(file);
        }
    }
    let is_split =
        |file: &str| measured.contains(file) && times.get(file).is_some_and(|t| *t > max_millis);
    let keys = |at: usize| {
        let item = &items[at];
        let file = file_of(item);
        let together = item.together.iter().map(|key| (String::new(), key.as_str()));
        let near = item.near.iter().map(move |key| (file.to_owned(), key.as_str()));
        let whole = (!is_split(file)).then(|| (file.to_owned(), ""));
        together.chain(near).chain(whole)
    };
    components(members, keys)
        .into_iter()
        .map(|positions| {
            let millis = positions.iter().map(|at| time_of(suite, &items[*at], usual)).sum();
            Unit { items: positions, millis }
        })
        .collect()
}

/// Groups of positions that are connected by equal keys, in the order of their first members.
pub(super) fn components<'a, K>(members: &[usize], keys: impl Fn(usize) -> K) -> Vec<Vec<usize>>
where
    K: Iterator<Item = (String, &'a str)>,
{
    // Union-find over the places in `members`: each place has an earlier parent, or itself.
    let mut parents: Vec<usize> = (0..members.len()).collect();
    let mut seen: HashMap<(String, &str), usize> = HashMap::new();
    for (place, at) in members.iter().enumerate() {
        for key in keys(*at) {
            let other = *seen.entry(key).or_insert(place);
            let (one, other) = (root(&mut parents, place), root(&mut parents, other));
            parents[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, at) in members.iter().enumerate() {
        let root = root(&mut parents, place);
        groups.entry(root).or_default().push(*at);
    }
    groups.into_values().collect()
}

fn root(parents: &mut [usize], mut place: usize) -> usize {
    while parents[place] != place {
        parents[place] = parents[parents[place]];
        place = parents[place];
    }
    place
}

/// Places the longest units first. If every shard is full, a new one is opened.
fn fill(mut units: Vec<Unit>, wanted: usize) -> Vec<(Vec<usize>, u64)> {
    units.sort_by_key(|unit| (Reverse(unit.millis), unit.items.first().copied()));
    let mut shards: Vec<(Vec<usize>, u64)> = vec![(Vec::new(), 0); wanted];
    let mut free: BinaryHeap<Reverse<(u64, usize)>> =
        (0..wanted).map(|at| Reverse((0, at))).collect();
    for unit in units {
        let fits = |shard: &(Vec<usize>, u64)| {
            shard.0.is_empty() || shard.0.len() + unit.items.len() <= MAX_SHARD_ITEMS
        };
        let place = loop {
            match free.pop() {
                Some(Reverse((_, at))) if fits(&shards[at]) => break at,
                // The shard is full and takes no further units.
                Some(_) => {}
                None => {
                    shards.push((Vec::new(), 0));
                    break shards.len() - 1;
                }
            }
        };
        let shard = &mut shards[place];
        shard.0.extend(unit.items);
        shard.1 = shard.1.saturating_add(unit.millis);
        free.push(Reverse((shard.1, place)));
    }
    let mut used: Vec<_> = shards.into_iter().filter(|(items, _)| !items.is_empty()).collect();
    used.sort_by_key(|(items, _)| items.iter().min().copied());
    used
}

fn millis(seconds: f64) -> u64 {
    let span = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
