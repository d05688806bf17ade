//! Reads directories that have different names on two systems, and maps paths below them.

use super::conversion::Conversion;
use super::error::PathError;
use super::mount::Mount;
use super::parsed::{Parsed, Root};
use super::system::System;
use super::{posix, windows};

impl Mount {
    /// Reads `A=B`. Below A, a path leads below B on the other system, and the other way round if one
    /// of both is a path of Windows.
    ///
    /// # Errors
    /// The text does not have two absolute paths.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sides = |at: usize| {
            let (left, right) = (&text[..at], &text[at + 1..]);
            Some((absolute(left)?, absolute(right)?))
        };
        let mut splits = text.match_indices('=').filter_map(|(at, _)| sides(at));
        match (splits.next(), splits.next()) {
            (Some((left, right)), None) => Ok(Self { left, right, text: text.to_owned() }),
            (Some(_), Some(_)) => Err(format!("{text:?} can be divided at more than one =")),
            (None, _) => Err(format!(
                r"{text:?} is not a pair of absolute paths, such as D:\models=/srv/models"
            )),
        }
    }

    /// The path on the other system; `None` if it is not below this directory.
    pub(super) fn apply(&self, path: &Parsed, to: System) -> Option<Parsed> {
        let (left, right) = (is_windows(&self.left), is_windows(&self.right));
        let pairs = [(&self.left, &self.right, right), (&self.right, &self.left, left)];
        // Between two systems of the same kind only A to B is meant.
        let count = if left == right { 1 } else { 2 };
        pairs.into_iter().take(count).find_map(|(from, target, target_is_windows)| {
            if target_is_windows != (to == System::Windows) {
                return None;
            }
            let below = below(from, path)?;
            let names = [target.names.as_slice(), below].concat();
            let trailing = path.trailing || below.is_empty() && names.is_empty();
            Some(Parsed { root: target.root.clone(), names, trailing })
        })
    }
}

fn absolute(text: &str) -> Option<Parsed> {
    let plain = Conversion::to(System::Posix);
    let parsed: Result<Parsed, PathError> = if windows::is_recognised(text) {
        windows::parse(text, true)
    } else {
        posix::parse(text, Some(System::Posix), &plain)
    };
    let dots =
        |parsed: &Parsed| parsed.names.iter().any(|name| matches!(name.as_str(), "." | ".."));
    parsed.ok().filter(|parsed| parsed.root != Root::Relative && !dots(parsed))
}

fn is_windows(path: &Parsed) -> bool {
    matches!(path.root, Root::Drive(_) | Root::Share { .. })
}

/// The names below a directory. `..` that leave it are not below it.
fn below<'a>(directory: &Parsed, path: &'a Parsed) -> Option<&'a [String]> {
    let ignore_case = is_windows(directory);
    let equal = |a: &str, b: &str| {
        if ignore_case { a.to_lowercase() == b.to_lowercase() } else { a == b }
    };
    let same_root = match (&directory.root, &path.root) {
        (Root::Share { server: a, share: b }, Root::Share { server: c, share: d }) => {
            equal(a, c) && equal(b, d)
        }
        (a, b) => a == b,
    };
    let (start, rest) = path.names.split_at_checked(directory.names.len())?;
    let matches = directory.names.iter().zip(start).all(|(a, b)| equal(a, b));
    let inside = Parsed { names: rest.to_vec(), ..path.clone() }.check_inside("").is_ok();
    (same_root && matches && inside).then_some(rest)
}
