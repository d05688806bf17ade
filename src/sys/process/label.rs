//! A label that every process of an attempt inherits.
//!
//! A process can change its environment, session, group, parent and working directory, and a daemon
//! changes all of them. It keeps its resource limits. Linux still inherits the limit on file locks but
//! has not enforced it since version 2.4, so the soft value of this limit is used as the label. A
//! process loses the label only if it sets this limit.
//!
//! Promises: the labels of two attempts differ, also across the workers of a machine. If the limit
//! cannot be set because its hard value is too low, processes start without a label.

use std::io;
use std::sync::{Mutex, PoisonError};

/// Bit that distinguishes a label from a limit that a person has set.
const LABEL_BIT: u64 = 1 << 62;
/// Number of low bits, which hold the number of the attempt within its work directory.
const NUMBER_BITS: u32 = 24;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// The label of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(u64);

/// The labels of one work directory.
#[derive(Debug)]
pub struct Labels {
    base: u64,
    next: Mutex<u64>,
}

impl Labels {
    /// The labels of the work directory of this name. The same name gives the same labels.
    #[must_use]
    pub fn of(name: &str) -> Self {
        use sha2::{Digest, Sha256};
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let hash = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self { base: (LABEL_BIT | (hash & (LABEL_BIT - 1))) & !NUMBER_MASK, next: Mutex::new(0) }
    }

    /// The next label. After all numbers have been used, the first one follows.
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
    /// The soft limit that represents the label.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Allows one start at a time: while a child starts, this whole process carries the label of the child.
static START_LOCK: Mutex<()> = Mutex::new(());

/// Calls `start`, and lets the process that it starts carry the label, if there is one.
///
/// # Errors
/// The error of `start`.
pub fn start_with<T>(label: Option<Label>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _guard = START_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    #[cfg(target_os = "linux")]
    let _own_label = label.and_then(OwnLabel::set);
    #[cfg(not(target_os = "linux"))]
    let _ = label;
    start()
}

/// A label that this process itself carries until the value is dropped; holds the limit before it.
#[cfg(target_os = "linux")]
struct OwnLabel(rustix::process::Rlimit);

#[cfg(target_os = "linux")]
impl OwnLabel {
    fn set(label: Label) -> Option<Self> {
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
impl Drop for OwnLabel {
    fn drop(&mut self) {
        use rustix::process::{Resource, setrlimit};
        if let Err(error) = setrlimit(Resource::Locks, self.0) {
            tracing::error!(%error, "cannot remove a label from this process");
        }
    }
}

/// The label that a process carries, if there is one.
#[cfg(target_os = "linux")]
pub(super) fn label_of(pid: rustix::process::Pid) -> Option<Label> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).ok()?;
    label_in(&limits)
}

#[cfg(target_os = "linux")]
fn label_in(limits: &str) -> Option<Label> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file locks"))?;
    let soft: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    (soft & LABEL_BIT != 0 && soft < 2 * LABEL_BIT).then_some(Label(soft))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn labels_belong_to_their_work_directory() {
        let (one, other) = (Labels::of("one"), Labels::of("other"));
        let label = one.next();
        assert_ne!(label, one.next());
        assert!(one.has(Some(label)) && !other.has(Some(label)) && !one.has(None));
        assert!(Labels::of("one").has(Some(label)), "same labels after a restart");
        assert!(i64::try_from(label.number()).is_ok(), "fits a signed number, for other languages");
    }

    #[test]
    fn limits_that_people_set_are_not_labels() {
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
