//! A trait for running programs, so that tests replay recorded answers instead.

use super::{Call, Completion, Limits, run};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Runs programs, or replays recorded answers.
pub trait Runner: Send + Sync {
    /// Runs one program to its end, within the limits.
    fn run<'a>(&'a self, call: &'a Call, limits: Limits) -> BoxFuture<'a, Completion>;
}

/// Runs programs on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    fn run<'a>(&'a self, call: &'a Call, limits: Limits) -> BoxFuture<'a, Completion> {
        run(call, limits).boxed()
    }
}

#[cfg(test)]
pub mod recorded {
    //! Recorded answers of programs.

    use super::*;
    use crate::sys::process::{Captured, Exit, ProgramOutput};
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
        let limits = Limits {
            time: std::time::Duration::MAX,
            output_bytes: 0,
            keep: crate::sys::process::Keep::Start,
        };
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
}
