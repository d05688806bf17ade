//! Python environments: one for each distinct set of requirements, built once, shared by
//! all workers that use the directory.
//!
//! Promises: two builders never work on the same environment, across processes; one that
//! was not completed is built anew; a failed build is not tried again for [`RETRY_AFTER`];
//! every environment is recorded with its versions. Limits: [`BUILD_LIMIT`] a build.

use crate::domain::digest::sha256_hex;
use crate::domain::launch::{Environment, Packages, wheel_contents};
use crate::sys::process::lookup;
use crate::worker::variables::InheritedVariables;
use crate::worker::warm::kind::preloadable;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

mod build;
mod tool;

pub const BUILD_LIMIT: Duration = Duration::from_secs(3600);
pub const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Written last into an environment; holds its record.
const COMPLETE: &str = "dtf-complete.json";
const PROBE: &str = include_str!("probe_environment.py");

/// What goes on while an environment is built, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildEvent<'a> {
    Started {
        environment: &'a str,
        requirements: &'a [String],
    },
    /// Output of a tool.
    Line {
        environment: &'a str,
        line: &'a str,
    },
    /// What a person should know even after the build has ended.
    Notice {
        environment: &'a str,
        line: &'a str,
    },
    Finished {
        environment: &'a str,
        error: Option<&'a str>,
    },
}

/// Hears about builds; called from the tasks that build, so it must be quick.
pub trait BuildProgress: Send + Sync {
    fn event(&self, event: BuildEvent<'_>);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl BuildProgress for NoProgress {
    fn event(&self, _event: BuildEvent<'_>) {}
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    #[error("no Python interpreter was found; install python3 or name one with --python")]
    NoPython,
    #[error("the requirement {0:?} is an option, which is not allowed")]
    Option(String),
    #[error(
        "{} lacks {}; install it there, or let environments be built (no --system-packages)",
        python.display(), lacking.join(", ")
    )]
    Lacking { python: PathBuf, lacking: Vec<String> },
    #[error("cannot {what}: {reason}")]
    Failed { what: String, reason: String },
}

/// An environment that is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonEnvironment {
    pub python: PathBuf,
    /// Comes first in `PATH`: where the environment keeps its programs.
    pub bin: Option<PathBuf>,
    /// Versions and platform, as `probe_environment.py` tells them.
    pub record: Map<String, Value>,
}

impl PythonEnvironment {
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.record.get("virtual_environment") == Some(&Value::Bool(true))
    }

    #[must_use]
    pub fn installed(&self, distribution: &str) -> bool {
        let versions = self.record.get("distributions").and_then(Value::as_object);
        versions.and_then(|all| all.get(distribution)).is_some_and(Value::is_string)
    }
}

/// How environments are built here.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// Made when the first environment is built.
    pub directory: PathBuf,
    /// Where tools are started; it exists.
    pub cwd: PathBuf,
    /// Instead of what is found in `PATH`.
    pub python: Option<PathBuf>,
    /// Takes the packages that the interpreter has, where they suffice; builds nothing.
    pub system_packages: bool,
    /// For `uv pip install --torch-backend`: `cpu`, `auto`, `cu128`, ….
    pub torch_backend: String,
    /// Uses only what is cached already.
    pub offline: bool,
    /// Marks the processes of builds as this worker's.
    pub marker: String,
}

pub struct Environments {
    settings: BuildSettings,
    inherited: InheritedVariables,
    progress: Arc<dyn BuildProgress>,
    places: Mutex<BTreeMap<String, Arc<Mutex<EnvironmentState>>>>,
    system: Mutex<Option<Arc<PythonEnvironment>>>,
}

/// What is known of one environment.
#[derive(Default)]
struct EnvironmentState {
    ready: Option<Arc<PythonEnvironment>>,
    failed: Option<(Instant, EnvironmentError)>,
}

impl Environments {
    #[must_use]
    pub fn new(
        settings: BuildSettings,
        inherited: InheritedVariables,
        progress: Arc<dyn BuildProgress>,
    ) -> Self {
        let (places, system) = (Mutex::default(), Mutex::default());
        Self { settings, inherited, progress, places, system }
    }

    /// Finds or builds it. May be dropped: what is half built is built anew. `files` is the
    /// directory in which its wheels are kept by their digests.
    ///
    /// # Errors
    /// No interpreter, or the build failed; the error ends with the tool's last words.
    pub async fn prepare(
        &self,
        wanted: &Environment,
        files: &Path,
    ) -> Result<Arc<PythonEnvironment>, EnvironmentError> {
        match wanted {
            Environment::System => self.system().await,
            Environment::Packages(packages) => self.packages(packages, files).await,
        }
    }

    async fn system(&self) -> Result<Arc<PythonEnvironment>, EnvironmentError> {
        let mut system = self.system.lock().await;
        if let Some(prepared) = system.as_ref() {
            return Ok(prepared.clone());
        }
        let python = self.python()?;
        let names: Vec<String> = preloadable().map(String::from).collect();
        let record = self.probe(&python, &names, None).await?;
        let prepared = Arc::new(PythonEnvironment { python, bin: None, record });
        *system = Some(prepared.clone());
        Ok(prepared)
    }

    /// What vendors of accelerators ship with their images is often the only build of torch
    /// that works there.
    async fn packages_of_system(
        &self,
        packages: &Packages,
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let python = self.python()?;
        let held = packages.wheels.iter().filter_map(|file| wheel_contents(&file.path));
        let held = held.map(|(name, version)| format!("{name}=={version}"));
        let requirements = packages.requirements.iter().cloned().chain(held).collect();
        let python_version = packages.python.clone();
        let wanted = Packages { requirements, python: python_version, wheels: Vec::new() };
        let mut record = self.probe(&python, &distributions(packages), Some(&wanted)).await?;
        let lacking = record.remove("lacking").and_then(|told| serde_json::from_value(told).ok());
        let lacking: Vec<String> = lacking.unwrap_or_default();
        if !lacking.is_empty() {
            return Err(EnvironmentError::Lacking { python, lacking });
        }
        let executable = record.get("executable").and_then(Value::as_str).map(Path::new);
        let bin = executable.and_then(Path::parent).map(Path::to_owned);
        Ok(PythonEnvironment { python, bin, record })
    }

    async fn packages(
        &self,
        packages: &Packages,
        files: &Path,
    ) -> Result<Arc<PythonEnvironment>, EnvironmentError> {
        if let Some(option) = packages.requirements.iter().find(|r| r.trim().starts_with('-')) {
            return Err(EnvironmentError::Option(option.chars().take(80).collect()));
        }
        let id = self.id(packages);
        let place = self.places.lock().await.entry(id.clone()).or_default().clone();
        // Held while it is built, so that all who want it wait for one build.
        let mut place = place.lock().await;
        if let Some(prepared) = place.ready.as_ref().filter(|prepared| prepared.python.exists()) {
            return Ok(prepared.clone());
        }
        if let Some((at, error)) =
            place.failed.as_ref().filter(|(at, _)| at.elapsed() < RETRY_AFTER)
        {
            tracing::debug!(%id, since = ?at.elapsed(), "the build has just failed");
            return Err(error.clone());
        }
        let prepared = if self.settings.system_packages {
            self.packages_of_system(packages).await
        } else {
            self.find_or_build(&id, packages, files).await
        };
        match prepared {
            Ok(prepared) => {
                let prepared = Arc::new(prepared);
                *place = EnvironmentState { ready: Some(prepared.clone()), failed: None };
                Ok(prepared)
            }
            Err(error) => {
                *place =
                    EnvironmentState { ready: None, failed: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }

    fn id(&self, packages: &Packages) -> String {
        let mut requirements: Vec<&str> = packages.requirements.iter().map(|r| r.trim()).collect();
        requirements.sort_unstable();
        requirements.dedup();
        let interpreter = self.settings.python.as_deref().map(Path::to_string_lossy);
        let all = (requirements, &packages.python, &self.settings.torch_backend, interpreter);
        let mut text = serde_json::to_string(&all).unwrap_or_default();
        let mut wheels: Vec<&str> = packages.wheels.iter().map(|file| &*file.sha256).collect();
        wheels.sort_unstable();
        wheels.dedup();
        text.extend(wheels);
        sha256_hex(text.as_bytes()).chars().take(16).collect()
    }

    fn python(&self) -> Result<PathBuf, EnvironmentError> {
        if let Some(python) = &self.settings.python {
            return Ok(python.clone());
        }
        self.search_path().and_then(|path| lookup::python(&path)).ok_or(EnvironmentError::NoPython)
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        lookup::find(name.as_ref(), &self.search_path()?, Path::new("/"))
    }

    fn search_path(&self) -> Option<OsString> {
        self.inherited.for_builds().remove(OsStr::new("PATH"))
    }
}

/// Names whose versions are recorded.
fn distributions(packages: &Packages) -> Vec<String> {
    let named = packages.requirements.iter().map(|text| distribution(text).to_owned());
    let held = packages.wheels.iter().filter_map(|file| wheel_contents(&file.path));
    let named = named.chain(held.map(|(name, _)| name.to_owned()));
    named.chain(preloadable().map(String::from)).collect()
}

/// The distribution that a requirement is about.
fn distribution(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
    requirement.get(..end.unwrap_or(requirement.len())).unwrap_or(requirement)
}

/// Where a virtual environment keeps its programs.
fn bin(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

fn interpreter(environment: &Path) -> PathBuf {
    bin(environment).join(if cfg!(windows) { "python.exe" } else { "python" })
}

#[cfg(test)]
mod tests;
