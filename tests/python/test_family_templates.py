"""Tests of the families' templates: each runs with real packages on a tiny model.

What all templates have in common is tested beside this file, in test_templates.py.
"""

import ast

import pytest
from test_templates import (
    HOSTILE,
    QUICK,
    TEMPLATES,
    TINY,
    comments,
    configuration,
    constants,
    front_matter,
    of_kind,
    render,
)
from test_templates import frameworks as frameworks  # fixtures
from test_templates import run as run
from test_templates import warm as warm

# Model of each family, and parameters that make its runs short.
FAMILIES = {
    "embedding": ("dtf/tiny-minilm", {}),
    "decoder_moe": ("dtf/tiny-mixtral", {}),
    "decoder_ssm": ("dtf/tiny-mamba", {}),
    "encoder_decoder": ("dtf/tiny-t5", {}),
    "asr_seq2seq": ("dtf/tiny-whisper", {}),
    "audio_encoder": ("dtf/tiny-wav2vec2", {"audio_seconds": 0.5}),
    "vision_text_dual": ("dtf/tiny-clip", {}),
    "object_detection": ("dtf/tiny-yolos", {}),
    "segmentation": ("dtf/tiny-segformer", {}),
    "depth_keypoint": ("dtf/tiny-depth-anything", {}),
    "video": ("dtf/tiny-videomae", {}),
    "vlm": ("dtf/tiny-llava", {}),
    "audio_generation": ("dtf/tiny-encodec", {"audio_seconds": 0.25}),
    "document": ("dtf/tiny-layoutlm", {}),
    "time_series": ("dtf/tiny-patchtst", {}),
    "diffusion": ("dtf/tiny-stable-diffusion", {}),
}
# Metrics beside the latency, which all families report.
GENERATED = {
    "time_to_first_token_seconds",
    "time_per_token_seconds",
    "throughput_tokens_per_second",
}
METRICS = {
    "decoder_moe": GENERATED,
    "decoder_ssm": GENERATED,
    "encoder_decoder": GENERATED,
    "asr_seq2seq": {*GENERATED, "audio_seconds_per_second"},
    "audio_encoder": {"audio_seconds_per_second"},
    "audio_generation": {"audio_seconds_per_second", "throughput_samples_per_second"},
    "vlm": GENERATED,
}
SHORT = {"sequence_length": 24, "max_new_tokens": 3}

# The helpers read the model of a family from this mapping.
TINY.update({family: model for family, (model, _) in FAMILIES.items()})
families = pytest.mark.parametrize("family", sorted(FAMILIES))


def parameters_of(family, **more):
    if family == "diffusion":
        pytest.importorskip("diffusers")
    known = front_matter(family)["parameters"]
    short = {name: value for name, value in SHORT.items() if name in known}
    return {**QUICK, **short, **FAMILIES[family][1], **more}


def test_every_family_has_a_template():
    import yaml

    data = yaml.safe_load((TEMPLATES / "families.yaml").read_text(encoding="utf-8"))
    made = {path.parent.name for path in TEMPLATES.glob("*/test.py.j2")}
    assert made == set(data["families"])
    assert made == set(TINY)
    for family in FAMILIES:
        tasks = front_matter(family)["tasks"]
        assert set(tasks) <= set(data["families"][family]["tasks"])


@families
def test_front_matter_is_complete(family):
    front = front_matter(family)
    keys = {"family", "version", "tasks", "backends", "parameters", "requirements", "runtimes"}
    keys.add("quality")
    assert set(front) == keys
    assert front["family"] == family
    common = {"batch", "dtype", "seed", "weights", "warm_up", "iterations", "min_seconds"}
    assert common < set(front["parameters"])


@families
def test_hostile_values_stay_literals(family):
    plain = comments(render(family))
    for text in HOSTILE:
        config = {**configuration(TINY[family]), text: [text, None, True, 1e-12, {text: text}]}
        source = render(family, model=text, test_name=text, config=config, revision=text)
        values = constants(source)
        assert (values["MODEL"], values["TEST_NAME"], values["REVISION"]) == (text, text, text)
        assert values["CONFIG"] == config
        assert comments(source) == plain


@families
@pytest.mark.parametrize(("dtype", "batch"), [("fp32", 3), ("bf16", 3), ("bf16", 1)])
def test_tiny_models_pass(run, family, dtype, batch):
    source = render(family, parameters=parameters_of(family, dtype=dtype, batch=batch))
    code, events, output = run(source, DTF_THREADS="1")
    result = events[-1]
    assert (code, result["outcome"], result["weights"]) == (0, "passed", "random"), output
    assert result["parameters"] > 10_000
    checks = {event["name"]: event["passed"] for event in of_kind(events, "check")}
    assert {"finite", "repeatable", "reference"} <= set(checks) and all(checks.values())
    assert ("order" in checks) == (batch > 1)
    metrics = {event["name"]: event["values"] for event in of_kind(events, "metric")}
    assert len(metrics["latency_seconds"]) == QUICK["iterations"]
    expected = METRICS.get(family, {"throughput_samples_per_second"})
    assert expected <= set(metrics)
    assert all(value > 0 for name in expected for value in metrics[name])


@families
def test_tiny_models_load(run, family):
    source = render(family, parameters=parameters_of(family, role="load", dtype="bf16", batch=1))
    code, events, output = run(source, DTF_THREADS="1")
    assert (code, events[-1]["role"]) == (0, "load"), output


# Draws the inputs of several batch sizes and compares the samples that they share.
INDEPENDENT = """
def main(arguments):
    import torch
    import transformers

    config = build_config(transformers)
    model, _ = load_model(torch, auto_class(transformers), config, {})
    PARAMETERS["batch"] = 1
    alone = make_inputs(torch, model)
    for batch in (2, 5):
        PARAMETERS["batch"] = batch
        inputs = make_inputs(torch, model)
        assert list(inputs) == list(alone)
        for name, value in inputs.items():
            assert len(value) == batch, name
            assert torch.equal(value[:1], alone[name]), name
    differ = [name for name, value in inputs.items() if not torch.equal(value[0], value[1])]
    assert differ, "all samples are equal"
    Report().result("passed", "independent")
    return 0
"""


@families
def test_samples_do_not_depend_on_the_batch(run, family):
    source = render(family, parameters=parameters_of(family))
    start = '\nif __name__ == "__main__":'
    assert source.count(start) == 1
    code, _, output = run(source.replace(start, f"{INDEPENDENT}\n{start}"))
    assert code == 0, output


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_part_replaces_a_name_of_another(family):
    """All parts of a script share their names, so an equal one would silently replace the other."""
    names = []
    for node in ast.parse(render(family)).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names.extend(target.id for target in node.targets if isinstance(target, ast.Name))
    # A pipeline builds its configuration in its own way.
    replaced = {name for name in names if names.count(name) > 1} - {"build_config"}
    assert not replaced
