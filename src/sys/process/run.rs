//! Runs another program to its end and reports how it ended.
//!
//! Limits: the time and the bytes kept of each stream, both given by the caller.
//!
//! Promises: the two streams are kept apart; [`run`] returns soon after the program has ended, even
//! when something that it started keeps its streams open; nothing of its process group outlives the
//! call, also when the call is dropped. A program that cannot be found, one that cannot be started and one that
//! fails are different answers.

use super::{Child, Exit, MARKER, Output, Start, Tree, lookup, signals};
use crate::sys::ids;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long output is still read after the program has ended, when something keeps it open, and how
/// long a killed program may take to go.
const AFTER_END: Duration = Duration::from_secs(1);
/// Longest line that [`Ended::gist`] returns, in characters.
const MAX_GIST: usize = 200;

/// What to run. The environment is exactly `env`; a plain name is looked up in its `PATH`.
#[derive(Debug, Clone)]
pub struct Call {
    pub program: OsString,
    pub args: Vec<OsString>,
    /// Absolute.
    pub cwd: PathBuf,
    pub env: Vec<(OsString, OsString)>,
}

/// Bounds of one call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    /// Maximum number of bytes that are kept of each stream. The rest is read and dropped.
    pub output_bytes: usize,
    pub keep: Keep,
}

/// Which part of a stream is kept when it exceeds the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Start,
    End,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// There is no such program.
    Absent,
    /// The program is there, but the system did not start it: permission, format, interpreter.
    NotStarted(String),
    /// The program was still running at this limit, and was killed with everything it had started.
    Late(Duration, Ended),
    Ended(Ended),
}

/// What a program left behind. Its exit is empty for one that was killed at the limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    pub exit: Exit,
    pub stdout: Captured,
    pub stderr: Captured,
}

/// One stream of a program, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    pub text: String,
    /// It was longer than the limit.
    pub cut: bool,
}

impl Ran {
    /// What the program printed, whether or not it came to an end.
    #[must_use]
    pub fn output(&self) -> Option<&Ended> {
        match self {
            Self::Absent | Self::NotStarted(_) => None,
            Self::Late(_, ended) | Self::Ended(ended) => Some(ended),
        }
    }

    /// Why this is not a success, to follow the program's name; None when it exited with 0.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Absent => Some("is not installed".to_owned()),
            Self::NotStarted(why) => Some(format!("cannot be started: {why}")),
            Self::Late(limit, _) => Some(format!("did not finish within {} s", limit.as_secs())),
            Self::Ended(ended) if ended.exit.code == Some(0) => None,
            Self::Ended(ended) => Some(ended.exit.to_string()),
        }
    }
}

impl Ended {
    /// The first line that it printed, standard error first, as [`plain`] text.
    #[must_use]
    pub fn gist(&self) -> Option<String> {
        let lines = self.stderr.text.lines().chain(self.stdout.text.lines());
        lines.map(|line| plain(line, MAX_GIST)).find(|line| !line.is_empty())
    }
}

/// At most so many characters of foreign text, without those that would do something to a
/// terminal or to the order of what is shown.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    let shown = |c: &char| c.is_alphanumeric() || c.is_ascii_graphic() || *c == ' ';
    let text: String = text.chars().filter(shown).take(most).collect();
    text.trim().to_owned()
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |signal: Option<&signals::Signal>| {
            signal.map(|signal| format!(" ({})", signal.name)).unwrap_or_default()
        };
        match (self.signal, self.code) {
            (Some(signal), _) => {
                write!(f, "ended by signal {signal}{}", named(signals::by_number(signal)))
            }
            // A wrapper says so of the program that it ran.
            (None, Some(code)) => {
                write!(f, "exited with code {code}{}", named(signals::by_exit_code(code)))
            }
            (None, None) => write!(f, "ended in an unknown way"),
        }
    }
}

/// Runs it. Inside a runtime.
pub async fn run(call: &Call, limits: Limits) -> Ran {
    let path = call.env.iter().find(|(name, _)| name == "PATH");
    let path = path.map(|(_, value)| value.clone()).unwrap_or_default();
    let program = match lookup::search(&call.program, &path, &call.cwd) {
        lookup::Search::Found(program) => program,
        lookup::Search::NotExecutable(file) => {
            return Ran::NotStarted(format!("{} is not executable", file.display()));
        }
        lookup::Search::Absent => return Ran::Absent,
    };
    let marker = format!("run-{}", ids::new_id().simple());
    let mut env = call.env.clone();
    env.retain(|(name, _)| name != MARKER);
    env.push((MARKER.into(), marker.clone().into()));
    let start = Start { program, args: call.args.clone(), cwd: call.cwd.clone(), env };
    match Child::start_apart(&start) {
        Ok((child, stdout, stderr)) => {
            let guard = Guard { tree: child.tree(&marker), ended: false };
            follow(child, [stdout, stderr], guard, limits).await
        }
        Err(error) => Ran::NotStarted(format!("{}: {error}", start.program.display())),
    }
}

/// Ends the tree when the call is over, in whatever way.
struct Guard {
    tree: Tree,
    /// The program has ended by itself.
    ended: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ended {
            self.tree.sweep();
        } else {
            self.tree.kill();
        }
    }
}

async fn follow(
    mut child: Child,
    [mut stdout, mut stderr]: [Output; 2],
    mut guard: Guard,
    limits: Limits,
) -> Ran {
    let (mut out, mut err) = (Kept::new(limits), Kept::new(limits));
    let exit = {
        let reading = async { tokio::join!(out.drain(&mut stdout), err.drain(&mut stderr)) };
        let mut reading = std::pin::pin!(reading);
        let work = async {
            let mut open = true;
            loop {
                tokio::select! {
                    _ = &mut reading, if open => open = false,
                    exit = child.wait() => {
                        if open {
                            let _ = tokio::time::timeout(AFTER_END, &mut reading).await;
                        }
                        return exit.unwrap_or_default();
                    }
                }
            }
        };
        tokio::time::timeout(limits.time, work).await.ok()
    };
    guard.ended = exit.is_some();
    if exit.is_none() {
        guard.tree.kill();
        // A process that the kernel does not let go is left to it.
        let _ = tokio::time::timeout(AFTER_END, child.wait()).await;
    }
    let ended =
        Ended { exit: exit.unwrap_or_default(), stdout: out.finish(), stderr: err.finish() };
    match exit {
        Some(_) => Ran::Ended(ended),
        None => Ran::Late(limits.time, ended),
    }
}

/// The part of a stream that is kept.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    keep: Keep,
    cut: bool,
}

impl Kept {
    fn new(limits: Limits) -> Self {
        Self { bytes: Vec::new(), limit: limits.output_bytes, keep: limits.keep, cut: false }
    }

    async fn drain(&mut self, output: &mut Output) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            self.add(buffer.get(..count).unwrap_or_default());
        }
    }

    fn add(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        let over = self.bytes.len().saturating_sub(self.limit);
        self.cut |= over > 0;
        match self.keep {
            Keep::Start => self.bytes.truncate(self.limit),
            Keep::End => drop(self.bytes.drain(..over)),
        }
    }

    fn finish(self) -> Captured {
        Captured { text: String::from_utf8_lossy(&self.bytes).into_owned(), cut: self.cut }
    }
}

#[cfg(test)]
#[cfg(unix)]
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
        }
    }

    async fn shell(script: &str, limits: Limits) -> Ran {
        run(&call("sh", &["-c", script]), limits).await
    }

    #[tokio::test]
    async fn streams_are_apart_and_capped() {
        let ran = shell("echo out; echo err >&2; exit 3", limits(LONG)).await;
        assert_eq!(ran.trouble().as_deref(), Some("exited with code 3"));
        let ended = ran.output().expect("an end");
        assert_eq!((&*ended.stdout.text, &*ended.stderr.text), ("out\n", "err\n"));
        let ran = shell("printf %070d 7", limits(LONG)).await;
        let stdout = &ran.output().expect("an end").stdout;
        assert_eq!((stdout.text.len(), stdout.cut, ran.trouble()), (64, true, None));
        let end = Limits { keep: Keep::End, ..limits(LONG) };
        let ran = shell("printf %070d 7", end).await;
        assert!(ran.output().expect("an end").stdout.text.ends_with("07"));
    }

    #[tokio::test]
    async fn the_ways_to_fail_are_told_apart() {
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
        let trouble = async |name: &str| {
            let call = Call { env: path(directory.path()), ..call(name, &[]) };
            run(&call, limits(LONG)).await
        };
        assert_eq!(trouble("absent").await, Ran::Absent);
        for name in ["plain", "no-interpreter", "no-program"] {
            let ran = trouble(name).await;
            assert!(matches!(ran, Ran::NotStarted(_)), "{name}: {ran:?}");
        }
        let crash = shell("kill -SEGV $$", limits(LONG)).await;
        assert_eq!(crash.trouble().as_deref(), Some("ended by signal 11 (SIGSEGV)"));
        let within = shell("sh -c 'kill -SEGV $$'; exit $?", limits(LONG)).await;
        let told = "exited with code 139 (SIGSEGV)";
        assert_eq!(within.trouble().as_deref(), Some(told));
    }

    #[tokio::test]
    async fn a_late_program_is_killed_with_its_tree() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid = directory.path().join("pid");
        let script = format!("echo begun; sleep 600 & echo $! > {}; wait", pid.display());
        let ran = shell(&script, limits(Duration::from_millis(500))).await;
        assert_eq!(ran.trouble().as_deref(), Some("did not finish within 0 s"));
        assert_eq!(ran.output().expect("output").stdout.text, "begun\n");
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
    async fn what_keeps_the_streams_open_does_not_keep_the_caller() {
        let begun = Instant::now();
        let ran = shell("sleep 600 & echo done", limits(LONG)).await;
        assert_eq!(ran.output().expect("an end").stdout.text, "done\n");
        assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    }
}
