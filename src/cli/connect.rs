//! From settings to a client.

use crate::cli::args::shared::{Global, Server};
use crate::cli::error::CliError;
use crate::client::{Client, ClientOptions};
use crate::config::{DEFAULT_LISTEN, File, read_token};
use std::convert::Infallible;
use std::path::PathBuf;

/// Reads the settings file that `--config` names, or the default one.
pub fn settings(global: &Global) -> Result<File, CliError> {
    Ok(File::load(global.config.as_deref())?)
}

#[expect(clippy::unnecessary_wraps, reason = "a parser among others that can fail")]
pub fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}

#[expect(clippy::unnecessary_wraps, reason = "a parser among others that can fail")]
pub fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

/// The coordinator's address, and whether somebody named it.
pub fn address(file: &File, server: &Server) -> Result<(String, bool), CliError> {
    let named = file.pick(server.coordinator.clone(), "coordinator", text)?;
    let known = named.is_some();
    Ok((named.unwrap_or_else(|| format!("http://{DEFAULT_LISTEN}")), known))
}

/// The coordinator that the environment names, for a command whose flag says more than that.
#[expect(clippy::disallowed_methods, reason = "elsewhere the argument parser reads it")]
pub fn named_coordinator() -> Option<String> {
    std::env::var("DTF_COORDINATOR").ok().filter(|url| !url.is_empty())
}

/// A client for the coordinator at `url`.
pub fn client_at(url: String, global: &Global, file: &File) -> Result<Client, CliError> {
    let mut options = ClientOptions::new(url);
    if let Some(path) = file.pick(global.token_file.clone(), "token_file", path)? {
        let token = read_token(&path).map_err(|error| {
            let failure = CliError::from(error);
            let by_flag = global.token_file.is_some();
            let place = if by_flag { None } else { file.path() };
            match (&failure.hint, place) {
                (None, Some(file)) => {
                    failure.hint(format!("it is named by token_file in {}", file.display()))
                }
                _ => failure,
            }
        });
        options.token = Some(token?);
    }
    Ok(Client::new(options)?)
}

pub fn client(global: &Global, server: &Server) -> Result<Client, CliError> {
    let file = settings(global)?;
    let (url, _) = address(&file, server)?;
    client_at(url, global, &file)
}

/// The file with the token, or with the tokens of a coordinator.
pub fn token_file(global: &Global, file: &File) -> Result<Option<PathBuf>, CliError> {
    Ok(file.pick(global.token_file.clone(), "token_file", path)?)
}
