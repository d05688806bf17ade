//! `dtf debug`: the failed test runs again on the worker where it failed, and its files arrive.

use crate::python::environments;
use crate::support::{Home, eventually};

/// A test that fails and, with `DTF_DEBUG`, reports an operator and writes the files of the search.
/// It needs an artifact of another test, as generated tests need their reference.
const SCRIPT: &str = r#"
import json, os, sys

def report(event, **facts):
    with open(os.environ["DTF_RESULT"], "a") as lines:
        lines.write(json.dumps({"event": event, **facts}) + "\n")

assert open("expected").read() == "right\n"
report("metric", name="latency_seconds", unit="seconds", better="lower", values=[1.0])
facts = {}
if os.environ.get("DTF_DEBUG") == "1":
    facts["first_differs"] = {"module": "layers.3.norm", "kind": "Norm", "values": {"rms": 0.5}}
    facts["debug"] = {"operator": "torch.nn.functional.layer_norm", "values": {"rms": 0.5},
                      "message": "its output deviates by an rms of 0.5",
                      "files": ["debug_reproduce.py", "debug_tensors.pt"]}
    open("debug_reproduce.py", "w").write("print('different')\n")
    open("debug_tensors.pt", "wb").write(b"x" * 3000)
report("result", outcome="failed", message="1 of 4 checks failed", **facts)
sys.exit(1)
"#;

const PLAN: &str = "schema: 1\ntests:\n  \
    - {name: model/reference, cmd: [sh, -c, 'echo right > expected'], artifacts: [expected]}\n  \
    - {name: model/cpu, script: model.py, \
       inputs: [{test: model/reference, file: expected}]}\n  \
    - {name: model/good, cmd: ['true']}\n";

fn home() -> (Home, String) {
    let home = Home::new();
    home.write("model.py", SCRIPT);
    let plan = home.write("plan.yaml", PLAN).to_str().expect("a plain path").to_owned();
    (home, plan)
}

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?}: {text}");
    }
}

#[test]
fn a_failed_test_of_this_machine_is_searched_here() {
    let (home, plan) = home();
    home.dtf(&["run", &plan]).expect_code(100);
    let found = home.dtf(&["debug", "model/cpu", "--into", "found"]).expect_code(0);
    has(
        &found.out,
        &[
            "module    layers.3.norm (Norm)\n",
            "operator  torch.nn.functional.layer_norm\n",
            "result    its output deviates by an rms of 0.5\n",
            "saved     found/debug_reproduce.py (",
            "saved     found/debug_tensors.pt (",
            "\nprint('different')\n",
        ],
    );
    assert_eq!(std::fs::read(home.path("found/debug_tensors.pt")).expect("saved"), [b'x'; 3000]);

    let passed = home.dtf(&["debug", "model/good"]).expect_code(1).err;
    has(&passed, &["r1.t2 model/good passed: there is no difference to find"]);
    let unknown = home.dtf(&["debug", "model/goof"]).expect_code(5).err;
    has(&unknown, &["has \"model/goof\" in its name"]);
    let near = home.dtf(&["debug", "model/goof", "--run", "r1"]).expect_code(5).err;
    has(&near, &["did you mean \"model/good\"?"]);
    let other = home.dtf(&["debug", "r2.t0", "--run", "r1"]).expect_code(2).err;
    has(&other, &["r2.t0 is not a test of r1"]);
    let again = home.dtf(&["debug", "r1.t1", "--output", "json"]).expect_code(0).json();
    assert_eq!(again["first_differs"]["module"], "layers.3.norm");
    assert_eq!(again["operator"]["values"]["rms"], 0.5);
    assert_eq!(again["files"][1], "dtf-debug-r3/debug_tensors.pt");
}

#[test]
fn the_operator_of_a_faulty_kernel_is_found_by_a_generated_test() {
    let home = Home::new();
    home.write("site/sitecustomize.py", include_str!("../data/faulty_kernel.py"));
    let site = home.path("site").display().to_string();
    // A forked interpreter has been started without these variables.
    home.write(
        "plan.yaml",
        &format!(
            "models:\n  - {{model: dtf/tiny-bert, backends: [cpu], isolation: cold, \
             env: {{PYTHONPATH: '{site}', FAULTY: placed}}, parameters: {{min_seconds: 0.1}}}}\n"
        ),
    );
    let environments = environments().display().to_string();
    let machine = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let failed = home.dtf(&[&["run", "plan.yaml"], &machine[..]].concat()).expect_code(100);
    let expected = "first differs at embeddings.LayerNorm (LayerNorm)";
    has(&(failed.out + &failed.err), &[expected]);
    let debug = ["debug", "tiny-bert", "--into", "found"];
    let found = home.dtf(&[&debug, &machine[..]].concat()).expect_code(0);
    let words = [
        "module    embeddings.LayerNorm (LayerNorm)\n",
        "operator  torch.nn.functional.layer_norm\n",
        "saved     found/debug_tensors.pt (",
        "output = torch.nn.functional.layer_norm(tensors[0], (64, ), weight=tensors[1]",
    ];
    has(&found.out, &words);
}

#[test]
fn the_search_runs_on_the_worker_where_the_test_failed() {
    let (home, plan) = home();
    let coordinator = home.coordinator("data");
    let worker = home.worker(&coordinator, "first", &["--slots", "1"]);
    let run = home.submit(&coordinator, std::path::Path::new(&plan));
    home.finished(&coordinator, &run);
    // Another worker could run it as well, and more often has room.
    let _other = home.worker(&coordinator, "second", &["--slots", "8"]);
    eventually("the second worker", || {
        home.at(&coordinator, &["workers"]).out.contains("second").then_some(())
    });
    let found = home.at(&coordinator, &["debug", "r1.t1", "--output", "json"]).expect_code(0);
    assert_eq!(found.json()["worker"], "first");

    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.wait(), 0);
    let gone = home.at(&coordinator, &["debug", "r1.t1"]).expect_code(1).err;
    has(&gone, &["the worker w0 (first) is gone", "hint: start the worker again"]);
}
