//! Reports of vendors' tools, from fake tools on `PATH` to the exit code and the tests.

use crate::support::{Finished, Home, eventually, finished};
use std::os::unix::fs::PermissionsExt;

const ANY: &str = "schema: 1\nname: any\ntests: [{name: a, cmd: [\"true\"]}]\n";
const CRASH: &str = "kill -SEGV $$";
const CRASHED: &str = "cannot detect NVIDIA devices: nvidia-smi ended by signal 11 (SIGSEGV)";
const L4: &str = "echo 'index, name, uuid, memory.total [MiB], compute_cap, mig.mode.current'\n\
    echo '0, NVIDIA L4, GPU-00000001-1111-2222-3333-444444444444, 23034 MiB, 8.9, [N/A]'";

/// Writes a tool, and returns a `PATH` that begins with its directory.
#[expect(clippy::disallowed_methods, reason = "what the test itself was given")]
fn with_tool(home: &Home, name: &str, script: &str) -> String {
    let tool = home.write(&format!("tools/{name}"), &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = std::env::var_os("PATH").unwrap_or_default();
    format!("{}:{}", home.path("tools").display(), path.to_string_lossy())
}

fn run(home: &Home, plan: &str, env: &[(&str, &str)]) -> Finished {
    home.write("plan.yaml", plan);
    let mut command = home.command(&["run", "plan.yaml", "--data-dir", "data"]);
    for name in ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"] {
        command.env_remove(name);
    }
    finished(&command.envs(env.iter().copied()).output().expect("dtf starts"))
}

/// A plan with one test on a back-end, which passes if the condition in the shell holds.
fn condition(backend: &str, condition: &str) -> String {
    format!(
        "schema: 1\nname: c\ntests:\n  - name: a\n    cmd: [sh, -c, '{condition}']\n    \
         requires: {{backend: {backend}}}\n"
    )
}

#[test]
fn a_run_fails_if_devices_could_not_be_detected() {
    let home = Home::new();
    let path = with_tool(&home, "nvidia-smi", CRASH);
    let printed = run(&home, ANY, &[("PATH", &path)]).expect_code(101);
    assert!(printed.err.contains(CRASHED), "{}", printed.err);
    assert!(printed.out.contains("passed"), "{}", printed.out);
    let wanted = run(&home, &condition("cuda", "true"), &[("PATH", &path)]).expect_code(101);
    assert!(wanted.err.contains(&format!("needs cuda, has cpu and {CRASHED}")), "{}", wanted.err);
    // If the plan requires the CPU only, the run succeeds.
    run(&home, &condition("cpu", "true"), &[("PATH", &path)]).expect_code(0);
    let hidden = run(&home, ANY, &[("PATH", &path), ("CUDA_VISIBLE_DEVICES", "")]).expect_code(0);
    assert!(!hidden.err.contains("cannot detect"), "{}", hidden.err);
}

#[test]
fn the_library_of_a_driver_is_found_through_the_variables_of_the_user() {
    let home = Home::new();
    let script = format!(
        "case \":$LD_LIBRARY_PATH:\" in *:/opt/driver:*) ;; *) echo no library; exit 12;; esac\n{L4}"
    );
    let path = with_tool(&home, "nvidia-smi", &script);
    let plan = condition(
        "cuda",
        "[ $CUDA_VISIBLE_DEVICES$LD_LIBRARY_PATH = \
         GPU-00000001-1111-2222-3333-444444444444/opt/driver ]",
    );
    let libraries = ("LD_LIBRARY_PATH", "/opt/driver");
    run(&home, &plan, &[("PATH", &path), libraries]).expect_code(0);
    let printed = run(&home, &plan, &[("PATH", &path), ("LD_LIBRARY_PATH", "")]).expect_code(101);
    assert!(printed.err.contains("nvidia-smi exited with code 12: no library"), "{}", printed.err);
}

#[test]
fn tests_are_pinned_in_the_numbering_of_the_worker_s_own_variable() {
    let home = Home::new();
    let card = |n: u8| {
        format!(
            "\"card{n}\": {{\"Card Series\": \"AMD Instinct MI210\", \"GFX Version\": \"gfx90a\"}}"
        )
    };
    let script = format!(
        "echo 'WARNING: [drm] card1 is in a low-power state'\necho '{{{}}}'",
        [0, 1, 2, 3].map(card).join(", ")
    );
    let path = with_tool(&home, "rocm-smi", &script);
    let plan = condition("rocm", "[ $ROCR_VISIBLE_DEVICES = 2 ]");
    let given = ("ROCR_VISIBLE_DEVICES", "2");
    let printed = run(&home, &plan, &[("PATH", &path), given]).expect_code(0);
    assert_eq!(printed.err.matches("MI210 (memory unknown)").count(), 1, "{}", printed.err);
}

#[test]
fn why_and_workers_name_devices_that_could_not_be_detected() {
    let home = Home::new();
    let path = with_tool(&home, "nvidia-smi", CRASH);
    let coordinator = home.coordinator("data");
    let args = ["worker", "--coordinator", &coordinator.url, "--name", "w", "--work-dir", "w"];
    let mut command = home.command(&args);
    command.env("PATH", path).env_remove("CUDA_VISIBLE_DEVICES");
    let mut worker = command.stderr(std::process::Stdio::null()).spawn().expect("dtf starts");
    let listed = eventually("the worker", || {
        let finished = home.at(&coordinator, &["workers", "--output", "json"]);
        finished.json()["items"].get(0).cloned()
    });
    assert_eq!(listed["capability"]["detection_errors"][0], CRASHED);
    let plan = home.write("plan.yaml", &condition("cuda", "true"));
    home.submit(&coordinator, &plan);
    let why = home.at(&coordinator, &["why", "r1.t0"]).expect_code(0).out;
    assert!(why.contains(CRASHED), "{why}");
    let workers = home.at(&coordinator, &["workers"]).expect_code(0).out;
    assert!(workers.contains(CRASHED), "{workers}");
    worker.kill().expect("killed");
    worker.wait().expect("ended");
}
