//! Runs another program to its end and reports how it ended.
//!
//! Limits: the run time and the number of bytes kept of each output stream, both given by the
//! caller.
//!
//! Promises: the two streams are kept apart. [`run`] returns within [`DRAIN_TIMEOUT`] of the end of
//! the program, even when a process that it started keeps the streams open. No process of its group
//! outlives the call, also when the future is dropped. A program that is not found, one that cannot
//! be started, one that exceeds the time limit and one that fails are different [`Completion`]s.

use super::completion::{Captured, Completion, ProgramOutput};
use super::lookup;
use super::start::{MARKER, Start};
#[cfg(unix)]
use super::unix::{Child, Output, Tree};
#[cfg(windows)]
use super::windows::{Child, Output, Tree};
use crate::domain::text;
use crate::sys::ids;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// How long the output is read after the program has ended while another process keeps it open, and
/// how long a killed program may take to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A program to run. Its environment is exactly `env`; a plain name is searched in the `PATH` of
/// that environment.
#[derive(Debug, Clone, Default)]
pub struct Call {
    pub program: OsString,
    pub args: Vec<OsString>,
    /// Absolute path of the working directory.
    pub cwd: PathBuf,
    pub env: Vec<(OsString, OsString)>,
    /// The standard input of the program.
    pub input: Vec<u8>,
    /// Value of [`MARKER`] in the environment of the program. Without one, a new one is made, so
    /// that the processes of this call differ from all others.
    pub marker: Option<String>,
}

/// The limits of one call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    /// Maximum number of bytes that are kept of each stream. The remaining bytes are read and
    /// dropped.
    pub output_bytes: usize,
    pub keep: Keep,
}

/// The part of a stream that is kept when it exceeds the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Start,
    End,
}

/// One of the two output streams of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Receives each piece of output as soon as it is read. It must return quickly.
pub type Observer<'a> = &'a (dyn Fn(Stream, &[u8]) + Send + Sync);

/// Runs the program. Requires a Tokio runtime.
pub async fn run(call: &Call, limits: Limits) -> Completion {
    run_observed(call, limits, &|_, _| {}).await
}

/// As [`run`], and passes the output to `observer` while the program runs.
pub async fn run_observed(call: &Call, limits: Limits, observer: Observer<'_>) -> Completion {
    let path = call.env.iter().find(|(name, _)| name == "PATH");
    let path = path.map(|(_, value)| value.clone()).unwrap_or_default();
    let program = match lookup::search(&call.program, &path, &call.cwd) {
        lookup::Search::Found(program) => program,
        lookup::Search::NotExecutable(file) => {
            return Completion::NotStarted(format!("{} is not executable", file.display()));
        }
        lookup::Search::NotFound => return Completion::NotFound,
    };
    let new_marker = || format!("run-{}", ids::new_id().simple());
    let marker = call.marker.clone().unwrap_or_else(new_marker);
    let mut env = call.env.clone();
    env.retain(|(name, _)| name != MARKER);
    env.push((MARKER.into(), marker.clone().into()));
    let start = Start { program, args: call.args.clone(), cwd: call.cwd.clone(), env };
    match Child::start_apart(&start, !call.input.is_empty()) {
        Ok((child, stdout, stderr)) => {
            let guard = TreeGuard { tree: child.tree(&marker), has_ended: false };
            let readers =
                [Reader::new(stdout, Stream::Stdout), Reader::new(stderr, Stream::Stderr)];
            follow(child, &call.input, readers, guard, limits, observer).await
        }
        Err(error) => Completion::NotStarted(format!("{}: {error}", start.program.display())),
    }
}

/// Ends the process tree when the call is over, also when its future is dropped.
struct TreeGuard {
    tree: Tree,
    /// The program has ended without being killed.
    has_ended: bool,
}

impl Drop for TreeGuard {
    fn drop(&mut self) {
        if self.has_ended {
            self.tree.sweep();
        } else {
            self.tree.kill();
        }
    }
}

async fn follow(
    mut child: Child,
    input: &[u8],
    [mut out, mut err]: [Reader; 2],
    mut guard: TreeGuard,
    limits: Limits,
    observer: Observer<'_>,
) -> Completion {
    let stdin = child.take_stdin();
    let exit = {
        let write_input = async {
            if let Some(mut stdin) = stdin {
                // A program may end, or close its input, before it has read everything.
                let _ = stdin.write_all(input).await;
            }
        };
        let streams = async {
            tokio::join!(write_input, out.drain(limits, observer), err.drain(limits, observer))
        };
        let mut streams = std::pin::pin!(streams);
        let work = async {
            let mut open = true;
            loop {
                tokio::select! {
                    _ = &mut streams, if open => open = false,
                    exit = child.wait() => {
                        if open {
                            let _ = tokio::time::timeout(DRAIN_TIMEOUT, &mut streams).await;
                        }
                        return exit.unwrap_or_default();
                    }
                }
            }
        };
        tokio::time::timeout(limits.time, work).await.ok()
    };
    guard.has_ended = exit.is_some();
    if exit.is_none() {
        guard.tree.kill();
        // A process in an uninterruptible system call may outlast this wait.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, child.wait()).await;
    }
    let output = ProgramOutput {
        exit: exit.unwrap_or_default(),
        stdout: out.captured(),
        stderr: err.captured(),
    };
    match exit {
        Some(_) => Completion::Exited(output),
        None => Completion::TimedOut { limit: limits.time, output },
    }
}

/// Reads one stream and keeps the part of it that the limits allow.
struct Reader {
    output: Output,
    stream: Stream,
    kept: Vec<u8>,
    truncated: bool,
}

impl Reader {
    fn new(output: Output, stream: Stream) -> Self {
        Self { output, stream, kept: Vec::new(), truncated: false }
    }

    async fn drain(&mut self, limits: Limits, observer: Observer<'_>) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = self.output.read(&mut buffer).await {
            let piece = buffer.get(..count).unwrap_or_default();
            observer(self.stream, piece);
            self.keep(piece, limits);
        }
    }

    fn keep(&mut self, piece: &[u8], limits: Limits) {
        self.kept.extend_from_slice(piece);
        let excess = self.kept.len().saturating_sub(limits.output_bytes);
        self.truncated |= excess > 0;
        match limits.keep {
            Keep::Start => self.kept.truncate(limits.output_bytes),
            Keep::End => drop(self.kept.drain(..excess)),
        }
    }

    fn captured(self) -> Captured {
        let text = text::decode_lossy(&self.kept);
        Captured { text, truncated: self.truncated }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Instant;

    const LONG: Duration = Duration::from_mins(1);

    fn limits(time: Duration) -> Limits {
        Limits { time, output_bytes: 64, keep: Keep::Start }
    }

    fn call(program: &str, args: &[&str]) -> Call {
        Call {
            program: program.into(),
            args: args.iter().map(Into::into).collect(),
            cwd: "/".into(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ..Call::default()
        }
    }

    async fn shell(script: &str, limits: Limits) -> Completion {
        run(&call("sh", &["-c", script]), limits).await
    }

    #[tokio::test]
    async fn streams_are_kept_apart_and_truncated() {
        let completion = shell("echo out; echo err >&2; exit 3", limits(LONG)).await;
        assert_eq!(completion.failure().as_deref(), Some("exited with code 3"));
        let output = completion.output().expect("an end");
        assert_eq!((&*output.stdout.text, &*output.stderr.text), ("out\n", "err\n"));
        let completion = shell("printf %070d 7", limits(LONG)).await;
        let stdout = &completion.output().expect("an end").stdout;
        assert_eq!((stdout.text.len(), stdout.truncated, completion.failure()), (64, true, None));
        let end = Limits { keep: Keep::End, ..limits(LONG) };
        let completion = shell("printf %070d 7", end).await;
        assert!(completion.output().expect("an end").stdout.text.ends_with("07"));
    }

    #[tokio::test]
    async fn input_reaches_the_program() {
        let input = vec![b'x'; 1 << 20];
        let with_input = async |script: &str| {
            let call = Call { input: input.clone(), ..call("sh", &["-c", script]) };
            run(&call, limits(LONG)).await
        };
        let count = with_input("wc -c").await;
        let count = count.output().expect("an end").stdout.text.trim().to_owned();
        assert_eq!(count, input.len().to_string());
        // Neither a program that ignores its input nor one that closes it is an error.
        assert_eq!(with_input("true").await.failure(), None);
        assert_eq!(with_input("exec <&-; echo done").await.failure(), None);
        let empty = shell("wc -c", limits(LONG)).await;
        assert_eq!(empty.output().expect("an end").stdout.text.trim(), "0");
    }

    #[tokio::test]
    async fn output_is_observed_while_the_program_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        let script = "echo out; echo err >&2; until [ -e \"$0\" ]; do sleep 0.01; done";
        let path = file.to_str().expect("text");
        let seen = std::sync::Mutex::new(Vec::new());
        // The program ends only after both lines were observed.
        let observer = |stream: Stream, piece: &[u8]| {
            let mut seen = seen.lock().expect("a lock");
            seen.push((stream, piece.to_owned()));
            if seen.len() == 2 {
                std::fs::write(&file, "").expect("written");
            }
        };
        let call = call("sh", &["-c", script, path]);
        assert_eq!(run_observed(&call, limits(LONG), &observer).await.failure(), None);
        let mut seen = seen.into_inner().expect("a lock");
        seen.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
        let expected = [(Stream::Stdout, b"out\n".to_vec()), (Stream::Stderr, b"err\n".to_vec())];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn a_given_marker_is_kept() {
        let print = format!("echo ${MARKER}");
        let call = Call { marker: Some("mine".into()), ..call("sh", &["-c", &print]) };
        let completion = run(&call, limits(LONG)).await;
        assert_eq!(completion.output().expect("an end").stdout.text, "mine\n");
    }

    #[tokio::test]
    async fn each_way_to_fail_is_a_completion_of_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str, mode: u32| {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        };
        file("plain", "#!/bin/sh\n", 0o644);
        file("no-interpreter", "#!/no/such/interpreter\n", 0o755);
        file("no-program", "\x7fELF nonsense", 0o755);
        let path = |path: &Path| vec![("PATH".into(), path.as_os_str().to_owned())];
        let completion_of = async |name: &str| {
            let call = Call { env: path(directory.path()), ..call(name, &[]) };
            run(&call, limits(LONG)).await
        };
        assert_eq!(completion_of("absent").await, Completion::NotFound);
        for name in ["plain", "no-interpreter", "no-program"] {
            let completion = completion_of(name).await;
            assert!(matches!(completion, Completion::NotStarted(_)), "{name}: {completion:?}");
        }
        let crash = shell("kill -SEGV $$", limits(LONG)).await;
        assert_eq!(crash.failure().as_deref(), Some("ended by signal 11 (SIGSEGV)"));
        let within = shell("sh -c 'kill -SEGV $$'; exit $?", limits(LONG)).await;
        assert_eq!(within.failure().as_deref(), Some("exited with code 139 (SIGSEGV)"));
    }

    #[tokio::test]
    async fn a_late_program_is_killed_with_its_tree() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid = directory.path().join("pid");
        let script = format!("echo begun; sleep 600 & echo $! > {}; wait", pid.display());
        let completion = shell(&script, limits(Duration::from_millis(500))).await;
        assert_eq!(completion.failure().as_deref(), Some("did not finish within 0 s"));
        assert_eq!(completion.output().expect("output").stdout.text, "begun\n");
        let pid = std::fs::read_to_string(pid).expect("a number");
        // The kernel may need a moment to clear it away.
        let stat = format!("/proc/{}/stat", pid.trim());
        let gone = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
        let wait_until_gone = async {
            while !gone() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(LONG, wait_until_gone).await.is_ok());
    }

    #[tokio::test]
    async fn a_process_that_keeps_the_streams_open_does_not_delay_the_caller() {
        let begun = Instant::now();
        let completion = shell("sleep 600 & echo done", limits(LONG)).await;
        assert_eq!(completion.output().expect("an end").stdout.text, "done\n");
        assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    }
}
