//! What people see when they ask for help or make a mistake.

use crate::support::Home;

#[test]
fn help_is_as_reviewed() {
    let home = Home::new();
    for (name, command) in [
        ("help-dtf", ""),
        ("help-coordinator", "coordinator"),
        ("help-worker", "worker"),
        ("help-submit", "submit"),
        ("help-run", "run"),
        ("help-generate", "generate"),
        ("help-report", "report"),
        ("help-status", "status"),
        ("help-cancel", "cancel"),
        ("help-logs", "logs"),
        ("help-why", "why"),
        ("help-workers", "workers"),
        ("help-completions", "completions"),
        ("help-templates", "templates"),
    ] {
        let args: Vec<_> = [command, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let said = home.dtf(&args).expect_code(0);
        insta::assert_snapshot!(name, said.out);
    }
}

#[test]
fn mistakes_name_the_next_step() {
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
    let setting = home.write("settings.yaml", "solts: 2\n");
    let setting = setting.to_str().expect("a plain path");
    let unknown = home.dtf(&["--config", setting, "status"]).expect_code(2);
    assert!(unknown.err.contains("slots"), "{}", unknown.err);
}

#[test]
fn an_open_address_needs_tokens_and_a_wrong_token_is_told() {
    let home = Home::new();
    let open = home.dtf(&["coordinator", "--listen", "0.0.0.0:0", "--data-dir", "data"]);
    assert!(open.expect_code(1).err.contains("token"));
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
    assert_eq!(tests[0]["name"], "bert-base-uncased/reference/s128");
    assert!(tests[2]["accelerator_memory_bytes"].as_u64() > Some(1 << 30), "{}", tests[2]);
    let all = ["generate", "bert-base-uncased", "--explain", "--output", "json"];
    let explained = home.dtf(&all).expect_code(0).json();
    assert_eq!(explained["family"], "text_encoder");
    assert_eq!(explained["confidence"], "high");
    assert_eq!(explained["parameters"], 109_482_240);
    assert_eq!(explained["flags"]["moe"], false);
    let graph = home.dtf(&["generate", "gpt2", "--batch", "1,4", "--graph=dot"]).expect_code(0);
    assert!(graph.out.starts_with("digraph \"gpt2\""), "{}", graph.out);
    home.dtf(&["generate", "bert-base-uncased", "--out", "made"]).expect_code(0);
    assert!(home.path("made/plan.yaml").exists());
    let again = home.dtf(&["generate", "bert-base-uncased", "--out", "made"]).expect_code(2);
    assert!(again.err.contains("--force"), "{}", again.err);
    home.dtf(&["generate", "bert-base-uncased", "--out", "made", "--force"]).expect_code(0);
}
