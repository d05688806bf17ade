//! A label that every process of an attempt inherits.
//!
//! A process can change its environment, session, group, parent and working directory, and a
//! daemon does all of it. What it keeps are its limits. Linux still carries a limit on file
//! locks from process to process, and has not enforced it since version 2.4: its soft value is
//! the label. Whoever wants to lose it has to set that limit on purpose.
//!
//! Promises: labels of two attempts differ, also across workers of a machine; where the limit
//! cannot be set (its hard value is too low), processes start without a label.

use std::io;
use std::sync::{Mutex, PoisonError};

/// Keeps labels apart from values that people choose.
const MARK: u64 = 1 << 62;
/// Low bits: number of the attempt within its family.
const NUMBER_BITS: u32 = 24;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// Of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(u64);

/// Labels of one work directory.
#[derive(Debug)]
pub struct Labels {
    base: u64,
    next: Mutex<u64>,
}

impl Labels {
    /// The same name gives the same family.
    #[must_use]
    pub fn of(name: &str) -> Self {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let hash = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self { base: (MARK | (hash & (MARK - 1))) & !NUMBER_MASK, next: Mutex::new(0) }
    }

    /// Another one, until they are used up and begin again.
    pub fn next(&self) -> Label {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next + 1) & NUMBER_MASK;
        Label(self.base | *next)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn has(&self, label: Option<Label>) -> bool {
        label.is_some_and(|Label(label)| label & !NUMBER_MASK == self.base)
    }
}

impl Label {
    /// The soft limit that stands for it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// One start at a time, since a label is set for this whole process while the child is made.
static TURN: Mutex<()> = Mutex::new(());

/// Starts a process that carries the label, or none.
///
/// # Errors
/// What `start` returns.
pub fn start_with<T>(label: Option<Label>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    #[cfg(target_os = "linux")]
    let _worn = label.and_then(Worn::put_on);
    #[cfg(not(target_os = "linux"))]
    let _ = label;
    start()
}

/// This process carries a label itself.
#[cfg(target_os = "linux")]
struct Worn(rustix::process::Rlimit);

#[cfg(target_os = "linux")]
impl Worn {
    fn put_on(label: Label) -> Option<Self> {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let before = getrlimit(Resource::Locks);
        let with_label = Rlimit { current: Some(label.0), ..before };
        match setrlimit(Resource::Locks, with_label) {
            Ok(()) => Some(Self(before)),
            Err(error) => {
                tracing::debug!(%error, "an attempt starts without a label");
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Worn {
    fn drop(&mut self) {
        use rustix::process::{Resource, setrlimit};
        if let Err(error) = setrlimit(Resource::Locks, self.0) {
            tracing::error!(%error, "cannot take a label off");
        }
    }
}

/// The label of a process, if it has one.
#[cfg(target_os = "linux")]
pub(super) fn label_of(pid: rustix::process::Pid) -> Option<Label> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).ok()?;
    label_in(&limits)
}

#[cfg(target_os = "linux")]
fn label_in(limits: &str) -> Option<Label> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file locks"))?;
    let soft: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    (soft & MARK != 0 && soft < 2 * MARK).then_some(Label(soft))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn labels_belong_to_their_family() {
        let (one, other) = (Labels::of("one"), Labels::of("other"));
        let label = one.next();
        assert_ne!(label, one.next());
        assert!(one.has(Some(label)) && !other.has(Some(label)) && !one.has(None));
        assert!(Labels::of("one").has(Some(label)), "also after a restart");
        assert!(i64::try_from(label.number()).is_ok(), "other languages read it too");
    }

    #[test]
    fn limits_of_people_are_no_labels() {
        let line = |soft: &str| format!("Max file locks            {soft}    unlimited    locks\n");
        assert_eq!(label_in(&line("unlimited")), None);
        assert_eq!(label_in(&line("1024")), None);
        assert_eq!(label_in("Max open files   1   2   files\n"), None);
        let label = Labels::of("x").next();
        let limits = format!("Max cpu time  1  2  s\n{}", line(&label.number().to_string()));
        assert_eq!(label_in(&limits), Some(label));
    }

    #[test]
    fn a_child_inherits_the_label_and_this_process_does_not_keep_it() {
        let label = Labels::of("a test").next();
        let mut command = std::process::Command::new("/bin/sh");
        let command = command.args(["-c", "grep 'Max file locks' /proc/self/limits"]);
        let printed = start_with(Some(label), || command.output()).expect("started");
        let printed = String::from_utf8(printed.stdout).expect("text");
        assert_eq!(label_in(&printed), Some(label));
        let plain = start_with(None, || command.output()).expect("started");
        assert_eq!(label_in(&String::from_utf8(plain.stdout).expect("text")), None);
    }
}
