//! The table of back-ends: how each is detected, pinned, installed and driven from Python.
//!
//! The built-in table is `templates/backends.yaml`. Tables of users have the same form and are laid
//! over it: their back-ends are added, and the keys that they give for a known back-end replace
//! those below. Limits: [`MAX_BACKENDS`], and those in `check`.
//!
//! Pure: texts are read by the caller.

mod check;
pub mod entry;
pub mod pin;
#[cfg(test)]
mod tests;

use crate::assets;
use crate::backends::entry::Entry;
use crate::domain::accelerator::{Backend, Vendor};
use crate::text::depth;
use crate::text::error::ValueError;
use crate::text::suggest::did_you_mean;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Maximum number of back-ends of a table, with the built-in ones.
pub const MAX_BACKENDS: usize = 64;

/// The back-ends that are known, with their properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table(BTreeMap<Backend, Entry>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackendsFile {
    schema: u32,
    backends: BTreeMap<Backend, Entry>,
}

/// The built-in table. A test checks that it loads.
static BUILT_IN: LazyLock<Table> =
    LazyLock::new(|| Table(BTreeMap::new()).merged(assets::backends()).unwrap_or_default());

impl Default for Table {
    /// The built-in table.
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl Table {
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// This table with a further file on top.
    ///
    /// # Errors
    /// Invalid YAML, an unknown schema or key, a value outside of its limits, or more than
    /// [`MAX_BACKENDS`] back-ends.
    pub fn merged(&self, text: &str) -> Result<Self, String> {
        if depth::too_deep(text).is_some() {
            return Err("the file is nested too deeply".into());
        }
        let file: BackendsFile = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != 1 {
            let schema = file.schema;
            return Err(format!("unknown schema {schema} of the backends file, expected 1"));
        }
        let mut merged = self.clone();
        for (backend, entry) in file.backends {
            if backend.name() == "any" || backend.name() == "auto" {
                return Err(format!("backends.{backend}: the name is reserved"));
            }
            let below = merged.0.remove(&backend).unwrap_or_default();
            merged.0.insert(backend, entry.over(below));
        }
        if merged.0.len() > MAX_BACKENDS {
            let count = merged.0.len();
            return Err(format!("there are too many back-ends ({count}, maximum {MAX_BACKENDS})"));
        }
        for (backend, entry) in &merged.0 {
            check::check(entry).map_err(|error| format!("backends.{backend}.{error}"))?;
        }
        Ok(merged)
    }

    #[must_use]
    pub fn get(&self, backend: Backend) -> Option<&Entry> {
        self.0.get(&backend)
    }

    /// All back-ends with their properties, by name.
    pub fn entries(&self) -> impl Iterator<Item = (Backend, &Entry)> {
        self.0.iter().map(|(backend, entry)| (*backend, entry))
    }

    /// The names of all back-ends.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(Backend::name)
    }

    /// Back-ends on which every template can run that does not list its own: those with Python hooks
    /// or a runtime. The CPU is the first.
    #[must_use]
    pub fn runnable(&self) -> Vec<Backend> {
        let is_runnable = |entry: &Entry| entry.python.is_some() || entry.runtime.is_some();
        let runnable = self.entries().filter(|(_, entry)| is_runnable(entry));
        let mut all: Vec<Backend> = runnable.map(|(backend, _)| backend).collect();
        all.sort_by_key(|backend| *backend != Backend::CPU);
        all
    }

    /// Whether a test on a back-end holds a device unless it specifies otherwise. Unknown back-ends
    /// do.
    #[must_use]
    pub fn needs_device(&self, backend: Backend) -> bool {
        self.get(backend).is_none_or(Entry::needs_device)
    }

    /// Checks that the table has a back-end.
    ///
    /// # Errors
    /// It does not. The hint is the most similar name.
    pub fn require(&self, backend: Backend) -> Result<(), ValueError> {
        if self.0.contains_key(&backend) {
            return Ok(());
        }
        let known: Vec<&str> = self.names().collect();
        let hint = did_you_mean(backend.name(), &known);
        Err(ValueError::new(format!("unknown back-end {:?}", backend.name()))
            .hint(format!("{hint} (a file backends.yaml adds further ones, see docs/backends.md)")))
    }

    /// Checks that dtf or a back-end of the table knows a vendor.
    ///
    /// # Errors
    /// Neither does. The hint is the most similar name.
    pub fn require_vendor(&self, vendor: Vendor) -> Result<(), ValueError> {
        let detect = self.entries().filter_map(|(_, entry)| entry.detect.as_ref());
        let own = detect.filter_map(|detect| detect.vendor);
        let known: BTreeSet<Vendor> = own.chain(Vendor::BUILT_IN).collect();
        if known.contains(&vendor) {
            return Ok(());
        }
        let known: Vec<&str> = known.iter().map(Vendor::name).collect();
        let hint = did_you_mean(vendor.name(), &known);
        Err(ValueError::new(format!("unknown vendor {:?}", vendor.name())).hint(hint))
    }

    /// The hooks that a script for a back-end contains: its own, and those of the CPU, on which the
    /// reference is computed.
    #[must_use]
    pub fn hooks(&self, backend: Backend) -> Map<String, Value> {
        let hooks = |backend: Backend| {
            let hooks = self.get(backend).map(Entry::hooks).unwrap_or_default();
            (backend.name().to_owned(), Value::Object(hooks))
        };
        [Backend::CPU, backend].into_iter().map(hooks).collect()
    }
}
