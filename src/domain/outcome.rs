//! Outcomes of attempts and tests.
//!
//! Failures of a test and failures of the infrastructure are kept apart, see [`Outcome::blame`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// The way in which an attempt or a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    /// The values are right, but computed with less precision than the test claims.
    ReducedPrecision,
    Error,
    TimedOut,
    Cancelled,
    /// A dependency did not pass, or every case of its JUnit file was skipped.
    Skipped,
    /// The test waited longer than its maximum waiting time.
    Expired,
    WorkerLost,
}

/// The kind of an `error`, `failed` or `timed_out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The test was ended by a signal that dtf did not send, or its exit code represents one.
    Crash,
    OutOfMemory,
    ImportError,
    UnsupportedBackend,
    /// The worker could not prepare the test, because of its files, environment, disk or program.
    SetUp,
    /// A script exited with code 0 but reported no `result` line or no metrics; or a JUnit file is
    /// missing or incomplete.
    NoResult,
    /// Two runs on the same device had different results.
    Nondeterministic,
    /// The test exceeded its timeout.
    WallClock,
    /// The test printed no output and reported no phase for too long.
    Silence,
    /// The worker was reachable and did not report before the deadline of the lease.
    Overdue,
    /// The capability of the worker changed while the test ran, and no longer met its requirement.
    WorkerChanged,
}

/// The cause of an outcome, which decides the retry budget that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    Nobody,
    Test,
    Infrastructure,
}

impl Outcome {
    pub const ALL: [Outcome; 9] = [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::ReducedPrecision,
        Outcome::Error,
        Outcome::TimedOut,
        Outcome::Cancelled,
        Outcome::Skipped,
        Outcome::Expired,
        Outcome::WorkerLost,
    ];

    /// The name in JSON and in the results database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::ReducedPrecision => "reduced_precision",
            Outcome::Error => "error",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::Skipped => "skipped",
            Outcome::Expired => "expired",
            Outcome::WorkerLost => "worker_lost",
        }
    }

    /// The name in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Outcome::ReducedPrecision => "reduced precision",
            Outcome::TimedOut => "timed out",
            Outcome::WorkerLost => "worker lost",
            other => other.name(),
        }
    }

    /// The cause of this outcome with this class.
    #[must_use]
    pub fn blame(self, class: Option<Class>) -> Blame {
        match (self, class) {
            (Outcome::WorkerLost, _) | (Outcome::Error, Some(Class::SetUp)) => {
                Blame::Infrastructure
            }
            (
                Outcome::Failed | Outcome::ReducedPrecision | Outcome::Error | Outcome::TimedOut,
                _,
            ) => Blame::Test,
            (Outcome::Passed | Outcome::Cancelled | Outcome::Skipped | Outcome::Expired, _) => {
                Blame::Nobody
            }
        }
    }

    /// Whether a worker may report this outcome. Only the coordinator decides on the others.
    #[must_use]
    pub fn reportable(self) -> bool {
        matches!(
            self,
            Outcome::Passed
                | Outcome::Failed
                | Outcome::ReducedPrecision
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
    /// The name in JSON and in the results database.
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
            Class::Overdue => "overdue",
            Class::WorkerChanged => "worker_changed",
        }
    }

    /// Whether a worker may report this class. Only the coordinator decides on the others.
    #[must_use]
    pub fn reportable(self) -> bool {
        !matches!(self, Class::Overdue | Class::WorkerChanged)
    }

    /// The name in words.
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
