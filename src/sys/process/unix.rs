//! Process groups, and on Linux the search for what left them.

use super::Exit;
use super::Start;
use super::Usage;
#[cfg(target_os = "linux")]
use super::label::label_of;
use super::label::{Label, start_with};
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use tokio::process::{ChildStdin, Command};

/// A started process. Dropping it neither kills nor forgets it.
#[derive(Debug)]
pub struct Child {
    inner: tokio::process::Child,
    pid: Pid,
    _leader: Leader,
}

/// Processes that this one has started and not seen the end of, so that a search for
/// orphans need not open what belongs to them: that waits while such a process starts.
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Keeps a process in [`LEADERS`].
#[derive(Debug)]
struct Leader(i32);

impl Leader {
    fn new(pid: Pid) -> Self {
        let number = pid.as_raw_nonzero().get();
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        Self(number)
    }

    fn is(pid: Pid) -> bool {
        let number = pid.as_raw_nonzero().get();
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        LEADERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// What the process and its children write, in order.
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
        crate::sys::limits::as_found(pid);
        Ok(Self { inner, pid, _leader: Leader::new(pid) })
    }

    /// The standard input of the process, once, if it was started with one.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// # Errors
    /// The system lost track of the child.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        let status = self.inner.wait().await?;
        Ok(Exit { code: status.code(), signal: status.signal() })
    }

    #[must_use]
    pub fn tree(&self, marker: &str) -> Tree {
        Tree { leader: self.pid, marker: marker.into(), label: None }
    }
}

impl Output {
    /// The reading end, and the writing end for a child.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        let pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
        Ok((Self { pipe }, writer.into()))
    }

    /// Waits for output; 0 at its end.
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

/// A process with everything that it started.
#[derive(Debug, Clone)]
pub struct Tree {
    leader: Pid,
    marker: Box<str>,
    label: Option<Label>,
}

impl Tree {
    /// For a group leader that was started by someone else.
    #[must_use]
    pub fn of(leader: i32, marker: &str) -> Option<Self> {
        // 1 is init, and a group that is not the leader's own must never be hit.
        let leader = Pid::from_raw(leader).filter(|pid| pid.as_raw_nonzero().get() > 1)?;
        Some(Self { leader, marker: marker.into(), label: None })
    }

    /// With the label that its processes carry.
    #[must_use]
    pub fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Asks everything to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends everything.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        let descendants = marked::descendants(self.leader);
        let _ = rustix::process::kill_process_group(self.leader, signal);
        #[cfg(target_os = "linux")]
        {
            for descendant in descendants {
                marked::signal_if(descendant, signal, |_| true);
            }
            marked::signal_all(|pid| self.owns(pid), signal);
        }
    }

    /// Whether a process carries the label or the marker.
    #[cfg(target_os = "linux")]
    fn owns(&self, pid: Pid) -> bool {
        let labelled = self.label.is_some() && label_of(pid) == self.label;
        labelled && !marked::is_dead(pid) || marked::carries(pid, &self.marker)
    }

    /// After the leader has ended: kills what it left in its group, and orphans that left
    /// the group. Costs two system calls when there is nothing.
    pub fn sweep(&self) {
        let group = rustix::process::kill_process_group(self.leader, Signal::KILL);
        #[cfg(target_os = "linux")]
        {
            let orphan = |pid: &Pid| !Leader::is(*pid) && self.owns(*pid);
            // What was in the group may still be the parent of what had left it.
            if group.is_ok() || marked::adopted().iter().any(orphan) {
                marked::signal_all(|pid| self.owns(pid), Signal::KILL);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = group;
    }

    /// What the leader has used so far; None when the platform does not tell.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        #[cfg(target_os = "linux")]
        return marked::usage(self.leader);
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// Processes by their marker and label, through `/proc`.
#[cfg(target_os = "linux")]
pub(super) mod marked {
    use super::Usage;
    use crate::sys::process::label::label_of;
    use crate::sys::process::{Labels, MARKER};
    use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    /// Passes over the process table, since the tree may grow while it is searched.
    const PASSES: usize = 5;
    /// Kernel clock ticks per second, as `/proc` counts them.
    const TICKS_PER_SECOND: u64 = 100;

    fn pids() -> Vec<Pid> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let own = rustix::process::getpid();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Pid::from_raw)
            .filter(|pid| *pid != own)
            .collect()
    }

    /// Whether the process was started with a marker that begins so.
    /// An empty prefix, which everyone's marker begins with, is nobody's.
    pub fn carries(pid: Pid, prefix: &str) -> bool {
        if prefix.is_empty() {
            return false;
        }
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let Ok(environment) = std::fs::read(path) else { return false };
        let is_marker = |entry: &[u8]| {
            let value = entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"=")?;
            Some(value.starts_with(prefix.as_bytes()))
        };
        environment.split(|byte| *byte == 0).any(|entry| is_marker(entry) == Some(true))
    }

    /// Checks and signals one and the same process, though its number be given away between.
    pub fn signal_if(pid: Pid, signal: Signal, wanted: impl Fn(Pid) -> bool) -> bool {
        let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            return false;
        };
        wanted(pid) && rustix::process::pidfd_send_signal(&handle, signal).is_ok()
    }

    /// Returns how many were signalled.
    pub fn signal_all(wanted: impl Fn(Pid) -> bool, signal: Signal) -> usize {
        let mut hit = 0;
        for _ in 0..PASSES {
            let before = hit;
            for pid in pids() {
                hit += usize::from(wanted(pid) && signal_if(pid, signal, &wanted));
            }
            // Only what is found alive counts, so a pass comes back empty in the end.
            if hit == before || signal != Signal::KILL {
                break;
            }
        }
        hit
    }

    pub fn kill_all(prefix: &str, labels: &Labels) -> usize {
        let own = rustix::process::getpid();
        let labelled = |pid| labels.has(label_of(pid)) && !is_dead(pid);
        signal_all(|pid| pid != own && (labelled(pid) || carries(pid, prefix)), Signal::KILL)
    }

    pub fn resume_stopped(pid: u32) -> bool {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let stopped = |pid: &Pid| parent(*pid).is_some_and(|(_, state)| state == 'T');
        pid.filter(stopped).is_some_and(|pid| signal_if(pid, Signal::CONT, |_| true))
    }

    fn parent(pid: Pid) -> Option<(Pid, char)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name in parentheses may hold anything; what follows the last one is plain.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        Some((Pid::from_raw(fields.next()?.parse().ok()?)?, state))
    }

    /// Everything below `root` by parenthood, without `root`.
    pub fn descendants(root: Pid) -> Vec<Pid> {
        let mut children: BTreeMap<i32, Vec<Pid>> = BTreeMap::new();
        for pid in pids() {
            if let Some((above, _)) = parent(pid) {
                children.entry(above.as_raw_nonzero().get()).or_default().push(pid);
            }
        }
        let mut found = Vec::new();
        let mut open = vec![root];
        while let Some(pid) = open.pop() {
            // Taken out, so that a changing table cannot lead in circles.
            for child in children.remove(&pid.as_raw_nonzero().get()).unwrap_or_default() {
                found.push(child);
                open.push(child);
            }
        }
        found
    }

    /// Children of this process's main thread; orphans arrive there.
    pub fn adopted() -> Vec<Pid> {
        let own = rustix::process::getpid().as_raw_nonzero();
        let Ok(text) = std::fs::read_to_string(format!("/proc/self/task/{own}/children")) else {
            return Vec::new();
        };
        text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    }

    /// Whether only its exit code is left of it.
    pub fn is_dead(pid: Pid) -> bool {
        parent(pid).is_some_and(|(_, state)| state == 'Z')
    }

    pub fn reap(suspects: &mut BTreeSet<i32>) -> usize {
        let dead = |pid: &Pid| is_dead(*pid);
        let number = |pid: Pid| pid.as_raw_nonzero().get();
        let dead: BTreeSet<i32> = adopted().into_iter().filter(dead).map(number).collect();
        let mut reaped = 0;
        for pid in suspects.intersection(&dead).filter_map(|pid| Pid::from_raw(*pid)) {
            let ended = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            reaped += usize::from(matches!(ended, Ok(Some(_))));
        }
        *suspects = dead;
        reaped
    }

    pub fn usage(pid: Pid) -> Option<Usage> {
        let pid = pid.as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After state: fields 12 to 15 are the times of the process and its reaped children.
        let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let ticks: u64 =
            fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
        let cpu_ms = ticks.saturating_mul(1000 / TICKS_PER_SECOND);
        Some(Usage { peak_memory_bytes: peak.saturating_mul(1024), cpu_ms })
    }
}
