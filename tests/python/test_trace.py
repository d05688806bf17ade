"""Tests that a failed test reports where its difference begins: a fault in one module, in models of
several families, is found at the border of that module."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from mutation.faults import FAULTS, Fault  # noqa: E402
from mutation.scripts import Script  # noqa: E402

SEED = 1


@pytest.fixture(scope="module")
def script_of(tmp_path_factory):
    """The script of a model; its reference is written once."""
    scripts = {}

    def of(model):
        if model not in scripts:
            torch.set_num_threads(1)
            scripts[model] = Script(model, tmp_path_factory.mktemp(model))
        return scripts[model]

    return of


def fault(name, apply):
    return Fault(name, "plain", apply)


def last(site, kind):
    """The last module of a kind, whose name is what the result must report."""
    module = site.require(site.modules(kind))[-1]
    site.detail = site.names[id(module)]
    return module


def epsilon(kind, name="eps"):
    """The epsilon of a norm is far too large."""

    def apply(site):
        norm = last(site, kind)
        setattr(norm, name, getattr(norm, name) + 1.0)
        site.touch()

    return apply


def weight(name):
    """Some of the weights of one layer have the wrong sign."""

    def apply(site):
        site.detail = name
        values = site.model.get_submodule(name).weight
        values[: max(1, len(values) // 2)] *= -1
        site.touch()

    return apply


def mirrored_padding(site):
    """A convolution pads with its own values instead of zeros."""
    found = [layer for layer in site.modules(torch.nn.Conv2d) if max(layer.padding) > 0]
    layer = site.require(found)[0]
    site.detail = site.names[id(layer)]
    layer.padding_mode = "replicate"
    site.touch()


CASES = {
    "rms norm, llama": ("tiny-llama", epsilon("LlamaRMSNorm", "variance_epsilon")),
    "rms norm, mixtral": ("tiny-mixtral", epsilon("MixtralRMSNorm", "variance_epsilon")),
    "layer norm, bert": ("tiny-bert", epsilon(torch.nn.LayerNorm)),
    "layer norm, vit": ("tiny-vit", epsilon(torch.nn.LayerNorm)),
    "group norm, diffusion": ("tiny-stable-diffusion", epsilon(torch.nn.GroupNorm)),
    "linear, bert": ("tiny-bert", weight("encoder.layer.1.intermediate.dense")),
    "linear, whisper": ("tiny-whisper", weight("model.decoder.layers.1.encoder_attn.v_proj")),
    "linear, t5": ("tiny-t5", weight("decoder.block.1.layer.1.EncDecAttention.v")),
    "convolution, segformer": ("tiny-segformer", mirrored_padding),
    "convolution, depth": ("tiny-depth-anything", mirrored_padding),
}


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("name", CASES)
def test_the_module_of_a_fault_is_named(script_of, name, dtype):
    model, apply = CASES[name]
    run = script_of(model).run(SEED, dtype=dtype, fault=fault(name, apply))
    found = run.result["first_differs"]
    assert (run.outcome, found["module"]) == ("failed", run.detail), (run.result, run.detail)
    assert f"first differs at {run.detail} ({found['kind']})" in run.result["message"]
    assert found["values"]["rms"] > found["values"]["own_rms"]


def test_a_fault_between_modules_is_found_in_the_module_around_it(script_of):
    """The rotation is a function of the attention, not a module."""
    run = script_of("tiny-llama").run(SEED, fault=FAULTS["rotary-left-out"])
    assert run.result["first_differs"]["module"] in (
        "model.rotary_emb",
        "model.layers.0.self_attn",
    ), run.result


def test_a_fault_of_a_batch_names_the_sample(script_of):
    def apply(site):
        def shifted(output):
            output = output.clone()
            output[1:] += output[1:].roll(1, -1)
            return output

        site.after(last(site, torch.nn.LayerNorm), shifted)

    run = script_of("tiny-vit").run(SEED, fault=fault("rows of a batch", apply))
    assert run.result["first_differs"]["module"] == run.detail, run.result
    assert " in sample 2 of the batch" in run.result["message"], run.result


def test_two_runs_that_differ_are_compared_with_each_other(script_of):
    noise = torch.Generator().manual_seed(1)

    def apply(site):
        def noisy(output):
            return output + 1e-2 * torch.randn(output.shape, generator=noise)

        site.after(last(site, torch.nn.LayerNorm), noisy)

    run = script_of("tiny-vit").run(SEED, fault=fault("noise", apply))
    assert run.result["class"] == "nondeterministic", run.result
    assert run.result["first_differs"]["module"] == run.detail
    assert " between two runs" in run.result["message"]


def test_nothing_is_found_where_the_modules_agree(script_of):
    """The fault is in what the script does with the output of the model."""
    script = script_of("tiny-vit")
    test = script.roles["test"]
    usual = test.forward
    test.forward = lambda *arguments: usual(*arguments).flip(-1)
    try:
        run = script.run(SEED)
    finally:
        test.forward = usual
    # The reference was given, so only the device has the other function.
    assert run.outcome == "failed", run.result
    assert "first_differs" not in run.result
    assert "no module differs at its borders" in run.result["message"]


def test_all_hooks_are_removed(script_of):
    script = script_of("tiny-vit")
    test, counts = script.roles["test"], []
    usual = test.where_it_begins

    def counted(torch, subject, *others, **options):
        try:
            return usual(torch, subject, *others, **options)
        finally:
            modules = subject.model.modules()
            counts.append(sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules))

    test.where_it_begins = counted
    try:
        script.run(SEED, fault=fault("eps", epsilon(torch.nn.LayerNorm)))
    finally:
        test.where_it_begins = usual
    assert counts == [0]


# The parts of a trace


class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)

    def forward(self, values, extra=None):
        for _ in range(3):
            values = self.inner(values)
        return {"first": values, "second": (values.half(), "text")}


def traced(script, model, *arguments, part=None, **named):
    with script.traced(torch, model, part) as recorder:
        model(*arguments, **named)
    return recorder.trace()


@pytest.fixture(scope="module")
def parts(script_of):
    return script_of("tiny-vit").roles["test"]


def test_first_and_last_calls_are_recorded_in_order(parts):
    trace = traced(parts, Two(), torch.ones(1, 4), extra=(torch.ones(2), None))
    found = [(record["name"], record["number"]) for record in trace["records"]]
    assert found == [("inner", 1), ("inner", 3), ("(the model)", 1)]
    outer = trace["records"][-1]
    assert [*outer["inputs"]] == ["0", "extra.0"]
    assert [*outer["outputs"]] == ["first", "second.0"]


def test_a_trace_is_read_as_it_was_written(parts):
    trace = traced(parts, Two(), torch.randn(70, 4))
    tensor, text = parts.pack_trace(torch, trace)
    again = parts.unpack_trace(tensor, text)
    for one, other in zip(trace["records"], again["records"]):
        for side in ("inputs", "outputs"):
            assert [*one[side]] == [*other[side]]
            for key, kept in one[side].items():
                assert kept["shape"] == other[side][key]["shape"]
                assert torch.equal(kept["values"], other[side][key]["values"])


def test_the_deepest_modules_are_left_out_first(parts, monkeypatch):
    monkeypatch.setattr(parts, "TRACE_MODULES", 1)
    trace = traced(parts, Two(), torch.ones(1, 4))
    assert ([r["name"] for r in trace["records"]], trace["left_out"]) == (["(the model)"], 1)


def test_recording_ends_at_the_time_limit(parts, monkeypatch):
    monkeypatch.setattr(parts, "TRACE_SECONDS", -1)
    trace = traced(parts, Two(), torch.ones(1, 4))
    assert (trace["records"], trace["stopped"]) == ([], True)


def test_the_last_call_of_a_stopped_trace_is_not_compared_with_a_later_one(parts):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    traces = []
    for recorded in (3, 2):  # of three calls
        with parts.traced(torch, model) as recorder:
            for call in range(3):
                recorder.stopped = call >= recorded
                model(torch.randn(2, 4, generator=torch.Generator().manual_seed(call)))
        traces.append(recorder.trace())
    complete, stopped = traces
    own = parts.own_errors({"expected": complete, "own": complete})
    borders = parts.borders(stopped, complete, dict.fromkeys(own, 0.0))
    assert [border["call"] for border in borders] == [1, 1]
    assert parts.largest_excess(borders, "fp32") == 0
    assert all(call[1] == "first" for call, *_ in parts.own_errors({"expected": complete, "own": stopped}))


@pytest.mark.parametrize("before", [True, False])
def test_padding_of_a_batch_is_left_out(parts, before):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    sample = torch.randn(1, 5, 4)
    alone = traced(parts, model, sample)
    batch = torch.randn(3, 8, 4)
    batch[1, slice(3, 8) if before else slice(0, 5)] = sample[0]
    together = traced(parts, model, batch, part=(1, 3, alone))
    own = dict.fromkeys(parts.own_errors({"expected": alone, "own": alone}), 0.0)
    borders = parts.borders(together, alone, own)
    assert [border["module"] for border in borders] == ["0", "(the model)"]
    assert parts.first_module(borders) is None
    assert all(border["outputs"][0] < 1e-6 for border in borders)


def test_values_are_spread_over_all_channels(parts):
    positions = parts.spread_positions(torch, 128 * 64)
    assert len(positions) == 256 and len(positions.unique()) == 256
    assert len((positions % 64).unique()) == 64


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 8, 12])
def test_two_errors_of_few_values_differ_by_chance(parts, count):
    """Of two errors with the same rounding, the second rarely exceeds the bound by the first. A run
    compares some of these tensors, and one run in 1,000 may fail."""
    generator = torch.Generator().manual_seed(count)
    own, other = torch.randn(2, 200_000, count, generator=generator).square().sum(-1).sqrt()
    bound = own * parts.variation(count) * parts.TRACE_FACTORS["bf16"]
    assert float((other > bound).double().mean()) < 1e-4


def test_few_large_values_are_few_values(parts):
    generator = torch.Generator().manual_seed(SEED)
    normal = torch.randn(256, generator=generator)
    assert 190 < parts.effective_count(normal) <= 256
    peaked = torch.softmax(8 * normal, 0)
    assert parts.effective_count(peaked) < 12
    one = torch.zeros(256)
    assert parts.effective_count(one) == 256, "nothing is known of zeros"
    one[3] = 1
    assert parts.effective_count(one) == 3
    one[4] = torch.inf
    assert parts.effective_count(one) == 3


@pytest.mark.parametrize(
    ("kind", "dtype", "found"),
    [("Experts", "bf16", None), ("Experts", "fp32", "0"), ("Linear", "bf16", "0")],
)
def test_a_token_of_another_expert_is_left_out(parts, monkeypatch, kind, dtype, found):
    """In half precision, and only in models with experts."""
    monkeypatch.setitem(parts.PARAMETERS, "dtype", dtype)
    layer = type(kind, (torch.nn.Linear,), {})(4, 4)
    model = torch.nn.Sequential(layer)
    values = torch.randn(1, 131, 4)
    expected = traced(parts, model, values)
    own = dict.fromkeys(parts.own_errors({"expected": expected, "own": expected}), 0.0)
    signs = torch.ones(131, 1)
    signs[7] = -1
    hook = layer.register_forward_hook(lambda module, inputs, output: output * signs)
    actual = traced(parts, model, values)
    hook.remove()
    first = parts.first_module(parts.borders(actual, expected, own))
    assert (first and first["module"]) == found
