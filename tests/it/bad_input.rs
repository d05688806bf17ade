//! Invalid plans, misbehaving scripts and malformed requests: each has its own outcome or a clear
//! error.

use crate::support::{Finished, Home, processes_with};
use serde_json::Value;

/// Runs a plan on this machine and returns its output and the rows of the report.
fn run(home: &Home, plan: &str, code: i32) -> Vec<Value> {
    home.write("plan.yaml", plan);
    let finished = home.dtf(&["run", "plan.yaml", "--output", "json"]).expect_code(code);
    finished.json()["rows"].as_array().expect("rows").clone()
}

fn refused(home: &Home, plan: &str) -> Finished {
    home.write("plan.yaml", plan);
    home.dtf(&["run", "plan.yaml"]).expect_code(2)
}

#[test]
fn settings_without_effect_in_a_plan_are_refused() {
    let home = Home::new();
    home.write("plan.yaml", "schema: 1\ntests:\n  - {name: a, cmd: [\"true\"]}\n");
    let finished = home.dtf(&["run", "plan.yaml", "--hw", "cuda"]).expect_code(2);
    assert!(finished.err.contains("--hw applies to models"), "{}", finished.err);
}

#[test]
fn invalid_plans_are_refused_with_position_and_hint() {
    let home = Home::new();
    let cases = [
        ("schema: 1\nname: x\ntests: [\n", "plan.yaml"),
        ("schema: 1\nname: x\ntsets: []\n", "tests"),
        (
            "schema: 1\nname: x\ntests:\n  - {name: a, cmd: [\"true\"], requires: {gpus: 1}}\n",
            "gpus",
        ),
        (
            "schema: 1\nname: x\ntests:\n  - {name: a, cmd: [\"true\"], requires: {cpu: .nan}}\n",
            "cpu",
        ),
        ("schema: 1\nname: x\ntests:\n  - {name: a, cmd: [\"true\"], timeout: .inf}\n", "timeout"),
        ("schema: 1\nname: x\ntests:\n  - {name: a, cmd: [x]}\n  - {name: a, cmd: [x]}\n", "\"a\""),
        (
            "schema: 1\nname: x\ntests:\n  - {name: a, cmd: [x], depends_on: [b]}\n  \
             - {name: b, cmd: [x], depends_on: [a]}\n",
            "dependencies form a cycle: a → b → a",
        ),
        ("schema: 99\nname: x\ntests: []\n", "schema"),
        ("\u{0}\u{1}\u{2}", "plan.yaml"),
        ("", "plan.yaml"),
    ];
    for (plan, named) in cases {
        let finished = refused(&home, plan);
        let expected = finished.err.lines().any(|line| line.starts_with("error: "));
        assert!(expected, "{plan:?}: {}", finished.err);
        assert!(finished.err.contains(named), "{plan:?}: {}", finished.err);
    }
    let deep = format!("schema: 1\nname: x\ntests: {}", "[".repeat(100_000));
    assert!(refused(&home, &deep).err.contains("plan.yaml"));
    let huge = format!("schema: 1\nname: {}\n", "x".repeat(20 << 20));
    refused(&home, &huge);
    let missing = home.dtf(&["run", "nowhere.yaml"]).expect_code(2);
    assert!(missing.err.contains("nowhere.yaml"));
}

#[test]
fn misbehaving_scripts_have_distinct_outcomes() {
    let home = Home::new();
    home.write("silent.py", "print('fine')\n");
    home.write("crash.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n");
    home.write(
        "claims.py",
        "import json, os\nwith open(os.environ['DTF_RESULT'], 'a') as f:\n    \
         f.write(json.dumps({'v': 1, 't': 0.1, 'event': 'result', 'outcome': 'passed', \
         'message': ''}) + '\\n')\n",
    );
    home.write(
        "garbage.py",
        "import os\nopen(os.environ['DTF_RESULT'], 'wb').write(b'\\xff{[' * 999)\n",
    );
    let plan = "schema: 1\nname: bad\ndefaults: {timeout: 20s, grace: 1s, retries: {infrastructure: 0}}\ntests:\n  \
        - {name: silent, script: silent.py}\n  \
        - {name: crash, script: crash.py}\n  \
        - {name: claims, script: claims.py}\n  \
        - {name: garbage, script: garbage.py}\n  \
        - {name: missing, cmd: [no-such-program-anywhere]}\n  \
        - {name: fails, cmd: [sh, -c, \"echo why >&2; exit 3\"]}\n  \
        - {name: slow, cmd: [sleep, \"600\"], timeout: 1s}\n  \
        - {name: quiet, cmd: [sleep, \"600\"], silence: 1s}\n  \
        - {name: good, cmd: [\"true\"]}\n";
    let rows = run(&home, plan, 100);
    let ended = |name: &str| {
        let row = rows.iter().find(|row| row["name"] == name).expect("a row").clone();
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        (text("outcome"), text("class"))
    };
    let pair = |outcome: &str, class: &str| (outcome.to_owned(), class.to_owned());
    assert_eq!(ended("silent"), pair("error", "no_result"));
    assert_eq!(ended("crash"), pair("error", "crash"));
    assert_eq!(ended("claims"), pair("error", "no_result"));
    assert_eq!(ended("garbage"), pair("error", "no_result"));
    assert_eq!(ended("missing"), pair("error", "set_up"));
    assert_eq!(ended("fails"), pair("failed", "-"));
    assert_eq!(ended("slow"), pair("timed_out", "wall_clock"));
    assert_eq!(ended("quiet"), pair("timed_out", "silence"));
    assert_eq!(ended("good"), pair("passed", "-"));
}

#[test]
fn errors_outside_the_tests_have_their_own_exit_code() {
    let home = Home::new();
    let plan = "schema: 1\nname: odd\ndefaults: {retries: {infrastructure: 0}}\ntests:\n  \
        - {name: missing, cmd: [no-such-program-anywhere]}\n  - {name: good, cmd: [\"true\"]}\n";
    let rows = run(&home, plan, 101);
    let missing = rows.iter().find(|row| row["name"] == "missing").expect("a row");
    let message = missing["message"].as_str().expect("a message");
    assert!(message.contains("no-such-program-anywhere"), "{message}");
}

#[test]
fn a_gigabyte_of_output_is_capped() {
    let home = Home::new();
    let plan = "schema: 1\nname: loud\ntests:\n  - name: loud\n    \
        cmd: [sh, -c, \"echo first; head -c 1073741824 /dev/zero | tr '\\\\0' x; echo; echo last\"]\n";
    let rows = run(&home, plan, 0);
    assert_eq!(rows[0]["outcome"], "passed");
    let kept = std::process::Command::new("du").arg("-sk").arg(home.path("data")).output();
    let kept = String::from_utf8(kept.expect("du").stdout).expect("text");
    let kilobytes: u64 = kept.split_whitespace().next().expect("a size").parse().expect("a number");
    assert!(kilobytes < 64 * 1024, "{kilobytes} KiB are kept of 1 GiB");
}

#[test]
fn processes_that_ignore_sigterm_or_fork_away_are_ended() {
    let home = Home::new();
    let marker = home.path("escape").display().to_string();
    let plan = format!(
        "schema: 1\nname: stubborn\ndefaults: {{timeout: 2s, grace: 500ms}}\ntests:\n  \
         - name: stubborn\n    cmd: [sh, -c, \"trap '' TERM; while true; do sleep 1; done\"]\n  \
         - name: escapes\n    cmd: [sh, -c, \"setsid sh -c 'while true; do sleep 1; : {marker}; done' & exit 0\"]\n"
    );
    let rows = run(&home, &plan, 100);
    assert_eq!(rows[0]["outcome"], "timed_out");
    assert_eq!(rows[1]["outcome"], "passed");
    assert_eq!(processes_with(&marker), Vec::<std::path::PathBuf>::new());
}

#[test]
fn missing_hardware_is_reported_with_the_reason() {
    let home = Home::new();
    let plan = "schema: 1\nname: far\ntests:\n  \
        - {name: near, cmd: [\"true\"]}\n  \
        - {name: far, cmd: [\"true\"], requires: {backend: neuron, accelerators: 1}}\n";
    let rows = run(&home, plan, 102);
    assert_eq!(rows[0]["outcome"], "passed");
    assert_eq!(rows[1]["outcome"], "skipped");
    let message = rows[1]["message"].as_str().expect("a message");
    assert!(message.contains("needs neuron, has cpu"), "{message}");

    let coordinator = home.coordinator("server");
    let _worker = home.worker(&coordinator, "one", &[]);
    crate::support::eventually("the worker", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        (!workers["items"].as_array()?.is_empty()).then_some(())
    });
    let finished = home.at(&coordinator, &["submit", "plan.yaml"]).expect_code(0);
    assert!(finished.err.contains("no worker can run far: one needs neuron"), "{}", finished.err);
    let why = home.at(&coordinator, &["why", "r1.t1"]).expect_code(0);
    assert!(why.out.contains("needs neuron, has cpu"), "{}", why.out);
    let pending = home
        .at(&coordinator, &["submit", "plan.yaml", "--wait", "--wait-timeout", "2s"])
        .expect_code(8);
    assert!(pending.err.contains("dtf wait r2"), "{}", pending.err);
    let json = ["--output", "json"];
    let stored = home.at(&coordinator, &[&["submit", "plan.yaml"], &json[..]].concat());
    let stored = stored.expect_code(0).json();
    assert_eq!((&stored["schema"], &stored["run"]), (&1.into(), &"r3".into()));
    assert_eq!(stored["unschedulable"][0]["test"], "far");
    home.at(&coordinator, &["cancel", "r1"]).expect_code(0);
    let ended = home.at(&coordinator, &[&["cancel", "r3"], &json[..]].concat()).json();
    assert_eq!(ended["run"], "r3");
    home.finished(&coordinator, "r1");
}

#[test]
fn an_implausible_capability_is_refused() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let body = r#"{"key":"00000000-0000-0000-0000-000000000001","incarnation":"00000000-0000-0000-0000-000000000002","name":"liar","capability":{"os":"linux","arch":"x86_64","cpu_milli":99999999999,"memory_bytes":1,"slots":1,"backends":["cpu"]},"version":"0"}"#;
    let answer = post(coordinator.address(), "/api/v1/workers", body);
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert!(answer.contains("cpu_milli"), "{answer}");
    let answer = post(coordinator.address(), "/api/v1/runs", &"[".repeat(200_000));
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let answer = post(coordinator.address(), "/api/v1/runs", "{\"name\":\"x\",\"tests\":[]}");
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    home.at(&coordinator, &["status"]).expect_code(0);
}

#[test]
fn malformed_http_is_answered_and_does_no_harm() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let headers: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    for (request, status) in [
        ("\0\u{16}\u{3} no request\r\n\r\n".to_owned(), "400"),
        ("GET /health/live\r\n\r\n".to_owned(), "400"),
        (
            "POST /api/v1/runs HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\n"
                .to_owned(),
            "400",
        ),
        (format!("GET /health/live HTTP/1.1\r\n{headers}\r\n"), "431"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)), "4"),
        ("CONNECT a:1 HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), "404"),
    ] {
        let answer = send(coordinator.address(), &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:.60}: {answer}");
    }
    home.at(&coordinator, &["status"]).expect_code(0);
}

/// Sends one request without an HTTP client, and returns the answer.
pub fn post(address: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    send(address, &request)
}

fn send(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connected");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
