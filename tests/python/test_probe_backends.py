"""Tests the probe that asks an environment for the devices of back-ends."""

import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from test_templates import hooks

SCRIPT = Path(__file__).parents[2] / "src/worker/proofs/probe.py"


@pytest.fixture
def probe():
    spec = importlib.util.spec_from_file_location("probe", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def library(monkeypatch, name, **contents):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__version__ = "9.9"
    for key, value in contents.items():
        setattr(module, key, value)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def torch(monkeypatch, available, cuda="12.8"):
    part = types.SimpleNamespace(is_available=lambda: available, get_device_name=lambda: "L4")
    version = types.SimpleNamespace(cuda=cuda, hip=None)
    return library(monkeypatch, "torch", cuda=part, version=version, device=str)


def test_a_device_that_torch_sees_is_found(monkeypatch, probe):
    torch(monkeypatch, available=True)
    found = probe.answer("cuda", hooks("cuda"))
    assert found == {"state": "found", "reason": "", "library": "torch 9.9", "name": "L4"}


@pytest.mark.parametrize(
    ("backend", "available", "state", "reason"),
    [
        ("cuda", False, "missing", "torch 9.9 finds no cuda device"),
        ("rocm", True, "absent", "torch 9.9 is not built for rocm"),
        ("hpu", True, "absent", "habana_frameworks.torch is not installed"),
        ("xpu", True, "broken", "AttributeError"),
    ],
)
def test_a_device_that_torch_does_not_see_has_a_reason(
    monkeypatch, probe, backend, available, state, reason
):
    torch(monkeypatch, available)
    answer = probe.answer(backend, hooks(backend))
    assert answer["state"] == state and reason in answer["reason"]


def test_a_library_that_cannot_be_imported_is_broken(monkeypatch, probe, tmp_path):
    (tmp_path / "openvino.py").write_text("raise OSError('libtbb.so.12: cannot open')")
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = probe.answer("openvino", hooks("openvino"))
    assert answer == {"state": "broken", "reason": "OSError: libtbb.so.12: cannot open"}


def onnxruntime(monkeypatch, listed, working):
    """ONNX Runtime that lists providers, of which some work; the others are replaced by the CPU."""

    class Session:
        def __init__(self, model, providers):
            [(self.provider, _)] = providers
            if self.provider not in working and self.provider.startswith("Dml"):
                raise RuntimeError("no adapter")

        def get_providers(self):
            chosen = [self.provider] if self.provider in working else []
            return [*chosen, "CPUExecutionProvider"]

        def run(self, names, inputs):
            return list(inputs.values())

    available = types.SimpleNamespace(listed=listed)
    contents = {"get_available_providers": lambda: available.listed, "InferenceSession": Session}
    library(monkeypatch, "onnxruntime", **contents)


def test_the_provider_of_onnxruntime_decides(monkeypatch, probe):
    cpu, dml = "CPUExecutionProvider", "DmlExecutionProvider"
    onnxruntime(monkeypatch, [cpu], [cpu])
    assert probe.answer("onnxruntime", hooks("onnxruntime"))["name"] == cpu
    answer = probe.answer("directml", hooks("directml"))
    assert answer["state"] == "absent" and "no provider for directml" in answer["reason"]
    onnxruntime(monkeypatch, [dml, cpu], [dml, cpu])
    assert probe.answer("directml", hooks("directml"))["name"] == dml


def test_a_provider_that_is_listed_and_does_not_work_is_missing(monkeypatch, probe):
    onnxruntime(monkeypatch, ["DmlExecutionProvider", "CPUExecutionProvider"], [])
    answer = probe.answer("directml", hooks("directml"))
    assert answer["state"] == "missing" and "no adapter" in answer["reason"]
    providers = {"runtime": "onnxruntime", "providers": [["A", {}], ["B", {}]]}
    onnxruntime(monkeypatch, ["A", "B"], ["B"])
    assert probe.answer("x", providers)["name"] == "B"
    onnxruntime(monkeypatch, ["A", "B"], [])
    reason = probe.answer("x", providers)["reason"]
    assert "A does not work: it was replaced by CPUExecutionProvider" in reason


def test_the_real_onnxruntime_runs_the_model_of_the_probe(probe):
    pytest.importorskip("onnxruntime")
    assert probe.answer("onnxruntime", hooks("onnxruntime"))["state"] == "found"
    unknown = {"runtime": "onnxruntime", "providers": [["CPUExecutionProvider", {"no": "option"}]]}
    assert probe.answer("x", unknown)["state"] in ("found", "missing")


def test_openvino_without_a_device_is_missing(monkeypatch, probe):
    core = types.SimpleNamespace(available_devices=[])
    library(monkeypatch, "openvino", Core=lambda: core)
    assert probe.answer("openvino", hooks("openvino"))["state"] == "missing"
    core.available_devices = ["CPU", "GPU"]
    assert probe.answer("openvino", hooks("openvino"))["name"] == "CPU, GPU"


def test_the_answers_are_lines_with_the_prefix_of_the_question():
    asked = {"cpu": hooks("cpu"), "nothing": {"device": "no such device"}}
    question = json.dumps({"prefix": "dtf-x:", "backends": asked})
    call = [sys.executable, "-I", str(SCRIPT), question]
    printed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    lines = [line for line in printed.splitlines() if line.startswith("dtf-x:")]
    answers = [json.loads(line.removeprefix("dtf-x:")) for line in lines]
    assert [answer["backend"] for answer in answers] == ["cpu", "nothing"]
    installed = importlib.util.find_spec("torch") is not None
    assert [answer["state"] for answer in answers] == (
        ["found", "broken"] if installed else ["absent", "absent"]
    )
