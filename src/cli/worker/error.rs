//! The error of a worker that cannot start, or that its coordinator refuses, for people.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::worker::summary::WorkerError;
use crate::worker::work_dir::WorkDirError;

/// The error with its exit code and the next step.
pub fn refused(error: &WorkerError) -> CliError {
    let failure = CliError::from_error(error);
    match error {
        WorkerError::Unauthorized(_) => {
            failure.with_exit(Exit::Authentication).hint("check --token-file")
        }
        WorkerError::Misaddressed(_) => failure.with_exit(Exit::Usage),
        WorkerError::NoCoordinator(_) => {
            failure.hint("is the coordinator running at that address?")
        }
        WorkerError::IdentityTaken(_) => {
            failure.hint("was the work directory copied? give each worker a separate --work-dir")
        }
        WorkerError::WorkDir(WorkDirError::Busy { .. }) => {
            failure.hint("stop that worker, or use another --work-dir")
        }
        WorkerError::WorkDir(WorkDirError::Unusable { .. }) => {
            failure.hint("use a --work-dir that this user may write to")
        }
        _ => failure,
    }
}
