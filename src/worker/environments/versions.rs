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
/// Name of these calls in the output of tools.
const ID: &str = "versions";

impl Environments {
    /// The versions of a package from `good` to `bad`, in the order of versions. `noted` is called with
    /// the number of versions found so far.
    ///
    /// # Errors
    /// One of the ends is not available, uv is not available, or there are more than `MAX_VERSIONS`.
    pub async fn versions(
        &self,
        package: &str,
        (good, bad): (&str, &str),
        pre_releases: bool,
        noted: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<String>, EnvironmentError> {
        self.resolve(&format!("{package}=={good}"), true).await?;
        let mut versions = vec![self.resolve(&format!("{package}=={bad}"), true).await?];
        while let Some(last) = versions.last() {
            // `<` would leave out the pre-releases of the last one.
            let range = format!("{package}>={good},<={last},!={last}");
            let Ok(version) = self.resolve(&range, pre_releases).await else {
                // Nothing is left in the range if the index still answers: the good end may be yanked.
                self.resolve(&format!("{package}=={good}"), true).await?;
                break;
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
