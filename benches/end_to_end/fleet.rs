//! A coordinator and its workers as processes in a temporary directory, stopped when dropped.

use dtf::api::v1::runs::{AddTests, RunView, SubmitRun};
use dtf::api::v1::test_views::AttemptQuery;
use dtf::client::{Client, ClientOptions};
use dtf::domain::id::RunId;
use dtf::domain::test::TestSpec;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Time limit of each wait.
const PATIENCE: Duration = Duration::from_secs(600);
/// Interval at which a condition is checked.
const POLL: Duration = Duration::from_millis(20);
/// Number of tests in one part of a submission, as dtf itself sends.
pub const PART: u32 = 10_000;
/// Clock ticks per second in `/proc/PID/stat`, which the kernel's interface fixes.
const TICKS_PER_SECOND: f64 = 100.0;

/// One process of dtf.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    fn start(directory: &Path, log: &str, arguments: &[&str]) -> Self {
        let path = directory.join(log);
        let log = File::create(&path).expect("the log can be created");
        let child = Command::new(env!("CARGO_BIN_EXE_dtf"))
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .spawn()
            .expect("dtf starts");
        Self { child, name: arguments.join(" "), log: path }
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("the process is alive")
    }

    /// Processor time so far, user and system.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // Fields 14 and 15 of the line. The name, in brackets, may contain blanks.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Number of voluntary waits of each thread so far, by the number of the thread.
    pub fn wake_ups(&self) -> HashMap<OsString, u64> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let waits = |thread: std::fs::DirEntry| {
            let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
            let name = "voluntary_ctxt_switches:";
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some((thread.file_name(), line.trim().parse().ok()?))
        };
        threads.expect("the process is alive").flatten().filter_map(waits).collect()
    }

    pub fn resident_mb(&self) -> f64 {
        self.memory_mb("VmRSS:")
    }

    /// Forgets the largest resident memory, such as that of a calibration.
    pub fn reset_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(path, "5").expect("the peak is reset");
    }

    /// Largest resident memory so far.
    pub fn peak_mb(&self) -> f64 {
        self.memory_mb("VmHWM:")
    }

    fn memory_mb(&self, field: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        kib * 1024.0 / 1e6
    }

    /// Panics with the output of the process when it has ended.
    fn assert_alive(&self) {
        let stat = self.proc("stat");
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        if state.starts_with('Z') {
            let output = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("dtf {} ended:\n{output}", self.name);
        }
    }

    /// Asks the process to end, and waits for it.
    pub fn stop(&mut self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).expect("the process is alive");
        let ended = self.child.wait().expect("the process ends");
        assert!(ended.success(), "dtf {} ended with {ended}", self.name);
    }

    pub fn kill(&mut self) {
        // Fails only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub struct Fleet {
    // Workers are dropped before the coordinator, and the directory last.
    pub workers: Vec<Process>,
    pub coordinator: Process,
    pub client: Client,
    pub runtime: Runtime,
    address: String,
    /// For pages. One for all of them, because a client takes longer to make than a page.
    http: reqwest::Client,
    directory: TempDir,
}

impl Fleet {
    /// Starts a coordinator and waits until it is ready.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = {
            let _inside = runtime.enter();
            Client::new(ClientOptions::new(format!("http://{address}"))).expect("a client")
        };
        let coordinator = coordinator(directory.path(), &address);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let workers = Vec::new();
        let fleet = Self { workers, coordinator, client, runtime, address, http, directory };
        fleet.wait_ready();
        fleet
    }

    /// The directory in which all processes run. The coordinator has its data in `data` below it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Reads a page of the coordinator.
    pub fn page(&self, path: &str) -> String {
        let address = format!("http://{}{path}", self.address);
        let read = async { self.http.get(address).send().await?.error_for_status()?.text().await };
        self.runtime.block_on(read).expect("the page is served")
    }

    /// Starts the killed coordinator again with the same data; returns the time until it is ready.
    pub fn restart(&mut self) -> Duration {
        let start = Instant::now();
        self.coordinator = coordinator(self.directory.path(), &self.address);
        self.wait_ready();
        start.elapsed()
    }

    fn wait_ready(&self) {
        self.until("the coordinator is ready", || {
            let ready = self.runtime.block_on(self.client.ready());
            ready.is_ok_and(|ready| ready.ready)
        });
    }

    /// Starts a worker and waits until it is registered.
    pub fn worker(&mut self, slots: u32, more: &[&str]) {
        let number = self.workers.len();
        let slots = slots.to_string();
        let url = format!("http://{}", self.address);
        let directory = format!("worker-{number}");
        let mut arguments =
            vec!["worker", "--coordinator", &url, "--slots", &slots, "--work-dir", &directory];
        arguments.extend(more);
        let process =
            Process::start(self.directory.path(), &format!("{directory}.log"), &arguments);
        self.workers.push(process);
        self.until("the worker is registered", || {
            let status = self.runtime.block_on(self.client.status());
            status.is_ok_and(|status| status.workers_active as usize == self.workers.len())
        });
    }

    /// Checks a condition until it holds.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            self.coordinator.assert_alive();
            self.workers.iter().for_each(Process::assert_alive);
            assert!(
                Instant::now() < deadline,
                "waited {PATIENCE:?} in vain until {what}; logs in {}",
                self.directory.path().display()
            );
            self.runtime.block_on(async { tokio::time::sleep(POLL).await });
        }
    }

    /// Submits `count` tests, each made from its number, in parts of [`PART`].
    pub fn submit(&self, count: u32, make: impl Fn(u32) -> TestSpec) -> RunId {
        self.submit_in_parts(count, PART, make)
    }

    /// Submits `count` tests, each made from its number, in parts of `size`.
    pub fn submit_in_parts(&self, count: u32, size: u32, make: impl Fn(u32) -> TestSpec) -> RunId {
        let part = |from: u32| (from..count.min(from + size)).map(|n| Arc::new(make(n))).collect();
        let first = SubmitRun {
            name: "bench".into(),
            tests: part(0),
            more: count > size,
            closed_world: false,
        };
        let submitted = self.runtime.block_on(self.client.submit(&first, None));
        let run = submitted.expect("the run is accepted").run;
        for (number, from) in (1..).zip((size..count).step_by(size as usize)) {
            let more = from + size < count;
            let next = AddTests { part: number, tests: part(from), more };
            let added = self.runtime.block_on(self.client.add_tests(run, &next));
            added.expect("the part is accepted");
        }
        run
    }

    /// Waits until all tests of the run have passed and are in the results database.
    pub fn finish(&self, run: RunId) -> RunView {
        let mut view = None;
        self.until("the run is finished", || {
            let now = self.runtime.block_on(self.client.run(run)).expect("the run is known");
            let finished = now.finished_at.is_some();
            view = Some(now);
            finished
        });
        // The answer comes when everything that was acknowledged before is in the database. Polling
        // the position of the database instead would measure the maximum age of its batches.
        let first = AttemptQuery { run: Some(run), limit: Some(1), ..AttemptQuery::default() };
        let stored = self.runtime.block_on(self.client.attempts(&first));
        assert_eq!(stored.expect("the results are stored").items.len(), 1);
        let view = view.expect("asked at least once");
        let passed = view.counts.done.get(&dtf::domain::outcome::Outcome::Passed);
        assert_eq!(passed, Some(&view.counts.total), "not all tests passed: {:?}", view.counts);
        view
    }
}

fn coordinator(directory: &Path, address: &str) -> Process {
    let arguments = ["coordinator", "--listen", address, "--data-dir", "data"];
    Process::start(directory, "coordinator.log", &arguments)
}
