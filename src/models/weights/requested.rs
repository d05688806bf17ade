//! The weights that a plan or the command line requests, as one short text.
//!
//! A mapping of a plan has a short text too (`{hub: owner/model, revision: v1}` is
//! `hub:owner/model@v1`), which labels, test names and rules of `exclude` use.

use crate::domain::digest::is_sha256_hex;
use crate::text::error::ValueError;
use crate::text::node::shortened;
use crate::text::suggest::{did_you_mean_name, nearest};
use std::fmt;
use std::str::FromStr;

/// Words without a value, and prefixes of values.
const WORDS: [&str; 4] = ["auto", "cached", "random", "hub"];
/// Earlier name of `hub`.
const DOWNLOAD: &str = "download";
/// Ending of a model of the cache that may be replaced by random weights.
const OR_RANDOM: &str = ",random";
/// Separates the digest from an address.
const DIGEST: &str = "#sha256=";

/// Requested weights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requested {
    /// The best source that there is, by the rule of `docs/decisions/0026-one-rule-for-auto.md`.
    Auto,
    /// The model cache of the worker, or the files in the directory of the model. `version` is `None`
    /// for the tested model itself. `or_random`: random weights if the cache does not have the model.
    Cached { version: Option<ModelVersion>, or_random: bool },
    /// Random weights, with this seed.
    Random(Option<u64>),
    /// The hub, or the files in the directory of the model. `None`: the tested model itself.
    Hub(Option<ModelVersion>),
    /// A directory or file on the machine of the user. `shared`: workers have it at the same path.
    Folder { path: String, shared: bool },
    /// A directory or file that workers have at this absolute path.
    Path(String),
    /// A file or an index of files at an address, with its SHA-256.
    Url { address: String, sha256: String },
}

/// A published model in a revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelVersion {
    pub model: String,
    pub revision: Option<String>,
}

impl ModelVersion {
    /// Reads `owner/model` or `owner/model@revision`.
    fn parse(text: &str) -> Result<Self, ValueError> {
        let (model, revision) = match text.split_once('@') {
            Some((model, revision)) => (model, Some(revision.to_owned())),
            None => (text, None),
        };
        check_model(model)?;
        revision.as_deref().map_or(Ok(()), check_revision)?;
        Ok(Self { model: model.to_owned(), revision })
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "@{revision}"))
    }
}

impl Requested {
    /// Whether the hub is asked about the tested model for these weights.
    #[must_use]
    pub fn asks_hub(&self) -> bool {
        matches!(self, Self::Auto | Self::Hub(None))
    }

    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Random(_))
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cached { version, or_random } => {
                f.write_str("cached")?;
                version.as_ref().map_or(Ok(()), |version| write!(f, ":{version}"))?;
                if *or_random { f.write_str(OR_RANDOM) } else { Ok(()) }
            }
            Self::Random(None) => f.write_str("random"),
            Self::Random(Some(seed)) => write!(f, "random:{seed}"),
            Self::Hub(None) => f.write_str("hub"),
            Self::Hub(Some(version)) => write!(f, "hub:{version}"),
            Self::Folder { path, shared: false } => write!(f, "folder:{path}"),
            Self::Folder { path, shared: true } => write!(f, "shared:{path}"),
            Self::Path(path) => write!(f, "path:{path}"),
            Self::Url { address, sha256 } => write!(f, "url:{address}{DIGEST}{sha256}"),
        }
    }
}

impl FromStr for Requested {
    type Err = ValueError;

    /// Reads the short text. A path (`./x`, `/x`, `~/x`) is a directory, and `owner/model` is a model of the
    /// hub.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_path = text.starts_with(['.', '/', '~']);
        match (text, text.split_once(':')) {
            ("auto", _) => Ok(Self::Auto),
            ("cached", _) => Ok(Self::Cached { version: None, or_random: false }),
            ("random", _) => Ok(Self::Random(None)),
            ("hub" | DOWNLOAD, _) => Ok(Self::Hub(None)),
            (path, _) if is_path => folder(path, false),
            (_, Some(("folder", path))) => folder(path, false),
            (_, Some(("shared", path))) => folder(path, true),
            (_, Some(("path", path))) => absolute(path),
            (_, Some(("hub", version))) => ModelVersion::parse(version).map(Some).map(Self::Hub),
            (_, Some(("cached", version))) => {
                let (version, or_random) = match version.strip_suffix(OR_RANDOM) {
                    Some(version) => (version, true),
                    None => (version, false),
                };
                let version = ModelVersion::parse(version).map(Some)?;
                Ok(Self::Cached { version, or_random })
            }
            (_, Some(("random", seed))) => {
                seed.parse().map(|seed| Self::Random(Some(seed))).map_err(|_| {
                    ValueError::new(format!("{:?} is not a seed (a whole number)", shortened(seed)))
                })
            }
            (_, Some(("url", address))) => match address.rsplit_once(DIGEST) {
                Some((address, sha256)) => url(address, sha256),
                None => Err(without_digest(address)),
            },
            (address, Some((_, rest))) if rest.starts_with("//") => Err(without_digest(address)),
            (version, _) if version.contains('/') => {
                ModelVersion::parse(version).map(Some).map(Self::Hub)
            }
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> ValueError {
    let error = ValueError::new(format!("{:?} is not a source of weights", shortened(text)));
    error.hint(nearest(text, WORDS).map_or_else(
        || {
            "sources are auto, cached, random, hub, random:SEED, folder:./x, path:/models/x, \
             hub:owner/model@revision and url:https://…#sha256=…"
                .to_owned()
        },
        did_you_mean_name,
    ))
}

/// A directory or file of the user.
///
/// # Errors
/// The path is empty or has control characters.
pub fn folder(path: &str, shared: bool) -> Result<Requested, ValueError> {
    if path.trim().is_empty() || path.chars().any(char::is_control) {
        return Err(ValueError::new(
            "the path of the directory is empty or has control characters",
        ));
    }
    Ok(Requested::Folder { path: path.to_owned(), shared })
}

/// A directory or file of the workers.
///
/// # Errors
/// The path is not absolute.
pub fn absolute(path: &str) -> Result<Requested, ValueError> {
    let drive = path.as_bytes().get(1) == Some(&b':') || path.starts_with(r"\\");
    if !(path.starts_with('/') || drive) || path.chars().any(char::is_control) {
        let error = ValueError::new(format!("the path {:?} is not absolute", shortened(path)));
        return Err(error.hint(
            "path: names a place that every worker has; for a directory here, use folder: ./x",
        ));
    }
    Ok(Requested::Path(path.to_owned()))
}

/// A file at an address.
///
/// # Errors
/// The scheme is unknown, the address contains a password, or the digest is not a SHA-256.
pub fn url(address: &str, sha256: &str) -> Result<Requested, ValueError> {
    let schemes = ["https", "http"];
    let rest = address.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
    let Some((_, rest)) = rest else {
        let message = format!("{:?} is not an address of a file", shortened(address));
        let hint = "an address starts with https://; of an object in a store, give the https \
                    address, signed if necessary";
        return Err(ValueError::new(message).hint(hint));
    };
    if rest.split('/').next().is_some_and(|host| host.contains('@')) {
        return Err(ValueError::new("the address contains a user or a password")
            .hint("give a signed address, whose query dtf does not print"));
    }
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ValueError::new("the address contains blanks or control characters"));
    }
    let sha256 = sha256.trim_start_matches("sha256:").to_ascii_lowercase();
    if !is_sha256_hex(&sha256) {
        let message = format!("{:?} is not a SHA-256 (64 hexadecimal digits)", shortened(&sha256));
        return Err(ValueError::new(message).hint("sha256sum FILE prints it"));
    }
    Ok(Requested::Url { address: address.to_owned(), sha256 })
}

fn without_digest(address: &str) -> ValueError {
    let message = format!("the address {:?} has no digest", shortened(address));
    ValueError::new(message).hint(
        "weights from an address are verified: write url:https://…#sha256=DIGEST, or in a plan \
         {url: https://…, sha256: DIGEST}",
    )
}

/// Checks a revision: a branch, a tag or a commit.
///
/// # Errors
/// The text has other characters.
pub fn check_revision(revision: &str) -> Result<(), ValueError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if (1..=128).contains(&revision.len())
        && revision.chars().all(plain)
        && !revision.contains("..")
    {
        Ok(())
    } else {
        let message = format!("{:?} is not a commit, tag or branch", shortened(revision));
        Err(ValueError::new(message))
    }
}

/// Checks the name of a published model.
///
/// # Errors
/// The text is not a name.
pub fn check_model(model: &str) -> Result<(), ValueError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(plain)
    };
    if model.len() <= 200 && model.split('/').count() <= 2 && model.split('/').all(part) {
        Ok(())
    } else {
        let message = format!("{:?} is not the name of a published model", shortened(model));
        Err(ValueError::new(message).hint("examples: gpt2, owner/model"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn short_texts_are_read_and_written() {
        let address = format!("url:https://x.org/a/model.safetensors#sha256={DIGEST}");
        for text in [
            "auto",
            "cached",
            "random",
            "hub",
            "random:7",
            "hub:owner/model",
            "hub:gpt2@v1.0",
            "hub:owner/model@refs/pr/3",
            "cached:gpt2",
            "folder:../x",
            "shared:/data/x",
            "path:/models/x",
            &address,
        ] {
            let requested: Requested = text.parse().expect(text);
            assert_eq!(requested.to_string(), text);
        }
        for (text, same) in [
            ("download", "hub"),
            ("./mine", "folder:./mine"),
            ("/data/mine", "folder:/data/mine"),
            ("~/mine", "folder:~/mine"),
            ("owner/model", "hub:owner/model"),
            ("owner/model@v1", "hub:owner/model@v1"),
        ] {
            assert_eq!(text.parse::<Requested>().expect(text).to_string(), same);
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_next_step() {
        let refused = |text: &str| {
            let error = text.parse::<Requested>().expect_err(text);
            format!("{} | {}", error.message, error.hint.unwrap_or_default())
        };
        for (text, part) in [
            ("radom", "did you mean \"random\"?"),
            ("", "sources are auto, cached"),
            ("random:x", "is not a seed"),
            ("path:models/x", "use folder: ./x"),
            ("folder:", "is empty"),
            ("https://x.org/model.safetensors", "has no digest"),
            ("url:https://x.org/a", "has no digest"),
            ("url:https://me:pw@x.org/a#sha256=0", "contains a user or a password"),
            ("url:https://x.org/a#sha256=0", "is not a SHA-256"),
            ("url:ftp://x.org/a#sha256=0", "starts with https://"),
            ("hub:a/b/c", "is not the name of a published model"),
            ("hub:gpt2@../x", "is not a commit"),
            ("hub:", "is not the name"),
        ] {
            assert!(refused(text).contains(part), "{text}: {}", refused(text));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_short_text_is_stable(text in "(hub|folder|url|path|random|cached|)(:|@|/)?.{0,30}") {
            if let Ok(requested) = text.parse::<Requested>() {
                let again: Requested = requested.to_string().parse().expect("its own text");
                prop_assert_eq!(again, requested);
            }
        }
    }
}
