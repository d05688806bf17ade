//! The API as independent tools see it, with a real coordinator.

use crate::python::environments;
use crate::support::Home;
use std::path::Path;

const TOKEN: &str = "admin-token-of-a-test-0123456789";

/// Commands that `dtf run` runs with the tools in tests/api/requirements.txt.
fn plan(packages: &str, url: &str) -> String {
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    // The tests of the client come first: the generated requests drain and cancel.
    format!(
        "schema: 1\nname: api\ndefaults:\n  files: [\".\"]\n  timeout: 5m\n  \
           env: {{API_URL: \"{url}\", API_TOKEN: {TOKEN}}}\n  \
           environment: {{packages: [{}]}}\ntests:\n  \
         - {{name: document, cmd: [python, -m, openapi_spec_validator, openapi.json]}}\n  \
         - {{name: client, cmd: [python, use_client.py]}}\n  \
         - name: requests\n    depends_on: [client]\n    on_failure: run\n    \
             cmd: [schemathesis, run, openapi.json, --url, \"{url}\", \
                   -H, \"Authorization: Bearer {TOKEN}\", --checks, all]\n",
        packages.join(", ")
    )
}

#[test]
fn independent_tools_agree_with_the_description_of_the_api() {
    let home = Home::new();
    let tokens = home.write("tokens", &format!("admin tester {TOKEN}\n"));
    let token = home.write("token", TOKEN);
    for file in [&tokens, &token] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(file, mode).expect("a mode");
    }
    let (tokens, token) = (tokens.display().to_string(), token.display().to_string());
    let coordinator = home.coordinator_with("data", "127.0.0.1:0", &["--token-file", &tokens]);
    let _worker = home.worker(&coordinator, "rig", &["--token-file", &token, "--slots", "1"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["requirements.txt", "use_client.py", "schemathesis.toml"] {
        let text = std::fs::read_to_string(root.join("tests/api").join(file)).expect(file);
        home.write(&format!("api/{file}"), &text);
    }
    let document = std::fs::read_to_string(root.join("docs/openapi.json")).expect("a document");
    home.write("api/openapi.json", &document);
    let packages = std::fs::read_to_string(home.path("api/requirements.txt")).expect("packages");
    let plan = home.write("api/plan.yaml", &plan(&packages, &coordinator.url));
    let environments = environments().display().to_string();
    let plan = plan.to_str().expect("a plain path");
    let finished = home.dtf(&["run", plan, "--environments-dir", &environments]);
    if finished.code != 0 {
        for test in ["r1.t0", "r1.t1", "r1.t2"] {
            eprintln!("{test}:\n{}", home.dtf(&["logs", test]).out);
        }
    }
    finished.expect_code(0);
}
