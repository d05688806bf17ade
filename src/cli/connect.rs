//! Makes a client from the settings.

use crate::cli::args::shared::{Global, Server};
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::client::{Client, ClientOptions};
use crate::config::roles::ClientSettings;
use crate::config::{File, Origin, Resolver, read_token};
use std::sync::Once;

/// Reads the settings file that `--config` names, or the default one. The note about a file of an
/// earlier version is printed once.
pub fn settings(global: &Global) -> Result<File, CliError> {
    static NOTED: Once = Once::new();
    let file = File::load(global.config.as_deref())?;
    if let Some(note) = file.note() {
        NOTED.call_once(|| Console::new(global).note(&format!("note: {note}")));
    }
    Ok(file)
}

/// The settings of a client of the given coordinator, or of the one in the settings.
pub fn connection(global: &Global, file: &File, coordinator: Option<&str>) -> ClientSettings {
    let (url, token_file) = (coordinator.map(str::to_owned), global.token_file.clone());
    ClientSettings::resolve(url, token_file, &mut Resolver::new(file))
}

/// The coordinator that the environment names, for a command whose flag has a further effect.
#[expect(clippy::disallowed_methods, reason = "elsewhere the argument parser reads it")]
pub fn named_coordinator() -> Option<String> {
    std::env::var("DTF_COORDINATOR").ok().filter(|url| !url.is_empty())
}

/// A client with its token.
pub fn connect(settings: &ClientSettings) -> Result<Client, CliError> {
    let mut options = ClientOptions::new(settings.url.clone());
    if let Some(path) = &settings.token_file {
        let token = read_token(path).map_err(|error| {
            let error = CliError::from(error);
            match (&error.hint, &settings.token_origin) {
                (None, origin @ Origin::File { .. }) => {
                    error.hint(format!("client.token_file in {origin} names it"))
                }
                _ => error,
            }
        });
        options.token = Some(token?);
    }
    Ok(Client::new(options)?)
}

/// A client of the coordinator in flags, variables and settings.
pub fn client(global: &Global, server: &Server) -> Result<Client, CliError> {
    let file = settings(global)?;
    connect(&connection(global, &file, server.coordinator.as_deref()))
}
