//! Builds one environment: with `uv` when it is installed or can be installed, otherwise with `venv`
//! and pip.

use super::tool::Tool;
use super::{
    BUILD_TIMEOUT, BuildEvent, COMPLETE, EnvironmentError, Environments, NoProgress, PROBE,
    PythonEnvironment, bin, distribution, distributions, interpreter,
};
use crate::domain::launch::Packages;
use crate::sys::fs::write_whole;
use crate::worker::variables::Variables;
use crate::worker::variables::set;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
const INSTALL_UV_TIMEOUT: Duration = Duration::from_secs(300);
const INSTALL: &str = "install the packages";
/// Maximum length of the reason that a notice quotes, in characters.
const MAX_REASON_CHARS: usize = 300;

impl Environments {
    /// The complete environments below a directory, the newest first.
    pub fn in_directory(directory: &Path, limit: usize) -> Vec<PythonEnvironment> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut built: Vec<_> = entries
            .filter_map(|entry| {
                let modified = entry.path().join(COMPLETE).metadata().ok()?.modified().ok()?;
                Some((modified, entry.path()))
            })
            .collect();
        built.sort();
        built.iter().rev().filter_map(|(_, path)| completed(path)).take(limit).collect()
    }

    pub(super) async fn find_or_build(
        &self,
        (id, torch): (&str, &str),
        packages: &Packages,
        files: &Path,
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let directory = self.settings.directory.join(id);
        if let Some(prepared) = completed(&directory) {
            return Ok(prepared);
        }
        let _lock = self.lock(id).await?;
        // Another process may have built it while this one waited for the lock.
        if let Some(prepared) = completed(&directory) {
            return Ok(prepared);
        }
        let requirements = &packages.requirements;
        self.progress.event(BuildEvent::Started { environment: id, requirements });
        let built = self.build((id, torch), &directory, packages, files).await;
        let error = built.as_ref().err().map(EnvironmentError::to_string);
        self.progress.event(BuildEvent::Finished { environment: id, error: error.as_deref() });
        built
    }

    /// Waits until no other process works on the environment.
    async fn lock(&self, name: &str) -> Result<File, EnvironmentError> {
        let directory = self.settings.directory.clone();
        std::fs::create_dir_all(&directory).map_err(|error| {
            let path = directory.display();
            failed(
                &format!(
                    "create the directory of environments {path} (choose another with --environments-dir)"
                ),
                &error,
            )
        })?;
        let path = directory.join(format!("{name}.lock"));
        let take = move || -> io::Result<File> {
            let file = File::create(path)?;
            file.lock()?;
            Ok(file)
        };
        let locked = tokio::task::spawn_blocking(take).await;
        let locked = locked.unwrap_or_else(|error| Err(io::Error::other(error)));
        locked.map_err(|error| failed("lock the environment", &error))
    }

    async fn build(
        &self,
        (id, torch): (&str, &str),
        directory: &Path,
        packages: &Packages,
        files: &Path,
    ) -> Result<PythonEnvironment, EnvironmentError> {
        if directory.exists() {
            std::fs::remove_dir_all(directory)
                .map_err(|error| failed("clear an incomplete environment", &error))?;
        }
        let wheels = self.settings.directory.join(format!("{id}.wheels"));
        let wanted = install_arguments(packages, files, &wheels)
            .map_err(|error| failed("copy the wheels of the environment", &error))?;
        let built = match self.uv(id).await {
            Ok(uv) => self.build_with_uv((id, torch), (&uv, directory), packages, &wanted).await,
            Err(error) => {
                tracing::info!(%error, "uv is not available; building the environment with pip");
                self.build_with_pip(id, directory, &wanted).await
            }
        };
        // Installed wheels are not needed any more. A later build replaces what cannot be removed.
        let _ = std::fs::remove_dir_all(&wheels);
        built.map_err(with_advice)?;
        let python = interpreter(directory);
        let record = self.probe(&python, &distributions(packages), None).await?;
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        write_whole(&directory.join(COMPLETE), &text)
            .map_err(|error| failed("mark the environment as complete", &error))?;
        Ok(PythonEnvironment { python, bin: Some(bin(directory)), record })
    }

    /// The path of uv: in `PATH` or in the tool directory of dtf, where it is installed if necessary.
    pub(super) async fn uv(&self, id: &str) -> Result<PathBuf, EnvironmentError> {
        if let Some(uv) = self.find("uv") {
            return Ok(uv);
        }
        let tools = self.settings.directory.join("tool");
        let uv = bin(&tools).join(if cfg!(windows) { "uv.exe" } else { "uv" });
        let _lock = self.lock("tool").await?;
        if uv.exists() {
            return Ok(uv);
        }
        if self.settings.offline {
            let reason = "uv is not installed, and the worker is offline".to_owned();
            return Err(EnvironmentError::Failed { what: "install uv".to_owned(), reason });
        }
        let venv = [OsString::from("-m"), "venv".into(), "--clear".into(), (&tools).into()];
        self.tool("create a tool directory", self.python()?, venv.into(), INSTALL_UV_TIMEOUT, id)
            .await?;
        let install = ["-m", "pip", "install", "--quiet", "uv"].map(OsString::from);
        self.tool("install uv", interpreter(&tools), install.into(), INSTALL_UV_TIMEOUT, id)
            .await?;
        Ok(uv)
    }

    async fn build_with_uv(
        &self,
        (id, torch): (&str, &str),
        (uv, directory): (&Path, &Path),
        packages: &Packages,
        wanted: &[OsString],
    ) -> Result<(), EnvironmentError> {
        let mut venv: Vec<OsString> = vec!["venv".into(), "--no-project".into()];
        match (&self.settings.python, &packages.python) {
            (Some(python), _) => venv.extend(["--python".into(), python.into()]),
            (None, Some(wanted)) => venv.extend(["--python".into(), wanted.into()]),
            // The interpreter that `environment: system` uses.
            (None, None) => venv.extend(["--python".into(), self.python()?.into()]),
        }
        venv.push(directory.into());
        self.tool("create a virtual environment", uv.into(), self.uv_args(venv), BUILD_TIMEOUT, id)
            .await?;
        if wanted.is_empty() {
            return Ok(());
        }
        let install = |backend: Option<&str>| {
            let mut args: Vec<OsString> = vec!["pip".into(), "install".into(), "--python".into()];
            args.push(interpreter(directory).into());
            args.extend(backend.map(|backend| format!("--torch-backend={backend}").into()));
            args.push("--".into());
            args.extend(wanted.iter().cloned());
            self.uv_args(args)
        };
        let first = self.tool(INSTALL, uv.into(), install(Some(torch)), BUILD_TIMEOUT, id).await;
        if let Err(error) = first {
            tracing::info!(%error, "installation failed; trying the default index");
            let line = fallback_notice(torch, &packages.requirements, &error);
            self.progress.event(BuildEvent::Notice { environment: id, line: &line });
            self.tool(INSTALL, uv.into(), install(None), BUILD_TIMEOUT, id).await?;
        }
        Ok(())
    }

    pub(super) fn uv_args(&self, mut args: Vec<OsString>) -> Vec<OsString> {
        if self.settings.offline {
            args.insert(0, "--offline".into());
        }
        args
    }

    async fn build_with_pip(
        &self,
        id: &str,
        directory: &Path,
        wanted: &[OsString],
    ) -> Result<(), EnvironmentError> {
        let venv = vec!["-m".into(), "venv".into(), directory.into()];
        self.tool("create a virtual environment", self.python()?, venv, BUILD_TIMEOUT, id).await?;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut install: Vec<OsString> = ["-m", "pip", "install"].map(OsString::from).into();
        if self.settings.offline {
            install.push("--no-index".into());
        }
        install.push("--".into());
        install.extend(wanted.iter().cloned());
        let python = interpreter(directory);
        self.tool(INSTALL, python, install, BUILD_TIMEOUT, id).await?;
        Ok(())
    }

    pub(super) async fn probe(
        &self,
        python: &Path,
        distributions: &[String],
        wanted: Option<&Packages>,
    ) -> Result<Map<String, Value>, EnvironmentError> {
        let question = json!({ "distributions": distributions, "wanted": wanted }).to_string();
        let args = vec!["-I".into(), "-c".into(), PROBE.into(), question.into()];
        let what = "read the versions of the environment";
        let program = python.into();
        let printed = self.command(what, program, args, PROBE_TIMEOUT).run("", &NoProgress).await?;
        // A wrapper of the interpreter may print other lines before the record.
        let mut records = printed.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        records.next().ok_or_else(|| EnvironmentError::Failed {
            what: what.to_owned(),
            reason: "the interpreter printed no record".to_owned(),
        })
    }

    pub(super) async fn tool(
        &self,
        what: &str,
        program: PathBuf,
        args: Vec<OsString>,
        limit: Duration,
        id: &str,
    ) -> Result<String, EnvironmentError> {
        self.command(what, program, args, limit).run(id, self.progress.as_ref()).await
    }

    fn command<'a>(
        &'a self,
        what: &'a str,
        program: PathBuf,
        args: Vec<OsString>,
        limit: Duration,
    ) -> Tool<'a> {
        Tool {
            what,
            program,
            args,
            cwd: &self.settings.cwd,
            env: self.build_variables(),
            marker: &self.settings.marker,
            limit,
        }
    }

    fn build_variables(&self) -> Variables {
        let mut variables = self.inherited.for_builds();
        set(&mut variables, "UV_NO_PROGRESS", "1");
        set(&mut variables, "PIP_DISABLE_PIP_VERSION_CHECK", "1");
        set(&mut variables, "PIP_NO_INPUT", "1");
        variables
    }
}

/// The arguments for an installer: the requirements, and the wheels. They are copied to
/// `wheels_dir` under their own names, from which installers read version and platform.
fn install_arguments(
    packages: &Packages,
    files: &Path,
    wheels_dir: &Path,
) -> io::Result<Vec<OsString>> {
    let mut wanted: Vec<OsString> = packages.requirements.iter().map(OsString::from).collect();
    if packages.wheels.is_empty() {
        return Ok(wanted);
    }
    std::fs::create_dir_all(wheels_dir)?;
    for wheel in &packages.wheels {
        let name = wheel.path.rsplit('/').next().unwrap_or_default();
        let target = wheels_dir.join(name);
        std::fs::copy(files.join(&wheel.sha256), &target)?;
        wanted.push(target.into());
    }
    Ok(wanted)
}

/// The environment in a directory, when it is complete.
fn completed(directory: &Path) -> Option<PythonEnvironment> {
    let text = std::fs::read(directory.join(COMPLETE)).ok()?;
    let record = serde_json::from_slice(&text).ok()?;
    let python = interpreter(directory);
    // The interpreter from which it was created may have been removed.
    python.exists().then(|| PythonEnvironment { python, bin: Some(bin(directory)), record })
}

/// A notice: the requested build of torch cannot be installed, the reason, and the alternative.
pub(super) fn fallback_notice(
    backend: &str,
    requirements: &[String],
    error: &EnvironmentError,
) -> String {
    let reason: String = error.to_string().lines().next().unwrap_or_default().into();
    let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
    let size = if requirements.iter().any(|named| distribution(named) == "torch") {
        "; on Linux its build of torch is for CUDA: about 3 GB to download, 5 GB on disk"
    } else {
        ""
    };
    format!(
        "the packages cannot be installed with `--torch-backend {backend}` ({reason}); \
         trying the default package index instead{size}"
    )
}

/// Adds a hint to an error of the installer: on a machine without a network, the interpreter often
/// has the packages.
fn with_advice(error: EnvironmentError) -> EnvironmentError {
    match error {
        EnvironmentError::Failed { what, reason } if what == INSTALL => {
            let advice =
                "hint: --system-packages uses the packages that the interpreter already has";
            EnvironmentError::Failed { what, reason: format!("{reason}\n{advice}") }
        }
        other => other,
    }
}

fn failed(what: &str, error: &io::Error) -> EnvironmentError {
    EnvironmentError::Failed { what: what.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lease_limit::ENVIRONMENT_ALLOWANCE;

    #[test]
    fn the_coordinator_allows_for_every_tool_of_a_build() {
        let tools = 2 * INSTALL_UV_TIMEOUT + 3 * BUILD_TIMEOUT + PROBE_TIMEOUT;
        assert!(Duration::from(ENVIRONMENT_ALLOWANCE) > tools);
    }
}
