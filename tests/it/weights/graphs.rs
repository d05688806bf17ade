//! A directory with an exported graph, from the command line to the report.

use super::CONFIG;
use crate::python::environments;
use crate::support::Home;

/// Exports a model in the environment that the tests use, with weights beside the graph.
const EXPORT: &str = "
import json, sys, onnx, torch, transformers
config = transformers.BertConfig(**json.load(open(sys.argv[1] + '/config.json')))
model = transformers.BertModel(config, add_pooling_layer=False).eval()
model.set_attn_implementation('eager')
class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model
    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask)[0]
names, path = ['input_ids', 'attention_mask'], sys.argv[1] + '/model.onnx'
tokens = torch.randint(5, 900, (2, 16))
torch.onnx.export(
    Encoder().eval(), (tokens, torch.ones_like(tokens)), path, input_names=names,
    output_names=['last_hidden_state'], dynamo=False, opset_version=17,
    dynamic_axes={name: {0: 'batch', 1: 'length'} for name in [*names, 'last_hidden_state']},
)
onnx.save_model(
    onnx.load(path), path, save_as_external_data=True, location='model.onnx_data', size_threshold=0
)
";

#[test]
fn a_graph_is_tested_with_its_weights_on_its_runtime() {
    let home = Home::new();
    home.write("mine/config.json", CONFIG);
    let environments = environments().display().to_string();
    let how = ["--environments-dir", &environments, "--torch-backend", "cpu"];
    let cmd = serde_json::json!(["python", "-c", EXPORT, home.path("mine").display().to_string()]);
    let packages = "torch>=2.4, transformers>=4.56, onnx, onnxscript, onnxruntime";
    home.write(
        "make.yaml",
        &format!(
            "schema: 1\nname: make\ntests: [{{name: make, cmd: {cmd}, environment: \
             {{packages: [{packages}], python: \">=3.10\"}}}}]\n"
        ),
    );
    home.dtf(&[&["run", "make.yaml"], &how[..]].concat()).expect_code(0);

    let test = ["run", "./mine", "--hw", "cpu", "--set", "min_seconds=0.1", "--output", "json"];
    let row = home.dtf(&[&test[..], &how].concat()).expect_code(0).json()["rows"][0].clone();
    assert_eq!((&row["outcome"], &row["weights"]), (&"passed".into(), &"folder".into()), "{row}");
    assert_eq!(row["labels"]["runtime"], "onnxruntime", "{row}");
    let unnoticed = row["would_not_notice"].to_string();
    assert!(unnoticed.contains("faults of the exporter"), "{row}");

    // The file with the weights is part of what is tested, and of its identity.
    std::fs::remove_file(home.path("mine/model.onnx_data")).expect("removed");
    let failed = home.dtf(&[&test[..], &how].concat()).expect_code(101).json()["rows"][0].clone();
    assert_eq!((&failed["outcome"], &failed["class"]), (&"error".into(), &"set_up".into()));
    assert_ne!(failed["weights_id"], row["weights_id"]);
    let message = failed["message"].as_str().expect("a reason");
    assert!(message.contains("model.onnx cannot be loaded"), "{message}");
}
