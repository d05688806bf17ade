//! The interface through which models are read: directories, the model cache of this machine, and
//! models fetched from the hub.

use crate::domain::weights::Manifest;
use crate::models::description::Description;
use crate::models::identify;
use crate::text::error::{ReadError, ValueError};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The answer of the model hub about a model in a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    Known(PublishedModel),
    /// The hub has no such model or revision, or the hub has no file of it; the reason.
    Absent(String),
    /// The hub refuses access.
    Denied(ValueError),
    /// The hub was not asked or did not answer; the reason.
    Unknown(String),
}

/// A model on the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedModel {
    /// Commit of the revision; empty if the hub does not report one.
    pub commit: String,
    /// Sizes of the files in bytes, by path. `None` if the hub does not list them.
    pub files: Option<BTreeMap<String, Option<u64>>>,
    /// `None` if the model cache of this machine has the same commit, or if only the commit was asked
    /// for.
    pub description: Option<Description>,
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
    /// The directory of a model by its path in the plan.
    Plan(&'a str),
    /// A directory or file with weights that the plan or the command line names: relative to the plan,
    /// absolute, or below `~`.
    Given(&'a str),
    /// A model by its name, in the model cache of this machine.
    Cache { model: &'a str, revision: Option<&'a str> },
}

/// Content of a directory on this machine. Links are followed to any place, because weights are
/// read in place and never sent to a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryEntries {
    /// Absolute path of the root.
    pub path: String,
    /// Whether the root is a single file, which is then the only entry.
    pub is_file: bool,
    /// Size of each file in the root or its part, or why it cannot be used, as the predicate of a
    /// sentence whose subject is the name ("is not a file").
    pub entries: BTreeMap<String, Result<u64, String>>,
}

/// The base model of an adapter, on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseModel {
    /// Absolute path of its directory.
    pub path: String,
    pub description: Description,
}

impl BaseModel {
    /// Whether the directory has an adapter alone.
    #[must_use]
    pub fn is_adapter(&self) -> bool {
        identify::is_adapter(&self.description)
    }
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

    /// The base model of the adapter in this directory, whose path is absolute. `None` if it is not on
    /// this machine, or if the directory has no adapter.
    ///
    /// # Errors
    /// Its directory cannot be read.
    fn base_model(&self, _adapter: &str) -> Result<Option<BaseModel>, ReadError> {
        Ok(None)
    }

    /// The entries of a directory with weights on this machine. `None` if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be read or has too many entries.
    fn directory(&self, _at: WeightsPath<'_>) -> Result<Option<DirectoryEntries>, ReadError> {
        Ok(None)
    }

    /// The manifest of a directory or file with weights by its absolute path. `None` if it was not read.
    fn manifest(&self, _folder: &str) -> Option<Arc<Manifest>> {
        None
    }

    /// The first bytes of a file in such a directory, at most `_most`.
    ///
    /// # Errors
    /// The file cannot be read.
    fn first_bytes(&self, file: &str, _most: usize) -> Result<Vec<u8>, ReadError> {
        Err(ReadError(format!("{file} cannot be read here")))
    }

    /// The answer of the model hub about a model in a revision, which was asked for this plan. `None`
    /// for the revision means the default one.
    fn published(&self, _model: &str, _revision: Option<&str>) -> Published {
        Published::Unknown("the model hub is not asked".to_owned())
    }
}

/// A source without models.
pub struct NoModels;

impl ModelSource for NoModels {
    fn configuration_file(&self, _: &str) -> Result<Vec<u8>, ReadError> {
        Err(ReadError("files cannot be read here".into()))
    }
}
