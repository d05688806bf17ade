"""Tests of the search with DTF_DEBUG=1: in a model whose device has a faulty kernel, the operator
is found, and the saved script shows the difference on its own.

The faulty device is this CPU with another kernel for fp32, as a back-end with a wrong kernel has.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import types

import pytest
from test_templates import render

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

FAULTY = pathlib.Path(__file__).parents[1] / "data" / "faulty_kernel.py"
SHORT = {"weights": "random", "warm_up": 0, "iterations": 1, "min_seconds": 0.0, "batch": 1}


def run(path, directory, **variables):
    """Runs a Python file: exit code, output, and the result that it reported."""
    results = directory / "results.jsonl"
    results.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(directory),
        "PYTHONWARNINGS": "ignore",
        "DTF_RESULT": str(results),
        "DTF_ARTIFACTS": str(directory),
        "DTF_THREADS": "1",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, str(path)], env=environment, cwd=directory, capture_output=True, text=True
    )
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    result = json.loads(lines[-1]) if lines else None
    return done.returncode, done.stdout + done.stderr, result


def test_the_script_shows_the_difference_of_a_faulty_kernel(tmp_path):
    shutil.copy(FAULTY, tmp_path / "sitecustomize.py")
    for role in ("reference", "test"):
        text = render("text_encoder", parameters={**SHORT, "role": role})
        (tmp_path / f"{role}.py").write_text(text, encoding="utf-8")
    code, output, _ = run(tmp_path / "reference.py", tmp_path)
    assert code == 0, output
    given = {"DTF_REFERENCE": str(tmp_path / "reference.safetensors")}

    given["FAULTY"] = "placed"
    code, output, result = run(tmp_path / "test.py", tmp_path, **given)
    assert code == 1 and result["first_differs"]["module"] == "embeddings.LayerNorm", output
    assert "debug" not in result and not (tmp_path / "debug_reproduce.py").exists()

    code, output, result = run(tmp_path / "test.py", tmp_path, DTF_DEBUG="1", **given)
    found = result["debug"]
    assert (code, found["operator"]) == (1, "torch.nn.functional.layer_norm"), (output, result)
    assert found["files"] == ["debug_reproduce.py", "debug_tensors.pt"]
    assert 1e-3 < found["values"]["rms"] < 1e-1
    assert "torch.nn.functional.layer_norm" in result["message"]

    # Elsewhere, with torch alone.
    script = tmp_path / "debug_reproduce.py"
    lines = script.read_text().splitlines()
    packages = {line.split()[1] for line in lines if line.startswith("import ")}
    assert packages == {"math", "pathlib", "sys", "torch"}
    code, output, _ = run(script, tmp_path, FAULTY="always")
    assert code == 1 and "different" in output, output
    code, output, _ = run(script, tmp_path)
    assert code == 0 and "equal within rounding" in output, output


# One operator at a time


@pytest.fixture(scope="module")
def script():
    module = types.ModuleType("script")
    source = render("text_encoder", parameters={"role": "test"})
    exec(compile(source, "test.py", "exec"), module.__dict__)
    return module


@pytest.fixture
def faulty():
    """hardshrink is wrong by 1 % in fp32."""

    def kernel(input, lambd=0.5):
        kept = torch.where(input.abs() > lambd, input, torch.zeros_like(input))
        return kept * (1.01 if input.dtype == torch.float32 else 1.0)

    kernels = torch.library.Library("aten", "IMPL")
    kernels.impl("hardshrink", kernel, "CPU")
    yield
    kernels._destroy()


class Model(torch.nn.Module):
    """Operators of several forms before the one of interest."""

    def __init__(self, operation):
        super().__init__()
        self.operation = operation
        self.inner = torch.nn.Identity()

    def forward(self, values):
        values = values * 2
        values[0] = 1.0
        values.add_(torch.rand(values.shape))
        values, _ = torch.sort(values.to(torch.float32), dim=-1)
        return self.operation(self.inner(values))


def search(script, directory, monkeypatch, operation):
    monkeypatch.setenv("DTF_ARTIFACTS", str(directory))
    model = Model(operation)
    subject = types.SimpleNamespace(
        model=model,
        output=model,
        device=types.SimpleNamespace(torch_device=torch.device("cpu")),
    )
    fact = {"module": "(the model)", "kind": "Model", "values": {"call": 1}}
    with torch.inference_mode():
        return script.first_operator(torch, subject, torch.randn(3, 8), fact)


def shrink(values):
    return torch.nn.functional.hardshrink(values, lambd=0.25)


def test_the_operators_before_agree(script, faulty, tmp_path, monkeypatch):
    found = search(script, tmp_path, monkeypatch, shrink)
    assert found["operator"] == "torch.nn.functional.hardshrink", found
    assert found["values"]["compared"] >= 5, found
    assert abs(found["values"]["rms"] - 0.01) < 1e-4
    text = (tmp_path / "debug_reproduce.py").read_text()
    assert "torch.nn.functional.hardshrink(tensors[0], lambd=0.25)" in text
    compile(text, "debug_reproduce.py", "exec")


def test_without_a_wrong_operator_nothing_is_saved(script, tmp_path, monkeypatch):
    found = search(script, tmp_path, monkeypatch, torch.sin)
    assert (found["operator"], found["files"]) == (None, [])
    assert "torch operators of (the model) differs" in found["message"], found
    assert not list(pathlib.Path(tmp_path).iterdir())


def test_inputs_that_are_too_large_are_not_saved(script, faulty, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "DEBUG_BYTES", 10)
    found = search(script, tmp_path, monkeypatch, shrink)
    assert found["operator"] == "torch.nn.functional.hardshrink"
    assert found["files"] == [] and "too large to be saved" in found["message"], found
    assert not list(pathlib.Path(tmp_path).iterdir())


def test_an_operator_that_is_too_large_is_counted(script, faulty, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "DEBUG_VALUES", 10)
    found = search(script, tmp_path, monkeypatch, shrink)
    assert found["operator"] is None and found["values"]["not_compared"] > 0, found
    assert "could not be compared" in found["message"]
