//! Plans that are refused, with the position and the hint of the error.

use super::{TestFiles, submit};
use crate::plan::document::Plan;
use crate::text::source::MAX_SOURCE_BYTES;

/// `error` or `error | hint`.
fn refusal(text: &str) -> String {
    let files = TestFiles::with(&[("config.json", "{\"model_type\": \"vit\"")]);
    match submit(text, &files, &[]) {
        Ok(_) => "accepted".into(),
        Err(error) => match &error.hint {
            Some(hint) => format!("{error} | {hint}"),
            None => error.to_string(),
        },
    }
}

#[test]
fn fields_are_refused_with_place_and_hint() {
    let one = |fields: &str| refusal(&format!("tests:\n  - name: a\n    cmd: [x]\n    {fields}\n"));
    for (fields, expected) in [
        ("timout: 5m", "tests[0].timout: unknown key \"timout\" | did you mean \"timeout\"?"),
        (
            "timeout: 10 parsecs",
            "tests[0].timeout: expected a duration such as 90s, 10m or 1h30m, \
             found \"10 parsecs\" | units are ms, s, m, h and d",
        ),
        ("priority: 101", "tests[0].priority: expected a whole number from -100 to 100, found 101"),
        ("priority: .nan", "tests[0].priority: numbers must be finite; put a text in quotes"),
        (
            "priority: 1e999",
            "tests[0].priority: expected a whole number from -100 to 100, found \"1e999\"",
        ),
        (
            "isolation: warn",
            "tests[0].isolation: expected one of warm, cold, found \"warn\" | did you mean \"warm\"?",
        ),
        (
            "depends_on: build",
            "tests[0].depends_on: expected a list, found \"build\" | write it as [build]",
        ),
        (
            "depends_on: [b]",
            "tests[0].depends_on: no test is named \"b\" | \
             a pattern such as \"unit-*\" names a whole matrix",
        ),
        (
            "env: {V: 1.10}",
            "tests[0].env.V: expected a text, found 1.1 | put it in quotes: YAML reads 1.10 as 1.1",
        ),
        ("env: {A=B: x}", "tests[0].env.A=B: not the name of an environment variable"),
        ("files: [missing/]", "tests[0].files[0]: cannot list \"missing\": no such directory"),
        (
            "files: [../secret]",
            "tests[0].files[0]: \"../secret\" leads out of the directory | \
             paths are relative to the directory of the plan and stay inside it",
        ),
        ("name: again", "tests[0]: \"name\" is given twice"),
    ] {
        let error = one(fields);
        let line = if fields.starts_with("name") { "2:5" } else { "4:" };
        assert!(error.starts_with(&format!("plan.yaml:{line}")), "{error}");
        let message = error.splitn(4, ':').nth(3).unwrap_or_default().trim();
        assert_eq!(message, expected.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

#[test]
fn requirements_nobody_knows_are_refused() {
    for (requires, expected) in [
        ("{gpu: 1}", "requires.gpu: unknown key \"gpu\" | did you mean \"accelerators\"?"),
        ("{acelerators: 1}", "did you mean \"accelerators\"?"),
        ("{backend: cudda}", "did you mean \"cuda\"?"),
        ("{cpu: -1}", "expected 0 to 16384 cores"),
        ("{memory: 4}", "expected a size such as 16GiB"),
        ("{min_architecture: 8.0}", "put it in quotes"),
        ("{tags: [a b]}", "is not a tag"),
        ("{vendor: nvidea}", "did you mean \"nvidia\"?"),
        ("{accelerators: 65}", "from 0 to 64"),
    ] {
        let error = refusal(&format!("tests: [{{name: a, cmd: [x], requires: {requires}}}]"));
        assert!(error.contains(expected), "{requires}: {error}");
    }
}

#[test]
fn whole_files_are_refused() {
    for (text, expected) in [
        ("", "plan.yaml: the plan is empty"),
        ("name: x", "plan.yaml: the plan has no test | add tests: or models:"),
        ("[]", "plan.yaml: expected a mapping, found a list"),
        ("schema: 2\ntests: []", "plan.yaml:1:1: schema: schema 2 is newer than this dtf"),
        ("test: []", "did you mean \"tests\"?"),
        ("tests:\n\t- a", "indent with spaces, not with tabs"),
        ("tests: [", "plan.yaml:"),
        ("tests: {a: 1}", "expected a list, found a mapping"),
        ("tests: [{name: a, cmd: x y}]", "write [x, y], or [sh, -c,"),
        ("tests: [{name: a}]", "neither cmd nor script is given"),
        ("tests: [{name: a, cmd: [x], script: y}]", "both cmd and script"),
        ("tests: [{name: a, cmd: []}]", "the command is empty"),
        ("tests: [{name: a, cmd: [\"x\\0\"]}]", "the command contains a NUL character"),
        ("tests: [{name: a, script: x.py}]", "cannot read \"x.py\": no such file"),
        ("tests: [{name: \"a\\nb\", cmd: [x]}]", "the name contains a control character"),
        ("tests: [{cmd: [x]}]", "\"name\" is missing"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("tests: [*nothing]", "unknown anchor"),
        ("? [a]\n: 1", "a key must be a text"),
        ("tests: !!binary x", "plan.yaml"),
        ("defaults: {name: x}", "defaults.name: unknown key"),
        (
            "defaults: {timeout: x}\ntests: [{name: a, cmd: [x]}]",
            "plan.yaml:1:12: defaults.timeout",
        ),
        (
            "tests: [{name: a, cmd: [x], environment: {packages: [--index-url=x]}}]",
            "environment.packages[0]: expected a package such as torch",
        ),
        ("tests: [{name: a, cmd: [x], environment: {packages: []}}]", "no package is named"),
    ] {
        let error = refusal(text);
        assert!(error.contains(expected), "{text}\n  {error}\n  {expected}");
    }
}

#[test]
fn names_and_dependencies_are_refused_with_their_names() {
    let twice = "tests:\n  - {name: a, cmd: [x]}\n  - {name: a, cmd: [y]}\n";
    assert_eq!(
        refusal(twice),
        "plan.yaml:3:6: tests[1].name: the name \"a\" is already used by tests[0] | \
         names are unique within a plan"
    );
    let cycle = "tests:
  - {name: lint, cmd: [x]}
  - {name: build, cmd: [x], depends_on: [pack]}
  - {name: unit, cmd: [x], depends_on: [build]}
  - {name: pack, cmd: [x], depends_on: [unit]}
";
    let error = refusal(cycle);
    assert!(error.contains("form a cycle: build → pack → unit → build"), "{error}");
}

#[test]
fn matrices_are_refused_where_they_are_wrong() {
    let one = |matrix: &str| refusal(&format!("tests: [{{name: a, cmd: [x], matrix: {matrix}}}]"));
    for (matrix, expected) in [
        ("{}", "0 axes, allowed are 1 to 16"),
        ("{a: 1}", "matrix.a: expected a list of values, found 1"),
        ("{a: []}", "0 values"),
        ("{a: [1, 1]}", "matrix.a[1]: 1 is given twice"),
        ("{a: [[1]]}", "expected a text, number, true or false, found a list"),
        ("{a: [1], exclude: [{b: 1}]}", "exclude[0].b: unknown key \"b\""),
        ("{a: [fast], exclude: [{a: fats}]}", "did you mean \"fast\"?"),
        ("{a: [1], exclude: [{a: 1}]}", "the matrix has no combination"),
        ("{a: [1], b: [1, 2], include: [{a: 1}]}", "an addition names every axis"),
        ("{a: [1], exclude: [{}]}", "no axis is named"),
        ("{\"a b\": [1]}", "an axis is named by"),
    ] {
        let error = one(matrix);
        assert!(error.contains(expected), "{matrix}: {error}");
    }
    let axis: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let axis = axis.join(",");
    let error = one(&format!("{{a: [{axis}], b: [{axis}]}}"));
    assert!(error.contains("more than 200000 combinations | split the entry"), "{error}");
}

#[test]
fn models_are_refused_where_they_are_wrong() {
    let one = |model: &str| refusal(&format!("models:\n  - {model}\n"));
    for (model, expected) in [
        ("{model: bert-base-uncasd}", "did you mean \"bert-base-uncased\"?"),
        ("bert-base-uncasd", "did you mean \"bert-base-uncased\"?"),
        ("{model: '../x'}", "is not the name of a model"),
        ("{model: {config: config.json}}", "is not valid JSON: EOF"),
        ("{model: ./nowhere}", "cannot read the directory \"nowhere\": no such directory"),
        ("{model: gpt2, backends: [cudda]}", "models[0].backends: unknown back-end \"cudda\""),
        ("{model: gpt2, backends: [Cuda]}", "models[0].backends[0]: expected a back-end"),
        (
            "{model: gpt2, backends: [neuron]}",
            "decoder_llm tests cannot be generated for neuron | supported back-ends are cpu, cuda",
        ),
        (
            "{model: gpt2, backends: [cpu, openvino], runtime: [torch, openvino]}",
            "torch does not run on the back-end openvino | use the runtime openvino, or exclude \
             backend=openvino,runtime=torch",
        ),
        ("{model: gpt2, dtype: fp64}", "expected one of fp32, fp16, bf16"),
        ("{model: gpt2, batch: [0]}", "models[0].batch[0]: expected a whole number from 1"),
        ("{model: gpt2, image_size: 3}", "models[0].image_size: decoder_llm has no parameter"),
        ("{model: gpt2, parameters: {iteration: 3}}", "did you mean \"iterations\"?"),
        ("{model: gpt2, parameters: {batch: 3}}", "move batch one level up"),
        ("{model: gpt2, parameters: {seed: x}}", "parameters.seed: expected a whole number"),
        ("{model: gpt2, family: decoder}", "did you mean \"decoder_llm\"?"),
        ("{model: gpt2, weights: rnd}", "\"rnd\" is not a source of weights"),
        ("{model: gpt2, weights: {foldr: ./x}}", "has exactly one of the keys folder, path"),
        ("{model: gpt2, weights: {folder: ./x, path: /x}}", "has exactly one of the keys folder"),
        ("{model: gpt2, weights: {folder: ./x, share: true}}", "beside folder there is shared"),
        ("{model: gpt2, weights: {path: x}}", "the path \"x\" is not absolute"),
        ("{model: gpt2, weights: {url: 'https://x.org/a'}}", "\"sha256\" is missing"),
        ("{model: gpt2, weights: {random: x}}", "expected a seed"),
        ("{model: gpt2, weights: {folder: ./none}}", "./none does not exist or has no weights"),
        ("{model: gpt2, weights: [random, [hub]]}", "expected a word or a mapping"),
        ("{model: gpt2, requires: {backend: cpu}}", "specify the back-ends of a model in backends"),
        ("{model: gpt2, cmd: [x]}", "unknown key \"cmd\""),
    ] {
        let error = one(model);
        assert!(error.contains(expected), "{model}: {error}");
        assert!(error.starts_with("plan.yaml:2:"), "{error}");
    }
}

#[test]
fn size_depth_and_unfolding_are_limited() {
    let refused = |text: &[u8]| Plan::parse(text, "p.yaml").expect_err("refused").to_string();
    let huge = vec![b' '; MAX_SOURCE_BYTES + 1];
    assert_eq!(refused(&huge), "p.yaml: the file is too large (4.0 MiB, maximum 4 MiB)");
    assert_eq!(refused(b"a: 1\nb: \xff"), "p.yaml:2:1: the text is not UTF-8");
    let deep = format!("tests:\n{}", "[".repeat(1 << 20));
    assert_eq!(refused(deep.as_bytes()), "p.yaml:2:1: nested too deeply (maximum 64 brackets)");
    let blocks = "tests:\n".to_owned() + &"- ".repeat(100_000);
    assert!(refused(blocks.as_bytes()).contains("recursion limit"));
    let line = |level: usize| match level {
        0 => "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
        _ => format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", ")),
    };
    let bomb: String = (0..12).map(line).collect();
    let error = refused(bomb.as_bytes());
    assert!(error.contains("more than 1000000 values") || error.contains("limit"), "{error}");
    let json = "[".repeat(1 << 20);
    let error = Plan::parse(json.as_bytes(), "p.json").expect_err("refused").to_string();
    assert!(error.contains("recursion limit"), "{error}");
}

/// Every problem of a plan, as `field: message`.
fn problems(text: &str) -> Vec<String> {
    let files = TestFiles::with(&[("config.json", "{\"model_type\": \"vit\"}")]);
    let error = submit(text, &files, &[]).expect_err("a plan with mistakes");
    let each = error.each().map(|one| {
        assert!(one.position.is_some(), "{one}");
        let line = one.position.map(|(line, _)| line).unwrap_or_default();
        format!("{line} {}: {}", one.field, one.message)
    });
    each.collect()
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "\
naem: x
defaults: {timeout: 5, labels: {a b: c}}
tests:
  - {name: a, cmd: pytest -q, requires: {gpu: 1, cpu: many, tags: [a b, c, d e]}, retries: {faild: 1}}
  - {cmd: [x], isolation: warn, depends_on: [nobody]}
  - {name: b, cmd: [x], env: {A=B: x, C: 1.10}, depends_on: [b2]}
  - {name: 'm {x}', cmd: [x], timeout: soon, matrix: {x: [1, 2, 3]}}
  - {name: good, cmd: [x], depends_on: [a, b, 'm *']}
  - not a test
models:
  - {model: gpt2, dtype: [fp8, fp32], batch: 0, colour: red}
";
    let expected = [
        "1 naem: unknown key",
        "2 defaults.labels.a b: a label has",
        "2 defaults.timeout: expected a duration",
        "4 tests[0].cmd: expected a list of words",
        "4 tests[0].requires.gpu: unknown key",
        "4 tests[0].requires.cpu: expected a number of cores",
        "4 tests[0].requires.tags[0]: ",
        "4 tests[0].requires.tags[2]: ",
        "4 tests[0].retries.faild: unknown key",
        "5 tests[1]: \"name\" is missing",
        "5 tests[1].isolation: expected one of warm, cold",
        "6 tests[2].env.C: expected a text",
        "7 tests[3].timeout: expected a duration",
        "9 tests[5]: expected a mapping",
        "11 models[0].colour: unknown key",
        "11 models[0].batch: expected a whole number",
        "11 models[0].dtype[0]: expected one of fp32, fp16, bf16",
    ];
    let reported = problems(text);
    for start in expected {
        assert!(reported.iter().any(|one| one.starts_with(start)), "{start} of {reported:#?}");
    }
    assert_eq!(reported.len(), expected.len(), "{reported:#?}");
}

#[test]
fn names_and_files_are_checked_beside_what_is_not_understood() {
    let text = "\
tests:
  - {name: a, cmd: [x], timeout: 5, depends_on: [c]}
  - {name: b, cmd: [x], depends_on: [a]}
  - {name: e, cmd: [x], inputs: [{test: a, file: f}]}
";
    let reported = problems(text);
    let starts = ["2 tests[0].timeout: ", "2 tests[0].depends_on: ", "4 tests[2].inputs[0].file: "];
    assert_eq!(reported.len(), starts.len(), "{reported:#?}");
    assert!(
        reported.iter().zip(starts).all(|(one, start)| one.starts_with(start)),
        "{reported:#?}"
    );
    let text = "\
tests:
  - {name: a, cmd: [x], files: [gone, away]}
  - {name: b, script: missing.py}
  - {name: b, cmd: [x]}
models: [no/such-model, {model: none/such}]
";
    assert_eq!(problems(text).len(), 2, "models come first");
    let reported = problems(text.split("models").next().expect("a part"));
    assert_eq!(reported.len(), 4, "{reported:#?}");
}

#[test]
fn mistakes_without_end_are_cut() {
    let many: String = (0..5000).map(|n| format!("  - {{name: t{n}, cmd: x}}\n")).collect();
    assert_eq!(problems(&format!("tests:\n{many}")).len(), crate::text::error::MAX_ERRORS);
}
