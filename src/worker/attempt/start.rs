//! Starts the program of an attempt: places its files, prepares its environment and its weights, starts it cold as
//! a new process or warm by a fork of the warm runner.
//!
//! Promise: an attempt that cannot be started has an infrastructure error, never a failure of its
//! test.

use crate::api::v1::test_views::AttemptDetail;
use crate::domain::causes::with_causes;
use crate::domain::launch::{Isolation, Launch, Program};
use crate::sys::fs::Stamp;
use crate::sys::process::{MARKER, Output, Start, Tree, lookup};
use crate::worker::attempt::artifacts;
use crate::worker::attempt::context::AttemptContext;
use crate::worker::attempt::notes::Notes;
use crate::worker::attempt::prepare::PreparedAttempt;
use crate::worker::attempt::process::Process;
use crate::worker::environments::PythonEnvironment;
use crate::worker::files;
use crate::worker::link::Link;
use crate::worker::variables::{Variables, pin, set};
use crate::worker::verdict::Verdict;
use crate::worker::warm::child::WarmStart;
use crate::worker::warm::kind::RunnerKind;
use crate::worker::weights::sources::ReadyWeights;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// A program that was started for an attempt.
pub struct StartedProgram {
    pub process: Process,
    pub output: Output,
    pub tree: Tree,
    /// `cold` or `warm` for a script, empty for a command.
    pub isolation: &'static str,
    /// Reason for a cold start of a script that asked for a warm one.
    pub cold_because: Option<String>,
    /// Stamp of the JUnit file that was shipped with the test: it must be written again.
    pub shipped_junit: Option<Stamp>,
    /// The weights of the test, which stay as long as it runs.
    pub weights: Option<ReadyWeights>,
}

impl<L: Link> AttemptContext<L> {
    /// # Errors
    /// The verdict on an attempt that cannot be started.
    pub async fn start(
        &self,
        attempt: &PreparedAttempt<'_>,
        detail: &mut AttemptDetail,
        notes: &mut Notes,
    ) -> Result<StartedProgram, Verdict> {
        self.place_files(attempt).await?;
        let environment = self.environment(&attempt.launch).await?;
        if let Some(environment) = &environment {
            detail.environment.extend(environment.record.clone());
        }
        let mut env = self.variables(attempt, environment.as_deref());
        let weights = self.provide_weights(attempt, &mut env, notes, detail).await?;
        let shipped_junit = match &attempt.launch.junit {
            Some(junit) => {
                Stamp::set_back(&attempt.directory.join(&junit.file)).map_err(|error| {
                    Verdict::set_up(format!("cannot inspect {}: {error}", junit.file))
                })?
            }
            None => None,
        };
        let started = match (&attempt.launch.run, environment) {
            (Program::Command(words), _) => start_command(attempt, words, env),
            (Program::Script(script), Some(environment)) => {
                self.start_script(attempt, script, &environment, env).await
            }
            (Program::Script(_), None) => {
                Err(Verdict::set_up("no Python interpreter was prepared"))
            }
        };
        Ok(StartedProgram { shipped_junit, weights, ..started? })
    }

    /// Places the files of the test and the artifacts of the tests that it depends on.
    async fn place_files(&self, attempt: &PreparedAttempt<'_>) -> Result<(), Verdict> {
        let (cache, link) = (self.work_dir.files(), self.link.as_ref());
        let Launch { files, directories, inputs, .. } = &attempt.launch;
        files::place(files, directories, &cache, &attempt.directory, link)
            .await
            .map_err(|error| Verdict::set_up(error.to_string()))?;
        let run = attempt.view.lease.attempt.test.run;
        artifacts::place(inputs, run, &cache, &attempt.directory, link)
            .await
            .map_err(|error| Verdict::set_up(with_causes(&error)))
    }

    /// The Python environment of the launch. A command in the system environment needs none.
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
        let environment = self.environments.prepare(&launch.environment, &cache).await;
        let environment = environment.map_err(|error| Verdict::set_up(error.to_string()))?;
        self.used_environments.note(&environment);
        Ok(Some(environment))
    }

    fn variables(
        &self,
        attempt: &PreparedAttempt<'_>,
        environment: Option<&PythonEnvironment>,
    ) -> Variables {
        let mut env = self
            .inherited
            .for_attempt(&attempt.directory, self.threads(attempt.view, &attempt.capability));
        if let Some(bin) = environment.and_then(|environment| environment.bin.as_ref()) {
            let inherited = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
            let paths = std::iter::once(bin.clone()).chain(std::env::split_paths(&inherited));
            if let Ok(path) = std::env::join_paths(paths) {
                env.insert("PATH".into(), path);
            }
            let is_virtual = environment.is_some_and(PythonEnvironment::is_virtual);
            if let Some(root) = bin.parent().filter(|_| is_virtual) {
                set(&mut env, "VIRTUAL_ENV", root);
            }
        }
        for (name, value) in &attempt.launch.env {
            set(&mut env, name, value);
        }
        pin(&mut env, &self.backends, &attempt.devices());
        set(&mut env, MARKER, &attempt.marker);
        set(&mut env, "DTF_ATTEMPT", attempt.view.lease.attempt.to_string());
        set(&mut env, "DTF_RESULT", attempt.protocol_file());
        if let Some(backend) = attempt.launch.backend {
            set(&mut env, "DTF_BACKEND", backend.name());
        }
        env
    }

    async fn start_script(
        &self,
        attempt: &PreparedAttempt<'_>,
        script: &str,
        environment: &PythonEnvironment,
        env: Variables,
    ) -> Result<StartedProgram, Verdict> {
        let mut cold_because = None;
        if attempt.launch.isolation == Isolation::Warm {
            match self.start_warm(attempt, script, environment, &env).await {
                Ok(started) => return Ok(started),
                Err(reason) => cold_because = Some(reason),
            }
        }
        let started = start_cold(attempt, environment.python.clone(), vec![script.into()], env)?;
        Ok(StartedProgram { isolation: "cold", cold_because, ..started })
    }

    /// The error is the reason for which the script starts cold instead.
    async fn start_warm(
        &self,
        attempt: &PreparedAttempt<'_>,
        script: &str,
        environment: &PythonEnvironment,
        env: &Variables,
    ) -> Result<StartedProgram, String> {
        let kind = RunnerKind::new(
            environment.python.clone(),
            self.threads(attempt.view, &attempt.capability),
            |name| environment.installed(name),
        );
        let kind = kind.ok_or("no package that is worth preloading is installed")?;
        let start = WarmStart {
            id: attempt.marker.clone(),
            script: attempt.directory.join(script),
            cwd: attempt.directory.clone(),
            env: env.clone(),
            label: Some(attempt.label),
        };
        let (child, output) =
            self.warm.start(kind, start).await.map_err(|reason| reason.to_string())?;
        let tree = warm_tree(child.pid, &attempt.marker)?.labelled(attempt.label);
        Ok(StartedProgram {
            process: Process::Warm(child),
            output,
            tree,
            isolation: "warm",
            cold_because: None,
            shipped_junit: None,
            weights: None,
        })
    }
}

#[cfg(unix)]
fn warm_tree(pid: i32, marker: &str) -> Result<Tree, String> {
    Tree::of(pid, marker).ok_or_else(|| "the warm runner returned no process id".to_owned())
}

#[cfg(not(unix))]
fn warm_tree(_pid: i32, _marker: &str) -> Result<Tree, String> {
    Err("there is no warm runner on this platform".to_owned())
}

fn start_command(
    attempt: &PreparedAttempt<'_>,
    words: &[String],
    env: Variables,
) -> Result<StartedProgram, Verdict> {
    let (name, args) =
        words.split_first().ok_or_else(|| Verdict::set_up("the command is empty"))?;
    let path = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
    let program = lookup::find(name.as_ref(), &path, &attempt.directory)
        .ok_or_else(|| Verdict::set_up(format!("the program {name:?} was not found")))?;
    start_cold(attempt, program, args.iter().map(OsString::from).collect(), env)
}

fn start_cold(
    attempt: &PreparedAttempt<'_>,
    program: PathBuf,
    args: Vec<OsString>,
    env: Variables,
) -> Result<StartedProgram, Verdict> {
    let cwd = attempt.directory.clone();
    let start = Start { program, args, cwd, env: env.into_iter().collect() };
    let (child, output) = start.spawn_labelled(attempt.label).map_err(|error| {
        Verdict::set_up(format!("cannot start {}: {error}", start.program.display()))
    })?;
    let tree = child.tree(&attempt.marker).labelled(attempt.label);
    Ok(StartedProgram {
        process: Process::Cold(child),
        output,
        tree,
        isolation: "",
        cold_because: None,
        shipped_junit: None,
        weights: None,
    })
}
