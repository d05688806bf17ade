//! Proof that the packages of an environment find the devices of this worker: a Python probe for
//! each device, with exactly the variables that a test on it gets.
//!
//! Job: what earlier probes reported is applied before the registration, which starts no interpreter.
//! Then, beside the session, the environments that are built already are asked one after the other, and
//! later each one that a test uses for the first time. A proof raises or lowers the back-ends of a
//! device, and adds back-ends without a device, such as `openvino`, that work.
//!
//! The proofs are a part of the worker's [`Offer`], which the session reports when it changes.
//!
//! Limits: [`MAX_RECALLED`] environments are remembered and [`MAX_ASKED`] asked, the newest first; those
//! in `probe`. Promises: answers are kept for the same packages, device and driver (`store`), so a second
//! start asks nothing. Nothing waits for a probe, except on a quiet machine: there, a probe waits until no
//! test runs, and a test until no probe does.

use crate::backends::Table;
use crate::domain::accelerator::{Accelerator, Backend};
use crate::worker::calibration::Calibrations;
use crate::worker::calibration::devices::{Runtime, Runtimes};
use crate::worker::environments::{Environments, PythonEnvironment};
use crate::worker::offer::Offer;
use crate::worker::proofs::findings::{Answer, Claim, Findings};
use crate::worker::proofs::store::Store;
use crate::worker::variables::{InheritedVariables, Variables, pin};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

pub mod findings;
mod probe;
mod store;

/// Maximum number of environments whose earlier answers are used.
pub const MAX_RECALLED: usize = 200;
/// Maximum number of environments that are asked at the start.
pub const MAX_ASKED: usize = 8;
/// Maximum number of environments that wait for their probe. Further ones are not asked.
const MAX_WAITING: usize = 64;

/// The place and the variables of probes.
#[derive(Clone)]
pub struct Place {
    /// Existing directory in which they run, and which is their home.
    pub cwd: PathBuf,
    /// Beginning of the marker of the processes of this worker.
    pub marker: String,
    pub inherited: InheritedVariables,
}

/// Asks environments which back-ends they find.
pub struct Prover {
    table: Arc<Table>,
    offer: Arc<Offer>,
    place: Place,
    store: Store,
    findings: Findings,
    /// The environments that have found a device, which can calibrate it.
    runtimes: Runtimes,
    /// None before the session, while no test can run.
    quiet: Option<Quiet>,
}

/// The work that must not run beside a probe.
#[derive(Clone)]
pub struct Quiet {
    pub calibrations: Calibrations,
    /// No test may run beside a probe.
    pub is_alone: bool,
}

/// The environments that tests use, for the prover.
#[derive(Clone)]
pub struct UsedEnvironments(mpsc::Sender<Arc<PythonEnvironment>>);

impl UsedEnvironments {
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Arc<PythonEnvironment>>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self(sender), receiver)
    }

    /// A test uses an environment.
    pub fn note(&self, environment: &Arc<PythonEnvironment>) {
        if self.0.try_send(environment.clone()).is_err() {
            tracing::debug!("an environment is not asked for its devices");
        }
    }
}

/// The back-ends that are asked for with the variables of one device, or without a device.
struct Question<'a> {
    device: Option<&'a Accelerator>,
    backends: Vec<Backend>,
}

impl Prover {
    #[must_use]
    pub fn new(
        table: Arc<Table>,
        offer: Arc<Offer>,
        environments: &Environments,
        place: Place,
    ) -> Self {
        let store = Store::open(environments.directory());
        let (findings, runtimes) = (Findings::default(), Runtimes::default());
        Self { table, offer, place, store, findings, runtimes, quiet: None }
    }

    /// The environments that have found devices, also those that will.
    #[must_use]
    pub fn runtimes(&self) -> Runtimes {
        self.runtimes.clone()
    }

    /// Adds what is proven or refuted so far to the offer.
    pub fn announce(&self) {
        let (findings, table) = (self.findings.clone(), self.table.clone());
        self.offer.proven(move |capability| findings.apply(&table, capability));
    }

    /// Uses the answers of earlier probes. Nothing is asked.
    pub async fn recall(&mut self, environments: &Environments) {
        let detected = self.offer.last_detected();
        let questions = questions(&self.table, &detected.accelerators);
        for environment in environments.on_disk(MAX_RECALLED).await {
            for claim in questions.iter().flat_map(Question::claims) {
                let known =
                    key(&self.table, &environment, &claim).and_then(|key| self.store.get(&key));
                if let Some(answer) = known.cloned() {
                    self.learn(&environment, claim, &answer, false);
                }
            }
        }
    }

    /// Adds an answer to the findings. An environment whose torch finds a device can calibrate it.
    fn learn(
        &mut self,
        environment: &PythonEnvironment,
        claim: Claim,
        answer: &Answer,
        tests_use_it: bool,
    ) {
        let detected = self.offer.last_detected();
        let is_own =
            |device: &&Accelerator| claim.device.as_ref().is_some_and(|(id, _)| *id == device.id());
        let device = detected.accelerators.iter().find(is_own);
        let entry = self.table.get(claim.backend).filter(|entry| entry.runtime.is_none());
        if let (Answer::Found { .. }, Some(device), Some(entry)) = (answer, device, entry) {
            let runtime = || Runtime {
                python: environment.python.clone(),
                hooks: entry.hooks(),
                cwd: self.place.cwd.clone(),
                env: self.variables(Some(device)),
                marker: self.place.marker.clone(),
            };
            self.runtimes.add(&device.id(), runtime);
        }
        self.findings.add(claim, answer, tests_use_it);
    }

    /// The variables of a test on a device.
    fn variables(&self, device: Option<&Accelerator>) -> Variables {
        let mut env = self.place.inherited.for_attempt(&self.place.cwd, 1);
        pin(&mut env, &self.table, device.as_slice());
        env
    }

    /// Asks the environments that are built, then those that tests use. The offer changes after each.
    pub async fn run(
        mut self,
        environments: Arc<Environments>,
        mut used: mpsc::Receiver<Arc<PythonEnvironment>>,
        quiet: Quiet,
    ) {
        self.quiet = Some(quiet);
        for (environment, tests_use_it) in environments.built(MAX_ASKED).await {
            self.prove(&environment, tests_use_it).await;
            self.announce();
        }
        let mut asked: Vec<PathBuf> = Vec::new();
        while let Some(environment) = used.recv().await {
            if !asked.contains(&environment.python) {
                asked.push(environment.python.clone());
                self.prove(&environment, true).await;
                self.announce();
            }
        }
    }

    /// Asks one environment about everything that is not yet proven, and about devices that the environment
    /// that found them cannot measure. Returns the answers.
    pub async fn prove(
        &mut self,
        environment: &PythonEnvironment,
        tests_use_it: bool,
    ) -> Vec<(Claim, Answer)> {
        let detected = self.offer.last_detected();
        let mut all = Vec::new();
        for question in questions(&self.table, &detected.accelerators) {
            let cannot_measure =
                question.device.is_some_and(|device| self.runtimes.has_failed(&device.id()));
            let is_asked = |claim: &Claim| cannot_measure || !self.findings.is_proven(claim);
            let claims: Vec<Claim> = question.claims().filter(is_asked).collect();
            let answers = self.answers(environment, question.device, claims).await;
            for (claim, answer) in &answers {
                let python = environment.python.display();
                tracing::debug!(?claim, ?answer, %python, "a runtime answered");
                self.learn(environment, claim.clone(), answer, tests_use_it);
            }
            all.extend(answers);
        }
        all
    }

    /// Asks an environment that tests use for a back-end.
    ///
    /// # Errors
    /// The reason why no environment that was asked so far has it.
    pub async fn prove_backend(
        &mut self,
        environment: &PythonEnvironment,
        backend: Backend,
    ) -> Result<(), String> {
        let answers = self.prove(environment, true).await;
        if self.findings.has_proven(backend) {
            return Ok(());
        }
        let mut own = answers.iter().filter(|(claim, _)| claim.backend == backend);
        let reason = own.find_map(|(_, answer)| answer.reason());
        Err(reason.unwrap_or("the environment was not asked, or did not answer").to_owned())
    }

    async fn answers(
        &mut self,
        environment: &PythonEnvironment,
        device: Option<&Accelerator>,
        claims: Vec<Claim>,
    ) -> Vec<(Claim, Answer)> {
        let mut answers = Vec::new();
        let mut asked: BTreeMap<Backend, (String, Claim)> = BTreeMap::new();
        let mut hooks: Map<String, Value> = Map::new();
        for claim in claims {
            let Some(key) = key(&self.table, environment, &claim) else { continue };
            let Some(entry) = self.table.get(claim.backend) else { continue };
            if let Some(known) = self.store.get(&key) {
                answers.push((claim, known.clone()));
            } else {
                hooks.insert(claim.backend.name().to_owned(), Value::Object(entry.hooks()));
                asked.insert(claim.backend, (key, claim));
            }
        }
        if asked.is_empty() {
            return answers;
        }
        let _beside = match &self.quiet {
            Some(quiet) => Some(quiet.calibrations.probe_runs(quiet.is_alone).await),
            None => None,
        };
        let env = self.variables(device);
        let Place { cwd, marker, .. } = &self.place;
        match probe::ask(&environment.python, &hooks, cwd, env, marker).await {
            Ok(given) => {
                let new = given.into_iter().filter_map(|(backend, answer)| {
                    let (key, claim) = asked.remove(&backend)?;
                    Some((key, claim, answer))
                });
                let new: Vec<_> = new.collect();
                self.store.keep(new.iter().map(|(key, _, answer)| (key.clone(), answer.clone())));
                answers.extend(new.into_iter().map(|(_, claim, answer)| (claim, answer)));
            }
            Err(reason) => {
                let python = environment.python.display();
                tracing::warn!(%python, reason, "cannot ask an environment for its devices");
            }
        }
        answers
    }
}

/// The key of an answer in the store; None for an unknown back-end.
fn key(table: &Table, environment: &PythonEnvironment, claim: &Claim) -> Option<String> {
    let hooks = table.get(claim.backend)?.hooks();
    Some(store::key(environment, &hooks, claim, probe::PROBE))
}

/// The kept answers of the environments in a directory about these devices, the newest environment first.
/// Nothing is asked.
#[must_use]
pub fn kept(
    table: &Table,
    devices: &[Accelerator],
    directory: &Path,
) -> Vec<(PathBuf, Claim, Answer)> {
    let store = Store::open(directory);
    let questions = questions(table, devices);
    let mut all = Vec::new();
    for environment in Environments::in_directory(directory, MAX_RECALLED) {
        for claim in questions.iter().flat_map(Question::claims) {
            let answer = key(table, &environment, &claim).and_then(|key| store.get(&key).cloned());
            all.extend(answer.map(|answer| (environment.python.clone(), claim, answer)));
        }
    }
    all
}

impl Question<'_> {
    fn claims(&self) -> impl Iterator<Item = Claim> {
        self.backends.iter().map(|backend| match self.device {
            Some(device) => Claim::on(device, *backend),
            None => Claim::without_device(*backend),
        })
    }
}

/// The back-ends of each device, and those that hold none.
fn questions<'a>(table: &Table, devices: &'a [Accelerator]) -> Vec<Question<'a>> {
    let is_asked = |backend: &Backend| {
        table.get(*backend).is_some_and(|entry| entry.python.is_some() || entry.runtime.is_some())
    };
    let of_devices = devices.iter().map(|device| {
        let needs = |backend: &Backend| table.needs_device(*backend) && is_asked(backend);
        let backends = device.backends.keys().copied().filter(needs).collect();
        Question { device: Some(device), backends }
    });
    let without = table.entries().map(|(backend, _)| backend);
    let without = without.filter(|backend| {
        *backend != Backend::CPU && !table.needs_device(*backend) && is_asked(backend)
    });
    let without = Question { device: None, backends: without.collect() };
    of_devices.chain([without]).filter(|question| !question.backends.is_empty()).collect()
}
