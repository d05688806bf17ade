//! One suite of a JUnit file: compares the totals that it announces with its cases.

use crate::results::junit::report::{MAX_NAME_BYTES, MAX_REASON_BYTES, plural};
use crate::results::junit::walk::Attributes;

/// Size of the text of one element beyond which no more is kept.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// The totals in the attributes of a suite. An absent one is zero.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Announced {
    tests: u64,
    failures: u64,
    errors: u64,
    /// Cases that were skipped or did not run for another reason. Some programs do not list them.
    not_run: u64,
    flakes: u64,
}

impl Announced {
    /// # Errors
    /// A total is not a number.
    pub fn read(attributes: &Attributes) -> Result<Self, String> {
        let count = |name| attributes.count(name).map(Option::unwrap_or_default);
        let mut not_run = 0_u64;
        for name in ["skipped", "disabled", "ignored", "notrun"] {
            not_run = not_run.saturating_add(count(name)?);
        }
        Ok(Self {
            tests: count("tests")?,
            failures: count("failures")?,
            errors: count("errors")?,
            not_run,
            flakes: count("flakes")?,
        })
    }
}

/// A suite that is being read. Its counts include the suites inside it.
#[derive(Debug, Default)]
pub(super) struct Suite {
    name: String,
    announced: Announced,
    cases: u64,
    broken: u64,
    skipped: u64,
    flaky: u64,
    printed: String,
}

impl Suite {
    pub fn new(name: &str, announced: Announced) -> Self {
        Self { name: truncate(name.to_owned(), MAX_NAME_BYTES), announced, ..Self::default() }
    }

    pub fn count(&mut self, broken: bool, skipped: bool, flaky: bool) {
        self.cases += 1;
        self.broken += u64::from(broken);
        self.skipped += u64::from(skipped);
        self.flaky += u64::from(flaky);
    }

    /// Adds the counts of a suite inside this one.
    pub fn add(&mut self, inner: Self) {
        self.cases += inner.cases;
        self.broken += inner.broken;
        self.skipped += inner.skipped;
        self.flaky += inner.flaky();
        self.printed(inner.printed);
    }

    pub fn printed(&mut self, text: String) {
        if self.printed.is_empty() {
            self.printed = text;
        }
    }

    pub fn into_printed(self) -> String {
        self.printed
    }

    /// Number of cases that passed only at a rerun: those in the file or the announced total,
    /// whichever is larger.
    pub fn flaky(&self) -> u64 {
        self.flaky.max(self.announced.flakes)
    }

    /// The suite in a sentence, by its name when it has one.
    pub fn described(&self) -> String {
        if self.name.is_empty() {
            "a suite".to_owned()
        } else {
            format!("the suite {:?}", self.name)
        }
    }

    /// A sentence about announced failures and errors that no case shows.
    pub fn beyond(&self) -> Option<String> {
        let Announced { failures, errors, .. } = self.announced;
        if self.broken > 0 || (failures == 0 && errors == 0) {
            return None;
        }
        let some = |count: u64, word| {
            (count > 0).then(|| plural(u32::try_from(count).unwrap_or(u32::MAX), word))
        };
        let parts: Vec<_> =
            [some(failures, "failure"), some(errors, "error")].into_iter().flatten().collect();
        let colon = if self.printed.is_empty() { "" } else { ": " };
        Some(format!("{} reports {}{colon}{}", self.described(), parts.join(" and "), self.printed))
    }

    /// A sentence about announced cases that the file does not have.
    pub fn missing(&self) -> Option<String> {
        let Announced { tests, not_run, .. } = self.announced;
        let unlisted = not_run.saturating_sub(self.skipped);
        (tests > self.cases.saturating_add(unlisted)).then(|| {
            format!("{} announces {tests} cases, but has {}", self.described(), self.cases)
        })
    }
}

/// The text of an element: its `message` attribute, and the text between its tags.
#[derive(Debug)]
pub(super) struct Message {
    message: String,
    text: String,
}

impl Message {
    pub fn new(message: &str) -> Self {
        Self { message: message.to_owned(), text: String::new() }
    }

    pub fn add(&mut self, text: &str) {
        if self.text.len() < MAX_TEXT_BYTES {
            self.text.push_str(text);
        }
    }

    /// One line that explains the failure. pytest marks it with an `E`, and its message may be less
    /// precise. Otherwise the first line of the message, or of the text.
    pub fn reason(&self) -> String {
        let marked = self.text.lines().find_map(|line| line.strip_prefix("E  "));
        let mut lines = self.message.lines().chain(self.text.lines());
        let reason = marked.or_else(|| lines.find(|line| !line.trim().is_empty()));
        truncate(reason.unwrap_or_default().trim().to_owned(), MAX_REASON_BYTES)
    }
}

pub(super) fn truncate(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}
