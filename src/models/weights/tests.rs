//! Tests of the search for weights and of the check of their files.

use super::choice::WeightsNotes;
use super::directory::{Contents, inspect};
use super::formats::{FORMATS, NOT_WEIGHTS, PIPELINE_STEM, STEM, variant};
use super::search::{MAX_MESSAGE, plain};
use super::source::{Chosen, Source};
use super::{Wanted, belonging};
use crate::assets;
use crate::text::error::ReadError;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// A file by name, with its content or the reason why the entry cannot be used.
type Content<'a> = (&'a str, Result<Vec<u8>, &'a str>);

fn contents(files: &[Content<'_>]) -> Result<Contents, String> {
    let entry = |(name, content): &Content<'_>| {
        let size = content.as_ref().map(|bytes| bytes.len() as u64);
        ((*name).to_owned(), size.map_err(|fault| (*fault).to_owned()))
    };
    let entries = files.iter().map(entry).collect();
    inspect(&entries, STEM, |name, most| {
        let content = files.iter().find(|(file, _)| *file == name).map(|(_, content)| content);
        let Some(Ok(bytes)) = content else { return Err(ReadError("not there".into())) };
        Ok(bytes[..bytes.len().min(most)].to_vec())
    })
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

const TENSOR: &str = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;

fn whole() -> Vec<u8> {
    safetensors(TENSOR, 8)
}

fn list(files: &[&str]) -> Vec<u8> {
    let map: Map<String, Value> =
        files.iter().map(|file| (format!("of {file}"), Value::from(*file))).collect();
    serde_json::json!({ "weight_map": map }).to_string().into_bytes()
}

#[test]
fn weights_are_found_by_file_name() {
    let ok = |names: &[&str]| {
        let files: Vec<Content<'_>> = names.iter().map(|name| (*name, Ok(whole()))).collect();
        contents(&files)
    };
    assert_eq!(ok(&["config.json", "vocab.txt", "optimizer.pt"]), Ok(Contents::Nothing));
    assert_eq!(ok(&["model.safetensors", "pytorch_model.bin"]), Ok(Contents::Safetensors));
    assert_eq!(ok(&["model.fp16.safetensors"]), Ok(Contents::Safetensors));
    let graph = |names: &[&str]| match ok(names) {
        Ok(Contents::Exported(graph)) => graph.file,
        other => format!("{other:?}"),
    };
    assert_eq!(graph(&["model.onnx", "config.json"]), "model.onnx");
    assert_eq!(graph(&["openvino_model.bin", "openvino_model.xml"]), "openvino_model.xml");
    let pointer = b"version https://git-lfs.github.com/spec/v1\n";
    let beside = [("model.onnx", Ok(whole())), ("model.onnx_data", Ok(pointer.to_vec()))];
    let fault = contents(&beside).expect_err("a pointer");
    assert!(fault.starts_with("model.onnx_data is a Git LFS pointer"), "{fault}");
    assert!(matches!(ok(&["model.onnx", "other.bin"]), Ok(Contents::Others(_))));
    let variants = "there are several variants (bf16, fp16) but no model.safetensors";
    let two = ["model.fp16.safetensors", "model.bf16.safetensors"];
    assert_eq!(ok(&two), Err(variants.to_owned()));
    assert_eq!(ok(&["model.safetensors", two[0], two[1]]), Ok(Contents::Safetensors));
    for other in ["model.ckpt", "tf_model.h5", "x.safetensors"] {
        assert_eq!(ok(&["training_args.bin", other]), Ok(Contents::Others(vec![other.into()])));
    }
    // Shards without an index cannot be loaded.
    let shard = "model-00001-of-00002.safetensors";
    assert_eq!(ok(&[shard]), Ok(Contents::Others(vec![shard.into()])));
    let shard = "model.fp16-00001-of-00002.safetensors";
    assert_eq!(ok(&[shard]), Ok(Contents::Others(vec![shard.into()])));
    assert_eq!(
        variant("model.safetensors.index.fp16.json", STEM, "safetensors"),
        Some(("fp16", true))
    );
    assert_eq!(
        variant("diffusion_pytorch_model.safetensors", PIPELINE_STEM, "safetensors"),
        Some(("", false))
    );
}

#[test]
fn damaged_files_are_recognised_by_their_first_bytes() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec();
    let mut cut = whole();
    cut.pop();
    let mut long = whole();
    long.push(0);
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let kind = "is not a safetensors file but";
    for (content, fault) in [
        (Ok(pointer), "is a Git LFS pointer, not the file itself".to_owned()),
        (Ok(Vec::new()), "is empty".to_owned()),
        (Ok(b"\n<!DOCTYPE html><p>".to_vec()), format!("{kind} an HTML page")),
        (
            Ok("Entry not found: \u{1b}[2J é".repeat(40).into_bytes()),
            format!("{kind} other binary data"),
        ),
        (Ok(b"Not found.\n".to_vec()), format!("{kind} text that starts with \"Not found.\"")),
        (Ok(b"GGUF\x03\0\0\0\0\0\0".to_vec()), format!("{kind} a GGUF file")),
        (Ok(b"PK\x03\x04123456789".to_vec()), format!("{kind} a PyTorch pickle")),
        (Ok(vec![0xff; 600]), format!("{kind} other binary data")),
        (Ok(vec![9, 0, 0]), "is truncated: it has 3 bytes, its header alone has 17".to_owned()),
        (Ok(cut), format!("is truncated: it has {} of {} bytes", whole().len() - 1, whole().len())),
        (
            Ok(whole()[..60].to_vec()),
            format!("is truncated: it has 60 bytes, its header alone has {}", TENSOR.len() + 8),
        ),
        (
            Ok(long),
            format!(
                "is damaged: it has {} bytes, but its header describes {}",
                whole().len() + 1,
                whole().len()
            ),
        ),
        (Ok(safetensors("{\"a\": nothing}", 0)), "has a damaged header".to_owned()),
        (Ok(safetensors("{\"a\": [0, 8]}", 8)), "has a damaged header".to_owned()),
        (Ok(safetensors(&deep, 8)), "has a damaged header".to_owned()),
        (Ok(safetensors("{\"__metadata__\": {}}", 0)), "has no tensors".to_owned()),
        (Err("is not a file"), "is not a file".to_owned()),
    ] {
        let message = format!("model.safetensors {fault}");
        assert_eq!(contents(&[("model.safetensors", content)]), Err(message), "{fault}");
    }
    assert_eq!(contents(&[("model.safetensors", Ok(whole()))]), Ok(Contents::Safetensors));
}

#[test]
fn each_shard_is_checked() {
    const LIST: &str = "model.safetensors.index.json";
    let shard = || ("a.safetensors", Ok(whole()));
    let listed = |files: &[&str]| (LIST, Ok(list(files)));
    assert_eq!(contents(&[shard(), listed(&["a.safetensors"])]), Ok(Contents::Safetensors));
    let both = listed(&["a.safetensors", "b.safetensors"]);
    let missing = format!("b.safetensors (listed in {LIST}) is missing");
    assert_eq!(contents(&[shard(), both]), Err(missing));
    let pointer = ("a.safetensors", Ok(b"version https://git-lfs.github.com/spec/v1".to_vec()));
    let message = contents(&[pointer, listed(&["a.safetensors"])]).expect_err("a pointer");
    let expected = format!("a.safetensors (listed in {LIST}) is a Git LFS pointer");
    assert!(message.starts_with(&expected), "{message}");
    for (text, fault) in [
        (&b""[..], "is empty"),
        (b"<html>", "is not a shard index"),
        (b"{\"weight_map\": [1]}", "is not a shard index"),
        (b"{\"weight_map\": {\"a\": 1}}", "is not a shard index"),
        (b"{\"weight_map\": {}}", "lists no files"),
        (b"{\"weight_map\": {\"a\": \"../a.safetensors\"}}", "lists files outside its directory"),
    ] {
        let message = contents(&[(LIST, Ok(text.to_vec()))]).expect_err("an invalid index");
        assert!(message.starts_with(&format!("{LIST} {fault}")), "{message}");
    }
    // A single file has priority over shards.
    assert_eq!(
        contents(&[("model.safetensors", Ok(whole())), listed(&["b.safetensors"])]),
        Ok(Contents::Safetensors)
    );
}

#[test]
fn control_characters_in_names_are_replaced() {
    let list = list(&["\u{1b}[2J.safetensors"]);
    let message = contents(&[("model.safetensors.index.json", Ok(list))]).expect_err("missing");
    let shown = plain(&message);
    let kept = shown.contains("[2J.safetensors (listed in model");
    assert!(kept && !shown.contains('\u{1b}'), "{shown}");
    assert_eq!(plain(&"x".repeat(MAX_MESSAGE + 1)).len(), MAX_MESSAGE);
}

#[test]
fn the_check_in_tests_uses_the_same_names_and_messages() {
    let parts = assets::templates().filter(|(path, _)| {
        path.ends_with("/files_of_weights.py.j2") || path.ends_with("/formats.py.j2")
    });
    let part: String = parts.map(|(_, text)| text).collect();
    let quoted = |text: &&str| part.contains(&format!("\"{text}\""));
    assert!(FORMATS.iter().chain(&NOT_WEIGHTS).all(quoted));
    for words in ["is a Git LFS pointer, not the file itself", "has a damaged header"] {
        assert!(part.contains(words), "{words}");
    }
}

#[test]
fn weights_get_one_note_per_reason() {
    let chosen = |source: Source, reason: Option<&str>| Chosen {
        source,
        reason: reason.map(str::to_owned),
        ..Chosen::random()
    };
    let cache = |or_random| Source::Cache { model: "x".into(), revision: None, or_random };
    let mut notes = WeightsNotes::default();
    notes.add("./a", &chosen(Source::Random, Some("bare")));
    notes.add("./b", &chosen(Source::Random, Some("bare")));
    notes.add("bert", &chosen(Source::Random, None));
    notes.add("gpt2", &chosen(cache(true), Some("the hub is away")));
    notes.add("t5", &chosen(cache(false), Some("the hub is away")));
    notes.add("vit", &chosen(cache(false), None));
    notes.add("./c", &chosen(Source::Path { path: "/c".into() }, None));
    let start = "random weights for gpt2: the hub is away";
    let expected = |end: &str| {
        [
            "random weights for bert: as requested".to_owned(),
            "random weights for ./a and 1 more: bare".to_owned(),
            format!("{start}{end}"),
            "weights of the model cache for t5: the hub is away".to_owned(),
        ]
    };
    let here = ", and the model cache of this machine does not have them";
    assert_eq!(notes.notes(true), expected(here));
    assert_eq!(notes.notes(false), expected(", for workers whose model cache does not have them"));
}

proptest! {
    #[test]
    fn no_content_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0u64..300) {
        let _ = contents(&[("model.safetensors", Ok(bytes.clone()))]);
        let _ = contents(&[("model.safetensors.index.json", Ok(bytes.clone()))]);
        let mut headed = length.to_le_bytes().to_vec();
        headed.push(b'{');
        headed.extend(bytes);
        let _ = contents(&[("model.safetensors", Ok(headed))]);
    }
}

/// The files that belong to a model with these files; texts are the content of those in `texts`.
fn travelling(
    files: &[&str],
    texts: &[(&str, &str)],
    wanted: Wanted,
) -> Result<Vec<String>, String> {
    let names = files.iter().chain(texts.iter().map(|(name, _)| name));
    let entries = names.map(|name| ((*name).to_owned(), 1)).collect();
    let read = |path: &str, _: usize| {
        let text = texts.iter().find(|(name, _)| *name == path);
        text.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| ReadError("not there".into()))
    };
    belonging(&entries, wanted, read).map_err(|error| error.message)
}

#[test]
fn the_files_of_one_format_travel_with_configuration_and_tokenizer() {
    let beside = [
        "config.json",
        "tokenizer.json",
        "vocab.txt",
        "chat_template.jinja",
        "modeling_mine.py",
        "README.md",
        "trainer_state.json",
        "optimizer.pt",
        "training_args.bin",
        ".git/config",
        ".hidden.json",
        "checkpoint-5/model.safetensors",
        "checkpoint-5/config.json",
        "runs/events.json",
    ];
    let kept = ["chat_template.jinja", "config.json"];
    let check = |files: &[&str], texts: &[(&str, &str)], wanted: Wanted, weights: &[&str]| {
        let all: Vec<&str> = beside.iter().chain(files).copied().collect();
        let mut expected: Vec<&str> =
            kept.iter().chain(weights).chain(&["tokenizer.json", "vocab.txt"]).copied().collect();
        expected.sort_unstable();
        assert_eq!(travelling(&all, texts, wanted).expect("determined"), expected, "{files:?}");
    };
    let plain = Wanted::default();
    let pickle = Wanted { allow_pickle: true, ..Wanted::default() };
    check(
        &["model.safetensors", "pytorch_model.bin", "tf_model.h5"],
        &[],
        plain,
        &["model.safetensors"],
    );
    check(&["pytorch_model.bin"], &[], plain, &[]);
    check(&["pytorch_model.bin"], &[], pickle, &["pytorch_model.bin"]);
    check(&["a.gguf", "model.onnx"], &[], plain, &["a.gguf"]);
    let graph = ["model.onnx", "model.onnx_data"];
    check(&[&graph[..], &["model_fp16.onnx", "tf_model.h5"]].concat(), &[], plain, &graph);
    let inside = ["onnx/model.onnx", "onnx/model.onnx.data"];
    check(&[&inside[..], &["onnx/model_q4.onnx"]].concat(), &[], plain, &inside);
    let openvino = ["openvino_model.bin", "openvino_model.xml"];
    check(&[&openvino[..], &["openvino_tokenizer.bin"]].concat(), &[], plain, &openvino);
    let index = r#"{"weight_map": {"x": "b.safetensors", "y": "a.safetensors"}}"#;
    let shards = ["a.safetensors", "b.safetensors", "other.safetensors"];
    let listed = "model.safetensors.index.json";
    check(&shards, &[(listed, index)], plain, &["a.safetensors", "b.safetensors", listed]);
    let missing = travelling(&["a.safetensors"], &[(listed, index)], plain);
    assert_eq!(missing, Err(format!("b.safetensors (listed in {listed}) is missing")));
    let settings = ("adapter_config.json", "{}");
    let adapter = ["adapter_config.json", "adapter_model.safetensors"];
    check(&["adapter_model.safetensors", "adapter_model.bin"], &[settings], plain, &adapter);
    let base = ["base_model/config.json", "base_model/model.safetensors"];
    let with_base = [&adapter[..], &base[..]].concat();
    let beside_it =
        [base[0], base[1], "base_model/optimizer.pt", "base_model/README.md", adapter[1]];
    check(&beside_it, &[settings], plain, &with_base);
    let code = Wanted { remote_code: true, ..Wanted::default() };
    check(&["model.safetensors"], &[], code, &["model.safetensors", "modeling_mine.py"]);
}

#[test]
fn named_subdirectories_belong_to_a_model() {
    let index = r#"{"_class_name": "P", "unet": ["diffusers", "U"], "tokenizer": ["t", "T"]}"#;
    let unet = "unet/diffusion_pytorch_model.safetensors";
    let files =
        ["unet/config.json", unet, "tokenizer/vocab.json", "vae/config.json", "x.safetensors"];
    let found = travelling(&files, &[("model_index.json", index)], Wanted::default());
    let expected = ["model_index.json", "tokenizer/vocab.json", "unet/config.json", unet];
    assert_eq!(found.expect("determined"), expected);
    let modules =
        r#"[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}, {"path": "../up"}]"#;
    let files = [
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "2_Dense/pytorch_model.bin",
        "config.json",
        "model.safetensors",
        "../up/config.json",
    ];
    let found = travelling(&files, &[("modules.json", modules)], Wanted::default());
    let expected = [files[0], files[1], files[2], files[4], files[5], "modules.json"];
    assert_eq!(found.expect("determined"), expected);
}
