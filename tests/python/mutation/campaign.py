"""Runs of many faults, models, precisions and seeds, in one or two processes.

A cell is one fault in one model, one precision and one seed. Each cell is `found` (the test did
not pass), `missed`, `without effect` (the fp32 output moves by at most 1 %), `not applicable` (the
model has no part that the fault could damage) or `broken` (the fault raised an exception).
"""

import concurrent.futures
import dataclasses
import multiprocessing
import random
import tempfile

from .effect import REDUCED, THRESHOLD, effect

DTYPES = ("fp32", "bf16", "fp16")
STATES = ("found", "missed", "without effect", "not applicable", "broken")


@dataclasses.dataclass
class Cell:
    model: str
    fault: str
    kind: str
    dtype: str
    seed: int
    state: str
    effect: float = 0.0
    outcome: str = ""
    checks: tuple = ()  # the names of the checks that failed
    message: str = ""
    detail: str = ""  # what the fault damaged
    figures: dict = dataclasses.field(default_factory=dict)  # of the check `reference`


def run_model(name, faults, dtypes, seeds, clean=True):
    """All cells of one model, and its clean runs as cells without a fault."""
    import torch

    from .scripts import Script

    torch.set_num_threads(1)
    cells = []
    with tempfile.TemporaryDirectory() as directory:
        script = Script(name, directory)
        for seed in seeds:
            usual = script.run(seed, record=True)
            if clean:
                for dtype in dtypes:
                    run = usual if dtype == "fp32" else script.run(seed, dtype)
                    state = "passed" if run.outcome == "passed" else "false alarm"
                    cells.append(cell(name, None, dtype, seed, state, 0.0, run))
            for fault in faults:
                cells += cells_of(torch, script, fault, dtypes, seed, usual)
    return cells


def cells_of(torch, script, fault, dtypes, seed, usual):
    """The cells of one fault. The effect is that in fp32, whatever precisions are tried."""

    def cells(state, size=0.0, run=None):
        return [cell(script.name, fault, dtype, seed, state, size, run) for dtype in dtypes]

    if not script.applies(fault, seed):
        return cells("not applicable")
    first = script.run(seed, fault=fault, record=True)
    if not first.touched and not first.raised:
        return cells("not applicable")
    size = max(first.effect, effect(torch, usual.outputs, first.outputs))
    reduced = fault.kind == "reduced"
    if not first.raised and size <= (REDUCED if reduced else THRESHOLD):
        return cells("without effect", size, first)
    made = []
    for dtype in dtypes:
        run = first if dtype == "fp32" else script.run(seed, dtype, fault)
        made.append(cell(script.name, fault, dtype, seed, state(run), size, run))
    return made


def state(run):
    if run.raised or run.outcome == "error":
        return "broken"
    return "missed" if run.outcome == "passed" else "found"


def cell(model, fault, dtype, seed, state, size, run=None):
    made = Cell(
        model,
        fault.name if fault else "",
        fault.kind if fault else "clean",
        dtype,
        seed,
        state,
        # JSON has no infinity.
        min(size, 1e9),
    )
    if run:
        made.outcome = run.outcome
        made.checks = tuple(run.failed)
        made.detail = run.detail
        made.message = run.raised or run.result.get("message", "")
        for check in run.checks:
            if check["name"] == "reference":
                made.figures = {"values": check.get("values"), "bounds": check.get("tolerance")}
    return made


def run_all(models, faults, dtypes, seeds, processes, report):
    """Runs all cells and hands those of each model to `report` when they are complete.

    faults: a function from the name of a model to the names of its faults.
    """
    tasks = [(name, faults(name), dtypes, seeds) for name in models]
    if processes < 2:
        for task in tasks:
            report(start(*task))
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(start, *task) for task in tasks]
        for future in concurrent.futures.as_completed(futures):
            report(future.result())


def start(name, faults, dtypes, seeds):
    from .faults import FAULTS

    return run_model(name, [FAULTS[fault] for fault in faults], dtypes, seeds)


def sample(faults, model, number):
    """Some kinds of fault for a model, the same ones in every run."""
    return random.Random(model).sample([*faults], min(number, len(faults)))
