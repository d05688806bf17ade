//! The settings file: YAML, one level, known keys only.

use super::{Kind, TABLE};
use crate::sys::fs::read_text;
use crate::text::depth;
use crate::text::suggest::did_you_mean;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest settings file.
const MAX_FILE_BYTES: u64 = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the settings file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the settings file {path} has more than {MAX_FILE_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error("the settings file {path} is not understood: {reason}")]
    Syntax { path: PathBuf, reason: String },
    #[error("unknown setting {key:?} in {path}; {hint}")]
    UnknownKey { path: PathBuf, key: String, hint: String },
    #[error("{key} in {path}: {reason}")]
    Value { path: PathBuf, key: &'static str, reason: String },
}

/// What a settings file says; an absent file says nothing.
#[derive(Debug, Clone, Default)]
pub struct File {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl File {
    /// Reads the named file, or the default one if it is there.
    ///
    /// # Errors
    /// A named file that is missing, and any that is not understood.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, needed) = match named {
            Some(path) => (path.to_owned(), true),
            None => match super::locate::settings_file() {
                Some(path) => (path, false),
                None => return Ok(Self::default()),
            },
        };
        match std::fs::metadata(&path) {
            Ok(data) if data.len() > MAX_FILE_BYTES => Err(ConfigError::TooLarge { path }),
            Ok(_) => match read_text(&path) {
                Ok(text) => Self::parse(&text, path),
                Err(source) => Err(ConfigError::Read { path, source }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Read { path, source }),
        }
    }

    /// # Errors
    /// Whatever is not `key: value` lines with known keys.
    pub fn parse(text: &str, path: PathBuf) -> Result<Self, ConfigError> {
        let syntax = |reason: String| ConfigError::Syntax { path: path.clone(), reason };
        if depth::too_deep(text).is_some() {
            return Err(syntax("it is nested too deeply".into()));
        }
        let raw: Option<BTreeMap<String, serde_yaml::Value>> =
            serde_yaml::from_str(text).map_err(|error| syntax(error.to_string()))?;
        let mut values = BTreeMap::new();
        for (key, value) in raw.unwrap_or_default() {
            let Some(setting) = TABLE.iter().find(|setting| setting.key == key) else {
                let known: Vec<_> = TABLE.iter().map(|setting| setting.key).collect();
                let hint = did_you_mean(&key, &known);
                return Err(ConfigError::UnknownKey { path, key, hint });
            };
            let text = plain(&value)
                .ok_or_else(|| syntax(format!("{key} is neither a value nor a list of values")))?;
            let text = match setting.kind {
                Kind::Path => beside(&path, text),
                Kind::Program if text.contains(['/', '\\']) => beside(&path, text),
                Kind::Program | Kind::Value => text,
            };
            values.insert(key, text);
        }
        Ok(Self { path, values })
    }

    /// Where it was read from, when there was one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&*self.path)
    }

    /// The flag or variable if there is one, else what the file says.
    ///
    /// # Errors
    /// A value in the file that `parse` refuses.
    pub fn pick<T, E: ToString>(
        &self,
        given: Option<T>,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        debug_assert!(TABLE.iter().any(|setting| setting.key == key), "{key} is not in the table");
        match (given, self.values.get(key)) {
            (Some(given), _) => Ok(Some(given)),
            (None, Some(text)) => parse(text).map(Some).map_err(|error| ConfigError::Value {
                path: self.path.clone(),
                key,
                reason: error.to_string(),
            }),
            (None, None) => Ok(None),
        }
    }
}

/// A path that the file `of` names, as this process has to open it.
fn beside(of: &Path, path: String) -> String {
    match of.parent() {
        Some(directory) => directory.join(path).display().to_string(),
        None => path,
    }
}

/// A value as it would be written in a variable; lists with commas.
fn plain(value: &serde_yaml::Value) -> Option<String> {
    match value {
        serde_yaml::Value::String(text) => Some(text.clone()),
        serde_yaml::Value::Number(number) => Some(number.to_string()),
        serde_yaml::Value::Bool(yes) => Some(yes.to_string()),
        serde_yaml::Value::Sequence(items) => {
            let items: Option<Vec<_>> = items.iter().map(plain).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, ConfigError> {
        File::parse(text, PathBuf::from("dtf.yaml"))
    }

    #[test]
    fn the_flag_wins_over_the_file() {
        let file = parse("slots: 3\ntags: [a, b]\n").expect("understood");
        let number = |text: &str| text.parse::<u32>();
        assert_eq!(file.pick(Some(1), "slots", number).expect("given"), Some(1));
        assert_eq!(file.pick(None, "slots", number).expect("in the file"), Some(3));
        let text = |text: &str| Ok::<_, String>(text.to_owned());
        assert_eq!(file.pick(None, "tags", text).expect("a list"), Some("a,b".into()));
        assert_eq!(file.pick(None, "name", text).expect("absent"), None);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let path = PathBuf::from("/etc/dtf/config.yaml");
        let text = "token_file: secrets/token\ndata_dir: /data\npython: python3\ntags: [a/b]\n";
        let file = File::parse(text, path).expect("understood");
        let said = |key| file.values.get(key).map(String::as_str);
        assert_eq!(said("token_file"), Some("/etc/dtf/secrets/token"));
        assert_eq!(said("data_dir"), Some("/data"));
        assert_eq!(said("python"), Some("python3"));
        assert_eq!(said("tags"), Some("a/b"));
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        let error = parse("solts: 3").expect_err("a typing mistake").to_string();
        assert!(error.contains("\"solts\"") && error.contains("slots"), "{error}");
    }

    #[test]
    fn values_and_syntax_are_checked() {
        let file = parse("slots: many").expect("a text");
        let error = file.pick(None, "slots", str::parse::<u32>).expect_err("no number");
        assert!(error.to_string().starts_with("slots in dtf.yaml: "), "{error}");
        assert!(parse("slots: {a: 1}").is_err());
        assert!(parse("- a").is_err());
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse("").expect("empty is fine").values.is_empty());
    }
}
