//! The environment variables of an attempt. They are built from an allow-list of the worker's own
//! variables, the directories of the attempt, thread counts, the variables of the test, and last
//! those that the worker enforces.
//!
//! Promises: only variables on the allow-list are inherited, so no token is. A test sees exactly the
//! devices that it holds, as far as the variables of the vendors work: they are not a security
//! boundary.

use crate::backends::Table;
use crate::domain::accelerator::Accelerator;
use crate::sys::caches::{self, Caches, UserContext};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Variables that tests inherit. A `*` at the end matches any suffix.
const ALLOWED: &[&str] = &[
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME",
    // places of models and of Python
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "HF_DATASETS_CACHE",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "HF_HUB_ETAG_TIMEOUT",
    "TRANSFORMERS_OFFLINE",
    "TORCH_HOME",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "PYTHONUSERBASE",
    // network access
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    // drivers and their libraries
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_MODULE_LOADING",
    "ROCM_PATH",
    "HIP_PATH",
    "HSA_OVERRIDE_GFX_VERSION",
    "NVIDIA_DRIVER_CAPABILITIES",
    "ONEAPI_ROOT",
    // required by programs on Windows
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
];

/// Variables that only builds of environments inherit: the sources of packages. They may contain
/// credentials, so tests do not get them.
const ALLOWED_FOR_BUILDS: &[&str] =
    &["UV_*", "PIP_*", "HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "TMPDIR", "TEMP", "TMP"];

pub type Variables = BTreeMap<OsString, OsString>;

/// The variables that are inherited from the worker, read once.
#[derive(Debug, Clone, Default)]
pub struct InheritedVariables {
    tests: Variables,
    builds: Variables,
}

impl InheritedVariables {
    /// `also` names additional variables that tests inherit.
    #[must_use]
    pub fn from_process(also: &[String]) -> Self {
        Self::from(std::env::vars_os(), also)
    }

    pub(super) fn from(all: impl Iterator<Item = (OsString, OsString)>, also: &[String]) -> Self {
        let all: Variables = all.collect();
        let mut inherited = Self::default();
        for (name, value) in all.clone() {
            let Some(text) = name.to_str() else { continue };
            if also.iter().any(|also| also == text) || listed(ALLOWED, text) {
                inherited.tests.insert(name, value);
            } else if listed(ALLOWED_FOR_BUILDS, text) {
                inherited.builds.insert(name, value);
            }
        }
        // A test has its own home directory, but uses the caches in the real one.
        for (name, place) in cache_places(&all) {
            inherited.tests.insert(name.into(), place);
        }
        if let Some(home) = all.get(OsStr::new("HOME")) {
            let base = Path::new(home).join(".local");
            inherited.tests.entry("PYTHONUSERBASE".into()).or_insert(base.into());
        }
        inherited
    }

    /// The variables of tools that build environments.
    #[must_use]
    pub fn for_builds(&self) -> Variables {
        let mut variables = self.tests.clone();
        variables.extend(self.builds.clone());
        variables
    }

    /// The first variables of an attempt with this directory and number of threads.
    #[must_use]
    pub fn for_attempt(&self, directory: &Path, threads: u64) -> Variables {
        let mut variables = self.tests.clone();
        for name in ["HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE"] {
            variables.insert(name.into(), directory.into());
        }
        variables.extend(threads_of(threads));
        set(&mut variables, "PYTHONUNBUFFERED", "1");
        set(&mut variables, "PYTHONFAULTHANDLER", "1");
        variables
    }
}

/// The caches of this user as absolute paths, because tests have another home and working directory.
fn cache_places(all: &Variables) -> Vec<(&'static str, OsString)> {
    let get = caches::in_map(all);
    let user = UserContext { get: &get, home: &caches::home };
    let caches = Caches::of(&user);
    let mut places = vec![("HF_HOME", caches.hub_home), ("TORCH_HOME", caches.torch)];
    // Set only when the worker has it, so that HF_HOME in a plan applies to the models as well.
    if ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].iter().any(|name| get(name).is_some()) {
        places.push(("HF_HUB_CACHE", caches.models));
    }
    if let Some(base) = get("XDG_CACHE_HOME") {
        places.push(("XDG_CACHE_HOME", caches::expand_user(&user, Path::new(&base))));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let known = places.into_iter().filter(|(_, place)| !place.starts_with("~"));
    known.map(|(name, place)| (name, here.join(place).into())).collect()
}

/// The variables with the number of threads of the common numeric libraries.
#[must_use]
pub fn threads_of(threads: u64) -> Variables {
    let threads = threads.max(1).to_string();
    ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
        .into_iter()
        .map(|name| (name.into(), OsString::from(&threads)))
        .collect()
}

fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *entry || (cfg!(windows) && name.eq_ignore_ascii_case(entry)),
    })
}

pub fn set(variables: &mut Variables, name: &str, value: impl Into<OsString>) {
    variables.insert(name.into(), value.into());
}

/// Makes exactly these devices visible.
pub fn pin(variables: &mut Variables, table: &Table, devices: &[&Accelerator]) {
    for (name, value) in table.pin(devices, cfg!(windows)) {
        set(variables, &name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_allow_list_passes() {
        let all = [
            ("PATH", "/bin"),
            ("HOME", "/home/x"),
            ("LC_ALL", "C"),
            ("DTF_TOKEN", "secret"),
            ("CUDA_VISIBLE_DEVICES", "7"),
            ("UV_INDEX_URL", "https://user:secret@host/"),
            ("MINE", "yes"),
            ("HF_TOKEN", "secret"),
        ];
        let all = all.into_iter().map(|(name, value)| (name.into(), value.into()));
        let inherited = InheritedVariables::from(all, &["MINE".to_owned()]);
        let test = inherited.for_attempt(Path::new("/work/a"), 2);
        let shown = format!("{test:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(!test.contains_key(&OsString::from("CUDA_VISIBLE_DEVICES")));
        let is = |name: &str, value: &str| test.get(&OsString::from(name)) == Some(&value.into());
        assert!(is("PATH", "/bin") && is("LC_ALL", "C") && is("MINE", "yes"));
        assert!(is("HOME", "/work/a") && is("OMP_NUM_THREADS", "2"));
        assert!(is("HF_HOME", "/home/x/.cache/huggingface"));
        assert!(inherited.for_builds().contains_key(&OsString::from("UV_INDEX_URL")));
    }

    #[test]
    fn a_test_finds_the_caches_of_the_user() {
        let of = |more: &[(&str, &str)]| {
            let all = [("HOME", "/home/x")].iter().chain(more);
            let all = all.map(|(name, value)| (OsString::from(name), OsString::from(value)));
            let test = InheritedVariables::from(all, &[]).for_attempt(Path::new("/work/a"), 1);
            move |name: &str| test.get(OsStr::new(name)).map(|v| v.display().to_string())
        };
        let usual = of(&[]);
        assert_eq!(usual("HF_HOME").as_deref(), Some("/home/x/.cache/huggingface"));
        assert_eq!((usual("HF_HUB_CACHE"), usual("XDG_CACHE_HOME")), (None, None));
        let moved = of(&[("XDG_CACHE_HOME", "/scratch")]);
        assert_eq!(moved("HF_HOME").as_deref(), Some("/scratch/huggingface"));
        assert_eq!(moved("TORCH_HOME").as_deref(), Some("/scratch/torch"));
        let own = of(&[("HF_HOME", "~/hf"), ("XDG_CACHE_HOME", "~/c"), ("TORCH_HOME", "~")]);
        assert_eq!(own("HF_HOME").as_deref(), Some("/home/x/hf"));
        assert_eq!(own("XDG_CACHE_HOME").as_deref(), Some("/home/x/c"));
        assert_eq!(own("TORCH_HOME").as_deref(), Some("/home/x"));
        assert_eq!(own("HF_HUB_CACHE"), None, "it follows HF_HOME");
        let old = of(&[("HUGGINGFACE_HUB_CACHE", "$TEAM/models"), ("TEAM", "/blue")]);
        assert_eq!(old("HF_HUB_CACHE").as_deref(), Some("/blue/models"));
        assert_eq!(old("TEAM"), None, "only what it stands for passes");
        // A test works elsewhere.
        let here = std::env::current_dir().expect("a directory");
        let relative = of(&[("HF_HOME", "hf")]);
        assert_eq!(relative("HF_HOME"), Some(here.join("hf").display().to_string()));
    }
}
