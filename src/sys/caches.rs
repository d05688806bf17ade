//! The directories in which the tools of the model hub, and torch, keep downloaded files.
//!
//! Promise: the environment variables of these tools are read as the tools read them, so that one
//! setting is enough for all: in the same order, with `~` and `$NAME` expanded as Python expands
//! them, and with an empty value as the working directory. `tests/python/test_caches.py` compares.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Values that the tools read as true, in upper case.
const TRUE: [&str; 4] = ["1", "ON", "YES", "TRUE"];

/// The environment variables and home directories from which the directories follow.
pub struct UserContext<'a> {
    /// The value of an environment variable.
    pub get: &'a dyn Fn(&str) -> Option<OsString>,
    /// The home directory of the named user; of the current user for None.
    pub home: &'a dyn Fn(Option<&str>) -> Option<PathBuf>,
}

/// The directories. A relative path is relative to the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caches {
    /// Directory of the hub's tools: models, data sets and a token.
    pub hub_home: PathBuf,
    pub models: PathBuf,
    /// File with the token that a login has stored.
    pub token: PathBuf,
    pub torch: PathBuf,
}

impl Caches {
    /// The directories for these variables and users.
    #[must_use]
    pub fn of(user: &UserContext) -> Self {
        let named = |name: &str| (user.get)(name).map(PathBuf::from);
        // The first variable that is set counts, even if it is empty.
        let base = named("XDG_CACHE_HOME");
        let hub_base =
            || base.clone().unwrap_or_else(|| expand_user(user, Path::new("~")).join(".cache"));
        let hub_home = named("HF_HOME").unwrap_or_else(|| hub_base().join("huggingface"));
        let hub_home = expand_variables(user, &expand_user(user, &hub_home));
        let models = named("HF_HUB_CACHE").or_else(|| named("HUGGINGFACE_HUB_CACHE"));
        let models = models.unwrap_or_else(|| hub_home.join("hub"));
        let token = named("HF_TOKEN_PATH").unwrap_or_else(|| hub_home.join("token"));
        let torch_base = || base.clone().unwrap_or_else(|| PathBuf::from("~/.cache"));
        let torch = named("TORCH_HOME").unwrap_or_else(|| torch_base().join("torch"));
        Self {
            models: expand_variables(user, &expand_user(user, &models)),
            token: expand_variables(user, &expand_user(user, &token)),
            // torch expands no variables.
            torch: expand_user(user, &torch),
            hub_home,
        }
    }

    /// The directories for the environment and the user of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(&UserContext { get: &variable, home: &home })
    }
}

/// Whether the environment forbids the hub's tools to use the network.
#[must_use]
pub fn offline(get: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let given = |name: &str| get(name).filter(|value| !value.is_empty());
    is_true(given("HF_HUB_OFFLINE").or_else(|| given("TRANSFORMERS_OFFLINE")))
}

/// Whether the tools read the value of a variable as true.
#[must_use]
pub fn is_true(value: Option<OsString>) -> bool {
    let upper = value.and_then(|value| Some(value.to_str()?.to_uppercase()));
    upper.is_some_and(|value| TRUE.contains(&value.as_str()))
}

/// The value of an environment variable of this process.
#[expect(clippy::disallowed_methods, reason = "variables of other programs, not settings of dtf")]
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The home directory of a user of this machine; of the current user for None.
#[must_use]
pub fn home(user: Option<&str>) -> Option<PathBuf> {
    let Some(user) = user else {
        return Some(directories::BaseDirs::new()?.home_dir().to_owned());
    };
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.first() == Some(&user))
        .find_map(|fields| Some(fields.get(5)?.into()))
}

/// Expands `~` and `~name` at the start of a path, as Python's `os.path.expanduser` does.
#[must_use]
pub fn expand_user(user: &UserContext, path: &Path) -> PathBuf {
    let Some(rest) = path.to_str().and_then(|text| text.strip_prefix('~')) else {
        return path.to_owned();
    };
    let (name, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let own = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let home = match name {
        "" => (user.get)(own).or_else(|| Some((user.home)(None)?.into())),
        name => (user.home)(Some(name)).map(OsString::from),
    };
    let Some(home) = home else { return path.to_owned() };
    let plain = home.to_str().map(|home| OsString::from(home.trim_end_matches('/')));
    let mut whole = plain.unwrap_or(home);
    whole.push(rest);
    if whole.is_empty() { PathBuf::from("/") } else { whole.into() }
}

/// Expands `$NAME` and `${NAME}`, as Python's `os.path.expandvars` does on Unix: a variable that is
/// not set stays as it is written.
fn expand_variables(user: &UserContext, path: &Path) -> PathBuf {
    let Some(mut rest) = path.to_str() else { return path.to_owned() };
    let mut out = OsString::new();
    while let Some(at) = rest.find('$') {
        out.push(&rest[..at]);
        let after = &rest[at + 1..];
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, length) = if let Some((name, _)) = braced {
            (name, name.len() + 2)
        } else {
            let length = after.find(|c| !plain(c)).unwrap_or(after.len());
            (&after[..length], length)
        };
        let value = if name.is_empty() { None } else { (user.get)(name) };
        out.push(value.as_deref().unwrap_or(OsStr::new(&rest[at..=at + length])));
        rest = &after[length..];
    }
    out.push(rest);
    out.into()
}

/// A lookup of variables in a map, for [`UserContext::get`].
pub fn in_map(map: &BTreeMap<OsString, OsString>) -> impl Fn(&str) -> Option<OsString> {
    |name| map.get(OsStr::new(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        variables: BTreeMap<String, String>,
        #[serde(flatten)]
        expected: BTreeMap<String, serde_json::Value>,
    }

    /// `tests/python/test_caches.py` runs the tools with the same cases.
    #[test]
    fn directories_are_those_of_the_hubs_own_tools() {
        let text = include_str!("../../tests/data/caches.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("cases");
        assert!(cases.len() > 10);
        for Case { variables, expected } in cases {
            let get = |name: &str| variables.get(name).map(OsString::from);
            let home = |user: Option<&str>| (user == Some("root")).then(|| PathBuf::from("/root"));
            let caches = Caches::of(&UserContext { get: &get, home: &home });
            let of = |name: &str| expected[name].as_str().map(PathBuf::from);
            assert_eq!(Some(caches.hub_home), of("hub_home"), "{variables:?}");
            assert_eq!(Some(caches.models), of("models"), "{variables:?}");
            assert_eq!(Some(caches.token), of("token"), "{variables:?}");
            assert_eq!(Some(caches.torch), of("torch"), "{variables:?}");
            assert_eq!(Some(offline(&get)), expected["offline"].as_bool(), "{variables:?}");
        }
    }

    #[test]
    fn users_are_looked_up_where_they_are_registered() {
        assert!(home(None).is_some());
        if cfg!(unix) {
            assert_eq!(home(Some("no such user")), None);
        }
    }
}
