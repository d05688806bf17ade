//! The weights of a test: their source, their identity, and the manifest of a directory.
//!
//! A manifest lists the files of a model with their digests, in one canonical JSON text whose SHA-256
//! is the identity of the weights. Files travel in chunks of [`CHUNK_BYTES`]. Limits: [`MAX_FILES`]
//! files, [`MAX_WEIGHTS_BYTES`] in all, paths of [`MAX_PATH_BYTES`], manifests of
//! [`MAX_MANIFEST_BYTES`]. Promise: a path of a checked manifest stays inside its directory.

use crate::domain::digest::{is_sha256_hex, sha256_hex};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the manifest.
pub const MANIFEST_SCHEMA: u32 = 1;
/// Size of a chunk, in bytes. The last chunk of a file may be smaller.
pub const CHUNK_BYTES: u64 = 16 << 20;
/// Maximum number of files of one model.
pub const MAX_FILES: usize = 10_000;
/// Maximum size of the files of one model, in bytes.
pub const MAX_WEIGHTS_BYTES: u64 = 4 << 40;
/// Maximum length of a path in a manifest, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;
/// Maximum size of the text of a manifest, in bytes: 4 TiB have 262,144 chunks of 67 bytes, and 10,000
/// files have up to 1.2 KB each.
pub const MAX_MANIFEST_BYTES: usize = 48 << 20;
/// Maximum length of a key, in bytes.
pub const MAX_KEY_BYTES: usize = 300;
/// Maximum length of an address, a model name or a path of a source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 4096;
/// Label of a test with the reason for its weights, if the request alone is not the reason.
pub const WEIGHTS_REASON: &str = "weights_reason";
/// Number of characters of a digest or commit that people are shown.
const SHORT_CHARS: usize = 7;

/// The weights that the script of a test loads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weights {
    /// Drawn by the script. The braces make serde refuse unknown fields.
    Random {},
    /// The files of a directory (or one file), by content.
    Folder {
        /// SHA-256 of the manifest.
        manifest: String,
        size_bytes: u64,
        /// Absolute path on the machine that submitted the test.
        path: String,
        /// Workers have the same files at `path`, so that nothing is sent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_place: bool,
    },
    /// A published model at the commit that was resolved at submission. Workers use their model cache
    /// if it has the commit.
    Hub {
        model: String,
        commit: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
    },
    /// The model cache of the worker.
    Cache {
        model: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// If the model cache does not have the model, the script draws random weights.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        or_random: bool,
    },
    /// A directory or file that workers have at this path.
    Path { path: String },
    /// One file, or an index of files, at an address.
    Url { address: String, sha256: String },
}

/// The reason why weights or a manifest are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    #[error("{0:?} is not a SHA-256 in lower-case hexadecimal")]
    Digest(String),
    #[error("{0:?} is not a commit of a model (40 or 64 hexadecimal digits)")]
    Commit(String),
    #[error("{0:?} is not the name of a model")]
    Model(String),
    #[error("the path {0:?} is not absolute")]
    NotAbsolute(String),
    #[error("{0:?} is not a relative path inside the directory of the model")]
    BadPath(String),
    #[error("{what} is too long ({bytes} bytes, maximum {most})")]
    TooLong { what: &'static str, bytes: usize, most: usize },
    #[error("{0} contains a control character")]
    Control(&'static str),
    #[error("the manifest is not valid: {0}")]
    Json(String),
    #[error("the manifest has schema {0}, this dtf reads {MANIFEST_SCHEMA}")]
    Schema(u32),
    #[error("the manifest lists no files")]
    Empty,
    #[error("there are too many files ({0}, maximum {MAX_FILES})")]
    TooMany(usize),
    #[error("the files are too large ({0} bytes, maximum {MAX_WEIGHTS_BYTES})")]
    TooLarge(u64),
    #[error("the files of the manifest are not sorted, or {0:?} is listed twice")]
    Order(String),
    #[error("{path:?} has {listed} chunks, but its size requires {needed}")]
    Chunks { path: String, listed: usize, needed: u64 },
    #[error("the manifest is not in its canonical form")]
    Form,
}

impl Weights {
    /// The word for the source, as reports show it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Random {} => "random",
            Self::Folder { .. } => "folder",
            Self::Hub { .. } => "hub",
            Self::Cache { .. } => "cache",
            Self::Path { .. } => "path",
            Self::Url { .. } => "url",
        }
    }

    /// The key under which a worker can hold these weights. `None` if only the worker knows what they
    /// are, as for its model cache without a commit.
    #[must_use]
    pub fn key(&self) -> Option<WeightsKey> {
        match self {
            Self::Folder { manifest: digest, .. } | Self::Url { sha256: digest, .. } => {
                Some(WeightsKey::digest(digest))
            }
            Self::Hub { model, commit, .. } => WeightsKey::new(format!("{model}@{commit}")).ok(),
            Self::Cache { model, revision: Some(revision), .. } if is_commit(revision) => {
                WeightsKey::new(format!("{model}@{revision}")).ok()
            }
            Self::Random {} | Self::Cache { .. } | Self::Path { .. } => None,
        }
    }

    /// Size of the files, if it is known before they are read.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        match self {
            Self::Folder { size_bytes, .. } => Some(*size_bytes),
            Self::Hub { size_bytes, .. } => *size_bytes,
            Self::Random {} | Self::Cache { .. } | Self::Path { .. } | Self::Url { .. } => None,
        }
    }

    /// Checks the rules that the types cannot express.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), WeightsError> {
        match self {
            Self::Random {} => Ok(()),
            Self::Folder { manifest, size_bytes, path, .. } => {
                check_digest(manifest)?;
                check_absolute(path)?;
                check_size(*size_bytes)
            }
            Self::Hub { model, commit, size_bytes } => {
                check_model(model)?;
                if !is_commit(commit) {
                    return Err(WeightsError::Commit(commit.clone()));
                }
                check_size(size_bytes.unwrap_or(0))
            }
            Self::Cache { model, revision, .. } => {
                check_model(model)?;
                check_text("the revision", revision.as_deref().unwrap_or_default(), 128)
            }
            Self::Path { path } => check_absolute(path),
            Self::Url { address, sha256 } => {
                check_text("the address", address, MAX_SOURCE_BYTES)?;
                check_digest(sha256)
            }
        }
    }
}

/// Whether a text has the form of a commit.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An address without its query, which may be a signature that grants access.
#[must_use]
pub fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// Shortens a digest or commit inside an identity for people: `gpt2@607a30d…` becomes `@607a30d`, and
/// `sha256:1a2b3c4…` becomes `sha256:1a2b3c4`. Another text stays as it is.
#[must_use]
pub fn short_identity(identity: &str) -> String {
    let short = |digits: &str| digits.chars().take(SHORT_CHARS).collect::<String>();
    if let Some(digest) = identity.strip_prefix("sha256:") {
        return format!("sha256:{}", short(digest));
    }
    match identity.rsplit_once('@') {
        Some((_, commit)) => format!("@{}", short(commit)),
        None => identity.to_owned(),
    }
}

/// The name under which a worker holds weights: `sha256:<digest>` of a manifest or file, or
/// `MODEL@COMMIT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeightsKey(Box<str>);

impl WeightsKey {
    /// # Errors
    /// The text is empty, longer than [`MAX_KEY_BYTES`] or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, WeightsError> {
        let text = text.into();
        check_text("the key of the weights", &text, MAX_KEY_BYTES)?;
        if text.is_empty() { Err(WeightsError::Empty) } else { Ok(Self(text.into())) }
    }

    /// The key of a manifest or file by its digest.
    #[must_use]
    pub fn digest(sha256: &str) -> Self {
        Self(format!("sha256:{sha256}").into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WeightsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for WeightsKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WeightsKey {
    type Error = WeightsError;

    fn try_from(text: String) -> Result<Self, WeightsError> {
        Self::new(text)
    }
}

impl From<WeightsKey> for String {
    fn from(key: WeightsKey) -> Self {
        key.0.into()
    }
}

/// The files of a model with their digests, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema: u32,
    pub files: Vec<ManifestFile>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Path inside the directory of the model, with `/`.
    pub path: String,
    /// SHA-256 of the whole file.
    pub sha256: String,
    pub size_bytes: u64,
    /// SHA-256 of each chunk. Empty if the file is one chunk, whose digest is that of the file.
    pub chunks: Vec<String>,
}

impl ManifestFile {
    /// The digest of each chunk. An empty file has none.
    #[must_use]
    pub fn chunk_digests(&self) -> &[String] {
        match (self.size_bytes, self.chunks.is_empty()) {
            (0, _) => &[],
            (_, true) => std::slice::from_ref(&self.sha256),
            (_, false) => &self.chunks,
        }
    }
}

impl Manifest {
    /// Sorts the files by path.
    ///
    /// # Errors
    /// See [`Self::check`].
    pub fn new(mut files: Vec<ManifestFile>) -> Result<Self, WeightsError> {
        files.sort();
        let manifest = Self { schema: MANIFEST_SCHEMA, files };
        manifest.check().map(|()| manifest)
    }

    /// Reads a manifest, which must be in its canonical form, so that each one has one digest.
    ///
    /// # Errors
    /// The text is not such a manifest, or breaks a rule of [`Self::check`].
    pub fn parse(text: &[u8]) -> Result<Self, WeightsError> {
        if text.len() > MAX_MANIFEST_BYTES {
            let (bytes, most) = (text.len(), MAX_MANIFEST_BYTES);
            return Err(WeightsError::TooLong { what: "the manifest", bytes, most });
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|error| WeightsError::Json(error.to_string()))?;
        manifest.check()?;
        if manifest.canonical().as_bytes() == text { Ok(manifest) } else { Err(WeightsError::Form) }
    }

    /// The canonical text: JSON without blanks, fields in the order of the types.
    #[must_use]
    pub fn canonical(&self) -> String {
        // Serialising texts and numbers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical text: the identity of the weights.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(self.canonical().as_bytes())
    }

    /// Size of all files, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }

    /// Checks schema, order, paths, digests, numbers of chunks and sizes.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), WeightsError> {
        if self.schema != MANIFEST_SCHEMA {
            return Err(WeightsError::Schema(self.schema));
        }
        if self.files.is_empty() {
            return Err(WeightsError::Empty);
        }
        if self.files.len() > MAX_FILES {
            return Err(WeightsError::TooMany(self.files.len()));
        }
        for file in &self.files {
            check_relative(&file.path)?;
            check_digest(&file.sha256)?;
            file.chunks.iter().try_for_each(|chunk| check_digest(chunk))?;
            check_size(file.size_bytes)?;
            let needed = file.size_bytes.div_ceil(CHUNK_BYTES);
            let listed = file.chunks.len();
            // A file of one chunk has exactly one form: without a list.
            let fits = if needed <= 1 { listed == 0 } else { listed as u64 == needed };
            if !fits {
                let path = file.path.clone();
                return Err(WeightsError::Chunks { path, listed, needed });
            }
        }
        check_size(self.size_bytes())?;
        match self.files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            Some(pair) => Err(WeightsError::Order(pair[1].path.clone())),
            None => Ok(()),
        }
    }
}

fn check_digest(digest: &str) -> Result<(), WeightsError> {
    if is_sha256_hex(digest) { Ok(()) } else { Err(WeightsError::Digest(digest.to_owned())) }
}

fn check_size(bytes: u64) -> Result<(), WeightsError> {
    if bytes <= MAX_WEIGHTS_BYTES { Ok(()) } else { Err(WeightsError::TooLarge(bytes)) }
}

fn check_text(what: &'static str, text: &str, most: usize) -> Result<(), WeightsError> {
    if text.len() > most {
        return Err(WeightsError::TooLong { what, bytes: text.len(), most });
    }
    if text.chars().any(char::is_control) { Err(WeightsError::Control(what)) } else { Ok(()) }
}

/// A path of a worker: absolute on Unix or Windows.
fn check_absolute(path: &str) -> Result<(), WeightsError> {
    check_text("the path", path, MAX_SOURCE_BYTES)?;
    let drive = matches!(path.as_bytes(), [b'a'..=b'z' | b'A'..=b'Z', b':', b'\\' | b'/', ..]);
    if path.starts_with('/') || path.starts_with(r"\\") || drive {
        Ok(())
    } else {
        Err(WeightsError::NotAbsolute(path.to_owned()))
    }
}

fn check_relative(path: &str) -> Result<(), WeightsError> {
    let is_inside = path.len() <= MAX_PATH_BYTES
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_inside { Ok(()) } else { Err(WeightsError::BadPath(path.to_owned())) }
}

/// The name of a model becomes part of paths and addresses: `model` or `owner/model`.
fn check_model(model: &str) -> Result<(), WeightsError> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let is_name = model.len() <= 200 && model.split('/').count() <= 2 && model.split('/').all(part);
    if is_name { Ok(()) } else { Err(WeightsError::Model(model.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn file(path: &str, size_bytes: u64) -> ManifestFile {
        let chunks = match size_bytes.div_ceil(CHUNK_BYTES) {
            0 | 1 => Vec::new(),
            several => vec![DIGEST.to_owned(); usize::try_from(several).expect("few")],
        };
        ManifestFile { path: path.into(), sha256: DIGEST.into(), size_bytes, chunks }
    }

    #[test]
    fn a_manifest_has_one_form_and_one_digest() {
        let files = vec![file("model.safetensors", CHUNK_BYTES + 1), file("config.json", 9)];
        let manifest = Manifest::new(files).expect("a manifest");
        assert_eq!(manifest.files[0].path, "config.json");
        assert_eq!(manifest.size_bytes(), CHUNK_BYTES + 10);
        let text = manifest.canonical();
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest.clone()));
        assert_eq!(manifest.digest(), sha256_hex(text.as_bytes()));
        let spaced = text.replace(':', ": ");
        assert_eq!(Manifest::parse(spaced.as_bytes()), Err(WeightsError::Form));
        assert_eq!(manifest.files[1].chunk_digests().len(), 2);
        assert_eq!(manifest.files[0].chunk_digests(), [DIGEST.to_owned()]);
        assert!(file("empty", 0).chunk_digests().is_empty());
    }

    #[test]
    fn a_manifest_that_breaks_a_rule_is_refused() {
        let check = |files: Vec<ManifestFile>| Manifest { schema: 1, files }.check();
        assert_eq!(check(vec![]), Err(WeightsError::Empty));
        let twice = vec![file("a", 1), file("a", 1)];
        assert_eq!(check(twice), Err(WeightsError::Order("a".into())));
        for path in ["../a", "/a", "", "a//b", "a/./b", "c:\\a", "a\nb", "a\\b", &"x".repeat(1025)]
        {
            assert_eq!(check(vec![file(path, 1)]), Err(WeightsError::BadPath(path.into())));
        }
        let mut one = file("a", 5);
        one.chunks = vec![DIGEST.into()];
        assert!(matches!(check(vec![one]), Err(WeightsError::Chunks { needed: 1, .. })));
        let mut two = file("a", CHUNK_BYTES + 1);
        two.chunks.pop();
        assert!(matches!(check(vec![two]), Err(WeightsError::Chunks { listed: 1, .. })));
        let mut upper = file("a", 1);
        upper.sha256 = DIGEST.to_uppercase();
        assert!(matches!(check(vec![upper]), Err(WeightsError::Digest(_))));
        let many = (0..=MAX_FILES).map(|at| file(&format!("{at:05}"), 0)).collect();
        assert_eq!(check(many), Err(WeightsError::TooMany(MAX_FILES + 1)));
        assert_eq!(Manifest { schema: 2, files: vec![] }.check(), Err(WeightsError::Schema(2)));
        let mut huge = file("a", 1);
        huge.size_bytes = u64::MAX;
        huge.chunks.clear();
        assert_eq!(check(vec![huge]), Err(WeightsError::TooLarge(u64::MAX)));
    }

    #[test]
    fn each_source_has_a_short_json_form_and_a_key() {
        let commit = "a".repeat(40);
        let of_hub = format!("gpt2@{commit}");
        let of_folder = format!("sha256:{DIGEST}");
        for (text, key) in [
            (r#"{"source":"random"}"#.to_owned(), None),
            (
                format!(
                    r#"{{"source":"folder","manifest":"{DIGEST}","size_bytes":3,"path":"/home/me/x"}}"#
                ),
                Some(&of_folder),
            ),
            (format!(r#"{{"source":"hub","model":"gpt2","commit":"{commit}"}}"#), Some(&of_hub)),
            (r#"{"source":"cache","model":"gpt2","or_random":true}"#.into(), None),
            (
                format!(r#"{{"source":"cache","model":"gpt2","revision":"{commit}"}}"#),
                Some(&of_hub),
            ),
            (r#"{"source":"path","path":"C:\\models\\x"}"#.into(), None),
            (
                format!(
                    r#"{{"source":"url","address":"https://x/model.safetensors","sha256":"{DIGEST}"}}"#
                ),
                Some(&of_folder),
            ),
        ] {
            let weights: Weights = serde_json::from_str(&text).expect(&text);
            assert_eq!(weights.check(), Ok(()), "{text}");
            assert_eq!(serde_json::to_string(&weights).expect("json"), text);
            assert!(text.contains(&format!("\"source\":\"{}\"", weights.kind())));
            assert_eq!(weights.key().as_ref().map(WeightsKey::as_str), key.map(String::as_str));
        }
        let unknown = r#"{"source":"hub","model":"gpt2","commit":"x","comit":"y"}"#;
        assert!(serde_json::from_str::<Weights>(unknown).is_err());
        assert_eq!(without_query("https://host/a.gguf?sig=x#y"), "https://host/a.gguf");
        let unknown = r#"{"source":"random","seed":1}"#;
        assert!(serde_json::from_str::<Weights>(unknown).is_err());
    }

    #[test]
    fn sources_that_break_a_rule_are_refused() {
        let hub = |model: &str, commit: &str| Weights::Hub {
            model: model.into(),
            commit: commit.into(),
            size_bytes: None,
        };
        let commit = "0123456789".repeat(4);
        assert_eq!(hub("openai-community/gpt2", &commit).check(), Ok(()));
        for model in ["", "../x", "a/b/c", "a/..", ".hidden", "a b", "a/", &"x".repeat(201)] {
            assert_eq!(hub(model, &commit).check(), Err(WeightsError::Model(model.into())));
        }
        for bad in ["main", "", &commit.to_uppercase().replace('0', "A")] {
            assert_eq!(hub("gpt2", bad).check(), Err(WeightsError::Commit(bad.into())));
        }
        let path = |path: &str| Weights::Path { path: path.into() }.check();
        assert!(path("models/x").is_err() && path("").is_err() && path("/x\n").is_err());
        assert!(path("/models/x").is_ok() && path(r"\\server\models").is_ok());
    }

    #[test]
    fn identities_are_shortened_for_people() {
        assert_eq!(short_identity(&format!("owner/gpt2@{}", "ab".repeat(20))), "@abababa");
        assert_eq!(short_identity(&format!("sha256:{DIGEST}")), "sha256:e3b0c44");
        assert_eq!(short_identity("other"), "other");
        assert!(WeightsKey::new("x".repeat(MAX_KEY_BYTES + 1)).is_err());
        assert!(serde_json::from_str::<WeightsKey>("\"\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_accepted_manifests_stay_inside(path in ".{0,40}", size in any::<u64>()) {
            let manifest = Manifest { schema: 1, files: vec![file("x", 1), ManifestFile {
                path: path.clone(), sha256: DIGEST.into(), size_bytes: size, chunks: vec![] }] };
            if manifest.check().is_ok() {
                prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
            }
            let _ = Manifest::parse(path.as_bytes());
        }
    }
}
