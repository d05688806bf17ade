//! The versions of a package that the configured index has, as `uv` resolves them: yanked versions,
//! versions for other versions of Python and, unless they are asked for, pre-releases are left out.
//!
//! The index is that of `uv`, with its variables and files, so that a version which is listed here is
//! one that an environment can be built with. Limit: [`MAX_VERSIONS`].

use super::{EnvironmentError, Environments};
use std::ffi::OsString;
use std::time::Duration;

/// Maximum number of versions in a range.
pub const MAX_VERSIONS: usize = 500;
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(120);
/// Text of uv if no version satisfies a range. Every other failure leaves open what the range has.
const NOTHING_LEFT: &str = "No solution found";
/// Name of these calls in the output of tools.
const ID: &str = "versions";

impl Environments {
    /// The versions of a package from `good` to `bad`, in the order of versions. Both ends are part of the
    /// list, also those that were yanked. `noted` is called with the number of versions found so far.
    ///
    /// # Errors
    /// One of the ends is not available, uv is not available, the index does not answer, or there are
    /// more than `MAX_VERSIONS`.
    pub async fn versions(
        &self,
        package: &str,
        (good, bad): (&str, &str),
        pre_releases: bool,
        noted: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<String>, EnvironmentError> {
        let good = self.resolve(&format!("{package}=={good}"), true).await?;
        let mut versions = vec![self.resolve(&format!("{package}=={bad}"), true).await?];
        while let Some(last) = versions.last().filter(|last| **last != good) {
            // `<` would leave out the pre-releases of the last one.
            let range = format!("{package}>={good},<={last},!={last}");
            let version = match self.resolve(&range, pre_releases).await {
                Ok(version) => version,
                // The good end is yanked or a pre-release, which only its own version selects.
                Err(error) if error.to_string().contains(NOTHING_LEFT) => good.clone(),
                Err(error) => return Err(error),
            };
            versions.push(version);
            noted(versions.len());
            if versions.len() > MAX_VERSIONS {
                return Err(EnvironmentError::Failed {
                    what: format!("list the versions of {package}"),
                    reason: format!("there are more than {MAX_VERSIONS}; choose closer ends"),
                });
            }
        }
        versions.reverse();
        Ok(versions)
    }

    /// The version that a requirement resolves to, without its dependencies.
    async fn resolve(
        &self,
        requirement: &str,
        pre_releases: bool,
    ) -> Result<String, EnvironmentError> {
        let failed = |reason: String| EnvironmentError::Failed {
            what: format!("resolve {requirement}"),
            reason,
        };
        let uv = self.uv(ID).await?;
        let directory = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
        let file = directory.path().join("requirements.in");
        std::fs::write(&file, requirement).map_err(|error| failed(error.to_string()))?;
        let fixed = ["pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate"];
        let mut args: Vec<OsString> = fixed.map(OsString::from).into();
        args.push("--prerelease".into());
        args.push(if pre_releases { "allow" } else { "disallow" }.into());
        args.extend(["--python".into(), self.python()?.into(), "--".into(), file.into()]);
        let what = format!("resolve {requirement}");
        let printed = self.tool(&what, uv, self.uv_args(args), RESOLVE_TIMEOUT, ID).await?;
        let pinned = printed.lines().find_map(|line| line.trim().split_once("=="));
        let version = pinned.map(|(_, version)| version.trim().to_owned());
        version.ok_or_else(|| failed(format!("uv printed no version: {}", printed.trim())))
    }
}
