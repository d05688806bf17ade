//! Sets of processors as the kernel writes them: lists such as `0-3,8` and masks such as `00000000,0000000f`.

use std::collections::BTreeSet;

/// Maximum number of a processor. The kernel supports at most 8192 processors.
const MAX_PROCESSOR: u32 = 16_383;

/// The processors in a list; None if it is malformed.
pub(super) fn list(text: &str) -> Option<BTreeSet<u32>> {
    let mut processors = BTreeSet::new();
    for range in text.trim().split(',').filter(|range| !range.trim().is_empty()) {
        // A stride such as `0-6:2/4` is written only by people.
        let (first, last) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > MAX_PROCESSOR {
            return None;
        }
        processors.extend(first..=last);
    }
    Some(processors)
}

/// The processors in a mask; None if it is malformed.
pub(super) fn mask(text: &str) -> Option<BTreeSet<u32>> {
    let digits: String = text.trim().chars().filter(|c| *c != ',').collect();
    let mut processors = BTreeSet::new();
    for (at, digit) in digits.chars().rev().enumerate() {
        let (digit, first) = (digit.to_digit(16)?, u32::try_from(at).ok()?.checked_mul(4)?);
        let set = (0..4).filter(|bit| digit >> bit & 1 == 1).map(|bit| first + bit);
        processors.extend(set);
        if processors.last().is_some_and(|last| *last > MAX_PROCESSOR) {
            return None;
        }
    }
    (!digits.is_empty()).then_some(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_masks_are_parsed() {
        for (text, expected) in [
            ("0-3,8,10-11\n", Some(vec![0, 1, 2, 3, 8, 10, 11])),
            ("5", Some(vec![5])),
            ("", Some(vec![])),
            ("\n", Some(vec![])),
            ("3-1", None),
            ("0-4294967295", None),
            ("0-99999", None),
            ("a", None),
            ("-1", None),
        ] {
            assert_eq!(list(text), expected.map(BTreeSet::from_iter), "{text:?}");
        }
        for (text, expected) in [
            ("00000000,0000000f\n", Some(vec![0, 1, 2, 3])),
            ("1,00000000", Some(vec![32])),
            ("a0", Some(vec![5, 7])),
            ("0", Some(vec![])),
            ("", None),
            ("xyz", None),
        ] {
            assert_eq!(mask(text), expected.map(BTreeSet::from_iter), "{text:?}");
        }
        assert_eq!(mask(&"f".repeat(100_000)), None);
    }
}
