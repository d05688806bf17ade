//! Progress of long operations: a moving line on a terminal, otherwise a plain line after a
//! change, at most one in ten seconds.

use crate::api::v1::runs::RunCounts;
use crate::cli::terminal::console::Console;
use crate::domain::outcome::Outcome;
use crate::results::render::words::plain;
use crate::worker::environments;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Maximum length of a moving line, in characters; the terminal shows what fits.
const MAX_CHARS: usize = 500;
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(120);

/// One line of progress. Cleared when dropped.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    bar: ProgressBar,
    plain: Mutex<Plain>,
}

#[derive(Debug, Default)]
struct Plain {
    last: Option<Instant>,
    text: String,
}

impl Progress {
    pub fn new(console: Console) -> Self {
        let bar = if console.moving { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        // A ticking hidden bar would use CPU time without any effect.
        if console.moving {
            bar.enable_steady_tick(TICK);
        }
        Self { console, bar, plain: Mutex::default() }
    }

    /// Shows the current step.
    pub fn show(&self, text: &str) {
        if self.console.moving {
            self.bar.set_message(plain(text, MAX_CHARS));
            return;
        }
        let Ok(mut plain) = self.plain.lock() else { return };
        let due = plain.last.is_none_or(|last| last.elapsed() >= PLAIN_INTERVAL);
        if due && plain.text != text {
            self.console.note(text);
            plain.text.replace_range(.., text);
            plain.last = Some(now());
        }
    }

    /// Prints a line that stays.
    pub fn note(&self, text: &str) {
        self.suspend(|| self.console.note(text));
    }

    /// Prints lines that stay, with the moving line hidden meanwhile.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn now() -> Instant {
    Instant::now()
}

/// Summarises the state of a run in one line.
#[must_use]
pub fn counts(counts: &RunCounts) -> String {
    let done = |outcome| counts.done.get(&outcome).copied().unwrap_or(0);
    let mut parts = vec![format!("{} of {} done", counts.done.values().sum::<u32>(), counts.total)];
    let mut add = |count: u32, word: &str| {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    };
    add(done(Outcome::Passed), "passed");
    add(counts.flaky, "flaky");
    add(done(Outcome::Failed), "failed");
    add(done(Outcome::ReducedPrecision), "reduced precision");
    add(done(Outcome::Error), "errors");
    add(done(Outcome::TimedOut), "timed out");
    add(done(Outcome::WorkerLost), "lost");
    add(done(Outcome::Cancelled), "cancelled");
    add(done(Outcome::Skipped), "skipped");
    add(done(Outcome::Expired), "expired");
    // They are among the others, but do not count in the verdict.
    add(counts.quarantined.iter().flat_map(BTreeMap::values).sum(), "in quarantine");
    // The leases of a worker include tests that it has taken ahead.
    add(counts.leased, "running or queued");
    add(counts.waiting + counts.blocked, "waiting");
    add(counts.unschedulable, "of them that no worker can run");
    parts.join(", ")
}

/// Reports the progress of Python environments.
impl environments::BuildProgress for Progress {
    fn event(&self, event: environments::BuildEvent<'_>) {
        match event {
            environments::BuildEvent::Started { requirements, .. } => {
                self.note(&format!(
                    "building a Python environment with {} (once; later runs use it again)",
                    requirements.join(", ")
                ));
            }
            environments::BuildEvent::Line { line, .. } => {
                self.show(&format!("building a Python environment: {line}"));
            }
            environments::BuildEvent::Notice { line, .. } => self.note(line),
            environments::BuildEvent::Finished { error: None, .. } => {
                self.note("the Python environment is ready");
            }
            environments::BuildEvent::Finished { error: Some(error), .. } => {
                self.note(&format!("cannot build the Python environment: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_out_what_is_zero() {
        let mut standing = RunCounts { total: 5, leased: 1, waiting: 2, ..RunCounts::default() };
        standing.done.insert(Outcome::Passed, 2);
        assert_eq!(counts(&standing), "2 of 5 done, 2 passed, 1 running or queued, 2 waiting");
        standing.quarantined = Some([(Outcome::Passed, 1)].into());
        assert!(counts(&standing).contains("2 passed, 1 in quarantine, 1 running"));
    }

    #[test]
    fn every_outcome_is_counted() {
        for outcome in Outcome::ALL {
            let standing =
                RunCounts { total: 1, done: [(outcome, 1)].into(), ..RunCounts::default() };
            let text = counts(&standing);
            assert!(text.starts_with("1 of 1 done, 1 "), "{outcome}: {text}");
        }
    }
}
