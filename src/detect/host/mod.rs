//! The machine on which devices are detected: its files, variables and programs. Nothing else in this
//! module touches them.
//!
//! A host is this machine, or a directory with the recorded files of another one. For the latter, no
//! file, variable or system call of this machine is used, except programs in `PATH`, after those in the
//! directory. All accesses are recorded.
//!
//! Limits: those of `root` for files, and of `tools` for programs.

use crate::domain::text;
use crate::sys::process::{Completion, Runner};
use root::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

mod root;
mod system;
mod tools;
mod trace;
pub use system::System;
pub use tools::{HIDING_VARIABLES, MAX_OUTPUT_BYTES, TOOL_TIMEOUT};
pub use trace::{Event, Trace};

/// Interval at which a person is informed that a tool is still running.
pub const NOTICE_INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a program that is called when the patience of a host is exhausted.
const LAST_TIMEOUT: Duration = Duration::from_secs(1);
/// How a person is informed while a program runs.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    /// Interval between two calls of `notice`, usually [`NOTICE_INTERVAL`].
    pub interval: Duration,
    /// Called with the name of the program and its run time so far.
    pub notice: &'a (dyn Fn(&str, Duration) + Send + Sync),
}

impl Waiting<'_> {
    /// Nobody is informed.
    pub const SILENT: Waiting<'static> = Waiting { interval: NOTICE_INTERVAL, notice: &|_, _| {} };
}

/// The values of environment variables.
type Variables<'a> = Box<dyn Fn(&str) -> Option<String> + Send + Sync + 'a>;

/// Access to the machine on which devices are detected.
pub struct Host<'a> {
    runner: &'a dyn Runner,
    root: Root,
    variables: Variables<'a>,
    waiting: Waiting<'a>,
    /// When every program must have ended, if not each within its own time limit.
    deadline: Option<Instant>,
    trace: Mutex<Trace>,
    /// The programs that did not end in time.
    hung: Mutex<BTreeSet<String>>,
    pub system: System,
}

impl<'a> Host<'a> {
    /// This machine. `variables` are the environment variables of this process.
    pub fn own(
        runner: &'a dyn Runner,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'a,
        waiting: Waiting<'a>,
    ) -> Self {
        Self {
            runner,
            root: Root::Own,
            variables: Box::new(variables),
            waiting,
            deadline: None,
            trace: Mutex::default(),
            hung: Mutex::default(),
            system: System::own(),
        }
    }

    /// The machine whose files are recorded in a directory. Its environment variables are those in
    /// `proc/self/environ` of the directory.
    pub fn recorded(runner: &'a dyn Runner, directory: &Path, waiting: Waiting<'a>) -> Self {
        // Programs are searched in absolute directories only.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let root = Root::Recorded(directory);
        let environment = root.read("/proc/self/environ").unwrap_or_default();
        let variables = variables(&String::from_utf8_lossy(&environment));
        let system = System::recorded(&root);
        Self {
            runner,
            root,
            variables: Box::new(move |name| variables.get(name).cloned()),
            waiting,
            deadline: None,
            trace: Mutex::default(),
            hung: Mutex::default(),
            system,
        }
    }

    /// Waits at most this long for all programs together. One that is called later has `LAST_TIMEOUT`.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(patience), ..self }
    }

    /// Whether the host is this machine, so that system calls describe it.
    pub fn is_own(&self) -> bool {
        matches!(self.root, Root::Own)
    }

    /// The value of an environment variable of the detecting process.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// The text of a file. Bytes that are not text are replaced.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    pub fn read(&self, path: &str) -> io::Result<String> {
        let bytes = self.root.read(path);
        let result = bytes.map(|bytes| text::decode_lossy(&bytes));
        self.record(Event::read(path, &result));
        result
    }

    /// The text of a file, without surrounding blanks; None if it cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        Some(self.read(path).ok()?.trim().to_owned())
    }

    /// The sorted names in a directory.
    ///
    /// # Errors
    /// The directory is missing or cannot be read.
    pub fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let result = self.root.list(path);
        self.record(Event::list(path, &result));
        result
    }

    /// Whether a file or directory exists.
    pub fn exists(&self, path: &str) -> bool {
        let exists = self.root.resolve(path).is_ok();
        self.record(Event::Check { path: path.to_owned(), exists });
        exists
    }

    /// Whether a directory exists.
    pub fn is_directory(&self, path: &str) -> bool {
        let exists = self.root.resolve(path).is_ok_and(|place| place.is_dir());
        self.record(Event::Check { path: path.to_owned(), exists });
        exists
    }

    /// Whether this process may read and write a file; None if the file does not exist. The permissions
    /// of a recorded file are those that its mode gives to the user of the recorded process.
    pub fn access(&self, path: &str) -> Option<bool> {
        let access = self.root.access(path);
        self.record(Event::Check { path: path.to_owned(), exists: access.is_some() });
        access
    }

    /// The place of a file, with all links resolved, as a path below the root of the host.
    pub fn resolve(&self, path: &str) -> Option<PathBuf> {
        let place = self.root.resolve(path).ok()?;
        match &self.root {
            Root::Own => Some(place),
            Root::Recorded(root) => Some(Path::new("/").join(place.strip_prefix(root).ok()?)),
        }
    }

    /// Runs a program within the time limit [`TOOL_TIMEOUT`].
    pub async fn run(&self, program: &str, args: &[&str]) -> Completion {
        self.run_within(TOOL_TIMEOUT, program, args).await
    }

    /// As [`Host::run`], within another time limit.
    pub async fn run_within(&self, limit: Duration, program: &str, args: &[&str]) -> Completion {
        let call = tools::call(program, args, &self.root, self.system);
        let begun = Instant::now();
        let left = self.deadline.map(|deadline| deadline.duration_since(begun).max(LAST_TIMEOUT));
        let limit = left.map_or(limit, |left| left.min(limit));
        let mut run = self.runner.run(&call, tools::limits(limit));
        let completion = loop {
            match tokio::time::timeout(self.waiting.interval, &mut run).await {
                Ok(completion) => break completion,
                Err(_) => (self.waiting.notice)(program, begun.elapsed()),
            }
        };
        self.record(Event::program(program, args, &completion, begun.elapsed()));
        if matches!(completion, Completion::TimedOut { .. }) {
            self.hung.lock().unwrap_or_else(PoisonError::into_inner).insert(program.to_owned());
        }
        completion
    }

    /// Whether one of these programs did not end in time in one of its calls.
    pub fn has_hung(&self, programs: &[&str]) -> bool {
        let hung = self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        programs.iter().any(|program| hung.contains(*program))
    }

    /// Runs a script in Windows PowerShell, or in its successor where that is the only one. A command of
    /// the script that fails ends it with an exit code other than 0.
    pub async fn powershell(&self, script: &str) -> Completion {
        let script = format!(
            "$ErrorActionPreference='Stop'; [Console]::OutputEncoding=[Text.UTF8Encoding]::new(); {script}"
        );
        let args = ["-NoLogo", "-NoProfile", "-NonInteractive", "-Command", &script];
        match self.run("powershell", &args).await {
            Completion::NotFound => self.run("pwsh", &args).await,
            completion => completion,
        }
    }

    /// The values of these variables of the kernel of macOS. A name that it does not have is missing.
    pub async fn sysctl(&self, names: &[&str]) -> BTreeMap<String, String> {
        let stdout = |completion: Completion| {
            completion.output().map(|output| output.stdout.text.trim().to_owned())
        };
        let Some(together) = stdout(self.run("sysctl", names).await) else {
            return BTreeMap::new();
        };
        let pairs = together.lines().filter_map(|line| line.split_once([':', '=']));
        let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let values: BTreeMap<String, String> =
            pairs.filter(|(name, _)| names.contains(&name.as_str())).collect();
        if !values.is_empty() {
            return values;
        }
        let one = async |name: &&str| {
            let value = stdout(self.run("sysctl", &["-n", name]).await)?;
            (!value.is_empty()).then(|| ((*name).to_owned(), value))
        };
        let each = futures::future::join_all(names.iter().map(one)).await;
        each.into_iter().flatten().collect()
    }

    /// The files that were read and the programs that were called so far.
    pub fn trace(&self) -> Trace {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, event: Event) {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).add(event);
    }
}

/// The variables in `/proc/self/environ`, which are separated by NUL characters.
fn variables(environment: &str) -> BTreeMap<String, String> {
    let pairs = environment.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
