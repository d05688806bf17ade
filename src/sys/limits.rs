//! The limits of the operating system on this process and on its children.
//!
//! Promise: a program that this process starts has the limit on open files that this process was
//! started with, since some programs behave badly with a large one.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
#[cfg(unix)]
use std::sync::OnceLock;
use std::time::Duration;

/// The requested number of file descriptors. More would cost kernel memory without a benefit.
const WANTED_FILES: u64 = 32_768;

/// The limit on open files that this process was started with. Empty until the limit is raised.
#[cfg(unix)]
static ORIGINAL: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit on open files as far as the hard limit allows. Returns the maximum number of
/// files that this process may have open; None if there is no limit.
#[cfg(unix)]
pub fn raise_open_files() -> Option<u64> {
    let original = getrlimit(Resource::Nofile);
    let current = original.current?;
    let wanted = WANTED_FILES.min(original.maximum.unwrap_or(WANTED_FILES));
    if current >= wanted {
        return Some(current);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..original }) {
        Ok(()) => {
            // Only the first value is the original one.
            let _ = ORIGINAL.set(original);
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

/// Gives a process that was just started the limit on open files that this process was started with.
#[cfg(target_os = "linux")]
pub fn restore_open_files(child: rustix::process::Pid) {
    if let Some(original) = ORIGINAL.get()
        && let Err(error) = rustix::process::prlimit(Some(child), Resource::Nofile, *original)
    {
        // The child may have ended already.
        tracing::debug!(%error, "a child keeps the raised limit on open files");
    }
}

/// Ends this process at once when its standard input ends: the process that started it has ended.
pub fn end_with_input() {
    std::thread::spawn(|| {
        // An error of reading is an end, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        #[cfg(unix)]
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        #[cfg(not(unix))]
        std::process::abort();
    });
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

/// Limits this process for good: its address space and the size of a file that it writes, in bytes, and its
/// processor time. Only Unix has these limits.
///
/// # Errors
/// The operating system refuses a limit.
#[cfg(unix)]
pub fn confine(address_bytes: u64, file_bytes: u64, cpu: Duration) -> io::Result<()> {
    let limits = [
        (Resource::As, address_bytes),
        (Resource::Fsize, file_bytes),
        (Resource::Cpu, cpu.as_secs().max(1)),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let most = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Limits this process: without an effect here.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn confine(_address_bytes: u64, _file_bytes: u64, _cpu: Duration) -> io::Result<()> {
    Ok(())
}
