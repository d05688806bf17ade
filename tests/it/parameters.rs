//! Counts of parameters against what the installed transformers builds, under options that are
//! drawn anew each time. A failure names the seed: `scripts/parameter_options.py --seed`.

use crate::python::environments;
use crate::support::Home;
use dtf::models::parameters;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Configurations of each class.
const EACH: u32 = 2;

#[test]
fn counts_agree_with_models_that_are_built_from_options_drawn_at_random() {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = "scripts/parameter_options.py";
    std::fs::create_dir(home.path("scripts")).expect("a directory");
    std::fs::copy(root.join(script), home.path(script)).expect("copied");
    let seed = dtf::sys::ids::new_id();
    let out = home.path("drawn.jsonl");
    let packages = std::fs::read_to_string(root.join("tests/python/requirements.txt"));
    let packages = packages.expect("a list");
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: parameters\ntests:\n  - name: draw\n    files: [{script}]\n    \
             timeout: 10m\n    environment: {{packages: [{}]}}\n    \
             cmd: [sh, -c, \"python {script} --seed {seed} --each {EACH} > {}\"]\n",
            packages.join(", "),
            out.display()
        ),
    );
    let plan = plan.to_str().expect("a plain path");
    let environments = environments().display().to_string();
    let args = ["run", plan, "--environments-dir", &environments, "--torch-backend", "cpu"];
    home.dtf(&args).expect_code(0);

    let drawn = std::fs::read_to_string(out).expect("written");
    let (mut cases, mut exact, mut types) = (0_usize, 0_usize, BTreeSet::new());
    for line in drawn.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let total = case["total"].as_u64().expect("a count");
        let config = case["config"].as_object().expect("a configuration");
        let count = parameters::count(config).map(|count| count.total);
        let near = count.is_some_and(|count| count.abs_diff(total) * 50 <= total);
        assert!(near, "seed {seed}: {count:?} parameters instead of {total} for {line}");
        cases += 1;
        exact += usize::from(count == Some(total));
        types.insert(config["model_type"].to_string());
    }
    assert!(types.len() > 60 && cases > 500, "{cases} configurations of {} types", types.len());
    assert!(exact * 10 >= cases * 9, "seed {seed}: {exact} of {cases} counts are exact");
}
