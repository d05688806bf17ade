//! Limits that the operating system sets this process, and the ones it sets its children.
//!
//! Promises: programs that are started see the limit on open files that this process was
//! started with, since some behave badly with a large one.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
#[cfg(unix)]
use std::sync::OnceLock;

/// As many descriptors as are asked for. More would cost the kernel memory for nothing.
const WANTED_FILES: u64 = 32_768;

/// The limit on open files that this process was started with, once it has been raised.
#[cfg(unix)]
static FOUND: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit on open files as far as the hard one allows. Returns how many files
/// this process may have open; None where there is no such limit.
#[cfg(unix)]
pub fn raise_open_files() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    let current = found.current?;
    let wanted = WANTED_FILES.min(found.maximum.unwrap_or(WANTED_FILES));
    if current >= wanted {
        return Some(current);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..found }) {
        Ok(()) => {
            let _first_wins = FOUND.set(found);
            Some(wanted)
        }
        Err(error) => {
            tracing::warn!(%error, current, "cannot raise the limit on open files");
            Some(current)
        }
    }
}

#[cfg(not(unix))]
#[must_use]
pub fn raise_open_files() -> Option<u64> {
    None
}

/// Gives a process that was just started the limit on open files that this one was started with.
#[cfg(target_os = "linux")]
pub fn as_found(child: rustix::process::Pid) {
    if let Some(found) = FOUND.get()
        && let Err(error) = rustix::process::prlimit(Some(child), Resource::Nofile, *found)
    {
        // It may have ended already.
        tracing::debug!(%error, "a child keeps the raised limit on open files");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_never_above_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let now = raise_open_files();
        let after = getrlimit(Resource::Nofile);
        assert_eq!(after.current, now);
        assert_eq!(after.maximum, before.maximum);
        assert!(after.current >= before.current);
        let least = WANTED_FILES.min(before.maximum.unwrap_or(WANTED_FILES));
        assert!(now.is_none_or(|now| now >= least), "{before:?} became {now:?}");
    }
}
