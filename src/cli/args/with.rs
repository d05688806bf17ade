//! Flag that pins packages: shared by `run`, `generate`, `submit` and `check`.

use crate::cli::args::values::pin;
use crate::cli::error::CliError;
use crate::plan::packages::{Pin, Pins};
use clap::Args;

/// Packages that are pinned in addition to what templates and plan require.
#[derive(Debug, Clone, Default, Args)]
pub struct With {
    /// Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable
    ///
    /// The pin is added to the requirements of the template or the plan, and must fit them. Tests
    /// that use the environment of the worker are not changed.
    #[arg(long, value_parser = pin, value_name = "PACKAGE==VERSION")]
    pub with: Vec<Pin>,
}

impl With {
    /// The pins.
    ///
    /// # Errors
    /// A package is pinned twice.
    pub fn pins(&self) -> Result<Pins, CliError> {
        Pins::of(self.with.iter().cloned())
            .map_err(|error| CliError::usage(format!("--with: {}", error.message)))
    }
}
