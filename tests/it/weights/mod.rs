//! Weights in the directory of a model, from the command line to the report.

mod graphs;
mod published;
mod travel;

use crate::python::environments;
use crate::support::Home;
use serde_json::Value;

const CONFIG: &str = include_str!("../../../templates/catalogue/dtf--tiny-bert.json");
const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";

#[test]
fn weights_that_cannot_be_used_stop_a_run_before_it_starts() {
    let home = Home::new();
    home.write("mine/config.json", CONFIG);
    home.write("mine/model.safetensors", POINTER);
    let finished = home.dtf(&["run", "./mine", "--hw", "cpu"]).expect_code(2);
    let expected = "the weights of ./mine cannot be used: model.safetensors is a Git LFS pointer";
    assert!(finished.err.contains(expected), "{}", finished.err);
    let named = home.path("mine").display().to_string();
    home.dtf(&["generate", &named, "--dry-run"]).expect_code(2);
    let random = ["generate", &named, "--dry-run", "--weights", "random"];
    let finished = home.dtf(&random).expect_code(0);
    assert!(finished.err.contains("random weights for ./mine: as requested"), "{}", finished.err);
}

#[test]
fn a_dry_run_lists_the_weights_of_each_test() {
    let home = Home::new();
    home.write("mine/config.json", CONFIG);
    let header = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let tensors = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
    std::fs::write(home.path("mine/model.safetensors"), &tensors).expect("written");
    for command in [["generate", "./mine"], ["run", "./mine"]] {
        let dry = [&command[..], &["--hw", "cpu", "--dry-run"]].concat();
        let listed = home.dtf(&[&dry[..], &["--output", "json"]].concat()).expect_code(0).json();
        let weights = &listed["tests"][0]["weights"];
        assert_eq!(weights["kind"], "folder", "{listed}");
        let size = (CONFIG.len() + tensors.len()) as u64;
        assert_eq!(weights["size_bytes"], size, "{listed}");
        let id = weights["id"].as_str().expect("an identity");
        assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
        let table = home.dtf(&dry).expect_code(0).out;
        assert!(table.contains(&format!("folder {}", &id[..14])), "{table}");
        let csv = home.dtf(&[&dry[..], &["--output", "csv"]].concat()).expect_code(0).out;
        assert!(csv.contains(&format!(",folder,{id},{size},")), "{csv}");
        let random = [&dry[..], &["--weights", "random"]].concat();
        let table = home.dtf(&random).expect_code(0).out;
        assert!(table.contains(" random "), "{table}");
    }
}

#[test]
fn random_weights_are_refused_where_real_ones_are_required() {
    let home = Home::new();
    home.write("bare/config.json", CONFIG);
    let run = ["run", "./bare", "--hw", "cpu", "--require-weights"];
    let finished = home.dtf(&run).expect_code(2);
    let reason = "./bare would have random weights (there are no weights beside the configuration)";
    assert!(finished.err.contains(reason), "{}", finished.err);
    let plan = "tests: [{name: a, cmd: [\"true\"], weights: random}]\n";
    home.write("plan.yaml", plan);
    let finished = home.dtf(&["run", "plan.yaml", "--require-weights"]).expect_code(2);
    assert!(finished.err.contains("plan.yaml:1:"), "{}", finished.err);
    assert!(finished.err.contains("would have random weights (as requested)"), "{}", finished.err);
}

/// Saves the weights in the environment that the tests use.
const MAKE: &str = "
import json, sys, transformers
config = transformers.BertConfig(**json.load(open(sys.argv[1] + '/bare/config.json')))
transformers.BertModel(config).save_pretrained(sys.argv[1] + '/mine')
";

#[test]
fn a_run_uses_the_weights_of_the_directory_and_the_report_shows_it() {
    let home = Home::new();
    let environments = environments().display().to_string();
    let how = ["--environments-dir", &environments, "--torch-backend", "cpu", "--hw", "cpu"];
    let root = home.root.path().display().to_string();
    home.write("bare/config.json", CONFIG);
    let cmd = serde_json::json!(["python", "-c", MAKE, root]);
    let packages = "packages: [torch>=2.4, transformers>=4.56], python: \">=3.10\"";
    let plan = format!(
        "schema: 1\nname: make\ntests: [{{name: make, cmd: {cmd}, environment: {{{packages}}}}}]\n"
    );
    home.write("make.yaml", &plan);
    home.dtf(&[&["run", "make.yaml"], &how[..4]].concat()).expect_code(0);

    let models = ["run", "./mine", "./bare", "--set", "min_seconds=0.1", "--output", "json"];
    let finished = home.dtf(&[&models[..], &how].concat()).expect_code(0);
    let none = "random weights for ./bare: there are no weights beside the configuration";
    assert!(finished.err.contains(none), "{}", finished.err);
    let rows = finished.json()["rows"].as_array().expect("rows").clone();
    let weights: Vec<_> =
        rows.iter().map(|row| (&row["labels"]["model"], &row["weights"])).collect();
    let expected = [("./mine", "folder"), ("./bare", "random")].map(|(m, w)| (m.into(), w.into()));
    assert_eq!(weights, expected.each_ref().map(|(m, w): &(Value, Value)| (m, w)));
    let table = home.dtf(&["report", "--run", "r2"]).expect_code(0).out;
    let line = "Weights: random for 1 of 2 tests, from the model's directory for 1";
    assert!(table.lines().any(|shown| shown == line), "{table}");

    // Only the library detects that these are the weights of another model.
    home.write("mine/config.json", &CONFIG.replace("\"hidden_size\": 64", "\"hidden_size\": 32"));
    let finished = home.dtf(&[&["run", "./mine", "--output", "json"], &how[..]].concat());
    let row = &finished.expect_code(101).json()["rows"][0];
    assert_eq!((&row["outcome"], &row["class"]), (&"error".into(), &"set_up".into()), "{row}");
    let message = row["message"].as_str().expect("a reason");
    let reason = format!("the weights in {root}/mine have other shapes than in the configuration");
    assert!(message.contains(&reason), "{message}");
    assert_eq!(row["weights"], "folder", "{row}");
}
