//! Child processes that can be stopped together with all processes that they start.
//!
//! Each child leads its own process group (on Windows, its own job object). With [`Start::spawn`], its
//! standard input is empty and its two output streams go into one pipe; [`run()`] keeps the streams
//! apart and can provide input. The program must be a path and there is no `pre_exec`, so that the
//! start uses the fast path of the platform.
//!
//! Promises: on Linux, [`Tree::kill`] and [`Tree::sweep`] also reach processes that left the group,
//! changed their environment or lost their parent, by their [`Label`] and by the marker in their
//! environment. On other systems, they reach only the group or the job.

use std::io;

mod completion;
mod exit;
mod label;
pub mod lookup;
#[cfg(test)]
mod recorded;
mod run;
mod runner;
pub mod signals;
mod start;
#[cfg(target_os = "linux")]
mod table;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
pub use completion::{Captured, Completion, ProgramOutput, printable};
pub use exit::{Exit, Usage};
pub use label::{Label, Labels, start_with};
#[cfg(test)]
pub use recorded::{Recorded, crashed, exited};
pub use run::{Call, Keep, Limits, Observer, Stream, run, run_observed};
pub use runner::{Runner, SystemRunner};
pub use start::{MARKER, Start};
#[cfg(unix)]
pub use unix::{Child, Output, Tree};
#[cfg(windows)]
pub use windows::{Child, Output, Tree};

/// Makes this process adopt the orphans among its descendants, so that they can be found and their
/// exit codes read. Called once in the life of the process. Only Linux supports it.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!(%error, "init adopts the orphans of this process");
    }
}

/// Kills every process whose marker starts with `prefix` or that has one of the labels, and returns
/// their number. An earlier worker that was killed may have left such processes.
pub fn kill_leftover(prefix: &str, labels: &Labels) -> usize {
    #[cfg(target_os = "linux")]
    return table::kill_all(prefix, labels);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (prefix, labels);
        0
    }
}

/// Resumes a process that a signal has stopped (Linux only). Returns whether it was stopped.
pub fn resume_stopped(pid: u32) -> bool {
    #[cfg(target_os = "linux")]
    return table::resume_stopped(pid);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        false
    }
}

/// Reads the exit codes of adopted orphans that have ended. To be called at most about once per second:
/// a process counts as an orphan if two consecutive calls find it ended and its exit code unread.
#[derive(Debug, Default)]
pub struct Reaper {
    #[cfg(target_os = "linux")]
    suspects: std::collections::BTreeSet<i32>,
}

impl Reaper {
    /// Returns the number of orphans whose exit code was read.
    pub fn sweep(&mut self) -> usize {
        #[cfg(target_os = "linux")]
        return table::reap(&mut self.suspects);
        #[cfg(not(target_os = "linux"))]
        0
    }
}

impl Start {
    /// Starts the process and returns it with its output. Requires a Tokio runtime.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&self) -> io::Result<(Child, Output)> {
        Child::start(self, None)
    }

    /// As [`Start::spawn`]. The process and all processes that it starts carry the label.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn_labelled(&self, label: Label) -> io::Result<(Child, Output)> {
        Child::start(self, Some(label))
    }
}
