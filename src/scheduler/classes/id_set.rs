//! Sets of small numbers, one bit each: classes and weights, of which a claim compares many.
//!
//! The size is one bit for each number up to the greatest one. All operations on one number take
//! constant time.

/// A set of numbers.
#[derive(Debug, Clone, Default)]
pub(in crate::scheduler) struct IdSet {
    words: Vec<u64>,
}

const BITS: u32 = u64::BITS;

/// The word and the bit of a number.
fn place(id: u32) -> (usize, u64) {
    ((id / BITS) as usize, 1 << (id % BITS))
}

impl IdSet {
    pub fn contains(&self, id: u32) -> bool {
        let (word, bit) = place(id);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether the number is new.
    pub fn insert(&mut self, id: u32) -> bool {
        let (word, bit) = place(id);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Whether the number was there.
    pub fn remove(&mut self, id: u32) -> bool {
        let (word, bit) = place(id);
        let Some(bits) = self.words.get_mut(word) else { return false };
        let was_there = *bits & bit != 0;
        *bits &= !bit;
        was_there
    }

    /// The numbers of both sets, in ascending order.
    pub fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let both = self.words.iter().zip(&other.words).map(|(one, two)| one & two);
        (0u32..).zip(both).flat_map(|(word, bits)| Ones(bits).map(move |bit| word * BITS + bit))
    }
}

impl FromIterator<u32> for IdSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

/// The positions of the bits that are set.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(
            one in prop::collection::vec((0u32..300, any::<bool>()), 0..200),
            two in prop::collection::vec(0u32..300, 0..200),
        ) {
            let (mut set, mut plain) = (IdSet::default(), BTreeSet::new());
            for (id, is_added) in one {
                if is_added {
                    prop_assert_eq!(set.insert(id), plain.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), plain.remove(&id));
                }
            }
            prop_assert!((0..400).all(|id| set.contains(id) == plain.contains(&id)));
            let other: BTreeSet<u32> = two.iter().copied().collect();
            let both: Vec<u32> = plain.intersection(&other).copied().collect();
            prop_assert_eq!(set.common(&two.into_iter().collect()).collect::<Vec<_>>(), both);
        }
    }
}
