//! The answers of earlier probes, in a file beside the environments.
//!
//! Limit: [`MAX_ENTRIES`]; the file then starts again. Promises: workers of several machines may share
//! the file, since an answer is that of one host, and a writer keeps what others have written. A file
//! that cannot be read is replaced, because every answer can be asked for again.

use crate::domain::digest::sha256_hex;
use crate::sys::fs::write_whole;
use crate::sys::place::host_name;
use crate::worker::environments::PythonEnvironment;
use crate::worker::proofs::findings::{Answer, Claim};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of answers that are kept.
pub const MAX_ENTRIES: usize = 2000;
const FILE: &str = "proofs.json";

type Answers = BTreeMap<String, Answer>;

#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    answers: Answers,
}

impl Store {
    /// The store in a directory of environments.
    pub fn open(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let answers = read(&path);
        Self { path, answers }
    }

    pub fn get(&self, key: &str) -> Option<&Answer> {
        self.answers.get(key)
    }

    /// Keeps answers. One that cannot be written is asked for again after the next start.
    pub fn keep(&mut self, new: impl IntoIterator<Item = (String, Answer)>) {
        self.answers.extend(new);
        if let Err(error) = self.write() {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep what the runtimes reported");
        }
    }

    /// Adds the answers to those that other workers have written since.
    fn write(&mut self) -> io::Result<()> {
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut all = read(&self.path);
        if all.len() > MAX_ENTRIES {
            all.clear();
        }
        all.append(&mut self.answers);
        self.answers = all;
        write_whole(&self.path, &serde_json::to_vec(&self.answers).unwrap_or_default())
    }
}

fn read(path: &Path) -> Answers {
    let text = std::fs::read(path).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Identifies an answer by everything that determines it: the host, the packages of the environment, the
/// hooks of the back-end, the device with its driver, and the probe.
pub fn key(
    environment: &PythonEnvironment,
    hooks: &Map<String, Value>,
    claim: &Claim,
    probe: &str,
) -> String {
    let Claim { backend, device } = claim;
    let host = host_name();
    let all = (host, probe, &environment.python, &environment.record, hooks, backend, device);
    sha256_hex(serde_json::to_string(&all).unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_share_the_file_keep_the_answers_of_each_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let answer = |reason: &str| Answer::Absent { reason: reason.to_owned() };
        let (mut one, mut two) = (Store::open(directory.path()), Store::open(directory.path()));
        one.keep([("a".to_owned(), answer("1"))]);
        two.keep([("b".to_owned(), answer("2"))]);
        one.keep([("a".to_owned(), answer("3"))]);
        let again = Store::open(directory.path());
        assert_eq!((again.get("a"), again.get("b")), (Some(&answer("3")), Some(&answer("2"))));
        assert_eq!(one.get("b"), Some(&answer("2")));
        std::fs::write(directory.path().join(FILE), "{").expect("written");
        assert_eq!(Store::open(directory.path()).get("a"), None);
    }
}
