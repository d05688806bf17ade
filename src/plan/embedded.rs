//! Templates, families and model configurations that the binary carries.
//!
//! A test compares this list with the folder `templates/`.

/// Test templates and what they include, by path below `templates/`.
pub const TEMPLATES: [(&str, &str); 18] = [
    ("_shared/attention.py.j2", include_str!("../../templates/_shared/attention.py.j2")),
    ("_shared/backends.py.j2", include_str!("../../templates/_shared/backends.py.j2")),
    ("_shared/base.py.j2", include_str!("../../templates/_shared/base.py.j2")),
    ("_shared/check.py.j2", include_str!("../../templates/_shared/check.py.j2")),
    ("_shared/exported.py.j2", include_str!("../../templates/_shared/exported.py.j2")),
    ("_shared/forward_only.py.j2", include_str!("../../templates/_shared/forward_only.py.j2")),
    ("_shared/main.py.j2", include_str!("../../templates/_shared/main.py.j2")),
    ("_shared/reference.py.j2", include_str!("../../templates/_shared/reference.py.j2")),
    ("_shared/report.py.j2", include_str!("../../templates/_shared/report.py.j2")),
    ("_shared/role_reference.py.j2", include_str!("../../templates/_shared/role_reference.py.j2")),
    ("_shared/role_test.py.j2", include_str!("../../templates/_shared/role_test.py.j2")),
    (
        "_shared/runtime_onnxruntime.py.j2",
        include_str!("../../templates/_shared/runtime_onnxruntime.py.j2"),
    ),
    (
        "_shared/runtime_openvino.py.j2",
        include_str!("../../templates/_shared/runtime_openvino.py.j2"),
    ),
    ("_shared/runtime_torch.py.j2", include_str!("../../templates/_shared/runtime_torch.py.j2")),
    ("_shared/weights.py.j2", include_str!("../../templates/_shared/weights.py.j2")),
    ("decoder_llm/test.py.j2", include_str!("../../templates/decoder_llm/test.py.j2")),
    ("text_encoder/test.py.j2", include_str!("../../templates/text_encoder/test.py.j2")),
    ("vision_classifier/test.py.j2", include_str!("../../templates/vision_classifier/test.py.j2")),
];

/// Model types, architectures and names by family.
pub const FAMILIES: &str = include_str!("../../templates/families.yaml");

/// Names of the models whose configuration the binary carries.
pub const CATALOGUE_INDEX: &str = include_str!("../../templates/catalogue/index.yaml");

macro_rules! configurations {
    ($($file:literal),* $(,)?) => {
        /// Model configurations by file name below `templates/catalogue/`.
        pub const CATALOGUE: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../templates/catalogue/", $file)))),*];
    };
}
configurations![
    "Qwen--Qwen2.5-0.5B.json",
    "Qwen--Qwen3-0.6B.json",
    "TinyLlama--TinyLlama-1.1B-Chat-v1.0.json",
    "bert-base-uncased.json",
    "distilbert-base-uncased.json",
    "distilgpt2.json",
    "dtf--tiny-bert.json",
    "dtf--tiny-llama.json",
    "dtf--tiny-vit.json",
    "facebook--convnext-tiny-224.json",
    "facebook--deit-small-patch16-224.json",
    "google--vit-base-patch16-224.json",
    "gpt2.json",
    "meta-llama--Llama-3.2-1B.json",
    "meta-llama--Llama-3.2-3B.json",
    "microsoft--resnet-50.json",
    "roberta-base.json",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn below(folder: &Path, top: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, top, found);
            } else {
                let name = path.strip_prefix(top).expect("below").to_string_lossy();
                found.insert(name.replace('\\', "/"));
            }
        }
    }

    #[test]
    fn the_binary_carries_every_file_of_the_folder() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut found = BTreeSet::new();
        below(&top, &top, &mut found);
        let templates = TEMPLATES.iter().map(|(name, _)| (*name).to_owned());
        let catalogue = CATALOGUE.iter().map(|(name, _)| format!("catalogue/{name}"));
        let others = ["families.yaml", "catalogue/index.yaml"].map(str::to_owned);
        let carried: BTreeSet<String> = templates.chain(catalogue).chain(others).collect();
        assert_eq!(carried, found);
    }
}
