//! Signals by name, with what they usually mean for a program that they end.

/// A signal that can end a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub number: i32,
    pub name: &'static str,
    /// In a few words; empty when the name says it.
    pub usual_cause: &'static str,
    /// Whether an exit code of 128 and the number means this signal. Of some signals it does
    /// not: programs end with 129, 130 and 131 for reasons of their own.
    by_code: bool,
}

pub const SIGKILL: i32 = 9;
/// Shells, containers and other wrappers end with this and the number of the signal that ended
/// what they ran.
const WRAPPED: i32 = 128;

/// The numbers are those of Linux, macOS and the BSDs, which differ in two.
const LIKE_LINUX: bool = cfg!(any(target_os = "linux", target_os = "android", windows));
const SIGBUS: i32 = if LIKE_LINUX { 7 } else { 10 };
const SIGSYS: i32 = if LIKE_LINUX { 31 } else { 12 };

const fn signal(number: i32, name: &'static str, usual_cause: &'static str) -> Signal {
    Signal { number, name, usual_cause, by_code: number > 3 }
}

const SIGNALS: [Signal; 16] = [
    signal(1, "SIGHUP", "its terminal or session ended"),
    signal(2, "SIGINT", "interrupted, as by Ctrl-C"),
    signal(3, "SIGQUIT", ""),
    signal(4, "SIGILL", "often an instruction that this processor does not have"),
    signal(5, "SIGTRAP", "often a failed assertion in native code"),
    signal(6, "SIGABRT", "often a failed assertion or an uncaught C++ exception"),
    signal(SIGBUS, "SIGBUS", "often a full /dev/shm, or a file that was cut while it was mapped"),
    signal(8, "SIGFPE", "often a whole number divided by zero in native code"),
    signal(SIGKILL, "SIGKILL", "the system may have run out of memory"),
    signal(11, "SIGSEGV", "a fault in native code, such as an extension module or a driver"),
    signal(SIGSYS, "SIGSYS", "often a system call that a sandbox forbids"),
    signal(13, "SIGPIPE", "it wrote to a program that had ended"),
    signal(14, "SIGALRM", "a timer of its own"),
    signal(15, "SIGTERM", "somebody asked it to stop, and it was not dtf"),
    signal(24, "SIGXCPU", "the limit on processor time, see ulimit -t"),
    signal(25, "SIGXFSZ", "the limit on the size of a file, see ulimit -f"),
];

/// None for a number without a usual meaning.
#[must_use]
pub fn by_number(number: i32) -> Option<&'static Signal> {
    SIGNALS.iter().find(|signal| signal.number == number)
}

/// The signal that an exit code stands for, when a wrapper around the program ended with it.
#[must_use]
pub fn by_exit_code(code: i32) -> Option<&'static Signal> {
    by_number(code.checked_sub(WRAPPED)?).filter(|signal| signal.by_code)
}

impl Signal {
    /// `SIGBUS (often …)`
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
    fn exit_codes_of_wrappers_are_signals_and_others_are_not() {
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
