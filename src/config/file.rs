//! The settings file: YAML with sections.
//!
//! Limits: [`MAX_FILE_BYTES`], and those of `text::source` for depth and number of values. Promises:
//! a mistake is reported with its line and column, all mistakes of a file at once; a key that
//! nothing reads is a mistake. Files of earlier versions, which have no sections, are still read
//! (see [`File::note`]).

use super::declaration::{SECTIONS, Sections, Setting, Values};
use crate::sys::fs::read_text;
use crate::text::error::{FieldError, FieldErrors, SourceError, ValueError};
use crate::text::fields::Fields;
use crate::text::locate::Path as Place;
use crate::text::node::{Node, shortened};
use crate::text::source::Source;
use crate::text::suggest::did_you_mean;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum size of a settings file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The reason why settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the settings file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the settings file {path} is too large ({size} bytes, maximum {MAX_FILE_BYTES})")]
    TooLarge { path: PathBuf, size: u64 },
    #[error(transparent)]
    Content(#[from] SourceError),
}

/// A settings file that was read; without a path when there is none.
#[derive(Debug, Clone)]
pub struct File {
    path: Option<PathBuf>,
    source: Option<Source>,
    is_flat: bool,
    sections: Sections,
}

impl File {
    /// Reads the file at `given`, or the default settings file if it exists.
    ///
    /// # Errors
    /// A file at `given` that does not exist, and a file that cannot be read or has a mistake.
    pub fn load(given: Option<&Path>) -> Result<Self, ConfigError> {
        let default = super::locate::settings_file();
        let Some(path) = given.map(Path::to_owned).or(default) else { return Ok(Self::empty()) };
        let unreadable = |source| ConfigError::Read { path: path.clone(), source };
        match std::fs::metadata(&path) {
            Ok(data) if data.len() > MAX_FILE_BYTES => {
                let size = data.len();
                Err(ConfigError::TooLarge { path, size })
            }
            Ok(_) => {
                let text = read_text(&path).map_err(unreadable)?;
                Ok(Self::parse(&text, path)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && given.is_none() => {
                Ok(Self::empty())
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// The settings of no file.
    #[must_use]
    pub fn empty() -> Self {
        let sections = Sections::read(|_, _| None, &mut FieldErrors::default());
        Self { path: None, source: None, is_flat: false, sections }
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// The text is not YAML, has an unknown section or key, or a value of another type.
    pub fn parse(text: &str, path: PathBuf) -> Result<Self, SourceError> {
        let source = Source::new(text.as_bytes(), &path.display().to_string())?;
        let tree = match source.parse()? {
            Node::Null => Node::Map(Vec::new()),
            tree => tree,
        };
        let is_flat = is_flat(&tree);
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut errors = FieldErrors::default();
        check_keys(&tree, is_flat, &mut errors);
        let sections = Sections::read(
            |section, errors| {
                let place = Place::default();
                let fields = if is_flat {
                    Fields { node: &tree, path: place }
                } else {
                    let node = tree.get(section).filter(|node| **node != Node::Null)?;
                    let known = keys_of(section);
                    Fields::open(node, &place.key(section), known.as_slice(), errors)?
                };
                Some(Values { fields, directory })
            },
            &mut errors,
        );
        errors.end().map_err(|error| source.locate(error))?;
        Ok(Self { path: Some(path), source: Some(source), is_flat, sections })
    }

    #[must_use]
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The line of a setting that the file has, counted from 1.
    #[must_use]
    pub fn line_of(&self, setting: &Setting) -> Option<u32> {
        let top = Place::default();
        let section = if self.is_flat { top } else { top.key(setting.section) };
        let (line, _) = self.source.as_ref()?.position(&section.key(setting.key))?;
        Some(line)
    }

    /// How to write a file without sections today.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let path = self.path.as_deref().filter(|_| self.is_flat)?;
        let tree = self.source.as_ref()?.parse().ok()?;
        let Node::Map(entries) = tree else { return None };
        let written: Vec<_> = entries
            .iter()
            .map(|(key, _)| {
                let settings = SECTIONS.iter().flat_map(|section| section.settings);
                let places = settings.filter(|setting| setting.key == key);
                let places: Vec<_> = places.map(Setting::name).collect();
                format!("{key} as {}", places.join(" (clients) or "))
            })
            .collect();
        Some(format!(
            "{} has no sections, as earlier versions wrote it; write {} (docs/config.md)",
            path.display(),
            written.join(", ")
        ))
    }
}

fn keys_of(section: &str) -> Vec<&'static str> {
    let named = SECTIONS.iter().filter(|known| known.name == section);
    named.flat_map(|section| section.settings).map(|setting| setting.key).collect()
}

/// Whether a file has settings and no section. A file that has both is one with sections.
fn is_flat(tree: &Node) -> bool {
    let Node::Map(entries) = tree else { return false };
    let is_section = |(key, value): &(String, Node)| match value {
        Node::Map(_) => true,
        Node::Null => SECTIONS.iter().any(|section| section.name == key),
        _ => false,
    };
    !entries.is_empty() && !entries.iter().any(is_section)
}

/// Refuses unknown keys at the top of a file, and values in the place of a section.
fn check_keys(tree: &Node, is_flat: bool, errors: &mut FieldErrors) {
    let top = Place::default();
    let Node::Map(entries) = tree else {
        let hint = "write sections, such as `worker:`, with indented `key: value` lines";
        return errors.note(ValueError::expected("sections", tree).hint(hint).at(&top));
    };
    let sections: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
    let settings = || SECTIONS.iter().flat_map(|section| section.settings);
    for (key, value) in entries {
        let setting = settings().find(|setting| setting.key == key);
        let is_known = if is_flat { setting.is_some() } else { sections.contains(&&**key) };
        if is_known {
            continue;
        }
        let hint = match setting {
            Some(setting) => format!("write it in the section `{}`", setting.section),
            None if is_flat => {
                did_you_mean(key, &settings().map(|setting| setting.key).collect::<Vec<_>>())
            }
            None => did_you_mean(key, &sections),
        };
        let what = if matches!(value, Node::Map(_)) { "section" } else { "setting" };
        let message = format!("unknown {what} {:?}", shortened(key));
        errors.note(FieldError::new(&top.key(key), message).hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, SourceError> {
        File::parse(text, PathBuf::from("dtf.yaml"))
    }

    fn refused(text: &str) -> SourceError {
        parse(text).expect_err("a mistake")
    }

    #[test]
    fn a_file_has_sections_with_typed_values() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/sections.yaml");
        let file = File::load(Some(&path)).expect("understood");
        let Sections { client, worker, storage, .. } = file.sections();
        assert_eq!(client.coordinator.value.as_deref(), Some("http://lab-1:7700"));
        let directory = path.parent().expect("a directory");
        assert_eq!(client.token_file.value, Some(directory.join("secrets/token")));
        assert_eq!(storage.data_dir.value, Some("/data".into()));
        assert_eq!(worker.slots.value, Some(2));
        assert_eq!(worker.tags.value.as_ref().map(|tags| tags.0.len()), Some(2));
        assert_eq!(worker.idle_timeout.value.map(|span| span.0), Some(600_000));
        assert_eq!(worker.name.value, None);
        assert_eq!(file.line_of(worker.slots.setting), Some(9));
        assert_eq!(file.note(), None);
    }

    #[test]
    fn a_file_of_an_earlier_version_reads_the_same() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
        let load = |name: &str| File::load(Some(&directory.join(name))).expect("understood");
        let (old, new) = (load("flat.yaml"), load("sections.yaml"));
        let mut expected = new.sections().clone();
        // Without sections, the token file is that of clients and of a coordinator.
        expected.auth.token_file.value = expected.client.token_file.value.clone();
        assert_eq!(old.sections(), &expected);
        assert_eq!(old.line_of(old.sections().worker.slots.setting), Some(5));
        let note = old.note().expect("a note");
        assert!(note.contains("flat.yaml has no sections"), "{note}");
        assert!(note.contains("slots as worker.slots"), "{note}");
        assert!(note.contains("client.token_file (clients) or auth.token_file"), "{note}");
    }

    #[test]
    fn a_mistake_has_its_line_and_the_nearest_known_name() {
        for (text, place, hint) in [
            ("worker:\n  solts: 3\n", "dtf.yaml:2:3: worker.solts", "slots"),
            ("solts: 3\n", "dtf.yaml:1:1: solts", "slots"),
            ("wroker:\n  slots: 3\n", "dtf.yaml:1:1: wroker", "worker"),
            ("worker:\n  name: a\nslots: 3\n", "dtf.yaml:3:1: slots", "section `worker`"),
        ] {
            let error = refused(text);
            assert!(error.to_string().starts_with(place), "{error}");
            assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{error:?}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let error = refused("worker:\n  slots: many\n  tags: [a, 'b c']\n  idle_timeout: 10\n");
        let all: Vec<_> = error.each().map(ToString::to_string).collect();
        let expected = ["2:3: worker.slots", "3:3: worker.tags", "4:3: worker.idle_timeout"];
        assert_eq!(all.len(), expected.len(), "{all:?}");
        for (actual, expected) in all.iter().zip(expected) {
            assert!(actual.contains(expected), "{actual}");
        }
    }

    #[test]
    fn other_content_is_refused() {
        for text in ["- a", "slots", "worker: 3\nclient: {}", "worker: [", "slots: 1\nslots: 2"] {
            refused(text);
        }
        for empty in ["auth:\n  token_file:\n", "token_file:\n"] {
            refused(empty);
        }
        refused(&"[".repeat(10_000));
        for empty in ["", "# nothing\n", "worker:\n", "{}"] {
            assert_eq!(parse(empty).expect("empty is fine").sections(), File::empty().sections());
        }
    }
}
