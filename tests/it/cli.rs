//! Help, and messages about errors on the command line.

use crate::support::{Home, eventually, finished};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The paths of all visible commands: `dtf`, `dtf run`, `dtf templates list`, ….
fn commands(command: &clap::Command, path: &[String]) -> Vec<Vec<String>> {
    let visible = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    let inner =
        visible.flat_map(|inner| commands(inner, &[path, &[inner.get_name().to_owned()]].concat()));
    std::iter::once(path.to_owned()).chain(inner).collect()
}

#[test]
fn help_is_as_reviewed() {
    let home = Home::new();
    let mut names = BTreeSet::new();
    for path in commands(&dtf::cli::command(), &[]) {
        let help = |flag: &str| {
            let args: Vec<&str> = path.iter().map(String::as_str).chain([flag]).collect();
            home.dtf(&args).expect_code(0).out
        };
        let (short, long) = (help("-h"), help("--help"));
        assert!(long.contains("Examples:\n"), "{path:?} has no examples:\n{long}");
        let command = [&["dtf".to_owned()], &*path].concat().join("-");
        let name = format!("help-{command}");
        insta::assert_snapshot!(name.clone(), format!("{short}\n===== --help =====\n\n{long}"));
        names.insert(format!("it__cli__{name}.snap"));
    }
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let files = std::fs::read_dir(snapshots).expect("the directory of snapshots");
    let files = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let files: BTreeSet<String> = files.filter(|file| file.contains("__help-")).collect();
    assert_eq!(files, names, "every snapshot of help belongs to a command");
}

#[test]
fn paths_are_converted_all_or_none() {
    let home = Home::new();
    let convert = |args: &[&str]| home.dtf(&[&["path", "convert"], args].concat());
    let two = [r"C:\models\bert", r"%USERPROFILE%\x", "--to", "wsl"];
    let converted = convert(&two).expect_code(0);
    assert_eq!(converted.out, "/mnt/c/models/bert\n%USERPROFILE%\\x\n");
    assert!(converted.err.contains("dtf does not expand %USERPROFILE%"), "{}", converted.err);
    let rows = convert(&[&two[..], &["--output", "json"]].concat()).expect_code(0).json();
    assert_eq!(rows["paths"][0]["given"], two[0]);
    assert_eq!(rows["paths"][0]["path"], "/mnt/c/models/bert");
    assert_eq!(rows["paths"][1]["variable"], "%USERPROFILE%");
    let refused = convert(&["/mnt/c/x", "/srv/models", "--to", "windows"]).expect_code(2);
    assert_eq!(refused.out, "");
    assert!(refused.err.contains(r"name one with --mount '/srv=D:\data'"), "{}", refused.err);
    // The advice works as it is printed.
    let mounted = convert(&["/srv/models", "--to", "windows", "--mount", r"/srv=D:\data"]);
    assert_eq!(mounted.expect_code(0).out, "D:\\data\\models\n");
    let list = convert(&[r"C:\a;D:\b", "--to", "msys", "--list"]).expect_code(0);
    assert_eq!(list.out, "/c/a:/d/b\n");
}

#[test]
fn errors_name_the_next_step() {
    let home = Home::new();
    let version = home.dtf(&["--version"]).expect_code(0);
    assert_eq!(version.out.trim(), format!("dtf {}", env!("CARGO_PKG_VERSION")));
    let unknown = home.dtf(&["raport"]).expect_code(2);
    assert!(unknown.err.contains("report"), "{}", unknown.err);
    let nobody = home.dtf(&["status", "--coordinator", "http://127.0.0.1:9"]).expect_code(1);
    assert!(nobody.err.contains("hint: is the coordinator running"), "{}", nobody.err);
    let address = home.dtf(&["status", "--coordinator", "nonsense"]).expect_code(2);
    assert!(address.err.contains("http://127.0.0.1:7700"), "{}", address.err);
    let model = home.dtf(&["generate", "no/such-model", "--dry-run"]).expect_code(2);
    assert!(model.err.contains("no/such-model"), "{}", model.err);
    let shape = ["generate", "bert-base-uncased", "--image-size", "64", "--dry-run"];
    let shape = home.dtf(&shape).expect_code(2);
    assert!(shape.err.contains("have no image_size"), "{}", shape.err);
    let none = home.dtf(&["report"]).expect_code(1);
    assert!(none.err.contains("hint: "), "{}", none.err);
    let cycle = "tests:\n  - {name: a, cmd: [x], depends_on: [b]}\n  - {name: b, cmd: [x], depends_on: [a]}\n";
    let plan = home.write("plan.yaml", cycle);
    let plan = plan.to_str().expect("a plain path");
    let cycle = home.dtf(&["submit", plan, "--coordinator", "http://127.0.0.1:9"]).expect_code(2);
    assert!(cycle.err.contains("cycle"), "{}", cycle.err);
    let setting = home.write("settings.yaml", "worker:\n  solts: 2\n");
    let setting = setting.to_str().expect("a plain path");
    let unknown = home.dtf(&["--config", setting, "status"]).expect_code(2);
    assert!(unknown.err.contains("slots"), "{}", unknown.err);
}

#[test]
fn a_public_address_needs_tokens_and_an_unknown_token_is_reported() {
    let home = Home::new();
    let open = home.dtf(&["coordinator", "--listen", "0.0.0.0:0", "--data-dir", "data"]);
    assert!(open.expect_code(1).err.contains("token"));
    let port = home.dtf(&["coordinator", "--listen", "7813", "--data-dir", "data"]).expect_code(2);
    assert!(port.err.contains("such as 127.0.0.1:7700"), "{}", port.err);
    let slots = home.dtf(&["worker", "--slots", "99999"]).expect_code(2);
    assert!(slots.err.contains("slots is 99999, outside the range 1 to 4096"), "{}", slots.err);
    let token = home.write("token", "not-the-token\n");
    let path = token.to_str().expect("a plain path").to_owned();
    let readable = home.dtf(&["status", "--token-file", &path]).expect_code(4);
    assert!(readable.err.contains("chmod 600"), "{}", readable.err);
}

#[test]
fn generated_scripts_are_listed_and_written() {
    let home = Home::new();
    let dry = ["generate", "bert-base-uncased", "--hw", "cpu,cuda", "--dry-run"];
    let listed = home.dtf(&dry).expect_code(0);
    assert!(listed.out.contains("bert-base-uncased/cuda/"), "{}", listed.out);
    let listed = home.dtf(&[&dry[..], &["--output", "json"]].concat()).expect_code(0).json();
    let tests = listed["tests"].as_array().expect("tests");
    assert_eq!(tests[0]["name"], "bert-base-uncased/reference/s131");
    assert!(tests[2]["accelerator_memory_bytes"].as_u64() > Some(1 << 30), "{}", tests[2]);
    let all = ["generate", "bert-base-uncased", "--explain", "--output", "json"];
    let explained = home.dtf(&all).expect_code(0).json();
    assert_eq!(explained["family"], "text_encoder");
    assert_eq!(explained["confidence"], "high");
    assert_eq!(explained["parameters"], 109_514_298);
    assert_eq!(explained["flags"]["moe"], false);
    let csv = home.dtf(&[&dry[..], &["--output", "csv"]].concat()).expect_code(0).out;
    assert!(csv.starts_with("name,backend,priority,"), "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.split(',').count() == 11), "{csv}");
    for refused in [&["--explain"][..], &["--graph"], &[]] {
        let args = [&["generate", "gpt2", "--output", "csv"], refused].concat();
        let refused = home.dtf(&args).expect_code(2).err;
        assert!(refused.contains("--output csv cannot be used with"), "{refused}");
    }
    let plan =
        home.write("plan.yaml", "tests:\n  - {name: a, cmd: ['true'], requires: {tags: [moon]}}\n");
    let plan = plan.to_str().expect("a plain path");
    let submit = home.dtf(&["submit", plan, "--output", "csv"]).expect_code(2).err;
    assert!(submit.contains("add --wait"), "{submit}");
    let dry_run = home.dtf(&["run", plan, "--dry-run"]).expect_code(0);
    assert!(
        dry_run.out.contains("this machine cannot run a: it lacks the tag moon"),
        "{}",
        dry_run.out
    );
    assert!(dry_run.err.contains("0 of 1 would run"), "{}", dry_run.err);
    let graph = home.dtf(&["generate", "gpt2", "--batch", "1,4", "--graph=dot"]).expect_code(0);
    assert!(graph.out.starts_with("digraph \"gpt2\""), "{}", graph.out);
    home.dtf(&["generate", "bert-base-uncased", "--out", "made"]).expect_code(0);
    assert!(home.path("made/plan.yaml").exists());
    let again = home.dtf(&["generate", "bert-base-uncased", "--out", "made"]).expect_code(2);
    assert!(again.err.contains("--force"), "{}", again.err);
    home.dtf(&["generate", "bert-base-uncased", "--out", "made", "--force"]).expect_code(0);
}

#[test]
fn runs_and_workers_are_listed_and_a_worker_is_drained_by_name() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let worker = home.worker(&coordinator, "rig7", &["--tags", "lab,gpu", "--slots", "1"]);
    let plan = home.write("plan.yaml", "name: nightly\ntests:\n  - {name: a, cmd: ['true']}\n");
    let run = home.submit(&coordinator, &plan);
    home.finished(&coordinator, &run);
    let status = home.at(&coordinator, &["status"]).expect_code(0).out;
    assert!(status.contains(&format!("{run} nightly by ")), "{status}");
    assert!(status.contains("1 of 1 done, 1 passed"), "{status}");
    let workers = home.at(&coordinator, &["workers"]).expect_code(0).out;
    assert!(workers.contains("rig7") && workers.contains("tags gpu lab"), "{workers}");
    let release = home.path("release");
    let text = format!(
        "tests:\n  - {{name: held, cmd: [sh, -c, 'while [ ! -e {} ]; do sleep 0.05; done']}}\n  \
         - {{name: after, cmd: ['true'], depends_on: [held]}}\n  \
         - {{name: moon, cmd: ['true'], requires: {{tags: [moon], backend: cuda}}}}\n",
        release.display()
    );
    let plan = home.write("plan.yaml", &text);
    let plan = plan.to_str().expect("a plain path");
    let sent = home.at(&coordinator, &["submit", plan]).expect_code(0);
    let lacks = "no worker can run moon: rig7 lacks the tag moon and needs cuda, has cpu";
    assert!(sent.err.contains(lacks), "{}", sent.err);
    let second = sent.out.trim().to_owned();
    let standing = |row: &Value| row["phase"].as_str().map(str::to_owned);
    eventually("a running test", || {
        let rows = home.report(&coordinator, &second)["rows"].clone();
        let rows = rows.as_array().expect("rows").iter().map(standing).collect::<Vec<_>>();
        let expected = ["leased", "blocked", "waiting"].map(|phase| Some(phase.to_owned()));
        (rows == expected).then_some(())
    });
    let table = home.at(&coordinator, &["report", "--run", &second]).expect_code(0).out;
    for words in
        ["running  r2.t0  held", "blocked  r2.t1  after", "waiting  r2.t2  moon", "3 not done"]
    {
        assert!(table.contains(words), "{table}");
    }
    assert!(
        table.contains("moon waiting: no worker can run it: rig7 lacks the tag moon"),
        "{table}"
    );
    std::fs::write(&release, "").expect("written");
    let nobody = home.at(&coordinator, &["workers", "--drain", "rig8"]).expect_code(1).err;
    assert!(nobody.contains("no worker rig8\nhint: list them with: dtf workers"), "{nobody}");
    let drained = home.at(&coordinator, &["workers", "--drain", "rig7"]).expect_code(0).out;
    assert!(drained.contains("rig7 takes no new tests"), "{drained}");
    assert_eq!(worker.wait(), 0, "a drained worker leaves");
}

#[test]
fn a_flag_names_the_source_of_results_and_an_empty_variable_is_ignored() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let worker = home.worker(&coordinator, "rig7", &["--slots", "1"]);
    let cmd = "tests:\n  - {name: a, cmd: [echo, hello]}\n  - {name: b, cmd: [echo, hello]}\n";
    let run = home.submit(&coordinator, &home.write("plan.yaml", cmd));
    home.finished(&coordinator, &run);
    let cut = ["report", "--run", &run, "--output", "csv", "--limit", "1"];
    let cut = home.at(&coordinator, &cut).expect_code(0);
    assert!(
        cut.err.contains("only 1 of 2 tests are shown; use --limit N to show more"),
        "{}",
        cut.err
    );
    let both = home.at(&coordinator, &["why", "r1.t0", "--data-dir", "data"]).expect_code(2).err;
    assert!(both.contains("--coordinator and --data-dir cannot be used together"), "{both}");
    let busy = home.dtf(&["report", "--data-dir", "data"]).expect_code(1).err;
    let holder = format!("in use by process {} (dtf)\nhint: ask the coordinator", coordinator.id());
    assert!(busy.contains(&holder), "{busy}");
    let url = coordinator.url.clone();
    drop(worker);
    coordinator.stop();
    let with = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(args);
        finished(&command.envs(variables.iter().copied()).output().expect("dtf starts"))
    };
    let named = [("DTF_COORDINATOR", url.as_str())];
    let stored = ["report", "--run", &run, "--data-dir", "data", "--output", "json"];
    assert_eq!(with(&stored, &named).expect_code(0).json()["totals"]["outcomes"]["passed"], 2);
    let logs = with(&["logs", "r1.t0", "--data-dir", "data"], &named).expect_code(0);
    assert_eq!(logs.out, "hello\n");
    let directory = [("DTF_COORDINATOR", ""), ("DTF_DATA_DIR", "data")];
    let why = with(&["why", "r1.t0"], &directory).expect_code(0).out;
    assert!(why.contains("passed"), "{why}");
    let follow = with(&["logs", "-f", "r1.t0"], &directory).expect_code(2).err;
    assert!(follow.contains("nothing to follow"), "{follow}");
    let gone = with(&["why", "r1.t0"], &[named[0], directory[1]]).expect_code(1).err;
    assert!(gone.contains(&url), "a coordinator overrides a directory: {gone}");
}
