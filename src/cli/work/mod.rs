//! The tests that a command is about: those of a plan, of models from the command line or of a
//! pytest suite, and the sources that they are made from.

pub mod folders;
pub mod library;
pub mod listed_weights;
pub mod plan_file;
pub mod warnings;

use crate::api::v1::history::HistoryQuery;
use crate::api::v1::workers::WorkerView;
use crate::cli::args::models::ModelArgs;
use crate::cli::args::shared::{RealWeights, Templates};
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::notices::TerminalNotices;
use crate::cli::work::plan_file::is_plan;
use crate::client::Client;
use crate::config::{File, Resolver, roles};
use crate::domain::accelerator::{Accelerator, Backend};
use crate::domain::weights::is_commit;
use crate::gather::PlanDirectory;
use crate::gather::hub::{self, Question};
use crate::gather::pytest::CollectedSuite;
use crate::models::catalogue;
use crate::models::source::Location;
use crate::models::weights::requested::{ModelVersion, Requested};
use crate::plan::document::Plan;
use crate::plan::history::{Exhausted, History, Past};
use crate::plan::model_entry::{BackendChoice, ModelEntry};
use crate::plan::packages::Pins;
use crate::plan::pytest::suite::{Item, Suite};
use crate::plan::request::{self, Generated, MAX_MODELS, Request, generate};
use crate::plan::sources::Sources;
use crate::plan::submission::Submission;
use crate::templates::library::Library;
use std::collections::BTreeSet;
use std::path::Path;

pub struct Work {
    what: What,
    directory: PlanDirectory,
    /// Back-ends with a device on some worker. `auto` means these and the CPU.
    pub accelerators: BTreeSet<Backend>,
    /// The workers of the coordinator, if one was asked.
    pub workers: Option<Vec<WorkerView>>,
    pub history: History,
    /// Packages that are pinned in every environment that is built for a test.
    pub pins: Pins,
    /// The tests run on this machine.
    pub in_place: bool,
    pub library: Library,
}

enum What {
    Plan(Plan),
    Models { name: String, models: Vec<ModelEntry> },
    Suite { suite: Box<Suite>, items: Vec<Item> },
}

impl Work {
    /// Reads a plan, or takes models; a plan is recognised by its file name.
    pub fn of(what: &[String], models: &ModelArgs) -> Result<Self, CliError> {
        match what {
            [one] if is_plan(Path::new(one)) => Self::plan(Path::new(one)),
            several => match several.iter().find(|what| is_plan(Path::new(what))) {
                Some(plan) => Err(CliError::usage(format!(
                    "{plan} is a plan; a plan must be the only argument"
                ))),
                None => Self::models(several, models),
            },
        }
    }

    pub fn plan(path: &Path) -> Result<Self, CliError> {
        Ok(Self::new(What::Plan(plan_file::read_plan(path)?), PlanDirectory::of(path)))
    }

    pub fn models(models: &[String], args: &ModelArgs) -> Result<Self, CliError> {
        let mut directory = PlanDirectory::new(Path::new("."));
        let given: Vec<String> = models.iter().chain(&args.compare).cloned().collect();
        let mut adopted = directory.adopt(&given).map_err(CliError::usage)?;
        let compare = args.compare.as_ref().and_then(|_| adopted.pop());
        let request = Request {
            models: adopted,
            compare,
            backends: args.hw.clone(),
            batch: args.batch.clone(),
            sequence_length: args.sequence_length.clone(),
            image_size: args.image_size.clone(),
            dtype: args.dtype.clone(),
            attention: args.attention.clone(),
            runtime: args.runtime.clone(),
            weights: args.weights.clone(),
            allow_pickle: args.allow_pickle,
            trust_remote_code: args.trust_remote_code,
            family: args.family.clone(),
            revision: args.revision.clone(),
            parameters: args.parameters.clone(),
            exclude: args.exclude.iter().map(|rule| rule.0.clone()).collect(),
            include: args.include.iter().map(|rule| rule.0.clone()).collect(),
        };
        let models = request.models()?;
        let name = match models.as_slice() {
            [one] => one.prefix.clone(),
            [first, rest @ ..] => format!("{} and {} more", first.prefix, rest.len()),
            [] => "models".to_owned(),
        };
        Ok(Self::new(What::Models { name, models }, directory))
    }

    /// Takes a pytest suite that was collected below `base`.
    pub fn suite(collected: CollectedSuite) -> Self {
        let CollectedSuite { suite, items, base } = collected;
        Self::new(What::Suite { suite: Box::new(suite), items }, PlanDirectory::new(&base))
    }

    /// The root directory of the pytest suite, if the tests are from one.
    pub fn suite_root(&self) -> Option<&Path> {
        matches!(self.what, What::Suite { .. }).then(|| self.directory.root())
    }

    /// No tests, for commands that need only the library and the hardware.
    pub fn nothing() -> Self {
        let models = Vec::new();
        Self::new(What::Models { name: String::new(), models }, PlanDirectory::new(Path::new(".")))
    }

    fn new(what: What, directory: PlanDirectory) -> Self {
        Self {
            what,
            directory,
            accelerators: BTreeSet::new(),
            workers: None,
            history: History::default(),
            pins: Pins::default(),
            in_place: false,
            library: Library::built_in(),
        }
    }

    fn entries(&self) -> &[ModelEntry] {
        match &self.what {
            What::Plan(plan) => plan.models(),
            What::Models { models, .. } => models,
            What::Suite { .. } => &[],
        }
    }

    /// Checks a plan of plain tests for mistakes, which needs no coordinator.
    pub fn check_alone(&self) -> Result<(), CliError> {
        if self.entries().is_empty() {
            self.submission()?;
        }
        Ok(())
    }

    /// Refuses random weights, if the flag is given.
    pub fn apply(&mut self, real: RealWeights) {
        match &mut self.what {
            _ if !real.require_weights => {}
            What::Plan(plan) => plan.require_weights(),
            What::Models { models, .. } => {
                for model in models.iter_mut() {
                    model.require_weights = true;
                }
            }
            What::Suite { .. } => {}
        }
    }

    /// The questions to the model hub: which commits have the weights that may be tested, and the
    /// descriptions of models that no other source has.
    fn questions(&self) -> BTreeSet<Question> {
        let mut questions = BTreeSet::new();
        let mut ask = |version: &ModelVersion, describe| {
            questions.insert(Question { version: version.clone(), describe });
        };
        for entry in self.entries() {
            let requested = entry.requested_weights();
            for requested in &requested {
                if let Requested::Hub(Some(version)) = requested {
                    ask(version, false);
                }
            }
            if entry.location == Location::Named && !entry.model.starts_with(catalogue::OWN) {
                let ModelEntry { model, revision, .. } = entry;
                let is_known =
                    || catalogue::is_known_without_hub(model, revision.as_deref(), &self.directory);
                if requested.iter().any(Requested::asks_hub) || !is_known() {
                    let version = ModelVersion { model: model.clone(), revision: revision.clone() };
                    ask(&version, true);
                }
            }
        }
        if let What::Plan(plan) = &self.what {
            for requested in plan.requested_weights() {
                if let Requested::Hub(Some(version)) = requested {
                    ask(version, false);
                }
            }
        }
        // A commit is its own answer, and what the model cache has needs no hub.
        questions.retain(|Question { version: ModelVersion { model, revision }, describe }| {
            let is_pinned = revision.as_deref().is_some_and(is_commit);
            let is_known =
                || catalogue::is_known_without_hub(model, revision.as_deref(), &self.directory);
            !(is_pinned && (!describe || is_known()))
        });
        questions
    }

    /// Asks the model hub about the models of the tests.
    pub async fn ask_hub(
        &mut self,
        console: Console,
        file: &File,
        offline: Option<bool>,
    ) -> Result<(), CliError> {
        let offline = roles::offline(offline, &mut Resolver::new(file));
        let offline = offline.then(|| "offline, as the settings specify".to_owned());
        let questions = self.questions();
        let notices = TerminalNotices::new(console);
        self.directory.published = hub::ask(&notices, &self.directory, questions, offline).await;
        Ok(())
    }

    /// Asks the coordinator for workers, templates and history. The user's templates override those of
    /// the coordinator.
    pub async fn ask_coordinator(
        &mut self,
        console: Console,
        client: &Client,
        file: &File,
        templates: &Templates,
    ) -> Result<(), CliError> {
        let workers = client.workers().await?.items;
        let devices = workers.iter().flat_map(|worker| &worker.capability.accelerators);
        self.accelerators = devices.flat_map(Accelerator::offered).collect();
        self.workers = Some(workers);
        let (added, _) = library::added(client).await?;
        self.library = library::library(console, file, templates, added)?;
        self.ask_history(client).await
    }

    /// Asks the coordinator for the results of earlier tests of these models.
    pub async fn ask_history(&mut self, client: &Client) -> Result<(), CliError> {
        let mut history = History::default();
        for model in self.tested_models() {
            let view = client.history(&HistoryQuery { model: model.to_owned() }).await?;
            history.tests.extend(view.tests.into_iter().map(|test| {
                let past = Past {
                    ended: test.ended,
                    failed: test.failed,
                    flaky: test.flaky,
                    median_ms: test.median_ms,
                    peak_bytes: test.peak_memory_bytes,
                    peak_device_bytes: test.peak_device_memory_bytes,
                };
                (test.name, past)
            }));
            history.exhausted.extend(view.out_of_memory.into_iter().map(|attempt| Exhausted {
                labels: attempt.labels,
                bytes: attempt.memory_bytes,
                device_bytes: attempt.device_memory_bytes,
            }));
        }
        self.history = history;
        Ok(())
    }

    /// Models whose tests are generated now, or were generated into the plan before.
    fn tested_models(&self) -> BTreeSet<&str> {
        let generated = self.entries().iter().map(|entry| entry.model.as_str());
        let written = match &self.what {
            What::Plan(plan) => Some(plan.labelled_models()),
            _ => None,
        };
        let mut models = BTreeSet::new();
        for model in generated.chain(written.into_iter().flatten()) {
            if models.len() < MAX_MODELS {
                models.insert(model);
            }
        }
        models
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            files: &self.directory,
            models: &self.directory,
            accelerators: &self.accelerators,
            library: &self.library,
            history: &self.history,
            pins: &self.pins,
            in_place: self.in_place,
        }
    }

    /// Whether the tests depend on the detected devices, as with `auto`.
    pub fn chooses_back_ends(&self) -> bool {
        self.entries().iter().any(|entry| entry.backends.contains(&BackendChoice::Auto))
    }

    /// The tests with the weights of directories, whose files are read.
    pub async fn submission_with_weights(
        &mut self,
        console: Console,
    ) -> Result<Submission, CliError> {
        let submission = self.submission()?;
        if submission.unread.is_empty() {
            return Ok(submission);
        }
        let manifests = folders::read(console, &submission.unread).await?;
        self.directory.manifests.extend(manifests);
        self.submission()
    }

    /// The generated tests with the weights of directories, whose files are read.
    pub async fn generated_with_weights(
        &mut self,
        console: Console,
    ) -> Result<Generated, CliError> {
        let made = self.generated()?;
        if made.submission.unread.is_empty() {
            return Ok(made);
        }
        let manifests = folders::read(console, &made.submission.unread).await?;
        self.directory.manifests.extend(manifests);
        self.generated()
    }

    /// The tests. Those with weights in directories have them only after
    /// [`Self::submission_with_weights`].
    pub fn submission(&self) -> Result<Submission, CliError> {
        match &self.what {
            What::Plan(plan) => Ok(plan.clone().into_submission(&self.sources())?),
            _ => Ok(self.generated()?.runnable()?.submission),
        }
    }

    /// Generates the tests of models or of a suite, with estimates and history.
    pub fn generated(&self) -> Result<Generated, CliError> {
        match &self.what {
            What::Models { name, models } => Ok(generate(name, models, &self.sources())?),
            What::Suite { suite, items } => Ok(request::suite(suite, items, &self.sources())?),
            What::Plan(_) => {
                Err(CliError::usage("cannot generate tests from a plan: submit it or run it"))
            }
        }
    }
}
