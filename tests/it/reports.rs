//! The formats of reports as independent programs read them: `tests/reports`, with the results of a run.

use crate::python::environments;
use crate::support::Home;
use std::path::Path;

/// Tests in `tests/reports`, which `dtf run` runs with the tools in its requirements.txt.
fn plan(packages: &str) -> String {
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    format!(
        "schema: 1\nname: reports\ndefaults:\n  files: [\".\"]\n  timeout: 10m\n  \
           env: {{DTF_BINARY: \"{}\"}}\n  environment: {{packages: [{}]}}\ntests:\n  \
         - name: formats\n    \
             cmd: [python, -m, pytest, -q, -rs, -p, \"no:cacheprovider\", test_formats.py]\n",
        env!("CARGO_BIN_EXE_dtf"),
        packages.join(", ")
    )
}

#[test]
fn independent_programs_read_every_format() {
    let home = Home::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    for file in ["requirements.txt", "test_formats.py"] {
        let text = std::fs::read_to_string(from.join(file)).expect(file);
        home.write(&format!("reports/{file}"), &text);
    }
    let packages = std::fs::read_to_string(home.path("reports/requirements.txt")).expect("a list");
    let plan = home.write("reports/plan.yaml", &plan(&packages));
    let environments = environments().display().to_string();
    let plan = plan.to_str().expect("a plain path");
    let run = home.dtf(&["run", plan, "--environments-dir", &environments]);
    eprintln!("{}", home.dtf(&["logs", "r1.t0"]).out);
    run.expect_code(0);
}
