"""Data directories to which faults happen: one that was killed under load, and one that was stopped.

Both have a snapshot, a results database, uploaded files, and a ledger of what was acknowledged.
"""

import copy
import shutil
import time

from .load import Ledger, Load, submit_cancelled
from .service import Coordinator

# Number of tests of the cancelled run, whose facts lead to a snapshot at a stop.
CANCELLED_TESTS = 1200
# Number of runs of each of two submitters before the stop.
RUNS = 12
# Time from the start of the load until the kill, in seconds.
LIFE_SECONDS = 1.0
# Time limit for the tests to end before the stop, in seconds.
DRAIN_SECONDS = 60


class Seed:
    """A data directory and its ledger. Nothing runs in it."""

    def __init__(self, name, path, ledger):
        self.name = name
        self.path = path
        self.ledger = ledger

    def copy_to(self, path):
        shutil.copytree(self.path, path)
        return path


def make(options):
    """The seeds by name: `stopped` and `killed`."""
    ledger, data = Ledger(), options.directory / "seed"
    coordinator = started(options, data)
    client = coordinator.client()
    submit_cancelled(client, ledger, "cancelled", CANCELLED_TESTS)
    client.close()
    load = Load(ledger, "stopped", submitters=2, most=RUNS)
    load.start(coordinator.address)
    for thread in load.submitters:
        thread.join()
    load.stop(DRAIN_SECONDS)
    code = coordinator.stop()
    if code != 0 or not (data / "state.snapshot").exists():
        raise SystemExit(f"no clean stop with a snapshot ({code}): {coordinator.errors()}")
    stopped = Seed("stopped", options.directory / "stopped", frozen(ledger))
    shutil.copytree(data, stopped.path)

    coordinator = started(options, data)
    load = Load(ledger, "killed", submitters=2, pause=0.02)
    load.start(coordinator.address)
    time.sleep(LIFE_SECONDS)
    coordinator.kill()
    load.stop()
    return {"stopped": stopped, "killed": Seed("killed", data, frozen(ledger))}


def started(options, data):
    coordinator = Coordinator(options.binary, data)
    if not coordinator.wait_ready():
        raise SystemExit(f"the coordinator does not start: {coordinator.errors()}")
    return coordinator


def frozen(ledger):
    """A copy that further load does not change."""
    if ledger.problems:
        raise SystemExit(f"the load failed: {ledger.problems}")
    kept = Ledger()
    for name in ("submissions", "runs", "keys", "sent", "counted", "late", "files"):
        setattr(kept, name, copy.copy(getattr(ledger, name)))
    return kept
