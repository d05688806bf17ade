//! Warm runners: one preloaded Python process for each environment and thread count, which
//! forks a child for each attempt (`warm_runner.py`, Linux).
//!
//! Promises: a runner that fails, or does not answer in time, is replaced at most [`MAX_FAILURES`] times, then attempts
//! run cold and say why until the last failure is [`FORGIVEN`]; at most [`MAX_RUNNERS`] live
//! at a time; an unused one ends after [`IDLE`]; all end with this process.

use crate::sys::process::Exit;
use crate::sys::process::Label;
use crate::sys::process::Usage;
use crate::worker::variables::Variables;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
pub use pool::WarmPool;

pub const MAX_FAILURES: u32 = 3;
/// How long a failure counts.
pub const FORGIVEN: std::time::Duration = std::time::Duration::from_secs(600);
pub const MAX_RUNNERS: usize = 4;
pub const IDLE: std::time::Duration = std::time::Duration::from_secs(900);

/// Distributions worth preloading, with what is imported for each. Only where installed.
const PRELOAD: &[(&str, &[&str])] = &[
    ("numpy", &["numpy"]),
    ("torch", &["torch"]),
    ("safetensors", &["safetensors"]),
    // transformers loads its parts on first use; these are what every model needs.
    ("transformers", &["transformers", "transformers.modeling_utils", "transformers.models.auto"]),
];

/// Names whose versions are recorded with every environment.
pub fn preloadable() -> impl Iterator<Item = &'static str> {
    PRELOAD.iter().map(|(name, _)| *name)
}

/// What a runner is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub python: PathBuf,
    /// Libraries read it while they are imported.
    pub threads: u64,
    pub modules: Vec<&'static str>,
}

impl Kind {
    /// None when nothing worth preloading is installed.
    #[must_use]
    pub fn new(python: PathBuf, threads: u64, installed: impl Fn(&str) -> bool) -> Option<Self> {
        let torch = installed("torch");
        let wanted = PRELOAD.iter().filter(|(name, _)| installed(name));
        // Without torch the parts of transformers cannot be imported.
        let modules: Vec<_> = wanted
            .flat_map(|(_, modules)| modules.iter().copied())
            .filter(|module| torch || !module.contains('.'))
            .collect();
        (!modules.is_empty()).then_some(Self { python, threads, modules })
    }
}

/// One attempt for a runner.
#[derive(Debug)]
pub struct WarmStart {
    /// Unique among what runs.
    pub id: String,
    pub script: PathBuf,
    pub cwd: PathBuf,
    pub env: Variables,
    /// Carried by the process and all that come from it.
    pub label: Option<Label>,
}

/// Why an attempt has to run cold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RunCold(pub String);

/// A forked attempt.
#[derive(Debug)]
pub struct WarmChild {
    pub pid: i32,
    ended: tokio::sync::oneshot::Receiver<(Exit, Usage)>,
    end: Option<(Exit, Usage)>,
}

impl WarmChild {
    /// Waits for its end; an empty exit when its runner was lost. May be dropped and called again.
    pub async fn wait(&mut self) -> Exit {
        if self.end.is_none() {
            self.end = Some((&mut self.ended).await.unwrap_or_default());
        }
        self.end.unwrap_or_default().0
    }

    /// Known after the end.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.end.map(|(_, usage)| usage).filter(|usage| *usage != Usage::default())
    }
}

/// Where forking is not safe, every attempt runs cold.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct WarmPool;

#[cfg(not(target_os = "linux"))]
impl WarmPool {
    pub fn new(_directory: PathBuf, _env: Variables) -> Self {
        Self
    }

    pub async fn start(
        &self,
        _kind: Kind,
        _start: WarmStart,
    ) -> Result<(WarmChild, crate::sys::process::Output), RunCold> {
        Err(RunCold("forking a preloaded interpreter is not safe on this platform".into()))
    }

    pub async fn look_after(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_is_preloaded() {
        let kind = |names: &'static [&str]| {
            Kind::new("python".into(), 1, |name| names.contains(&name)).map(|kind| kind.modules)
        };
        assert_eq!(kind(&[]), None);
        assert_eq!(kind(&["numpy", "transformers"]), Some(vec!["numpy", "transformers"]));
        assert!(kind(&["torch", "transformers"]).is_some_and(|all| all.len() == 4));
    }
}
