//! The answers of earlier probes, in a file of the work directory.
//!
//! Limit: [`MAX_ENTRIES`]; the file then starts again. Promise: a file that cannot be read is
//! replaced, because every answer can be asked for again.

use crate::domain::digest::sha256_hex;
use crate::sys::fs::write_whole;
use crate::worker::environments::PythonEnvironment;
use crate::worker::proofs::findings::{Answer, Claim};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Maximum number of answers that are kept.
pub const MAX_ENTRIES: usize = 2000;

#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    answers: BTreeMap<String, Answer>,
}

impl Store {
    pub fn open(path: PathBuf) -> Self {
        let text = std::fs::read(&path).ok();
        let answers = text.and_then(|text| serde_json::from_slice(&text).ok());
        Self { path, answers: answers.unwrap_or_default() }
    }

    pub fn get(&self, key: &str) -> Option<&Answer> {
        self.answers.get(key)
    }

    /// Keeps answers. One that cannot be written is asked for again after the next start.
    pub fn keep(&mut self, answers: impl IntoIterator<Item = (String, Answer)>) {
        if self.answers.len() > MAX_ENTRIES {
            self.answers.clear();
        }
        self.answers.extend(answers);
        let text = serde_json::to_vec(&self.answers).unwrap_or_default();
        if let Err(error) = write_whole(&self.path, &text) {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep what the runtimes reported");
        }
    }
}

/// Identifies an answer by everything that determines it: the packages of the environment, the
/// hooks of the back-end, the device and its driver.
pub fn key(environment: &PythonEnvironment, hooks: &Map<String, Value>, claim: &Claim) -> String {
    let Claim { backend, device } = claim;
    let all = (&environment.python, &environment.record, hooks, backend, device);
    sha256_hex(serde_json::to_string(&all).unwrap_or_default().as_bytes())
}
