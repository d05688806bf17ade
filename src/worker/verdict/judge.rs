//! Decides the verdict on an ended attempt.

use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::sys::process::Exit;
use crate::sys::process::signals::{self, Signal};
use crate::worker::verdict::protocol::Transcript;
use crate::worker::verdict::{Evidence, Stopped, Verdict, cases};
use serde_json::{Map, Value};

/// Classes that a script may give itself. The worker alone observes the others.
const CLAIMABLE: [Class; 6] = [
    Class::OutOfMemory,
    Class::ImportError,
    Class::UnsupportedBackend,
    Class::SetUp,
    Class::NoResult,
    Class::Nondeterministic,
];
/// Exit code of a script that reports reduced precision.
const REDUCED_PRECISION_CODE: i32 = 3;
/// Maximum length of an unknown outcome that a message quotes, in characters.
const MAX_QUOTED_OUTCOME: usize = 80;

#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    if let Some(stopped) = evidence.stopped {
        return judge_stopped(stopped, evidence.script.and_then(Transcript::open_phase));
    }
    if evidence.exit == Exit::default() {
        return Verdict::set_up("the worker could not observe the end of the process");
    }
    match evidence.script {
        Some(transcript) => judge_script(evidence, transcript),
        None => judge_command(evidence),
    }
}

fn judge_stopped(stopped: Stopped, phase: Option<&str>) -> Verdict {
    let phase = phase.map(|phase| format!(" in phase {phase}")).unwrap_or_default();
    match stopped {
        Stopped::Cancelled => Verdict::new(Outcome::Cancelled, None, "cancelled while it ran"),
        Stopped::WallClock(limit) => Verdict::new(
            Outcome::TimedOut,
            Some(Class::WallClock),
            format!("ran longer than {}{phase}", seconds(limit)),
        ),
        Stopped::Silence(limit) => Verdict::new(
            Outcome::TimedOut,
            Some(Class::Silence),
            format!("printed no output and reported no phase for {}{phase}", seconds(limit)),
        ),
    }
}

fn seconds(span: Millis) -> String {
    format!("{} s", span.0 as f64 / 1000.0)
}

/// `end` describes the end: a signal, or an exit code that represents one.
fn crash(evidence: &Evidence<'_>, end: &str) -> Verdict {
    let message = format!("{end}{}", last_output(evidence));
    Verdict::new(Outcome::Error, Some(Class::Crash), message)
}

fn describe_signal(number: i32) -> String {
    match signals::by_number(number) {
        Some(signal) => format!("ended by {}", signal.described()),
        None => format!("ended by signal {number}"),
    }
}

fn describe_signal_code(code: i32, signal: &Signal) -> String {
    format!("exit code {code}, as after {}", signal.described())
}

fn last_output(evidence: &Evidence<'_>) -> String {
    let quote = evidence.diagnosis.map(|diagnosis| format!("; last output: {}", diagnosis.text));
    quote.unwrap_or_default()
}

fn judge_command(evidence: &Evidence<'_>) -> Verdict {
    let Some(code) = evidence.exit.code else {
        return crash(evidence, &describe_signal(evidence.exit.signal.unwrap_or_default()));
    };
    if let Some(signal) = signals::by_exit_code(code) {
        return crash(evidence, &describe_signal_code(code, signal));
    }
    if let Some(junit) = evidence.junit {
        return cases::judge(code, junit, evidence.cases, &last_output(evidence));
    }
    if code == 0 {
        return Verdict::new(Outcome::Passed, None, "");
    }
    Verdict::new(Outcome::Failed, None, format!("exit code {code}{}", last_output(evidence)))
}

fn judge_script(evidence: &Evidence<'_>, transcript: &Transcript) -> Verdict {
    if let Some(signal) = evidence.exit.signal {
        return crash(evidence, &describe_signal(signal));
    }
    let code = evidence.exit.code.unwrap_or_default();
    let Some(result) = transcript.result() else {
        return judge_without_result(evidence, code, transcript);
    };
    let reported = read_result(result);
    match reported.outcome {
        Outcome::Passed => confirm(evidence, transcript, reported, &[0]),
        // As with `failed`, the script may leave the verdict to its line.
        Outcome::ReducedPrecision => {
            confirm(evidence, transcript, reported, &[0, REDUCED_PRECISION_CODE])
        }
        _ => reported,
    }
}

/// The verdict on a script that completed its measurement. Without a metric, or with an exit code other
/// than `codes`, it did not, whatever it reported. Its JUnit file may contradict it, too.
fn confirm(
    evidence: &Evidence<'_>,
    transcript: &Transcript,
    reported: Verdict,
    codes: &[i32],
) -> Verdict {
    let words = reported.outcome.words();
    let code = evidence.exit.code.unwrap_or_default();
    if !codes.contains(&code) {
        let message = format!("the script reported {words}, but exited with code {code}");
        return Verdict::new(Outcome::Error, None, message);
    }
    if !transcript.has_metrics() {
        let message = format!("the script reported {words}, but no metrics{}", ignored(transcript));
        return Verdict::new(Outcome::Error, Some(Class::NoResult), message);
    }
    let Some(junit) = evidence.junit else { return reported };
    let judged = cases::judge(0, junit, evidence.cases, "");
    match (reported.outcome, judged.outcome) {
        (_, Outcome::Failed | Outcome::Error) => judged,
        // A file in which cases are flaky or skipped makes a passed test such a test, and no other.
        (Outcome::Passed, outcome) if outcome != Outcome::Passed || judged.flaky => judged,
        _ => reported,
    }
}

fn judge_without_result(evidence: &Evidence<'_>, code: i32, transcript: &Transcript) -> Verdict {
    let phase = transcript.open_phase().map(|p| format!(" in phase {p}")).unwrap_or_default();
    if let Some(signal) = signals::by_exit_code(code) {
        return crash(evidence, &format!("{}{phase}", describe_signal_code(code, signal)));
    }
    let ignored = ignored(transcript);
    let message =
        format!("the script exited with code {code}{phase} and wrote no result line{ignored}");
    if code == 0 {
        return Verdict::new(Outcome::Error, Some(Class::NoResult), message);
    }
    let class = evidence.diagnosis.and_then(|diagnosis| diagnosis.class);
    Verdict::new(Outcome::Error, class, format!("{message}{}", last_output(evidence)))
}

/// The ignored lines of the protocol: a missing line may be among them.
fn ignored(transcript: &Transcript) -> String {
    transcript.ignored().map(|text| format!("; {text}")).unwrap_or_default()
}

/// The verdict that the script reported.
fn read_result(result: &Map<String, Value>) -> Verdict {
    let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
    let class = result.get("class").and_then(|class| serde_json::from_value(class.clone()).ok());
    let class = class.filter(|class| CLAIMABLE.contains(class));
    match text("outcome") {
        "passed" => Verdict::new(Outcome::Passed, None, text("message")),
        "failed" => Verdict::new(Outcome::Failed, class, text("message")),
        "reduced_precision" => Verdict::new(Outcome::ReducedPrecision, None, text("message")),
        "error" => Verdict::new(Outcome::Error, class, text("message")),
        other => {
            let other: String = other.chars().take(MAX_QUOTED_OUTCOME).collect();
            let message = format!(
                "the outcome in the result line is {other:?}; expected passed, failed, \
                 reduced_precision or error"
            );
            Verdict::new(Outcome::Error, Some(Class::NoResult), message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::junit::reader::parse;
    use crate::results::junit::report::{CaseReport, JunitError};
    use crate::worker::verdict::diagnosis::Diagnosis;
    use std::num::NonZeroU32;

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
            let line = result(&format!("\"error\",\"class\":\"{not_its_own}\""));
            assert_eq!(script(2, &line), (Outcome::Error, None));
        }
        assert_eq!(script(0, &result("\"great\"")), (Outcome::Error, Some(Class::NoResult)));
        assert_eq!(script(0, &result("17")), (Outcome::Error, Some(Class::NoResult)));
    }

    #[test]
    fn reduced_precision_is_a_verdict_of_its_own() {
        let reduced = result("\"reduced_precision\",\"message\":\"rounds like bf16\"");
        for code in [0, 3] {
            assert_eq!(script(code, &reduced), (Outcome::ReducedPrecision, None));
        }
        // A script that is interrupted after its line has not completed its work.
        for code in [1, 2, 77, 137] {
            assert_eq!(script(code, &reduced), (Outcome::Error, None), "{code}");
        }
        let unmeasured = "{\"event\":\"result\",\"outcome\":\"reduced_precision\"}\n";
        assert_eq!(script(3, unmeasured), (Outcome::Error, Some(Class::NoResult)));
        // The exit code alone states nothing.
        assert_eq!(script(3, METRIC), (Outcome::Error, None));
        assert_eq!(script(3, &result("\"passed\"")), (Outcome::Error, None));
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
        assert!(
            verdict.message.contains("no metrics; 1 protocol entry ignored"),
            "{}",
            verdict.message
        );
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
        let diagnosis =
            Diagnosis { text: "MemoryError: 40 GiB".into(), class: Some(Class::OutOfMemory) };
        let judged = |exit, script| {
            let diagnosis = Some(&diagnosis);
            judge(&Evidence { exit, script, diagnosis, ..Evidence::default() })
        };
        let one = Exit { code: Some(1), signal: None };
        let verdict = judged(one, None);
        assert_eq!(verdict.message, "exit code 1; last output: MemoryError: 40 GiB");
        assert_eq!((verdict.outcome, verdict.class), (Outcome::Failed, None));
        let silent = Transcript::default();
        let script = judged(one, Some(&silent));
        assert_eq!((script.outcome, script.class), (Outcome::Error, Some(Class::OutOfMemory)));
        assert!(script.message.ends_with("no result line; last output: MemoryError: 40 GiB"));
        let crash = judged(Exit { code: None, signal: Some(6) }, None);
        assert!(crash.message.starts_with("ended by SIGABRT (often a failed assertion"));
        assert!(crash.message.ends_with("; last output: MemoryError: 40 GiB"), "{}", crash.message);
        assert_eq!(crash.class, Some(Class::Crash));
        // The message of the script is more precise.
        let mut transcript = Transcript::default();
        transcript.feed(result("\"failed\",\"message\":\"off by 2\"").as_bytes());
        assert_eq!(judged(one, Some(&transcript)).message, "off by 2");
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
        assert_eq!(script(137, ""), (Outcome::Error, Some(Class::Crash)));
        // The outcome that the script reported is more precise.
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
        let judged = |junit: Result<CaseReport, JunitError>, cases| {
            with_junit("\"passed\"", 0, &junit, NonZeroU32::new(cases))
        };
        let two = parse(b"<testsuite><testcase/><testcase/></testsuite>").expect("a file");
        assert_eq!(judged(Ok(two.clone()), 2).outcome, Outcome::Passed);
        assert_eq!(judged(Ok(two), 3).class, Some(Class::NoResult));
        let bad = b"<testsuite><testcase><failure/></testcase></testsuite>";
        assert_eq!(judged(Ok(parse(bad).expect("a file")), 0).outcome, Outcome::Failed);
        assert_eq!(judged(Err(JunitError::Missing("x".into())), 0).outcome, Outcome::Error);
    }

    /// The verdict on a script with this line, exit code and JUnit file.
    fn with_junit(
        outcome: &str,
        code: i32,
        junit: &Result<CaseReport, JunitError>,
        cases: Option<NonZeroU32>,
    ) -> Verdict {
        let mut transcript = Transcript::default();
        transcript.feed(result(outcome).as_bytes());
        let exit = Exit { code: Some(code), signal: None };
        let (script, junit) = (Some(&transcript), Some(junit));
        judge(&Evidence { exit, script, junit, cases, ..Evidence::default() })
    }

    #[test]
    fn a_junit_file_makes_reduced_precision_worse_and_never_better() {
        for (file, wanted) in [
            ("<testsuite><testcase/></testsuite>", Outcome::ReducedPrecision),
            (
                "<testsuite><testcase><flakyFailure/></testcase></testsuite>",
                Outcome::ReducedPrecision,
            ),
            ("<testsuite><testcase><skipped/></testcase></testsuite>", Outcome::ReducedPrecision),
            ("<testsuite><testcase><failure/></testcase></testsuite>", Outcome::Failed),
            ("<testsuite/>", Outcome::Error),
        ] {
            let junit = Ok(parse(file.as_bytes()).expect("a file"));
            let verdict = with_junit("\"reduced_precision\"", 3, &junit, None);
            assert_eq!(verdict.outcome, wanted, "{file}");
        }
    }

    #[test]
    fn a_crash_is_one_whatever_the_junit_file_says() {
        let good = parse(b"<testsuite><testcase/></testsuite>");
        let good = good.map_err(|why| JunitError::Unreadable("x".into(), why));
        for exit in [Exit { code: Some(137), signal: None }, Exit { code: None, signal: Some(9) }] {
            let verdict = judge(&Evidence { exit, junit: Some(&good), ..Evidence::default() });
            assert_eq!(verdict.class, Some(Class::Crash));
        }
    }
}
