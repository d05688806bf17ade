//! The kinds of warm runners: an interpreter, a number of threads, and the modules to preload.

use std::path::PathBuf;

/// Distributions that are worth preloading where they are installed, with their modules to import.
const PRELOAD: &[(&str, &[&str])] = &[
    ("numpy", &["numpy"]),
    ("torch", &["torch"]),
    ("safetensors", &["safetensors"]),
    // transformers loads its modules on first use; every model needs these.
    ("transformers", &["transformers", "transformers.modeling_utils", "transformers.models.auto"]),
];

/// The distributions that are worth preloading. Their versions are recorded with every environment.
pub fn preloadable() -> impl Iterator<Item = &'static str> {
    PRELOAD.iter().map(|(name, _)| *name)
}

/// The kind of a runner. Attempts of the same kind share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunnerKind {
    pub python: PathBuf,
    /// Number of threads. Libraries read it while they are imported.
    pub threads: u64,
    pub modules: Vec<&'static str>,
}

impl RunnerKind {
    /// None when no distribution that is worth preloading is installed.
    #[must_use]
    pub fn new(python: PathBuf, threads: u64, is_installed: impl Fn(&str) -> bool) -> Option<Self> {
        let has_torch = is_installed("torch");
        let wanted = PRELOAD.iter().filter(|(name, _)| is_installed(name));
        // Without torch the submodules of transformers cannot be imported.
        let modules: Vec<_> = wanted
            .flat_map(|(_, modules)| modules.iter().copied())
            .filter(|module| has_torch || !module.contains('.'))
            .collect();
        (!modules.is_empty()).then_some(Self { python, threads, modules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_distributions_are_preloaded() {
        let kind = |names: &'static [&str]| {
            RunnerKind::new("python".into(), 1, |name| names.contains(&name))
                .map(|kind| kind.modules)
        };
        assert_eq!(kind(&[]), None);
        assert_eq!(kind(&["numpy", "transformers"]), Some(vec!["numpy", "transformers"]));
        assert!(kind(&["torch", "transformers"]).is_some_and(|all| all.len() == 4));
    }
}
