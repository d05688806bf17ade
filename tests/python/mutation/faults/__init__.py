"""The kinds of fault. Each file has those of one part of a model; each function applies one.

A fault's class decides what is expected of a test: `plain`, `decoding` (only with a cache or in a
later step), `batch` (only in a batch, or in calls after the first), `reduced` (rounds more than the
precision of the test).
"""

import dataclasses
import importlib
import typing

CLASSES = ("plain", "decoding", "batch", "reduced")
FILES = (
    *("norms", "activations", "attention", "masks", "positions", "caches", "structure"),
    *("weights", "experts", "convolutions", "images", "batches", "blocks", "precision"),
    *("states", "drawn"),
)


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    kind: str
    apply: typing.Callable

    @property
    def about(self):
        return (self.apply.__doc__ or "").strip().splitlines()[0]


FAULTS = {}


def fault(name, kind="plain"):
    """Registers a function `apply(site)` as a kind of fault."""

    def register(apply):
        if kind not in CLASSES or name in FAULTS or not apply.__doc__:
            raise ValueError(f"the fault {name} has no class, no description, or the name of another")
        FAULTS[name] = Fault(name, kind, apply)
        return apply

    return register


for _file in FILES:
    importlib.import_module(f"{__name__}.{_file}")
