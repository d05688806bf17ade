//! Merges the sources of settings: flag over variable over file over default.
//!
//! The command line hands over flags and variables together, as given values. This module keeps
//! where each value comes from, for `dtf config show` and for messages.

use super::declaration::{Entry, Setting};
use super::file::File;
use super::value::Value;
use std::path::PathBuf;

/// The source of the value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag(String),
    Variable(String),
    File { path: PathBuf, line: Option<u32> },
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting after merging. It has no value when it is not set and has no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub setting: &'static Setting,
    pub value: Option<serde_json::Value>,
    pub origin: Origin,
}

/// Merges settings one by one, and records each.
pub struct Resolver<'a> {
    file: &'a File,
    is_flag: &'a dyn Fn(&str) -> bool,
    resolved: Vec<Resolved>,
}

impl<'a> Resolver<'a> {
    #[must_use]
    pub fn new(file: &'a File) -> Self {
        Self::with_flags(file, &|_| true)
    }

    /// As [`Self::new`], where `is_flag` states whether the given value of a key is that of a flag, and not of a variable.
    #[must_use]
    pub fn with_flags(file: &'a File, is_flag: &'a dyn Fn(&str) -> bool) -> Self {
        Self { file, is_flag, resolved: Vec::new() }
    }

    #[must_use]
    pub fn file(&self) -> &'a File {
        self.file
    }

    /// Everything that was merged, in order.
    #[must_use]
    pub fn finish(self) -> Vec<Resolved> {
        self.resolved
    }

    /// The origin of the setting that was merged last.
    #[must_use]
    pub fn last_origin(&self) -> Origin {
        self.resolved.last().map_or(Origin::Default, |last| last.origin.clone())
    }

    /// The value of a setting without a default.
    pub fn optional<T: Value + Clone>(&mut self, given: Option<T>, entry: &Entry<T>) -> Option<T> {
        let (value, origin) = self.first(given, entry);
        self.record(entry.setting, value.as_ref(), origin);
        value
    }

    /// The value of a setting with a default.
    pub fn value<T: Value + Clone>(
        &mut self,
        given: Option<T>,
        entry: &Entry<T>,
        default: impl FnOnce() -> T,
    ) -> T {
        let (value, origin) = self.first(given, entry);
        let value = value.unwrap_or_else(default);
        self.record(entry.setting, Some(&value), origin);
        value
    }

    /// The value of the first source that has one.
    fn first<T: Clone>(&self, given: Option<T>, entry: &Entry<T>) -> (Option<T>, Origin) {
        let setting = entry.setting;
        match (given, &entry.value) {
            (Some(value), _) if (self.is_flag)(setting.key) => {
                (Some(value), Origin::Flag(setting.flag()))
            }
            (Some(value), _) => (Some(value), Origin::Variable(setting.variable())),
            (None, Some(value)) => {
                let path = self.file.path().map(PathBuf::from).unwrap_or_default();
                let line = self.file.line_of(setting);
                (Some(value.clone()), Origin::File { path, line })
            }
            (None, None) => (None, Origin::Default),
        }
    }

    fn record(&mut self, setting: &'static Setting, value: Option<&impl Value>, origin: Origin) {
        let value = value.map(Value::to_json);
        self.resolved.push(Resolved { setting, value, origin });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_precedes_a_variable_a_file_and_the_default() {
        let text = "worker:\n  name: lab\n  slots: 3\n";
        let file = File::parse(text, "dtf.yaml".into()).expect("understood");
        let is_flag = |key: &str| key == "slots";
        let mut resolver = Resolver::with_flags(&file, &is_flag);
        let worker = &file.sections().worker;
        assert_eq!(resolver.optional(Some(1), &worker.slots), Some(1));
        assert_eq!(resolver.last_origin().to_string(), "--slots");
        assert_eq!(resolver.value(Some("env".to_owned()), &worker.name, String::new), "env");
        assert_eq!(resolver.last_origin().to_string(), "DTF_NAME");
        assert_eq!(resolver.optional(None, &worker.slots), Some(3));
        assert_eq!(resolver.last_origin().to_string(), "dtf.yaml:3");
        assert!(resolver.value(None, &worker.offline, || true));
        assert_eq!(resolver.last_origin(), Origin::Default);
        assert_eq!(resolver.optional(None, &worker.torch_backend), None);
        let values: Vec<_> = resolver.finish().into_iter().map(|resolved| resolved.value).collect();
        let expected = serde_json::json!([1, "env", 3, true, null]);
        assert_eq!(serde_json::json!(values), expected);
    }
}
