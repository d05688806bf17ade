//! Deployment scripts: checked by independent tools, run in every shell of this machine, and one real
//! deployment, from the generated script to a machine without processes of it.

use crate::python::environments;
use crate::support::{Finished, Home, eventually, finished};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Tests in `tests/deploy`, which `dtf run` runs with the tools in its requirements.txt.
fn plan(packages: &str) -> String {
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    format!(
        "schema: 1\nname: deploy\ndefaults:\n  files: [\".\"]\n  timeout: 10m\n  \
           env: {{DTF_BINARY: \"{}\"}}\n  environment: {{packages: [{}]}}\ntests:\n  \
         - name: \"{{file}}\"\n    matrix: {{file: [platforms, quoting, scripts, validators]}}\n    \
             cmd: [python, -m, pytest, -q, -rs, -p, \"no:cacheprovider\", \"test_{{file}}.py\"]\n",
        env!("CARGO_BIN_EXE_dtf"),
        packages.join(", ")
    )
}

#[test]
fn independent_tools_accept_the_scripts_and_every_shell_runs_them() {
    let home = Home::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy");
    for entry in std::fs::read_dir(&from).expect("listed").flatten() {
        if entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).expect("a text");
            home.write(&format!("deploy/{}", entry.file_name().display()), &text);
        }
    }
    let packages = std::fs::read_to_string(home.path("deploy/requirements.txt")).expect("packages");
    let plan = home.write("deploy/plan.yaml", &plan(&packages));
    let environments = environments().display().to_string();
    let plan = plan.to_str().expect("a plain path");
    let run = home.dtf(&["run", plan, "--environments-dir", &environments]);
    for test in ["r1.t0", "r1.t1", "r1.t2", "r1.t3"] {
        // The output names what was not run: a shell or tool that this machine does not have.
        eprintln!("{test}:\n{}", home.dtf(&["logs", test]).out);
    }
    run.expect_code(0);
}

/// Processes whose arguments name a directory.
fn processes_below(directory: &Path) -> Vec<String> {
    let name = directory.display().to_string();
    let all = std::fs::read_dir("/proc").expect("listed").flatten();
    all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&name))
        .collect()
}

/// Runs a control script with a separate home directory.
fn control(home: &Home, script: &Path, args: &[&str]) -> Finished {
    let mut command = Command::new("sh");
    command.arg(script).args(args).current_dir(home.root.path());
    finished(&command.env("HOME", home.root.path()).output().expect("sh starts"))
}

#[test]
fn a_script_installs_the_program_that_the_coordinator_runs() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let mut generate =
        vec!["deploy-script", "--target", "linux", "--mode", "nohup", "--out", "set"];
    generate.extend(["--binary", "coordinator"]);
    home.at(&coordinator, &generate).expect_code(0);
    let installed = control(&home, &home.path("set/control.sh"), &["install"]).expect_code(0);
    assert!(installed.out.contains(env!("CARGO_PKG_VERSION")), "{}", installed.out);
    let program = home.path(".local/share/dtf/dtf-worker/bin/dtf");
    let same = std::fs::read(program).expect("installed")
        == std::fs::read(env!("CARGO_BIN_EXE_dtf")).expect("read");
    assert!(same, "another program than that of the coordinator");
}

#[test]
fn a_generated_script_deploys_a_worker_that_runs_a_test_and_stops() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let prefix = home.path("the prefix");
    let mut generate = vec!["deploy-script", "--target", "linux", "--mode", "nohup", "--id", "rig"];
    let (prefix_text, url) = (prefix.display().to_string(), coordinator.url.clone());
    generate.extend(["--name", "Ann's \"rig\"", "--prefix", &prefix_text, "--slots", "1"]);
    generate.extend(["--coordinator", &url, "--out", "set", "--drain", "20s"]);
    home.dtf(&generate).expect_code(0);
    // The program is a file beside the script. A link would be copied as its target.
    std::fs::copy(env!("CARGO_BIN_EXE_dtf"), home.path("set/dtf")).expect("copied");
    let control = |script: &Path, args: &[&str]| control(&home, script, args);
    let script = home.path("set/control.sh");
    control(&script, &["install"]).expect_code(0);
    control(&script, &["install"]).expect_code(0);
    control(&script, &["start"]).expect_code(0);
    control(&script, &["status"]).expect_code(0);
    let workers = || home.at(&coordinator, &["workers", "--output", "json"]).expect_code(0).json();
    eventually("the registration", || {
        workers().to_string().contains("Ann's \\\"rig\\\"").then_some(())
    });
    let plan = home.write("plan.yaml", "tests:\n  - {name: hello, cmd: [echo, hello]}\n");
    let run = home.submit(&coordinator, &plan);
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "passed", "{report}");
    assert_eq!(report["rows"][0]["worker"], json!("Ann's \"rig\""));
    control(&script, &["stop"]).expect_code(0);
    control(&script, &["status"]).expect_code(3);
    assert_eq!(processes_below(&prefix), Vec::<String>::new());
    let log = std::fs::read_to_string(prefix.join("log/worker.log")).expect("a log");
    assert!(log.contains("the worker has left after 1 passed"), "{log}");
    control(&script, &["uninstall", "--purge"]).expect_code(0);
    assert!(!prefix.exists());
}
