//! Positions in the log, and terms of its leaders.

use std::fmt;

/// Number of a record. The first is 1; 0 means "before every record".
pub type Sequence = u64;

/// Number of a leadership. The log counts terms, and refuses what earlier terms append.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
