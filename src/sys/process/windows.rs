//! Child processes on Windows: ending a job object ends its process tree. The tests do not run on
//! Windows.

use super::exit::{Exit, Usage};
use super::label::Label;
use super::start::Start;
use process_wrap::tokio::{ChildWrapper, CommandWrap, JobObject};
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

type Shared = Arc<Mutex<Box<dyn ChildWrapper>>>;

/// Interval at which a process is checked for its end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Child {
    inner: Shared,
}

#[derive(Debug)]
pub struct Output {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn start(start: &Start, _: Option<Label>) -> io::Result<(Self, Output)> {
        Self::piping(start.command())
    }

    /// As [`Self::start`], with separate streams for standard output and standard error. With
    /// `has_input`, the program reads what is written to [`Self::take_stdin`].
    pub(super) fn start_apart(
        start: &Start,
        has_input: bool,
    ) -> io::Result<(Self, Output, Output)> {
        let mut command = start.command();
        if has_input {
            command.stdin(Stdio::piped());
        }
        let (child, both) = Self::piping(command)?;
        let stdout = Output { stdout: both.stdout, stderr: None };
        Ok((child, stdout, Output { stdout: None, stderr: both.stderr }))
    }

    fn piping(mut command: Command) -> io::Result<(Self, Output)> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut inner = CommandWrap::from(command).wrap(JobObject).spawn()?;
        let output = Output { stdout: inner.stdout().take(), stderr: inner.stderr().take() };
        Ok((Self { inner: Arc::new(Mutex::new(inner)) }, output))
    }

    /// The standard input of the process, once, if it was started with one.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.lock().ok()?.stdin().take()
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    /// The system does not report the end of the child.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        loop {
            let status = match self.inner.lock() {
                Ok(mut child) => child.try_wait()?,
                Err(_) => return Err(io::Error::other("the child's lock is poisoned")),
            };
            if let Some(status) = status {
                return Ok(Exit { code: status.code(), signal: None });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The process with all processes that it starts.
    #[must_use]
    pub fn tree(&self, _marker: &str) -> Tree {
        Tree { inner: self.inner.clone() }
    }
}

impl Output {
    /// Waits for output and returns its number of bytes, 0 at the end of both streams.
    ///
    /// # Errors
    /// A pipe is broken.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The first part is at least as long as the second, so that it can hold a piece of either stream.
        let (first, second) = buffer.split_at_mut(buffer.len().div_ceil(2));
        loop {
            let (count, from_first) = match (&mut self.stdout, &mut self.stderr) {
                (None, None) => return Ok(0),
                (Some(out), None) => (out.read(first).await?, true),
                (None, Some(error)) => (error.read(first).await?, false),
                (Some(out), Some(error)) => tokio::select! {
                    count = out.read(first) => (count?, true),
                    count = error.read(second) => {
                        let count = count?;
                        first[..count].copy_from_slice(&second[..count]);
                        (count, false)
                    }
                },
            };
            match (count, from_first) {
                (0, true) => self.stdout = None,
                (0, false) => self.stderr = None,
                (count, _) => return Ok(count),
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct Tree {
    inner: Shared,
}

impl Tree {
    /// Has no effect: the job knows its processes without labels.
    #[must_use]
    pub fn labelled(self, _: Label) -> Self {
        self
    }

    /// Kills the processes: Windows cannot ask a process without a console to stop.
    pub fn terminate(&self) {
        self.kill();
    }

    /// Ends all processes of the job.
    pub fn kill(&self) {
        if let Ok(mut child) = self.inner.lock() {
            let _ = child.start_kill();
        }
    }

    /// Ends the processes that remain in the job.
    pub fn sweep(&self) {
        self.kill();
    }

    /// The resources that the leader has used so far, which Windows does not report here.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        None
    }
}
