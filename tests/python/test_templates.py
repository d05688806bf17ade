"""Tests of the test templates: the rendered scripts, and their runs.

Rendering needs the Python package minijinja (the same engine that the binary uses) and
PyYAML; running needs torch and transformers. What is absent is skipped.
"""

import ast
import contextlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tokenize
import types

import pytest
from test_warm_runner import Warm

minijinja = pytest.importorskip("minijinja")
yaml = pytest.importorskip("yaml")

TEMPLATES = pathlib.Path(__file__).parents[2] / "templates"
CATALOGUE = TEMPLATES / "catalogue"
TINY = {
    "text_encoder": "dtf/tiny-bert",
    "decoder_llm": "dtf/tiny-llama",
    "vision_classifier": "dtf/tiny-vit",
}
HOSTILE = [
    'it\'s "quoted" \'\'\'"""',
    "line\nbreak\r\nimport os; os._exit(99)",
    "# ///\n# dependencies = ['evil']\n# ///",
    "{{7*7}} {% raise %} {# gone #}",
    "$(touch /tmp/x) `id` %s {0} \\",
    "ümläut 模型 \u2028 \x00 \x1b[31m \U0001f600",
]
# Packages that the scripts import and that may be imported before a fork.
PRELOAD = [
    "torch",
    "transformers",
    "transformers.modeling_utils",
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
]
# Parameters that every family has; the common part of the script reads them.
COMMON = (
    *("role", "batch", "dtype", "seed", "attention", "runtime", "openvino_device", "weights"),
    *("allow_pickle", "trust_remote_code"),
    *("warm_up", "iterations", "min_seconds"),
)
QUICK = {"warm_up": 1, "iterations": 2, "min_seconds": 0}


def split(name):
    """Front matter and body of a template."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    if not text.startswith("---\n"):
        return {}, text
    front, body = text[4:].split("\n---\n", 1)
    return yaml.safe_load(front), body


def index():
    return yaml.safe_load((CATALOGUE / "index.yaml").read_text(encoding="utf-8"))["models"]


def configuration(name):
    return json.loads((CATALOGUE / index()[name]["file"]).read_text(encoding="utf-8"))


def front_matter(family):
    """The front matter of a template, with what it inherits from the part that it extends."""
    front, _ = split(f"{family}/test.py.j2")
    inherited, _ = split("_shared/base.py.j2")
    both = {name: {**inherited[name], **front.get(name, {})} for name in inherited}
    return {**front, **both}


def hooks(name):
    """What a script contains of a back-end of the table, as dtf writes it."""
    entry = yaml.safe_load((TEMPLATES / "backends.yaml").read_text(encoding="utf-8"))
    entry = entry["backends"].get(name, {})
    found = {key: entry[key] for key in ("runtime",) if key in entry}
    found |= {key: value for key, value in entry.get("python", {}).items() if value != "none"}
    if "onnxruntime" in entry:
        providers = entry["onnxruntime"]["providers"]
        found["providers"] = [[each["name"], each.get("options", {})] for each in providers]
    pin = entry.get("pin", {})
    if variables := [*pin.get("set", {}), *pin.get("windows", {})]:
        found["variables"] = variables
    return found


def source_of_weights(requested, model, directory):
    """The source that dtf chooses without a network."""
    if requested.startswith("random") or (model.startswith(".") and not directory):
        return {"source": "random"}
    if directory:
        return {"source": "folder", "path": str(directory)}
    or_random = requested == "auto"
    return {"source": "cache", "model": model, "revision": None, "or_random": or_random}


def render(family, model=None, parameters=None, **changes):
    front = front_matter(family)
    environment = minijinja.Environment(
        loader=lambda name: split(name)[1] if (TEMPLATES / name).is_file() else None,
        filters={"pyrepr": ascii},
        undefined_behavior="strict",
    )
    config = configuration(TINY[family])
    model = model or TINY[family]
    given = parameters
    parameters = {**front["parameters"], **(parameters or {})}
    directory = changes.pop("weights_directory", None)
    backend = changes.get("backend", "cpu")
    if backend == "openvino" and "runtime" not in (given or {}):
        parameters["runtime"] = "openvino"
    context = {
        "test_name": "a test",
        "model": model,
        "family": family,
        "model_type": config["model_type"],
        "backend": backend,
        "backends": {name: hooks(name) for name in ("cpu", backend)},
        "config": config,
        "parameters": parameters,
        "revision": None,
        "weights": source_of_weights(parameters["weights"], model, directory),
        "weights_reason": None,
        "graph": None,
        "requirements": front["requirements"],
        "quality": {name: {"better": better} for name, better in front["quality"].items()},
        "template_version": front["version"],
        "template_digest": "0" * 64,
        "dtf_version": "0.0.0",
        **changes,
    }
    # The engine drops the last line break of a template, as the binary does before adding it.
    return environment.render_template(f"{family}/test.py.j2", **context) + "\n"


def constants(source):
    """The values that the script assigns by literals at its top level."""
    values = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, AttributeError):
                continue
    return values


families = pytest.mark.parametrize("family", sorted(TINY))


@families
def test_front_matter_is_complete(family):
    front = front_matter(family)
    keys = {"family", "version", "tasks", "backends", "parameters", "requirements", "runtimes"}
    assert set(front) == keys | {"quality"}
    assert set(front["quality"].values()) <= {"lower", "higher"}
    assert set(front["runtimes"]) == {"onnxruntime", "openvino"}
    assert front["family"] == family
    for name in COMMON:
        assert name in front["parameters"]


@families
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_stay_literals(family, text):
    config = {**configuration(TINY[family]), text: [text, None, True, 1e-12, {text: text}]}
    source = render(family, model=text, test_name=text, config=config, revision=text)
    compile(source, "test.py", "exec")
    values = constants(source)
    assert (values["MODEL"], values["TEST_NAME"], values["REVISION"]) == (text, text, text)
    assert values["CONFIG"] == config
    # No comment and no other code may have been added: only the literals differ.
    assert comments(source) == comments(render(family))


def comments(source):
    lines = iter(source.splitlines(keepends=True))
    tokens = tokenize.generate_tokens(lambda: next(lines, ""))
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


@families
def test_the_header_names_the_requirements(family):
    tomllib = pytest.importorskip("tomllib")
    lines = render(family).splitlines()
    assert lines[0] == "# /// script"
    header = lines[1 : lines.index("# ///")]
    read = tomllib.loads("\n".join(line.removeprefix("# ") for line in header))
    assert read["dependencies"] == front_matter(family)["requirements"]


@families
def test_an_undefined_value_is_an_error(family):
    with pytest.raises(minijinja.TemplateError):
        minijinja.Environment(
            loader=lambda name: split(name)[1], undefined_behavior="strict"
        ).render_template(f"{family}/test.py.j2", model="x")


def test_families_are_consistent():
    data = yaml.safe_load((TEMPLATES / "families.yaml").read_text(encoding="utf-8"))
    tables = ["model_types", "architectures", "names", "unsupported"]
    assert list(data) == ["schema", "families", *tables]
    known = data["families"]
    for name, entry in data["model_types"].items():
        assert isinstance(name, str)
        assert entry["task"] in known[entry["family"]]["tasks"], name
    for entry in data["architectures"]:
        assert entry["task"] in known[entry["family"]]["tasks"], entry
    assert all(entry["family"] in known for entry in data["names"])
    for family in TINY:
        assert set(front_matter(family)["tasks"]) <= set(known[family]["tasks"])


def test_the_catalogue_is_complete():
    models = index()
    files = {entry["file"] for entry in models.values()}
    assert files == {path.name for path in CATALOGUE.glob("*.json")}
    names = [name for key, entry in models.items() for name in (key, *entry["aliases"])]
    assert len(names) == len(set(names))
    types = yaml.safe_load((TEMPLATES / "families.yaml").read_text())["model_types"]
    for name in models:
        assert configuration(name)["model_type"] in types


# Running them


@pytest.fixture(scope="module")
def frameworks():
    pytest.importorskip("torch")
    return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def warm(frameworks):
    """A warm runner, which saves the seconds of importing in each of the many runs."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the warm runner is for Linux")
    warm = Warm(*PRELOAD)
    assert "ready" in warm.first, warm.first
    yield warm
    assert warm.close() == 0


@pytest.fixture
def run(warm, tmp_path):
    """Runs a script, after code that may break torch: exit code, its events, its output."""

    def run(source, before="", **env):
        script = tmp_path / "test_it.py"
        script.write_text(source, encoding="utf-8")
        (tmp_path / "results.jsonl").unlink(missing_ok=True)
        if before:
            start = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')\n"
            script = tmp_path / "start.py"
            script.write_text(f"{before}\n{start}", encoding="utf-8")
        exited, output, errors = warm.run(str(script), env=environment(tmp_path, env))
        return exited["code"], events_of(tmp_path), output + errors

    return run


def environment(tmp_path, more=None):
    own = {"DTF_RESULT": str(tmp_path / "results.jsonl"), "HF_HOME": str(tmp_path / "hub")}
    own["DTF_THREADS"] = "1"  # threads that wait for each other cost more than tiny models
    return {**os.environ, **own, **(more or {})}


def events_of(tmp_path):
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-1]["event"] == "result"
    return events


def of_kind(events, kind):
    return [event for event in events if event["event"] == kind]


@families
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_tiny_models_pass(run, family, dtype):
    code, events, output = run(render(family, parameters={**QUICK, "dtype": dtype}))
    result = events[-1]
    assert (code, result["outcome"], result["weights"]) == (0, "passed", "random"), output
    assert result["parameters"] > 10_000
    phases = [(event["name"], event["status"]) for event in of_kind(events, "phase")]
    names = ["load", "reference", "place", "first_run", "warm_up", "memory", "measure", "check"]
    assert phases == [(name, status) for name in names for status in ("begin", "end")]
    metrics = {event["name"]: event["values"] for event in of_kind(events, "metric")}
    assert {"load_seconds", "first_run_seconds", "latency_seconds"} < set(metrics)
    assert len(metrics["latency_seconds"]) == 2
    assert all(event["passed"] for event in of_kind(events, "check"))
    assert all(event["v"] == 1 and event["t"] >= 0 for event in events)
    assert "p90" in output and "passed: 8 checks passed" in output


REFERENCE = {"role": "reference", "batch": 1}


@families
def test_a_reference_serves_other_batches_and_precisions(run, family, tmp_path):
    made = tmp_path / "reference.safetensors"
    code, events, output = run(render(family, parameters=REFERENCE), DTF_ARTIFACTS=str(tmp_path))
    assert (code, events[-1]["role"]) == (0, "reference"), output
    # Each phase begins and ends.
    phases = [event["name"] for event in of_kind(events, "phase")]
    assert phases == ["load"] * 2 + ["reference"] * 2 + ["check"] * 2
    assert of_kind(events, "metric") and made.is_file()
    for dtype, batch in [("fp32", 1), ("bf16", 3)]:
        parameters = {**QUICK, "dtype": dtype, "batch": batch}
        code, events, output = run(render(family, parameters=parameters), DTF_REFERENCE=str(made))
        assert (code, events[-1]["reference"]) == (0, "given"), output
        checks = [event["name"] for event in of_kind(events, "check")]
        several = ("batch", "other", "order")[: 3 if batch > 1 else 2]
        assert checks == ["finite", "repeatable", "reference", *several, "measured", "modules"]


TINY_RESNET = {
    "model_type": "resnet",
    "depths": [2, 2, 2, 2],
    "embedding_size": 16,
    "hidden_sizes": [32, 64, 128, 256],
    "layer_type": "bottleneck",
    "num_labels": 10,
}


def test_statistics_do_not_depend_on_the_batch(run, tmp_path):
    """The weights' fingerprint includes those of batch normalisation."""
    model = {"config": TINY_RESNET, "model_type": "resnet"}
    source = render("vision_classifier", parameters={**REFERENCE, "image_size": 32}, **model)
    code, _, output = run(source, DTF_ARTIFACTS=str(tmp_path))
    assert code == 0, output
    for dtype, batch in [("fp32", 3), ("bf16", 1), ("fp16", 2)]:
        parameters = {**QUICK, "image_size": 32, "dtype": dtype, "batch": batch}
        source = render("vision_classifier", parameters=parameters, **model)
        made = str(tmp_path / "reference.safetensors")
        code, _, output = run(source, DTF_REFERENCE=made)
        assert code == 0, output


def test_rotary_frequencies_keep_their_precision(frameworks):
    import torch

    script = types.ModuleType("script")
    exec(render("decoder_llm", parameters={"weights": "random"}), script.__dict__)
    model, *_ = script.prepare(torch, frameworks, {})
    model = script.in_precision(torch, model, "bf16")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    kept = {name: value.dtype for name, value in model.named_buffers() if "inv_freq" in name}
    assert kept and set(kept.values()) == {torch.float32}


@pytest.mark.parametrize(
    ("parameters", "other"),
    [({"seed": 1}, "inputs"), ({"sequence_length": 64}, "inputs")],
)
def test_a_reference_of_something_else_is_refused(run, tmp_path, parameters, other):
    code, _, output = run(render("text_encoder", parameters=REFERENCE), DTF_ARTIFACTS=str(tmp_path))
    assert code == 0, output
    source = render("text_encoder", parameters={**QUICK, **parameters})
    made = str(tmp_path / "reference.safetensors")
    code, events, _ = run(source, DTF_REFERENCE=made)
    assert (code, events[-1]["class"]) == (2, "set_up")
    message = events[-1]["message"]
    assert f"computed from other {other}" in message and " in the reference, " in message
    code, events, _ = run(source, DTF_REFERENCE=made + ".gone")
    assert (code, events[-1]["class"]) == (2, "set_up")


@pytest.mark.parametrize("changes", [{"batch": 2}, {"dtype": "bf16"}])
def test_a_reference_is_made_in_one_way_only(run, changes):
    code, events, _ = run(render("text_encoder", parameters={**REFERENCE, **changes}))
    assert (code, events[-1]["outcome"], events[-1].get("class")) == (2, "error", None)


@families
def test_a_load_runs_the_model_once(run, family):
    parameters = {**QUICK, "role": "load", "dtype": "bf16", "batch": 1}
    code, events, output = run(render(family, parameters=parameters))
    assert (code, events[-1]["role"], events[-1]["dtype"]) == (0, "load", "bf16"), output
    assert [event["name"] for event in of_kind(events, "phase")] == [
        name for name in PHASES["load"] for _ in range(2)
    ], output
    names = {event["name"] for event in of_kind(events, "metric")}
    assert {"load_seconds", "first_run_seconds"} <= names


PHASES = {
    "test": ["load", "reference", "place", "first_run", "warm_up", "memory", "measure", "check"],
    "reference": ["load", "reference", "check"],
    "load": ["load", "first_run"],
}


@pytest.mark.parametrize("role", sorted(PHASES))
@families
def test_a_dry_run_needs_no_package(family, role, tmp_path):
    script = tmp_path / "test_it.py"
    script.write_text(render(family, parameters={"role": role}), encoding="utf-8")
    # -S leaves out the directory of installed packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "--dry-run"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "passed: dry run: nothing was computed" in done.stdout
    events = events_of(tmp_path)
    assert events[0]["event"] == "started" and events[-1]["dry_run"] is True
    phases = [event["name"] for event in of_kind(events, "phase") if event["status"] == "end"]
    assert phases == PHASES[role]


def test_a_script_runs_without_dtf(frameworks, tmp_path):
    script = tmp_path / "test_it.py"
    script.write_text(render("text_encoder", parameters=QUICK), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(script)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "passed: 8 checks passed" in done.stdout
    assert events_of(tmp_path)[-1]["outcome"] == "passed"


def test_weights_that_must_be_cached_and_are_not(run):
    source = render("text_encoder", parameters={**QUICK, "weights": "cached"})
    code, events, _ = run(source)
    assert (code, events[-1]["outcome"], events[-1]["class"]) == (2, "error", "set_up")


@pytest.mark.parametrize("backend", ["rocm", "xpu", "hpu", "npu", "qnn"])
def test_a_missing_back_end_is_never_replaced(run, backend):
    import torch

    if backend == "rocm" and torch.version.hip or backend == "xpu" and torch.xpu.is_available():
        pytest.skip("this machine has it")
    code, events, output = run(render("text_encoder", backend=backend))
    assert (code, events[-1]["class"]) == (77, "unsupported_backend"), output
    assert not of_kind(events, "metric")


@pytest.mark.parametrize(
    ("changes", "outcome", "failure_class"),
    [
        ({"parameters": {"sequence_length": 4096}}, "error", None),
        ({"parameters": {"dtype": "fp7"}}, "error", None),
        ({"model_type": "no_such_type"}, "error", "set_up"),
        ({"config": {"vocab_size": "many"}}, "error", "set_up"),
        ({"parameters": {"batch": 10**9}}, "error", "out_of_memory"),
    ],
)
def test_errors_are_classified(run, changes, outcome, failure_class):
    code, events, _ = run(render("text_encoder", **changes))
    assert (code, events[-1]["outcome"]) == (2, outcome)
    assert events[-1].get("class") == failure_class


# Errors while a model is moved to its device are not errors of the environment.
WHILE_LOADING = """
import torch
right = torch.nn.Module.to
def broken(module, *arguments, **options):
    if torch.device("cpu") in arguments:
        raise {error}
    return right(module, *arguments, **options)
torch.nn.Module.to = broken
"""
NO_SPACE = """
import errno, safetensors.torch
def full(*rest, **options):
    raise OSError(errno.ENOSPC, "No space left on device")
safetensors.torch.save_file = full
"""


@pytest.mark.parametrize(
    ("error", "outcome", "failure_class"),
    [
        ("RuntimeError('the driver is broken')", "failed", None),
        ("ValueError('the model is broken')", "failed", None),
        ("NotImplementedError('the model is not finished')", "failed", None),
        ("torch.OutOfMemoryError('CUDA out of memory')", "error", "out_of_memory"),
        ("RuntimeError('UR error: UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY')", "error", "out_of_memory"),
        ("RuntimeError('CUBLAS_STATUS_ALLOC_FAILED')", "error", "out_of_memory"),
        (
            "RuntimeError(\"'addmm' not implemented for 'Half'\")",
            "error",
            "unsupported_backend",
        ),
        (
            "RuntimeError('no kernel image is available for execution')",
            "error",
            "unsupported_backend",
        ),
        ("ImportError('kernels')", "error", "import_error"),
        ("FileNotFoundError('libkernel.so')", "error", "set_up"),
    ],
)
def test_errors_while_loading_have_the_right_class(run, error, outcome, failure_class):
    source = render("text_encoder", parameters={**QUICK, "weights": "random"})
    code, events, output = run(source, WHILE_LOADING.format(error=error))
    result = events[-1]
    assert (result["outcome"], result.get("class")) == (outcome, failure_class), output
    assert result["message"].startswith("place: ")
    assert code == (77 if failure_class == "unsupported_backend" else 1 + (outcome == "error"))


def test_only_the_error_decides_its_class():
    script = loaded()
    for error, expected in [
        (OSError("no space left on device"), ("error", "set_up")),
        (RuntimeError("out of memory"), ("error", "out_of_memory")),
        (ValueError("out of memory"), ("failed", None)),
        (script.SetUp("no"), ("error", "set_up")),
        # Another worker would fail as well, so the class is one that is not retried.
        (script.Refused("no"), ("error", None)),
        (KeyboardInterrupt(), ("error", None)),
    ]:
        assert script.classify(error) == expected, error


def test_a_missing_operator_is_reported_by_all_back_ends_except_the_cpu():
    for backend, expected in [("mps", ("error", "unsupported_backend")), ("cpu", ("failed", None))]:
        script = loaded(backend=backend)
        assert script.classify(NotImplementedError("aten::x")) == expected


def test_errors_of_the_hub_are_of_the_environment(frameworks):
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    script = loaded()
    for error in (LocalEntryNotFoundError("no"), OfflineModeIsEnabled("no")):
        assert script.classify(error) == ("error", "set_up")


def test_a_full_disk_is_of_the_environment(run):
    code, events, _ = run(render("text_encoder", parameters=REFERENCE), NO_SPACE)
    assert (code, events[-1]["class"]) == (2, "set_up")
    assert events[-1]["message"].startswith("check: OSError")


@pytest.mark.parametrize(
    ("package", "runtime"),
    [("torch", "torch"), ("onnxscript", "onnxruntime"), ("openvino", "openvino")],
)
def test_a_missing_package_is_an_import_error(run, package, runtime):
    before = f"import sys; sys.modules[{package!r}] = None"
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    code, events, _ = run(render("text_encoder", parameters={"runtime": runtime}), before)
    assert (code, events[-1]["class"]) == (2, "import_error")


# Run by a person


def by_hand(tmp_path, *arguments):
    """Runs a script as a person without the packages does."""
    script = tmp_path / "test_it.py"
    script.write_text(render("text_encoder"), encoding="utf-8")
    # dtf may run this test, and its variables would change the script.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("DTF_")}
    command = [sys.executable, "-I", "-S", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=alone)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_a_script_prints_its_help(tmp_path, flag):
    result = by_hand(tmp_path, "--dry-run", flag)
    assert (result.returncode, result.stderr) == (0, "")
    for words in ("a test: dtf/tiny-bert on cpu", "uv run", "--dry-run", "77 back-end not avail"):
        assert words in result.stdout
    assert "load " not in result.stdout, "nothing ran"


@pytest.mark.parametrize("argument", ["--iterations=3", "--dryrun", "3"])
def test_an_unknown_argument_is_named(tmp_path, argument):
    result = by_hand(tmp_path, "--dry-run", argument)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"unknown argument {argument!r}" in result.stderr and "--help" in result.stderr


def test_the_command_for_a_missing_package_is_printed(tmp_path):
    result = by_hand(tmp_path)
    assert (result.returncode, result.stderr) == (2, "")
    (line,) = result.stdout.strip().splitlines()
    assert line.startswith("error (import_error): the package torch is missing; uv run ")
    assert line.endswith("test_it.py installs all packages")




# Percentiles


def loaded(family="text_encoder", **changes):
    """A script as a module, without running it."""
    script = types.ModuleType("script")
    exec(render(family, **changes), script.__dict__)
    return script


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 11, 50, 99, 100, 101, 199])
def test_percentiles_are_those_of_reports(count):
    """The store's own test has the same rule, in `percentiles_are_nearest_rank`."""
    percentile = loaded().percentile
    values = [(value * 37 % count) / 8 for value in range(count)]
    for percent, least in ((50, 1), (90, 10), (99, 100)):
        enough = [v for v in values if sum(w <= v for w in values) * 100 >= percent * count]
        # With fewer values, the percentile would be the largest one.
        expected = min(enough) if count >= least else None
        assert percentile(values, percent) == expected, (count, percent)
    assert [percentile([1.0, 2.0, 4.0, 8.0], percent) for percent in (50, 90)] == [2.0, None]


def test_the_spread_is_about_the_middle_half_of_the_values():
    script = loaded()
    assert script.spread([1.0, 2.0, 3.0]) is None
    assert script.spread([0.0, 0.0, 0.0, 0.0]) is None
    assert script.spread([4.0, 1.0, 2.0, 900.0]) == 1.5
    assert script.spread([-4.0, -2.0, -2.0, -1.0]) == 1.0
    report = script.Report()
    report.print = lambda text: None
    report.metric("steady", "seconds", "lower", [1.0, 1.05, 1.1, 9.0])
    report.metric("noisy", "seconds", "lower", [1.0, 1.0, 1.2, 1.2])
    report.metric("unknown", "seconds", "lower", [1.0, 9.0])
    assert report.noisy_metrics() == ["noisy"]


WARM_UPS = {
    # Times of the runs, and after how many of them the warm-up has settled.
    "steady": ([1.0] * 30, 6, True),
    "one slow run among others": ([1.0, 1.0, 9.0, 1.0, 1.0, 9.0], 6, True),
    "first runs slow": ([9.0, 5.0, 3.0, 2.0, 1.0, 1.01, 1.0, 1.02, 1.0], 9, True),
    "never": ([1.3**-run for run in range(30)], 30, False),
    "no runs": ([], 0, None),
    "too few to know": ([1.0] * 5, 5, None),
    "slow runs": ([30.0] * 4 + [20.0] * 26, 6, False),
}


@pytest.mark.parametrize("case", WARM_UPS)
def test_the_warm_up_ends_when_its_times_have_settled(case):
    times, runs, settled = WARM_UPS[case]
    script = loaded(parameters={"warm_up": len(times)})
    script.MAX_WARM_UP_SECONDS = 60.0
    left = iter(times)
    script.timed = lambda device, action: next(left)
    found = script.warm_up_until_settled(types.SimpleNamespace(warm_up=None), None)
    assert found == {"warm_up_runs": runs, "warm_up_settled": settled}


def test_a_script_prints_the_percentiles_of_its_values(run):
    source = render("text_encoder", parameters={**QUICK, "iterations": 4})
    code, events, output = run(source)
    assert code == 0, output
    values = next(e["values"] for e in of_kind(events, "metric") if e["name"] == "latency_seconds")
    event = next(e for e in of_kind(events, "metric") if e["name"] == "latency_seconds")
    shown = next(line.split() for line in output.splitlines() if "latency_seconds" in line)
    ordered = sorted(values)
    spread = (ordered[2] - ordered[0]) / ordered[1]
    assert (event["n"], event["spread"]) == (4, round(spread, 6))
    middle = f"{ordered[1] * 1000:.3f}"
    assert shown == ["latency_seconds", "4", f"{event['spread']:.1%}", middle, "ms", "-", "-"]
    rates = next(e for e in of_kind(events, "metric") if "throughput" in e["name"])
    assert (rates["n"], rates["threads"]) == (4, event["threads"])


def test_the_result_states_the_warm_up_and_the_threads(run):
    source = render("text_encoder", parameters={**QUICK, "warm_up": 30})
    code, events, output = run(source)
    assert code == 0, output
    facts = {key: value for event in of_kind(events, "environment") for key, value in event.items()}
    assert 6 <= facts["warm_up_runs"] <= 30
    assert facts["warm_up_settled"] in (True, False)
    result = events[-1]
    names = ("warm_up_runs", "warm_up_settled")
    assert [result[name] for name in names] == [facts[name] for name in names]
    assert isinstance(result["noisy"], list)
    assert all(e["threads"] == facts["threads"] for e in of_kind(events, "metric"))


# Attention


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_is_chosen(run, attention):
    parameters = {**QUICK, "attention": attention}
    code, events, output = run(render("text_encoder", parameters=parameters))
    assert (code, events[-1]["attention"]) == (0, attention), output


EAGER_INSTEAD = """
from transformers.integrations import sdpa_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import eager_attention_forward
ALL_ATTENTION_FUNCTIONS["sdpa"] = eager_attention_forward
"""


@pytest.mark.parametrize(
    ("attention", "before", "failure_class"),
    [
        ("sdpa", EAGER_INSTEAD, "unsupported_backend"),
        ("flash_attention_2", "", "import_error"),
        ("none", "", None),
    ],
)
def test_attention_that_is_not_in_effect_is_reported(run, attention, before, failure_class):
    if importlib.util.find_spec("flash_attn"):
        pytest.skip("flash attention is installed")
    parameters = {**QUICK, "attention": attention}
    _, events, output = run(render("text_encoder", parameters=parameters), before)
    assert events[-1].get("class") == failure_class, output


# Other runtimes

EXPORTED = {
    "onnxruntime": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
}


@families
@pytest.mark.parametrize("runtime", EXPORTED)
def test_exported_graphs_agree_with_torch(run, runtime, family):
    for package in EXPORTED[runtime]:
        pytest.importorskip(package)
    code, events, output = run(render(family, parameters={**QUICK, "runtime": runtime}))
    assert (code, events[-1]["runtime"]) == (0, runtime), output
    facts = of_kind(events, "environment")[0]
    assert {"torch", "transformers"} <= facts["packages"].keys()
    assert facts["torch"].startswith(facts["packages"]["torch"])
    assert facts[runtime] and facts["device"]
    checks = [event["name"] for event in of_kind(events, "check")]
    assert checks == ["finite", "repeatable", "reference", "order", "measured"]
    # One pass is measured, which must not count as a whole generation.
    measured = {event["name"] for event in of_kind(events, "metric")}
    name = "prefill_seconds" if family == "decoder_llm" else "latency_seconds"
    assert name in measured and len(measured & {"prefill_seconds", "latency_seconds"}) == 1


@pytest.mark.parametrize(
    ("backend", "parameters", "failure_class"),
    [
        ("cuda", {"runtime": "onnxruntime"}, "unsupported_backend"),
        ("hpu", {"runtime": "onnxruntime"}, "unsupported_backend"),
        ("openvino", {"openvino_device": "FPGA"}, "unsupported_backend"),
        ("openvino", {"openvino_device": "AUTO:CPU"}, None),
        ("openvino", {"openvino_device": "AUTO", "runtime": "onnxruntime"}, None),
        ("openvino", {"openvino_device": "HETERO:GPU,CPU", "runtime": "onnxruntime"}, None),
        ("cpu", {"openvino_device": "GPU", "runtime": "openvino"}, None),
        ("cpu", {"openvino_device": "GPU", "runtime": "onnxruntime"}, None),
        ("cuda", {"runtime": "openvino"}, None),
    ],
)
def test_a_runtime_without_the_back_end_is_reported(run, backend, parameters, failure_class):
    for package in EXPORTED[parameters.get("runtime", "openvino")]:
        pytest.importorskip(package)
    code, events, output = run(render("text_encoder", backend=backend, parameters=parameters))
    assert events[-1].get("class") == failure_class, output
    assert not of_kind(events, "metric")


NOT_RUN = {
    "onnxruntime": """
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
def broken(*rest, **options):
    raise RuntimeException({message!r})
onnxruntime.InferenceSession = broken
""",
    "openvino": """
import openvino
class Core(openvino.Core):
    def compile_model(self, *rest, **options):
        raise RuntimeError({message!r})
openvino.Core = Core
""",
}


@pytest.mark.parametrize("runtime", EXPORTED)
@pytest.mark.parametrize(
    ("message", "failure_class"),
    [
        ("Failed to allocate memory for requested buffer of size 99", "out_of_memory"),
        ("no such operator", "unsupported_backend"),
    ],
)
def test_a_graph_that_does_not_run_has_the_right_class(run, runtime, message, failure_class):
    for package in EXPORTED[runtime]:
        pytest.importorskip(package)
    source = render("text_encoder", parameters={**QUICK, "runtime": runtime})
    _, events, output = run(source, NOT_RUN[runtime].format(message=message))
    assert events[-1].get("class") == failure_class, output


@pytest.mark.parametrize("runtime", EXPORTED)
def test_a_model_that_cannot_be_exported_is_not_for_this_runtime(run, runtime):
    for package in EXPORTED[runtime]:
        pytest.importorskip(package)
    before = """
import torch
def broken(*rest, **options):
    raise RuntimeError("data-dependent")
torch.export.export = torch.onnx.export = broken
"""
    code, events, output = run(render("text_encoder", parameters={"runtime": runtime}), before)
    assert (code, events[-1].get("class")) == (77, "unsupported_backend"), output
    assert "cannot be exported" in events[-1]["message"]


def test_a_device_that_has_no_effect_is_refused_with_torch_as_well(run):
    code, events, output = run(render("text_encoder", parameters={"openvino_device": "GPU"}))
    assert (code, events[-1].get("class")) == (2, None), output
    assert "openvino_device GPU would have no effect" in events[-1]["message"]


class PretendedCore:
    """An OpenVINO that reports those devices as used."""

    def __init__(self, *used):
        self.used = list(used)

    def compile_model(self, model, name, options):
        precision = types.SimpleNamespace(get_type_name=lambda: "f32")
        answers = {"EXECUTION_DEVICES": self.used, "INFERENCE_PRECISION_HINT": precision}
        request = types.SimpleNamespace
        return types.SimpleNamespace(get_property=answers.get, create_infer_request=request)


@pytest.mark.parametrize(
    ("wanted", "used", "in_effect"),
    [
        ("GPU", ["GPU.0"], True),
        ("GPU.1", ["GPU.1"], True),
        ("NPU", ["NPU"], True),
        ("GPU", ["CPU"], False),
        ("GPU", ["GPU.0", "CPU"], False),
        ("GPU.1", ["GPU.10"], False),
        ("GPU", [], False),
    ],
)
def test_the_device_that_openvino_used_is_checked(frameworks, wanted, used, in_effect):
    pytest.importorskip("openvino")
    import torch

    script = types.ModuleType("script")
    parameters = {"weights": "random", "openvino_device": wanted}
    exec(render("text_encoder", backend="openvino", parameters=parameters), script.__dict__)
    model, inputs, *_ = script.prepare(torch, frameworks, {})
    device = types.SimpleNamespace(core=PretendedCore(*used), device_name=wanted)
    expected_error = contextlib.nullcontext() if in_effect else pytest.raises(script.Unsupported)
    with expected_error:
        script.Execution(torch, device, model, inputs)


# Faults are injected into torch itself when the model moves to its device, after the reference.
ON_THE_DEVICE = """
import torch
usual_to = torch.nn.Module.to
def to(module, *arguments, **options):
    if torch.device("cpu") in arguments:
        inject()
    return usual_to(module, *arguments, **options)
torch.nn.Module.to = to
"""
WRONG_ATTENTION = """
def inject():
    right = torch.nn.functional.scaled_dot_product_attention
    def wrong(query, key, value, *rest, **options):
        return right(query * 3, key.flip(-2), value, *rest, **options)
    torch.nn.functional.scaled_dot_product_attention = wrong
"""
NOT_A_NUMBER = """
def inject():
    right = torch.nn.functional.layer_norm
    torch.nn.functional.layer_norm = lambda *a, **k: right(*a, **k) * float('nan')
"""
UNSTEADY = """
def inject():
    right = torch.nn.functional.scaled_dot_product_attention
    def noisy(*rest, **options):
        result = right(*rest, **options)
        return result * (1 + 1e-3 * torch.rand_like(result))
    torch.nn.functional.scaled_dot_product_attention = noisy
"""
RAISES = """
def inject():
    def broken(*rest, **options):
        raise RuntimeError('the kernel is broken')
    torch.nn.functional.scaled_dot_product_attention = broken
"""


@pytest.mark.parametrize(
    ("fault", "check", "failure_class"),
    [
        (WRONG_ATTENTION, "reference", None),
        (NOT_A_NUMBER, "finite", None),
        (UNSTEADY, "repeatable", "nondeterministic"),
    ],
)
def test_faults_are_detected(run, fault, check, failure_class):
    code, events, output = run(render("text_encoder", parameters=QUICK), ON_THE_DEVICE + fault)
    assert events[-1]["outcome"] != "passed", output
    assert events[-1].get("class") == failure_class
    failed = [event["name"] for event in of_kind(events, "check") if not event["passed"]]
    assert check in failed


def test_a_fault_of_the_cache_is_detected(run):
    fault = """
def inject():
    from transformers.cache_utils import DynamicCache
    right = DynamicCache.update
    def forgetful(self, key, value, *rest, **options):
        keys, values = right(self, key, value, *rest, **options)
        if key.shape[-2] == 1:
            keys = keys.roll(5, -2)
        return keys, values
    DynamicCache.update = forgetful
"""
    code, events, output = run(render("decoder_llm", parameters=QUICK), ON_THE_DEVICE + fault)
    assert events[-1]["outcome"] != "passed", output


def test_a_crash_in_the_model_fails_the_test(run):
    code, events, output = run(render("text_encoder", parameters=QUICK), ON_THE_DEVICE + RAISES)
    assert (code, events[-1]["outcome"]) == (1, "failed")
    assert "first_run: RuntimeError: the kernel is broken" in events[-1]["message"]
    assert "Traceback" in output
