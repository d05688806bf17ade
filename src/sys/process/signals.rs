//! Names of signals, with the usual cause when one ends a program.

/// A signal that can end a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub number: i32,
    pub name: &'static str,
    /// A short phrase; empty if the name is clear enough.
    pub usual_cause: &'static str,
    /// Whether an exit code of 128 plus the number indicates this signal. Exit codes 129, 130 and 131
    /// do not, since programs use them for other purposes.
    has_exit_code: bool,
}

pub const SIGKILL: i32 = 9;
/// Shells, containers and other wrappers exit with this number plus the number of the signal that ended
/// their program.
const WRAPPER_OFFSET: i32 = 128;

/// Linux on the one hand, macOS and the BSDs on the other, number two signals differently.
const LIKE_LINUX: bool = cfg!(any(target_os = "linux", target_os = "android", windows));
const SIGBUS: i32 = if LIKE_LINUX { 7 } else { 10 };
const SIGSYS: i32 = if LIKE_LINUX { 31 } else { 12 };

const fn signal(number: i32, name: &'static str, usual_cause: &'static str) -> Signal {
    Signal { number, name, usual_cause, has_exit_code: number > 3 }
}

const SIGNALS: [Signal; 16] = [
    signal(1, "SIGHUP", "its terminal or session ended"),
    signal(2, "SIGINT", "interrupted, as by Ctrl-C"),
    signal(3, "SIGQUIT", ""),
    signal(4, "SIGILL", "often an instruction that this processor does not have"),
    signal(5, "SIGTRAP", "often a failed assertion in native code"),
    signal(6, "SIGABRT", "often a failed assertion or an uncaught C++ exception"),
    signal(
        SIGBUS,
        "SIGBUS",
        "often a full /dev/shm, or a file that was truncated while it was mapped",
    ),
    signal(8, "SIGFPE", "often an integer division by zero in native code"),
    signal(SIGKILL, "SIGKILL", "the system may have run out of memory"),
    signal(11, "SIGSEGV", "a fault in native code, such as an extension module or a driver"),
    signal(SIGSYS, "SIGSYS", "often a system call that a sandbox forbids"),
    signal(13, "SIGPIPE", "the program wrote to a pipe whose reader had ended"),
    signal(14, "SIGALRM", "a timer that the program set"),
    signal(15, "SIGTERM", "a request to stop that did not come from dtf"),
    signal(24, "SIGXCPU", "the limit on CPU time, see ulimit -t"),
    signal(25, "SIGXFSZ", "the limit on file size, see ulimit -f"),
];

/// The signal with this number; None if it is not a known one.
#[must_use]
pub fn by_number(number: i32) -> Option<&'static Signal> {
    SIGNALS.iter().find(|signal| signal.number == number)
}

/// The signal that ended a program, by the exit code of a wrapper around it.
#[must_use]
pub fn by_exit_code(code: i32) -> Option<&'static Signal> {
    by_number(code.checked_sub(WRAPPER_OFFSET)?).filter(|signal| signal.has_exit_code)
}

impl Signal {
    /// The name with the usual cause: `SIGBUS (often …)`.
    #[must_use]
    pub fn described(&self) -> String {
        let Self { name, usual_cause, .. } = self;
        if usual_cause.is_empty() { (*name).to_owned() } else { format!("{name} ({usual_cause})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_numbers_are_those_of_this_system() {
        use rustix::process::Signal as System;
        for (name, system) in [
            ("SIGHUP", System::HUP),
            ("SIGINT", System::INT),
            ("SIGQUIT", System::QUIT),
            ("SIGILL", System::ILL),
            ("SIGTRAP", System::TRAP),
            ("SIGABRT", System::ABORT),
            ("SIGBUS", System::BUS),
            ("SIGFPE", System::FPE),
            ("SIGKILL", System::KILL),
            ("SIGSEGV", System::SEGV),
            ("SIGSYS", System::SYS),
            ("SIGPIPE", System::PIPE),
            ("SIGALRM", System::ALARM),
            ("SIGTERM", System::TERM),
            ("SIGXCPU", System::XCPU),
            ("SIGXFSZ", System::XFSZ),
        ] {
            let known = by_number(system.as_raw()).map(|signal| signal.name);
            assert_eq!(known, Some(name));
        }
    }

    #[test]
    fn only_exit_codes_of_wrappers_are_signals() {
        let name = |code| by_exit_code(code).map(|signal| signal.name);
        assert_eq!(
            (name(137), name(139), name(134)),
            (Some("SIGKILL"), Some("SIGSEGV"), Some("SIGABRT"))
        );
        assert_eq!((name(143), name(141)), (Some("SIGTERM"), Some("SIGPIPE")));
        for code in [i32::MIN, -9, 0, 1, 9, 77, 127, 128, 129, 130, 131, 144, 200, 254, 255] {
            assert_eq!(name(code), None, "{code}");
        }
    }
}
