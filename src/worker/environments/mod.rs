//! Python environments: one for each distinct set of requirements, built once, shared by all workers
//! that use the directory.
//!
//! Limit: [`BUILD_TIMEOUT`] for each tool of a build.
//!
//! Promises: two builders never work on the same environment, also in different processes. An
//! incomplete environment is built again. A failed build is not repeated within [`RETRY_INTERVAL`].
//! The versions in every environment are recorded.

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
use torch::TorchBuild;

mod build;
mod tool;
pub mod torch;
mod versions;

pub const BUILD_TIMEOUT: Duration = Duration::from_secs(3600);
pub const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// File with the record of an environment. It is written last, and marks a complete environment.
const COMPLETE: &str = "dtf-complete.json";
const PROBE: &str = include_str!("probe_environment.py");

/// The progress of a build, for people who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildEvent<'a> {
    Started {
        environment: &'a str,
        requirements: &'a [String],
    },
    /// A line of output of a tool.
    Line {
        environment: &'a str,
        line: &'a str,
    },
    /// A message that stays visible after the build has ended.
    Notice {
        environment: &'a str,
        line: &'a str,
    },
    Finished {
        environment: &'a str,
        error: Option<&'a str>,
    },
}

/// Receives the progress of builds. It is called by the tasks that build, so it must return quickly.
pub trait BuildProgress: Send + Sync {
    fn event(&self, event: BuildEvent<'_>);
}

/// Ignores all progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl BuildProgress for NoProgress {
    fn event(&self, _event: BuildEvent<'_>) {}
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    #[error("no Python interpreter was found; install python3 or give one with --python")]
    NoPython,
    #[error("the requirement {0:?} is an option of the installer, which is not allowed")]
    Option(String),
    #[error(
        "{} does not have {}; install it there, or omit --system-packages to build environments",
        python.display(), missing.join(", ")
    )]
    MissingPackages { python: PathBuf, missing: Vec<String> },
    #[error("cannot {what}: {reason}")]
    Failed { what: String, reason: String },
}

/// An environment that is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonEnvironment {
    pub python: PathBuf,
    /// Directory with the programs of the environment. It becomes the first entry of `PATH`.
    pub bin: Option<PathBuf>,
    /// Versions and platform, as `probe_environment.py` reports them.
    pub record: Map<String, Value>,
}

impl PythonEnvironment {
    /// Whether this is a virtual environment.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.record.get("virtual_environment") == Some(&Value::Bool(true))
    }

    /// Whether a distribution is installed. Known for those that the record names.
    #[must_use]
    pub fn installed(&self, distribution: &str) -> bool {
        let versions = self.record.get("distributions").and_then(Value::as_object);
        versions.and_then(|all| all.get(distribution)).is_some_and(Value::is_string)
    }
}

/// The settings for building environments.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// Directory of the environments. It is created with the first one.
    pub directory: PathBuf,
    /// Existing directory in which the tools run.
    pub cwd: PathBuf,
    /// Interpreter to use instead of the one in `PATH`.
    pub python: Option<PathBuf>,
    /// Use the packages that the interpreter has, and build nothing.
    pub system_packages: bool,
    /// The build of torch.
    pub torch_build: TorchBuild,
    /// Install from caches only.
    pub offline: bool,
    /// Marker of the processes of builds, so that the worker can end them.
    pub marker: String,
}

pub struct Environments {
    settings: BuildSettings,
    inherited: InheritedVariables,
    progress: Arc<dyn BuildProgress>,
    states: Mutex<BTreeMap<String, Arc<Mutex<EnvironmentState>>>>,
    system: Mutex<Option<Arc<PythonEnvironment>>>,
}

/// The state of one environment in this process.
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
        let (states, system) = (Mutex::default(), Mutex::default());
        Self { settings, inherited, progress, states, system }
    }

    /// Directory of the environments.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.settings.directory
    }

    /// At most `limit` environments that are built, the newest first, and whether every test of this
    /// worker uses them.
    pub async fn built(&self, limit: usize) -> Vec<(Arc<PythonEnvironment>, bool)> {
        if self.settings.system_packages {
            return self.system().await.map(|system| (system, true)).into_iter().collect();
        }
        let on_disk = self.on_disk(limit).await;
        on_disk.into_iter().map(|environment| (environment, false)).collect()
    }

    /// As [`Environments::built`], for environments whose record is on disk, so that no interpreter is
    /// started. Tests may use any of them.
    pub async fn on_disk(&self, limit: usize) -> Vec<Arc<PythonEnvironment>> {
        if self.settings.system_packages {
            return Vec::new();
        }
        let directory = self.settings.directory.clone();
        let read = move || Self::in_directory(&directory, limit);
        let built = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        built.into_iter().map(Arc::new).collect()
    }

    /// Finds or builds an environment. The future may be dropped: an incomplete environment is built
    /// again. `files` is the directory of the wheels, which are named by their digests.
    ///
    /// # Errors
    /// There is no interpreter, or the build failed. The error ends with the last output of the tool.
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

    /// Checks that the interpreter has the packages. The image of an accelerator vendor often has the
    /// only build of torch that works on its devices.
    async fn packages_of_system(
        &self,
        packages: &Packages,
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let python = self.python()?;
        let wheels = packages.wheels.iter().filter_map(|file| wheel_contents(&file.path));
        let wheels = wheels.map(|(name, version)| format!("{name}=={version}"));
        let requirements = packages.requirements.iter().cloned().chain(wheels).collect();
        let python_version = packages.python.clone();
        let wanted = Packages { requirements, python: python_version, wheels: Vec::new() };
        let mut record = self.probe(&python, &distributions(packages), Some(&wanted)).await?;
        let missing = record.remove("missing").and_then(|list| serde_json::from_value(list).ok());
        let missing: Vec<String> = missing.ok_or_else(|| EnvironmentError::Failed {
            what: "check the packages of the interpreter".to_owned(),
            reason: "it printed no list of missing packages".to_owned(),
        })?;
        if !missing.is_empty() {
            return Err(EnvironmentError::MissingPackages { python, missing });
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
        // Read once, so that the name of the environment and its packages agree.
        let torch = self.settings.torch_build.now();
        let id = self.id(packages, &torch);
        let state = self.states.lock().await.entry(id.clone()).or_default().clone();
        // Locked during the build, so that all attempts that need the environment wait for one build.
        let mut state = state.lock().await;
        if let Some(prepared) = state.ready.as_ref().filter(|prepared| prepared.python.exists()) {
            return Ok(prepared.clone());
        }
        if let Some((at, error)) =
            state.failed.as_ref().filter(|(at, _)| at.elapsed() < RETRY_INTERVAL)
        {
            tracing::debug!(%id, since = ?at.elapsed(), "not repeating a build that failed recently");
            return Err(error.clone());
        }
        let prepared = if self.settings.system_packages {
            self.packages_of_system(packages).await
        } else {
            self.find_or_build((&id, &torch), packages, files).await
        };
        match prepared {
            Ok(prepared) => {
                let prepared = Arc::new(prepared);
                *state = EnvironmentState { ready: Some(prepared.clone()), failed: None };
                Ok(prepared)
            }
            Err(error) => {
                *state =
                    EnvironmentState { ready: None, failed: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }

    /// Identifies an environment by everything that determines its contents. `torch` is the build of torch.
    fn id(&self, packages: &Packages, torch: &str) -> String {
        let mut requirements: Vec<&str> = packages.requirements.iter().map(|r| r.trim()).collect();
        requirements.sort_unstable();
        requirements.dedup();
        let interpreter = self.settings.python.as_deref().map(Path::to_string_lossy);
        let all = (requirements, &packages.python, torch, interpreter);
        let mut text = serde_json::to_string(&all).unwrap_or_default();
        let mut wheels: Vec<&str> = packages.wheels.iter().map(|file| &*file.sha256).collect();
        wheels.sort_unstable();
        wheels.dedup();
        text.extend(wheels);
        sha256_hex(text.as_bytes()).chars().take(16).collect()
    }

    /// The interpreter for builds and for tests in the system environment.
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

/// The distributions whose versions are recorded.
fn distributions(packages: &Packages) -> Vec<String> {
    let named = packages.requirements.iter().map(|text| distribution(text).to_owned());
    let wheels = packages.wheels.iter().filter_map(|file| wheel_contents(&file.path));
    let named = named.chain(wheels.map(|(name, _)| name.to_owned()));
    named.chain(preloadable().map(String::from)).collect()
}

/// The name of the distribution in a requirement.
fn distribution(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
    requirement.get(..end.unwrap_or(requirement.len())).unwrap_or(requirement)
}

/// The directory of programs in a virtual environment.
fn bin(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

fn interpreter(environment: &Path) -> PathBuf {
    bin(environment).join(if cfg!(windows) { "python.exe" } else { "python" })
}

#[cfg(test)]
mod tests;
