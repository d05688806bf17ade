//! Real processes of dtf in separate directories.

pub mod hub;
pub mod proxy;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Maximum wait of a test for anything that needs no Python packages.
pub const PATIENCE: Duration = Duration::from_secs(90);

#[expect(clippy::disallowed_methods, reason = "between two questions, not instead of one")]
/// Polls until there is a value. The test fails at the time limit.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A separate home directory, so that nothing of the user is read or changed.
pub struct Home {
    pub root: tempfile::TempDir,
}

/// Output and exit code of a finished command.
pub struct Finished {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Finished {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.out, self.err))
    }

    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

impl Home {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("written");
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dtf"));
        command.args(args).current_dir(self.root.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DTF_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.root.path());
        for (name, folder) in
            [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")]
        {
            command.env(name, self.path(folder));
        }
        command
    }

    pub fn dtf(&self, args: &[&str]) -> Finished {
        finished(&self.command(args).output().expect("dtf starts"))
    }

    /// A running coordinator on a free port, with its data in `data`.
    pub fn coordinator(&self, data: &str) -> Coordinator {
        self.coordinator_on(data, "127.0.0.1:0")
    }

    pub fn coordinator_on(&self, data: &str, listen: &str) -> Coordinator {
        self.coordinator_with(data, listen, &[])
    }

    pub fn coordinator_with(&self, data: &str, listen: &str, more: &[&str]) -> Coordinator {
        let data_dir = self.path(data);
        let mut command = self.command(&["coordinator", "--listen", listen, "--data-dir"]);
        command.arg(&data_dir).args(more);
        self.coordinator_by(command, data_dir).0
    }

    /// A running coordinator, started by a command that may wrap it, and the lines that it wrote before
    /// it was ready.
    pub fn coordinator_by(&self, mut command: Command, data_dir: PathBuf) -> (Coordinator, String) {
        let mut process =
            command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("dtf starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let mut seen = String::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the coordinator ended: {seen}");
            };
            if let Some(rest) = line.strip_prefix("coordinator on ") {
                break rest.split(',').next().expect("an address").to_owned();
            }
            seen.push_str(&line);
            seen.push('\n');
        };
        // Keeps the pipe from filling up; ends with the process.
        std::thread::spawn(move || for _ in lines.by_ref() {});
        let coordinator = Coordinator { process: Some(process), url, data_dir };
        eventually("readiness", || {
            // Code 4: it requires a token, so it serves requests.
            let code = self.at(&coordinator, &["status", "--output", "json"]).code;
            [0, 4].contains(&code).then_some(())
        });
        (coordinator, seen)
    }

    /// A client command for a coordinator.
    pub fn at(&self, coordinator: &Coordinator, args: &[&str]) -> Finished {
        let mut all = args.to_vec();
        all.extend(["--coordinator", &coordinator.url]);
        self.dtf(&all)
    }

    pub fn worker(&self, coordinator: &Coordinator, name: &str, more: &[&str]) -> Process {
        let mut args = vec!["worker", "--coordinator", &coordinator.url, "--name", name];
        args.extend(["--work-dir", name]);
        args.extend(more);
        let log = std::fs::File::create(self.path(&format!("{name}.log"))).expect("a log");
        let spawned = self.command(&args).stdout(Stdio::null()).stderr(log).spawn();
        Process(Some(spawned.expect("dtf starts")))
    }

    pub fn submit(&self, coordinator: &Coordinator, plan: &Path) -> String {
        let plan = plan.to_str().expect("a plain path");
        let finished = self.at(coordinator, &["submit", plan]).expect_code(0);
        finished.out.trim().to_owned()
    }

    pub fn report(&self, coordinator: &Coordinator, run: &str) -> Value {
        self.at(coordinator, &["report", "--run", run, "--output", "json", "--limit", "10000"])
            .json()
    }

    /// Waits until nothing of the run is pending, and returns its report.
    pub fn finished(&self, coordinator: &Coordinator, run: &str) -> Value {
        eventually(&format!("the end of {run}"), || {
            let report = self.report(coordinator, run);
            (report["totals"]["pending"] == 0).then_some(report)
        })
    }
}

pub fn finished(output: &Output) -> Finished {
    Finished {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub struct Coordinator {
    process: Option<Child>,
    pub url: String,
    pub data_dir: PathBuf,
}

impl Coordinator {
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("running").id()
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub fn signal(&self, signal_: rustix::process::Signal) {
        signal(self.id(), signal_);
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("killed");
            process.wait().expect("gone");
        }
    }

    /// Sends SIGTERM, and requires a clean end.
    pub fn stop(mut self) {
        let mut process = self.process.take().expect("running");
        signal(process.id(), rustix::process::Signal::TERM);
        assert!(process.wait().expect("gone").success(), "a good end");
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that is killed when the test ends.
pub struct Process(pub Option<Child>);

impl Process {
    pub fn id(&self) -> u32 {
        self.0.as_ref().expect("running").id()
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.0.take() {
            process.kill().expect("killed");
            process.wait().expect("gone");
        }
    }

    pub fn signal(&self, signal_: rustix::process::Signal) {
        signal(self.id(), signal_);
    }

    /// Waits for the end of the process, and returns its exit code.
    pub fn wait(mut self) -> i32 {
        let mut process = self.0.take().expect("running");
        let ended = eventually("the end of a process", || process.try_wait().expect("its state"));
        ended.code().unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(id: u32, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(i32::try_from(id).expect("a small id"));
    rustix::process::kill_process(id.expect("an id"), signal).expect("signalled");
}

/// `/proc/PID` for every process whose environment names this attempt or directory.
pub fn processes_with(text: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").expect("listed").flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        let numeric = path.file_name().is_some_and(|n| n.to_string_lossy().parse::<u32>().is_ok());
        let read = |file: &str| std::fs::read(path.join(file)).unwrap_or_default();
        let holds = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(text);
        numeric && (holds(read("environ")) || holds(read("cmdline")))
    };
    entries.filter(named).collect()
}
