//! Checks the scripts of a template: the Python interpreter of this machine parses them and runs
//! them with `--dry-run`.
//!
//! Limits: [`Limits::USUAL`]; output of the interpreter is cut. The driver is
//! `check_scripts.py`, which needs nothing but the standard library.

use crate::cli::error::CliError;
use crate::sys::process::{self, Call, Completion, Keep, lookup};
use crate::templates::check::Script;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limits for scripts, in whole seconds.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Time limit for one dry run. After it, no further script of the template is started.
    script: Duration,
    /// Time limit for all scripts of one template.
    template: Duration,
}

impl Limits {
    const USUAL: Self = Self { script: Duration::from_secs(30), template: Duration::from_mins(5) };
}

/// Maximum number of bytes of each of the driver's streams that are kept.
const MAX_OUTPUT_BYTES: usize = 16 * 1024;
/// Longest line of them that is shown, in characters.
const MAX_LINE: usize = 300;

const DRIVER: &str = include_str!("check_scripts.py");

/// The interpreter: the one that is named, else the first of the usual names in `PATH`.
#[expect(clippy::disallowed_methods, reason = "where programs are found, no setting")]
pub fn find(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = match named {
        Some(named) => {
            let here = std::env::current_dir().unwrap_or_default();
            lookup::find(named.as_os_str(), &path, &here)
        }
        None => lookup::python(&path),
    };
    program.ok_or_else(|| {
        CliError::new("no Python interpreter was found, so no script was parsed or started")
            .hint("install python3 or name one with --python")
    })
}

/// Returns the mistakes in the scripts of one template.
///
/// # Errors
/// The interpreter cannot be started, or the driver itself fails.
pub async fn verify(python: &Path, scripts: &[Script]) -> Result<Vec<String>, CliError> {
    verify_within(python, scripts, Limits::USUAL).await
}

async fn verify_within(
    python: &Path,
    scripts: &[Script],
    limits: Limits,
) -> Result<Vec<String>, CliError> {
    let failed = |why: String| CliError::new(format!("{}: {why}", python.display()));
    let io = |error: std::io::Error| failed(error.to_string());
    let directory = tempfile::tempdir().map_err(io)?;
    let jobs: Vec<_> = scripts
        .iter()
        .map(|s| json!({ "about": s.about, "text": s.text, "literals": s.literals }))
        .collect();
    let (driver, jobs_file, mistakes_file) = (
        directory.path().join("driver"),
        directory.path().join("jobs"),
        directory.path().join("found"),
    );
    std::fs::write(&driver, DRIVER).map_err(io)?;
    std::fs::write(&jobs_file, json!(jobs).to_string()).map_err(io)?;
    let call = Call {
        program: python.into(),
        args: vec![
            "-I".into(),
            driver.into(),
            jobs_file.into(),
            mistakes_file.clone().into(),
            limits.script.as_secs().to_string().into(),
        ],
        cwd: directory.path().to_owned(),
        env: environment(),
        ..Call::default()
    };
    let bounds =
        process::Limits { time: limits.template, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::End };
    let completion = process::run(&call, bounds).await;
    let output = match &completion {
        Completion::TimedOut { limit, .. } => {
            return Ok(vec![format!(
                "its scripts took longer than {} s in total",
                limit.as_secs()
            )]);
        }
        Completion::Exited(output) => output,
        Completion::NotFound | Completion::NotStarted(_) => {
            return Err(failed(completion.failure().unwrap_or_default()));
        }
    };
    let problems =
        std::fs::read(&mistakes_file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    problems.ok_or_else(|| {
        let last = |text: &str| text.lines().next_back().map(str::to_owned);
        let last = last(&output.stderr.text).or_else(|| last(&output.stdout.text));
        let last = last.unwrap_or_else(|| format!("the driver {}", output.exit));
        let last: String = last.chars().take(MAX_LINE).collect();
        failed(format!("the check of the scripts failed: {last}"))
    })
}

#[expect(clippy::disallowed_methods, reason = "what every program needs, no settings")]
fn environment() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let needed = ["PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR"];
    needed.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::check;
    use crate::templates::library::Library;

    fn script(text: &str, literals: &[&str]) -> Script {
        let literals = literals.iter().map(|text| (*text).to_owned()).collect();
        Script { about: "cpu".into(), text: text.into(), literals }
    }

    const GOOD: &str = "import json, os, sys\nassert sys.argv[1:] == ['--dry-run']\nX = 'a\\n\"b'\n\
        with open(os.environ['DTF_RESULT'], 'a') as f:\n    \
        f.write(json.dumps({'event': 'result', 'outcome': 'passed'}) + '\\n')\n";

    #[tokio::test]
    async fn scripts_are_parsed_and_started_without_packages() {
        let python = find(None).expect("the tests need python3");
        let verify = async |text: &str, literals: &[&str]| {
            verify(&python, &[script(text, literals)]).await.expect("checked").join("; ")
        };
        assert_eq!(verify(GOOD, &["a\n\"b"]).await, "");
        for (text, literals, expected) in [
            ("x = (", &[][..], "cpu: the script is not Python: '(' was never closed (line 1)"),
            (GOOD, &["{{7*7}}"], "cpu: the script does not carry the text '{{7*7}}'"),
            ("", &[], "cpu: its dry run writes nothing to DTF_RESULT"),
            ("raise SystemExit(99)", &[], "dry run exits with 99"),
            ("import torch", &[], "No module named"),
        ] {
            let mistakes = verify(text, literals).await;
            assert!(mistakes.contains(expected), "{mistakes}");
        }
        let failed = &GOOD.replace("'passed'", "'failed'");
        assert!(verify(failed, &[]).await.contains("another one than passed"));
    }

    #[tokio::test]
    async fn what_never_ends_is_a_fault_of_its_template() {
        let python = find(None).expect("the tests need python3");
        let mistakes = async |script: u64, template: u64| {
            let [script, template] = [script, template].map(Duration::from_secs);
            let scripts = [self::script("while True: pass", &[]), self::script("x = (", &[])];
            let limits = Limits { script, template };
            verify_within(&python, &scripts, limits).await.expect("checked")
        };
        // The second script is not looked at: it would take as long.
        assert_eq!(mistakes(1, 300).await, ["cpu: its dry run took longer than 1 s"]);
        assert_eq!(mistakes(300, 1).await, ["its scripts took longer than 1 s in total"]);
    }

    #[tokio::test]
    async fn a_template_of_the_binary_passes_the_whole_check() {
        let python = find(None).expect("the tests need python3");
        let library = Library::built_in();
        let checked = check::check(&library, "text_encoder/test.py.j2").expect("there");
        assert!(checked.scripts.len() > 7);
        assert_eq!(verify(&python, &checked.scripts).await.expect("checked"), [""; 0]);
    }

    /// It would show only where a model runs: a dry run calls none of them.
    #[tokio::test]
    async fn functions_that_a_family_lacks_are_named_once() {
        let python = find(None).expect("the tests need python3");
        let checked = check::check(&Library::built_in(), "text_encoder/test.py.j2");
        let mut scripts = checked.expect("there").scripts;
        for script in &mut scripts {
            script.text = script.text.replace("def forward(", "def forwards(");
            script.text = script.text.replace("def auto_class(", "def auto_klass(");
        }
        let mistakes = verify(&python, &scripts).await.expect("checked");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        let message = "nothing defines auto_class, forward: docs/templates.md lists";
        assert!(mistakes[0].starts_with(message), "{mistakes:?}");
    }

    #[tokio::test]
    async fn only_what_is_needed_must_be_defined() {
        let python = find(None).expect("the tests need python3");
        let verify = async |text: &str| {
            let mistakes = verify(&python, &[script(&format!("{GOOD}{text}"), &[])]).await;
            mistakes.expect("checked").join("; ")
        };
        for sound in [
            "def unused():\n    return nowhere",
            "class A(dict):\n    def f(self, *a, b=1, **c):\n        global G\n        G = a\n        \
             return super().x, __class__, [d for d in b if d], lambda e: (e, c)\nif 0:\n    A().f, G, A.y",
            "import os.path as p\nif 0:\n    with p as q, q as (r, *s):\n        s\n__file__, __name__",
            "try:\n    pass\nexcept OSError as error:\n    error\nfor i, j in ():\n    i, j",
        ] {
            assert_eq!(verify(sound).await, "", "{sound}");
        }
        let chain = "class A:\n    def f(self):\n        return b()\ndef b():\n    return [c(d) for d in e]\n\
            x = lambda: A if h else (i := 1)";
        let message = verify(chain).await;
        assert!(message.starts_with("nothing defines c, e, h: "), "{message}");
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_told() {
        let failure = find(Some(Path::new("/no/such/python"))).expect_err("refused");
        assert!(failure.hint.is_some_and(|hint| hint.contains("--python")));
    }
}
