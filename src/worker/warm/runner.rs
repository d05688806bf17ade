//! One preloaded Python process: its start, its socket, and the attempts that wait for its answers.
//!
//! Limits: [`PRELOAD_TIMEOUT`] for the imports, [`FORK_TIMEOUT`] for a fork, answer lines of
//! [`MAX_LINE_BYTES`].

use crate::sys::limits;
use crate::sys::process::{Exit, Label, Output, Usage, resume_stopped, start_with};
use crate::sys::spawn::Tasks;
use crate::worker::variables::Variables;
use crate::worker::warm::child::{WarmChild, WarmStart, WarmStartError};
use crate::worker::warm::kind::RunnerKind;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::oneshot;

/// Maximum duration of the imports.
const PRELOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// Maximum duration of a fork, which takes some milliseconds on an idle machine.
pub(super) const FORK_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum length of an answer, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ready(serde::de::IgnoredAny),
    Unsafe(String),
    Failed(String),
    Started { id: String, pid: i32 },
    Refused { id: String, reason: String },
    Exited(Exited),
}

#[derive(Deserialize)]
struct Exited {
    id: String,
    code: Option<i32>,
    signal: Option<i32>,
    #[serde(default)]
    max_rss_bytes: u64,
    #[serde(default)]
    cpu_seconds: f64,
}

type Started = Result<i32, String>;

struct Waiter {
    started: Option<oneshot::Sender<Started>>,
    ended: Option<oneshot::Sender<(Exit, Usage)>>,
}

type Waiters = Arc<Mutex<BTreeMap<String, Waiter>>>;

/// A runner that is ready. Dropping it ends the process and all its attempts.
pub(super) struct Runner {
    socket: UnixStreamWriter,
    waiters: Waiters,
    /// The runner did not answer in time; it receives no more requests.
    is_unresponsive: AtomicBool,
    pid: Option<u32>,
    /// Reads the answers until the runner ends.
    _reader: Tasks,
    /// Killed when dropped.
    _process: tokio::process::Child,
}

struct UnixStreamWriter {
    stream: tokio::net::unix::OwnedWriteHalf,
    /// Serialises the requests, so that their lines do not mix.
    turn: tokio::sync::Mutex<()>,
}

/// Reason for which a runner did not start.
pub(super) enum RunnerError {
    /// Forking is not safe, and another start would not change that.
    Permanent(WarmStartError),
    Failed(WarmStartError),
}

impl Runner {
    pub async fn start(
        kind: &RunnerKind,
        script: &Path,
        env: &Variables,
    ) -> Result<Self, RunnerError> {
        let failed = |error: io::Error| {
            RunnerError::Failed(WarmStartError(format!("cannot start the warm runner: {error}")))
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let stream = UnixStream::from_std(ours).map_err(failed)?;
        let mut command = tokio::process::Command::new(&kind.python);
        command
            .arg("-I")
            .arg(script)
            .args(&kind.modules)
            .env_clear()
            .envs(env)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let process = start_with(None, || command.spawn()).map_err(failed)?;
        let pid = process.id();
        if let Some(pid) = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            limits::restore_open_files(pid);
        }
        let (read, write) = stream.into_split();
        let mut lines = Lines { reader: BufReader::new(read), line: Vec::new() };
        match tokio::time::timeout(PRELOAD_TIMEOUT, lines.next()).await {
            Ok(Some(Answer::Ready(_))) => {}
            Ok(Some(Answer::Unsafe(reason))) => {
                return Err(RunnerError::Permanent(WarmStartError(reason)));
            }
            Ok(Some(Answer::Failed(reason))) => {
                return Err(RunnerError::Failed(WarmStartError(reason)));
            }
            Ok(_) => return Err(failed(io::Error::other("it ended without an answer"))),
            Err(_) => return Err(failed(io::Error::other("its imports took too long"))),
        }
        let waiters = Waiters::default();
        let mut reader = Tasks::new();
        reader.spawn("warm runner", read_answers(lines, waiters.clone()));
        let socket = UnixStreamWriter { stream: write, turn: tokio::sync::Mutex::new(()) };
        let is_unresponsive = AtomicBool::new(false);
        Ok(Self { socket, waiters, is_unresponsive, pid, _reader: reader, _process: process })
    }

    /// Whether the runner accepts requests.
    pub fn is_alive(&self) -> bool {
        let open = self.waiters.lock().is_ok_and(|waiters| !waiters.contains_key(CLOSED));
        open && !self.is_unresponsive.load(Relaxed)
    }

    /// Resumes the runner when a signal has stopped it: a stopped runner cannot report ends.
    pub fn resume(&self) {
        if self.pid.is_some_and(resume_stopped) {
            tracing::warn!(pid = self.pid, "a signal had stopped a warm runner; resumed it");
        }
    }

    /// Whether attempts of this runner are running.
    pub fn is_busy(&self) -> bool {
        self.waiters.lock().is_ok_and(|waiters| waiters.keys().any(|id| id != CLOSED))
    }

    pub async fn run(
        &self,
        start: &WarmStart,
        limit: Duration,
    ) -> Result<(WarmChild, Output), WarmStartError> {
        let cold =
            |error: io::Error| WarmStartError(format!("the warm runner does not respond: {error}"));
        let (output, writer) = Output::pipe().map_err(cold)?;
        let (started_sender, started) = oneshot::channel();
        let (ended_sender, ended) = oneshot::channel();
        let waiter = Waiter { started: Some(started_sender), ended: Some(ended_sender) };
        if let Ok(mut waiters) = self.waiters.lock() {
            waiters.insert(start.id.clone(), waiter);
        }
        let sent = self.socket.send(&request(start), &writer).await;
        drop(writer);
        if let Err(error) = sent {
            close(&self.waiters);
            return Err(cold(error));
        }
        match tokio::time::timeout(limit, started).await {
            Ok(Ok(Ok(pid))) => Ok((WarmChild::new(pid, ended), output)),
            Ok(Ok(Err(reason))) => Err(WarmStartError(reason)),
            Ok(Err(_)) => Err(cold(io::Error::other("it ended"))),
            Err(_) => {
                self.forget(&start.id);
                self.is_unresponsive.store(true, Relaxed);
                self.resume();
                let message = format!("it did not answer within {} s", limit.as_secs_f32());
                Err(cold(io::Error::other(message)))
            }
        }
    }

    fn forget(&self, id: &str) {
        if let Ok(mut waiters) = self.waiters.lock() {
            waiters.remove(id);
        }
    }
}

/// Key among the waiters that marks an ended runner. No attempt has this id.
const CLOSED: &str = "";

fn request(start: &WarmStart) -> Vec<u8> {
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let env: BTreeMap<String, String> =
        start.env.iter().map(|(name, value)| (text(name), text(value))).collect();
    let run = serde_json::json!({ "run": {
        "id": start.id,
        "script": text(start.script.as_os_str()),
        "cwd": text(start.cwd.as_os_str()),
        "env": env,
        "label": start.label.map(Label::number),
    }});
    let mut line = run.to_string().into_bytes();
    line.push(b'\n');
    line
}

impl UnixStreamWriter {
    /// Sends the line with the child's stdout and stderr attached to its first byte.
    async fn send(&self, line: &[u8], output: &OwnedFd) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let stream: &UnixStream = self.stream.as_ref();
        let descriptors = [output.as_fd(), output.as_fd()];
        let mut sent = 0;
        while let Some(rest) = line.get(sent..).filter(|rest| !rest.is_empty()) {
            let first = sent == 0;
            let send = || -> io::Result<usize> {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if first && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                    return Err(io::Error::other("no room for the descriptors"));
                }
                let parts = [io::IoSlice::new(rest)];
                Ok(rustix::net::sendmsg(stream, &parts, &mut control, SendFlags::NOSIGNAL)?)
            };
            sent += stream.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }
}

struct Lines {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
}

impl Lines {
    /// The next answer. None at the end, and when the runner violates the protocol.
    async fn next(&mut self) -> Option<Answer> {
        use tokio::io::AsyncReadExt;
        self.line.clear();
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES as u64);
        limited.read_until(b'\n', &mut self.line).await.ok()?;
        if !self.line.ends_with(b"\n") {
            return None;
        }
        let answer = serde_json::from_slice(&self.line);
        answer
            .map_err(|error| tracing::error!(%error, "the warm runner sent an invalid answer"))
            .ok()
    }
}

/// Kills the process group of a child. A child leads a group before it is reported.
pub(super) fn kill_group(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

async fn read_answers(mut lines: Lines, waiters: Waiters) {
    while let Some(answer) = lines.next().await {
        let Ok(mut waiters) = waiters.lock() else { return };
        match answer {
            Answer::Started { id, pid } => {
                let started = waiters.get_mut(&id).and_then(|waiter| waiter.started.take());
                // The attempt was cancelled, or has started cold in the meantime.
                if started.is_none_or(|started| started.send(Ok(pid)).is_err()) {
                    kill_group(pid);
                }
            }
            Answer::Refused { id, reason } => {
                let started = waiters.remove(&id).and_then(|waiter| waiter.started);
                started.map(|started| started.send(Err(reason)));
            }
            Answer::Exited(exited) => {
                let ended = waiters.remove(&exited.id).and_then(|waiter| waiter.ended);
                let cpu_ms = (exited.cpu_seconds.max(0.0) * 1000.0) as u64;
                let usage = Usage { peak_memory_bytes: exited.max_rss_bytes, cpu_ms };
                let exit = Exit { code: exited.code, signal: exited.signal };
                ended.map(|ended| ended.send((exit, usage)));
            }
            Answer::Ready(_) | Answer::Unsafe(_) | Answer::Failed(_) => {}
        }
    }
    close(&waiters);
}

/// Marks the runner as ended. Dropping the senders informs everyone who waits.
fn close(waiters: &Waiters) {
    if let Ok(mut waiters) = waiters.lock() {
        waiters.clear();
        waiters.insert(CLOSED.to_owned(), Waiter { started: None, ended: None });
    }
}
