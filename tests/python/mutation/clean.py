"""Runs without a fault, in all ways in which a CPU can compute: none may fail.

Each run draws precision, batch, threads, kernels (one-DNN or torch's own), attention and runtime.
`strictness` of a run is its largest difference as a share of the bound: 1 would be a false alarm.
"""

import dataclasses
import functools
import os
import pathlib
import random

from .scripts import Script

THREADS = ("1", "2")
ATTENTION = ("default", "eager", "sdpa")
BATCHES = (1, 2, 3, 5)
DTYPES = ("fp32", "fp16", "bf16")
# One run in this number uses ONNX Runtime: the export takes as long as many other runs.
EXPORTED = 12


@dataclasses.dataclass
class Clean:
    model: str
    seed: int
    dtype: str
    threads: str
    one_dnn: bool
    parameters: dict
    outcome: str = ""
    failed: tuple = ()
    message: str = ""
    strictness: dict = dataclasses.field(default_factory=dict)  # statistic → share of the bound


class Scripts:
    """The scripts of one model, one for each runtime, loaded when they are first used."""

    def __init__(self, name, directory):
        self.name, self.directory, self.loaded = name, directory, {}

    def of(self, runtime):
        if runtime not in self.loaded:
            self.loaded[runtime] = Script(self.name, self.directory, runtime)
        return self.loaded[runtime]


@functools.cache
def scripts_of(name, directory):
    """The scripts of a model in this process, which write below a directory."""
    own = pathlib.Path(directory, f"{name} {os.getpid()}")
    own.mkdir()
    return Scripts(name, own)


def run_model(name, seed, runs, directory):
    """The clean runs of one model and seed."""
    draw = random.Random(f"{name} {seed}")
    scripts = scripts_of(name, directory)
    return [one_run(scripts, name, seed, draw) for _ in range(runs)]


def one_run(scripts, name, seed, draw):
    import torch

    runtime = "onnxruntime" if draw.randrange(EXPORTED) == 0 else "torch"
    parameters = {"batch": draw.choice(BATCHES), "attention": draw.choice(ATTENTION)}
    clean = Clean(
        name,
        seed,
        draw.choice(DTYPES),
        draw.choice(THREADS),
        draw.random() < 0.5,
        {**parameters, "runtime": runtime},
    )
    script = scripts.of(runtime)
    script.threads = clean.threads
    with torch.backends.mkldnn.flags(enabled=clean.one_dnn):
        run = script.run(seed, clean.dtype, **parameters)
    clean.outcome, clean.failed = run.outcome, tuple(run.failed)
    clean.message = run.raised or run.result.get("message", "")
    clean.strictness = strictness(run.checks)
    return clean


def strictness(checks):
    shares = {}
    for check in checks:
        for key, bound in (check.get("tolerance") or {}).items():
            value = check["values"].get(f"{key}_ratio", check["values"].get(key))
            if value is not None and bound:
                place = f"{check['name']} {key}"
                shares[place] = max(shares.get(place, 0.0), value / bound)
    return shares


def is_refused(clean):
    """Whether the model cannot be run in this way: an attention that it does not have, an operator
    that the graph format lacks."""
    return clean.outcome == "error"
