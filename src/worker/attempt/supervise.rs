//! Watches one running attempt until nothing of it is left: reads its output and its
//! protocol file, tells both while it runs, keeps its limits, stops its whole tree.
//!
//! Promises: ends in bounded time after a limit or a stop, whatever the processes do: a
//! process that ignores SIGTERM is killed after the grace period, children that hold the
//! output open after the main process [`LINGER`] later, and one that cannot be killed is
//! given up after [`GIVE_UP`]. Memory is bounded by `capture` and `protocol`.

use crate::api::v1::logs::Appended;
use crate::domain::id::LeaseId;
use crate::domain::time::Millis;
use crate::sys::fs::open_plain;
use crate::sys::process::{Exit, Output, Tree, Usage};
use crate::worker::attempt::capture::Capture;
use crate::worker::attempt::process::Process;
use crate::worker::link::{Link, LinkError};
use crate::worker::verdict::Stopped;
use crate::worker::verdict::protocol::Transcript;
use futures::future::BoxFuture;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long children may hold the output open after the main process has ended.
pub const LINGER: Duration = Duration::from_millis(500);
/// Between SIGKILL and giving up on a process.
pub const GIVE_UP: Duration = Duration::from_secs(10);
/// Attempts shorter than this cost no request and no look at the protocol file before the end.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Most of a protocol file that is read.
const MAX_PROTOCOL_BYTES: u64 = 64 * 1024 * 1024;
const READ_BYTES: usize = 32 * 1024;
/// Largest piece of output told at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether, and how urgently, an attempt has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    No,
    /// SIGTERM first.
    Cancel,
    /// SIGKILL at once.
    Now,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub wall_clock: Millis,
    pub silence: Option<Millis>,
    pub grace: Millis,
}

/// What was seen of the attempt.
#[derive(Debug, Default)]
pub struct Observation {
    pub exit: Exit,
    pub stopped: Option<Stopped>,
    pub capture: Capture,
    pub transcript: Transcript,
    pub usage: Option<Usage>,
    /// Processes that the kernel had ended for want of memory, before and after.
    pub kernel_kills: (Option<u64>, Option<u64>),
}

pub struct Watch<L> {
    pub process: Process,
    pub output: Output,
    pub tree: Tree,
    pub limits: Limits,
    pub stop: watch::Receiver<Stop>,
    /// Where the script writes its protocol, if it is one.
    pub protocol: PathBuf,
    pub lease: LeaseId,
    pub link: Arc<L>,
}

struct Progress<L> {
    link: Arc<L>,
    lease: LeaseId,
    seen: Observation,
    tree: Tree,
    limits: Limits,
    protocol: PathBuf,
    protocol_read: u64,
    started: Instant,
    last_sign: Instant,
    next_look: Instant,
    /// When the next step of stopping is due.
    escalate: Option<Instant>,
    killed: Option<Instant>,
    told: u64,
    /// Set by each look, so that output is told in pieces and not byte by byte.
    may_tell: bool,
    mute: bool,
}

type Telling = BoxFuture<'static, Result<Appended, LinkError>>;

impl<L: Link> Watch<L> {
    /// Runs until the process has ended and its output is closed, or given up.
    pub async fn until_over(self) -> Observation {
        let Watch { mut process, mut output, tree, limits, mut stop, protocol, lease, link } = self;
        let now = Instant::now();
        let mut progress = Progress {
            link,
            lease,
            seen: Observation::default(),
            tree,
            limits,
            protocol,
            protocol_read: 0,
            started: now,
            last_sign: now,
            next_look: now + FIRST_LOOK,
            escalate: None,
            killed: None,
            told: 0,
            may_tell: false,
            mute: false,
        };
        let mut buffer = vec![0; READ_BYTES];
        let (mut open, mut running, mut listening) = (true, true, true);
        let mut telling: Option<Telling> = None;
        while open || running {
            if telling.is_none() {
                telling = progress.tell();
            }
            let wake = progress.wake();
            tokio::select! {
                read = output.read(&mut buffer), if open => match read {
                    Ok(count @ 1..) => progress.output(&buffer[..count]),
                    Ok(0) | Err(_) => open = false,
                },
                exit = process.wait(), if running => {
                    running = false;
                    progress.ended(exit, process.usage(), open);
                }
                heard = stop.changed(), if listening => {
                    listening = heard.is_ok();
                    let urgency = *stop.borrow_and_update();
                    progress.asked_to_stop(urgency);
                }
                told = wait_for(&mut telling), if telling.is_some() => {
                    telling = None;
                    progress.told(told);
                }
                () = tokio::time::sleep_until(wake) => {
                    if progress.due(running) {
                        break;
                    }
                }
            }
        }
        progress.finish()
    }
}

async fn wait_for<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

impl<L: Link> Progress<L> {
    fn output(&mut self, piece: &[u8]) {
        self.seen.capture.push(piece);
        self.last_sign = Instant::now();
    }

    fn ended(&mut self, exit: Exit, usage: Option<Usage>, output_open: bool) {
        self.seen.exit = exit;
        self.seen.usage = usage.or(self.seen.usage);
        if output_open {
            // Either the rest is on its way, or a child holds on to the output.
            self.escalate = Some(Instant::now() + LINGER);
        }
    }

    fn asked_to_stop(&mut self, urgency: Stop) {
        match urgency {
            Stop::No => {}
            Stop::Cancel => self.stop(Stopped::Cancelled),
            Stop::Now => {
                self.seen.stopped.get_or_insert(Stopped::Cancelled);
                self.kill();
            }
        }
    }

    fn stop(&mut self, why: Stopped) {
        if self.seen.stopped.is_none() {
            self.seen.stopped = Some(why);
            self.look();
            self.tree.terminate();
            self.escalate = Some(Instant::now() + self.limits.grace.into());
        }
    }

    fn kill(&mut self) {
        self.tree.kill();
        let now = Instant::now();
        self.killed.get_or_insert(now);
        self.escalate = Some(now + LINGER);
    }

    fn wake(&self) -> Instant {
        let limits = [self.wall_clock_end(), self.silence_end(), self.escalate];
        limits.into_iter().flatten().fold(self.next_look, Instant::min)
    }

    fn wall_clock_end(&self) -> Option<Instant> {
        let end = || self.started.checked_add(self.limits.wall_clock.into());
        if self.seen.stopped.is_none() { end() } else { None }
    }

    fn silence_end(&self) -> Option<Instant> {
        let end = |limit: Millis| self.last_sign.checked_add(limit.into());
        if self.seen.stopped.is_none() { self.limits.silence.and_then(end) } else { None }
    }

    /// Does what is due. True when the attempt is given up as it is.
    fn due(&mut self, running: bool) -> bool {
        let now = Instant::now();
        if now >= self.next_look || self.silence_end().is_some_and(|end| now >= end) {
            self.look();
            self.next_look = now + LOOK_EVERY;
        }
        if running && self.wall_clock_end().is_some_and(|end| now >= end) {
            self.stop(Stopped::WallClock(self.limits.wall_clock));
        }
        if running && self.silence_end().is_some_and(|end| now >= end) {
            self.stop(Stopped::Silence(self.limits.silence.unwrap_or_default()));
        }
        if self.escalate.is_some_and(|at| now >= at) {
            let since_kill = self.killed.map(|at| now.duration_since(at));
            // Whoever still holds the output after the kill is out of reach, and mute from now on.
            let patience = if running { GIVE_UP } else { LINGER };
            if since_kill.is_some_and(|since| since >= patience) {
                return true;
            }
            self.kill();
        }
        false
    }

    /// Looks at the protocol file and the process, and lets new output be told.
    fn look(&mut self) {
        if self.read_protocol() {
            self.last_sign = Instant::now();
        }
        if let Some(usage) = self.tree.usage() {
            let peak = self.seen.usage.map_or(0, |before| before.peak_memory_bytes);
            let peak_memory_bytes = usage.peak_memory_bytes.max(peak);
            self.seen.usage = Some(Usage { peak_memory_bytes, ..usage });
        }
        self.may_tell = true;
    }

    fn read_protocol(&mut self) -> bool {
        use std::io::Seek;
        let Ok(mut file) = open_plain(&self.protocol) else { return false };
        if file.seek(std::io::SeekFrom::Start(self.protocol_read)).is_err() {
            return false;
        }
        let room = MAX_PROTOCOL_BYTES.saturating_sub(self.protocol_read);
        let mut file = file.take(room);
        let (mut alive, mut buffer) = (false, vec![0; READ_BYTES]);
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            self.protocol_read += count as u64;
            alive |= self.seen.transcript.feed(&buffer[..count]);
        }
        alive
    }

    /// New output of an attempt that has been looked at, unless a failure was just met.
    fn tell(&mut self) -> Option<Telling> {
        if !std::mem::take(&mut self.may_tell) || self.mute {
            return None;
        }
        let new = self.seen.capture.head_from(self.told);
        let piece = new.get(..new.len().min(PIECE_BYTES)).unwrap_or(new).to_vec();
        if piece.is_empty() {
            return None;
        }
        let (link, lease, offset) = (self.link.clone(), self.lease, self.told);
        Some(Box::pin(
            async move { link.append_log(lease.attempt, lease.epoch, offset, piece).await },
        ))
    }

    fn told(&mut self, answer: Result<Appended, LinkError>) {
        match answer {
            Ok(appended) => {
                self.may_tell = appended.offset > self.told;
                self.told = appended.offset.max(self.told);
            }
            // Tried again at the next look; the whole output goes with the report anyway.
            Err(LinkError::Away(_)) => {}
            Err(error) => {
                tracing::debug!(lease = ?self.lease, %error, "output is not told while it runs");
                self.mute = true;
            }
        }
    }

    fn finish(mut self) -> Observation {
        self.tree.sweep();
        self.read_protocol();
        self.seen.transcript.finish();
        self.seen
    }
}
