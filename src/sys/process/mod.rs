//! Child processes whose whole tree can be stopped.
//!
//! A child leads a process group of its own (a job object on Windows), reads nothing, and
//! writes standard output and error into one pipe ([`run()`] keeps them apart). There is no `pre_exec`, so that starting
//! stays on the fast path of the platform; the program has to be a path, not a name to look
//! up, for the same reason.
//!
//! Promises: [`Tree::kill`] and [`Tree::sweep`] also reach processes that left the group, changed
//! their environment and lost their parent, by their [`Label`] and by the marker in their
//! environment (Linux; elsewhere the group or job alone is reached).

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

mod completion;
mod label;
pub mod lookup;
mod run;
mod runner;
pub mod signals;
pub use completion::{Captured, Completion, ProgramOutput, printable};
pub use label::{Label, Labels, start_with};
pub use run::{Call, Keep, Limits, Observer, Stream, run, run_observed};
#[cfg(test)]
pub use runner::recorded;
pub use runner::{Runner, SystemRunner};
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{Child, Output, Tree};
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{Child, Output, Tree};

/// Name of the environment variable that marks every process of an attempt.
pub const MARKER: &str = "DTF_LEASE";

/// What to start. The environment is exactly `env`.
#[derive(Debug, Clone)]
pub struct Start {
    /// Absolute.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// Should hold [`MARKER`], so that nothing of the tree can hide.
    pub env: Vec<(OsString, OsString)>,
}

/// How a process ended: one of both is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

/// What a running process has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub peak_memory_bytes: u64,
    pub cpu_ms: u64,
}

/// Makes orphans of this process's descendants its own children, so that they can be found
/// and their remains cleared. Once for the process, where the platform can (Linux).
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!(%error, "orphans go to init");
    }
}

/// Kills every process whose marker starts with `prefix`, or that has one of the labels: what an
/// earlier, killed worker left behind. Returns how many.
pub fn kill_left(prefix: &str, labels: &Labels) -> usize {
    #[cfg(target_os = "linux")]
    return unix::marked::kill_all(prefix, labels);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (prefix, labels);
        0
    }
}

/// Lets a process go on that was stopped by a signal (Linux). Returns whether it was stopped.
pub fn resume_stopped(pid: u32) -> bool {
    #[cfg(target_os = "linux")]
    return unix::marked::resume_stopped(pid);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        false
    }
}

/// Clears the remains of adopted orphans. Call it about once a second at most: a process
/// counts as an orphan when it was seen dead and unclaimed in two calls.
#[derive(Debug, Default)]
pub struct Reaper {
    #[cfg(target_os = "linux")]
    suspects: std::collections::BTreeSet<i32>,
}

impl Reaper {
    /// Returns how many were cleared.
    pub fn sweep(&mut self) -> usize {
        #[cfg(target_os = "linux")]
        return unix::marked::reap(&mut self.suspects);
        #[cfg(not(target_os = "linux"))]
        0
    }
}

impl Start {
    /// Starts it; its output comes out of the returned [`Output`]. Inside a runtime.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&self) -> io::Result<(Child, Output)> {
        Child::start(self, None)
    }

    /// As [`Start::spawn`]; the process and all that come from it carry the label.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn_labelled(&self, label: Label) -> io::Result<(Child, Output)> {
        Child::start(self, Some(label))
    }

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).current_dir(&self.cwd).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(std::process::Stdio::null());
        command
    }
}
