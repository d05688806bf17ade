//! `--open`: shows a page of a coordinator in the browser of this person.
//!
//! Promises: the token never leaves this process. A browser gets a code that is valid once within a
//! minute, in a file that only its owner can read, since everybody can read the arguments of programs.
//! When no browser opens, the address is printed.

use crate::cli::error::CliError;
use crate::cli::run::host::Host;
use crate::cli::terminal::console::Console;
use crate::client::Client;
use crate::sys::browser;
use crate::sys::fs::write_whole;
use crate::sys::shutdown::shutdown_signal;
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// Name of the file in a data directory that leads the browser to the page.
const FILE_NAME: &str = "open.html";

/// The user as which the browser acts on stored results.
const USER: &str = "dtf-report";

/// Shows the page with this path, such as `/runs/r1`.
///
/// # Errors
/// The coordinator does not answer, or the data directory cannot be written.
pub async fn show(
    console: Console,
    client: &Client,
    data_dir: &Path,
    path: &str,
) -> Result<(), CliError> {
    let address = format!("{}{path}", client.url());
    let (target, login) = if client.has_token() {
        let code = client.session_code().await?.code;
        let login = format!("{}/login?code={code}&next={path}", client.url());
        let file = data_dir.join(FILE_NAME);
        let failed =
            |error: io::Error| CliError::new(format!("cannot write {}: {error}", file.display()));
        std::fs::create_dir_all(data_dir).map_err(failed)?;
        write_whole(&file, leading(&login).as_bytes()).map_err(failed)?;
        (file.into_os_string(), login)
    } else {
        (address.clone().into(), address.clone())
    };
    match browser::open(&target).await {
        Ok(()) => console.note(&format!("opened {address} in the browser")),
        // The code is only for the person at this terminal.
        Err(error) if io::stderr().is_terminal() => {
            console.warning(&format!("{error}; open this address within a minute: {login}"));
        }
        Err(error) => console.warning(&format!("{error}; open {address}")),
    }
    Ok(())
}

/// A page that leads to an address.
fn leading(address: &str) -> String {
    let address = address.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>dtf</title>\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={address}\"></head>\n\
         <body><a href=\"{address}\">Continue</a></body></html>\n"
    )
}

/// Serves the pages until Ctrl-C.
pub async fn until_stopped(console: Console, client: &Client) {
    console.note(&format!("the pages are at {} until Ctrl-C", client.url()));
    shutdown_signal().await;
}

/// Shows the results in a data directory that no coordinator uses, until Ctrl-C.
///
/// # Errors
/// The directory is in use or damaged.
pub async fn show_stored(console: Console, data_dir: &Path, path: &str) -> Result<(), CliError> {
    let mut host = Host::start(data_dir, USER).await?;
    let client = host.client.clone();
    let shown = async {
        show(console, &client, data_dir, path).await?;
        until_stopped(console, &client).await;
        Ok(())
    };
    let done = tokio::select! {
        done = shown => done,
        failed = host.failed() => Err(failed),
    };
    let stopped = host.stop().await;
    done.and(stopped)
}
