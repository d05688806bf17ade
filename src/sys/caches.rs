//! Where the tools of the model hub, and torch, keep what they have fetched.
//!
//! Their variables are read as these tools read them, so that one setting is enough for all:
//! in the same order, with `~` and `$NAME` expanded as Python does it, and with an empty value
//! as what it is there: the working directory. `tests/python/test_caches.py` compares.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What the tools take for true.
const TRUE: [&str; 4] = ["1", "ON", "YES", "TRUE"];

/// Variables, and where users are at home.
pub struct Surroundings<'a> {
    pub get: &'a dyn Fn(&str) -> Option<OsString>,
    /// The home of a user by name, or of the one that runs this.
    pub home: &'a dyn Fn(Option<&str>) -> Option<PathBuf>,
}

/// The places. Relative ones are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caches {
    /// What the hub's tools keep: models, data sets, a token.
    pub hub_home: PathBuf,
    pub models: PathBuf,
    /// The token that a login has left.
    pub token: PathBuf,
    pub torch: PathBuf,
}

impl Caches {
    #[must_use]
    pub fn of(around: &Surroundings) -> Self {
        let named = |name: &str| (around.get)(name).map(PathBuf::from);
        // The first that is set counts, even when it is empty.
        let base = named("XDG_CACHE_HOME");
        let hub_base =
            || base.clone().unwrap_or_else(|| user(around, Path::new("~")).join(".cache"));
        let hub_home = named("HF_HOME").unwrap_or_else(|| hub_base().join("huggingface"));
        let hub_home = variables(around, &user(around, &hub_home));
        let models = named("HF_HUB_CACHE").or_else(|| named("HUGGINGFACE_HUB_CACHE"));
        let models = models.unwrap_or_else(|| hub_home.join("hub"));
        let token = named("HF_TOKEN_PATH").unwrap_or_else(|| hub_home.join("token"));
        let torch_base = || base.clone().unwrap_or_else(|| PathBuf::from("~/.cache"));
        let torch = named("TORCH_HOME").unwrap_or_else(|| torch_base().join("torch"));
        Self {
            models: variables(around, &user(around, &models)),
            token: variables(around, &user(around, &token)),
            // torch expands no variables.
            torch: user(around, &torch),
            hub_home,
        }
    }

    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(&Surroundings { get: &variable, home: &home })
    }
}

/// Whether the hub's tools would not ask it.
#[must_use]
pub fn offline(get: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let said = |name: &str| get(name).filter(|value| !value.is_empty());
    is_true(said("HF_HUB_OFFLINE").or_else(|| said("TRANSFORMERS_OFFLINE")))
}

#[must_use]
pub fn is_true(value: Option<OsString>) -> bool {
    let upper = value.and_then(|value| Some(value.to_str()?.to_uppercase()));
    upper.is_some_and(|value| TRUE.contains(&value.as_str()))
}

/// A variable of this process.
#[expect(clippy::disallowed_methods, reason = "variables of other programs, no settings of dtf")]
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The home of a user of this machine.
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

/// `os.path.expanduser`.
#[must_use]
pub fn user(around: &Surroundings, path: &Path) -> PathBuf {
    let Some(rest) = path.to_str().and_then(|text| text.strip_prefix('~')) else {
        return path.to_owned();
    };
    let (name, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let own = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let home = match name {
        "" => (around.get)(own).or_else(|| Some((around.home)(None)?.into())),
        name => (around.home)(Some(name)).map(OsString::from),
    };
    let Some(home) = home else { return path.to_owned() };
    let plain = home.to_str().map(|home| OsString::from(home.trim_end_matches('/')));
    let mut whole = plain.unwrap_or(home);
    whole.push(rest);
    if whole.is_empty() { PathBuf::from("/") } else { whole.into() }
}

/// `os.path.expandvars` as on Unix: what is not set stays as it is written.
fn variables(around: &Surroundings, path: &Path) -> PathBuf {
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
        let value = if name.is_empty() { None } else { (around.get)(name) };
        out.push(value.as_deref().unwrap_or(OsStr::new(&rest[at..=at + length])));
        rest = &after[length..];
    }
    out.push(rest);
    out.into()
}

/// Looks variables up in a map.
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

    /// The same cases as in `tests/python/test_caches.py`, which asks the tools themselves.
    #[test]
    fn places_are_those_of_the_hubs_own_tools() {
        let text = include_str!("../../tests/data/caches.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("cases");
        assert!(cases.len() > 10);
        for Case { variables, expected } in cases {
            let get = |name: &str| variables.get(name).map(OsString::from);
            let home = |user: Option<&str>| (user == Some("root")).then(|| PathBuf::from("/root"));
            let found = Caches::of(&Surroundings { get: &get, home: &home });
            let of = |name: &str| expected[name].as_str().map(PathBuf::from);
            assert_eq!(Some(found.hub_home), of("hub_home"), "{variables:?}");
            assert_eq!(Some(found.models), of("models"), "{variables:?}");
            assert_eq!(Some(found.token), of("token"), "{variables:?}");
            assert_eq!(Some(found.torch), of("torch"), "{variables:?}");
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
