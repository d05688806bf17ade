//! Generated files in the repository are equal to the output of the binary.

use crate::support::Home;
use std::path::Path;

#[track_caller]
fn same(file: &str, args: &[&str]) {
    let finished = Home::new().dtf(args).expect_code(0);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == finished.out,
        "{file} is not what `dtf {}` prints; `make generated` writes it again",
        args.join(" ")
    );
}

#[test]
fn completions_are_up_to_date() {
    same("completions/dtf.bash", &["completions", "bash"]);
    same("completions/dtf.zsh", &["completions", "zsh"]);
    same("completions/dtf.fish", &["completions", "fish"]);
    same("completions/dtf.ps1", &["completions", "powershell"]);
}

#[test]
fn the_settings_reference_is_up_to_date() {
    same("docs/config.md", &["config-reference"]);
}
