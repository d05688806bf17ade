//! Supervises one running attempt until none of its processes is left: reads its output and its
//! protocol file, passes new output on while it runs, enforces its limits, ends its process tree.
//!
//! Promises: it ends within a bounded time after a limit or a stop request, whatever the processes
//! do. A process that ignores SIGTERM is killed after the grace period. Children that keep the
//! output open after the main process has ended are killed after [`DRAIN_GRACE`]. A process that
//! cannot be killed is abandoned after [`KILL_TIMEOUT`]. Memory is bounded by `capture` and
//! `protocol`.

use crate::api::v1::logs::Appended;
use crate::domain::id::LeaseId;
use crate::domain::time::Millis;
use crate::sys::fs::open_plain;
use crate::sys::process::{Exit, Output, Tree, Usage};
use crate::worker::attempt::capture::Capture;
use crate::worker::attempt::notes::Notes;
use crate::worker::attempt::process::Process;
use crate::worker::link::{Link, LinkError};
use crate::worker::verdict::Stopped;
use crate::worker::verdict::protocol::Transcript;
use futures::future::BoxFuture;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long children may keep the output open after the main process has ended.
pub const DRAIN_GRACE: Duration = Duration::from_millis(500);
/// Time between SIGKILL and giving a process up.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to the first poll of the protocol file and of the new output. A shorter attempt causes no
/// request before its end.
const FIRST_POLL_AFTER: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum size of a protocol file; the rest is not read.
const MAX_PROTOCOL_BYTES: u64 = 64 * 1024 * 1024;
const READ_BYTES: usize = 32 * 1024;
/// Maximum size of one piece of output that is sent while the attempt runs.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// Whether an attempt has to end, and how urgently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopRequest {
    None,
    /// SIGTERM first, SIGKILL after the grace period.
    Terminate,
    /// SIGKILL at once.
    Kill,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub wall_clock: Millis,
    pub silence: Option<Millis>,
    pub grace: Millis,
}

/// Everything that was observed of an attempt.
#[derive(Debug, Default)]
pub struct Observation {
    pub exit: Exit,
    pub stopped: Option<Stopped>,
    pub capture: Capture,
    pub transcript: Transcript,
    pub usage: Option<Usage>,
    /// Number of processes that the kernel had killed for lack of memory, before and after the
    /// attempt.
    pub kernel_kills: (Option<u64>, Option<u64>),
}

/// A running attempt and everything that is needed to supervise it.
pub struct Supervisor<L> {
    pub process: Process,
    pub output: Output,
    pub tree: Tree,
    pub limits: Limits,
    pub stop: watch::Receiver<StopRequest>,
    /// File to which a script writes its protocol.
    pub protocol_file: PathBuf,
    pub lease: LeaseId,
    pub link: Arc<L>,
    /// The beginning of the output, from the preparation.
    pub notes: Notes,
}

/// The state of the supervision.
struct State<L> {
    link: Arc<L>,
    lease: LeaseId,
    observation: Observation,
    tree: Tree,
    limits: Limits,
    protocol_file: PathBuf,
    protocol_read: u64,
    started_at: Instant,
    /// Time of the last output or protocol line.
    last_sign: Instant,
    next_poll: Instant,
    /// When the next step of the stop is due: SIGKILL, or giving up.
    escalate_at: Option<Instant>,
    killed_at: Option<Instant>,
    /// Number of output bytes that the coordinator has.
    sent: u64,
    /// Set by each poll, so that output is sent in pieces and not byte by byte.
    may_send: bool,
    /// The coordinator refused the output, so none is sent while the attempt runs.
    is_muted: bool,
}

type Sending = BoxFuture<'static, Result<Appended, LinkError>>;

impl<L: Link> Supervisor<L> {
    /// Returns when the process has ended and its output is closed, or when it was given up.
    pub async fn run(self) -> Observation {
        let Supervisor {
            mut process,
            mut output,
            tree,
            limits,
            mut stop,
            protocol_file,
            lease,
            link,
            notes,
        } = self;
        let now = Instant::now();
        let mut observation = Observation::default();
        observation.capture.push(notes.text());
        let mut state = State {
            link,
            lease,
            observation,
            tree,
            limits,
            protocol_file,
            protocol_read: 0,
            started_at: now,
            last_sign: now,
            next_poll: now + FIRST_POLL_AFTER,
            escalate_at: None,
            killed_at: None,
            sent: notes.sent(),
            may_send: false,
            is_muted: notes.is_muted(),
        };
        let mut buffer = vec![0; READ_BYTES];
        let (mut open, mut running, mut listening) = (true, true, true);
        let mut sending: Option<Sending> = None;
        while open || running {
            if sending.is_none() {
                sending = state.send_output();
            }
            let wake = state.wake();
            tokio::select! {
                read = output.read(&mut buffer), if open => match read {
                    Ok(count @ 1..) => state.output(&buffer[..count]),
                    Ok(0) | Err(_) => open = false,
                },
                exit = process.wait(), if running => {
                    running = false;
                    state.ended(exit, process.usage(), open);
                }
                changed = stop.changed(), if listening => {
                    listening = changed.is_ok();
                    let request = *stop.borrow_and_update();
                    state.stop_requested(request);
                }
                answer = wait_for(&mut sending), if sending.is_some() => {
                    sending = None;
                    state.sent(answer);
                }
                () = tokio::time::sleep_until(wake) => {
                    if state.due(running) {
                        break;
                    }
                }
            }
        }
        state.finish()
    }
}

async fn wait_for<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

impl<L: Link> State<L> {
    fn output(&mut self, piece: &[u8]) {
        self.observation.capture.push(piece);
        self.last_sign = Instant::now();
    }

    fn ended(&mut self, exit: Exit, usage: Option<Usage>, is_output_open: bool) {
        self.observation.exit = exit;
        self.observation.usage = usage.or(self.observation.usage);
        if is_output_open {
            // The rest of the output is still to be read, or a child keeps the output open.
            self.escalate_at = Some(Instant::now() + DRAIN_GRACE);
        }
    }

    fn stop_requested(&mut self, request: StopRequest) {
        match request {
            StopRequest::None => {}
            StopRequest::Terminate => self.stop(Stopped::Cancelled),
            StopRequest::Kill => {
                self.observation.stopped.get_or_insert(Stopped::Cancelled);
                self.kill();
            }
        }
    }

    fn stop(&mut self, reason: Stopped) {
        if self.observation.stopped.is_none() {
            self.observation.stopped = Some(reason);
            self.poll();
            self.tree.terminate();
            self.escalate_at = Some(Instant::now() + self.limits.grace.into());
        }
    }

    fn kill(&mut self) {
        self.tree.kill();
        let now = Instant::now();
        self.killed_at.get_or_insert(now);
        self.escalate_at = Some(now + DRAIN_GRACE);
    }

    fn wake(&self) -> Instant {
        let limits = [self.wall_clock_end(), self.silence_end(), self.escalate_at];
        limits.into_iter().flatten().fold(self.next_poll, Instant::min)
    }

    fn wall_clock_end(&self) -> Option<Instant> {
        let end = || self.started_at.checked_add(self.limits.wall_clock.into());
        if self.observation.stopped.is_none() { end() } else { None }
    }

    fn silence_end(&self) -> Option<Instant> {
        let end = |limit: Millis| self.last_sign.checked_add(limit.into());
        if self.observation.stopped.is_none() { self.limits.silence.and_then(end) } else { None }
    }

    /// Does everything that is due. Returns true when the attempt is given up.
    fn due(&mut self, running: bool) -> bool {
        let now = Instant::now();
        if now >= self.next_poll || self.silence_end().is_some_and(|end| now >= end) {
            self.poll();
            self.next_poll = now + POLL_INTERVAL;
        }
        if running && self.wall_clock_end().is_some_and(|end| now >= end) {
            self.stop(Stopped::WallClock(self.limits.wall_clock));
        }
        if running && self.silence_end().is_some_and(|end| now >= end) {
            self.stop(Stopped::Silence(self.limits.silence.unwrap_or_default()));
        }
        if self.escalate_at.is_some_and(|at| now >= at) {
            let since_kill = self.killed_at.map(|at| now.duration_since(at));
            // A process that keeps the output open after the kill is out of reach; it is ignored.
            let timeout = if running { KILL_TIMEOUT } else { DRAIN_GRACE };
            if since_kill.is_some_and(|since| since >= timeout) {
                return true;
            }
            self.kill();
        }
        false
    }

    /// Reads the protocol file and the resource usage, and permits the next piece of output.
    fn poll(&mut self) {
        if self.read_protocol() {
            self.last_sign = Instant::now();
        }
        if let Some(usage) = self.tree.usage() {
            let peak = self.observation.usage.map_or(0, |before| before.peak_memory_bytes);
            let peak_memory_bytes = usage.peak_memory_bytes.max(peak);
            self.observation.usage = Some(Usage { peak_memory_bytes, ..usage });
        }
        self.may_send = true;
    }

    /// Reads the new part of the protocol file. Returns whether a whole line was added.
    fn read_protocol(&mut self) -> bool {
        let Ok(mut file) = open_plain(&self.protocol_file) else { return false };
        if file.seek(SeekFrom::Start(self.protocol_read)).is_err() {
            return false;
        }
        let room = MAX_PROTOCOL_BYTES.saturating_sub(self.protocol_read);
        let mut file = file.take(room);
        let (mut has_line, mut buffer) = (false, vec![0; READ_BYTES]);
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            self.protocol_read += count as u64;
            has_line |= self.observation.transcript.feed(&buffer[..count]);
        }
        has_line
    }

    /// Starts sending the next piece of output, when there is one and a poll permits it.
    fn send_output(&mut self) -> Option<Sending> {
        if !std::mem::take(&mut self.may_send) || self.is_muted {
            return None;
        }
        let new = self.observation.capture.head_from(self.sent);
        let piece = new.get(..new.len().min(MAX_PIECE_BYTES)).unwrap_or(new).to_vec();
        if piece.is_empty() {
            return None;
        }
        let (link, lease, offset) = (self.link.clone(), self.lease, self.sent);
        Some(Box::pin(
            async move { link.append_log(lease.attempt, lease.epoch, offset, piece).await },
        ))
    }

    fn sent(&mut self, answer: Result<Appended, LinkError>) {
        match answer {
            Ok(appended) => {
                self.may_send = appended.offset > self.sent;
                self.sent = appended.offset.max(self.sent);
            }
            // The next poll tries again. The result carries the whole output in any case.
            Err(LinkError::Away(_) | LinkError::Full(_)) => {}
            Err(error) => {
                tracing::debug!(lease = ?self.lease, %error, "output is not sent while the attempt runs");
                self.is_muted = true;
            }
        }
    }

    fn finish(mut self) -> Observation {
        self.tree.sweep();
        self.read_protocol();
        self.observation.transcript.finish();
        self.observation
    }
}
