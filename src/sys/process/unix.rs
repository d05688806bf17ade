//! Child processes on Unix: process groups, and on Linux also the processes that left their group.

use super::exit::{Exit, Usage};
use super::label::{Label, start_with};
use super::start::Start;
#[cfg(target_os = "linux")]
use super::{label::label_of, table};
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use tokio::process::{ChildStdin, Command};

/// A started process. Dropping the value neither kills nor detaches the process.
#[derive(Debug)]
pub struct Child {
    inner: tokio::process::Child,
    pid: Pid,
    _leader: Leader,
}

/// The process ids of the children that have not been dropped yet. A search for orphans skips them,
/// since reading the environment of a child blocks while the child starts.
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Keeps the process id of a child in [`LEADERS`].
#[derive(Debug)]
struct Leader(i32);

impl Leader {
    fn new(pid: Pid) -> Self {
        let number = pid.as_raw_nonzero().get();
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        Self(number)
    }

    fn contains(pid: Pid) -> bool {
        let number = pid.as_raw_nonzero().get();
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The output of a process and its children, in the order in which they write it.
#[derive(Debug)]
pub struct Output {
    pipe: tokio::net::unix::pipe::Receiver,
}

impl Child {
    pub(super) fn start(start: &Start, label: Option<Label>) -> io::Result<(Self, Output)> {
        let (output, writer) = Output::pipe()?;
        let child = Self::writing(start.command(), label, writer.try_clone()?, writer)?;
        Ok((child, output))
    }

    /// As [`Self::start`], with separate streams for standard output and standard error. With
    /// `has_input`, the program reads what is written to [`Self::take_stdin`].
    pub(super) fn start_apart(
        start: &Start,
        has_input: bool,
    ) -> io::Result<(Self, Output, Output)> {
        let (stdout, out) = Output::pipe()?;
        let (stderr, err) = Output::pipe()?;
        let mut command = start.command();
        if has_input {
            command.stdin(Stdio::piped());
        }
        Ok((Self::writing(command, None, out, err)?, stdout, stderr))
    }

    fn writing(
        mut command: Command,
        label: Option<Label>,
        out: OwnedFd,
        err: OwnedFd,
    ) -> io::Result<Self> {
        command.stdout(Stdio::from(out)).stderr(Stdio::from(err));
        command.process_group(0);
        let inner = start_with(label, || command.spawn())?;
        let raw = inner.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid = raw.ok_or_else(|| io::Error::other("the child has no process id"))?;
        #[cfg(target_os = "linux")]
        crate::sys::limits::restore_open_files(pid);
        Ok(Self { inner, pid, _leader: Leader::new(pid) })
    }

    /// The standard input of the process, once, if it was started with one.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    /// The system does not report the end of the child.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        let status = self.inner.wait().await?;
        Ok(Exit { code: status.code(), signal: status.signal() })
    }

    /// The process with all processes that it starts.
    #[must_use]
    pub fn tree(&self, marker: &str) -> Tree {
        Tree { leader: self.pid, marker: marker.into(), label: None }
    }
}

impl Output {
    /// Makes a pipe, and returns its reading end and the writing end for a child.
    ///
    /// # Errors
    /// No file descriptor is available.
    pub fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        let pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
        Ok((Self { pipe }, writer.into()))
    }

    /// Waits for output and returns its number of bytes, 0 at the end.
    ///
    /// # Errors
    /// The pipe is broken.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.pipe.readable().await?;
            match self.pipe.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

/// A process with all processes that it started.
#[derive(Debug, Clone)]
pub struct Tree {
    leader: Pid,
    marker: Box<str>,
    label: Option<Label>,
}

impl Tree {
    /// The tree of a group leader that another process started.
    #[must_use]
    pub fn of(leader: i32, marker: &str) -> Option<Self> {
        // Process 1 is init. Numbers below 1 mean other groups, which must not be signalled.
        let leader = Pid::from_raw(leader).filter(|pid| pid.as_raw_nonzero().get() > 1)?;
        Some(Self { leader, marker: marker.into(), label: None })
    }

    /// Sets the label that the processes of the tree carry.
    #[must_use]
    pub fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Sends SIGTERM to all processes.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL to all processes.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        let descendants = table::descendants(self.leader);
        let _ = rustix::process::kill_process_group(self.leader, signal);
        #[cfg(target_os = "linux")]
        {
            for descendant in descendants {
                table::signal_if(descendant, signal, |_| true);
            }
            table::signal_all(|pid| self.owns(pid), signal);
        }
    }

    /// Whether a process carries the label or the marker of this tree.
    #[cfg(target_os = "linux")]
    fn owns(&self, pid: Pid) -> bool {
        let has_label = self.label.is_some() && label_of(pid) == self.label;
        has_label && !table::is_zombie(pid) || table::carries(pid, &self.marker)
    }

    /// Kills the processes that remain after the leader has ended: those in its group, and orphans that
    /// left the group. Costs two system calls if there are none.
    pub fn sweep(&self) {
        let group = rustix::process::kill_process_group(self.leader, Signal::KILL);
        #[cfg(target_os = "linux")]
        {
            let is_orphan = |pid: &Pid| !Leader::contains(*pid) && self.owns(*pid);
            // A killed process of the group may have been the parent of processes outside of it.
            if group.is_ok() || table::adopted().iter().any(is_orphan) {
                table::signal_all(|pid| self.owns(pid), Signal::KILL);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = group;
    }

    /// The resources that the leader has used so far; None on platforms that do not report them.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        #[cfg(target_os = "linux")]
        return table::usage(self.leader);
        #[cfg(not(target_os = "linux"))]
        None
    }
}
