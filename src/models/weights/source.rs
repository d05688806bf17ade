//! The rule by which the weights of a test are chosen from those that are requested
//! (`docs/decisions/0026-one-rule-for-auto.md`).
//!
//! Promises: random weights are chosen only on request, or where the model is known to have none. A
//! reason not to load weights is an error, never a reason for others. The choice states its reason.

use crate::domain::weights::{is_commit, short_identity, without_query};
use crate::models::catalogue::{self, ModelConfig, Origin};
use crate::models::source::{
    Location, ModelSource, Published, PublishedModel, WeightsPath, WeightsRoot,
};
use crate::models::weights::formats::{PIPELINE_STEM, STEM, holds_weights, is_exported};
use crate::models::weights::graph::Graph;
use crate::models::weights::requested::{ModelVersion, Requested};
use crate::models::weights::search::{Found, Search, WITHOUT, exported};
use crate::text::error::ValueError;
use crate::text::source::is_json;
use serde::Serialize;
use std::fmt;

/// The chosen source of the weights of a test. The digest of a directory is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    Random,
    /// A directory or file at this absolute path of this machine. `shared`: workers have it, too.
    Folder {
        path: String,
        #[serde(skip)]
        shared: bool,
    },
    /// A published model at a commit.
    Hub {
        model: String,
        commit: String,
        #[serde(skip)]
        size_bytes: Option<u64>,
    },
    /// The model cache of the worker; if it does not have the model and `or_random` is true, random.
    Cache {
        model: String,
        revision: Option<String>,
        or_random: bool,
    },
    /// A directory or file of the workers.
    Path {
        path: String,
    },
    Url {
        address: String,
        sha256: String,
    },
}

/// A source, and the reason for it if the request alone is not the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub source: Source,
    pub reason: Option<String>,
    /// Whether the model cache of this machine has no weights, for a source that may be random.
    pub is_absent_here: bool,
    /// Packages that the library needs to load the weights of a directory.
    pub packages: Vec<&'static str>,
    /// The graph in the directory, if the model was exported for another runtime.
    pub graph: Option<Graph>,
}

/// The model whose weights are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Tested<'a> {
    pub model: &'a str,
    pub location: &'a Location,
    pub revision: Option<&'a str>,
    pub config: &'a ModelConfig,
    /// Random weights are refused.
    pub require: bool,
    /// Pickled weights may be loaded.
    pub allow_pickle: bool,
}

impl<'a> Tested<'a> {
    fn search(&self, stem: &'a str, models: &'a dyn ModelSource) -> Search<'a> {
        Search { stem, allow_pickle: self.allow_pickle, models }
    }
}

/// An error with the key of the plan that it belongs to.
pub type ChoiceError = (&'static str, ValueError);

impl Source {
    /// Whether the weights are random in any case.
    #[must_use]
    pub fn is_random(&self) -> bool {
        *self == Self::Random
    }

    /// Whether the weights may be random.
    #[must_use]
    pub fn may_be_random(&self) -> bool {
        matches!(self, Self::Random | Self::Cache { or_random: true, .. })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Folder { path, shared: false } => f.write_str(path),
            Self::Folder { path, shared: true } => write!(f, "{path}, which workers share"),
            Self::Hub { model, commit, .. } => {
                write!(f, "{model} on the hub{}", short_identity(&format!("@{commit}")))
            }
            Self::Cache { or_random: false, .. } => {
                f.write_str("from the model cache of the worker")
            }
            Self::Cache { .. } => {
                f.write_str("from the model cache of the worker; random if it does not have them")
            }
            Self::Path { path } => write!(f, "{path} on the worker"),
            Self::Url { address, .. } => f.write_str(without_query(address)),
        }
    }
}

impl Chosen {
    fn of(source: Source) -> Self {
        Self { source, reason: None, is_absent_here: false, packages: Vec::new(), graph: None }
    }

    fn of_directory(found: Found, shared: bool) -> Self {
        let Found { path, packages, graph } = found;
        Self { packages, graph, ..Self::of(Source::Folder { path, shared }) }
    }

    fn because(source: Source, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::of(source) }
    }

    /// Random weights, as requested.
    #[must_use]
    pub fn random() -> Self {
        Self::of(Source::Random)
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.reason) {
            (Source::Random, None) => f.write_str("random, as requested"),
            (source, None) => write!(f, "{source}"),
            (source, Some(reason)) => write!(f, "{source} ({reason})"),
        }
    }
}

/// Chooses the weights of a model.
///
/// # Errors
/// The requested weights cannot be used or do not exist, or would be random although weights are
/// required.
pub fn choose(
    requested: &Requested,
    tested: &Tested<'_>,
    models: &dyn ModelSource,
) -> Result<Chosen, ChoiceError> {
    let mut chosen = match requested {
        Requested::Random(_) => Chosen::random(),
        Requested::Auto | Requested::Hub(None) | Requested::Cached { version: None, .. } => {
            match tested.location {
                Location::Local(path) => of_directory(path, requested, tested, models)?,
                Location::Named => of_name(requested, tested, models)?,
            }
        }
        named => {
            let (part, stem) = part_and_stem(tested);
            independent(named, part, tested.search(stem, models))?
        }
    };
    if tested.require {
        required(&mut chosen, tested.model)?;
    }
    Ok(chosen)
}

/// Chooses the weights of a test whose model dtf does not know.
///
/// # Errors
/// The requested weights cannot be used or do not exist.
pub fn choose_alone(
    requested: &Requested,
    require: bool,
    models: &dyn ModelSource,
) -> Result<Chosen, ChoiceError> {
    let search = Search { stem: STEM, allow_pickle: true, models };
    let mut chosen = independent(requested, "", search)?;
    if require {
        required(&mut chosen, "the test")?;
    }
    Ok(chosen)
}

/// Refuses random weights.
fn required(chosen: &mut Chosen, model: &str) -> Result<(), ChoiceError> {
    match &mut chosen.source {
        Source::Random => {
            let reason = chosen.reason.as_deref().unwrap_or("as requested");
            let message = format!("{model} would have random weights ({reason})");
            let error = ValueError::new(message);
            Err((
                "weights",
                error.hint(
                    "--require-weights refuses them; name a source with --weights, \
                                        or leave the flag out",
                ),
            ))
        }
        Source::Cache { or_random, .. } => {
            *or_random = false;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A source that does not depend on the tested model.
fn independent(
    requested: &Requested,
    part: &str,
    search: Search<'_>,
) -> Result<Chosen, ChoiceError> {
    Ok(Chosen::of(match requested {
        Requested::Folder { path, shared } => {
            let at = WeightsPath { root: WeightsRoot::Given(path), part };
            let unusable = |error: ValueError| {
                let message = format!("the weights in {path} cannot be used: {}", error.message);
                ("weights", ValueError { message, ..error })
            };
            let Some(found) = search.run(at).map_err(unusable)? else {
                let error = ValueError::new(format!("{path} does not exist or has no weights"));
                return Err((
                    "weights",
                    error.hint(
                        "check the path, which is relative to the plan or, on the command line, to \
                         the current directory",
                    ),
                ));
            };
            return Ok(Chosen::of_directory(found, *shared));
        }
        Requested::Path(path) => Source::Path { path: path.clone() },
        Requested::Url { address, sha256 } => {
            Source::Url { address: address.clone(), sha256: sha256.clone() }
        }
        Requested::Hub(Some(version)) => on_hub(version, part, search.models)?,
        Requested::Cached { version: Some(version), or_random } => {
            let ModelVersion { model, revision } = version.clone();
            Source::Cache { model, revision, or_random: *or_random }
        }
        Requested::Random(_)
        | Requested::Auto
        | Requested::Hub(None)
        | Requested::Cached { version: None, .. } => Source::Random,
    }))
}

/// Component of a pipeline, and stem of the file names.
fn part_and_stem(tested: &Tested<'_>) -> (&'static str, &'static str) {
    let config = &tested.config.config;
    if !config.contains_key("_class_name") {
        return ("", STEM);
    }
    let part = ["unet", "transformer"].into_iter().find(|part| config.contains_key(*part));
    (part.unwrap_or_default(), PIPELINE_STEM)
}

/// The weights of a model that is a directory or a configuration.
fn of_directory(
    path: &str,
    requested: &Requested,
    tested: &Tested<'_>,
    models: &dyn ModelSource,
) -> Result<Chosen, ChoiceError> {
    let (part, stem) = part_and_stem(tested);
    let model = tested.model;
    let root = match path {
        // A file with another name than config.json is a configuration without weights.
        path if is_json(path) => match path.rsplit_once('/') {
            Some((directory, "config.json")) => Some(directory),
            None if path == "config.json" => Some(""),
            _ => None,
        },
        path => Some(path),
    };
    let directory = match root {
        Some(root) => {
            let at = WeightsPath { root: WeightsRoot::Plan(root), part };
            tested.search(stem, models).run(at).map_err(|error| {
                let message = format!("the weights of {model} cannot be used: {}", error.message);
                ("model", ValueError { message, ..error })
            })?
        }
        None => None,
    };
    match directory {
        Some(found) => Ok(Chosen::of_directory(found, false)),
        None if *requested == Requested::Auto => Ok(Chosen::because(Source::Random, BARE)),
        None => {
            let error = ValueError::new(format!("{model} has no weights beside its configuration"));
            let hint = format!("save them there with save_pretrained(), {WITHOUT}");
            Err(("weights", error.hint(hint)))
        }
    }
}

const BARE: &str = "there are no weights beside the configuration";

/// The weights of a model that is given by name.
fn of_name(
    requested: &Requested,
    tested: &Tested<'_>,
    models: &dyn ModelSource,
) -> Result<Chosen, ChoiceError> {
    let Tested { model, revision, config, .. } = *tested;
    if model.starts_with(catalogue::OWN) {
        if *requested == Requested::Auto {
            return Ok(Chosen::because(Source::Random, "it is a configuration of dtf"));
        }
        let message = format!("{model} is a configuration of dtf, which has no weights");
        return Err(("weights", ValueError::new(message).hint("use weights: random")));
    }
    let version = ModelVersion { model: model.to_owned(), revision: revision.map(str::to_owned) };
    match requested {
        Requested::Auto => automatic(&version, tested, models),
        Requested::Hub(_) => on_hub(&version, part_and_stem(tested).0, models).map(Chosen::of),
        _ => {
            let of_config = Some(&config.revision).filter(|_| config.origin == Origin::Cache);
            let revision = version.revision.or_else(|| of_config.cloned());
            Ok(Chosen::of(Source::Cache { model: version.model, revision, or_random: false }))
        }
    }
}

/// The rule for `auto`: the hub at the resolved commit, else the model cache, else random weights
/// where the model is known to have none, or for a configuration that dtf carries.
fn automatic(
    version: &ModelVersion,
    tested: &Tested<'_>,
    models: &dyn ModelSource,
) -> Result<Chosen, ChoiceError> {
    let part = part_and_stem(tested).0;
    let cached = |why: &str, is_none_known| in_cache(version, tested, why, is_none_known, models);
    let revision = version.revision.as_deref();
    match models.published(&version.model, revision) {
        Published::Known(known) if known.commit.is_empty() => {
            Ok(cached("the hub does not report the commit", false))
        }
        Published::Known(known) => match known.has_weights(&version.model, part) {
            Err(error) => Err(("model", error)),
            Ok(true) => Ok(Chosen::of(known.source(&version.model, part))),
            Ok(false) => Ok(cached("the hub has no weights of the model", true)),
        },
        Published::Absent(why) => Ok(cached(&why, true)),
        Published::Denied(error) => {
            let chosen = cached(&error.message, false);
            if chosen.is_absent_here { Err(("model", without(error))) } else { Ok(chosen) }
        }
        // The commit is known without the hub.
        Published::Unknown(_) if revision.is_some_and(is_commit) => {
            on_hub(version, part, models).map(Chosen::of)
        }
        Published::Unknown(why) => Ok(cached(&why, false)),
    }
}

/// The weights in the model cache, because of `why`. `is_none_known`: the hub has none.
fn in_cache(
    version: &ModelVersion,
    tested: &Tested<'_>,
    why: &str,
    is_none_known: bool,
    models: &dyn ModelSource,
) -> Chosen {
    let ModelVersion { model, revision } = version.clone();
    let (part, stem) = part_and_stem(tested);
    let root = WeightsRoot::Cache { model: &model, revision: revision.as_deref() };
    // Damaged weights are there: the test reports what is wrong with them.
    let is_here = {
        let at = WeightsPath { root, part };
        !matches!(tested.search(stem, models).run(at), Ok(None))
    };
    if is_here {
        let cached = models.cached_model(&model, revision.as_deref()).ok().flatten();
        let commit = cached.map(|cached| cached.revision).filter(|commit| !commit.is_empty());
        let revision = revision.filter(|_| commit.is_none()).or(commit);
        return Chosen::because(Source::Cache { model, revision, or_random: false }, why);
    }
    // A configuration that dtf carries may be tested without its weights, and a model without weights.
    let is_carried = revision.is_none() && catalogue::is_built_in(&model);
    let or_random = is_none_known || is_carried;
    let source = Source::Cache { model, revision, or_random };
    Chosen { is_absent_here: true, ..Chosen::because(source, why) }
}

/// A model at the commit that the hub reports.
fn on_hub(
    version: &ModelVersion,
    part: &str,
    models: &dyn ModelSource,
) -> Result<Source, ChoiceError> {
    let model = &version.model;
    let revision = version.revision.as_deref();
    let missing = |why: String| Err(("weights", without(ValueError::new(why))));
    match models.published(model, revision) {
        Published::Known(known) if known.commit.is_empty() => {
            missing(format!("the hub does not report the commit of {model}"))
        }
        Published::Known(known) => match known.has_weights(model, part) {
            Err(error) => Err(("weights", error)),
            Ok(true) => Ok(known.source(model, part)),
            Ok(false) => missing(format!("the hub has no weights of {model}")),
        },
        Published::Absent(why) => missing(why),
        Published::Denied(error) => Err(("weights", without(error))),
        Published::Unknown(why) => {
            if let Some(commit) = revision.filter(|revision| is_commit(revision)) {
                let (model, commit) = (model.clone(), commit.to_owned());
                return Ok(Source::Hub { model, commit, size_bytes: None });
            }
            let revision = revision.unwrap_or("the default revision");
            let message =
                format!("the commit of {revision} of {model} cannot be determined: {why}");
            let error = ValueError::new(message);
            let hint = "specify a commit, or use the model cache with weights: cached";
            Err(("weights", error.hint(hint)))
        }
    }
}

/// Adds the alternative of random weights to the hint.
fn without(error: ValueError) -> ValueError {
    let hint = match &error.hint {
        Some(hint) => format!("{hint}; {WITHOUT}"),
        None => WITHOUT.trim_start_matches("or ").to_owned(),
    };
    error.hint(hint)
}

impl PublishedModel {
    /// Whether the model has files with weights in this part. Unknown files count as weights: fetching
    /// them shows what is there.
    ///
    /// # Errors
    /// It has only files that were exported for other runtimes.
    fn has_weights(&self, model: &str, part: &str) -> Result<bool, ValueError> {
        let Some(files) = &self.files else { return Ok(true) };
        let weights: Vec<&String> = files.keys().filter(|name| is_weights(name, part)).collect();
        let has = |name: &str| files.contains_key(name);
        if !weights.is_empty() && weights.iter().all(|name| is_exported(name, has)) {
            let names: Vec<String> = weights.into_iter().cloned().collect();
            return Err(exported(model, &names));
        }
        Ok(!weights.is_empty())
    }

    fn source(&self, model: &str, part: &str) -> Source {
        let commit = self.commit.clone();
        Source::Hub { model: model.to_owned(), commit, size_bytes: self.size(part) }
    }

    /// Size of the weights: of the safetensors files if there are any, else of all.
    fn size(&self, part: &str) -> Option<u64> {
        let files = self.files.as_ref()?;
        let sum = |safe: bool| {
            let mut sizes = files
                .iter()
                .filter(|(name, _)| is_weights(name, part))
                .filter(|(name, _)| !safe || name.ends_with(".safetensors"))
                .map(|(_, size)| *size)
                .peekable();
            sizes.peek()?;
            sizes.sum::<Option<u64>>()
        };
        sum(true).or_else(|| sum(false))
    }
}

fn is_weights(name: &str, part: &str) -> bool {
    let inside = if part.is_empty() { Some(name) } else { name.strip_prefix(part) };
    inside.is_some_and(|name| holds_weights(name.trim_start_matches('/')))
}
