//! Runs scripts of dtf with the interpreter of the suite.
//!
//! Limits: [`TIME_LIMIT`] for one question, [`MAX_ANSWER_BYTES`] of an answer, [`MAX_OUTPUT_BYTES`]
//! of what is printed beside it.

use crate::gather::GatherError;
use crate::plan::pytest::suite::{self, Collected};
use crate::sys::process::{Call, Completion, Keep, Limits, ProgramOutput, lookup, run};
use serde::Deserialize;
use serde_json::json;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const COLLECT: &str = include_str!("collect.py");
/// Collecting imports the suite, and torch with it.
const TIME_LIMIT: Duration = Duration::from_mins(10);
const MAX_ANSWER_BYTES: u64 = 256 << 20;
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Maximum number of lines of output that are quoted when something fails.
const MAX_QUOTED_LINES: usize = 20;

/// The suite's interpreter, in the environment of the person and what they added to it.
pub struct Asker {
    pub here: PathBuf,
    pub scratch: tempfile::TempDir,
    python: OsString,
    /// The interpreter in `PATH`, if there is one.
    usual: Option<OsString>,
    env: Vec<(OsString, OsString)>,
    options: Vec<String>,
}

/// The root directory of pytest, and the file with its settings.
#[derive(Debug, Deserialize)]
pub struct Root {
    pub root: PathBuf,
    pub settings: Option<PathBuf>,
}

impl Asker {
    pub fn new(
        python: Option<&Path>,
        added: &[(String, String)],
        options: &[String],
    ) -> Result<Self, GatherError> {
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let here = here.map_err(|error| {
            GatherError::new(format!("cannot determine the working directory: {error}"))
        })?;
        let scratch = tempfile::tempdir().map_err(|error| {
            GatherError::new(format!("cannot make a temporary directory: {error}"))
        })?;
        let (env, options) = (variables(added), options.to_vec());
        let usual = usual_python(&env);
        let named = python.map(|python| python.as_os_str().to_owned());
        let python = named.or_else(|| usual.clone()).ok_or_else(|| {
            GatherError::new("no Python interpreter was found").hint(
                "install python3, or give the interpreter of the suite: --python .venv/bin/python",
            )
        })?;
        Ok(Self { here, scratch, python, usual, env, options })
    }

    /// The interpreter of the suite, then the one in `PATH` if it is another one.
    pub fn interpreters(&self) -> impl Iterator<Item = &OsString> {
        let usual = self.usual.iter().filter(|usual| **usual != self.python);
        std::iter::once(&self.python).chain(usual)
    }

    /// How the person names the interpreter.
    pub fn name(&self) -> String {
        self.python.to_string_lossy().into_owned()
    }

    /// Asks pytest for its root directory when it is started in `directory`.
    pub async fn root(&self, directory: &Path, args: &[String]) -> Result<Root, GatherError> {
        let out = self.scratch.path().join("root.json");
        let args: Vec<&String> = self.options.iter().chain(args).collect();
        let question = json!({ "mode": "root", "out": out, "args": args, "cwd_on_path": true });
        let ended = self.script(COLLECT, &question, directory).await?;
        let text = read_capped(&out).map_err(|_| unanswered(&ended))?;
        let root: Root = serde_json::from_slice(&text).map_err(|error| {
            GatherError::new(format!("pytest's answer cannot be read: {error}"))
        })?;
        let full = |path: PathBuf| path.canonicalize().unwrap_or(path);
        Ok(Root { root: full(root.root), settings: root.settings.map(full) })
    }

    /// Asks pytest for the items that it collects.
    pub async fn list(
        &self,
        directory: &Path,
        root: &Path,
        args: &[String],
        cwd_on_path: bool,
    ) -> Result<Collected, GatherError> {
        let out = self.scratch.path().join(format!("items-{cwd_on_path}.json"));
        // A separate cache: the usual one may record which tests failed last, which selects tests.
        let cache = format!("cache_dir={}", self.scratch.path().join("cache").display());
        let own = ["--collect-only", "-q", "-o", &cache].map(str::to_owned);
        let args: Vec<&String> = self.options.iter().chain(&own).chain(args).collect();
        let question = json!({
            "mode": "list", "out": out, "args": args, "cwd_on_path": cwd_on_path, "root": root
        });
        let ended = self.script(COLLECT, &question, directory).await?;
        let text = read_capped(&out).map_err(|_| unanswered(&ended))?;
        suite::parse(&text).map_err(|error| GatherError::new(error.message))
    }

    /// Runs a script of dtf with a question as its argument.
    pub async fn script(
        &self,
        script: &str,
        question: &serde_json::Value,
        directory: &Path,
    ) -> Result<ProgramOutput, GatherError> {
        self.ask(script, &question.to_string(), directory).await
    }

    /// The same with any text as the argument.
    pub async fn ask(
        &self,
        script: &str,
        argument: &str,
        directory: &Path,
    ) -> Result<ProgramOutput, GatherError> {
        self.ask_with(&self.python, script, argument, directory).await
    }

    /// The same with any interpreter.
    pub async fn ask_with(
        &self,
        python: &OsString,
        script: &str,
        question: &str,
        directory: &Path,
    ) -> Result<ProgramOutput, GatherError> {
        // Not named after a module that the suite may import.
        let file = self.scratch.path().join("dtf_question.py");
        std::fs::write(&file, script).map_err(|error| {
            GatherError::new(format!("cannot write {}: {error}", file.display()))
        })?;
        let call = Call {
            program: python.clone(),
            args: vec![file.into(), question.into()],
            cwd: directory.to_owned(),
            env: self.env.clone(),
            ..Call::default()
        };
        let limits = Limits { time: TIME_LIMIT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::End };
        let completion = run(&call, limits).await;
        let name = python.to_string_lossy();
        match completion {
            Completion::Exited(ended) => Ok(ended),
            Completion::TimedOut { output: ended, .. } => {
                let lines = quoted(&printed(&ended)).join("\n");
                let message = format!("{name} did not finish within {TIME_LIMIT:?}:\n{lines}");
                Err(GatherError::new(message).hint("the suite may block while it is imported"))
            }
            Completion::NotFound => {
                Err(GatherError::new(format!("there is no interpreter {name}"))
                    .hint("give the interpreter of the suite: --python .venv/bin/python"))
            }
            Completion::NotStarted(why) => {
                Err(GatherError::new(format!("cannot start {name}: {why}"))
                    .hint("give the interpreter of the suite: --python .venv/bin/python"))
            }
        }
    }
}

/// The name of the Python interpreter in the `PATH` of these variables.
fn usual_python(env: &[(OsString, OsString)]) -> Option<OsString> {
    let (_, path) = env.iter().find(|(name, _)| name == "PATH")?;
    Some(lookup::python(path)?.file_name()?.to_owned())
}

fn printed(ended: &ProgramOutput) -> String {
    format!("{}\n{}", ended.stdout.text, ended.stderr.text)
}

fn unanswered(ended: &ProgramOutput) -> GatherError {
    let lines = quoted(&printed(ended)).join("\n");
    GatherError::new(format!("pytest cannot list the items ({}):\n{lines}", ended.exit))
        .hint("the interpreter needs pytest and what the suite imports: --python .venv/bin/python")
}

/// The lines that describe a failure: each error that pytest marks with an `E`, and the last lines.
/// Control characters are escaped.
pub fn quoted(output: &str) -> Vec<String> {
    let lines: Vec<String> =
        output.lines().filter(|line| !line.trim().is_empty()).map(plain).collect();
    let mut quoted: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with("E  ")) {
        if quoted.len() < MAX_QUOTED_LINES && !quoted.contains(line) {
            quoted.push(line.clone());
        }
    }
    let last = lines.len().saturating_sub(MAX_QUOTED_LINES - quoted.len());
    let end: Vec<String> =
        lines[last..].iter().filter(|line| !quoted.contains(line)).cloned().collect();
    quoted.extend(end);
    quoted
}

fn plain(line: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() && c != '\t' { c.escape_default().collect() } else { c.to_string() }
    };
    line.chars().map(escaped).collect()
}

fn variables(added: &[(String, String)]) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    // Compiled files differ from machine to machine, so none are written.
    let own = [("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())];
    for (name, value) in own.iter().chain(added) {
        all.retain(|(other, _)| other != name.as_str());
        all.push((name.into(), value.into()));
    }
    all
}

pub fn read_capped(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_ANSWER_BYTES {
        return Err(format!("it has {size} bytes, at most {MAX_ANSWER_BYTES} are read"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_precede_the_last_lines_of_the_output() {
        let long = "E   ModuleNotFoundError: No module named 'x'\nmore\n".repeat(40) + "2 errors\n";
        let lines = quoted(&long);
        assert_eq!(lines[0], "E   ModuleNotFoundError: No module named 'x'");
        assert_eq!(lines.last().map(String::as_str), Some("2 errors"));
        assert!(lines.len() <= MAX_QUOTED_LINES);
        assert_eq!(quoted("a\u{1b}[31mb\r\n"), ["a\\u{1b}[31mb"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_usual_interpreter_is_the_one_in_path() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = [("PATH".to_owned(), directory.path().display().to_string())];
        let error = Asker::new(None, &path, &[]).err().expect("there is none");
        assert_eq!(error.message, "no Python interpreter was found");
        let python = directory.path().join("python");
        std::fs::write(&python, "").expect("written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&python, executable).expect("executable");
        let asker = Asker::new(None, &path, &[]).expect("an asker");
        assert_eq!(asker.name(), "python");
        assert_eq!(asker.interpreters().collect::<Vec<_>>(), ["python"]);
        let other = Asker::new(Some(Path::new("venv/python")), &path, &[]).expect("an asker");
        assert_eq!(other.interpreters().collect::<Vec<_>>(), ["venv/python", "python"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_output_of_the_interpreter_is_quoted() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let python = directory.path().join("python");
        // In the place of an interpreter; the script itself is tested with a real one.
        let with = async |script: &str| {
            std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).expect("written");
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&python, executable).expect("executable");
            let asker = Asker::new(Some(&python), &[("DTF_A".into(), "b".into())], &[]);
            asker.expect("an asker").root(directory.path(), &[]).await
        };
        let answer = "out=$(echo \"$2\" | sed 's/.*\"out\":\"\\([^\"]*\\)\".*/\\1/')";
        let root =
            with(&format!("{answer}; echo \"{{\\\"root\\\": \\\"/$DTF_A\\\"}}\" > $out")).await;
        assert_eq!(root.expect("an answer").root, Path::new("/b"));
        let failed = with("echo No module named pytest >&2; exit 1").await.expect_err("refused");
        assert!(
            failed.message.contains("code 1") && failed.message.ends_with("No module named pytest")
        );
        let odd = with(&format!("{answer}; echo 1 > $out")).await.expect_err("no answer");
        assert!(odd.message.contains("cannot be read"), "{}", odd.message);
        std::fs::remove_file(&python).expect("removed");
        let absent = Asker::new(Some(&python), &[], &[]).expect("an asker");
        let absent = absent.root(directory.path(), &[]).await.expect_err("absent");
        assert!(absent.message.contains("there is no interpreter"), "{}", absent.message);
    }
}
