"""Weights that are intact but unfit: left over, of another type, in pickles, or with code."""

import json
import pickle

import pytest
from test_templates import configuration
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm
from test_weights import POINTER, bert, made, mine, of, prevented, result, same, weights_of

torch = pytest.importorskip("torch")
fixtures = (bert, mine)
LAYER = "encoder.layer.0.attention.self.query.weight"


def changed(mine, change):
    from safetensors.torch import load_file, save_file

    tensors = load_file(mine / "model.safetensors")
    change(tensors)
    save_file(tensors, mine / "model.safetensors", metadata={"format": "pt"})


UNFIT = {
    "a layer too many": (
        lambda t: t.update({LAYER.replace("layer.0", "layer.2"): t[LAYER].clone()}),
        "contain encoder.layer.2.attention.self.query.weight, which the model does not have",
    ),
    "an unknown part of a layer": (
        lambda t: t.update({"encoder.layer.0.adapter.weight": torch.ones(2)}),
        "contain encoder.layer.0.adapter.weight, which the model does not have",
    ),
    "whole numbers": (
        lambda t: t.update({LAYER: (t[LAYER] * 100).to(torch.int8)}),
        f"have {LAYER} as I8, and the model needs floating-point numbers",
    ),
    "a scale of fp8": (
        lambda t: t.update({LAYER: t[LAYER].to(torch.float8_e4m3fn)}),
        f"have {LAYER} as F8_E4M3, and the model needs floating-point numbers",
    ),
}


@pytest.mark.parametrize("fault", sorted(UNFIT))
def test_weights_that_the_library_only_logs_are_an_error(mine, fault):
    source = of(mine)
    change, reason = UNFIT[fault]
    changed(mine, change)
    message = prevented(source)
    assert reason in message, message


def test_the_head_of_another_class_may_be_left_over(mine, bert):
    head = {"cls.predictions.bias": torch.ones(3), "qa_outputs.weight": torch.ones(2, 2)}
    source = of(mine)
    changed(mine, lambda tensors: tensors.update(head))
    model, source, _ = weights_of(source)
    assert source == "folder" and same(model, bert)


def test_the_number_of_loaded_parameters_is_reported(run, frameworks, mine, bert):
    size = sum(parameter.numel() for parameter in bert.parameters())
    code, end, output = result(run(of(mine)))
    assert (code, end["parameters_loaded"], end["weights_format"]) == (0, size, "safetensors"), output
    lost = sum(p.numel() for name, p in bert.named_parameters() if name.startswith("pooler."))
    changed(mine, lambda t: [t.pop(name) for name in list(t) if name.startswith("pooler.")])
    code, end, output = result(run(of(mine)))
    assert (code, end["parameters_loaded"]) == (0, size - lost), output


# Pickles


def pickled(bert, mine, shards=False):
    """The weights as pickles, as older versions saved them."""
    (mine / "model.safetensors").unlink()
    weights = bert.state_dict()
    if not shards:
        torch.save(weights, mine / "pytorch_model.bin")
        return
    names = sorted(weights)
    files = {"a.bin": names[::2], "b.bin": names[1::2]}
    for file, part in files.items():
        torch.save({name: weights[name] for name in part}, mine / file)
    index = {"weight_map": {name: file for file, part in files.items() for name in part}}
    text = json.dumps({"metadata": {"total_size": 1}, **index})
    (mine / "pytorch_model.bin.index.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("shards", [False, True])
def test_pickles_are_loaded_if_that_is_allowed(run, bert, mine, shards):
    source = of(mine)
    pickled(bert, mine, shards)
    assert "a pickle, which may run code when it is read" in prevented(source)
    source = of(mine, parameters={"allow_pickle": True})
    model, word, _ = weights_of(source)
    assert word == "folder" and same(model, bert)
    if not shards:
        code, end, output = result(run(source))
        assert (code, end["allow_pickle"], end["weights_format"]) == (0, True, "pickle"), output


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


def half(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


PICKLE_DAMAGES = {
    "a pointer": (lambda file: file.write_bytes(POINTER), "pytorch_model.bin is a Git LFS pointer"),
    "HTML": (lambda file: file.write_text("<!DOCTYPE html>"), "not a PyTorch pickle but an HTML page"),
    "empty": (lambda file: file.write_bytes(b""), "pytorch_model.bin is empty"),
    "cut": (half, "is truncated: the end of the archive is missing"),
    "an old one, cut": (lambda file: file.write_bytes(b"\x80\x02}q\x00("), "cannot be read"),
    "code": (lambda file: file.write_bytes(pickle.dumps(Evil())), "cannot be read"),
    "safetensors": (
        lambda file: file.write_bytes((20).to_bytes(8, "little") + b'{"a": 1}' + bytes(99)),
        "is not a PyTorch pickle but a safetensors file",
    ),
}


@pytest.mark.parametrize("damage", sorted(PICKLE_DAMAGES))
def test_damaged_pickles_are_an_error(bert, mine, damage):
    source = of(mine, parameters={"allow_pickle": True})
    pickled(bert, mine)
    do, reason = PICKLE_DAMAGES[damage]
    do(mine / "pytorch_model.bin")
    message = prevented(source)
    assert reason in message, message


# Code of the model

CONFIGURATION = """
from transformers import BertConfig

class MineConfig(BertConfig):
    model_type = "mine-of-my-own"
"""
MODELING = """
from transformers import BertModel
from .configuration_mine import MineConfig

class MineModel(BertModel):
    config_class = MineConfig

    def forward(self, *arguments, **options):
        output = super().forward(*arguments, **options)
        output.last_hidden_state = output.last_hidden_state * 2
        return output
"""


@pytest.fixture
def with_code(frameworks, mine):
    config = json.loads((mine / "config.json").read_text(encoding="utf-8"))
    auto_map = {"AutoConfig": "configuration_mine.MineConfig", "AutoModel": "modeling_mine.MineModel"}
    config |= {"model_type": "mine-of-my-own", "architectures": ["MineModel"], "auto_map": auto_map}
    (mine / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (mine / "configuration_mine.py").write_text(CONFIGURATION, encoding="utf-8")
    (mine / "modeling_mine.py").write_text(MODELING, encoding="utf-8")
    return mine


def test_the_code_of_a_model_runs_only_if_it_is_trusted(run, with_code, bert):
    code, end, output = result(run(of(with_code)))
    assert (code, end["class"]) == (2, "set_up"), output
    assert "run only with trust_remote_code: true" in end["message"]
    source = of(with_code, parameters={"trust_remote_code": True})
    code, end, output = result(run(source))
    assert (code, end["weights"], end["trust_remote_code"]) == (0, "folder", True), output
    assert end["parameters_unchecked"] == "the class of the model is defined by its code"
    model, _, _ = weights_of(source)
    assert type(model).__name__ == "MineModel" and same(model, bert)


def test_code_of_a_known_type_is_not_needed(with_code):
    """A type that the library has, too, is loaded with the library's own class."""
    config = configuration("dtf/tiny-bert") | {"auto_map": {"AutoModel": "modeling_mine.MineModel"}}
    (with_code / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model, _, _ = weights_of(of(with_code))
    assert type(model).__name__ == "BertModel"
