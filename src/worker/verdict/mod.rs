//! Judges an ended attempt: outcome, class and one line for people.
//!
//! A script is judged by its `result` line, any other command by its exit code, and either by
//! its JUnit file where it has one. A zero exit alone never passes a script.

pub mod cases;
pub mod diagnosis;
pub mod protocol;

use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::junit::{CaseReport, JunitError};
use crate::sys::process::Exit;
use crate::sys::process::signals::{self, SIGKILL, Signal};
use crate::worker::verdict::diagnosis::Diagnosis;
use crate::worker::verdict::protocol::Transcript;
use serde_json::{Map, Value};
use std::num::NonZeroU32;

/// Longest message.
pub const MAX_MESSAGE_BYTES: usize = 2000;
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
    pub junit: Option<&'a Result<CaseReport, JunitError>>,
    /// How many cases the JUnit file must have at least.
    pub cases: Option<NonZeroU32>,
    /// When it ended badly.
    pub diagnosis: Option<&'a Diagnosis>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub message: String,
    /// It passed, but only after some of it had failed.
    pub flaky: bool,
}

impl Verdict {
    #[must_use]
    pub fn new(outcome: Outcome, class: Option<Class>, message: impl Into<String>) -> Self {
        let mut message: String = message.into().replace(['\n', '\r'], " ");
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Self { outcome, class, message, flaky: false }
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

/// `how` it ended: by a signal, or with an exit code that stands for one.
fn crash(evidence: &Evidence<'_>, how: &str) -> Verdict {
    let message = format!("{how}{}", last_output(evidence));
    Verdict::new(Outcome::Error, Some(Class::Crash), message)
}

fn by_signal(number: i32) -> String {
    match signals::by_number(number) {
        Some(signal) => format!("ended by {}", signal.described()),
        None => format!("ended by signal {number}"),
    }
}

fn as_after(code: i32, signal: &Signal) -> String {
    format!("exit code {code}, as after {}", signal.described())
}

fn last_output(evidence: &Evidence<'_>) -> String {
    evidence.diagnosis.map(|words| format!("; last output: {}", words.text)).unwrap_or_default()
}

/// How many processes the kernel has ended so far for want of memory, on the whole machine.
/// `vmstat` is the text of Linux's `/proc/vmstat`; older kernels do not count.
#[must_use]
pub fn kernel_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Whether SIGKILL ended it, or something inside of it that it waited for.
#[must_use]
pub fn killed(exit: Exit) -> bool {
    let by_code = exit.code.and_then(signals::by_exit_code);
    exit.signal == Some(SIGKILL) || by_code.is_some_and(|signal| signal.number == SIGKILL)
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
    let killed = killed(exit) && verdict.class == Some(Class::Crash);
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
        return crash(evidence, &by_signal(evidence.exit.signal.unwrap_or_default()));
    };
    if let Some(signal) = signals::by_exit_code(code) {
        return crash(evidence, &as_after(code, signal));
    }
    if let Some(junit) = evidence.junit {
        return cases::judge(code, junit, evidence.cases, &last_output(evidence));
    }
    if code == 0 {
        return Verdict::new(Outcome::Passed, None, "");
    }
    Verdict::new(Outcome::Failed, None, format!("exit code {code}{}", last_output(evidence)))
}

fn script(evidence: &Evidence<'_>, transcript: &Transcript) -> Verdict {
    if let Some(signal) = evidence.exit.signal {
        return crash(evidence, &by_signal(signal));
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
        Outcome::Passed => with_cases(evidence, said),
        _ => said,
    }
}

/// A script that passed by its own word, and has a JUnit file that may say otherwise.
fn with_cases(evidence: &Evidence<'_>, said: Verdict) -> Verdict {
    let Some(junit) = evidence.junit else { return said };
    let judged = cases::judge(0, junit, evidence.cases, "");
    if judged.outcome == Outcome::Passed && !judged.flaky { said } else { judged }
}

fn without_result(evidence: &Evidence<'_>, code: i32, transcript: &Transcript) -> Verdict {
    let phase = transcript.open_phase().map(|p| format!(" in phase {p}")).unwrap_or_default();
    if let Some(signal) = signals::by_exit_code(code) {
        return crash(evidence, &format!("{}{phase}", as_after(code, signal)));
    }
    if code == 0 {
        let left_out = left_out(transcript);
        let message = format!("the script ended well{phase}, but without a result line{left_out}");
        Verdict::new(Outcome::Error, Some(Class::NoResult), message)
    } else {
        let (left_out, said) = (left_out(transcript), last_output(evidence));
        let message = format!(
            "the script ended with exit code {code}{phase}, without a result line{left_out}{said}"
        );
        let class = evidence.diagnosis.and_then(|words| words.class);
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
    use crate::junit;

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
            Diagnosis { text: "MemoryError: 40 GiB".into(), class: Some(Class::OutOfMemory) };
        let judged = |exit, script| {
            let diagnosis = Some(&words);
            judge(&Evidence { exit, script, diagnosis, ..Evidence::default() })
        };
        let one = Exit { code: Some(1), signal: None };
        let verdict = judged(one, None);
        assert_eq!(verdict.message, "exit code 1; last output: MemoryError: 40 GiB");
        assert_eq!((verdict.outcome, verdict.class), (Outcome::Failed, None));
        let silent = Transcript::default();
        let script = judged(one, Some(&silent));
        assert_eq!((script.outcome, script.class), (Outcome::Error, Some(Class::OutOfMemory)));
        assert!(script.message.ends_with("a result line; last output: MemoryError: 40 GiB"));
        let crash = judged(Exit { code: None, signal: Some(6) }, None);
        assert!(crash.message.starts_with("ended by SIGABRT (often a failed assertion"));
        assert!(crash.message.ends_with("; last output: MemoryError: 40 GiB"), "{}", crash.message);
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
    fn an_exit_code_that_stands_for_a_signal_is_a_crash() {
        let exit = |code| Exit { code: Some(code), signal: None };
        let verdict = command(exit(137), None);
        assert_eq!((verdict.outcome, verdict.class), (Outcome::Error, Some(Class::Crash)));
        let wanted = "exit code 137, as after SIGKILL (the system may have run out of memory)";
        assert_eq!(verdict.message, wanted);
        for code in [1, 2, 127, 130, 255] {
            assert_eq!(command(exit(code), None).outcome, Outcome::Failed, "{code}");
        }
        let memory = for_want_of_memory(command(exit(137), None), exit(137), (Some(1), Some(2)));
        assert_eq!(memory.class, Some(Class::OutOfMemory));
        let crash = for_want_of_memory(command(exit(139), None), exit(139), (Some(1), Some(2)));
        assert_eq!(crash.class, Some(Class::Crash));
        assert_eq!(script(137, ""), (Outcome::Error, Some(Class::Crash)));
        // What speaks the protocol has said it better.
        assert_eq!(script(137, &result("\"failed\"")), (Outcome::Failed, None));
        let bus = command(Exit { code: None, signal: signal_number("SIGBUS") }, None);
        assert!(
            bus.message.starts_with("ended by SIGBUS (often a full /dev/shm"),
            "{}",
            bus.message
        );
        let other = command(Exit { code: None, signal: Some(64) }, None);
        assert_eq!(other.message, "ended by signal 64");
    }

    fn signal_number(name: &str) -> Option<i32> {
        (1..64).find(|number| signals::by_number(*number).is_some_and(|s| s.name == name))
    }

    #[test]
    fn a_script_that_passed_is_held_to_its_junit_file() {
        let mut transcript = Transcript::default();
        transcript.feed(result("\"passed\"").as_bytes());
        let judged = |junit: Result<CaseReport, JunitError>, cases| {
            let exit = Exit { code: Some(0), signal: None };
            let (script, cases) = (Some(&transcript), NonZeroU32::new(cases));
            judge(&Evidence { exit, script, junit: Some(&junit), cases, ..Evidence::default() })
        };
        let two = junit::parse(b"<testsuite><testcase/><testcase/></testsuite>").expect("a file");
        assert_eq!(judged(Ok(two.clone()), 2).outcome, Outcome::Passed);
        assert_eq!(judged(Ok(two), 3).class, Some(Class::NoResult));
        let bad = b"<testsuite><testcase><failure/></testcase></testsuite>";
        assert_eq!(judged(Ok(junit::parse(bad).expect("a file")), 0).outcome, Outcome::Failed);
        assert_eq!(judged(Err(JunitError::Missing("x".into())), 0).outcome, Outcome::Error);
    }

    #[test]
    fn a_crash_is_one_whatever_the_junit_file_says() {
        let good = junit::parse(b"<testsuite><testcase/></testsuite>");
        let good = good.map_err(|why| JunitError::Unreadable("x".into(), why));
        for exit in [Exit { code: Some(137), signal: None }, Exit { code: None, signal: Some(9) }] {
            let verdict = judge(&Evidence { exit, junit: Some(&good), ..Evidence::default() });
            assert_eq!(verdict.class, Some(Class::Crash));
        }
    }
}
