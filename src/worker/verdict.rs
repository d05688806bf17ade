//! Judges an ended attempt: outcome, class and one line for people.
//!
//! A script is judged by its `result` line, any other command by its exit code. A zero exit
//! alone never passes a script.

use crate::api::v1::tests::JunitSummary;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::sys::process::Exit;
use crate::worker::junit::JunitError;
use crate::worker::last_words::LastWords;
use crate::worker::protocol::Transcript;
use serde_json::{Map, Value};
use std::num::NonZeroU32;

/// Longest message.
pub const MAX_MESSAGE_BYTES: usize = 2000;
const SIGKILL: i32 = 9;
/// What a script may say of itself; the others only its worker sees.
const CLAIMED: [Class; 6] = [
    Class::OutOfMemory,
    Class::ImportError,
    Class::UnsupportedBackend,
    Class::SetUp,
    Class::NoResult,
    Class::Nondeterministic,
];

/// Why dtf stopped an attempt, when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    WallClock(Millis),
    Silence(Millis),
}

/// What is known of an attempt that has ended.
#[derive(Debug, Default)]
pub struct Evidence<'a> {
    pub exit: Exit,
    pub stopped: Option<Stopped>,
    /// For a script, what it told.
    pub script: Option<&'a Transcript>,
    /// When a JUnit file was named.
    pub junit: Option<&'a Result<JunitSummary, JunitError>>,
    /// How many cases the JUnit file must have at least.
    pub cases: Option<NonZeroU32>,
    /// When it ended badly.
    pub last_words: Option<&'a LastWords>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub message: String,
}

impl Verdict {
    #[must_use]
    pub fn new(outcome: Outcome, class: Option<Class>, message: impl Into<String>) -> Self {
        let mut message: String = message.into().replace(['\n', '\r'], " ");
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Self { outcome, class, message }
    }

    /// The worker could not prepare the attempt.
    #[must_use]
    pub fn set_up(message: impl Into<String>) -> Self {
        Self::new(Outcome::Error, Some(Class::SetUp), message)
    }
}

#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    if let Some(stopped) = evidence.stopped {
        return stopped_by(stopped, evidence.script.and_then(Transcript::open_phase));
    }
    if evidence.exit == Exit::default() {
        return Verdict::set_up("lost track of the process");
    }
    match evidence.script {
        Some(transcript) => script(evidence, transcript),
        None => command(evidence),
    }
}

fn stopped_by(stopped: Stopped, phase: Option<&str>) -> Verdict {
    let during = phase.map(|phase| format!(" in phase {phase}")).unwrap_or_default();
    match stopped {
        Stopped::Cancelled => Verdict::new(Outcome::Cancelled, None, "cancelled while it ran"),
        Stopped::WallClock(limit) => Verdict::new(
            Outcome::TimedOut,
            Some(Class::WallClock),
            format!("ran longer than {}{during}", seconds(limit)),
        ),
        Stopped::Silence(limit) => Verdict::new(
            Outcome::TimedOut,
            Some(Class::Silence),
            format!("gave no output and no phase for {}{during}", seconds(limit)),
        ),
    }
}

fn seconds(span: Millis) -> String {
    format!("{} s", span.0 as f64 / 1000.0)
}

fn crash(evidence: &Evidence<'_>, signal: i32) -> Verdict {
    let hint = if signal == SIGKILL { "; the system may have run out of memory" } else { "" };
    let message = format!("ended by signal {signal}{hint}{}", said_last(evidence));
    Verdict::new(Outcome::Error, Some(Class::Crash), message)
}

fn said_last(evidence: &Evidence<'_>) -> String {
    evidence.last_words.map(|words| format!("; it said last: {}", words.text)).unwrap_or_default()
}

/// How many processes the kernel has ended so far for want of memory, on the whole machine.
/// `vmstat` is the text of Linux's `/proc/vmstat`; older kernels do not count.
#[must_use]
pub fn kernel_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// A crash by SIGKILL, which dtf did not send, while the kernel ended processes for want of
/// memory: the attempt was one of them. `kills` is the kernel's count before and after it;
/// where either is unknown, nothing is claimed.
#[must_use]
pub fn for_want_of_memory(
    verdict: Verdict,
    exit: Exit,
    kills: (Option<u64>, Option<u64>),
) -> Verdict {
    let killed = exit.signal == Some(SIGKILL) && verdict.class == Some(Class::Crash);
    match kills {
        (Some(before), Some(after)) if killed && after > before => Verdict::new(
            Outcome::Error,
            Some(Class::OutOfMemory),
            "ended by the kernel, which had no memory left",
        ),
        _ => verdict,
    }
}

fn command(evidence: &Evidence<'_>) -> Verdict {
    let Some(code) = evidence.exit.code else {
        return crash(evidence, evidence.exit.signal.unwrap_or_default());
    };
    if let (Some(Ok(junit)), Some(cases)) = (evidence.junit, evidence.cases)
        && junit.tests < cases.get()
    {
        let message = format!("{cases} cases expected, {} in the JUnit file", junit.tests);
        return Verdict::new(Outcome::Error, Some(Class::NoResult), message);
    }
    if code != 0 {
        let failed = match evidence.junit {
            Some(Ok(junit)) if !junit.failed.is_empty() => {
                format!(
                    "; {} of {} failed, first {}",
                    junit.failed.len(),
                    junit.tests,
                    first(junit)
                )
            }
            _ => said_last(evidence),
        };
        return Verdict::new(Outcome::Failed, None, format!("exit code {code}{failed}"));
    }
    match evidence.junit {
        None => Verdict::new(Outcome::Passed, None, ""),
        Some(Err(error)) => Verdict::new(Outcome::Error, Some(Class::NoResult), error.to_string()),
        Some(Ok(junit)) if junit.failures > 0 || junit.errors > 0 => {
            let message =
                format!("exit code 0, but the JUnit file has a failed case: {}", first(junit));
            Verdict::new(Outcome::Failed, None, message)
        }
        Some(Ok(junit)) => Verdict::new(Outcome::Passed, None, format!("{} cases", junit.tests)),
    }
}

/// The first case that failed, with the reason.
fn first(junit: &JunitSummary) -> String {
    let name = junit.failed.first().map(String::as_str).unwrap_or_default();
    if junit.reason.is_empty() { name.to_owned() } else { format!("{name}: {}", junit.reason) }
}

fn script(evidence: &Evidence<'_>, transcript: &Transcript) -> Verdict {
    if let Some(signal) = evidence.exit.signal {
        return crash(evidence, signal);
    }
    let code = evidence.exit.code.unwrap_or_default();
    let Some(result) = transcript.result() else {
        return without_result(evidence, code, transcript);
    };
    let said = told(result);
    match said.outcome {
        Outcome::Passed if code != 0 => Verdict::new(
            Outcome::Error,
            None,
            format!("the script says passed, but ended with exit code {code}"),
        ),
        Outcome::Passed if !transcript.has_metrics() => Verdict::new(
            Outcome::Error,
            Some(Class::NoResult),
            format!("the script says passed, but reported no metrics{}", left_out(transcript)),
        ),
        _ => said,
    }
}

fn without_result(evidence: &Evidence<'_>, code: i32, transcript: &Transcript) -> Verdict {
    let phase = transcript.open_phase().map(|p| format!(" in phase {p}")).unwrap_or_default();
    if code == 0 {
        let left_out = left_out(transcript);
        let message = format!("the script ended well{phase}, but without a result line{left_out}");
        Verdict::new(Outcome::Error, Some(Class::NoResult), message)
    } else {
        let (left_out, said) = (left_out(transcript), said_last(evidence));
        let message = format!(
            "the script ended with exit code {code}{phase}, without a result line{left_out}{said}"
        );
        let class = evidence.last_words.and_then(|words| words.class);
        Verdict::new(Outcome::Error, class, message)
    }
}

/// What is missing may be among what did not count.
fn left_out(transcript: &Transcript) -> String {
    transcript.left_out().map(|words| format!("; {words}")).unwrap_or_default()
}

/// The script's own words.
fn told(result: &Map<String, Value>) -> Verdict {
    let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
    let class = result.get("class").and_then(|class| serde_json::from_value(class.clone()).ok());
    let class = class.filter(|class| CLAIMED.contains(class));
    match text("outcome") {
        "passed" => Verdict::new(Outcome::Passed, None, text("message")),
        "failed" => Verdict::new(Outcome::Failed, class, text("message")),
        "error" => Verdict::new(Outcome::Error, class, text("message")),
        other => {
            let other: String = other.chars().take(80).collect();
            let message =
                format!("the result line says {other:?}, known are passed, failed, error");
            Verdict::new(Outcome::Error, Some(Class::NoResult), message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRIC: &str = "{\"event\":\"metric\",\"name\":\"m\",\"values\":[1]}\n";

    fn script(code: i32, lines: &str) -> (Outcome, Option<Class>) {
        let mut transcript = Transcript::default();
        transcript.feed(lines.as_bytes());
        let exit = Exit { code: Some(code), signal: None };
        let evidence = Evidence { exit, script: Some(&transcript), ..Evidence::default() };
        let verdict = judge(&evidence);
        (verdict.outcome, verdict.class)
    }

    fn result(outcome: &str) -> String {
        format!("{METRIC}{{\"event\":\"result\",\"outcome\":{outcome}}}\n")
    }

    #[test]
    fn scripts_are_judged_by_their_result_line() {
        assert_eq!(script(0, &result("\"passed\"")), (Outcome::Passed, None));
        assert_eq!(script(1, &result("\"failed\"")), (Outcome::Failed, None));
        let memory = result("\"error\",\"class\":\"out_of_memory\"");
        assert_eq!(script(2, &memory), (Outcome::Error, Some(Class::OutOfMemory)));
        for not_its_own in ["bad_luck", "wall_clock", "crash"] {
            let said = result(&format!("\"error\",\"class\":\"{not_its_own}\""));
            assert_eq!(script(2, &said), (Outcome::Error, None));
        }
        assert_eq!(script(0, &result("\"great\"")), (Outcome::Error, Some(Class::NoResult)));
        assert_eq!(script(0, &result("17")), (Outcome::Error, Some(Class::NoResult)));
    }

    #[test]
    fn a_good_exit_alone_passes_no_script() {
        let no_result = (Outcome::Error, Some(Class::NoResult));
        assert_eq!(script(0, ""), no_result);
        assert_eq!(script(0, METRIC), no_result);
        assert_eq!(script(0, "{\"event\":\"result\",\"outcome\":\"passed\"}\n"), no_result);
        assert_eq!(script(1, ""), (Outcome::Error, None));
        assert_eq!(script(1, &result("\"passed\"")), (Outcome::Error, None));
    }

    #[test]
    fn what_is_missing_may_be_in_a_line_that_did_not_count() {
        let mut transcript = Transcript::default();
        transcript.feed(b"{\"event\":\"metric\",\"name\":\"m\",\"value\":NaN}\n");
        transcript.feed(b"{\"event\":\"result\",\"outcome\":\"passed\"}\n");
        let exit = Exit { code: Some(0), signal: None };
        let script = Some(&transcript);
        let evidence = Evidence { exit, script, ..Evidence::default() };
        let verdict = judge(&evidence);
        assert!(verdict.message.contains("no metrics; 1 left out"), "{}", verdict.message);
        assert!(verdict.message.contains("line 1: NaN"), "{}", verdict.message);
    }

    fn command(exit: Exit, stopped: Option<Stopped>) -> Verdict {
        judge(&Evidence { exit, stopped, ..Evidence::default() })
    }

    #[test]
    fn commands_are_judged_by_exit_code_and_signal() {
        let exit = |code| Exit { code: Some(code), signal: None };
        assert_eq!(command(exit(0), None).outcome, Outcome::Passed);
        assert_eq!(command(exit(3), None).message, "exit code 3");
        let killed = command(Exit { code: None, signal: Some(9) }, None);
        assert_eq!((killed.outcome, killed.class), (Outcome::Error, Some(Class::Crash)));
        assert!(killed.message.contains("memory"), "{}", killed.message);
        let ours = Exit { code: None, signal: Some(9) };
        let late = command(ours, Some(Stopped::WallClock(Millis(1500))));
        assert_eq!((late.outcome, late.class), (Outcome::TimedOut, Some(Class::WallClock)));
        assert_eq!(late.message, "ran longer than 1.5 s");
        assert_eq!(command(ours, Some(Stopped::Cancelled)).outcome, Outcome::Cancelled);
    }

    #[test]
    fn what_ended_badly_is_quoted_and_an_uncaught_error_classed() {
        let words =
            LastWords { text: "MemoryError: 40 GiB".into(), class: Some(Class::OutOfMemory) };
        let judged = |exit, script| {
            let last_words = Some(&words);
            judge(&Evidence { exit, script, last_words, ..Evidence::default() })
        };
        let one = Exit { code: Some(1), signal: None };
        let verdict = judged(one, None);
        assert_eq!(verdict.message, "exit code 1; it said last: MemoryError: 40 GiB");
        assert_eq!((verdict.outcome, verdict.class), (Outcome::Failed, None));
        let silent = Transcript::default();
        let script = judged(one, Some(&silent));
        assert_eq!((script.outcome, script.class), (Outcome::Error, Some(Class::OutOfMemory)));
        assert!(script.message.ends_with("a result line; it said last: MemoryError: 40 GiB"));
        let crash = judged(Exit { code: None, signal: Some(6) }, None);
        assert_eq!(crash.message, "ended by signal 6; it said last: MemoryError: 40 GiB");
        assert_eq!(crash.class, Some(Class::Crash));
        // Who speaks the protocol has said it better.
        let mut transcript = Transcript::default();
        transcript.feed(result("\"failed\",\"message\":\"off by 2\"").as_bytes());
        assert_eq!(judged(one, Some(&transcript)).message, "off by 2");
    }

    #[test]
    fn a_kill_while_the_kernel_lacked_memory_is_lack_of_memory() {
        let vmstat = "nr_free_pages 17\noom_kill_disable 9\noom_kill 3\nunevictable_pgs 0\n";
        assert_eq!(kernel_kills(vmstat), Some(3));
        assert_eq!(kernel_kills("nr_free_pages 17\n"), None);
        let judged = |signal, stopped, kills| {
            let exit = Exit { code: None, signal: Some(signal) };
            let verdict = for_want_of_memory(command(exit, stopped), exit, kills);
            (verdict.outcome, verdict.class)
        };
        let crash = (Outcome::Error, Some(Class::Crash));
        let memory = (Outcome::Error, Some(Class::OutOfMemory));
        assert_eq!(judged(9, None, (Some(3), Some(4))), memory);
        assert_eq!(judged(9, None, (Some(3), Some(3))), crash);
        assert_eq!(judged(9, None, (None, Some(4))), crash);
        assert_eq!(judged(11, None, (Some(3), Some(4))), crash);
        // What dtf stopped itself was no lack of memory.
        let late = Some(Stopped::WallClock(Millis(1500)));
        assert_eq!(judged(9, late, (Some(3), Some(4))).0, Outcome::TimedOut);
        // A script that the kernel ended has said nothing, or something before.
        let mut transcript = Transcript::default();
        transcript.feed(result("\"passed\"").as_bytes());
        let exit = Exit { code: None, signal: Some(9) };
        let evidence = Evidence { exit, script: Some(&transcript), ..Evidence::default() };
        let verdict = for_want_of_memory(judge(&evidence), exit, (Some(0), Some(2)));
        assert_eq!((verdict.outcome, verdict.class), memory);
    }

    #[test]
    fn a_junit_file_that_was_promised_has_to_agree() {
        let judged = |code, junit| {
            let exit = Exit { code: Some(code), signal: None };
            let evidence = Evidence { exit, junit: Some(&junit), ..Evidence::default() };
            judge(&evidence).outcome
        };
        let failed = JunitSummary { tests: 2, failures: 1, ..JunitSummary::default() };
        assert_eq!(judged(0, Ok(JunitSummary::default())), Outcome::Passed);
        assert_eq!(judged(0, Ok(failed.clone())), Outcome::Failed);
        assert_eq!(judged(1, Ok(failed)), Outcome::Failed);
        assert_eq!(judged(0, Err(JunitError::Missing("x".into()))), Outcome::Error);
    }
}
