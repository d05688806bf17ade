//! The runners of a worker: made at the first warm attempt, replaced, closed when unused.

use super::runner::{FORK_LIMIT, Runner, StartError};
use super::{FORGIVEN, IDLE, Kind, MAX_FAILURES, MAX_RUNNERS, RunCold, WarmChild, WarmStart};
use crate::sys::fs::write_whole;
use crate::sys::process::Output;
use crate::worker::variables::Variables;
use crate::worker::variables::{set, threads_of};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// As many failures as no time forgives.
const NEVER: u32 = u32::MAX;
const PROGRAM: &str = include_str!("warm_runner.py");

pub struct WarmPool {
    script: PathBuf,
    env: Variables,
    /// Longest wait for an attempt to start.
    fork_limit: Duration,
    places: Mutex<BTreeMap<Kind, Arc<Place>>>,
}

/// Where the runner of one kind is, or was.
struct Place {
    runner: Mutex<State>,
}

struct State {
    runner: Option<Arc<Runner>>,
    /// Runners that were replaced while attempts ran in them.
    retired: Vec<Arc<Runner>>,
    failures: u32,
    failed_at: Instant,
    last_reason: Option<RunCold>,
    used: Instant,
}

impl State {
    fn fail(&mut self) {
        self.failures += 1;
        self.failed_at = Instant::now();
    }
}

impl WarmPool {
    /// The program is put into `directory`; `env` is what every runner starts with.
    #[must_use]
    pub fn new(directory: PathBuf, env: Variables) -> Self {
        let script = directory.join("warm_runner.py");
        Self { script, env, fork_limit: FORK_LIMIT, places: Mutex::default() }
    }

    /// Forks an attempt.
    ///
    /// # Errors
    /// It has to run cold; the reason is for the record.
    pub async fn start(
        &self,
        kind: Kind,
        start: WarmStart,
    ) -> Result<(WarmChild, Output), RunCold> {
        let place = self.place(&kind).await?;
        let runner = self.runner(&kind, &place).await?;
        match runner.run(&start, self.fork_limit).await {
            Err(reason) if !runner.alive() => {
                // Once more with a new one; it may have been killed or stopped from outside.
                tracing::warn!(%reason, "the warm runner is replaced");
                self.runner(&kind, &place).await?.run(&start, self.fork_limit).await
            }
            other => other,
        }
    }

    async fn place(&self, kind: &Kind) -> Result<Arc<Place>, RunCold> {
        let mut places = self.places.lock().await;
        if let Some(place) = places.get(kind) {
            return Ok(place.clone());
        }
        if places.len() >= MAX_RUNNERS {
            let idle = oldest_unused(&places).ok_or_else(|| {
                RunCold(format!("all {MAX_RUNNERS} warm runners are busy with other environments"))
            })?;
            places.remove(&idle);
        }
        let now = Instant::now();
        let state = State {
            runner: None,
            retired: vec![],
            failures: 0,
            failed_at: now,
            last_reason: None,
            used: now,
        };
        let place = Arc::new(Place { runner: Mutex::new(state) });
        places.insert(kind.clone(), place.clone());
        Ok(place)
    }

    async fn runner(&self, kind: &Kind, place: &Place) -> Result<Arc<Runner>, RunCold> {
        // Held while it starts, so that all who want it wait for one.
        let mut state = place.runner.lock().await;
        state.used = Instant::now();
        if let Some(runner) = state.runner.as_ref().filter(|runner| runner.alive()) {
            return Ok(runner.clone());
        }
        if state.failures <= MAX_FAILURES && state.failed_at.elapsed() >= FORGIVEN {
            state.failures = 0;
        }
        state.retired.retain(|runner| runner.busy());
        if let Some(ended) = state.runner.take() {
            state.fail();
            if ended.busy() {
                state.retired.push(ended);
            }
        }
        if state.failures >= MAX_FAILURES {
            let unknown = || RunCold("the warm runner ended too often".to_owned());
            return Err(state.last_reason.clone().unwrap_or_else(unknown));
        }
        if let Err(error) = write_whole(&self.script, PROGRAM.as_bytes()) {
            return Err(RunCold(format!("cannot write the warm runner: {error}")));
        }
        let mut env = self.env.clone();
        env.extend(threads_of(kind.threads));
        // More would start threads during the import, and a process with threads cannot fork.
        set(&mut env, "OPENBLAS_NUM_THREADS", "1");
        match Runner::start(kind, &self.script, &env).await {
            Ok(runner) => {
                let runner = Arc::new(runner);
                state.runner = Some(runner.clone());
                Ok(runner)
            }
            Err(error) => {
                let reason = match error {
                    StartError::Never(reason) => {
                        state.failures = NEVER;
                        reason
                    }
                    StartError::Failed(reason) => {
                        state.fail();
                        reason
                    }
                };
                tracing::warn!(%reason, "no warm runner; attempts run cold");
                state.last_reason = Some(reason.clone());
                Err(reason)
            }
        }
    }

    /// Ends runners that have not been used for [`IDLE`], and lets go on what was stopped.
    pub async fn look_after(&self) {
        let places = self.places.lock().await;
        for place in places.values() {
            let Ok(mut state) = place.runner.try_lock() else { continue };
            state.retired.retain(|runner| runner.busy());
            state.runner.iter().chain(&state.retired).for_each(|runner| runner.resume());
            let busy = state.runner.as_ref().is_some_and(|runner| runner.busy());
            if !busy && state.used.elapsed() >= IDLE {
                state.runner = None;
            }
        }
    }
}

fn oldest_unused(places: &BTreeMap<Kind, Arc<Place>>) -> Option<Kind> {
    let unused = |(kind, place): (&Kind, &Arc<Place>)| {
        let state = place.runner.try_lock().ok()?;
        let busy = state.runner.as_ref().is_some_and(|runner| runner.busy());
        (!busy).then(|| (state.used, kind.clone()))
    };
    places.iter().filter_map(unused).min_by_key(|(used, _)| *used).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::super::runner::kill_group;
    use super::*;
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
    async fn attempts_are_forked_with_their_own_surroundings() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let script = dir.path().join("t.py");
        let code = "import os, sys, json\nprint(os.environ['WHO'], 'json' in sys.modules)\n\
                    json.who = getattr(json, 'who', '') + os.environ['WHO']\nprint(json.who)\nsys.exit(3)\n";
        std::fs::write(&script, code).expect("a script");
        let pool = WarmPool::new(dir.path().to_owned(), env());
        let kind = Kind { python, threads: 1, modules: vec!["json"] };
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
        let kind = Kind { python, threads: 1, modules: vec!["json"] };
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
            Ok::<_, RunCold>(runner)
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
        let code = "import os, signal, sys\nprint(os.getppid(), flush=True)\n\
                    if 'STOP' in os.environ: os.kill(os.getppid(), signal.SIGSTOP)\n";
        std::fs::write(&script, code).expect("a script");
        let mut pool = WarmPool::new(dir.path().to_owned(), env());
        // Long for a fork also on a busy machine, and short for whoever waits for this test.
        pool.fork_limit = Duration::from_secs(5);
        let kind = Kind { python, threads: 1, modules: vec!["json"] };
        let attempt = async |id: &str, env| {
            let cwd = dir.path().to_owned();
            let (id, script, label) = (id.to_owned(), script.clone(), None);
            let start = WarmStart { id, script, cwd, env, label };
            let (child, pipe) = pool.start(kind.clone(), start).await.expect("warm");
            (child, output(pipe).await)
        };
        let mut stops = env();
        stops.insert("STOP".into(), "1".into());
        let (mut first, its_runner) = attempt("a", stops).await;
        let (mut second, another) = attempt("b", env()).await;
        assert_ne!(its_runner, another);
        assert_eq!(second.wait().await.code, Some(0));
        let ended = tokio::time::timeout(Duration::from_secs(30), first.wait()).await;
        assert_eq!(ended.expect("the stopped runner goes on to tell").code, Some(0));
        let (_, third) = attempt("c", env()).await;
        assert_eq!(third, another, "the new one stays");
    }

    #[tokio::test]
    async fn a_runner_that_cannot_import_gives_the_reason() {
        let python = python().expect("the tests need python3");
        let dir = tempfile::tempdir().expect("a directory");
        let pool = WarmPool::new(dir.path().to_owned(), env());
        let kind = Kind { python, threads: 1, modules: vec!["no_such_module_here"] };
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
