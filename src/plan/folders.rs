//! The directories whose files are the weights of the tests of a submission.

use crate::domain::tag::Tag;
use crate::domain::weights::{Manifest, Weights};
use crate::models::weights::Root;
use crate::models::weights::source::Source;
use crate::plan::entry::Entry;
use crate::plan::sources::Sources;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of a directory, which the coordinator must have before tests are submitted, and where they are
/// on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedWeights {
    pub manifest: Arc<Manifest>,
    pub root: Root,
    /// Name for people.
    pub name: String,
    /// Workers read the files themselves, so only the manifest is sent.
    pub in_place: bool,
}

/// The use that tests make of a directory, which determines the files that belong to its weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderUse {
    /// Whether code in the directory may be run.
    pub remote_code: bool,
}

/// Collects the directories of a submission.
pub(super) struct Folders<'a> {
    sources: &'a Sources<'a>,
    /// Directories with the digests of their manifests, by path and by whether they are in place.
    known: BTreeMap<(String, bool), (PushedWeights, String)>,
    unread: BTreeMap<String, FolderUse>,
}

impl<'a> Folders<'a> {
    pub fn new(sources: &'a Sources<'a>) -> Self {
        Self { sources, known: BTreeMap::new(), unread: BTreeMap::new() }
    }

    /// The weights in the launch of a test. `None` for a directory that was not read.
    pub fn weights(&mut self, entry: &Entry, source: &Source) -> Option<Weights> {
        Some(match source.clone() {
            Source::Random => Weights::Random {},
            Source::Hub { model, commit, size_bytes } => Weights::Hub { model, commit, size_bytes },
            Source::Cache { model, revision, or_random } => {
                Weights::Cache { model, revision, or_random }
            }
            Source::Path { path } => Weights::Path { path },
            Source::Url { address, sha256 } => Weights::Url { address, sha256 },
            Source::Folder { path, shared } => {
                let in_place = shared || self.sources.in_place;
                let (folder, digest) = match self.known.entry((path.clone(), in_place)) {
                    Slot::Occupied(known) => known.into_mut(),
                    Slot::Vacant(free) => {
                        let Some(manifest) = self.sources.models.manifest(&path) else {
                            self.unread.entry(path).or_default().add(entry);
                            return None;
                        };
                        let digest = manifest.digest();
                        let base = self.sources.models.base_model(&path).ok().flatten();
                        let base = base.map(|base| PathBuf::from(base.path));
                        let directory = root_of(&path, &manifest.files[0].path);
                        let (root, name) = (Root { directory, base }, path.clone());
                        free.insert((PushedWeights { manifest, root, name, in_place }, digest))
                    }
                };
                let (manifest, size_bytes) = (digest.clone(), folder.manifest.size_bytes());
                Weights::Folder { manifest, size_bytes, path, in_place }
            }
        })
    }

    /// The directories that were read, and those that must be.
    pub fn finish(self) -> (Vec<PushedWeights>, BTreeMap<String, FolderUse>) {
        (self.known.into_values().map(|(folder, _)| folder).collect(), self.unread)
    }
}

impl FolderUse {
    fn add(&mut self, entry: &Entry) {
        self.remote_code |= entry.settings.requires.tags.contains(&Tag::remote_code());
    }
}

/// The directory of the paths of a manifest. A single file has the manifest of its name.
#[must_use]
pub fn root_of(path: &str, first: &str) -> PathBuf {
    let whole = Path::new(path);
    match whole.parent() {
        Some(parent) if whole.file_name().is_some_and(|name| name == first) => parent.to_owned(),
        _ => whole.to_owned(),
    }
}
