"""Models that were exported: ONNX files, and the two files of OpenVINO.

The graphs are made here, by the exporter of torch and by the libraries themselves, with the names of
inputs and outputs that exporters for transformers give them.
"""

import json
import pathlib
import shutil
import types

import pytest
from test_templates import QUICK, configuration, of_kind, render
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm
from test_weights import POINTER, result

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")
openvino = pytest.importorskip("openvino")

# Those of the exporter of torch.
pytestmark = pytest.mark.filterwarnings("ignore")

TEXT = ("input_ids", "attention_mask", "token_type_ids")


class Outputs(torch.nn.Module):
    """A model of which an exporter sees some outputs."""

    def __init__(self, model, inputs, outputs):
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors):
        computed = self.model(**dict(zip(self.inputs, tensors)))
        return tuple(computed[name] for name in self.outputs)


class WithCache(torch.nn.Module):
    """A decoder whose cache is in its inputs and outputs."""

    def __init__(self, frameworks, model):
        super().__init__()
        self.frameworks, self.model = frameworks, model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = self.frameworks.DynamicCache()
        for layer, (keys, values) in enumerate(zip(past[::2], past[1::2])):
            cache.update(keys, values, layer)
        computed = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        pairs = [(layer.keys, layer.values) for layer in cache.layers]
        return (computed.logits, *(each for pair in pairs for each in pair))


def built(frameworks, name, auto_class, **options):
    config = dict(configuration(name))
    kind = config.pop("model_type")
    torch.manual_seed(11)
    config = frameworks.AutoConfig.for_model(kind, **config)
    return getattr(frameworks, auto_class).from_config(config, **options).eval().float()


def export(model, tensors, path, inputs, outputs, axes):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        tensors,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        dynamo=False,
        opset_version=17,
    )


@pytest.fixture(scope="module")
def directories(frameworks, tmp_path_factory):
    return Directories(frameworks, tmp_path_factory.mktemp("exported"))


class Directories:
    """Exported models, each of which is made when a test needs it. Tests do not change them."""

    def __init__(self, frameworks, place):
        self.frameworks, self.place = frameworks, place

    def of(self, name):
        place = self.place / name
        if not place.exists():
            place.mkdir()
            model = getattr(self, name)(place)
            if model is not None:
                model.config.save_pretrained(place)
        return place

    def encoder(self, place, is_fixed=False):
        model = built(self.frameworks, "dtf/tiny-bert", "AutoModel", attn_implementation="eager")
        tokens = torch.randint(5, 900, (2, 16))
        tensors = (tokens, torch.ones_like(tokens), torch.zeros_like(tokens))
        outputs = ["last_hidden_state", "pooler_output"]
        axes = {name: {0: "batch", 1: "length"} for name in (*TEXT, outputs[0])}
        axes = None if is_fixed else {**axes, outputs[1]: {0: "batch"}}
        graph = Outputs(model, TEXT, outputs)
        export(graph, tensors, place / "model.onnx", list(TEXT), outputs, axes)
        return model

    def fixed(self, place):
        return self.encoder(place, is_fixed=True)

    def classifier(self, place):
        name = "AutoModelForImageClassification"
        model = built(self.frameworks, "dtf/tiny-vit", name, attn_implementation="eager")
        size = model.config.image_size
        inputs, outputs = ["pixel_values"], ["logits"]
        axes = {name: {0: "batch"} for name in (*inputs, *outputs)}
        graph = Outputs(model, inputs, outputs)
        path = place / "onnx" / "model.onnx"
        export(graph, (torch.randn(2, 3, size, size),), path, inputs, outputs, axes)
        return model

    def decoder(self, place):
        name = "AutoModelForCausalLM"
        model = built(self.frameworks, "dtf/tiny-llama", name, attn_implementation="eager")
        config = model.config
        size = config.hidden_size // config.num_attention_heads
        layers = range(config.num_hidden_layers)
        parts = [f"{layer}.{kind}" for layer in layers for kind in ("key", "value")]
        past = [f"past_key_values.{part}" for part in parts]
        present = [f"present.{part}" for part in parts]
        tokens = torch.randint(5, 900, (2, 5))
        tensors = [tokens, torch.ones(2, 8, dtype=torch.long), torch.arange(3, 8).repeat(2, 1)]
        tensors += [torch.randn(2, config.num_key_value_heads, 3, size) for _ in past]
        axes = {name: {0: "batch", 1: "length"} for name in ("input_ids", "position_ids", "logits")}
        axes |= {name: {0: "batch", 2: "past"} for name in past}
        axes |= {name: {0: "batch", 2: "whole"} for name in present}
        axes["attention_mask"] = {0: "batch", 1: "whole"}
        inputs = ["input_ids", "attention_mask", "position_ids", *past]
        graph = WithCache(self.frameworks, model)
        export(graph, tuple(tensors), place / "model.onnx", inputs, ["logits", *present], axes)
        return model

    def openvino(self, place):
        source = self.of("encoder")
        openvino.save_model(openvino.convert_model(source / "model.onnx"), place / "openvino_model.xml")
        shutil.copy(source / "config.json", place)

    def stateful(self, place):
        from openvino._offline_transformations import apply_make_stateful_transformation

        source = self.of("decoder")
        graph = openvino.Core().read_model(source / "model.onnx")
        names = [port.get_any_name() for port in graph.inputs]
        past = {name: name.replace("past_key_values", "present") for name in names if "past" in name}
        shapes = {port.get_any_name(): port.get_partial_shape() for port in graph.inputs}
        for name, shape in shapes.items():
            shape[0] = 2  # states start with the batch
            shapes[name] = shape
        graph.reshape(shapes)
        apply_make_stateful_transformation(graph, past)
        openvino.save_model(graph, place / "openvino_model.xml")
        shutil.copy(source / "config.json", place)

    def quantised(self, place):
        from onnxruntime.quantization import QuantType, quantize_dynamic

        source = self.of("encoder")
        kind = QuantType.QInt8
        quantize_dynamic(source / "model.onnx", place / "model_quantized.onnx", weight_type=kind)
        shutil.copy(source / "config.json", place)


def of(place, graph, family="text_encoder", **parameters):
    """The script of a test of the graph in a directory."""
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    runtime = "onnxruntime" if graph.endswith(".onnx") else "openvino"
    return render(
        family,
        parameters={**QUICK, "runtime": runtime, **parameters},
        config=config,
        model_type=config["model_type"],
        model=f"./{place.name}",
        weights_directory=str(place),
        graph=graph,
    )


@pytest.mark.parametrize(
    ("name", "graph", "family", "runtime"),
    [
        ("encoder", "model.onnx", "text_encoder", "onnxruntime"),
        ("encoder", "model.onnx", "text_encoder", "openvino"),
        ("openvino", "openvino_model.xml", "text_encoder", "openvino"),
        ("classifier", "onnx/model.onnx", "vision_classifier", "onnxruntime"),
        ("decoder", "model.onnx", "decoder_llm", "onnxruntime"),
        ("decoder", "model.onnx", "decoder_llm", "openvino"),
        ("stateful", "openvino_model.xml", "decoder_llm", "openvino"),
    ],
)
def test_a_graph_is_tested_as_it_is(run, directories, name, graph, family, runtime):
    code, events, output = run(of(directories.of(name), graph, family, runtime=runtime))
    end = events[-1]
    assert (code, end["runtime"], end["weights"]) == (0, runtime, "folder"), output
    assert end["weights_format"] == ("onnx" if graph.endswith(".onnx") else "openvino")
    assert end["parameters"] > 10_000
    checks = {event["name"]: event for event in of_kind(events, "check")}
    assert [*checks] == ["finite", "repeatable", "reference", "order", "measured"]
    library = "OpenVINO" if graph.endswith(".xml") else "ONNX Runtime"
    limits = [f"faults of the exporter or of {library} on the CPU (the reference)"]
    if family == "text_encoder":
        limits.append("outputs beside last_hidden_state: pooler_output")
    assert end["would_not_notice"] == limits, "padding and the cache are compared"
    assert library in end["reference_notes"]["reference"]


def test_a_graph_is_loaded_for_one_sample(run, directories):
    source = of(directories.of("encoder"), "model.onnx", role="load", batch=1)
    code, end, output = result(run(source))
    assert (code, end["outcome"]) == (0, "passed"), output


def test_a_graph_of_fixed_shape_needs_this_shape(run, directories):
    place = directories.of("fixed")
    code, end, _ = result(run(of(place, "model.onnx")))
    assert (code, end["outcome"], end.get("class")) == (2, "error", None)
    assert "takes input_ids in the shape [2, 16], and this test makes [2, 131]" in end["message"]
    code, end, output = result(run(of(place, "model.onnx", sequence_length=16)))
    assert (code, end["outcome"]) == (0, "passed"), output
    assert any(text.startswith("padding: the graph") for text in end["would_not_notice"])
    one = run(of(place, "model.onnx", sequence_length=16, batch=1))
    assert "this test makes [1, 16]: set batch" in result(one)[1]["message"]


def test_a_quantised_graph_has_the_bounds_of_its_rounding(run, directories):
    place = directories.of("quantised")
    code, events, output = run(of(place, "model_quantized.onnx"))
    assert (code, events[-1]["weights_format"]) == (0, "onnx, quantised"), output
    (reference,) = [e for e in of_kind(events, "check") if e["name"] == "reference"]
    assert reference["tolerance"]["rms"] == 3e-2
    assert "quantised" in events[-1]["reference_notes"]["bounds"]


# What is wrong with the device is found. The reference runs without optimisations.
BROKEN = """
import numpy
import onnxruntime

class Broken(onnxruntime.InferenceSession):
    def __init__(self, path, options, **more):
        super().__init__(path, options, **more)
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.is_tested = options.graph_optimization_level != level

    def run(self, names, inputs):
        outputs = super().run(names, inputs)
        return self.wrong(names, inputs, outputs) if self.is_tested else outputs

    def wrong(self, names, inputs, outputs):
        {fault}

onnxruntime.InferenceSession = Broken
"""
FAULTS = {
    "one percent larger": ("encoder", "return [outputs[0] * 1.01]"),
    "the first sample twice": ("encoder", "return [outputs[0][[0] * len(outputs[0])]]"),
    "not finite": ("encoder", "return [outputs[0] * numpy.inf]"),
    "the values of a layer lost": ("decoder", "return [*outputs[:2], *(0 * o for o in outputs[2:3]), *outputs[3:]]"),
    "the last entry lost": (
        "decoder",
        "return [outputs[0], *(o * (numpy.arange(o.shape[2]) < o.shape[2] - 1)[:, None].astype('f')"
        " for o in outputs[1:])]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_device_is_found(run, directories, fault):
    name, statement = FAULTS[fault]
    family = "decoder_llm" if name == "decoder" else "text_encoder"
    source = of(directories.of(name), "model.onnx", family)
    code, end, output = result(run(BROKEN.format(fault=statement) + source))
    assert end["outcome"] in ("failed", "reduced_precision"), output


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dtype": "fp16"}, "computes in fp32; set dtype: fp32"),
        ({"dtype": "fp16", "role": "load", "batch": 1}, "computes in fp32; set dtype: fp32"),
        ({"attention": "sdpa"}, "remove the parameter attention"),
    ],
)
def test_parameters_that_a_graph_does_not_have_are_refused(run, directories, parameters, message):
    code, end, _ = result(run(of(directories.of("encoder"), "model.onnx", **parameters)))
    assert (code, end["outcome"]) == (2, "error")
    assert message in end["message"]


def copied(directories, place):
    return pathlib.Path(shutil.copytree(directories.of("encoder"), place / "mine"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (POINTER, "model.onnx is a Git LFS pointer"),
        (b"", "model.onnx is empty"),
        (b"no graph at all", "model.onnx is not an ONNX model"),
        (None, "model.onnx is missing"),
    ],
)
def test_a_damaged_graph_is_an_error_of_set_up(run, directories, tmp_path, content, message):
    mine = copied(directories, tmp_path)
    (mine / "model.onnx").unlink()
    if content is not None:
        (mine / "model.onnx").write_bytes(content)
    code, end, output = result(run(of(mine, "model.onnx")))
    assert (code, end["outcome"], end["class"]) == (2, "error", "set_up"), output
    assert message in end["message"]


def test_weights_beside_a_graph_must_be_there(run, directories, tmp_path):
    import onnx

    mine = copied(directories, tmp_path)
    graph = onnx.load(mine / "model.onnx")
    onnx.save_model(
        graph,
        mine / "model.onnx",
        save_as_external_data=True,
        location="model.onnx_data",
        size_threshold=0,
    )
    code, end, output = result(run(of(mine, "model.onnx")))
    assert (code, end["outcome"]) == (0, "passed"), output
    (mine / "model.onnx_data").unlink()
    code, end, output = result(run(of(mine, "model.onnx")))
    assert (code, end["class"]) == (2, "set_up"), output
    assert "model.onnx cannot be loaded" in end["message"] and "model.onnx_data" in end["message"]


def test_weights_under_another_name_are_refused(run, directories, tmp_path):
    """They would neither travel to workers nor count in the identity of the weights."""
    import onnx

    mine = copied(directories, tmp_path)
    graph = onnx.load(mine / "model.onnx")
    options = {"save_as_external_data": True, "location": "weights.pb", "size_threshold": 0}
    onnx.save_model(graph, mine / "model.onnx", **options)
    code, end, _ = result(run(of(mine, "model.onnx")))
    assert (code, end["class"]) == (2, "set_up")
    assert "has weights in weights.pb, which is not known to belong to it" in end["message"]


@pytest.mark.parametrize("removed", ["present.1.value", None])
def test_what_a_decoder_does_not_return_is_not_compared(run, directories, tmp_path, removed):
    import onnx

    mine = pathlib.Path(shutil.copytree(directories.of("decoder"), tmp_path / "mine"))
    model = onnx.load(mine / "model.onnx")
    if removed is not None:
        kept = [output for output in model.graph.output if output.name != removed]
        del model.graph.output[:]
        model.graph.output.extend(kept)
    else:  # the logits of the last position only
        numbers = {"starts": [-1], "ends": [1 << 60], "axes": [1]}
        names = [f"last_{name}" for name in numbers]
        for name, values in zip(names, numbers.values()):
            model.graph.initializer.append(
                onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [1], values)
            )
        model.graph.node.append(onnx.helper.make_node("Slice", ["logits", *names], ["last"]))
        logits = onnx.helper.make_tensor_value_info("last", onnx.TensorProto.FLOAT, None)
        model.graph.output.remove(model.graph.output[0])
        model.graph.output.insert(0, logits)
    onnx.save_model(model, mine / "model.onnx")
    code, end, output = result(run(of(mine, "model.onnx", "decoder_llm")))
    assert (code, end["outcome"]) == (0, "passed"), output
    without = any(text.startswith("the cache: ") for text in end["would_not_notice"])
    assert without == (removed is not None), end["would_not_notice"]


def test_operators_that_a_provider_leaves_to_the_cpu_are_refused(directories):
    script = types.ModuleType("script")
    exec(of(directories.of("encoder"), "model.onnx"), script.__dict__)
    device = types.SimpleNamespace(name=lambda: "CUDAExecutionProvider")

    def assigned(provider, *operators):
        nodes = [types.SimpleNamespace(op_type=name) for name in operators]
        return types.SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)

    on_device = assigned("CUDAExecutionProvider", "MatMul", "Softmax")
    script.require_placed(device, [on_device, assigned("CPUExecutionProvider", "Shape", "Gather")])
    with pytest.raises(script.Unsupported, match="leaves MatMul to the CPU"):
        script.require_placed(device, [on_device, assigned("CPUExecutionProvider", "MatMul")])
    with pytest.raises(script.Unsupported, match="computes no part"):
        script.require_placed(device, [assigned("CPUExecutionProvider", "Shape")])


def test_an_input_that_no_family_makes_is_named(run, directories, tmp_path):
    import onnx

    mine = copied(directories, tmp_path)
    graph = onnx.load(mine / "model.onnx")
    kind = onnx.TensorProto.FLOAT
    graph.graph.input.append(onnx.helper.make_tensor_value_info("speaker", kind, ["batch", 4]))
    onnx.save_model(graph, mine / "model.onnx")
    code, end, output = result(run(of(mine, "model.onnx")))
    assert (code, end["class"]) == (2, "set_up"), output
    assert "the input speaker, which a test of the family text_encoder lacks" in end["message"]
