//! Runs one attempt: files, environment, start, supervision, verdict, report.
//!
//! Promises: always comes back with a report, in bounded time after a stop; the attempt's
//! directory holds nothing afterwards. An attempt that could not be prepared is an infrastructure
//! error, never the test's.

mod artifacts;
pub mod capture;
pub mod process;
pub mod supervise;

use crate::api::v1::leases::{LeaseView, MAX_DETAIL_BYTES, Report};
use crate::api::v1::logs::MAX_INLINE_BYTES;
use crate::api::v1::test_views::{AttemptDetail, LogRef};
use crate::domain::accelerator::Accelerator;
use crate::domain::capability::Capability;
use crate::domain::causes::with_causes;
use crate::domain::digest::sha256_hex;
use crate::domain::id::LeaseId;
use crate::domain::launch::{Isolation, Launch, Program};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Millis;
use crate::junit::{self, CaseReport, JunitError};
use crate::sys::fs::{Stamp, write_whole};
use crate::sys::process::{Label, Labels, MARKER, Output, Start, Tree, lookup};
use crate::worker::attempt::process::Process;
use crate::worker::attempt::supervise::{Limits, Observation, Stop, Watch};
use crate::worker::environments::{Environments, PythonEnvironment};
use crate::worker::files;
use crate::worker::link::Link;
use crate::worker::variables::{InheritedVariables, Variables, pin, set};
use crate::worker::verdict::diagnosis::{MAX_INSPECTED_BYTES, diagnose};
use crate::worker::verdict::{Evidence, Verdict, for_want_of_memory, judge, kernel_kills, killed};
use crate::worker::warm::{Kind, WarmPool, WarmStart};
use crate::worker::work_dir::WorkDir;
use crate::worker::work_dir::directories::Directories;
use serde_json::value::RawValue;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Name of the protocol file in the attempt's directory.
const RESULT_FILE: &str = ".dtf-result.jsonl";

/// What all attempts of a worker share.
pub struct AttemptContext<L> {
    pub work_dir: WorkDir,
    pub directories: Directories,
    pub labels: Labels,
    pub link: Arc<L>,
    pub capability: Arc<Capability>,
    pub inherited: InheritedVariables,
    pub environments: Environments,
    pub warm: WarmPool,
}

/// A result, as it is spooled and sent.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AttemptResult {
    pub report: Report,
    /// SHA-256 of the output and of files, in the spool, to be sent before the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<String>,
}

/// In the place of details that the coordinator will not have.
const REFUSED_DETAIL: &str = r#"{"message":"the coordinator refused the details of this result"}"#;

impl AttemptResult {
    /// Gives up the details, so that the outcome at least is told.
    pub fn give_up_detail(&mut self) {
        self.report.detail = RawValue::from_string(REFUSED_DETAIL.to_owned()).ok();
    }

    /// An attempt of which nothing but the verdict is known.
    #[must_use]
    pub fn failed(lease: LeaseId, verdict: &Verdict) -> Self {
        let detail = AttemptDetail { message: verdict.message.clone(), ..AttemptDetail::default() };
        let Self { report, blobs } = Self::new(lease, verdict.outcome);
        let report = Report { class: verdict.class, detail: Some(encode(detail)), ..report };
        Self { report, blobs }
    }

    #[must_use]
    pub fn new(lease: LeaseId, outcome: Outcome) -> Self {
        let (class, flaky, duration_ms) = (None, false, Millis(0));
        let report = Report { lease, outcome, class, flaky, duration_ms, detail: None };
        Self { report, blobs: Vec::new() }
    }
}

/// A process that was started for the attempt.
struct Running {
    process: Process,
    output: Output,
    tree: Tree,
    isolation: &'static str,
    warm_refused: Option<String>,
}

/// What is known of an attempt before its program starts.
struct Plan<'a> {
    view: &'a LeaseView,
    launch: Launch,
    directory: PathBuf,
    /// Begins with the work directory's; the last `/` keeps it from being a prefix of another.
    marker: String,
    label: Label,
}

/// An attempt of which nothing runs any more. Its result is still to be made up, which
/// may wait until the seat's next attempt has started.
pub struct EndedAttempt {
    view: Box<LeaseView>,
    /// None: it did not come to that.
    directory: Option<PathBuf>,
    detail: AttemptDetail,
    end: Result<Ended, Verdict>,
    duration: Millis,
}

/// A program that has ended.
struct Ended {
    launch: Launch,
    seen: Observation,
    /// What was in the place of the JUnit file when it started.
    shipped: Option<Stamp>,
}

impl EndedAttempt {
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.view.lease
    }

    /// Whether it left files to be read.
    fn has_files(&self) -> bool {
        let files = |launch: &Launch| launch.junit.is_some() || !launch.artifacts.is_empty();
        self.end.as_ref().is_ok_and(|ended| files(&ended.launch))
    }
}

impl<L: Link> AttemptContext<L> {
    /// Starts an attempt and watches it until nothing of it runs.
    pub async fn carry_out(
        &self,
        view: Box<LeaseView>,
        mut stop: watch::Receiver<Stop>,
    ) -> EndedAttempt {
        let mut detail = self.place(&view);
        let mut duration = Millis(0);
        let (directory, end) = match self.plan(&view) {
            Ok(plan) => {
                let seen = self.attempt(&plan, &mut stop, &mut detail, &mut duration).await;
                let ended =
                    seen.map(|(seen, shipped)| Ended { launch: plan.launch, seen, shipped });
                (Some(plan.directory), ended)
            }
            Err(verdict) => (None, Err(verdict)),
        };
        EndedAttempt { view, directory, detail, end, duration }
    }

    /// Makes up the result of an attempt and clears its directory; none when that panics.
    /// What reads files of any size does so beside the worker's one thread.
    pub async fn settle(self: &Arc<Self>, over: Box<EndedAttempt>) -> Option<AttemptResult> {
        let (context, has_files) = (Arc::clone(self), over.has_files());
        let settle = move || context.settled(*over);
        if has_files {
            tokio::task::spawn_blocking(settle).await.ok()
        } else {
            std::panic::catch_unwind(AssertUnwindSafe(settle)).ok()
        }
    }

    fn settled(&self, over: EndedAttempt) -> AttemptResult {
        let EndedAttempt { view, directory, mut detail, end, duration } = over;
        let mut blobs = Vec::new();
        let verdict = match end {
            Ok(Ended { launch, seen, shipped }) => {
                let junit = launch.junit.as_ref().zip(directory.as_ref());
                let junit = junit.map(|(junit, directory)| {
                    junit::read(directory, &junit.file, shipped.as_ref())
                });
                let verdict = self.conclude(&launch, seen, junit, &mut detail, &mut blobs);
                self.hand_on(&launch, directory.as_deref(), verdict, &mut detail, &mut blobs)
            }
            Err(verdict) => verdict,
        };
        if let Some(directory) = directory {
            self.directories.give_back(directory);
        }
        detail.message = verdict.message;
        let report = Report {
            lease: view.lease,
            outcome: verdict.outcome,
            class: verdict.class,
            flaky: verdict.flaky,
            duration_ms: duration,
            detail: Some(encode(detail)),
        };
        AttemptResult { report, blobs }
    }

    /// Where it runs. How much memory there is says later what was too little.
    fn place(&self, view: &LeaseView) -> AttemptDetail {
        let mut detail = AttemptDetail {
            devices: self.held(view).map(|device| device.model.clone()).collect(),
            ..AttemptDetail::default()
        };
        detail.environment.insert("memory_bytes".into(), self.capability.memory_bytes.into());
        // What a measured time depends on besides: a script that sets its own number says so.
        detail.environment.insert("threads".into(), threads(view).into());
        detail.environment.insert("slots".into(), self.capability.slots.into());
        let sizes = self.held(view).filter_map(Accelerator::memory);
        if let Some(smallest) = sizes.min() {
            detail.environment.insert("device_memory_bytes".into(), smallest.into());
        }
        let errors = &self.capability.detection_errors;
        if !errors.is_empty() {
            detail.environment.insert("detection_errors".into(), errors.clone().into());
        }
        detail
    }

    fn held<'a>(&'a self, view: &'a LeaseView) -> impl Iterator<Item = &'a Accelerator> {
        view.devices
            .iter()
            .filter_map(|position| self.capability.accelerators.get(usize::from(*position)))
    }

    fn plan<'a>(&self, view: &'a LeaseView) -> Result<Plan<'a>, Verdict> {
        let launch: Launch = serde_json::from_str(view.launch.get())
            .map_err(|error| Verdict::set_up(format!("the launch cannot be read: {error}")))?;
        // The coordinator has checked it too, but paths are about this machine.
        launch.check().map_err(|error| Verdict::set_up(error.to_string()))?;
        if self.held(view).count() != view.devices.len() {
            return Err(Verdict::set_up("the lease names a device that this worker does not have"));
        }
        let directory = self.directories.take().map_err(|error| {
            Verdict::set_up(format!("cannot make the attempt's directory: {error}"))
        })?;
        let lease = view.lease;
        let marker = format!("{}{}/{}/", self.work_dir.marker(), lease.attempt, lease.epoch);
        let label = self.labels.next();
        Ok(Plan { view, launch, directory, marker, label })
    }

    async fn attempt(
        &self,
        plan: &Plan<'_>,
        stop: &mut watch::Receiver<Stop>,
        detail: &mut AttemptDetail,
        duration: &mut Millis,
    ) -> Result<(Observation, Option<Stamp>), Verdict> {
        let begun = Instant::now();
        let started = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != Stop::No) => {
                Err(Verdict::new(Outcome::Cancelled, None, "cancelled before it started"))
            }
            started = self.start(plan, detail) => started,
        };
        let (running, shipped) = started?;
        detail.set_up_ms = Some(begun.elapsed().into());
        running.isolation.clone_into(&mut detail.isolation);
        if let Some(reason) = &running.warm_refused {
            detail.environment.insert("cold_because".into(), reason.clone().into());
        }
        // A look costs what a quick command does not have: only those of Python are asked.
        let launch = &plan.launch;
        let python = !launch.environment.is_system() || matches!(launch.run, Program::Script(_));
        let before = python.then(kills_so_far).flatten();
        let started = Instant::now();
        let mut seen = self.watch(plan, running, stop.clone()).await;
        *duration = started.elapsed().into();
        if killed(seen.exit) {
            seen.kernel_kills = (before, kills_so_far());
        }
        Ok((seen, shipped))
    }

    /// The running program, and what is in the place of its JUnit file.
    async fn start(
        &self,
        plan: &Plan<'_>,
        detail: &mut AttemptDetail,
    ) -> Result<(Running, Option<Stamp>), Verdict> {
        let cache = self.work_dir.files();
        let Launch { files, directories, .. } = &plan.launch;
        files::place(files, directories, &cache, &plan.directory, self.link.as_ref())
            .await
            .map_err(|error| Verdict::set_up(error.to_string()))?;
        let run = plan.view.lease.attempt.test.run;
        let inputs = &plan.launch.inputs;
        artifacts::place(inputs, run, &cache, &plan.directory, self.link.as_ref())
            .await
            .map_err(|error| Verdict::set_up(with_causes(&error)))?;
        let prepared = self.environment(&plan.launch).await?;
        if let Some(prepared) = &prepared {
            detail.environment.extend(prepared.record.clone());
        }
        let env = self.variables(plan, prepared.as_deref());
        let shipped = match &plan.launch.junit {
            Some(junit) => Stamp::set_back(&plan.directory.join(&junit.file)).map_err(|error| {
                Verdict::set_up(format!("cannot look at {}: {error}", junit.file))
            })?,
            None => None,
        };
        let running = match (&plan.launch.run, prepared) {
            (Program::Command(words), _) => command(plan, words, env),
            (Program::Script(script), Some(prepared)) => {
                self.script(plan, script, &prepared, env).await
            }
            (Program::Script(_), None) => Err(Verdict::set_up("no interpreter was prepared")),
        };
        Ok((running?, shipped))
    }

    async fn script(
        &self,
        plan: &Plan<'_>,
        script: &str,
        prepared: &PythonEnvironment,
        env: Variables,
    ) -> Result<Running, Verdict> {
        let mut refused = None;
        if plan.launch.isolation == Isolation::Warm {
            match self.warm(plan, script, prepared, &env).await {
                Ok(running) => return Ok(running),
                Err(reason) => refused = Some(reason),
            }
        }
        let running = cold(plan, prepared.python.clone(), vec![script.into()], env)?;
        Ok(Running { isolation: "cold", warm_refused: refused, ..running })
    }

    /// A plain command in the system's environment needs no Python.
    async fn environment(
        &self,
        launch: &Launch,
    ) -> Result<Option<Arc<PythonEnvironment>>, Verdict> {
        if matches!(launch.run, Program::Command(_)) && launch.environment.is_system() {
            return Ok(None);
        }
        let cache = self.work_dir.files();
        files::keep(launch.environment.wheels(), &cache, self.link.as_ref())
            .await
            .map_err(|error| Verdict::set_up(error.to_string()))?;
        let prepared = self.environments.prepare(&launch.environment, &cache).await;
        prepared.map(Some).map_err(|error| Verdict::set_up(error.to_string()))
    }

    fn variables(&self, plan: &Plan<'_>, prepared: Option<&PythonEnvironment>) -> Variables {
        let mut env = self.inherited.for_attempt(&plan.directory, threads(plan.view));
        if let Some(bin) = prepared.and_then(|prepared| prepared.bin.as_ref()) {
            let before = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
            let paths = std::iter::once(bin.clone()).chain(std::env::split_paths(&before));
            if let Ok(path) = std::env::join_paths(paths) {
                env.insert("PATH".into(), path);
            }
            let inside = prepared.is_some_and(PythonEnvironment::is_virtual);
            if let Some(root) = bin.parent().filter(|_| inside) {
                set(&mut env, "VIRTUAL_ENV", root);
            }
        }
        for (name, value) in &plan.launch.env {
            set(&mut env, name, value);
        }
        let held: Vec<_> = self.held(plan.view).collect();
        pin(&mut env, &held);
        set(&mut env, MARKER, &plan.marker);
        set(&mut env, "DTF_ATTEMPT", plan.view.lease.attempt.to_string());
        set(&mut env, "DTF_RESULT", plan.directory.join(RESULT_FILE));
        if let Some(backend) = plan.launch.backend {
            set(&mut env, "DTF_BACKEND", backend.name());
        }
        env
    }

    async fn warm(
        &self,
        plan: &Plan<'_>,
        script: &str,
        prepared: &PythonEnvironment,
        env: &Variables,
    ) -> Result<Running, String> {
        let threads = threads(plan.view);
        let kind = Kind::new(prepared.python.clone(), threads, |name| prepared.installed(name));
        let kind = kind.ok_or("nothing worth preloading is installed")?;
        let start = WarmStart {
            id: plan.marker.clone(),
            script: plan.directory.join(script),
            cwd: plan.directory.clone(),
            env: env.clone(),
            label: Some(plan.label),
        };
        let (child, output) =
            self.warm.start(kind, start).await.map_err(|reason| reason.to_string())?;
        let tree = warm_tree(child.pid, &plan.marker)?.labelled(plan.label);
        let process = Process::Warm(child);
        Ok(Running { process, output, tree, isolation: "warm", warm_refused: None })
    }

    async fn watch(
        &self,
        plan: &Plan<'_>,
        running: Running,
        stop: watch::Receiver<Stop>,
    ) -> Observation {
        let launch = &plan.launch;
        let watch = Watch {
            process: running.process,
            output: running.output,
            tree: running.tree,
            limits: Limits {
                wall_clock: launch.timeout_ms,
                silence: launch.silence_ms,
                grace: launch.grace_ms,
            },
            stop,
            protocol: plan.directory.join(RESULT_FILE),
            lease: plan.view.lease,
            link: self.link.clone(),
        };
        watch.until_over().await
    }

    fn conclude(
        &self,
        launch: &Launch,
        seen: Observation,
        junit: Option<Result<CaseReport, JunitError>>,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) -> Verdict {
        let script = matches!(launch.run, Program::Script(_)).then_some(&seen.transcript);
        // Most attempts pass, and are not asked.
        let diagnosis = (seen.exit.code != Some(0))
            .then(|| diagnose(&seen.capture.end(MAX_INSPECTED_BYTES)))
            .flatten();
        let evidence = Evidence {
            exit: seen.exit,
            stopped: seen.stopped,
            script,
            junit: junit.as_ref(),
            cases: launch.junit.as_ref().and_then(|junit| junit.cases),
            diagnosis: diagnosis.as_ref(),
        };
        let verdict = for_want_of_memory(judge(&evidence), seen.exit, seen.kernel_kills);
        detail.exit_code = seen.exit.code;
        detail.signal = seen.exit.signal;
        detail.junit = junit.and_then(Result::ok).map(|report| report.summary);
        detail.peak_memory_bytes = seen.usage.map(|usage| usage.peak_memory_bytes);
        detail.cpu_ms = seen.usage.map(|usage| Millis(usage.cpu_ms));
        seen.transcript.into_detail(detail);
        let written = seen.capture.written();
        self.keep_output(seen.capture.into_kept(), written, detail, blobs);
        verdict
    }

    /// Keeps what a passed test hands on.
    fn hand_on(
        &self,
        launch: &Launch,
        directory: Option<&Path>,
        verdict: Verdict,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) -> Verdict {
        let Some(directory) = directory.filter(|_| verdict.outcome == Outcome::Passed) else {
            return verdict;
        };
        match artifacts::keep(directory, &launch.artifacts, &self.work_dir.logs()) {
            Ok(kept) => {
                blobs.extend(kept.iter().map(|artifact| artifact.sha256.clone()));
                detail.artifacts = kept;
                verdict
            }
            Err(reason) => Verdict::new(Outcome::Error, Some(Class::NoResult), reason),
        }
    }

    /// Short output travels in the report, longer output through the spool.
    fn keep_output(
        &self,
        kept: Vec<u8>,
        written: u64,
        detail: &mut AttemptDetail,
        blobs: &mut Vec<String>,
    ) {
        if kept.len() <= MAX_INLINE_BYTES {
            detail.output = String::from_utf8_lossy(&kept).into_owned();
            return;
        }
        let sha256 = sha256_hex(&kept);
        let size_bytes = kept.len() as u64;
        match write_whole(&self.work_dir.logs().join(&sha256), &kept) {
            Ok(()) => {
                detail.log =
                    Some(LogRef { sha256: sha256.clone(), size_bytes, written_bytes: written });
                blobs.push(sha256);
            }
            Err(error) => {
                tracing::error!(%error, "cannot spool an attempt's output; only its end is kept");
                let end = kept.len() - MAX_INLINE_BYTES;
                detail.output = String::from_utf8_lossy(&kept[end..]).into_owned();
            }
        }
    }
}

fn threads(view: &LeaseView) -> u64 {
    (view.cpu_milli / 1000).max(1)
}

#[cfg(unix)]
fn warm_tree(pid: i32, marker: &str) -> Result<Tree, String> {
    Tree::of(pid, marker).ok_or_else(|| "the warm runner gave no process id".to_owned())
}

#[cfg(not(unix))]
fn warm_tree(_pid: i32, _marker: &str) -> Result<Tree, String> {
    Err("there is no warm runner on this platform".to_owned())
}

fn command(plan: &Plan<'_>, words: &[String], env: Variables) -> Result<Running, Verdict> {
    let (name, args) =
        words.split_first().ok_or_else(|| Verdict::set_up("the command is empty"))?;
    let path = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
    let program = lookup::find(name.as_ref(), &path, &plan.directory)
        .ok_or_else(|| Verdict::set_up(format!("the program {name:?} was not found")))?;
    cold(plan, program, args.iter().map(OsString::from).collect(), env)
}

fn cold(
    plan: &Plan<'_>,
    program: PathBuf,
    args: Vec<OsString>,
    env: Variables,
) -> Result<Running, Verdict> {
    let cwd = plan.directory.clone();
    let start = Start { program, args, cwd, env: env.into_iter().collect() };
    let (child, output) = start.spawn_labelled(plan.label).map_err(|error| {
        Verdict::set_up(format!("cannot start {}: {error}", start.program.display()))
    })?;
    let tree = child.tree(&plan.marker).labelled(plan.label);
    let process = Process::Cold(child);
    Ok(Running { process, output, tree, isolation: "", warm_refused: None })
}

/// The detail as JSON text. When it is too large, what a script can make large goes first,
/// then all but the message.
fn encode(mut detail: AttemptDetail) -> Box<RawValue> {
    if let Some(raw) = fitting(&detail) {
        return raw;
    }
    detail.metrics.clear();
    detail.checks.truncate(100);
    detail.environment.clear();
    detail.result.clear();
    detail.output.clear();
    detail.message.push_str(" (the details were too large and are left out)");
    let message = detail.message.clone();
    fitting(&detail)
        .or_else(|| fitting(&AttemptDetail { message, ..AttemptDetail::default() }))
        .unwrap_or_else(|| RawValue::NULL.to_owned())
}

fn fitting(detail: &AttemptDetail) -> Option<Box<RawValue>> {
    let raw = serde_json::value::to_raw_value(detail).ok()?;
    (raw.get().len() <= MAX_DETAIL_BYTES).then_some(raw)
}

/// Processes that the kernel has ended for want of memory; none where it does not count.
fn kills_so_far() -> Option<u64> {
    kernel_kills(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::test_views::PhaseRecord;

    #[test]
    fn of_details_that_are_too_large_the_message_is_left() {
        let phase = PhaseRecord { name: "x".repeat(2_000), seconds: None };
        let detail = AttemptDetail {
            message: "why".to_owned(),
            phases: vec![phase; 1_000],
            ..AttemptDetail::default()
        };
        assert!(fitting(&detail).is_none());
        let sent: AttemptDetail = serde_json::from_str(encode(detail).get()).expect("a detail");
        assert!(sent.phases.is_empty());
        assert!(sent.message.starts_with("why (the details were too large"), "{}", sent.message);
    }
}
