//! Finds the configuration of a model: in a directory or file, at the commit of the hub whose weights
//! are tested, in the model cache of this machine, or among the configurations built into dtf.
//!
//! The hub is asked only if weights of the hub may be tested, or if no other source has the model
//! (`gather::hub`).

use crate::assets;
use crate::models::description::Description;
use crate::models::gguf;
use crate::models::identify;
use crate::models::interpret::{Interpreted, parse};
use crate::models::markers::Marker;
use crate::models::quantised::{self, Quantised};
use crate::models::source::{
    BaseModel, DirectoryEntries, Location, ModelSource, Published, PublishedModel, WeightsPath,
    WeightsRoot,
};
use crate::models::weights::formats::{
    ADAPTER_PACKAGES, GGUF, gguf_stem, is_shard, is_single_file,
};
use crate::text::error::{ReadError, ValueError};
use crate::text::node::shortened;
use crate::text::source::is_json;
use crate::text::suggest::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Prefix of dtf's own models, which are neither in a cache nor on the hub.
pub const OWN: &str = "dtf/";
/// Directory of the base model beside an adapter.
pub const BASE_DIRECTORY: &str = "base_model";

/// A configuration and its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    pub config: Map<String, Value>,
    /// Commit of the version; empty when unknown.
    pub revision: String,
    pub origin: Origin,
    pub marker: Option<Marker>,
    /// Quantisation of the published weights, if they are quantised.
    pub quantised: Option<Quantised>,
    /// Published number of parameters, if known.
    pub parameters: Option<u64>,
    /// Packages that the library needs to load the weights in this format.
    pub packages: &'static [&'static str],
}

/// The place where a configuration was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Local,
    Cache,
    BuiltIn,
    Hub,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    #[serde(rename = "schema")]
    _schema: u32,
    models: BTreeMap<String, IndexEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexEntry {
    file: String,
    aliases: Vec<String>,
    /// Published number of parameters.
    #[serde(default)]
    parameters: Option<u64>,
    #[serde(default)]
    library: Option<Library>,
    #[serde(rename = "source")]
    _source: String,
}

/// The library of a model whose configuration alone does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Library {
    SentenceTransformers,
}

/// A model whose configuration is built into dtf.
#[derive(Debug, Clone)]
struct BuiltInModel {
    file: String,
    library: Option<Library>,
    parameters: Option<u64>,
}

/// Built-in models by name and alias. A test checks that the index loads.
static INDEX: LazyLock<BTreeMap<String, BuiltInModel>> = LazyLock::new(|| {
    let index: Option<Index> = serde_yaml::from_str(assets::catalogue_index()).ok();
    let mut models = BTreeMap::new();
    for (name, entry) in index.map(|index| index.models).unwrap_or_default() {
        let IndexEntry { file, library, parameters, .. } = entry;
        let built_in = BuiltInModel { file, library, parameters };
        for alias in entry.aliases {
            models.insert(alias, built_in.clone());
        }
        models.insert(name, built_in);
    }
    models
});

/// Names and aliases of the built-in models.
pub fn names() -> impl Iterator<Item = &'static str> {
    INDEX.keys().map(String::as_str)
}

/// Finds the configuration of a model.
///
/// # Errors
/// The configuration is not available, or its file is missing, invalid or too large.
pub fn find(
    model: &str,
    location: &Location,
    revision: Option<&str>,
    models: &dyn ModelSource,
) -> Result<ModelConfig, ValueError> {
    match location {
        Location::Local(path) => local(path, models),
        Location::Named => named(model, revision, models),
    }
}

/// Whether dtf carries the configuration of a model.
#[must_use]
pub fn is_built_in(model: &str) -> bool {
    INDEX.contains_key(model)
}

/// Whether the hub is not needed for a model: the model cache has it in that revision, or has it
/// and cannot be read, or no revision is requested and the model is built in.
#[must_use]
pub fn is_known_without_hub(model: &str, revision: Option<&str>, models: &dyn ModelSource) -> bool {
    let built_in = revision.is_none() && INDEX.contains_key(model);
    built_in
        || match models.cached_model(model, revision) {
            Ok(Some(cached)) => cached.description.interpret(model).is_ok(),
            Ok(None) => false,
            Err(_) => true,
        }
}

fn local(path: &str, models: &dyn ModelSource) -> Result<ModelConfig, ValueError> {
    let description = if is_json(path) {
        let text = models.configuration_file(path).map_err(|error| {
            ValueError::new(format!("cannot read {path:?}: {error}"))
                .hint("the path is relative to the plan, and a model directory has a config.json")
        })?;
        Description::config(text)
    } else if let Some(file) = single_file(path, models)? {
        return of_file(path, &file, models);
    } else {
        models.model_directory(path).map_err(|error| {
            ValueError::new(format!("cannot read the directory {path:?}: {error}"))
                .hint("a model is a directory with a config.json, a config.json, or a GGUF file")
        })?
    };
    if let Some(base) = identify::base_of_adapter(&description) {
        return base_config(path, &base, models);
    }
    if let Some(name) = description.packed() {
        return packed_in(path, name, models);
    }
    model_config(&description, &format!("{path:?}"), String::new(), Origin::Local)
}

/// The absolute path of the file with weights that `path` names. `None` if it names something else.
fn single_file(path: &str, models: &dyn ModelSource) -> Result<Option<String>, ValueError> {
    if !is_single_file(path) {
        return Ok(None);
    }
    let found = models.directory(WeightsPath { root: WeightsRoot::Plan(path), part: "" });
    let found =
        found.and_then(|found| found.ok_or_else(|| ReadError("it does not exist".to_owned())));
    match found {
        Ok(found) => Ok(Some(found.path).filter(|_| found.is_file)),
        Err(error) => Err(ValueError::new(format!("cannot read {path:?}: {error}"))
            .hint("check the path, which is relative to the plan")),
    }
}

/// The configuration of a model that is the single file `path`.
fn of_file(path: &str, file: &str, models: &dyn ModelSource) -> Result<ModelConfig, ValueError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(stem) = gguf_stem(name) else {
        let place = file.rsplit_once(['/', '\\']).map_or(".", |(place, _)| place);
        let message = format!("{path:?} contains weights without the configuration of their model");
        return Err(ValueError::new(message).hint(format!(
            "test the directory {place}, with the config.json of the model beside the weights"
        )));
    };
    if is_shard(stem) {
        let message =
            format!("{path:?} is a part of a divided GGUF file, which transformers cannot load");
        return Err(ValueError::new(message)
            .hint("combine the parts with `llama-gguf-split --merge`, and test the result"));
    }
    packed_config(path, "the file", file, models)
}

/// The configuration of the base model of the adapter in `path`.
fn base_config(
    path: &str,
    base: &str,
    models: &dyn ModelSource,
) -> Result<ModelConfig, ValueError> {
    let at = WeightsPath { root: WeightsRoot::Plan(path), part: "" };
    let place = models.directory(at);
    let base_of = |place: Option<DirectoryEntries>| match place {
        Some(place) => models.base_model(&place.path),
        None => Ok(None),
    };
    let found = match place.and_then(base_of) {
        Ok(Some(BaseModel { description, .. })) => {
            model_config(&description, &format!("{base:?}"), String::new(), Origin::Local)
        }
        // Its architecture can be tested with random weights.
        Ok(_) => named(base, None, models),
        Err(error) => Err(ValueError::new(error.to_string())),
    };
    let of_adapter = |found: ModelConfig| ModelConfig {
        revision: String::new(),
        origin: Origin::Local,
        packages: ADAPTER_PACKAGES,
        ..found
    };
    found.map(of_adapter).map_err(|ValueError { message, .. }| {
        let message = format!("{path:?} is a PEFT adapter for {}: {message}", shortened(base));
        let next = "download its base model into the model cache, put it into the directory base_model \
                    beside the adapter, or test the directory of the merged model";
        ValueError { message, hint: Some(next.to_owned()) }
    })
}

/// The configuration in the only GGUF file of the directory `path`.
fn packed_in(path: &str, name: &str, models: &dyn ModelSource) -> Result<ModelConfig, ValueError> {
    let at = WeightsPath { root: WeightsRoot::Plan(path), part: "" };
    let directory = models.directory(at).and_then(|found| {
        found.ok_or_else(|| ReadError("the directory does not exist".to_owned()))
    });
    let directory = directory.map_err(|error| {
        ValueError::new(format!("cannot read {name} in the directory {path:?}: {error}"))
    })?;
    packed_config(path, &shortened(name), &format!("{}/{name}", directory.path), models)
}

/// The configuration in a GGUF file at the absolute path `file`, which messages about the model `path`
/// call `name`.
fn packed_config(
    path: &str,
    name: &str,
    file: &str,
    models: &dyn ModelSource,
) -> Result<ModelConfig, ValueError> {
    let head = models
        .first_bytes(file, gguf::MAX_HEAD_BYTES)
        .map_err(|error| ValueError::new(format!("cannot read {name} of {path:?}: {error}")))?;
    let config = match identify::identify_file(&head) {
        Some((what, next)) => Err((format!("is {what}"), next)),
        None => gguf::config(&head)
            .map_err(|fault| (fault, "test the model that it was converted from")),
    };
    let config = config.map_err(|(fault, next)| {
        ValueError::new(format!("{path:?} cannot be tested: {name} {fault}")).hint(next)
    })?;
    Ok(ModelConfig {
        config,
        revision: String::new(),
        origin: Origin::Local,
        marker: None,
        quantised: None,
        parameters: None,
        packages: GGUF,
    })
}

fn model_config(
    description: &Description,
    name: &str,
    revision: String,
    origin: Origin,
) -> Result<ModelConfig, ValueError> {
    let Interpreted { config, marker, quantised } = description.interpret(name)?;
    let packages = if description.is_packed() { GGUF } else { &[] };
    Ok(ModelConfig { config, revision, origin, marker, quantised, parameters: None, packages })
}

/// Finds a model by its name. An unusable directory in the cache is an error only if no other source
/// has the model.
fn named(
    model: &str,
    revision: Option<&str>,
    models: &dyn ModelSource,
) -> Result<ModelConfig, ValueError> {
    // dtf's own models are only built in.
    if model.starts_with(OWN) {
        return built_in(model).unwrap_or_else(|| Err(unknown(model, models)));
    }
    let published = models.published(model, revision);
    // The configuration of the commit whose weights are tested.
    if let Published::Known(PublishedModel { commit, description, .. }) = &published {
        if let Some(description) = description {
            return model_config(description, model, commit.clone(), Origin::Hub);
        }
        if let Ok(Some(cached)) = models.cached_model(model, Some(commit)) {
            return model_config(&cached.description, model, cached.revision, Origin::Cache);
        }
    }
    let cached = models.cached_model(model, revision).map_err(|error| {
        ValueError::new(format!("cannot read {model} in the model cache: {error}"))
            .hint("download it again, or remove it from the cache")
    })?;
    let in_cache = cached
        .map(|cached| model_config(&cached.description, model, cached.revision, Origin::Cache));
    // The cache may contain only a part, such as a tokenizer, while other sources have the model.
    let in_cache = match in_cache {
        Some(Ok(config)) => return Ok(config),
        Some(Err(error)) => Some(error),
        None => None,
    };
    if let Some(built_in) = built_in(model) {
        return built_in;
    }
    Err(match in_cache {
        Some(ValueError { message, hint }) => {
            ValueError { message: format!("{message} (in the model cache)"), hint }
        }
        None => match published {
            Published::Denied(error) => error,
            Published::Unknown(why) => {
                let ValueError { message, hint } = unknown(model, models);
                ValueError { message: format!("{message} ({why})"), hint }
            }
            _ => unknown(model, models),
        },
    })
}

/// The built-in configuration of a model, if there is one.
fn built_in(model: &str) -> Option<Result<ModelConfig, ValueError>> {
    let BuiltInModel { file, library, parameters } = INDEX.get(model)?;
    let text = assets::configuration(file)?;
    Some(parse(text.as_bytes(), model).map(|config| {
        let pipeline = config.get("_class_name").and_then(Value::as_str);
        let pipeline = pipeline.map(|class| Marker::Diffusers(class.to_owned()));
        let marker = match library {
            Some(Library::SentenceTransformers) => Some(Marker::SentenceTransformers),
            None => pipeline,
        };
        ModelConfig {
            quantised: quantised::find(&config, |_| None),
            config,
            revision: String::new(),
            origin: Origin::BuiltIn,
            marker,
            parameters: *parameters,
            packages: &[],
        }
    }))
}

/// The error for a model that no source has.
fn unknown(model: &str, models: &dyn ModelSource) -> ValueError {
    let error = ValueError::new(format!("no configuration found for {:?}", shortened(model)));
    let at = WeightsPath { root: WeightsRoot::Plan(model), part: "" };
    if let Ok(Some(_)) = models.directory(at) {
        let path = format!("./{}", shortened(model));
        return error.hint(format!("there is a directory of this name; did you mean {path:?}?"));
    }
    match nearest(model, names()) {
        Some(candidate) => error.hint(format!("did you mean {candidate:?}?")),
        None => error.hint(
            "download the model into the model cache, or specify a directory or \
             {config: path/to/config.json}",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::parameters;
    use crate::models::source::{KnownModel, NoModels};
    use crate::text::error::ReadError;

    #[test]
    fn every_built_in_configuration_is_found_by_name() {
        assert!(INDEX.len() > 100);
        for name in names() {
            let model = named(name, None, &NoModels).expect(name);
            assert_eq!(model.origin, Origin::BuiltIn);
            assert!(model.config.contains_key("model_type"), "{name}");
        }
    }

    #[test]
    fn counted_parameters_match_the_published_numbers() {
        let mut published = 0;
        for (name, built_in) in INDEX.iter().filter(|(name, _)| !name.starts_with("dtf/")) {
            let expected = built_in.parameters.expect(name);
            published += 1;
            // The Python tests check types without a formula.
            // The published numbers are those of the class that a test loads.
            let mut config = named(name, None, &NoModels).expect(name).config;
            config.remove("architectures");
            if let Some(count) = parameters::count(&config) {
                assert!(count.total.abs_diff(expected) * 50 <= expected, "{name}: {count:?}");
            }
        }
        assert!(published >= 60);
    }

    struct Cache;
    impl ModelSource for Cache {
        fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError> {
            match path {
                "m/config.json" | "m/c.json" => Ok(format!("{{\"from\": \"{path}\"}}").into()),
                other => Err(ReadError(other.into())),
            }
        }
        fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
            Ok(Description::config(self.configuration_file(&format!("{path}/config.json"))?))
        }
        fn cached_model(
            &self,
            model: &str,
            _: Option<&str>,
        ) -> Result<Option<KnownModel>, ReadError> {
            let text = match model {
                "broken/link" => return Err(ReadError("config.json is a broken link".into())),
                "gpt2" => "version https://git-lfs.github.com/spec/v1",
                _ => "{\"model_type\": \"x\"}",
            };
            let description = Description::config(text.into());
            Ok(Some(KnownModel { description, revision: "abc".into() }))
        }
    }

    #[test]
    fn sources_are_consulted_in_order() {
        let find = |model, location: &Location, models: &dyn ModelSource| {
            find(model, location, None, models)
        };
        let named = |model| find(model, &Location::Named, &Cache).expect("found");
        assert_eq!(named("bert-base-uncased").revision, "abc");
        assert_eq!(named("dtf/tiny-bert").origin, Origin::BuiltIn);
        let local = |path: &str| find("x", &Location::Local(path.into()), &Cache).expect("found");
        assert_eq!(local("m").config["from"], "m/config.json");
        assert_eq!(local("m/c.json").config["from"], "m/c.json");
        // A file that cannot be read is an error; an invalid cached file is passed over.
        let error = find("broken/link", &Location::Named, &Cache).expect_err("unreadable");
        assert!(error.message.contains("config.json is a broken link"), "{}", error.message);
        assert!(is_known_without_hub("broken/link", None, &Cache), "the hub is not asked instead");
        assert_eq!(named("gpt2").origin, Origin::BuiltIn);
        let error = find("bert-base-uncasd", &Location::Named, &NoModels).expect_err("unknown");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"bert-base-uncased\"?"));
    }
}
