//! The templates in effect, and the tables that assign models to families.
//!
//! Texts come in layers: the built-in ones, those added to a coordinator, those in the directory of
//! the user. A later layer overrides an earlier one, path by path; the tables of families and of
//! back-ends are merged instead. Limits: [`MAX_FILES`], [`MAX_FILE_BYTES`] and [`MAX_LAYER_BYTES`] of one layer.
//! Promises: every text that overrides another is reported ([`Library::overrides`]), and the digest
//! of a template covers every text that it can use.

use crate::assets;
use crate::backends::Table;
use crate::domain::accelerator::Backend;
use crate::domain::added::template::MAX_TEMPLATES;
use crate::domain::digest::hexadecimal;
use crate::models::family::{FAMILY_TABLES, Families};
use crate::templates::origin::{Origin, Text};
use crate::templates::path::{BACKENDS, FAMILIES, SHARED, TemplatePath};
use crate::templates::template::Template;
use crate::text::error::ValueError;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

/// Maximum number of texts in one layer.
pub const MAX_FILES: usize = MAX_TEMPLATES;
/// Maximum size of a text, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Maximum size of all texts in one layer, in bytes.
pub const MAX_LAYER_BYTES: usize = 8 << 20;

/// A text that overrides one of a lower layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub path: String,
    pub by: Origin,
    pub over: Origin,
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, by, over } = self;
        match by {
            Origin::Directory(directory) => {
                write!(f, "{}/{path} overrides", directory.trim_end_matches('/'))?;
            }
            by => write!(f, "{path} of {by} overrides")?,
        }
        match over {
            Origin::BuiltIn => f.write_str(" the built-in template"),
            over => write!(f, " the template of {over}"),
        }
    }
}

/// The templates in effect.
#[derive(Debug, Clone)]
pub struct Library {
    /// Texts by path, without the tables of families and back-ends.
    texts: BTreeMap<String, Text>,
    /// `families.yaml` of each layer that has one, lowest layer first.
    tables: Vec<Text>,
    /// The merged tables. `None` while there is only the built-in one, which is read when it is
    /// needed.
    families: Option<Families>,
    /// `backends.yaml` of each layer that has one, lowest layer first.
    backend_tables: Vec<Text>,
    /// The merged tables of back-ends.
    backends: Cow<'static, Table>,
    overrides: Vec<Override>,
    /// Digest of every shared text. It is kept, because the digest of each template starts with it.
    shared: OnceLock<Sha256>,
}

impl Library {
    /// The built-in templates. Nothing is parsed yet.
    #[must_use]
    pub fn built_in() -> Self {
        let built_in = |text| Text { origin: Origin::BuiltIn, text: Cow::Borrowed(text) };
        let texts = assets::templates().map(|(path, text)| (path.to_owned(), built_in(text)));
        Self {
            texts: texts.collect(),
            tables: vec![built_in(assets::families())],
            families: None,
            backend_tables: vec![built_in(assets::backends())],
            backends: Cow::Borrowed(Table::built_in()),
            overrides: Vec::new(),
            shared: OnceLock::new(),
        }
    }

    /// Adds a layer on top. Templates are compiled when they are used.
    ///
    /// # Errors
    /// A path is not one of a template, a limit is exceeded, a table of families or back-ends is
    /// broken, or no table defines the family or the back-end of a template.
    pub fn with_layer(
        mut self,
        layer: impl IntoIterator<Item = (String, Text)>,
    ) -> Result<Self, ValueError> {
        let mut paths = BTreeSet::new();
        let mut bytes = 0_usize;
        for (path, text) in layer {
            TemplatePath::parse(&path)?;
            check_size(&path, &text.text)?;
            bytes = bytes.saturating_add(text.text.len());
            if !paths.insert(path.clone()) {
                return Err(ValueError::new(format!("{path} is given twice")));
            }
            if paths.len() > MAX_FILES || bytes > MAX_LAYER_BYTES {
                return Err(ValueError::new(format!(
                    "too many templates in one layer (maximum {MAX_FILES} files, {} MiB)",
                    MAX_LAYER_BYTES >> 20
                )));
            }
            self.put(path, text)?;
        }
        for path in &paths {
            self.check_names(path)?;
        }
        self.shared = OnceLock::new();
        Ok(self)
    }

    fn put(&mut self, path: String, text: Text) -> Result<(), ValueError> {
        if path == FAMILIES {
            let merged = self.families().merged(&text.text);
            let origin = &text.origin;
            self.families = Some(
                merged.map_err(|why| ValueError::new(format!("{FAMILIES} of {origin}: {why}")))?,
            );
            self.tables.push(text);
            return Ok(());
        }
        if path == BACKENDS {
            let merged = self.backends.merged(&text.text);
            let origin = &text.origin;
            self.backends = Cow::Owned(
                merged.map_err(|why| ValueError::new(format!("{BACKENDS} of {origin}: {why}")))?,
            );
            self.backend_tables.push(text);
            return Ok(());
        }
        let by = text.origin.clone();
        if let Some(below) = self.texts.insert(path.clone(), text) {
            // One note for each path is enough, even if a lower layer overrides a text, too.
            self.overrides.retain(|shadow| shadow.path != path);
            self.overrides.push(Override { path, by, over: below.origin });
        }
        Ok(())
    }

    fn check_names(&self, path: &str) -> Result<(), ValueError> {
        let TemplatePath::Test { family, backend } = TemplatePath::parse(path)? else {
            return Ok(());
        };
        if !self.families().families.contains_key(family) {
            let error =
                ValueError::new(format!("{path}: no {FAMILIES} defines the family {family}"));
            return Err(error.hint(format!(
                "add a {FAMILIES} with families: {{ {family}: {{ title: …, tasks: […] }} }}"
            )));
        }
        if let Some(backend) = backend {
            self.backends.require(backend).map_err(|error| ValueError {
                message: format!("{path}: {}", error.message),
                ..error
            })?;
        }
        if backend.is_some() && !self.texts.contains_key(&general(family)) {
            let error = ValueError::new(format!("{path} has no {}", general(family)));
            return Err(error.hint("a template for one back-end needs a general one beside it"));
        }
        Ok(())
    }

    /// The tables that assign models to families.
    #[must_use]
    pub fn families(&self) -> &Families {
        self.families.as_ref().unwrap_or(&FAMILY_TABLES)
    }

    /// The back-ends.
    #[must_use]
    pub fn backends(&self) -> &Table {
        &self.backends
    }

    /// The template of a family for a back-end, or the general one without a back-end.
    ///
    /// # Errors
    /// There is no template for the family, or it is broken.
    pub fn template(&self, family: &str, backend: Option<Backend>) -> Result<Template, ValueError> {
        let own = backend.map(|backend| special(family, backend));
        let own = own.filter(|path| self.texts.contains_key(path));
        let path = own.unwrap_or_else(|| general(family));
        let Some(text) = self.texts.get(&path) else {
            let known: Vec<&str> = self.with_template().collect();
            let message = format!("there is no template for the family {family}");
            let hint = format!("there are templates for {}", known.join(", "));
            return Err(ValueError::new(message).hint(hint));
        };
        let further = (self.digest(&path, text), self.backends());
        Template::build(&path, text, self.shared_texts(), further)
    }

    /// Families that have a template.
    pub fn with_template(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().filter_map(|path| path.strip_suffix("/test.py.j2"))
    }

    /// Back-ends for which a family has a separate template.
    pub fn special_backends(&self, family: &str) -> impl Iterator<Item = Backend> {
        let own = |backend: &Backend| self.texts.contains_key(&special(family, *backend));
        self.backends.entries().map(|(backend, _)| backend).filter(own)
    }

    /// Texts that override others, in the order of the layers and of the paths in each layer.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// Every text in effect with its path: all tables of families and of back-ends, then the other
    /// texts by path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &Text)> {
        let tables = self.tables.iter().map(|text| (FAMILIES, text));
        let backends = self.backend_tables.iter().map(|text| (BACKENDS, text));
        tables.chain(backends).chain(self.texts.iter().map(|(path, text)| (path.as_str(), text)))
    }

    fn shared_texts(&self) -> impl Iterator<Item = (&str, &Text)> {
        let shared = self.texts.iter().filter(|(path, _)| path.starts_with(SHARED));
        shared.map(|(path, text)| (path.as_str(), text))
    }

    /// SHA-256 of all tables of back-ends, lowest layer first, then of all shared texts in the order
    /// of their paths, then of the template. Each text is
    /// preceded by its path, a zero byte, its length in decimal, and a zero byte.
    fn digest(&self, path: &str, text: &Text) -> String {
        let shared = self.shared.get_or_init(|| {
            let mut digest = Sha256::new();
            for text in &self.backend_tables {
                add(&mut digest, BACKENDS, &text.text);
            }
            for (path, text) in self.shared_texts() {
                add(&mut digest, path, &text.text);
            }
            digest
        });
        let mut digest = shared.clone();
        add(&mut digest, path, &text.text);
        hexadecimal(&digest.finalize())
    }
}

fn add(digest: &mut Sha256, path: &str, text: &str) {
    digest.update(format!("{path}\0{}\0", text.len()));
    digest.update(text);
}

fn general(family: &str) -> String {
    format!("{family}/test.py.j2")
}

fn special(family: &str, backend: Backend) -> String {
    format!("{family}/{}.py.j2", backend.name())
}

/// Checks the size of a text.
///
/// # Errors
/// The text is larger than [`MAX_FILE_BYTES`].
pub fn check_size(path: &str, text: &str) -> Result<(), ValueError> {
    if text.len() > MAX_FILE_BYTES {
        let message =
            format!("{path} is too large ({} bytes, maximum {MAX_FILE_BYTES})", text.len());
        return Err(ValueError::new(message).hint("is it a template?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::weights::source::Source as WeightsSource;
    use crate::templates::quality::Numbers;
    use crate::templates::template::Context;
    use serde_json::Map;

    const RADAR: &str = "---\nfamily: radar\nversion: 7\ntasks: [echo]\nbackends: [cpu]\n\
        parameters: {}\nrequirements: []\n---\n";
    const TABLE: &str = "schema: 1\nfamilies: { radar: { title: Radar, tasks: [echo] } }\n\
        model_types: { radar_net: { family: radar, task: echo } }\n";

    fn layer(name: &str, files: &[(&str, &str)]) -> Vec<(String, Text)> {
        let origin = Origin::Directory(name.into());
        let text = |text: &str| Text { origin: origin.clone(), text: Cow::Owned(text.to_owned()) };
        files.iter().map(|(path, body)| ((*path).to_owned(), text(body))).collect()
    }

    fn with(library: Library, name: &str, files: &[(&str, &str)]) -> Result<Library, String> {
        library.with_layer(layer(name, files)).map_err(|error| error.message)
    }

    fn mine(files: &[(&str, &str)]) -> Result<Library, String> {
        with(Library::built_in(), "mine", files)
    }

    fn text(
        library: &Library,
        family: &str,
        backend: Option<Backend>,
    ) -> Result<String, ValueError> {
        let template = library.template(family, backend)?;
        template.render(&Context {
            test_name: "t",
            model: "m",
            family,
            model_type: "x",
            backend: "cpu",
            backends: &library.backends().hooks(Backend::CPU),
            config: &Map::new(),
            parameters: &template.front_matter.parameters,
            revision: None,
            weights: &WeightsSource::Random,
            weights_reason: None,
            graph: None,
            quality: &Numbers::new(),
            requirements: &[],
            template_version: 1,
            template_digest: "",
            dtf_version: "0",
        })
    }

    #[test]
    fn every_built_in_family_has_a_template() {
        let library = Library::built_in();
        let families: Vec<&str> = library.with_template().collect();
        assert!(
            families.iter().copied().eq(library.families().families.keys().map(String::as_str))
        );
        for family in families {
            let template = library.template(family, None).expect(family);
            assert_eq!((template.name(), template.digest.len()), (family, 64));
            assert!(text(&library, family, None).expect(family).contains("def main("));
        }
        for (path, text) in library.texts() {
            assert!(TemplatePath::parse(path).is_ok() && check_size(path, &text.text).is_ok());
        }
        let error = library.template("colour", None).expect_err("no family");
        assert!(
            error
                .hint
                .is_some_and(|hint| hint.starts_with("there are templates for asr_seq2seq, "))
        );
    }

    #[test]
    fn a_family_can_be_added() {
        let text_of = format!("{RADAR}print('one')");
        let library = mine(&[("radar/test.py.j2", &text_of), ("families.yaml", TABLE)]);
        let library = library.expect("a library");
        assert_eq!(library.families().model_types["radar_net"].family, "radar");
        assert_eq!(text(&library, "radar", None).as_deref(), Ok("print('one')\n"));
        assert!(library.overrides().is_empty());
        let missing = mine(&[("radar/test.py.j2", &text_of)]).expect_err("no table");
        assert_eq!(missing, "radar/test.py.j2: no families.yaml defines the family radar");
        let alone = mine(&[("radar/cuda.py.j2", &text_of), ("families.yaml", TABLE)]);
        assert_eq!(alone.expect_err("no test.py.j2"), "radar/cuda.py.j2 has no radar/test.py.j2");
    }

    #[test]
    fn later_layers_override_path_by_path_with_a_note() {
        let vlm = RADAR.replace("radar", "vlm");
        let cuda = vlm.replace("[cpu]", "[cuda]");
        let below = mine(&[("vlm/test.py.j2", &format!("{vlm}one"))]).expect("a library");
        let above = with(
            below.clone(),
            "above",
            &[
                ("vlm/test.py.j2", &format!("{vlm}two")),
                ("vlm/cuda.py.j2", &format!("{cuda}three")),
                ("_shared/new.py.j2", ""),
            ],
        );
        let above = above.expect("a library");
        assert_eq!(text(&below, "vlm", Some(Backend::CUDA)).as_deref(), Ok("one\n"));
        assert_eq!(text(&above, "vlm", Some(Backend::CPU)).as_deref(), Ok("two\n"));
        assert_eq!(text(&above, "vlm", Some(Backend::CUDA)).as_deref(), Ok("three\n"));
        assert_eq!(above.special_backends("vlm").collect::<Vec<_>>(), [Backend::CUDA]);
        let cuda = above.template("vlm", Some(Backend::CUDA)).expect("a template");
        assert_eq!(cuda.name(), "vlm/cuda");
        assert_eq!(cuda.origin, Origin::Directory("above".into()));
        let notes = |library: &Library| {
            library.overrides().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(notes(&below), ["mine/vlm/test.py.j2 overrides the built-in template"]);
        assert_eq!(notes(&above), ["above/vlm/test.py.j2 overrides the template of mine"]);
    }

    #[test]
    fn a_digest_covers_the_shared_texts() {
        let digest = |library: &Library| library.template("vlm", None).expect("it").digest;
        let built_in = Library::built_in();
        assert_eq!(digest(&built_in), digest(&Library::built_in()));
        assert_ne!(digest(&built_in), built_in.template("video", None).expect("it").digest);
        let changed = |path: &str| {
            let files = built_in.texts().find(|(name, _)| *name == path).expect(path);
            let changed = format!("{}\n", files.1.text);
            mine(&[(path, &changed)]).expect(path)
        };
        assert_ne!(digest(&built_in), digest(&changed("vlm/test.py.j2")));
        assert_ne!(digest(&built_in), digest(&changed("_shared/report.py.j2")));
        assert_eq!(digest(&built_in), digest(&changed("video/test.py.j2")));
    }

    #[test]
    fn limits_and_broken_layers_are_refused() {
        assert!(mine(&[("../x.py.j2", "")]).is_err());
        let twice = mine(&[("_shared/a.py.j2", ""), ("_shared/a.py.j2", "")]);
        assert_eq!(twice.expect_err("twice"), "_shared/a.py.j2 is given twice");
        let large = "x".repeat(MAX_FILE_BYTES + 1);
        assert!(
            mine(&[("_shared/a.py.j2", &large)]).expect_err("large").contains("maximum 262144")
        );
        let many: Vec<String> = (0..=MAX_FILES).map(|n| format!("_shared/a{n}.py.j2")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "")).collect();
        assert!(mine(&many).expect_err("many").contains("maximum 500 files"));
        let broken = mine(&[("families.yaml", "schema: 3")]).expect_err("another schema");
        assert_eq!(
            broken,
            "families.yaml of mine: unknown schema 3 of the families file, expected 1"
        );
    }

    #[test]
    fn a_broken_shared_text_is_named_with_its_line() {
        let library = mine(&[("_shared/base.py.j2", "\n{% if %}")]).expect("a library");
        let error = library.template("vlm", None).expect_err("broken");
        assert!(error.message.contains("_shared/base.py.j2:2"), "{}", error.message);
    }
}
