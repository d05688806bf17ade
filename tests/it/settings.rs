//! `dtf config`: settings from flags, variables and files, with their sources.

use crate::support::{Home, finished};

const SETTINGS: &str = "\
client:
  token_file: token
worker:
  name: of the file
  tags: [lab, gpu]
  slots: 2
";

#[test]
fn settings_are_shown_with_their_sources_and_without_secrets() {
    let home = Home::new();
    home.write("lab.yaml", SETTINGS);
    home.write("token", "secret-token-0123456789\n");
    let args = ["config", "show", "--config", "lab.yaml", "--slots", "3"];
    let show = |more: &[&str]| {
        let mut command = home.command(&[&args[..], more].concat());
        finished(&command.env("DTF_NAME", "of the variable").output().expect("started"))
            .expect_code(0)
    };
    let shown = show(&["--origin"]).out;
    let line = |setting: &str| {
        let line = shown.lines().find(|line| line.starts_with(setting));
        line.unwrap_or_else(|| panic!("no {setting} in {shown}"))
    };
    for (setting, value, origin) in [
        ("worker.slots", "3", "--slots"),
        ("worker.name", "of the variable", "DTF_NAME"),
        ("worker.tags", "lab,gpu", "lab.yaml:5"),
        ("client.token_file", "token", "lab.yaml:2"),
        ("client.coordinator", "http://127.0.0.1:7700", "default"),
        ("worker.python", "(python3 in PATH)", "default"),
        ("auth.token_file", "(none", "default"),
    ] {
        assert!(line(setting).contains(value), "{}", line(setting));
        assert!(line(setting).ends_with(origin), "{}", line(setting));
    }
    assert!(!shown.contains("secret-token"), "{shown}");
    assert!(!show(&[]).out.contains("lab.yaml:5"), "only with --origin");
    let json = show(&["--output", "json"]).json();
    assert_eq!(json["file"], "lab.yaml");
    let settings = json["settings"].as_array().expect("a list");
    let find = |name: &str| settings.iter().find(|one| one["setting"] == name).expect("shown");
    assert_eq!(find("worker.slots")["value"], 3);
    assert_eq!(
        find("worker.slots")["origin"],
        serde_json::json!({"source": "flag", "name": "--slots"})
    );
    assert_eq!(find("worker.tags")["value"], serde_json::json!(["lab", "gpu"]));
    assert_eq!(find("worker.tags")["origin"]["line"], 5);
    assert_eq!(find("auth.token_file")["value"], serde_json::Value::Null);
    let path = home.dtf(&["config", "path", "--config", "lab.yaml"]).expect_code(0);
    assert_eq!(path.out.trim(), "lab.yaml");
}

#[test]
fn a_file_without_sections_is_read_with_a_note() {
    let home = Home::new();
    home.write("old.yaml", "slots: 2\ntags: lab,gpu\n");
    let shown = home.dtf(&["config", "show", "--origin", "--config", "old.yaml"]).expect_code(0);
    assert!(shown.out.contains("old.yaml:1"), "{}", shown.out);
    assert_eq!(shown.err.matches("note: ").count(), 1, "{}", shown.err);
    assert!(shown.err.contains("slots as worker.slots, tags as worker.tags"), "{}", shown.err);
}

#[test]
fn mistakes_in_settings_have_their_line() {
    let home = Home::new();
    home.write("lab.yaml", "worker:\n  solts: 2\n  idle_timeout: 10\n");
    let refused = home.dtf(&["status", "--config", "lab.yaml"]).expect_code(2);
    assert!(refused.err.contains("lab.yaml:2:3: worker.solts: unknown key"), "{}", refused.err);
    assert!(refused.err.contains("did you mean \"slots\"?"), "{}", refused.err);
    assert!(refused.err.contains("lab.yaml:3:3: worker.idle_timeout"), "{}", refused.err);
    assert!(refused.err.contains("add a unit"), "{}", refused.err);
}
