//! `dtf upgrade` and `dtf bisect` with packages that misbehave from a certain version on: a directory
//! of wheels is the package index, and uv builds the environments.

use crate::python::environments;
use crate::support::{Finished, Home, Process, eventually, finished};
use std::process::{Command, Stdio};

/// Writes a wheel for each version of the package `demo`: version → code, and further metadata.
const WHEELS: &str = r#"
import json, sys, zipfile
for version, (code, metadata) in json.load(sys.stdin).items():
    info = f"demo-{version}.dist-info"
    with zipfile.ZipFile(f"{sys.argv[1]}/demo-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("demo.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n{metadata}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
"#;

/// A test of the plan: a script that reports a metric and fails on a wrong sum.
const SCRIPT: &str = r#"
import json, os, sys
out = open(os.environ["DTF_RESULT"], "a")
import demo
def metric(name, value):
    line = {"event": "metric", "name": name, "unit": "seconds", "better": "lower", "values": [value]}
    print(json.dumps(line), file=out)
metric("load_seconds", 0.5)
if hasattr(demo, "SECONDS"):
    metric("latency_seconds", demo.SECONDS)
right = demo.add(1, 2) == 3
result = {"event": "result", "outcome": "passed" if right else "failed", "message": f"the sum is {demo.add(1, 2)}"}
print(json.dumps(result), file=out)
sys.exit(0 if right else 1)
"#;

const PLAN: &str = "
tests:
  - name: sum
    script: sum.py
    environment: {packages: [demo]}
  - name: plain
    cmd: [dtf, --version]
";

/// A build back-end inside of a repository, which needs no package.
const BACKEND: &str = r#"
import zipfile
def build_wheel(directory, settings=None, metadata=None):
    name, info = "demo-0-py3-none-any.whl", "demo-0.dist-info"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.write("demo.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"#;
const PROJECT: &str = "[project]\nname = 'demo'\nversion = '0'\n[build-system]\nrequires = []\n\
                       build-backend = 'backend'\nbackend-path = ['.']\n";

struct Index {
    home: Home,
}

impl Index {
    /// Versions with their code and further lines of metadata.
    fn of(versions: &[(&str, String, &str)]) -> Self {
        let home = Home::new();
        std::fs::create_dir(home.path("wheels")).expect("a directory");
        let map: serde_json::Map<String, serde_json::Value> = versions
            .iter()
            .map(|(version, code, metadata)| {
                ((*version).to_owned(), serde_json::json!([code, metadata]))
            })
            .collect();
        let mut python = Command::new("python3");
        python.args(["-c", WHEELS]).arg(home.path("wheels"));
        let mut child = python.stdin(Stdio::piped()).spawn().expect("python3 starts");
        let input = serde_json::to_vec(&map).expect("json");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), &input).expect("sent");
        assert!(child.wait().expect("ended").success());
        home.write("plan.yaml", PLAN);
        home.write("sum.py", SCRIPT);
        Self { home }
    }

    fn dtf(&self, args: &[&str]) -> Finished {
        finished(&self.command(args).output().expect("dtf starts"))
    }

    /// A command that finds the wheels and uv.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.args(["--environments-dir", "environments"]);
        let tools = environments().join("tool").join("bin");
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").expect("PATH").1;
        let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)));
        command.env("PATH", path.expect("a path"));
        command.env("UV_NO_INDEX", "1").env("UV_FIND_LINKS", self.home.path("wheels"));
        for name in ["UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL"] {
            command.env_remove(name);
        }
        command
    }
}

/// Code of the package with this sum and this duration.
fn code(sum: &str, seconds: &str) -> String {
    format!("SECONDS = {seconds}\ndef add(a, b):\n    return {sum}\n")
}

fn right() -> String {
    code("a + b", "0.010")
}

#[test]
fn an_upgrade_that_breaks_slows_or_cannot_be_installed_is_distinguished() {
    let index = Index::of(&[
        ("1.0", right(), ""),
        ("1.1", code("a + b + 1", "0.010"), ""),
        ("1.2", code("a + b", "0.013"), ""),
        ("1.3", right(), "Requires-Dist: no-such-package\n"),
        ("1.4", "raise ImportError('no demo today')".to_owned(), ""),
    ]);
    let upgrade = |after: &str| {
        let after = format!("demo=={after}");
        let args = ["upgrade", &after, "--from", "demo==1.0", "--plan", "plan.yaml"];
        index.dtf(&[&args[..], &["--output", "json"]].concat())
    };
    let effect = |finished: &Finished| finished.json()["tests"][0]["effect"].clone();
    let broken = upgrade("1.1").expect_code(100);
    let view = broken.json();
    assert_eq!(view["tests"][0]["effect"], "broken");
    assert_eq!(view["tests"][0]["message"], "the sum is 4");
    assert_eq!(view["tests"][0]["runs"], serde_json::json!([3, 3]), "failures are confirmed");
    assert_eq!(view["is_safe"], false);
    // The environment of the worker is not changed, so its test has no result.
    assert_eq!(view["tests"][1]["effect"], "not_run");
    let slower = upgrade("1.2").expect_code(100);
    assert_eq!(effect(&slower), "worse");
    let change = &slower.json()["tests"][0]["changes"][0];
    assert_eq!((&change["metric"], &change["n_after"]), (&"latency_seconds".into(), &5.into()));
    let absent = upgrade("1.3").expect_code(101);
    assert_eq!(effect(&absent), "not_run");
    let reason = absent.json()["tests"][0]["message"].to_string();
    assert!(reason.contains("after: ") && reason.contains("no-such-package"), "{reason}");
    let import = upgrade("1.4").expect_code(100);
    assert!(import.json()["tests"][0]["message"].to_string().contains("no demo today"));
    assert_eq!(effect(&import), "broken");
}

#[test]
fn the_first_bad_version_is_found_around_versions_that_cannot_be_installed() {
    let wrong = || code("a - b", "0.020");
    let index = Index::of(&[
        ("1.0", right(), ""),
        ("1.1", right(), "Requires-Dist: no-such-package\n"),
        ("1.2", right(), "Requires-Python: >=3.99\n"),
        ("1.3", right(), ""),
        ("1.4rc1", wrong(), ""),
        ("1.4", code("a + b", "0.020"), ""),
        ("1.5", wrong(), ""),
        ("1.6", wrong(), ""),
    ]);
    let bisect = |more: &[&str]| {
        let args =
            ["bisect", "sum", "--plan", "plan.yaml", "--package", "demo", "--output", "json"];
        index.dtf(&[&args[..], more].concat())
    };
    let found = bisect(&["--good", "1.0", "--bad", "1.6"]).expect_code(0).json();
    assert_eq!((&found["first_bad"], &found["last_good"]), (&"1.5".into(), &"1.4".into()));
    assert_eq!(found["reason"], "sum: the sum is -1");
    // The pre-release is left out. 1.2 is for another Python, which a directory of wheels does not
    // state in its list: it would be skipped when it is tried.
    assert_eq!(found["candidates"], 7);
    let slower = bisect(&["--good", "1.0", "--bad", "1.4", "--metric", "latency_seconds"]);
    let slower = slower.expect_code(0).json();
    assert_eq!((&slower["first_bad"], &slower["last_good"]), (&"1.4".into(), &"1.3".into()));
    // Nothing between the ends can be tried.
    let args = ["--good", "1.0", "--bad", "1.6", "--versions", "1.1"];
    let unknown = bisect(&args).expect_code(101).json();
    assert_eq!(unknown["untried"], serde_json::json!(["1.1"]));
    assert!(unknown.get("first_bad").is_none());
    // Ends that are not as given are mistakes.
    let wrong = bisect(&["--good", "1.5", "--bad", "1.6"]).expect_code(2).err;
    assert!(wrong.contains("the test fails with 1.5, the good end"), "{wrong}");
}

#[test]
fn what_was_not_compared_is_neither_good_nor_safe() {
    let index = Index::of(&[
        ("0.9rc1", code("a - b", "0.010"), ""),
        ("1.0", right(), ""),
        ("1.1", "def add(a, b):\n    return a + b\n".to_owned(), ""),
        ("1.2", code("a + b", "0.020"), ""),
    ]);
    let args = ["--plan", "plan.yaml", "--output", "json"];
    let bisect = |more: &[&str]| {
        index.dtf(&[&["bisect", "sum", "--package", "demo"][..], &args, more].concat())
    };
    let ends = ["--good", "1.0", "--bad", "1.2", "--metric"];
    let found = bisect(&[&ends[..], &["latency_seconds"]].concat()).expect_code(101).json();
    assert_eq!(found["untried"], serde_json::json!(["1.1"]));
    let skipped = found["steps"].as_array().expect("steps").iter();
    let mut skipped = skipped.filter(|step| step["name"] == "1.1");
    let reason = skipped.next().expect("tried")["reason"].to_string();
    assert!(reason.contains("does not report the metric latency_seconds"), "{reason}");
    let misspelt = bisect(&[&ends[..], &["latency"]].concat()).expect_code(2).err;
    assert!(misspelt.contains("its metrics: latency_seconds, load_seconds"), "{misspelt}");
    // The named good end is searched from, also a pre-release, and not the next version.
    let wrong = bisect(&["--good", "0.9rc1", "--bad", "1.2"]).expect_code(2).err;
    assert!(wrong.contains("the test fails with 0.9rc1, the good end"), "{wrong}");
    let flags = ["--package", "demo", "--good", "1.0", "--bad", "1.2", "--hw", "cpu"];
    let refused = index.dtf(&[&["bisect", "r1.t0"][..], &flags].concat()).expect_code(2).err;
    assert!(refused.contains("--hw has no effect on r1.t0"), "{refused}");
    let commits = ["--good", "a", "--bad", "b", "--commits", "https://hidden@127.0.0.1:9/x.git"];
    let refused = bisect(&commits).expect_code(2).err;
    assert!(refused.contains("a token") && !refused.contains("hidden"), "{refused}");

    let upgrade = |more: &[&str]| {
        index.dtf(&[&["upgrade"][..], more, &args].concat()).expect_code(101).json()
    };
    // Without --from, the plan resolves to the newest version.
    let same = upgrade(&["demo==1.2"]);
    assert_eq!(same["is_safe"], false);
    assert_eq!(same["tests"][0]["message"], "both sides have demo 1.2");
    let unmeasured = upgrade(&["demo==1.1", "--from", "demo==1.0"]);
    assert_eq!(unmeasured["tests"][0]["effect"], "unclear");
    assert_eq!(
        unmeasured["tests"][0]["message"],
        "not compared, reported only before: latency_seconds"
    );
}

#[test]
fn the_first_bad_commit_of_a_repository_is_found() {
    let index = Index::of(&[]);
    index.home.write("repository/backend.py", BACKEND);
    index.home.write("repository/pyproject.toml", PROJECT);
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(args);
        let done = git.current_dir(index.home.path("repository")).output().expect("git starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    };
    git(&["init", "--quiet", "."]);
    let mut commits = Vec::new();
    for at in 0..6 {
        let sum = if at < 4 { "a + b" } else { "a * b" };
        index.home.write("repository/demo.py", &format!("# {at}\n{}", code(sum, "0.010")));
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "-m", "a commit"]);
        commits.push(git(&["rev-parse", "HEAD"]));
    }
    let args = ["bisect", "sum", "--plan", "plan.yaml", "--package", "demo", "--output", "json"];
    let more = ["--commits", "repository", "--good", "HEAD~5", "--bad", "HEAD"];
    let found = index.dtf(&[&args[..], &more].concat()).expect_code(0).json();
    assert_eq!(found["of"], "commit");
    assert!(commits[4].starts_with(found["first_bad"].as_str().expect("a commit")), "{found}");
    assert_eq!(found["reason"], "sum: the sum is 2");
}

#[test]
fn both_tests_of_a_pair_run_on_the_same_worker_of_a_coordinator() {
    let index = Index::of(&[("1.0", right(), ""), ("1.1", right(), "")]);
    let mut plan = "tests:\n".to_owned();
    for (at, model) in ["a", "b", "c"].iter().enumerate() {
        plan.push_str(&format!(
            "  - {{name: sum{at}, script: sum.py, labels: {{model: {model}}}, environment: {{packages: [demo]}}}}\n"
        ));
    }
    index.home.write("plan.yaml", &plan);
    let coordinator = index.home.coordinator("data");
    let workers: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|name| {
            let args = ["worker", "--coordinator", &coordinator.url, "--name", name, "--work-dir"];
            let mut command = index.command(&[&args[..], &[name]].concat());
            let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            Process(Some(spawned.expect("dtf starts")))
        })
        .collect();
    eventually("two workers", || {
        let listed = index.home.at(&coordinator, &["workers", "--output", "json"]).json();
        (listed["items"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let args = ["upgrade", "demo==1.1", "--from", "demo==1.0", "--plan", "plan.yaml"];
    let more = ["--output", "json", "--coordinator", &coordinator.url];
    let view = index.dtf(&[&args[..], &more].concat()).expect_code(0).json();
    assert_eq!((&view["is_safe"], &view["totals"]["same"]), (&true.into(), &3.into()));
    assert_eq!(view["after"]["packages"]["demo"], "1.1");
    let places = |side: &str| {
        let run = view[side]["runs"][0].as_str().expect("a run").to_owned();
        let rows = index.home.report(&coordinator, &run)["rows"].clone();
        let rows = rows.as_array().expect("rows").clone();
        let place = |row: &serde_json::Value| (row["name"].to_string(), row["worker"].to_string());
        rows.iter().map(place).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (before, after) = (places("before"), places("after"));
    assert_eq!(before, after);
    let used: std::collections::BTreeSet<_> = before.values().collect();
    assert_eq!(used.len(), 2, "both workers are used: {before:?}");
    drop(workers);
}
