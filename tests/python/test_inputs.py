"""Tests of the inputs of generated tests: samples, padding, and decoding with the cache.

The scripts are loaded into this process, and their models run on the CPU in fp32.
"""

import types

import pytest
from mutation.models import CARRIED, MODELS
from test_templates import TINY, front_matter, render

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("diffusers")

SHORT = {"weights": "random", "sequence_length": 67, "max_new_tokens": 3, "audio_seconds": 0.25}
# The configuration from which `render` starts.
TINY.update({family: f"dtf/{name}" for name, family in CARRIED.items()})
models = pytest.mark.parametrize("name", sorted(MODELS))


class Loaded:
    """A script of a family, its model and functions."""

    def __init__(self, name, **parameters):
        tiny = MODELS[name]
        known = front_matter(tiny.family)["parameters"]
        values = {**{k: v for k, v in SHORT.items() if k in known}, **parameters}
        config = tiny.configuration
        changes = {"config": config, "model_type": config["model_type"], "parameters": values}
        self.script = types.ModuleType("script")
        source = render(tiny.family, model=tiny.name, **changes)
        exec(compile(source, name, "exec"), self.script.__dict__)
        self.model, self.inputs, *_ = self.script.prepare(torch, transformers, {})

    def __getattr__(self, name):
        return getattr(self.script, name)

    def samples(self, count):
        return self.script.samples(torch, self.model, count)

    def outputs(self, function, inputs):
        with torch.inference_mode():
            return getattr(self.script, function)(torch, self.model, inputs).float()


def aligned(alone, together):
    """The output of a shorter sample with zeros for the rest of the longer ones."""
    whole = torch.zeros_like(together)
    whole[tuple(slice(size) for size in alone.shape)] = alone
    return whole


def error(actual, expected):
    difference = (actual - expected).square().mean().sqrt()
    return float(difference / expected.square().mean().sqrt())


@models
def test_a_padded_batch_equals_its_samples_alone(name):
    loaded = Loaded(name, batch=3)
    together = loaded.outputs("forward", loaded.inputs)
    for number, sample in enumerate(loaded.samples(3)):
        assert {len(value) for value in sample.values()} == {1}
        alone = loaded.outputs("reference_output", sample)
        actual = together[number : number + 1]
        assert error(actual, aligned(alone, actual)) < 1e-5, number
