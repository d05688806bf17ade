//! Recognises attempts that the kernel killed for lack of memory.

use crate::domain::outcome::{Class, Outcome};
use crate::sys::process::Exit;
use crate::sys::process::signals::{self, SIGKILL};
use crate::worker::verdict::Verdict;

/// Number of processes on this machine that the kernel has killed for lack of memory. None on a
/// system that does not count them.
#[must_use]
pub fn count_kernel_kills() -> Option<u64> {
    parse_vmstat(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

/// `vmstat` is the text of `/proc/vmstat` on Linux. Older kernels have no such counter.
fn parse_vmstat(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Whether SIGKILL ended the program, or a process inside it for which it waited.
#[must_use]
pub fn is_killed(exit: Exit) -> bool {
    let by_code = exit.code.and_then(signals::by_exit_code);
    exit.signal == Some(SIGKILL) || by_code.is_some_and(|signal| signal.number == SIGKILL)
}

/// Changes the verdict on a crash to lack of memory when SIGKILL ended the program, dtf did not
/// send it, and the kernel killed processes for lack of memory during the attempt. `kills` is the
/// count of the kernel before and after the attempt; an unknown count changes nothing.
#[must_use]
pub fn refine_kill(verdict: Verdict, exit: Exit, kills: (Option<u64>, Option<u64>)) -> Verdict {
    let is_crash_by_kill = is_killed(exit) && verdict.class == Some(Class::Crash);
    match kills {
        (Some(before), Some(after)) if is_crash_by_kill && after > before => Verdict::new(
            Outcome::Error,
            Some(Class::OutOfMemory),
            "killed by the kernel because the machine ran out of memory",
        ),
        _ => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use crate::worker::verdict::judge::judge;
    use crate::worker::verdict::protocol::Transcript;
    use crate::worker::verdict::{Evidence, Stopped};

    fn command(exit: Exit, stopped: Option<Stopped>) -> Verdict {
        judge(&Evidence { exit, stopped, ..Evidence::default() })
    }

    #[test]
    fn a_kill_counted_by_the_kernel_is_lack_of_memory() {
        let vmstat = "nr_free_pages 17\noom_kill_disable 9\noom_kill 3\nunevictable_pgs 0\n";
        assert_eq!(parse_vmstat(vmstat), Some(3));
        assert_eq!(parse_vmstat("nr_free_pages 17\n"), None);
        let judged = |signal, stopped, kills| {
            let exit = Exit { code: None, signal: Some(signal) };
            let verdict = refine_kill(command(exit, stopped), exit, kills);
            (verdict.outcome, verdict.class)
        };
        let crash = (Outcome::Error, Some(Class::Crash));
        let memory = (Outcome::Error, Some(Class::OutOfMemory));
        assert_eq!(judged(9, None, (Some(3), Some(4))), memory);
        assert_eq!(judged(9, None, (Some(3), Some(3))), crash);
        assert_eq!(judged(9, None, (None, Some(4))), crash);
        assert_eq!(judged(11, None, (Some(3), Some(4))), crash);
        // A stop by dtf is not lack of memory.
        let late = Some(Stopped::WallClock(Millis(1500)));
        assert_eq!(judged(9, late, (Some(3), Some(4))).0, Outcome::TimedOut);
        // A script that the kernel killed has no result line, or an earlier one.
        let mut transcript = Transcript::default();
        transcript.feed(b"{\"event\":\"result\",\"outcome\":\"passed\"}\n");
        let exit = Exit { code: None, signal: Some(9) };
        let evidence = Evidence { exit, script: Some(&transcript), ..Evidence::default() };
        let verdict = refine_kill(judge(&evidence), exit, (Some(0), Some(2)));
        assert_eq!((verdict.outcome, verdict.class), memory);
    }

    #[test]
    fn a_kill_inside_the_program_counts_as_well() {
        let exit = |code| Exit { code: Some(code), signal: None };
        let refined = |code| refine_kill(command(exit(code), None), exit(code), (Some(1), Some(2)));
        assert_eq!(refined(137).class, Some(Class::OutOfMemory));
        assert_eq!(refined(139).class, Some(Class::Crash));
    }
}
