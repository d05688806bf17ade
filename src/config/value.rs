//! The types of settings: how a value is read from a settings file, and how it is shown.
//!
//! Flags and variables are texts, which `FromStr` reads. A scalar of a file is read from the same
//! text, so that all sources of a setting accept the same values.

use crate::domain::time::Millis;
use crate::text::error::ValueError;
use crate::text::fields::word;
use crate::text::node::Node;
use crate::text::quantity;
use serde_json::Value as Json;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A type of settings.
pub trait Value: Sized {
    /// Reads the value of a file in `directory`.
    ///
    /// # Errors
    /// The value is not of this type.
    fn read(node: &Node, directory: &Path) -> Result<Self, ValueError>;

    /// The value for `dtf config show`.
    fn to_json(&self) -> Json;
}

impl Value for String {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        word(node)
    }

    fn to_json(&self) -> Json {
        self.as_str().into()
    }
}

impl Value for u32 {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        let number = node.scalar().and_then(|text| text.parse().ok());
        number.ok_or_else(|| ValueError::expected("a whole number", node))
    }

    fn to_json(&self) -> Json {
        (*self).into()
    }
}

impl Value for bool {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        let truth = node.scalar().and_then(|text| text.parse().ok());
        truth.ok_or_else(|| ValueError::expected("true or false", node))
    }

    fn to_json(&self) -> Json {
        (*self).into()
    }
}

impl Value for Millis {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        quantity::duration(node)
    }

    fn to_json(&self) -> Json {
        quantity::write_duration(*self).into()
    }
}

/// A relative path is relative to the directory of the settings file.
impl Value for PathBuf {
    fn read(node: &Node, directory: &Path) -> Result<Self, ValueError> {
        Ok(directory.join(word(node)?))
    }

    fn to_json(&self) -> Json {
        self.display().to_string().into()
    }
}

/// A program: a plain name, which is looked up in `PATH`, or an absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(pub PathBuf);

impl Program {
    /// A path with a directory becomes absolute, because programs are started in other directories.
    /// Links are kept: the interpreter of a virtual environment is one.
    fn at(path: PathBuf) -> Result<Self, ValueError> {
        if path.components().count() < 2 {
            return Ok(Self(path));
        }
        let absolute = std::path::absolute(&path);
        absolute.map(Self).map_err(|error| ValueError::new(format!("{}: {error}", path.display())))
    }
}

impl FromStr for Program {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::at(PathBuf::from(text)).map_err(|error| error.message)
    }
}

impl Value for Program {
    fn read(node: &Node, directory: &Path) -> Result<Self, ValueError> {
        let text = word(node)?;
        let path = PathBuf::from(&text);
        Self::at(if text.contains(['/', '\\']) { directory.join(path) } else { path })
    }

    fn to_json(&self) -> Json {
        self.0.to_json()
    }
}

/// Time for which the event log keeps records; without a time it keeps all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(pub Option<Millis>);

/// The word for a retention without end.
const FOREVER: &str = "forever";

impl Retention {
    fn of(node: &Node) -> Result<Self, ValueError> {
        if *node == Node::Text(FOREVER.into()) {
            return Ok(Self(None));
        }
        let longer = |error: ValueError| {
            let hint = error.hint.as_deref().map_or_else(String::new, |hint| format!("{hint}; "));
            error.hint(format!("{hint}`{FOREVER}` keeps everything"))
        };
        quantity::duration(node).map(|time| Self(Some(time))).map_err(longer)
    }
}

impl FromStr for Retention {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |error: ValueError| match &error.hint {
            Some(hint) => format!("{} ({hint})", error.message),
            None => error.message,
        };
        Self::of(&Node::Text(text.into())).map_err(refused)
    }
}

impl Value for Retention {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        Self::of(node)
    }

    fn to_json(&self) -> Json {
        self.0.map_or_else(|| FOREVER.into(), |time| quantity::write_duration(time).into())
    }
}

/// Address on which a coordinator listens by default.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7700";

/// An address with a port, on which a coordinator listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(String);

impl Default for ListenAddress {
    fn default() -> Self {
        Self(DEFAULT_LISTEN.to_owned())
    }
}

impl ListenAddress {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListenAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected an address and a port, such as 127.0.0.1:7700".to_owned())
        }
    }
}

impl Value for ListenAddress {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        word(node)?.parse().map_err(ValueError::new)
    }

    fn to_json(&self) -> Json {
        self.as_str().into()
    }
}

/// A maximum or minimum size in bytes, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit(pub Option<u64>);

impl FromStr for SizeLimit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let read = Self::read(&Node::Text(text.into()), Path::new(""));
        read.map_err(|error| error.message)
    }
}

impl Value for SizeLimit {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        if node.scalar().is_some_and(|text| text == "none") {
            return Ok(Self(None));
        }
        let size = quantity::size(node).map_err(|error| {
            let expected = ValueError::expected("a size such as 16GiB, or none", node);
            match error.hint {
                Some(hint) => expected.hint(hint),
                None => expected,
            }
        })?;
        Ok(Self(Some(size)))
    }

    fn to_json(&self) -> Json {
        self.0.map_or_else(|| "none".to_owned(), quantity::write_size).into()
    }
}

/// A list. As a text, its items are separated by commas; empty items are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromStr<Err: ToString>> FromStr for List<T> {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let items: Result<_, T::Err> = items.map(str::parse).collect();
        items.map(Self).map_err(|error| error.to_string())
    }
}

impl<T: FromStr<Err: ToString> + Display> Value for List<T> {
    fn read(node: &Node, _: &Path) -> Result<Self, ValueError> {
        let refuse = |error: T::Err| ValueError::new(error.to_string());
        match node {
            Node::List(items) => {
                let items: Result<_, _> =
                    items.iter().map(|item| word(item)?.parse().map_err(refuse)).collect();
                items.map(Self)
            }
            Node::Map(_) => Err(ValueError::expected("a list", node)),
            scalar => word(scalar)?.parse().map_err(ValueError::new),
        }
    }

    fn to_json(&self) -> Json {
        self.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tag::Tag;

    fn read<T: Value>(node: &Node) -> Result<T, String> {
        T::read(node, Path::new("/etc/dtf")).map_err(|error| error.message)
    }

    fn text(text: &str) -> Node {
        Node::Text(text.into())
    }

    #[test]
    fn a_size_limit_is_a_size_or_none() {
        let limit = |value: &str| read::<SizeLimit>(&text(value)).map(|limit| limit.to_json());
        assert_eq!(limit("16GiB"), Ok("16GiB".into()));
        assert_eq!(limit("none"), Ok("none".into()));
        assert_eq!("1.5 GB".parse(), Ok(SizeLimit(Some(1_500_000_000))));
        let error = "16".parse::<SizeLimit>().expect_err("no unit");
        assert!(error.contains("a size such as 16GiB, or none"), "{error}");
    }

    #[test]
    fn paths_are_relative_to_the_directory_of_the_file() {
        let path = |value: &str| read::<PathBuf>(&text(value)).map(|path| path.to_json());
        assert_eq!(path("secrets/token"), Ok("/etc/dtf/secrets/token".into()));
        assert_eq!(path("/data"), Ok("/data".into()));
        let program = |value: &str| read::<Program>(&text(value)).map(|program| program.to_json());
        assert_eq!(program("python3"), Ok("python3".into()));
        assert_eq!(program("venv/bin/python"), Ok("/etc/dtf/venv/bin/python".into()));
    }

    #[test]
    fn a_program_of_a_flag_is_relative_to_the_current_directory() {
        assert_eq!("python3.12".parse(), Ok(Program("python3.12".into())));
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(".venv/bin/python".parse(), Ok(Program(here.join(".venv/bin/python"))));
    }

    #[test]
    fn lists_are_lists_or_texts_with_commas() {
        let list = |node: &Node| read::<List<Tag>>(node).map(|list| list.to_json());
        assert_eq!(
            list(&Node::List(vec![text("lab"), text("gpu")])),
            Ok(["lab", "gpu"].into_iter().collect())
        );
        assert_eq!(list(&text(" lab, ,gpu ")), Ok(["lab", "gpu"].into_iter().collect()));
        assert_eq!(list(&Node::List(Vec::new())), Ok(Json::Array(Vec::new())));
        assert!(list(&text("no tag")).expect_err("a blank").contains("\"no tag\""));
        assert!(list(&Node::Map(Vec::new())).is_err());
    }

    #[test]
    fn a_retention_is_a_duration_or_forever() {
        let shown = |value: &str| read::<Retention>(&text(value)).map(|value| value.to_json());
        assert_eq!(shown("180d"), Ok("4320h".into()));
        assert_eq!(shown("forever"), Ok("forever".into()));
        assert_eq!("30d".parse(), Ok(Retention(Some(Millis::from_secs(30 * 86_400)))));
        let refused = "400d".parse::<Retention>().expect_err("longer than the maximum");
        assert!(
            refused.ends_with("(the maximum is 365d; `forever` keeps everything)"),
            "{refused}"
        );
        assert!(read::<Retention>(&Node::Int(180)).is_err(), "a duration has a unit");
    }

    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!(read::<u32>(&Node::Int(3)), Ok(3));
        assert_eq!(read::<u32>(&text("3")), Ok(3));
        assert!(read::<u32>(&Node::Int(-3)).is_err());
        assert!(read::<u32>(&text("many")).is_err());
        assert_eq!(read::<bool>(&Node::Bool(true)), Ok(true));
        assert!(read::<bool>(&Node::Int(1)).is_err());
        assert_eq!(read::<Millis>(&text("10m")), Ok(Millis::from_secs(600)));
        assert!(read::<Millis>(&Node::Int(10)).is_err(), "a duration has a unit");
        assert_eq!(read::<String>(&Node::Int(7)), Ok("7".into()));
        assert!(read::<String>(&Node::List(Vec::new())).is_err());
        assert!(read::<ListenAddress>(&Node::Int(7700)).is_err());
        assert!(read::<ListenAddress>(&text("[::1]:0")).is_ok());
    }
}
