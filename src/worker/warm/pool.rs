//! The warm runners of a worker: started with the first warm attempt, replaced after a failure,
//! ended when unused.

use crate::sys::fs::write_whole;
use crate::sys::process::Output;
use crate::worker::variables::{Variables, set, threads_of};
use crate::worker::warm::child::{WarmChild, WarmStart, WarmStartError};
use crate::worker::warm::kind::RunnerKind;
use crate::worker::warm::runner::{FORK_TIMEOUT, Runner, RunnerError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Maximum number of failures of one kind. Further attempts start cold.
const MAX_FAILURES: u32 = 3;
/// Number of failures of a kind that can never be forked safely.
const PERMANENT: u32 = u32::MAX;
/// Age of the last failure after which failures no longer count.
const FAILURE_MEMORY: Duration = Duration::from_secs(600);
const MAX_RUNNERS: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(900);
const PROGRAM: &str = include_str!("warm_runner.py");

pub struct WarmPool {
    script: PathBuf,
    env: Variables,
    /// Maximum duration of a fork.
    fork_timeout: Duration,
    slots: Mutex<BTreeMap<RunnerKind, Arc<Slot>>>,
}

/// The runner of one kind, with its history.
struct Slot {
    state: Mutex<State>,
}

struct State {
    runner: Option<Arc<Runner>>,
    /// Runners that were replaced while attempts ran in them.
    retired: Vec<Arc<Runner>>,
    failures: u32,
    failed_at: Instant,
    last_error: Option<WarmStartError>,
    last_used: Instant,
}

impl State {
    fn fail(&mut self) {
        self.failures += 1;
        self.failed_at = Instant::now();
    }
}

impl WarmPool {
    /// The program of the runners is written to `directory`. `env` is the environment of every runner.
    #[must_use]
    pub fn new(directory: PathBuf, env: Variables) -> Self {
        let script = directory.join("warm_runner.py");
        Self { script, env, fork_timeout: FORK_TIMEOUT, slots: Mutex::default() }
    }

    /// Forks an attempt.
    ///
    /// # Errors
    /// The attempt has to start cold. The reason is recorded with its result.
    pub async fn start(
        &self,
        kind: RunnerKind,
        start: WarmStart,
    ) -> Result<(WarmChild, Output), WarmStartError> {
        let slot = self.slot(&kind).await?;
        let runner = self.runner(&kind, &slot).await?;
        match runner.run(&start, self.fork_timeout).await {
            Err(reason) if !runner.is_alive() => {
                // Tries once more with a new runner: something else may have killed or stopped this one.
                tracing::warn!(%reason, "replacing the warm runner");
                self.runner(&kind, &slot).await?.run(&start, self.fork_timeout).await
            }
            other => other,
        }
    }

    async fn slot(&self, kind: &RunnerKind) -> Result<Arc<Slot>, WarmStartError> {
        let mut slots = self.slots.lock().await;
        if let Some(slot) = slots.get(kind) {
            return Ok(slot.clone());
        }
        if slots.len() >= MAX_RUNNERS {
            let idle = oldest_unused(&slots).ok_or_else(|| {
                WarmStartError(format!(
                    "all {MAX_RUNNERS} warm runners are busy with other environments"
                ))
            })?;
            slots.remove(&idle);
        }
        let now = Instant::now();
        let state = State {
            runner: None,
            retired: vec![],
            failures: 0,
            failed_at: now,
            last_error: None,
            last_used: now,
        };
        let slot = Arc::new(Slot { state: Mutex::new(state) });
        slots.insert(kind.clone(), slot.clone());
        Ok(slot)
    }

    async fn runner(&self, kind: &RunnerKind, slot: &Slot) -> Result<Arc<Runner>, WarmStartError> {
        // Locked while the runner starts, so that all attempts of this kind wait for one start.
        let mut state = slot.state.lock().await;
        state.last_used = Instant::now();
        if let Some(runner) = state.runner.as_ref().filter(|runner| runner.is_alive()) {
            return Ok(runner.clone());
        }
        if state.failures <= MAX_FAILURES && state.failed_at.elapsed() >= FAILURE_MEMORY {
            state.failures = 0;
        }
        state.retired.retain(|runner| runner.is_busy());
        if let Some(ended) = state.runner.take() {
            state.fail();
            if ended.is_busy() {
                state.retired.push(ended);
            }
        }
        if state.failures >= MAX_FAILURES {
            let unknown = || WarmStartError("the warm runner ended too often".to_owned());
            return Err(state.last_error.clone().unwrap_or_else(unknown));
        }
        if let Err(error) = write_whole(&self.script, PROGRAM.as_bytes()) {
            return Err(WarmStartError(format!("cannot write the warm runner: {error}")));
        }
        let mut env = self.env.clone();
        env.extend(threads_of(kind.threads));
        // OpenBLAS would start threads during the import, and a process with threads cannot fork safely.
        set(&mut env, "OPENBLAS_NUM_THREADS", "1");
        match Runner::start(kind, &self.script, &env).await {
            Ok(runner) => {
                let runner = Arc::new(runner);
                state.runner = Some(runner.clone());
                Ok(runner)
            }
            Err(error) => {
                let reason = match error {
                    RunnerError::Permanent(reason) => {
                        state.failures = PERMANENT;
                        reason
                    }
                    RunnerError::Failed(reason) => {
                        state.fail();
                        reason
                    }
                };
                tracing::warn!(%reason, "cannot start a warm runner; attempts start cold");
                state.last_error = Some(reason.clone());
                Err(reason)
            }
        }
    }

    /// Ends runners that were not used for `IDLE_TIMEOUT`, and resumes stopped ones.
    pub async fn maintain(&self) {
        let slots = self.slots.lock().await;
        for slot in slots.values() {
            let Ok(mut state) = slot.state.try_lock() else { continue };
            state.retired.retain(|runner| runner.is_busy());
            state.runner.iter().chain(&state.retired).for_each(|runner| runner.resume());
            let busy = state.runner.as_ref().is_some_and(|runner| runner.is_busy());
            if !busy && state.last_used.elapsed() >= IDLE_TIMEOUT {
                state.runner = None;
            }
        }
    }
}

/// The kind whose idle runner was used least recently.
fn oldest_unused(slots: &BTreeMap<RunnerKind, Arc<Slot>>) -> Option<RunnerKind> {
    let idle = |(kind, slot): (&RunnerKind, &Arc<Slot>)| {
        let state = slot.state.try_lock().ok()?;
        // A retired runner may still have an attempt.
        let busy = state.runner.iter().chain(&state.retired).any(|runner| runner.is_busy());
        (!busy).then(|| (state.last_used, kind.clone()))
    };
    slots.iter().filter_map(idle).min_by_key(|(last_used, _)| *last_used).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::warm::runner::kill_group;
    use std::ffi::OsString;

    #[expect(clippy::disallowed_methods, reason = "where programs are found, no setting")]
    fn search_path() -> OsString {
        std::env::var_os("PATH").unwrap_or_default()
    }

    fn python() -> Option<PathBuf> {
        let path = search_path();
        crate::sys::process::lookup::python(&path)
    }

    fn env() -> Variables {
        let path = search_path();
        [(OsString::from("PATH"), path)].into()
    }

    async fn output(mut output: Output) -> String {
        let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    #[tokio::test]
    async fn attempts_are_forked_with_their_own_variables() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let script = dir.path().join("t.py");
        let code = "import os, sys, json\nprint(os.environ['WHO'], 'json' in sys.modules)\n\
                    json.who = getattr(json, 'who', '') + os.environ['WHO']\nprint(json.who)\nsys.exit(3)\n";
        std::fs::write(&script, code).expect("a script");
        let pool = WarmPool::new(dir.path().to_owned(), env());
        let kind = RunnerKind { python, threads: 1, modules: vec!["json"] };
        for who in ["one", "two"] {
            let mut env = env();
            env.insert("WHO".into(), who.into());
            let start = WarmStart {
                id: who.into(),
                script: script.clone(),
                cwd: dir.path().into(),
                env,
                label: None,
            };
            let (mut child, pipe) = pool.start(kind.clone(), start).await.expect("forked");
            assert_eq!(output(pipe).await, format!("{who} True\n{who}\n"));
            let exit = child.wait().await;
            assert_eq!(exit, crate::sys::process::Exit { code: Some(3), signal: None });
            assert!(child.usage().is_some());
        }
    }

    #[tokio::test]
    async fn a_killed_runner_is_replaced_and_not_too_often() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let script = dir.path().join("t.py");
        std::fs::write(&script, "import os\nprint(os.getppid())\n").expect("a script");
        let pool = WarmPool::new(dir.path().to_owned(), env());
        let kind = RunnerKind { python, threads: 1, modules: vec!["json"] };
        let attempt = async || {
            let start = WarmStart {
                id: "a".into(),
                script: script.clone(),
                cwd: dir.path().into(),
                env: env(),
                label: None,
            };
            let (mut child, pipe) = pool.start(kind.clone(), start).await?;
            let runner: i32 = output(pipe).await.trim().parse().expect("a pid");
            assert_eq!(child.wait().await.code, Some(0));
            Ok::<_, WarmStartError>(runner)
        };
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..MAX_FAILURES {
            let runner = attempt().await.expect("warm");
            assert!(seen.insert(runner), "another one than before");
            kill_group(runner);
        }
        let reason = attempt().await.expect_err("cold");
        assert!(reason.0.contains("ended too often"), "{reason}");
    }

    #[tokio::test]
    async fn a_stopped_runner_is_replaced_at_once_and_its_attempt_ends() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let script = dir.path().join("t.py");
        // The script stops the runner only after the runner has reported the start.
        let code = "import os, signal, time\nprint(os.getppid(), flush=True)\n\
                    while 'STOP' in os.environ and not os.path.exists('started'): time.sleep(0.01)\n\
                    if 'STOP' in os.environ: os.kill(os.getppid(), signal.SIGSTOP)\n";
        std::fs::write(&script, code).expect("a script");
        let mut pool = WarmPool::new(dir.path().to_owned(), env());
        // Long enough for a fork on a busy machine, and short enough for a test.
        pool.fork_timeout = Duration::from_secs(5);
        let kind = RunnerKind { python, threads: 1, modules: vec!["json"] };
        let attempt = async |id: &str, env| {
            let cwd = dir.path().to_owned();
            let (id, script, label) = (id.to_owned(), script.clone(), None);
            let start = WarmStart { id, script, cwd, env, label };
            let (child, pipe) = pool.start(kind.clone(), start).await.expect("warm");
            std::fs::write(dir.path().join("started"), "").expect("written");
            (child, output(pipe).await)
        };
        let mut stops = env();
        stops.insert("STOP".into(), "1".into());
        let (mut first, its_runner) = attempt("a", stops).await;
        let (mut second, another) = attempt("b", env()).await;
        assert_ne!(its_runner, another);
        assert_eq!(second.wait().await.code, Some(0));
        let ended = tokio::time::timeout(Duration::from_secs(30), first.wait()).await;
        assert_eq!(ended.expect("the stopped runner is resumed and reports the end").code, Some(0));
        let (_, third) = attempt("c", env()).await;
        assert_eq!(third, another, "the new one stays");
    }

    #[tokio::test]
    async fn a_runner_that_cannot_import_gives_the_reason() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let pool = WarmPool::new(dir.path().to_owned(), env());
        let kind = RunnerKind { python, threads: 1, modules: vec!["no_such_module_here"] };
        for _ in 0..=MAX_FAILURES {
            let start = WarmStart {
                id: "a".into(),
                script: "x.py".into(),
                cwd: dir.path().into(),
                env: env(),
                label: None,
            };
            let reason = pool.start(kind.clone(), start).await.expect_err("no such module");
            assert!(reason.0.contains("no_such_module_here"), "{reason}");
        }
    }
}
