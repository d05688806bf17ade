"""The fast part of the mutation suite: in every tiny model, some faults drawn once and for all must
be found, and runs without a fault must pass in three precisions.

`make mutation` runs all kinds of fault in all models (docs/verdicts.md).
"""

import contextlib
import os

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from mutation import table  # noqa: E402
from mutation.campaign import run_model, sample  # noqa: E402
from mutation.effect import effect  # noqa: E402
from mutation.faults import CLASSES, FAULTS, Fault  # noqa: E402
from mutation.models import MODELS  # noqa: E402
from mutation.scripts import Script  # noqa: E402
from mutation.site import NotApplicable  # noqa: E402
from test_templates import hooks  # noqa: E402

SEED = 1
# Number of kinds of fault that are tried in each model. Many apply to few models.
TRIED = 24

# `1/2` selects the first half of the models.
PART, PARTS = map(int, os.environ.get("DTF_PART", "1/1").split("/"))
CHOSEN = [*MODELS][PART - 1 :: PARTS]


@pytest.fixture(scope="module", params=CHOSEN)
def cells(request):
    """The cells of one model: its clean runs, and the drawn faults."""
    tried = [FAULTS[name] for name in sample(FAULTS, request.param, TRIED)]
    return run_model(request.param, tried, ("fp32", "bf16"), [SEED])


def test_clean_runs_pass(cells):
    clean = [cell for cell in cells if cell.kind == "clean"]
    assert [cell.state for cell in clean] == ["passed", "passed"], clean


def test_faults_are_found_in_fp32(cells):
    tried = [cell for cell in cells if cell.dtype == "fp32" and cell.kind != "clean"]
    wrong = [cell for cell in tried if cell.state in ("missed", "broken")]
    assert not wrong and any(cell.state == "found" for cell in tried), wrong


# The parts that `Script` gives to faults


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    return Script("tiny-bert", tmp_path_factory.mktemp("bert"))


def of(apply, kind="plain"):
    return Fault("a fault of this test", kind, apply)


def test_a_fault_without_a_place_is_not_applied(script):
    script.run(SEED)
    assert not script.applies(FAULTS["experts-exchanged"], SEED)
    with pytest.raises(NotApplicable):
        script.run(SEED, fault=FAULTS["experts-exchanged"])


def test_torch_is_restored(script):
    usual = torch.nn.functional.linear
    run = script.run(SEED, fault=FAULTS["bf16-products"])
    assert run.touched > 0 and run.outcome != "passed"
    assert torch.nn.functional.linear is usual
    assert script.run(SEED).outcome == "passed"


def test_the_effect_is_that_of_the_output(script):
    """The last layer is scaled, so that the whole output is larger by a tenth."""

    def larger(site):
        site.after(site.model.encoder.layer[-1], lambda output: 1.1 * output)

    clean = script.run(SEED, record=True)
    faulty = script.run(SEED, fault=of(larger), record=True)
    assert effect(torch, clean.outputs, clean.outputs) == 0
    assert effect(torch, clean.outputs, faulty.outputs) == pytest.approx(0.1, abs=1e-3)


def not_a_number(site):
    def change(output):
        output = output.clone()
        output.view(-1)[0] = float("nan")
        return output

    site.after(site.model.encoder.layer[0], change)


def test_values_that_are_not_numbers_are_found(script):
    run = script.run(SEED, fault=of(not_a_number))
    assert run.code == 1 and "finite" in run.failed, run


def test_a_load_needs_numbers(script):
    """The test judges the values, but a load refuses NaN."""
    parameters = {"batch": 1, "dtype": "fp32", "seed": SEED}
    made = script.reference(SEED)
    assert script.start("load", made, parameters).outcome == "passed"
    run = script.start("load", made, parameters, of(not_a_number))
    assert run.code == 1 and "not finite" in run.result["message"], run


def test_noise_is_reported_as_such(script):
    noise = torch.Generator().manual_seed(1337)

    def unsteady(site):
        # Not from the generator that scripts reset to its seed.
        def change(output):
            return output * (1 + 3e-4 * torch.randn(output.shape, generator=noise))

        site.after(site.model.encoder.layer[0], change)

    run = script.run(SEED, fault=of(unsteady))
    assert run.code == 1 and run.result["class"] == "nondeterministic", run


# A back-end that is not in effect


@contextlib.contextmanager
def pretended_cuda():
    """A torch that reports a GPU and leaves everything on the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.version, "cuda", "12.6")
        answers = {
            "is_available": True,
            "get_device_name": "pretended",
            "get_device_capability": (9, 0),
            "get_device_properties": None,
            "manual_seed": None,
            "synchronize": None,
        }
        for name, answer in answers.items():
            patch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
        for owner in (torch.nn.Module, torch.Tensor):
            usual = owner.to

            def to(self, *arguments, usual=usual, **options):
                there = torch.device("cuda:0")
                places = (torch.device("cpu") if a == there else a for a in arguments)
                return usual(self, *places, **options)

            patch.setattr(owner, "to", to)
        yield


def test_a_silent_fallback_is_detected(script):
    script.reference(SEED)
    with pretended_cuda(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(script.roles["test"], "BACKEND", "cuda")
        patch.setitem(script.roles["test"].BACKENDS, "cuda", hooks("cuda"))
        run = script.run(SEED)
    assert (run.code, run.result["class"]) == (77, "unsupported_backend"), run
    assert "a parameter is on cpu, not on cuda:0" in run.result["message"]


# The table


def cell(**changes):
    from mutation.campaign import Cell

    values = {"model": "m", "fault": "tf32", "kind": "plain", "dtype": "fp32", "seed": 1}
    return Cell(**{**values, "state": "found", **changes})


def test_missed_targets_are_reported():
    good = [cell() for _ in range(99)]
    assert [*table.problems([*good, cell(state="missed")], [])] == []
    wrong = [*table.problems([*good, cell(state="missed"), cell(state="missed")], [])]
    assert wrong == ["fp32 tests found 98.0% of the faults, not 99%"]
    named = cell(kind="reduced", outcome="reduced_precision")
    assert [*table.problems([named], [])] == []
    assert len([*table.problems([named, cell(kind="reduced", outcome="failed")], [])]) == 1
    assert len([*table.problems([cell(state="broken")], [])]) == 1
    assert [*table.problems([], ["tf32"])] == ["the fault tf32 applies to no model"]


def test_the_table_goes_between_its_markers():
    part = table.document([cell(), cell(state="missed", effect=0.5)], {"tf32": FAULTS["tf32"]})
    text = f"before {table.BEGIN} old {table.END} after"
    written = table.replaced(text, part)
    assert written.startswith("before ") and written.endswith(" after")
    assert "| 1 | 1 | 0 | 50.0% |" in written and " old " not in written
    with pytest.raises(ValueError):
        table.replaced("no markers", part)


def test_every_class_has_faults():
    assert {fault.kind for fault in FAULTS.values()} == set(CLASSES)
    assert len(FAULTS) >= 200
