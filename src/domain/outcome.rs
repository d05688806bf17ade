//! How an attempt or a test ended.
//!
//! A test's own verdict and trouble of the infrastructure are never mixed: see
//! [`Outcome::blame`].

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    Error,
    TimedOut,
    Cancelled,
    /// A dependency did not pass, or every case of its JUnit file was skipped.
    Skipped,
    /// Waited longer than it was allowed to.
    Expired,
    WorkerLost,
}

/// What kind of `error`, `failed` or `timed_out` it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Ended by a signal that dtf did not send, or with an exit code that stands for one.
    Crash,
    OutOfMemory,
    ImportError,
    UnsupportedBackend,
    /// The worker could not prepare the test: files, environment, disk, program not found.
    SetUp,
    /// A script ended well without a `result` line or without metrics, or a JUnit file is not
    /// there, not whole, or lacks cases.
    NoResult,
    /// Two runs on the same device disagreed.
    Nondeterministic,
    /// The wall-clock limit.
    WallClock,
    /// The limit on time without output or phase.
    Silence,
}

/// Who is to blame for an outcome, and so which retry budget pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    Nobody,
    Test,
    Infrastructure,
}

impl Outcome {
    pub const ALL: [Outcome; 8] = [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Error,
        Outcome::TimedOut,
        Outcome::Cancelled,
        Outcome::Skipped,
        Outcome::Expired,
        Outcome::WorkerLost,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Error => "error",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::Skipped => "skipped",
            Outcome::Expired => "expired",
            Outcome::WorkerLost => "worker_lost",
        }
    }

    /// As people write it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Outcome::TimedOut => "timed out",
            Outcome::WorkerLost => "worker lost",
            other => other.name(),
        }
    }

    #[must_use]
    pub fn blame(self, class: Option<Class>) -> Blame {
        match (self, class) {
            (Outcome::WorkerLost, _) | (Outcome::Error, Some(Class::SetUp)) => {
                Blame::Infrastructure
            }
            (Outcome::Failed | Outcome::Error | Outcome::TimedOut, _) => Blame::Test,
            (Outcome::Passed | Outcome::Cancelled | Outcome::Skipped | Outcome::Expired, _) => {
                Blame::Nobody
            }
        }
    }

    /// Whether a worker may report it; the rest is the coordinator's to say.
    #[must_use]
    pub fn reportable(self) -> bool {
        matches!(
            self,
            Outcome::Passed
                | Outcome::Failed
                | Outcome::Error
                | Outcome::TimedOut
                | Outcome::Cancelled
                | Outcome::Skipped
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Class {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Crash => "crash",
            Class::OutOfMemory => "out_of_memory",
            Class::ImportError => "import_error",
            Class::UnsupportedBackend => "unsupported_backend",
            Class::SetUp => "set_up",
            Class::NoResult => "no_result",
            Class::Nondeterministic => "nondeterministic",
            Class::WallClock => "wall_clock",
            Class::Silence => "silence",
        }
    }
}

impl Class {
    /// As people write it.
    #[must_use]
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
