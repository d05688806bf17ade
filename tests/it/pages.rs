//! The pages of the coordinator and the HTML report in a headless Chromium: `tests/pages`, with real results.

use crate::python::environments;
use crate::support::Home;
use std::path::Path;

/// Set where a missing Chromium is a failure, and not a reason to skip these tests.
const REQUIRE: &str = "DTF_REQUIRE_BROWSER";
/// Names a directory for a picture of each page, as in `docs/pages`.
const SCREENSHOTS: &str = "DTF_SCREENSHOTS";

/// Tests in `tests/pages`, which `dtf run` runs with the tools in its requirements.txt.
fn plan(packages: &str) -> String {
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    #[expect(clippy::disallowed_methods, reason = "set by whoever starts the tests")]
    let given = [REQUIRE, SCREENSHOTS]
        .map(|name| std::env::var(name).map(|value| format!(", {name}: \"{value}\"")));
    let given: String = given.into_iter().flatten().collect();
    format!(
        "schema: 1\nname: pages\ndefaults:\n  files: [\".\"]\n  timeout: 10m\n  \
           env: {{DTF_BINARY: \"{}\"{given}}}\n  environment: {{packages: [{}]}}\ntests:\n  \
         - name: pages\n    \
             cmd: [python, -m, pytest, -q, -rs, -p, \"no:cacheprovider\", test_pages.py, test_html_report.py]\n",
        env!("CARGO_BIN_EXE_dtf"),
        packages.join(", ")
    )
}

#[test]
fn a_browser_shows_every_page_and_acts_on_it() {
    let home = Home::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    for entry in std::fs::read_dir(&from).expect("listed").flatten() {
        if entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).expect("a text");
            home.write(&format!("pages/{}", entry.file_name().display()), &text);
        }
    }
    let packages = std::fs::read_to_string(home.path("pages/requirements.txt")).expect("packages");
    let plan = home.write("pages/plan.yaml", &plan(&packages));
    let environments = environments().display().to_string();
    let plan = plan.to_str().expect("a plain path");
    let run = home.dtf(&["run", plan, "--environments-dir", &environments]);
    // The output names what was skipped because a browser is missing.
    eprintln!("{}", home.dtf(&["logs", "r1.t0"]).out);
    run.expect_code(0);
}
