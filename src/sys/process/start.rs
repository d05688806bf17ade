//! The description of a process to start.

use std::ffi::OsString;
use std::path::PathBuf;

/// Environment variable whose value marks every process of an attempt.
pub const MARKER: &str = "DTF_LEASE";

/// A process to start. Its environment is exactly `env`.
#[derive(Debug, Clone)]
pub struct Start {
    /// Absolute path.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// Should contain [`MARKER`], by which the processes of the tree are found.
    pub env: Vec<(OsString, OsString)>,
}

impl Start {
    pub(super) fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).current_dir(&self.cwd).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(std::process::Stdio::null());
        command
    }
}
