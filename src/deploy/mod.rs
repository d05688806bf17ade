//! Deployment scripts: from a request ([`spec::Spec`]) to the texts of files.
//!
//! Job: [`files`] checks a request and renders the templates in `templates/deploy`. Scripts are
//! constant: what a person chose is in files of settings, which the scripts read. Limits: those of
//! the types in [`spec`], and [`MAX_FILE_BYTES`] for each file. Promises: no text of a request
//! becomes code, since every value passes a quoting function of the language of its file
//! ([`quote`]) or is refused; no file contains a secret. Pure: it reads and writes nothing.

mod effect;
mod file;
pub mod quote;
mod settings;
pub mod spec;
mod targets;

use crate::assets;
use crate::text::render::{Engine, Escape, Limits};
pub use file::{Access, File};
use spec::{DeployError, Spec};

/// Maximum size of a generated file, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Maximum number of steps to render one file.
const FUEL: u64 = 100_000;

/// The files of a deployment.
///
/// # Errors
/// The request contradicts itself, or a value cannot be quoted safely in a file.
pub fn files(spec: &Spec) -> Result<Vec<File>, DeployError> {
    targets::check(spec)?;
    let engine = engine()?;
    let context = settings::context(spec);
    targets::parts(spec).into_iter().map(|part| part.render(&engine, &context, spec)).collect()
}

fn engine() -> Result<Engine, DeployError> {
    let limits = Limits { fuel: FUEL, max_bytes: MAX_FILE_BYTES };
    let mut engine = Engine::new(Escape::Quoted, limits);
    for (name, quote) in quote::FILTERS {
        engine.add_quoting(name, quote);
    }
    for (name, text) in assets::deployment() {
        engine.add(name, text).map_err(|error| DeployError::new(error.to_string()))?;
    }
    Ok(engine)
}

#[cfg(test)]
mod tests;
