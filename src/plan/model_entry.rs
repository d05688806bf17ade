//! Reads one entry under `models`: a model with the back-ends and shapes to test.
//!
//! Only the plan is read here; [`crate::plan::generate`] looks up configuration, family and
//! template. Limits: [`MAX_MODEL_BYTES`] per name, [`MAX_SHAPES`] values per shape. Promise: all
//! errors of an entry are reported together.

use crate::domain::accelerator::Backend;
use crate::models::source::Location;
use crate::models::weights::formats::{gguf_stem, is_single_file};
use crate::models::weights::requested::{Requested, check_revision};
use crate::plan::entry::check_name;
use crate::plan::files::path::normalise;
use crate::plan::generate::bounds;
use crate::plan::keys::with_synonyms;
use crate::plan::packages::{self, PACKAGES, Pins};
use crate::plan::settings::{self, SHARED_KEYS, Settings};
use crate::plan::weights;
use crate::templates::quality::Bound;
use crate::text::error::{FieldError, FieldErrors, ValueError};
use crate::text::fields::{Fields, text, truth, whole};
use crate::text::locate::Path;
use crate::text::node::{Node, shortened};
use crate::text::source::is_json;
use crate::text::suggest::did_you_mean;
use std::collections::BTreeSet;

/// Maximum length of the name of a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 200;
/// Maximum number of values of one shape.
pub const MAX_SHAPES: usize = 1000;
/// Maximum batch, length of a text in tokens, and edge of an image in pixels.
const MAX_BATCH: i64 = 1 << 20;
const MAX_LENGTH: i64 = 1 << 24;
const MAX_IMAGE: i64 = 1 << 15;

const OWN_KEYS: [&str; 20] = [
    "model",
    "name",
    "family",
    "revision",
    "backends",
    "batch",
    "sequence_length",
    "image_size",
    "dtype",
    "attention",
    "runtime",
    "weights",
    PACKAGES,
    ALLOW_PICKLE,
    TRUST_REMOTE_CODE,
    "parameters",
    "quality",
    "compare",
    "exclude",
    "include",
];
/// Keys whose lists are multiplied, in the order in which test names show them.
const SHAPES: [&str; 8] =
    ["batch", "sequence_length", "image_size", "dtype", "attention", "runtime", WEIGHTS, PACKAGES];
/// The shape with the requested weights.
const WEIGHTS: &str = "weights";
/// Accepted spellings of precisions, each with dtf's spelling.
const DTYPES: [(&str, &str); 6] = [
    ("fp32", "fp32"),
    ("fp16", "fp16"),
    ("bf16", "bf16"),
    ("float32", "fp32"),
    ("float16", "fp16"),
    ("bfloat16", "bf16"),
];

/// Implementations of attention; `default` is that of the model.
const ATTENTIONS: [&str; 4] = ["default", "eager", "sdpa", "flash_attention_2"];
/// Whether pickled weights are loaded, and whether code in the directory of the model is run. They
/// are parameters of every template.
pub const ALLOW_PICKLE: &str = "allow_pickle";
pub const TRUST_REMOTE_CODE: &str = "trust_remote_code";
/// Libraries that run the model.
const RUNTIMES: [&str; 3] = ["torch", "onnxruntime", "openvino"];

/// A value of `backends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendChoice {
    /// The CPU, and each accelerator back-end that a known worker has.
    Auto,
    One(Backend),
}

/// Part of an entry in the comparison of two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    None,
    /// Its reference hands on answers.
    Answers,
    /// Its tests compare theirs with the answers of the entry before.
    Compares,
}

/// One entry under `models`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelEntry {
    pub path: Path,
    /// Name of the model in the spelling of the plan. A local model is `./directory`, so that a
    /// library which loads weights from there never interprets it as the name of a published model.
    pub model: String,
    pub location: Location,
    /// Prefix of the test names.
    pub prefix: String,
    /// Whether the plan specifies the prefix.
    pub is_named: bool,
    pub family: Option<String>,
    pub revision: Option<String>,
    pub backends: Vec<BackendChoice>,
    /// Values of each given shape, in the order in which test names show them.
    pub shapes: Vec<(&'static str, Vec<Node>)>,
    pub parameters: Vec<(String, Node)>,
    /// Bounds of the numbers that real weights have.
    pub quality: Vec<(String, Bound)>,
    pub exclude: Option<Node>,
    pub include: Option<Node>,
    pub settings: Settings,
    /// Shapes that the family does not have are ignored instead of refused.
    pub lenient: bool,
    pub comparison: Comparison,
    /// Random weights are refused.
    pub require_weights: bool,
}

impl ModelEntry {
    /// Whether the entry allows one of the risks that are refused by default: [`ALLOW_PICKLE`] or
    /// [`TRUST_REMOTE_CODE`].
    #[must_use]
    pub fn allows(&self, risk: &str) -> bool {
        self.parameters.iter().any(|(name, value)| name == risk && *value == Node::Bool(true))
    }

    /// The weights that its tests request.
    #[must_use]
    pub fn requested_weights(&self) -> BTreeSet<Requested> {
        let axis = self.shapes.iter().filter(|(name, _)| *name == WEIGHTS);
        let mut values: Vec<&Node> = axis.flat_map(|(_, values)| values).collect();
        if let Some(Node::List(items)) = &self.include {
            values.extend(items.iter().filter_map(|item| item.get(WEIGHTS)));
        }
        let texts = values.iter().filter_map(|value| value.scalar());
        let mut requested: BTreeSet<Requested> =
            texts.filter_map(|text| text.parse().ok()).collect();
        if requested.is_empty() {
            requested.insert(Requested::Auto);
        }
        requested
    }

    /// Whether a shape has several values, so that test names must show it.
    pub(super) fn lists(&self, shape: &str) -> bool {
        self.shapes.iter().any(|(name, values)| *name == shape && values.len() > 1)
    }
}

/// Every key of an entry under `models`.
#[must_use]
pub fn keys() -> Vec<&'static str> {
    OWN_KEYS.iter().chain(&SHARED_KEYS).copied().collect()
}

/// Reads an entry.
///
/// # Errors
/// All errors of the entry.
pub fn read(node: &Node, path: &Path) -> Result<ModelEntry, FieldError> {
    let mut errors = FieldErrors::default();
    let entry = read_on(node, path, &mut errors);
    errors.end()?;
    entry.ok_or_else(|| FieldError::new(path, "not an entry"))
}

/// Reads an entry and notes its errors. `None` if it has no valid model.
fn read_on(node: &Node, path: &Path, errors: &mut FieldErrors) -> Option<ModelEntry> {
    let fields = Fields::open(node, path, with_synonyms(&keys()), errors)?;
    let model = errors.keep(read_model(&fields));
    let named = errors.keep(fields.optional("name", text)).flatten();
    let is_named = named.is_some();
    let plain = || model.as_ref().map(|(model, _)| plain_name(model));
    let prefix = named.or_else(plain).unwrap_or_default();
    if model.is_some() {
        errors.keep(check_name(&prefix, &path.key("name")));
    }
    let settings = errors.keep(Settings::read(&fields)).unwrap_or_default();
    if settings.requires.backend.is_some() {
        let error =
            FieldError::new(&path.key("requires").key("backend"), "not allowed in a model entry");
        errors.note(error.hint("specify the back-ends of a model in backends:"));
    }
    // The rules select among the shapes, so they cannot be checked without valid shapes.
    let shapes = errors.keep(read_shapes(&fields));
    if let Some(shapes) = &shapes {
        errors.keep(check_rules(&fields, shapes));
    }
    let family = errors.keep(fields.optional("family", text)).flatten();
    let revision = errors.keep(fields.optional("revision", revision)).flatten();
    let backends = errors.keep(read_backends(&fields)).unwrap_or_default();
    let parameters = errors.keep(read_parameters(&fields)).unwrap_or_default();
    let quality = errors.keep(bounds::read(&fields)).unwrap_or_default();
    let include = errors.keep(read_include(&fields)).flatten();
    let (model, location) = model?;
    Some(ModelEntry {
        path: path.clone(),
        model,
        location,
        prefix,
        is_named,
        family,
        revision,
        backends,
        shapes: shapes.unwrap_or_default(),
        parameters,
        exclude: fields.get("exclude").map(with_plain_values),
        quality,
        include,
        settings,
        lenient: false,
        comparison: Comparison::None,
        require_weights: false,
    })
}

fn read_model(fields: &Fields) -> Result<(String, Location), FieldError> {
    let path = fields.path.key("model");
    let named = match fields.get("model") {
        Some(node @ Node::Map(_)) => {
            let inner = Fields::new(node, &path, &["config"])?;
            let file = inner.required("config", |node| normalise(&text(node)?))?;
            return Ok((local_name(&file), Location::Local(file)));
        }
        Some(node) => text(node).map_err(|error| error.at(&path))?,
        None => {
            let error = FieldError::new(&fields.path, "\"model\" is missing");
            return Err(error.hint("for example model: bert-base-uncased, or model: ./my-model"));
        }
    };
    if is_local(&named) {
        let file = normalise(&named).map_err(|error| error.at(&path))?;
        return Ok((local_name(&file), Location::Local(file)));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let parts = named.split('/').count();
    let shaped = named.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if named.len() > MAX_MODEL_BYTES || !named.chars().all(plain) || parts > 2 || !shaped {
        let message = format!("{:?} is not the name of a model", shortened(&named));
        let hint = "examples: bert-base-uncased, owner/model, ./directory, {config: config.json}";
        return Err(FieldError::new(&path, message).hint(hint));
    }
    Ok((named, Location::Named))
}

fn is_local(model: &str) -> bool {
    model.starts_with("./") || model.ends_with('/') || is_json(model) || is_single_file(model)
}

/// Name of a local model: `mine` and `mine/config.json` become `./mine`, `small.json` and `small.gguf`
/// become `./small`.
fn local_name(file: &str) -> String {
    let directory = match file.strip_suffix("config.json") {
        Some("") => return ".".to_owned(),
        Some(directory) if directory.ends_with('/') => directory.trim_end_matches('/'),
        _ if is_json(file) => file.rsplit_once('.').map_or(file, |(stem, _)| stem),
        _ => gguf_stem(file).unwrap_or(file),
    };
    format!("./{directory}")
}

/// Default prefix of the test names of a model; for a local model, the name of its directory.
fn plain_name(model: &str) -> String {
    match model.strip_prefix("./") {
        Some(directory) => directory.rsplit('/').next().unwrap_or(directory).to_owned(),
        None if model == "." => "model".to_owned(),
        None => model.to_owned(),
    }
}

fn revision(node: &Node) -> Result<String, ValueError> {
    let text = text(node)?;
    check_revision(&text).map(|()| text)
}

fn read_backends(fields: &Fields) -> Result<Vec<BackendChoice>, FieldError> {
    let choice = |node: &Node| match node {
        Node::Text(text) if text == "auto" => Ok(BackendChoice::Auto),
        other => match settings::backend(other)? {
            Some(backend) => Ok(BackendChoice::One(backend)),
            None => Err(ValueError::new("a model test needs a back-end")
                .hint("auto selects cpu and each accelerator of a known worker")),
        },
    };
    let chosen = fields.list("backends", Backend::BUILT_IN.len() + 1, choice)?;
    Ok(if chosen.is_empty() { vec![BackendChoice::One(Backend::CPU)] } else { chosen })
}

fn read_shapes(fields: &Fields) -> Result<Vec<(&'static str, Vec<Node>)>, FieldError> {
    let (mut errors, mut shapes) = (FieldErrors::default(), Vec::new());
    for name in SHAPES {
        let values = match name {
            PACKAGES => read_packages(fields),
            _ => one_or_more(fields, name, |node| shape(name, node)),
        };
        let values = errors.keep(values);
        let values = values.unwrap_or_default();
        if !values.is_empty() {
            shapes.push((name, values));
        }
    }
    errors.end().map(|()| shapes)
}

/// The sets of pinned packages, each as the text of its label.
fn read_packages(fields: &Fields) -> Result<Vec<Node>, FieldError> {
    let Some(node) = fields.get(PACKAGES) else { return Ok(Vec::new()) };
    let sets = packages::read(node, &fields.path.key(PACKAGES), MAX_SHAPES)?;
    Ok(sets.iter().map(|set| Node::Text(set.label())).collect())
}

/// A set of pinned packages in `exclude` or `include`: the list, or the text of its label.
fn package_set(node: &Node) -> Result<Node, ValueError> {
    let texts: Vec<String> = match node {
        Node::List(items) => items.iter().map(text).collect::<Result<_, _>>()?,
        other => text(other)?.split_whitespace().map(str::to_owned).collect(),
    };
    Ok(Node::Text(Pins::parse(texts.iter().map(String::as_str))?.label()))
}

/// One value of a shape, in dtf's spelling.
fn shape(name: &str, node: &Node) -> Result<Node, ValueError> {
    let number = |most: i64| whole(1, most)(node).map(Node::Int);
    match name {
        "batch" => number(MAX_BATCH),
        "sequence_length" => number(MAX_LENGTH),
        "image_size" => number(MAX_IMAGE),
        "dtype" => dtype(node),
        "attention" => word_of(&ATTENTIONS, node),
        "runtime" => word_of(&RUNTIMES, node),
        WEIGHTS => weights::requested(node).map(|requested| Node::Text(requested.to_string())),
        PACKAGES => package_set(node),
        _ => Ok(node.clone()),
    }
}

/// Checks that `exclude` and `include` refer only to back-ends and to shapes that are given.
fn check_rules(fields: &Fields, shapes: &[(&str, Vec<Node>)]) -> Result<(), FieldError> {
    let known: Vec<&str> = ["backend"].into_iter().chain(SHAPES).collect();
    for key in ["exclude", "include"] {
        let Some(Node::List(rules)) = fields.get(key) else { continue };
        for (at, rule) in rules.iter().enumerate() {
            let Node::Map(pairs) = rule else { continue };
            let path = fields.path.key(key).index(at);
            Fields::new(rule, &path, with_synonyms(&known))?;
            let given = |name: &str| name == "backend" || shapes.iter().any(|(s, _)| *s == name);
            if let Some((name, _)) = pairs.iter().find(|(name, _)| !given(name)) {
                let option = name.replace('_', "-");
                let error = FieldError::new(
                    &path.key(name),
                    format!("{name} has no values to select from"),
                );
                return Err(
                    error.hint(format!("specify its values with --{option} (in a plan: {name})"))
                );
            }
        }
    }
    Ok(())
}

/// Reads `include`, whose shapes are checked like those of a list. The back-ends are checked later,
/// when those of the template are known.
fn read_include(fields: &Fields) -> Result<Option<Node>, FieldError> {
    let Some(Node::List(items)) = fields.get("include") else {
        return Ok(fields.get("include").cloned());
    };
    let path = fields.path.key("include");
    let read = |(at, item): (usize, &Node)| {
        let Node::Map(pairs) = item else { return Ok(item.clone()) };
        let value = |(name, node): &(String, Node)| {
            let value = shape(name, node).map_err(|error| error.at(&path.index(at).key(name)))?;
            Ok((name.clone(), value))
        };
        Ok(Node::Map(pairs.iter().map(value).collect::<Result<_, _>>()?))
    };
    let items = items.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Some(Node::List(items)))
}

/// Reads a list, or a single value as a list of one.
fn one_or_more(
    fields: &Fields,
    key: &str,
    read: impl Fn(&Node) -> Result<Node, ValueError>,
) -> Result<Vec<Node>, FieldError> {
    match fields.get(key) {
        Some(Node::List(_)) => fields.list(key, MAX_SHAPES, read),
        _ => Ok(fields.optional(key, read)?.into_iter().collect()),
    }
}

fn word_of(known: &[&str], node: &Node) -> Result<Node, ValueError> {
    let unexpected = || ValueError::expected(&format!("one of {}", known.join(", ")), node);
    match node {
        Node::Text(text) if known.contains(&text.as_str()) => Ok(node.clone()),
        Node::Text(text) => Err(unexpected().hint(did_you_mean(text, known))),
        _ => Err(unexpected()),
    }
}

fn dtype(node: &Node) -> Result<Node, ValueError> {
    let unexpected = || ValueError::expected("one of fp32, fp16, bf16", node);
    let Node::Text(text) = node else { return Err(unexpected()) };
    let known: Vec<&str> = DTYPES.iter().map(|(name, _)| *name).collect();
    let dtype = DTYPES.iter().find(|(name, _)| name == text);
    dtype
        .map(|(_, plain)| Node::Text((*plain).to_owned()))
        .ok_or_else(|| unexpected().hint(did_you_mean(text, &known)))
}

/// Converts precisions, weights and packages in `exclude` to dtf's spelling. Other values are not converted: a
/// value that is in no list excludes nothing and is refused later.
fn with_plain_values(node: &Node) -> Node {
    match node {
        Node::List(items) => Node::List(items.iter().map(with_plain_values).collect()),
        Node::Map(entries) => {
            let plain = |(key, value): &(String, Node)| {
                let is_spelt = matches!(key.as_str(), "dtype" | WEIGHTS | PACKAGES);
                let plain = if is_spelt { shape(key, value).ok() } else { None };
                (key.clone(), plain.unwrap_or_else(|| value.clone()))
            };
            Node::Map(entries.iter().map(plain).collect())
        }
        other => other.clone(),
    }
}

fn read_parameters(fields: &Fields) -> Result<Vec<(String, Node)>, FieldError> {
    let path = fields.path.key("parameters");
    let mut parameters = Vec::new();
    for risk in [ALLOW_PICKLE, TRUST_REMOTE_CODE] {
        let allowed = fields.optional(risk, truth)?;
        parameters.extend(allowed.map(|allowed| (risk.to_owned(), Node::Bool(allowed))));
    }
    let Some(node) = fields.get("parameters") else { return Ok(parameters) };
    let Node::Map(entries) = node else {
        return Err(ValueError::expected("a mapping", node).at(&path));
    };
    for (name, value) in entries {
        let key = path.key(name);
        if OWN_KEYS.contains(&name.as_str()) {
            let error = FieldError::new(&key, format!("{name} is not one of the parameters"));
            return Err(error.hint(format!("move {name} one level up, into the model entry")));
        }
        if value.scalar().is_none_or(|text| text.len() > 1024) {
            return Err(ValueError::expected("a number or a short text", value).at(&key));
        }
    }
    parameters.extend(entries.iter().cloned());
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_models_are_named_after_their_directory_or_file() {
        for (file, model, name) in [
            ("mine", "./mine", "mine"),
            ("a/mine/config.json", "./a/mine", "mine"),
            ("small.json", "./small", "small"),
            ("a/my-config.json", "./a/my-config", "my-config"),
            ("config.json", ".", "model"),
        ] {
            assert_eq!(local_name(file), model);
            assert_eq!(plain_name(model), name);
        }
    }
}
