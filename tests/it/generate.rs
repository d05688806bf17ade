//! `dtf generate` with the model hub, and with the results of earlier runs.

use crate::support::hub::{COMMIT, Hub};
use crate::support::{Finished, Home, eventually, finished};
use serde_json::{Value, json};

const CONFIG: &str = r#"{"model_type": "bert", "architectures": ["BertForMaskedLM"],
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 128, "vocab_size": 1000, "max_position_embeddings": 512}"#;

/// `dtf generate` with the variables of the hub's own tools.
fn generate(home: &Home, args: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = home.command(&[&["generate"], args].concat());
    for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HOME", "HF_HUB_CACHE"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    finished(&command.output().expect("dtf starts"))
}

#[test]
fn the_hub_describes_a_model_that_is_not_available_locally() {
    let home = Home::new();
    let hub = Hub::serving(&[("/acme/reader/resolve/main/config.json", CONFIG)]);
    let explain = ["acme/reader", "--explain", "--output", "json"];
    let variables = [("HF_ENDPOINT", hub.url.as_str()), ("HF_TOKEN", "hf_secret")];
    let printed = generate(&home, &explain, &variables).expect_code(0);
    let model = printed.json();
    assert_eq!(model["family"], "text_encoder");
    assert_eq!((&model["source"], &model["revision"]), (&"hub".into(), &COMMIT.into()));
    let asked = hub.asked();
    assert!(asked.iter().all(|request| request.authorization == "Bearer hf_secret"), "{asked:?}");
    assert!(!printed.err.contains("hf_secret") && !printed.out.contains("hf_secret"));
    // Random weights of a built-in model need no hub, and --offline does not use it.
    let before = asked.len();
    let random = ["bert-base-uncased", "--weights", "random", "--explain"];
    generate(&home, &random, &variables).expect_code(0);
    generate(&home, &["acme/reader", "--explain", "--offline"], &variables).expect_code(2);
    let offline = [variables[0], ("HF_HUB_OFFLINE", "1")];
    let printed = generate(&home, &explain, &offline).expect_code(2);
    assert!(printed.err.contains("no configuration found for \"acme/reader\""), "{}", printed.err);
    assert_eq!(hub.asked().len(), before);
}

#[test]
fn a_written_plan_keeps_the_commit_of_the_hub() {
    let home = Home::new();
    let listing = format!(
        "{{\"sha\": \"{COMMIT}\", \"siblings\": [{{\"rfilename\": \"config.json\"}}, \
         {{\"rfilename\": \"model.safetensors\", \"size\": 9, \"lfs\": {{\"size\": 4000}}}}]}}"
    );
    let config = format!("/acme/reader/resolve/{COMMIT}/config.json");
    let hub =
        Hub::serving(&[("/api/models/acme/reader/revision/main", &listing), (&config, CONFIG)]);
    let variables = [("HF_ENDPOINT", hub.url.as_str()), ("HF_TOKEN", "hf_secret")];
    let written = generate(&home, &["acme/reader", "--out", "tests"], &variables).expect_code(0);
    let plan = std::fs::read_to_string(home.path("tests/plan.yaml")).expect("written");
    assert!(plan.contains("hub: acme/reader") && plan.contains(COMMIT), "{plan}");
    let script = home.path("tests/test_acme_reader_cpu_b2_s131_fp32.py");
    let script = std::fs::read_to_string(script).expect("written");
    assert!(script.contains(&format!("\"commit\": \"{COMMIT}\"")));
    for text in [&plan, &script, &written.out, &written.err] {
        assert!(!text.contains("hf_secret"), "{text}");
    }
    // The branch may move now: the plan needs no hub, and has the same commit.
    let before = hub.asked().len();
    let dry = home.dtf(&["run", "tests/plan.yaml", "--dry-run", "--require-weights"]);
    dry.expect_code(0);
    assert_eq!(hub.asked().len(), before);
}

#[test]
fn a_hub_without_the_model_or_without_an_answer_is_reported() {
    let home = Home::new();
    let hub = Hub::serving(&[("/acme/broken/resolve/main/config.json", "{\"model_type\": ")]);
    let at = |model: &str, url: &str| {
        generate(&home, &[model, "--explain"], &[("HF_ENDPOINT", url)]).expect_code(2).err
    };
    let broken = at("acme/broken", &hub.url);
    assert!(broken.contains("config.json"), "{broken}");
    let missing = at("acme/none", &hub.url);
    assert!(missing.contains("no configuration found for \"acme/none\""), "{missing}");
    // Nothing listens on this port.
    let nobody = at("acme/none", "http://127.0.0.1:9");
    assert!(nobody.contains("the hub cannot be reached"), "{nobody}");
}

#[test]
fn explain_shows_flags_parameters_and_estimates() {
    let models = ["bert-base-uncased", "Qwen/Qwen3-30B-A3B"];
    let more = ["--explain", "--output", "json", "--offline"];
    let printed = generate(&Home::new(), &[&models[..], &more].concat(), &[]).expect_code(0);
    let documents = serde_json::Deserializer::from_str(&printed.out).into_iter::<Value>();
    let documents: Vec<Value> = documents.collect::<Result<_, _>>().expect("JSON");
    let printed: Vec<_> = documents
        .iter()
        .map(|model| ["model", "family", "task", "confidence", "reason"].map(|key| &model[key]))
        .collect();
    assert_eq!(
        printed,
        [
            ["bert-base-uncased", "text_encoder", "fill-mask", "high", "model_type bert"],
            [
                "Qwen/Qwen3-30B-A3B",
                "decoder_moe",
                "text-generation",
                "high",
                "model_type qwen3_moe"
            ],
        ]
    );
    for (model, moe, parameters) in
        [(&documents[0], false, 109_514_298_u64), (&documents[1], true, 30_532_122_624)]
    {
        let flags = json!({
            "moe": moe, "encoder_decoder": false, "quantised": false, "remote_code": false,
        });
        assert_eq!((&model["flags"], &model["parameters"]), (&flags, &parameters.into()));
        let estimates = &model["estimates"];
        assert_eq!(
            (&estimates["parameters"], &estimates["exact"]),
            (&parameters.into(), &true.into())
        );
        // Four bytes per parameter; the other requirements are added.
        assert_eq!(estimates["weights"]["likely"], 4 * parameters);
        for part in [
            "weights",
            "cache",
            "activations",
            "logits",
            "context",
            "device",
            "host",
            "disk",
            "time",
        ] {
            let [low, likely, high] =
                ["low", "likely", "high"].map(|end| estimates[part][end].as_u64().expect(part));
            assert!(low <= likely && likely <= high, "{part}: {low} {likely} {high}");
        }
        assert!(estimates["host"]["likely"].as_u64() > Some(4 * parameters));
        assert_eq!(estimates["cache"]["high"].as_u64() > Some(0), moe, "only what generates keeps");
    }
}

/// Replaces a generated test that needs too much memory; only its labels matter.
const EXHAUSTS: &str = r#"
import json, os, sys
with open(os.environ["DTF_RESULT"], "a") as file:
    line = {"event": "result", "outcome": "error", "class": "out_of_memory", "message": "full"}
    print(json.dumps(line), file=file)
sys.exit(2)
"#;
const PLAN: &str = "schema: 1
tests:
  - name: dtf/tiny-bert/cpu/b4-s131-fp32
    script: exhausts.py
    environment: system
    retries: {infrastructure: 0}
    labels:
      {model: dtf/tiny-bert, family: text_encoder, backend: cpu, dtype: fp32, attention: default,
       runtime: torch, batch: '4', sequence_length: '131'}
";

#[test]
fn earlier_runs_determine_memory_and_expected_time() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let environments = crate::python::environments().display().to_string();
    let more = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let _worker = home.worker(&coordinator, "one", &more);
    let has = eventually("a worker", || {
        let workers = home.at(&coordinator, &["workers", "--output", "json"]).json();
        workers["items"][0]["capability"]["memory_bytes"].as_u64()
    });
    let dry = ["generate", "dtf/tiny-bert", "--batch", "1,4,16", "--dry-run", "--output", "json"];
    let before = home.at(&coordinator, &dry).expect_code(0).json();
    assert!(tests(&before).all(|test| test["learned"] == false), "{before}");
    let submit = ["generate", "dtf/tiny-bert", "--batch", "1", "--submit", "--wait"];
    home.at(&coordinator, &[&submit[..], &["--set", "min_seconds=0.1"]].concat()).expect_code(0);
    home.write("exhausts.py", EXHAUSTS);
    let run = home.submit(&coordinator, &home.write("plan.yaml", PLAN));
    home.finished(&coordinator, &run);
    let after = home.at(&coordinator, &dry).expect_code(0);
    let beyond = "no worker can run dtf/tiny-bert/cpu/b4-s131-fp32 and 1 more";
    assert!(after.err.contains(beyond), "{}", after.err);
    let after = after.json();
    let small = find(&after, "b1");
    // A test that passed requests its peak with a margin, and is expected to take the same time.
    assert_eq!(small["learned"], true);
    assert!(small["memory_bytes"].as_u64() < find(&before, "b1")["memory_bytes"].as_u64());
    assert_ne!(small["expected_ms"], find(&before, "b1")["expected_ms"]);
    // A test that ran out of memory, and larger ones, request more than before.
    for size in ["b4", "b16"] {
        let test = find(&after, size);
        assert!(test["memory_bytes"].as_u64() > Some(has), "{test} on {has} bytes");
    }
    assert_eq!(find(&after, "b4")["priority_terms"]["risk"], 8);
    assert_eq!(after["unschedulable"][0]["tests"], 2);
}

fn find<'a>(document: &'a Value, size: &str) -> &'a Value {
    let name = format!("dtf/tiny-bert/cpu/{size}-s131-fp32");
    tests(document).find(|test| test["name"] == name.as_str()).expect("the test")
}

fn tests(document: &Value) -> impl Iterator<Item = &Value> {
    document["tests"].as_array().expect("tests").iter()
}
