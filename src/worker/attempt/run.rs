//! Runs an attempt until none of its processes is left.
//!
//! Promises: it always ends with an [`EndedAttempt`], within a bounded time after a stop request.

use crate::api::v1::leases::LeaseView;
use crate::api::v1::test_views::AttemptDetail;
use crate::domain::capability::Capability;
use crate::domain::id::LeaseId;
use crate::domain::launch::{Launch, Program};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use crate::sys::fs::Stamp;
use crate::worker::attempt::context::{AttemptContext, devices};
use crate::worker::attempt::neighbours::Met;
use crate::worker::attempt::notes::Notes;
use crate::worker::attempt::prepare::PreparedAttempt;
use crate::worker::attempt::start::StartedProgram;
use crate::worker::attempt::supervise::{Limits, Observation, StopRequest, Supervisor};
use crate::worker::link::Link;
use crate::worker::verdict::Verdict;
use crate::worker::verdict::memory::{count_kernel_kills, is_killed};
use std::path::PathBuf;
use tokio::sync::watch;
use tokio::time::Instant;

/// An attempt of which no process is left. Its result is not built yet: that may wait until the
/// next attempt of the seat has started.
pub struct EndedAttempt {
    pub view: Box<LeaseView>,
    /// Directory of the attempt. Absent when it could not be prepared.
    pub directory: Option<PathBuf>,
    pub detail: AttemptDetail,
    /// The ended program, or the verdict on an attempt whose program never started.
    pub end: Result<EndedProgram, Verdict>,
    pub duration: Millis,
}

/// A program that has ended, and the evidence for its verdict.
pub struct EndedProgram {
    pub launch: Launch,
    pub observation: Observation,
    /// The programs that ran at the same time.
    pub met: Met,
    /// Stamp of the JUnit file that was shipped with the test.
    pub shipped_junit: Option<Stamp>,
}

impl EndedAttempt {
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.view.lease
    }

    /// Whether the result needs files that the program wrote.
    #[must_use]
    pub fn has_files(&self) -> bool {
        let files = |launch: &Launch| launch.junit.is_some() || !launch.artifacts.is_empty();
        self.end.as_ref().is_ok_and(|ended| files(&ended.launch))
    }
}

/// The verdict on an attempt that was stopped before its program started.
fn cancelled() -> Verdict {
    Verdict::new(Outcome::Cancelled, None, "cancelled before it started")
}

impl<L: Link> AttemptContext<L> {
    /// Starts an attempt and supervises it until none of its processes is left.
    pub async fn run(
        &self,
        view: Box<LeaseView>,
        mut stop: watch::Receiver<StopRequest>,
    ) -> EndedAttempt {
        let test_runs = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != StopRequest::None) => None,
            guard = self.calibrations.test_runs() => Some(guard),
        };
        let capability = self.offer.current();
        let mut detail = self.describe_machine(&view, &capability);
        let mut duration = Millis(0);
        let prepared = match &test_runs {
            Some(_) => self.prepare(&view, capability),
            None => Err(cancelled()),
        };
        let (directory, end) = match prepared {
            Ok(attempt) => {
                let end = self.run_prepared(&attempt, &mut stop, &mut detail, &mut duration).await;
                let end = end.map(|(observation, met, shipped_junit)| EndedProgram {
                    launch: attempt.launch,
                    observation,
                    met,
                    shipped_junit,
                });
                (Some(attempt.directory), end)
            }
            Err(verdict) => (None, Err(verdict)),
        };
        EndedAttempt { view, directory, detail, end, duration }
    }

    /// The part of the details that describes the machine. The amounts of memory explain a later
    /// lack of memory; threads and slots influence every measured time.
    fn describe_machine(&self, view: &LeaseView, capability: &Capability) -> AttemptDetail {
        let devices = devices(view, capability).unwrap_or_default();
        let mut detail = AttemptDetail {
            devices: devices.iter().map(|device| device.model.clone()).collect(),
            ..AttemptDetail::default()
        };
        let environment = &mut detail.environment;
        environment.insert("memory_bytes".into(), capability.memory_bytes.into());
        // A script that sets its own number of threads reports it, which replaces this one.
        environment.insert("threads".into(), self.threads(view, capability).into());
        environment.insert("slots".into(), capability.slots.into());
        if let Some(noise) = self.calibrations.noise() {
            environment.insert("machine_noise".into(), noise.into());
        }
        if self.all_cores {
            environment.insert("quiet_machine".into(), true.into());
        }
        let sizes = devices.iter().filter_map(|device| device.memory());
        if let Some(smallest) = sizes.min() {
            environment.insert("device_memory_bytes".into(), smallest.into());
        }
        let errors = &capability.detection_errors;
        if !errors.is_empty() {
            environment.insert("detection_errors".into(), errors.clone().into());
        }
        detail
    }

    async fn run_prepared(
        &self,
        attempt: &PreparedAttempt<'_>,
        stop: &mut watch::Receiver<StopRequest>,
        detail: &mut AttemptDetail,
        duration: &mut Millis,
    ) -> Result<(Observation, Met, Option<Stamp>), Verdict> {
        let set_up_began = Instant::now();
        let mut notes = Notes::default();
        let started = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != StopRequest::None) => {
                Err(cancelled())
            }
            started = self.start(attempt, detail, &mut notes) => started,
        };
        let mut started = match started {
            Ok(started) => started,
            Err(verdict) => {
                detail.output = String::from_utf8_lossy(notes.text()).into_owned();
                return Err(verdict);
            }
        };
        // Dropped after the program has ended.
        let _weights = started.weights.take();
        let presence = self.neighbours.enter(attempt.device_ids());
        detail.set_up_ms = Some(set_up_began.elapsed().into());
        started.isolation.clone_into(&mut detail.isolation);
        if let Some(reason) = &started.cold_because {
            detail.environment.insert("cold_because".into(), reason.clone().into());
        }
        let shipped_junit = started.shipped_junit.take();
        // Reading the count costs more than a short command does: only Python programs are
        // worth it.
        let launch = &attempt.launch;
        let is_python = !launch.environment.is_system() || matches!(launch.run, Program::Script(_));
        let kills_before = is_python.then(count_kernel_kills).flatten();
        let program_began = Instant::now();
        let mut observation = self.supervise(attempt, started, notes, stop.clone()).await;
        *duration = program_began.elapsed().into();
        let met = presence.met();
        drop(presence);
        if is_killed(observation.exit) {
            observation.kernel_kills = (kills_before, count_kernel_kills());
        }
        Ok((observation, met, shipped_junit))
    }

    async fn supervise(
        &self,
        attempt: &PreparedAttempt<'_>,
        started: StartedProgram,
        notes: Notes,
        stop: watch::Receiver<StopRequest>,
    ) -> Observation {
        let launch = &attempt.launch;
        let supervisor = Supervisor {
            process: started.process,
            output: started.output,
            tree: started.tree,
            limits: Limits {
                wall_clock: launch.timeout_ms,
                silence: launch.silence_ms,
                grace: launch.grace_ms,
            },
            stop,
            protocol_file: attempt.protocol_file(),
            lease: attempt.view.lease,
            link: self.link.clone(),
            notes,
        };
        supervisor.run().await
    }
}
