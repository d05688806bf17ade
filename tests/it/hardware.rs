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

/// A directory with the recorded files of a machine, and a tool in its `usr/bin`.
fn recorded(home: &Home, files: &[(&str, &str)], tool: (&str, &str)) {
    for (name, text) in files {
        home.write(&format!("machine/{name}"), text);
    }
    let path =
        home.write(&format!("machine/usr/bin/{}", tool.0), &format!("#!/bin/sh\n{}\n", tool.1));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// The document of `dtf detect --json` for the recorded machine.
fn detected(home: &Home) -> serde_json::Value {
    let args = ["detect", "--json", "--fake-root", "machine"];
    let mut command = home.command(&args);
    command.env("CUDA_VISIBLE_DEVICES", "").env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    finished(&command.output().expect("dtf starts")).expect_code(0).json()
}

const NAMES: [&str; 11] = [
    "arch",
    "container",
    "cpu_milli",
    "cpu_model",
    "devices",
    "logical_cores",
    "memory_bytes",
    "memory_limit_bytes",
    "os",
    "physical_cores",
    "schema",
];

#[test]
fn nothing_of_this_machine_shows_through_recorded_files() {
    let home = Home::new();
    recorded(&home, &[], ("nvidia-smi", L4));
    let empty = detected(&home);
    let mut names: Vec<&str> =
        empty.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
    for (name, value) in empty.as_object().expect("an object") {
        let expected = match name.as_str() {
            "schema" => serde_json::json!(1),
            "os" => serde_json::json!("linux"),
            "devices" => continue,
            _ => serde_json::Value::Null,
        };
        assert_eq!(*value, expected, "{name}");
    }
    let device = &empty["devices"][0];
    assert_eq!(device["product"], "NVIDIA L4", "{empty}");
    assert_eq!(device["memory_bytes"], 23034_u64 << 20);
    assert_eq!(device["partition_of"], serde_json::Value::Null);
    assert_eq!(device["backends"], serde_json::json!({"cuda": "driver"}));
    let files = [
        ("proc/self/status", "Cpus_allowed_list:\t0-3\n"),
        ("proc/self/cgroup", "0::/\n"),
        ("sys/devices/system/cpu/online", "0-15\n"),
        ("sys/fs/cgroup/cpu.max", "250000\n"),
        ("proc/meminfo", "MemTotal: 1048576 kB\n"),
    ];
    recorded(&home, &files, ("nvidia-smi", CRASH));
    let limited = detected(&home);
    assert_eq!((&limited["cpu_milli"], &limited["logical_cores"]), (&2500.into(), &3.into()));
    assert_eq!(limited["memory_bytes"], 1_u64 << 30);
    assert_eq!(limited["devices"][0]["state"], "degraded", "{limited}");
    let reason = limited["devices"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("ended by signal 11"), "{reason}");
}

#[test]
fn recorded_machines_of_other_systems_are_read() {
    let home = Home::new();
    let mark = ("System/Library/CoreServices/SystemVersion.plist", "<plist/>");
    recorded(
        &home,
        &[mark],
        ("sysctl", "echo 'machdep.cpu.brand_string: Apple M1'; echo 'hw.ncpu: 8'"),
    );
    let mac = detected(&home);
    assert_eq!((&mac["os"], &mac["arch"]), (&"macos".into(), &"aarch64".into()));
    assert_eq!(mac["logical_cores"], 8);
    let home = Home::new();
    let row = r#"{"Name":"CPU ","NumberOfCores":4,"NumberOfLogicalProcessors":8,"Architecture":9}"#;
    let script = format!("case \"$*\" in *Win32_Processor*) printf '%s' '[{row},{row}]';; esac");
    recorded(&home, &[("Windows/System32/x", "")], ("powershell.exe", &script));
    let windows = detected(&home);
    assert_eq!((&windows["os"], &windows["arch"]), (&"windows".into(), &"x86_64".into()));
    assert_eq!((&windows["physical_cores"], &windows["logical_cores"]), (&8.into(), &16.into()));
}

#[test]
fn detection_is_explained_with_files_and_programs() {
    let home = Home::new();
    let files = [("proc/cpuinfo", "processor\t: 0\nmodel name\t: Recorded CPU\n")];
    recorded(&home, &files, ("nvidia-smi", "echo first; echo second >&2; exit 9"));
    let args = ["detect", "--explain", "--fake-root", "machine"];
    let printed = home.dtf(&args).expect_code(0);
    let line = printed.out.lines().find(|line| line.starts_with("processor ")).expect("a line");
    assert!(
        line.contains("Recorded CPU") && line.ends_with("from /proc/cpuinfo (model name)"),
        "{line}"
    );
    for part in ["exit code 9", "stdout | first", "stderr | second", "/proc/meminfo: not found"] {
        assert!(printed.out.contains(part), "{part}: {}", printed.out);
    }
    let absent = home.dtf(&["detect", "--fake-root", "nowhere"]).expect_code(2);
    assert!(absent.err.contains("nowhere is not a directory"), "{}", absent.err);
}
