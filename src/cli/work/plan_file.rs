//! Plan files: how they are distinguished from models, and how they are read.

use crate::cli::error::CliError;
use crate::plan::document::Plan;
use std::path::Path;

/// Maximum size of a plan file, in bytes; the limit of the parser is lower.
const MAX_PLAN_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a plan file.
pub fn read_plan(path: &Path) -> Result<Plan, CliError> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map(|data| data.len());
    let bytes = match size {
        Ok(size) if size > MAX_PLAN_BYTES => {
            return Err(CliError::usage(format!(
                "{name} is too large ({} MiB, maximum {} MiB)",
                size.div_ceil(1 << 20),
                MAX_PLAN_BYTES >> 20
            )));
        }
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|error| {
        let failure = CliError::usage(format!("cannot read the plan {name}: {error}"));
        if is_plan(path) {
            return failure;
        }
        failure.hint(format!(
            "a plan is a .yaml or .json file; to test a model, use dtf generate {name} --submit, or \
             dtf run {name} on this machine"
        ))
    })?;
    Ok(Plan::parse(&bytes, &name)?)
}

/// Whether a path is a plan: a `.yaml`, `.yml` or `.json` file, except `config.json`.
pub fn is_plan(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let config = path.file_name().is_some_and(|name| name == "config.json");
    matches!(ending, "yaml" | "yml" | "json") && !config
}
