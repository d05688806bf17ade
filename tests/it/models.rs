//! Models from directories, links, caches and the hub, and the names of their tests.

use crate::support::hub::Hub;
use crate::support::{Finished, Home, finished};

const LLAMA: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"],
    "vocab_size": 256, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 128, "max_position_embeddings": 128"#;
const QUANTISED: &str = r#", "quantization_config": {"quant_method": "hqq", "nbits": 4}}"#;

fn llama(more: &str) -> String {
    format!("{LLAMA}{more}")
}

/// Runs a command with these variables of the hub's tools, and no others.
fn with(home: &Home, args: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = home.command(args);
    for name in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TORCH_HOME"]
    {
        command.env_remove(name);
    }
    finished(&command.envs(variables.iter().copied()).output().expect("dtf starts"))
}

/// A safetensors file with one tensor of one value. Its header has 64 bytes, and `@` is the byte 64.
fn tensors() -> String {
    let header = r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#;
    format!("@\0\0\0\0\0\0\0{header:<64}\0\0\0\0")
}

#[test]
fn a_directory_without_a_model_is_identified_with_the_next_step() {
    let home = Home::new();
    home.write("adapter/adapter_config.json", r#"{"base_model_name_or_path": "gpt2"}"#);
    home.write("out/checkpoint-500/config.json", &llama("}"));
    home.write("out/checkpoint-1000/config.json", &llama("}"));
    home.write("pointer/config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    std::fs::create_dir(home.path("empty")).expect("made");
    for (model, what, next) in [
        ("adapter", "adapter_model.safetensors is missing", "hint: replace the file"),
        ("./out", "a directory of checkpoints", "hint: did you mean the newest"),
        ("pointer/", "a Git LFS pointer", "hint: run `git lfs pull`"),
        ("./empty", "an empty directory", "hint: use the directory"),
    ] {
        let printed = home.dtf(&["generate", model, "--explain"]).expect_code(2).err;
        assert!(printed.contains(what) && printed.contains(next), "{model}: {printed}");
    }
}

#[test]
fn a_model_on_the_hub_is_identified_like_a_directory() {
    let home = Home::new();
    let files = |name: &str| format!("/acme/{name}/resolve/main/adapter_config.json");
    let config = r#"{"base_model_name_or_path": "gpt2", "peft_type": "LORA"}"#;
    let (listed, blind) = (files("listed"), files("blind"));
    let api = r#"{"siblings": [{"rfilename": "adapter_config.json"}, {"rfilename": "README.md"}]}"#;
    let hub = Hub::serving(&[
        (&listed, config),
        (&blind, config),
        ("/api/models/acme/listed/revision/main", api),
        ("/api/models/acme/gguf/revision/main", r#"{"siblings": [{"rfilename": "m-q4.gguf"}]}"#),
    ]);
    let printed = |name: &str| {
        let args = ["generate", name, "--explain"];
        with(&home, &args, &[("HF_ENDPOINT", &hub.url)]).expect_code(2).err
    };
    for name in ["acme/listed", "acme/blind"] {
        assert!(
            printed(name).contains("acme") && printed(name).contains("a PEFT adapter for gpt2")
        );
    }
    assert!(printed("acme/gguf").contains("acme/gguf is weights of llama.cpp (GGUF)"));
    // Only listed files are requested.
    let paths: Vec<String> = hub.asked().into_iter().map(|asked| asked.path).collect();
    assert!(!paths.iter().any(|path| path.contains("/gguf/resolve/")), "{paths:?}");
}

#[test]
fn quantised_weights_are_explained_and_refused_before_anything_runs() {
    let home = Home::new();
    home.write("small/config.json", &llama(QUANTISED));
    home.write("small/model.safetensors", &tensors());
    let explained = home.dtf(&["generate", "./small", "--explain"]).expect_code(0).out;
    assert!(explained.contains("quantised (hqq, 4 bits)"), "{explained}");
    assert!(explained.contains("refused"), "{explained}");
    for command in ["run", "generate"] {
        let printed = home.dtf(&[command, "./small"]).expect_code(2).err;
        assert!(printed.contains("./small is quantised"), "{printed}");
        assert!(printed.contains("on cuda with hqq and accelerate"), "{printed}");
    }
    home.write("plan.yaml", "models: [{model: ./small}]\n");
    let printed = home.dtf(&["run", "plan.yaml"]).expect_code(2).err;
    assert!(
        printed.contains("./small is quantised") && printed.contains("plan.yaml:1:"),
        "{printed}"
    );
    // A note states that random weights are not quantised.
    let args = ["generate", "./small", "--weights", "random", "--out", "plain"];
    let printed = home.dtf(&args).expect_code(0).err;
    assert!(printed.contains("tests with random weights use the unquantised model"), "{printed}");
    let script = home.path("plain/test_small_cpu_b2_s96_fp32.py");
    let script = std::fs::read_to_string(script).expect("written");
    assert!(script.contains("LlamaForCausalLM") && !script.contains("hqq, 4"));
    // Weights that the library dequantises are tested, with the packages that this needs.
    home.write("fp8/model.safetensors", &tensors());
    home.write("fp8/config.json", &llama(r#", "quantization_config": {"quant_method": "fp8"}}"#));
    home.dtf(&["generate", "./fp8", "--out", "fp8-tests"]).expect_code(0);
    let script = home.path("fp8-tests/test_fp8_cpu_b2_s96_fp32.py");
    let script = std::fs::read_to_string(script).expect("written");
    assert!(script.contains("\"dequantize\": True") && script.contains("\"accelerate>=1.1\""));
}

#[test]
fn python_numbers_are_kept_in_the_script() {
    let home = Home::new();
    let more = ", \"limit\": [-Infinity, Infinity], \"note\": \"NaN\", \"x\": NaN}";
    home.write("odd/config.json", &format!("\u{feff}{}", llama(more)));
    home.dtf(&["generate", "./odd", "--out", "tests"]).expect_code(0);
    let script = home.path("tests/test_odd_cpu_b2_s96_fp32.py");
    let script = std::fs::read_to_string(script).expect("written");
    for literal in ["[float(\"-inf\"), float(\"inf\")]", "\"NaN\"", "\"x\": float(\"nan\")"] {
        assert!(script.contains(literal), "{literal}");
    }
}

#[test]
fn models_with_long_or_equal_names_get_separate_files() {
    let home = Home::new();
    let long = "m".repeat(139);
    for name in ["a/model", "c/model", "Model", &long] {
        home.write(&format!("{name}/config.json"), &llama("}"));
    }
    let shapes = ["--batch", "1,8", "--dtype", "fp32,bf16", "--out", "long"];
    let model = format!("./{long}");
    home.dtf(&[&["generate", &model], &shapes[..]].concat()).expect_code(0);
    let files = std::fs::read_dir(home.path("long")).expect("written").count();
    let twice = home.dtf(&["generate", "a/model", "c/model", "./Model", "--dry-run"]);
    let twice = twice.expect_code(0).out;
    for name in ["a/model/cpu/", "c/model/cpu/", "Model/cpu/"] {
        assert!(twice.contains(name), "{twice}");
    }
    let plan = std::fs::read_to_string(home.path("long/plan.yaml")).expect("written");
    assert_eq!(plan.matches("script: ").count() + 1, files, "one file for each, and the plan");
    home.dtf(&["generate", "a/model", "c/model", "./Model", "--out", "two"]).expect_code(0);
    assert_eq!(std::fs::read_dir(home.path("two")).expect("written").count(), 4);
}

#[cfg(unix)]
#[test]
fn a_snapshot_of_the_model_cache_is_found_by_path_and_by_name() {
    let home = Home::new();
    home.write("old/models--acme--tiny/blobs/x", &llama("}"));
    let snapshot = home.path("old/models--acme--tiny/snapshots/0a1b");
    std::fs::create_dir_all(&snapshot).expect("made");
    std::os::unix::fs::symlink("../../blobs/x", snapshot.join("config.json")).expect("linked");
    let place = snapshot.to_str().expect("a plain path");
    let explained = home.dtf(&["generate", place, "--explain"]).expect_code(0).out;
    assert!(explained.contains("decoder_llm"), "{explained}");
    assert!(explained.contains("tiny/cpu/"), "named after the model: {explained}");
    // By its name, in the cache that the hub's variable specifies; without refs/main.
    let args = ["generate", "acme/tiny", "--explain", "--offline"];
    let variables = [("HUGGINGFACE_HUB_CACHE", "~/$PART"), ("PART", "old")];
    let explained = with(&home, &args, &variables).expect_code(0).out;
    assert!(explained.contains("model cache of this machine 0a1b"), "{explained}");
    std::fs::remove_file(home.path("old/models--acme--tiny/blobs/x")).expect("removed");
    let printed = with(&home, &args, &variables).expect_code(2).err;
    assert!(printed.contains("it is a link to ../../blobs/x"), "{printed}");
}

#[cfg(unix)]
#[test]
fn a_test_gets_the_paths_of_the_caches_of_the_user() {
    let home = Home::new();
    let plan =
        "tests:\n  - name: caches\n    cmd: [sh, -c, 'echo $HF_HOME $TORCH_HOME $HF_HUB_CACHE']\n";
    home.write("plan.yaml", plan);
    let own = home.root.path().display();
    for (at, (variables, expected)) in [
        (&[("XDG_CACHE_HOME", "/scratch")][..], "/scratch/huggingface /scratch/torch\n".to_owned()),
        (&[("HF_HOME", "~/hf"), ("XDG_CACHE_HOME", "/c")], format!("{own}/hf /c/torch\n")),
        (
            &[("HUGGINGFACE_HUB_CACHE", "~/old"), ("XDG_CACHE_HOME", "/c")],
            format!("/c/huggingface /c/torch {own}/old\n"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let data = format!("data{at}");
        with(&home, &["run", "plan.yaml", "--data-dir", &data], variables).expect_code(0);
        let printed = home.dtf(&["logs", "r1.t0", "--data-dir", &data]).expect_code(0).out;
        assert!(printed.contains(&expected), "{variables:?}: {printed}");
    }
}

#[test]
fn tests_without_an_environment_need_no_directory_for_it() {
    let home = Home::new();
    home.write("plan.yaml", "tests: [{name: plain, cmd: [dtf, --version]}]\n");
    // No user can create a directory below a file, not even root.
    let file = home.write("file", "");
    let file = file.to_str().expect("a plain path");
    let mut command = home.command(&["run", "plan.yaml", "--data-dir", "data"]);
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_dtf"));
    command.env("PATH", binary.parent().expect("a directory"));
    command.env("HOME", file).env("XDG_CACHE_HOME", file).env("XDG_DATA_HOME", file);
    finished(&command.output().expect("dtf starts")).expect_code(0);
    let mut command = home.command(&["run", "plan.yaml"]);
    command.env("HOME", file).env("XDG_CACHE_HOME", file).env("XDG_DATA_HOME", file);
    let printed = finished(&command.output().expect("dtf starts")).expect_code(1).err;
    assert!(printed.contains(file) && printed.contains("--data-dir"), "{printed}");
}
