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


def parameters_of(family):
    return front_matter(family)["parameters"]


class Loaded:
    """A script of a family, its model and functions."""

    def __init__(self, name, config=None, **parameters):
        tiny = MODELS[name]
        known = parameters_of(tiny.family)
        values = {**{k: v for k, v in SHORT.items() if k in known}, **parameters}
        config = config or tiny.configuration
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


@models
def test_samples_differ_and_do_not_depend_on_the_batch(name):
    loaded = Loaded(name, batch=2)
    few, many = loaded.samples(2), loaded.samples(5)
    for one, other in zip(few, many):
        assert all(torch.equal(one[key], other[key]) for key in one)
    for key in ("input_ids", "pixel_values", "input_values", "input_features", "past_values"):
        for number, one in enumerate(sample[key] for sample in many if key in sample):
            others = (sample[key] for sample in many[number + 1 :])
            assert not any(torch.equal(one, other) for other in others), key


def test_lengths_are_no_multiple_of_a_block():
    script = Loaded("tiny-bert").script
    for full in (16, 67, 131, 512, 4096):
        lengths = [script.Sample(torch, number, False).length(full) for number in range(8)]
        assert lengths[0] == full and len(set(lengths[:5])) == 5
        assert all(0 < length < full and (full - length) % 8 for length in lengths[1:])
        assert {script.Sample(torch, n, True).length(full) for n in range(8)} == {full}


DECODERS = [name for name, tiny in MODELS.items() if "max_new_tokens" in parameters_of(tiny.family)]


class HostDevice:
    """The part of a device that measured runs call."""

    def synchronise(self):
        pass


def measured(loaded):
    """Logits of a run of generate(), and those of one pass over its tokens."""
    with torch.inference_mode():
        known = torch, loaded.model, loaded.inputs
        _, computed = loaded.measured_run(*known, HostDevice())
        return loaded.measured_outputs(*known, computed)


@pytest.mark.parametrize("name", DECODERS)
def test_a_measured_run_agrees_with_one_pass(name):
    loaded = Loaded(name, batch=4)
    actual, expected = measured(loaded)
    assert actual.shape[:2] == (3, SHORT["max_new_tokens"])  # no more samples than the reference
    assert error(actual.float(), expected.float()) < 1e-5


@pytest.mark.parametrize("name", DECODERS)
def test_a_token_without_the_best_score_is_an_error(name, monkeypatch):
    loaded = Loaded(name, batch=2)
    usual = torch.argmax

    def second_best(scores, *arguments, **options):
        if scores.dim() != 2 or scores.dtype != torch.float32:
            return usual(scores, *arguments, **options)
        return scores.topk(2, dim=-1).indices[:, 1]

    monkeypatch.setattr(torch, "argmax", second_best)
    with pytest.raises(ValueError, match="does not have the best score"):
        measured(loaded)


@pytest.mark.parametrize("name", DECODERS)
def test_special_tokens_are_neither_drawn_nor_generated(name):
    loaded = Loaded(name, batch=3, max_new_tokens=8)
    with torch.inference_mode():
        _, (tokens, _) = loaded.measured_run(torch, loaded.model, loaded.inputs, HostDevice())
    special = torch.tensor(sorted(loaded.special_tokens(loaded.model)))
    assert len(special) > 0 and not torch.isin(tokens[:, -7:], special).any()


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("lost", [0, -2])
def test_an_entry_that_the_cache_loses_shows(name, lost, monkeypatch):
    """Cached decoding is compared with one pass, so an error of the cache alone shows."""
    if name == "tiny-mamba":
        pytest.skip("its state has no entries")
    from transformers.cache_utils import DynamicLayer

    loaded = Loaded(name, batch=2)
    expected = loaded.outputs("reference_output", loaded.inputs)
    usual = DynamicLayer.update

    def update(self, keys, values, *arguments, **options):
        keys, values = usual(self, keys, values, *arguments, **options)
        if keys.shape[-2] > 2:
            values = values.clone()
            values[..., lost, :] = 0
        return keys, values

    monkeypatch.setattr(DynamicLayer, "update", update)
    assert error(loaded.outputs("forward", loaded.inputs), expected) > 1e-3


def test_a_model_that_ignores_the_mask_gets_equal_lengths():
    config = {
        **{"model_type": "fnet", "architectures": ["FNetModel"], "vocab_size": 1024},
        **{"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128},
    }
    loaded = Loaded("tiny-bert", config=config, batch=3)
    assert {sample["input_ids"].shape for sample in loaded.samples(3)} == {(1, 67)}
    assert loaded.not_covered(loaded.model) == [
        "padding: the library computes other values for padded samples"
    ]
    known = Loaded("tiny-bert", batch=3)
    assert known.not_covered(known.model) == []
    assert len({sample["input_ids"].shape for sample in known.samples(3)}) == 3


def test_a_model_with_a_wrong_cache_computes_one_pass():
    """transformers decodes a batch of RWKV with another result than one sample after the other."""
    config = {
        **{"model_type": "rwkv", "architectures": ["RwkvForCausalLM"], "vocab_size": 1024},
        **{"hidden_size": 64, "attention_hidden_size": 64, "num_hidden_layers": 2},
        **{"intermediate_size": 128, "context_length": 512, "bos_token_id": 0, "eos_token_id": 0},
    }
    loaded = Loaded("tiny-mamba", config=config, batch=2)
    if loaded.is_exact(loaded.model, "cache"):
        pytest.skip("this version of transformers decodes batches of RWKV correctly")
    assert "the cache: the library computes other values with it" in loaded.not_covered(loaded.model)
    outputs = [loaded.outputs(way, loaded.inputs) for way in ("forward", "reference_output")]
    assert torch.equal(*outputs) and measured(loaded) is None


def test_scaling_an_output_shows_beside_another_one():
    script = Loaded("tiny-t5").script
    one, other = torch.randn(2, 5, 80), 1e-3 * torch.randn(2, 7, 30)
    usual = script.side_by_side(torch, one, other)
    assert usual.shape == (2, 2 + 2 * 5 + 7, 64)  # sizes, and rows of 80 in two parts
    for factor in (1.05, 100.0):
        rows = (script.side_by_side(torch, one, factor * other) - usual).square().mean(2).sqrt()
        assert float(rows.max()) > 0.04
