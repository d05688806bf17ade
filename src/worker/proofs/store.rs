//! The answers of earlier probes, in a file beside the environments.
//!
//! Limits: [`MAX_ENTRIES`] and [`MAX_FILE_BYTES`]; the file then starts again with the new answers.
//! Promises: workers of several machines may share the file, since an answer is that of one host, and a
//! writer keeps what others have written, also where it has read an older answer. A file that cannot be
//! read is replaced, because every answer can be asked for again.

use crate::domain::digest::sha256_hex;
use crate::sys::fs::{create_private_dir, write_whole};
use crate::sys::place::host_name;
use crate::worker::environments::PythonEnvironment;
use crate::worker::proofs::findings::{Answer, Claim};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Maximum number of answers that are kept.
pub const MAX_ENTRIES: usize = 2000;
/// Maximum size of the file, in bytes. An answer has at most two texts of 300 characters.
const MAX_FILE_BYTES: u64 = 8 << 20;
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
        let new: Answers = new.into_iter().collect();
        if let Err(error) = self.write(&new) {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep what the runtimes reported");
        }
        self.answers.extend(new);
    }

    /// Adds new answers to those that all workers have written so far.
    fn write(&mut self, new: &Answers) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            create_private_dir(directory)?;
        }
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut all = read(&self.path);
        if all.len() + new.len() > MAX_ENTRIES {
            all.clear();
        }
        all.extend(new.clone());
        write_whole(&self.path, &serde_json::to_vec(&all).unwrap_or_default())?;
        self.answers = all;
        Ok(())
    }
}

fn read(path: &Path) -> Answers {
    let read = || {
        let mut text = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)?;
        Ok::<_, io::Error>(text)
    };
    let text = read().ok().filter(|text| text.len() as u64 <= MAX_FILE_BYTES);
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
        // An older answer that this worker has read does not replace a newer one.
        two.keep([("a".to_owned(), answer("4"))]);
        one.keep([("c".to_owned(), answer("5"))]);
        assert_eq!(Store::open(directory.path()).get("a"), Some(&answer("4")));
        // A full file starts again.
        one.keep((0..MAX_ENTRIES).map(|number| (number.to_string(), answer("6"))));
        let kept = |directory: &Path| Store::open(directory).answers.len();
        assert_eq!(kept(directory.path()), MAX_ENTRIES);
        one.keep([("d".to_owned(), answer("7"))]);
        assert_eq!(kept(directory.path()), 1);
        let too_large = File::create(directory.path().join(FILE)).expect("a file");
        too_large.set_len(MAX_FILE_BYTES + 1).expect("enlarged");
        assert_eq!(kept(directory.path()), 0);
        std::fs::write(directory.path().join(FILE), "{").expect("written");
        assert_eq!(Store::open(directory.path()).get("a"), None);
    }
}
