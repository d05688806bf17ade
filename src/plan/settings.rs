//! Settings that entries under `tests` and `models` and `defaults` have in common.

use crate::backends::Table;
use crate::domain::accelerator::{Backend, Vendor};
use crate::domain::launch::{Environment, Isolation, MAX_LIST, Packages, wheel_contents};
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::retry::{MAX_ATTEMPTS, Retries};
use crate::domain::tag::{MAX_TAGS, Tag};
use crate::domain::time::Millis;
use crate::plan::files::path::normalise;
use crate::plan::keys::with_synonyms;
use crate::text::error::{FieldError, FieldErrors, ValueError};
use crate::text::fields::{Fields, one_of, text, truth, whole, word};
use crate::text::locate::Path;
use crate::text::node::Node;
use crate::text::quantity;
use crate::text::suggest::did_you_mean;
use std::collections::BTreeMap;

/// Keys that every entry has.
pub const SHARED_KEYS: [&str; 13] = [
    "requires",
    "environment",
    "isolation",
    "env",
    "priority",
    "retries",
    "timeout",
    "silence",
    "grace",
    "expected",
    "expire_after",
    "labels",
    "on_failure",
];
/// Keys of `requires`.
pub const REQUIREMENT_KEYS: [&str; 11] = [
    "backend",
    "cpu",
    "memory",
    "accelerators",
    "accelerator_memory",
    "share_accelerator",
    "vendor",
    "min_architecture",
    "os",
    "arch",
    "tags",
];
/// Maximum number of accelerators of one test.
const MAX_ACCELERATORS: i64 = 64;
/// Maximum length of an environment variable, in bytes.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Settings of an entry. `None` if the entry does not specify a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub requires: Requires,
    pub environment: Option<Environment>,
    /// Wheels for the environment, relative to the plan.
    pub wheels: Vec<String>,
    pub isolation: Option<Isolation>,
    pub env: BTreeMap<String, String>,
    pub priority: Option<Priority>,
    pub retries: Retries,
    pub timeout: Option<Millis>,
    pub silence: Option<Millis>,
    pub grace: Option<Millis>,
    pub expected: Option<Millis>,
    pub expire_after: Option<Millis>,
    pub labels: BTreeMap<String, String>,
    pub run_after_failure: bool,
}

/// Requirements of an entry. `None` if the entry does not specify a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requires {
    pub backend: Option<Backend>,
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub accelerators: Option<u16>,
    pub accelerator_memory_bytes: Option<u64>,
    pub share_accelerator: bool,
    pub vendor: Option<Vendor>,
    pub min_architecture: Option<String>,
    pub os: Option<String>,
    pub arch: Option<String>,
    pub tags: Vec<Tag>,
}

impl Requires {
    /// The requirement. A back-end that needs a device requires one by default.
    #[must_use]
    pub fn requirement(&self, table: &Table) -> Requirement {
        let default = Requirement::default();
        let device = self.backend.is_some_and(|backend| table.needs_device(backend));
        Requirement {
            backend: self.backend,
            cpu_milli: self.cpu_milli.unwrap_or(default.cpu_milli),
            memory_bytes: self.memory_bytes.unwrap_or(0),
            accelerators: self.accelerators.unwrap_or(u16::from(device)),
            accelerator_memory_bytes: self.accelerator_memory_bytes.unwrap_or(0),
            share_accelerator: self.share_accelerator,
            vendor: self.vendor,
            min_architecture: self.min_architecture.clone(),
            os: self.os.clone(),
            arch: self.arch.clone(),
            tags: self.tags.iter().cloned().collect(),
            worker: None,
            // The coordinator sets them from the launch of each test.
            weights: None,
        }
    }
}

impl Settings {
    /// Reads the shared keys of an entry.
    ///
    /// # Errors
    /// Every error in these keys.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let mut errors = FieldErrors::default();
        let env: Option<Vec<_>> = errors.keep(fields.texts("env", MAX_LIST));
        let env: BTreeMap<_, _> = env.unwrap_or_default().into_iter().collect();
        errors.keep(check_env(&env, fields));
        let isolation = one_of(&[("warm", Isolation::Warm), ("cold", Isolation::Cold)]);
        let on_failure = one_of(&[("skip", false), ("run", true)]);
        let labels: Option<Vec<_>> = errors.keep(fields.texts("labels", MAX_LIST));
        let labels: BTreeMap<_, _> = labels.unwrap_or_default().into_iter().collect();
        errors.keep(check_labels(&labels, fields));
        let mut span = |key| errors.keep(fields.optional(key, quantity::duration)).flatten();
        let (timeout, silence, grace) = (span("timeout"), span("silence"), span("grace"));
        let (expected, expire_after) = (span("expected"), span("expire_after"));
        let (environment, wheels) = errors.keep(read_environment(fields)).unwrap_or_default();
        let settings = Self {
            requires: errors.keep(read_requires(fields)).unwrap_or_default(),
            environment,
            wheels,
            isolation: errors.keep(fields.optional("isolation", isolation)).flatten(),
            env,
            priority: errors.keep(fields.optional("priority", priority)).flatten(),
            retries: errors.keep(read_retries(fields)).unwrap_or_default(),
            timeout,
            silence,
            grace,
            expected,
            expire_after,
            labels,
            run_after_failure: errors
                .keep(fields.optional("on_failure", on_failure))
                .flatten()
                .unwrap_or(false),
        };
        errors.end().map(|()| settings)
    }
}

fn priority(node: &Node) -> Result<Priority, ValueError> {
    let value = whole(-100, 100)(node)?;
    Priority::try_from(value).map_err(|error| ValueError::new(error.to_string()))
}

fn check_env(env: &BTreeMap<String, String>, fields: &Fields) -> Result<(), FieldError> {
    for (name, value) in env {
        let path = fields.path.key("env").key(name);
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let other = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(first) || !name.chars().all(other) || name.len() > 256 {
            return Err(FieldError::new(&path, "not the name of an environment variable"));
        }
        if value.contains('\0') || value.len() > MAX_VALUE_BYTES {
            let message = format!("a NUL, or more than {MAX_VALUE_BYTES} bytes");
            return Err(FieldError::new(&path, message));
        }
    }
    Ok(())
}

fn check_labels(labels: &BTreeMap<String, String>, fields: &Fields) -> Result<(), FieldError> {
    for (name, value) in labels {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let named = (1..=64).contains(&name.len()) && name.chars().all(plain);
        if !named || value.len() > 1024 || value.chars().any(char::is_control) {
            let message = "a label has a name of 1 to 64 letters, digits, '_', '-' or '.' \
                and one line of at most 1024 bytes";
            return Err(FieldError::new(&fields.path.key("labels").key(name), message));
        }
    }
    Ok(())
}

fn read_requires(fields: &Fields) -> Result<Requires, FieldError> {
    let Some(node) = fields.get("requires") else { return Ok(Requires::default()) };
    let mut errors = FieldErrors::default();
    let requires = requires_in(node, &fields.path.key("requires"), &mut errors);
    errors.end().map(|()| requires.unwrap_or_default())
}

fn requires_in(node: &Node, path: &Path, errors: &mut FieldErrors) -> Option<Requires> {
    let fields = Fields::open(node, path, with_synonyms(&REQUIREMENT_KEYS), errors)?;
    let tag = |node: &Node| {
        word(node)?.parse::<Tag>().map_err(|error| ValueError::new(error.to_string()))
    };
    let accelerators =
        errors.keep(fields.optional("accelerators", whole(0, MAX_ACCELERATORS))).flatten();
    Some(Requires {
        backend: errors.keep(fields.optional("backend", backend)).flatten().flatten(),
        cpu_milli: errors.keep(fields.optional("cpu", cores)).flatten(),
        memory_bytes: errors.keep(fields.optional("memory", quantity::size)).flatten(),
        accelerators: accelerators.and_then(|count| u16::try_from(count).ok()),
        accelerator_memory_bytes: errors
            .keep(fields.optional("accelerator_memory", quantity::size))
            .flatten(),
        share_accelerator: errors
            .keep(fields.optional("share_accelerator", truth))
            .flatten()
            .unwrap_or(false),
        vendor: errors.keep(fields.optional("vendor", vendor)).flatten(),
        min_architecture: errors.keep(fields.optional("min_architecture", short_text)).flatten(),
        os: errors.keep(fields.optional("os", short_text)).flatten(),
        arch: errors.keep(fields.optional("arch", short_text)).flatten(),
        tags: errors.keep(fields.list("tags", MAX_TAGS, tag)).unwrap_or_default(),
    })
}

/// Reads a back-end. `any` is returned as `None`. Whether the table of back-ends has it is checked
/// when the plan becomes tests.
///
/// # Errors
/// The text is not a name.
pub fn backend(node: &Node) -> Result<Option<Backend>, ValueError> {
    let name = text(node)?;
    if name == "any" {
        return Ok(None);
    }
    if name == "gpu" {
        let error = ValueError::expected("a back-end", node);
        return Err(error.hint("name its kind: cuda, rocm, mps or xpu"));
    }
    Backend::new(&name).map(Some).map_err(|_| {
        let known: Vec<&str> = Table::built_in().names().chain(["any"]).collect();
        ValueError::expected("a back-end", node).hint(did_you_mean(&name, &known))
    })
}

/// Reads a vendor. Whether the table of back-ends has it is checked when the plan becomes tests.
fn vendor(node: &Node) -> Result<Vendor, ValueError> {
    Vendor::new(&word(node)?).map_err(|error| ValueError::new(error.to_string()))
}

/// Reads a number of cores and returns thousandths.
fn cores(node: &Node) -> Result<u64, ValueError> {
    let cores = match node {
        Node::Int(value) => *value as f64,
        Node::Float(value) => *value,
        other => return Err(ValueError::expected("a number of cores such as 2 or 0.5", other)),
    };
    let milli = (cores * 1000.0).ceil();
    if (0.0..=16_384_000.0).contains(&milli) {
        Ok(milli as u64)
    } else {
        Err(ValueError::expected("0 to 16384 cores", node))
    }
}

fn short_text(node: &Node) -> Result<String, ValueError> {
    let text = text(node)?;
    if text.len() <= 128 && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(ValueError::expected("at most 128 printable characters", node))
    }
}

fn read_retries(fields: &Fields) -> Result<Retries, FieldError> {
    let default = Retries::default();
    let Some(node) = fields.get("retries") else { return Ok(default) };
    let fields = Fields::new(node, &fields.path.key("retries"), &["failed", "infrastructure"])?;
    let most = i64::from(MAX_ATTEMPTS) - 1;
    let budget = |key, default| -> Result<u8, FieldError> {
        let count = fields.optional(key, whole(0, most))?;
        Ok(count.and_then(|count| u8::try_from(count).ok()).unwrap_or(default))
    };
    Ok(Retries {
        failed: budget("failed", default.failed)?,
        infrastructure: budget("infrastructure", default.infrastructure)?,
    })
}

/// The environment, and the wheels that are installed into it.
fn read_environment(fields: &Fields) -> Result<(Option<Environment>, Vec<String>), FieldError> {
    let path = fields.path.key("environment");
    let node = match fields.get("environment") {
        None => return Ok((None, Vec::new())),
        Some(Node::Text(text)) if text == "system" => {
            return Ok((Some(Environment::System), Vec::new()));
        }
        Some(node @ Node::Map(_)) => node,
        Some(node) => {
            let error = ValueError::expected("system or a mapping with packages", node);
            return Err(error.hint("environment: {packages: [torch]}").at(&path));
        }
    };
    let fields = Fields::new(node, &path, &["packages", "python", "wheels"])?;
    let requirements = fields.list("packages", MAX_LIST, package)?;
    let wheels = fields.list("wheels", MAX_LIST, wheel)?;
    if requirements.is_empty() && wheels.is_empty() {
        let error = FieldError::new(&path, "no package is named");
        return Err(error.hint("environment: system uses what the worker has"));
    }
    let python = fields.optional("python", python_constraint)?;
    let packages = Packages { requirements, python, ..Packages::default() };
    Ok((Some(Environment::Packages(packages)), wheels))
}

fn wheel(node: &Node) -> Result<String, ValueError> {
    let path = normalise(&text(node)?)?;
    match wheel_contents(&path) {
        Some(_) => Ok(path),
        None => Err(ValueError::expected("a wheel such as wheels/name-1.0-py3-none-any.whl", node)),
    }
}

/// Reads a package requirement. A text that starts like an option is refused, because it would
/// become an argument of the package installer.
///
/// # Errors
/// The text is empty, is an option, or has control characters.
pub fn package(node: &Node) -> Result<String, ValueError> {
    let text = text(node)?.trim().to_owned();
    let named = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if named && text.len() <= 512 && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(ValueError::expected("a package such as torch or numpy>=2", node))
    }
}

/// # Errors
/// Not a constraint on Python's version.
pub fn python_constraint(node: &Node) -> Result<String, ValueError> {
    let text = text(node)?;
    let plain = |c: char| c.is_ascii_digit() || "<>=!~., *".contains(c);
    if text.len() <= 64 && text.chars().all(plain) {
        Ok(text)
    } else {
        Err(ValueError::expected("a version constraint such as \">=3.10\"", node))
    }
}
