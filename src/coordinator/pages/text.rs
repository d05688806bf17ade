//! Texts of others on pages, in addresses, and as words with a colour.

use crate::domain::outcome::Outcome;
use crate::domain::test::Phase;
use crate::domain::time::{Millis, Timestamp};
use crate::results::render::figures::{percent, seconds};
use crate::results::render::words::{instant, plain};
use serde::Serialize;

/// Maximum number of characters of a name or message on a page.
const MAX_TEXT: usize = 512;

/// A link with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Link {
    pub href: String,
    pub text: String,
}

impl Link {
    /// A link with a text of others.
    pub fn new(href: impl Into<String>, text: &str) -> Self {
        Self { href: href.into(), text: shown(text) }
    }
}

/// A word for a state, with the class of its colour: `ok`, `bad`, `warn`, `busy` or `idle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub word: String,
    pub kind: &'static str,
}

impl State {
    pub fn new(word: impl Into<String>, kind: &'static str) -> Self {
        Self { word: word.into(), kind }
    }

    /// The state of a test.
    pub fn of_test(outcome: Option<Outcome>, phase: Option<Phase>, flaky: bool) -> Self {
        let kind = match outcome {
            None => {
                return match phase {
                    Some(Phase::Leased) => Self::new("running", "busy"),
                    Some(Phase::Blocked) => Self::new("blocked", "idle"),
                    Some(Phase::Waiting) => Self::new("waiting", "idle"),
                    Some(Phase::Done) | None => Self::new("not ended", "idle"),
                };
            }
            Some(Outcome::Passed) if flaky => return Self::new("flaky", "warn"),
            Some(Outcome::Passed) => "ok",
            Some(Outcome::Skipped | Outcome::Cancelled | Outcome::Expired) => "idle",
            Some(Outcome::WorkerLost) => "warn",
            Some(_) => "bad",
        };
        Self::new(outcome.map(Outcome::words).unwrap_or_default(), kind)
    }

    /// The words of all states of tests.
    pub fn words() -> impl Iterator<Item = String> {
        let ended = Outcome::ALL.map(|outcome| Self::of_test(Some(outcome), None, false));
        let flaky = Self::of_test(Some(Outcome::Passed), None, true);
        let open = [Phase::Leased, Phase::Blocked, Phase::Waiting, Phase::Done];
        let open = open.map(|phase| Self::of_test(None, Some(phase), false));
        ended.into_iter().chain([flaky]).chain(open).map(|state| state.word)
    }

    /// The state of a test that may be in quarantine: then it is never red.
    pub fn unless_quarantined(self, is_quarantined: bool) -> Self {
        let kind = if is_quarantined && self.kind == "bad" { "warn" } else { self.kind };
        Self { kind, ..self }
    }
}

/// A text of others without characters that are invisible or change the reading direction.
pub(super) fn shown(text: &str) -> String {
    plain(text, MAX_TEXT)
}

/// A part of an address in which every special character is encoded.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A ratio as a change in per cent, such as `+12 %`.
pub(super) fn relative(ratio: f64) -> String {
    match ratio - 1.0 {
        more if more >= 0.0 => format!("+{}", percent(more)),
        less => format!("−{}", percent(-less)),
    }
}

/// A time for people, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    instant(at).map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A duration for people, in whole seconds from one second on.
pub(super) fn duration(span: Millis) -> String {
    match span.0 {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{} s", ms / 1000),
        ms => seconds((ms / 1000) as f64),
    }
}
