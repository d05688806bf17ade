//! Recorded answers of programs, for tests.

use super::completion::{Captured, Completion, ProgramOutput};
use super::exit::Exit;
use super::run::{Call, Limits};
use super::runner::Runner;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::ffi::OsStr;

/// Answers with the completion whose key is the longest prefix of the command line, in whole
/// words; a program without an entry is not found.
#[derive(Debug, Clone, Default)]
pub struct Recorded(Vec<(String, Completion)>);

impl Recorded {
    pub fn new<'a>(answers: impl IntoIterator<Item = (&'a str, Completion)>) -> Self {
        Self(answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)).collect())
    }
}

impl Runner for Recorded {
    fn run<'a>(&'a self, call: &'a Call, _: Limits) -> BoxFuture<'a, Completion> {
        let words = std::iter::once(&call.program).chain(&call.args);
        let words: Vec<&OsStr> = words.map(AsRef::as_ref).collect();
        let length = |key: &str| {
            let mut words = words.iter();
            let mut key = key.split(' ').map(OsStr::new);
            key.all(|word| words.next() == Some(&word)).then_some(words.len())
        };
        let matching = self.0.iter().filter_map(|(key, answer)| Some((length(key)?, answer)));
        // The fewer words are left over, the longer the key.
        let answer = matching.min_by_key(|(left, _)| *left).map(|(_, answer)| answer.clone());
        futures::future::ready(answer.unwrap_or(Completion::NotFound)).boxed()
    }
}

/// A program that exited with this code and output.
pub fn exited(code: i32, stdout: &str, stderr: &str) -> Completion {
    let captured = |text: &str| Captured { text: text.to_owned(), truncated: false };
    let exit = Exit { code: Some(code), signal: None };
    let (stdout, stderr) = (captured(stdout), captured(stderr));
    Completion::Exited(ProgramOutput { exit, stdout, stderr })
}

/// A program that was ended by a signal before it printed anything.
pub fn crashed(signal: i32) -> Completion {
    let exit = Exit { code: None, signal: Some(signal) };
    Completion::Exited(ProgramOutput { exit, ..ProgramOutput::default() })
}

#[tokio::test]
async fn the_longest_matching_key_answers() {
    let runner = Recorded::new([
        ("tool", exited(0, "any", "")),
        ("tool list", exited(0, "list", "")),
        ("tool list --all", exited(0, "all", "")),
    ]);
    let limits =
        Limits { time: std::time::Duration::MAX, output_bytes: 0, keep: super::run::Keep::Start };
    let answer = async |line: &str| {
        let mut words = line.split(' ').map(Into::into);
        let program = words.next().expect("a program");
        let call = Call { program, args: words.collect(), ..Call::default() };
        let completion = runner.run(&call, limits).await;
        completion.output().map(|output| output.stdout.text.clone())
    };
    assert_eq!(answer("tool").await.as_deref(), Some("any"));
    assert_eq!(answer("tool list --some").await.as_deref(), Some("list"));
    assert_eq!(answer("tool list --all x").await.as_deref(), Some("all"));
    assert_eq!(answer("tools").await, None);
}
