"""Tests of the hooks that differ between back-ends (templates/backends.yaml), with a torch that only
records calls.

No machine has all of these devices. What is shown here is that each hook calls what that
device's part of torch has for it, and that torch itself has these names.
"""

import platform
import sys
import types

import pytest
from test_templates import render

# Part of torch, and the package that contains it, by back-end.
PARTS = {
    "cuda": ("cuda", None),
    "rocm": ("cuda", None),
    "mps": ("mps", None),
    "xpu": ("xpu", None),
    "hpu": ("hpu", "habana_frameworks.torch"),
    "npu": ("npu", "torch_npu"),
}
# The calls of each hook, in order.
USUAL = {
    "name": [("get_device_name",)],
    "seed": [("manual_seed", 1337)],
    "synchronise": [("synchronize",)],
    "reset_memory": [("empty_cache",), ("reset_peak_memory_stats",)],
    "peak_memory": [("max_memory_allocated",)],
}
OWN = {
    # MPS reports neither names of devices nor peak memory.
    "mps": {
        "name": [],
        "reset_memory": [("empty_cache",)],
        "peak_memory": [("driver_allocated_memory",)],
    },
    # Habana's allocator caches no memory that could be released.
    "hpu": {"reset_memory": [("reset_peak_memory_stats",)]},
}
CALLS = {backend: {**USUAL, **OWN.get(backend, {})} for backend in PARTS}
ANSWERS = {"get_device_name": "Model 9", "max_memory_allocated": 41, "driver_allocated_memory": 42}


class Part:
    """A part of torch with only the functions that a back-end is known to have."""

    def __init__(self, functions, available=True):
        self.calls = []
        self.is_available = lambda: available
        for name in functions:
            setattr(self, name, self.recorded(name))

    def recorded(self, name):
        def function(*arguments):
            self.calls.append((name, *arguments))
            return ANSWERS.get(name)

        return function


def pretended_torch(backend, available=True):
    part = Part({call for calls in CALLS[backend].values() for call, *_ in calls}, available)
    torch = types.SimpleNamespace(
        __version__="9.9",
        version=types.SimpleNamespace(cuda=None, hip=None),
        backends=types.SimpleNamespace(mps=Part((), available)),
        cuda=None,
        device=lambda name: types.SimpleNamespace(type=name.split(":")[0]),
    )
    if backend in ("cuda", "rocm"):
        setattr(torch.version, "hip" if backend == "rocm" else "cuda", "6.2")
    setattr(torch, PARTS[backend][0], part)
    return torch, part


@pytest.fixture
def pretend(monkeypatch):
    """Puts a pretended torch in place of torch, in which the script looks up its functions."""

    def pretend(backend, available=True):
        torch, part = pretended_torch(backend, available)
        monkeypatch.setitem(sys.modules, "torch", torch)
        return torch, part

    return pretend


def script(**changes):
    module = types.ModuleType("script")
    exec(render("text_encoder", **changes), module.__dict__)
    return module


@pytest.fixture
def plug_ins(monkeypatch):
    """Empty packages in place of those that contain a part of torch."""
    for name in ("habana_frameworks", "habana_frameworks.torch", "torch_npu"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))


@pytest.mark.parametrize("backend", PARTS)
@pytest.mark.parametrize("hook", USUAL)
def test_every_hook_calls_its_back_end(plug_ins, pretend, backend, hook):
    torch, part = pretend(backend)
    device = script(backend=backend).Device(torch, backend)
    answer = getattr(device, hook)(*([1337] if hook == "seed" else []))
    assert part.calls == CALLS[backend][hook]
    if hook == "name":
        assert answer == (platform.machine() if backend == "mps" else "Model 9")
    if hook == "peak_memory":
        assert answer == (42 if backend == "mps" else 41)


def test_the_hooks_of_the_cpu_call_nothing(pretend):
    torch, _ = pretend("cuda")
    device = script().Device(torch, "cpu")
    assert device.name()
    assert [device.seed(1), device.synchronise(), device.reset_memory()] == [None] * 3
    assert device.peak_memory() is None
    assert torch.cuda.calls == []


@pytest.mark.parametrize("backend", ["cuda", "rocm", "mps", "xpu"])
def test_torch_has_these_functions(backend):
    """A memory hook skips a function that torch does not have without a report."""
    torch = pytest.importorskip("torch")
    part = getattr(torch, PARTS[backend][0])
    for calls in CALLS[backend].values():
        for name, *_ in calls:
            assert callable(getattr(part, name)), name


@pytest.mark.parametrize("backend", PARTS)
def test_a_missing_device_is_reported(plug_ins, pretend, backend):
    torch, _ = pretend(backend, available=False)
    module = script(backend=backend)
    with pytest.raises(module.Unsupported, match=f"finds no {backend} device"):
        module.Device(torch, backend)


@pytest.mark.parametrize("backend", ["hpu", "npu"])
def test_a_missing_plug_in_is_named(monkeypatch, pretend, backend):
    plug_in = PARTS[backend][1]
    monkeypatch.setitem(sys.modules, plug_in, None)
    torch, _ = pretend(backend)
    module = script(backend=backend)
    with pytest.raises(module.Unsupported, match=f"{backend} needs {plug_in}"):
        module.Device(torch, backend)


@pytest.mark.parametrize(("there", "wanted"), [("cuda", "rocm"), ("rocm", "cuda")])
def test_cuda_and_rocm_are_distinguished(pretend, there, wanted):
    """Both drive the same part of torch, which reports that it is available."""
    torch, _ = pretend(there)
    module = script(backend=wanted)
    with pytest.raises(module.Unsupported, match=f"is not built for {wanted}"):
        module.Device(torch, wanted)


@pytest.mark.parametrize("backend", ["cuda", "rocm"])
def test_the_properties_of_a_gpu_are_requested(pretend, backend):
    torch, part = pretend(backend)
    part.get_device_capability = lambda index: (9, 4)
    part.get_device_properties = lambda index: types.SimpleNamespace(gcnArchName="gfx942")
    facts = script(backend=backend).Device(torch, backend).facts(torch)
    assert facts == {"runtime": "6.2", "capability": [9, 4], "architecture": "gfx942"}


def test_a_function_that_torch_lacks_is_named_unless_it_is_about_memory(pretend):
    torch, part = pretend("cuda")
    device = script(backend="cuda").Device(torch, "cuda")
    module = sys.modules["torch"].cuda
    del module.synchronize, module.max_memory_allocated
    assert device.peak_memory() is None
    with pytest.raises(Exception, match="cuda needs torch.cuda.synchronize: "):
        device.synchronise()
    assert part.calls == []


def test_a_back_end_of_another_runtime_does_not_run_on_torch():
    """The device of OpenVINO would be the CPU of torch."""
    module = script(backend="openvino", parameters={"runtime": "torch"})
    with pytest.raises(module.Unsupported, match="does not support the back-end 'openvino'"):
        module.open_device(None)


def test_tensors_on_another_device_are_a_fallback(pretend):
    torch, _ = pretend("cuda")
    module = script(backend="cuda")
    device = module.Device(torch, "cuda")
    here, there = (types.SimpleNamespace(device=torch.device(d)) for d in ("cuda:0", "cpu"))
    device.require("the output", [here, here])
    with pytest.raises(module.Unsupported, match="the output is on"):
        device.require("the output", [here, there])


# The precision that is in effect


class Kept(dict):
    """A model with nothing but parameters."""

    def parameters(self):
        return iter(self.values())


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_the_precision_of_every_parameter_is_proven(dtype):
    torch = pytest.importorskip("torch")
    module = script(parameters={"dtype": dtype})
    wanted = getattr(torch, module.DTYPES[dtype])
    execution = module.Execution.__new__(module.Execution)
    execution.torch = torch
    right = {"a": torch.ones(2, dtype=wanted), "whole": torch.ones(2, dtype=torch.int8)}
    execution.model = Kept(right)
    execution.require_precision()
    others = {torch.float32, torch.float16, torch.bfloat16, torch.float64} - {wanted}
    for other in others:
        execution.model = Kept(right, b=torch.ones(2, dtype=other))
        with pytest.raises(module.Unsupported, match=f"a parameter is {other}, not {wanted}"):
            execution.require_precision()


def test_a_model_that_keeps_its_precision_does_not_pass():
    """A model that leaves a layer in fp32 is not tested in bf16."""
    torch = pytest.importorskip("torch")
    import transformers

    module = script(parameters={"dtype": "bf16", "weights": "random"})
    model, inputs, *_ = module.prepare(torch, transformers, {})
    model = module.in_precision(torch, model, "bf16")
    module.Execution(torch, module.Device(torch, "cpu"), model, inputs)
    model.encoder.layer[0].output.dense.float()
    with pytest.raises(module.Unsupported, match="a parameter is torch.float32"):
        module.Execution(torch, module.Device(torch, "cpu"), model, inputs)
