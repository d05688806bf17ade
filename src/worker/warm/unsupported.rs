//! The pool of a system on which forking a preloaded interpreter is not safe: every attempt starts
//! cold.

use crate::sys::process::Output;
use crate::worker::variables::Variables;
use crate::worker::warm::child::{WarmChild, WarmStart, WarmStartError};
use crate::worker::warm::kind::RunnerKind;
use std::path::PathBuf;

#[derive(Debug)]
pub struct WarmPool;

impl WarmPool {
    #[must_use]
    pub fn new(_directory: PathBuf, _env: Variables) -> Self {
        Self
    }

    pub async fn start(
        &self,
        _kind: RunnerKind,
        _start: WarmStart,
    ) -> Result<(WarmChild, Output), WarmStartError> {
        let reason = "forking a preloaded interpreter is not safe on this platform";
        Err(WarmStartError(reason.into()))
    }

    pub async fn maintain(&self) {}
}
