//! Opens a file or an address in the browser of this person.
//!
//! Limit: `START_TIMEOUT` for the program that opens it to fail. Promise: the browser outlives this
//! process.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Time within which a program that cannot open anything fails. One that still runs then is taken for
/// the browser.
const START_TIMEOUT: Duration = Duration::from_secs(3);

/// The programs that open a file or an address on this platform, each with its first arguments.
const OPENERS: &[&[&str]] = if cfg!(target_os = "macos") {
    &[&["open"]]
} else if cfg!(windows) {
    &[&["rundll32.exe", "url.dll,FileProtocolHandler"]]
} else {
    // The second one is that of Windows Subsystem for Linux.
    &[&["xdg-open"], &["wslview"]]
};

/// The reason why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    #[error("there is no program that opens a browser ({0})")]
    NoProgram(String),
    #[error("{program} failed: {reason}")]
    Failed { program: String, reason: String },
}

/// Opens a file or an address. It may appear in the list of processes, so it must not be a secret.
///
/// # Errors
/// No program of this platform could open it.
pub async fn open(target: &OsStr) -> Result<(), BrowserError> {
    open_with(OPENERS, target, START_TIMEOUT).await
}

/// Tries the programs in turn. One that is not installed is passed over.
async fn open_with(
    openers: &[&[&str]],
    target: &OsStr,
    limit: Duration,
) -> Result<(), BrowserError> {
    let mut problem = None;
    for opener in openers {
        let [program, first @ ..] = opener else { continue };
        let mut arguments: Vec<OsString> = first.iter().map(OsString::from).collect();
        arguments.push(target.to_owned());
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |reason: String| BrowserError::Failed { program: (*program).into(), reason };
        match command.spawn() {
            Ok(mut started) => match tokio::time::timeout(limit, started.wait()).await {
                Ok(Ok(exit)) if !exit.success() => problem = Some(failed(exit.to_string())),
                Ok(Err(error)) => problem = Some(failed(error.to_string())),
                Ok(Ok(_)) | Err(_) => return Ok(()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => problem = Some(failed(error.to_string())),
        }
    }
    let names = || openers.iter().filter_map(|opener| opener.first().copied()).collect::<Vec<_>>();
    Err(problem.unwrap_or_else(|| BrowserError::NoProgram(names().join(", "))))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_program_that_works_opens_the_target() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("opened");
        let script = format!("printf %s \"$1\" > {}", file.display());
        let works: &[&str] = &["sh", "-c", &script, "sh"];
        let target = OsStr::new("http://127.0.0.1:7700/runs/r1");
        for openers in [&[works][..], &[&["dtf-no-such-program"], works], &[&["false"], works]] {
            open_with(openers, target, START_TIMEOUT).await.expect("opened");
            assert_eq!(
                std::fs::read_to_string(&file).expect("written"),
                "http://127.0.0.1:7700/runs/r1"
            );
            std::fs::remove_file(&file).expect("removed");
        }
        let error = open_with(&[&["false"], &["dtf-no-such-program"]], target, START_TIMEOUT).await;
        assert_eq!(error.expect_err("failed").to_string(), "false failed: exit status: 1");
        let error = open_with(&[&["dtf-no-such-program"]], target, START_TIMEOUT)
            .await
            .expect_err("failed");
        assert!(error.to_string().contains("(dtf-no-such-program)"), "{error}");
    }

    #[tokio::test]
    async fn a_browser_that_stays_open_has_started() {
        let limit = Duration::from_millis(1);
        open_with(&[&["sleep"]], OsStr::new("1"), limit).await.expect("opened");
    }
}
