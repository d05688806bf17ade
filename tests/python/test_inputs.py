"""Tests of the inputs of generated tests: samples, padding, and decoding with the cache.

The scripts are loaded into this process, and their models run on the CPU in fp32.
"""

import types

import pytest
from test_faults import FAMILIES
from test_templates import TINY, front_matter, render

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("diffusers")

SHORT = {"weights": "random", "sequence_length": 67, "max_new_tokens": 3, "audio_seconds": 0.25}
families = pytest.mark.parametrize("family", sorted(FAMILIES))


class Loaded:
    """A script of a family, its model and functions."""

    def __init__(self, family, config=None, **parameters):
        known = front_matter(family)["parameters"]
        values = {**{k: v for k, v in SHORT.items() if k in known}, **parameters}
        changes = {} if config is None else {"config": config, "model_type": config["model_type"]}
        source = render(family, parameters=values, **changes)
        self.script = types.ModuleType("script")
        exec(compile(source, family, "exec"), self.script.__dict__)
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


@families
def test_a_padded_batch_equals_its_samples_alone(family):
    loaded = Loaded(family, batch=3)
    together = loaded.outputs("forward", loaded.inputs)
    for number, sample in enumerate(loaded.samples(3)):
        assert {len(value) for value in sample.values()} == {1}
        alone = loaded.outputs("reference_output", sample)
        actual = together[number : number + 1]
        assert error(actual, aligned(alone, actual)) < 1e-5, number
