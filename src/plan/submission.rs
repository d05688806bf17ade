//! Turns a plan into tests: reads its files, generates the tests of its models, resolves
//! dependencies.

use crate::domain::launch;
use crate::domain::launch::{Environment, Input, Launch, MAX_LAUNCH_BYTES, Program};
use crate::domain::requirement::Requirement;
use crate::domain::test::{OnFailure, TestSpec};
use crate::domain::weights::Weights;
use crate::models::weights::WeightsNotes;
use crate::models::weights::source::choose_alone;
use crate::plan::document::{self, Plan};
use crate::plan::entry::Entry;
use crate::plan::files::gatherer::Gatherer;
use crate::plan::files::planned::PlannedFile;
use crate::plan::folders::PushedWeights;
use crate::plan::folders::{FolderUse, Folders};
use crate::plan::generate;
use crate::plan::generate::compare::Answering;
use crate::plan::needs;
use crate::plan::packages;
use crate::plan::resolve;
use crate::plan::sources::Sources;
use crate::text::error::{FieldError, FieldErrors, SourceError};
use serde_json::value::to_raw_value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Tests in order, and the files that must be stored before they are submitted.
#[derive(Debug, Clone)]
pub struct Submission {
    pub name: String,
    pub tests: Vec<Arc<TestSpec>>,
    /// Files with equal content occur once.
    pub files: Vec<PlannedFile>,
    /// Warnings about the tests.
    pub doubts: Vec<String>,
    /// Notes about the weights of models.
    pub weights_notes: WeightsNotes,
    /// Directories with weights whose manifests are known.
    pub weights: Vec<PushedWeights>,
    /// Directories with weights, by absolute path, that must be read before the tests are submitted: their
    /// tests have no weights yet.
    pub unread: BTreeMap<String, FolderUse>,
}

impl Plan {
    /// Reads the files and models of the plan and generates its tests.
    ///
    /// # Errors
    /// Missing files, unknown models, names that are used twice, and dependencies that do not exist
    /// or form a cycle, with lines and fields.
    pub fn into_submission(self, sources: &Sources) -> Result<Submission, SourceError> {
        let source = self.source.clone();
        let name = self.name.clone();
        let (entries, doubts, weights_notes) = self.entries(sources)?;
        let made = submission(name, &entries, sources);
        made.map(|made| Submission {
            doubts: [doubts, made.doubts].concat(),
            weights_notes,
            ..made
        })
        .map_err(|error| source.locate(error))
    }

    /// Every test of the plan, including those of its models, with warnings about these.
    fn entries(
        self,
        sources: &Sources,
    ) -> Result<(Vec<Entry>, Vec<String>, WeightsNotes), SourceError> {
        let mut entries = self.entries;
        let mut doubts = Vec::new();
        let mut notes = WeightsNotes::default();
        // Positions of tests that reserve more than the plan specifies.
        let mut raised = Vec::new();
        for (at, entry) in entries.iter_mut().enumerate() {
            let (settings, table) = (&mut entry.settings, sources.library.backends());
            if needs::learn_planned(&entry.name, settings, sources.history, table) {
                raised.push(at);
            }
        }
        let mut errors = FieldErrors::default();
        let pinned = packages::entries::pin(&mut entries, sources.pins);
        doubts.extend(errors.keep(pinned).flatten());
        for entry in &mut entries {
            let Some(requested) = &entry.requested_weights else { continue };
            let chosen = choose_alone(requested, self.require_weights, sources.models)
                .map_err(|(key, error)| error.at(&entry.path.key(key)));
            let Some(chosen) = errors.keep(chosen) else { continue };
            notes.add(entry.settings.labels.get("model").unwrap_or(&entry.name), &chosen);
            entry.weights = Some(chosen.source);
        }
        let mut answering = Answering::default();
        for model in &self.models {
            let made = generate::model_tests(model, sources).and_then(|mut made| {
                answering.connect(model, &mut made)?;
                Ok(made)
            });
            let made = made.and_then(|made| match &made.refusal {
                Some(error) => Err(error.clone()),
                None => Ok(made),
            });
            let Some(made) = errors.keep(made) else { continue };
            doubts.extend(made.doubts());
            for chosen in made.about.weights.values() {
                notes.add(&made.about.model, chosen);
            }
            for test in made.tests {
                if test.known.raised {
                    raised.push(entries.len());
                }
                entries.push(test.entry);
            }
            if errors.keep(document::check_count(entries.len(), &model.path)).is_none() {
                break;
            }
        }
        errors.end().map_err(|error| self.source.locate(error))?;
        doubts.extend(needs::note(raised.iter().map(|at| &*entries[*at].name)));
        Ok((entries, doubts, notes))
    }
}

/// Generates the tests of entries.
pub(super) fn submission(
    name: String,
    entries: &[Entry],
    sources: &Sources,
) -> Result<Submission, FieldError> {
    let mut errors = FieldErrors::default();
    let (dependencies, inputs) = resolve::resolve(entries, &mut errors);
    let mut gatherer = Gatherer::new(sources.files);
    let mut folders = Folders::new(sources);
    let mut requirements: HashMap<Requirement, Arc<Requirement>> = HashMap::new();
    let mut tests = Vec::with_capacity(entries.len());
    for ((entry, depends_on), inputs) in entries.iter().zip(dependencies).zip(inputs) {
        let table = sources.library.backends();
        if let Some(backend) = entry.settings.requires.backend {
            let path = entry.path.key("requires").key("backend");
            errors.keep(table.require(backend).map_err(|error| error.at(&path)));
        }
        if let Some(vendor) = entry.settings.requires.vendor {
            let path = entry.path.key("requires").key("vendor");
            errors.keep(table.require_vendor(vendor).map_err(|error| error.at(&path)));
        }
        let requirement = entry.settings.requires.requirement(table);
        let requirement = requirements
            .entry(requirement)
            .or_insert_with_key(|requirement| Arc::new(requirement.clone()));
        let weights = entry.weights.as_ref().and_then(|source| folders.weights(entry, source));
        let given = (depends_on, inputs, weights);
        let spec = spec(entry, given, requirement.clone(), &mut gatherer);
        tests.extend(errors.keep(spec).map(Arc::new));
        if errors.full() {
            break;
        }
    }
    errors.end()?;
    let doubts = gatherer.notes();
    let files = gatherer.finish();
    let (weights, unread) = folders.finish();
    let weights_notes = WeightsNotes::default();
    Ok(Submission { name, tests, files, doubts, weights_notes, weights, unread })
}

fn spec(
    entry: &Entry,
    (depends_on, inputs, weights): (Box<[u32]>, Vec<Input>, Option<Weights>),
    requirement: Arc<Requirement>,
    gatherer: &mut Gatherer,
) -> Result<TestSpec, FieldError> {
    let launch = launch(entry, inputs, weights, gatherer)?;
    let launch = to_raw_value(&launch)
        .map_err(|error| FieldError::new(&entry.path, format!("cannot be encoded: {error}")))?;
    if launch.get().len() > MAX_LAUNCH_BYTES {
        let message = format!(
            "command, files, environment and labels take {} bytes, at most {MAX_LAUNCH_BYTES}",
            launch.get().len()
        );
        return Err(FieldError::new(&entry.path, message).hint("move long texts into a file"));
    }
    let settings = &entry.settings;
    Ok(TestSpec {
        name: entry.name.as_str().into(),
        requirement,
        priority: settings.priority.unwrap_or_default(),
        retries: settings.retries,
        depends_on,
        on_failure: if settings.run_after_failure { OnFailure::Run } else { OnFailure::Skip },
        expected_ms: settings.expected,
        expire_after_ms: settings.expire_after,
        launch,
    })
}

fn launch(
    entry: &Entry,
    inputs: Vec<Input>,
    weights: Option<Weights>,
    gatherer: &mut Gatherer,
) -> Result<Launch, FieldError> {
    let settings = &entry.settings;
    let mut problems = FieldErrors::default();
    let (mut files, mut directories) = (Vec::new(), BTreeSet::new());
    if let Program::Script(script) = &entry.program {
        let file = match &entry.generated {
            Some(text) => Ok(gatherer.add(PlannedFile::new(script.clone(), Arc::clone(text)))),
            None => gatherer.file(script).map_err(|error| error.at(&entry.path.key("script"))),
        };
        files.extend(problems.keep(file));
    }
    for (at, pattern) in entry.files.iter().enumerate() {
        let matched = gatherer.matching(pattern);
        let matched = matched.map_err(|error| error.at(&entry.path.key("files").index(at)));
        if let Some(matched) = problems.keep(matched) {
            files.extend(matched.files);
            directories.extend(matched.directories);
        }
    }
    problems.end()?;
    files.sort();
    files.dedup_by(|a, b| a.path == b.path);
    let mut environment = settings.environment.clone().unwrap_or_default();
    if let Environment::Packages(packages) = &mut environment {
        let path = entry.path.key("environment").key("wheels");
        for (at, wheel) in settings.wheels.iter().enumerate() {
            let file = gatherer.file(wheel).map_err(|error| error.at(&path.index(at)))?;
            packages.wheels.push(file);
        }
    }
    let launch = Launch {
        run: entry.program.clone(),
        files,
        directories: directories.into_iter().collect(),
        environment,
        env: settings.env.clone(),
        isolation: settings.isolation.unwrap_or_default(),
        backend: settings.requires.backend,
        weights,
        timeout_ms: settings.timeout.unwrap_or_else(launch::default_timeout),
        silence_ms: settings.silence,
        grace_ms: settings.grace.unwrap_or_else(launch::default_grace),
        junit: entry.junit.clone(),
        artifacts: entry.artifacts.clone(),
        inputs,
        labels: settings.labels.clone(),
    };
    launch.check_submitted().map_err(|error| FieldError::new(&entry.path, error.to_string()))?;
    Ok(launch)
}
