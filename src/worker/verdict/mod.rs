//! The verdict on an ended attempt: outcome, class and a message of one line.
//!
//! A script is judged by its `result` line, any other command by its exit code, and either also by
//! its JUnit file when it has one. Exit code 0 alone never passes a script.
//!
//! This file holds the evidence and the verdict, `judge` decides, `cases` judges JUnit files,
//! `memory` recognises kills by the kernel, `protocol` reads what a script wrote, `diagnosis` finds
//! the error in the output.

pub mod cases;
pub mod diagnosis;
pub mod judge;
pub mod memory;
pub mod protocol;

use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::results::junit::report::{CaseReport, JunitError};
use crate::sys::process::Exit;
use crate::worker::verdict::diagnosis::Diagnosis;
use crate::worker::verdict::protocol::Transcript;
use std::num::NonZeroU32;

/// Maximum length of a message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 2000;

/// Reason for which dtf stopped an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    WallClock(Millis),
    Silence(Millis),
}

/// The evidence of an ended attempt.
#[derive(Debug, Default)]
pub struct Evidence<'a> {
    pub exit: Exit,
    /// Present when dtf stopped the attempt.
    pub stopped: Option<Stopped>,
    /// The protocol of a script. Absent for a command.
    pub script: Option<&'a Transcript>,
    /// The JUnit file, when the launch names one.
    pub junit: Option<&'a Result<CaseReport, JunitError>>,
    /// Minimum number of cases in the JUnit file.
    pub cases: Option<NonZeroU32>,
    /// The error in the output of a program that ended badly.
    pub diagnosis: Option<&'a Diagnosis>,
}

/// The judgement of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub message: String,
    /// The attempt passed, but a part of it passed only when it was run again.
    pub flaky: bool,
}

impl Verdict {
    /// The message becomes one line of at most [`MAX_MESSAGE_BYTES`].
    #[must_use]
    pub fn new(outcome: Outcome, class: Option<Class>, message: impl Into<String>) -> Self {
        let mut message: String = message.into().replace(['\n', '\r'], " ");
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Self { outcome, class, message, flaky: false }
    }

    /// The verdict on an attempt that the worker could not prepare.
    #[must_use]
    pub fn set_up(message: impl Into<String>) -> Self {
        Self::new(Outcome::Error, Some(Class::SetUp), message)
    }
}
