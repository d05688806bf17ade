//! The interface through which models are read: directories, the model cache of this machine, and
//! models fetched from the hub.

use crate::models::description::Description;
use crate::text::error::ReadError;
use std::collections::BTreeMap;

/// Location of the configuration of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The model cache, the built-in catalogue or the hub, by the name of the model.
    Named,
    /// A directory or a `config.json`, relative to the plan.
    Local(String),
}

/// The directory of a model in the model cache or on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    pub description: Description,
    /// Commit of the version; empty when unknown.
    pub revision: String,
}

/// A directory in which weights are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightsPath<'a> {
    pub root: WeightsRoot<'a>,
    /// Component of a pipeline; empty for a single model.
    pub part: &'a str,
}

/// The directory of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightsRoot<'a> {
    /// A directory by its path in the plan.
    Plan(&'a str),
    /// A model by its name, in the model cache of this machine.
    Cache { model: &'a str, revision: Option<&'a str> },
}

/// Content of a directory on this machine. Links are followed to any place, because weights are
/// read in place and never sent to a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryEntries {
    /// Absolute path of the root.
    pub path: String,
    /// Size of each file in the root or its part, or why it cannot be used, as the predicate of a
    /// sentence whose subject is the name ("is not a file").
    pub entries: BTreeMap<String, Result<u64, String>>,
}

/// The models that a plan can specify: directories below that of the plan, the model cache of this
/// machine, and models fetched from the hub.
pub trait ModelSource {
    /// A configuration by its path, which is relative to the plan, with `/`.
    ///
    /// # Errors
    /// Missing, not a file, unreadable, or too large.
    fn configuration_file(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// Describes the directory of a model, whose path is relative to the plan, with `/`.
    ///
    /// # Errors
    /// The directory does not exist or cannot be read.
    fn model_directory(&self, path: &str) -> Result<Description, ReadError> {
        Err(ReadError(format!("{path}: model directories cannot be read here")))
    }

    /// A model in the model cache of this machine, in the given revision. `None` if the cache does
    /// not have it.
    ///
    /// # Errors
    /// The cache has the model, but it cannot be read.
    fn cached_model(
        &self,
        _model: &str,
        _revision: Option<&str>,
    ) -> Result<Option<KnownModel>, ReadError> {
        Ok(None)
    }

    /// The entries of a directory with weights on this machine. `None` if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be read or has too many entries.
    fn directory(&self, _at: WeightsPath<'_>) -> Result<Option<DirectoryEntries>, ReadError> {
        Ok(None)
    }

    /// The first bytes of a file in such a directory, at most `_most`.
    ///
    /// # Errors
    /// The file cannot be read.
    fn first_bytes(&self, file: &str, _most: usize) -> Result<Vec<u8>, ReadError> {
        Err(ReadError(format!("{file} cannot be read here")))
    }

    /// A model that was fetched from the hub for this plan.
    fn fetched_model(&self, _model: &str) -> Option<KnownModel> {
        None
    }
}

/// A source without models.
pub struct NoModels;

impl ModelSource for NoModels {
    fn configuration_file(&self, _: &str) -> Result<Vec<u8>, ReadError> {
        Err(ReadError("files cannot be read here".into()))
    }
}
