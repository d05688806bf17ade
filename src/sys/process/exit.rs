//! The end of a process and its use of resources.

use super::signals;
use std::fmt;

/// The way in which a process ended. At most one of the fields is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

/// The resources that a running process has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub peak_memory_bytes: u64,
    pub cpu_ms: u64,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |signal: Option<&signals::Signal>| {
            signal.map(|signal| format!(" ({})", signal.name)).unwrap_or_default()
        };
        match (self.signal, self.code) {
            (Some(number), _) => {
                write!(f, "ended by signal {number}{}", name(signals::by_number(number)))
            }
            // A shell reports the signal that ended its child in its own exit code.
            (None, Some(code)) => {
                write!(f, "exited with code {code}{}", name(signals::by_exit_code(code)))
            }
            (None, None) => write!(f, "ended in an unknown way"),
        }
    }
}
