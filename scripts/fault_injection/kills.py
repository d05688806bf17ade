"""Kills of a coordinator under load."""

import random
import shutil
import time

from .check import check_new_number, check_outputs, compare, everything
from .load import Ledger, Load
from .service import Coordinator

# Latest kill after the coordinator is ready, in seconds.
MAX_LIFE_SECONDS = 0.8
# One end in this number is a clean stop, which writes a snapshot.
STOP_EVERY = 10
# Time limit for the remaining tests to end after the last kill, in seconds.
DRAIN_SECONDS = 120


def run(options, progress):
    """Kills a coordinator `options.count` times. Returns the table and the problems."""
    random_ = random.Random(options.seed)
    ledger, data = Ledger(), options.directory / "kills"
    load = Load(ledger, "load", pause=options.pause)
    slowest, started = 0.0, False
    for number in range(options.count):
        slowest = max(slowest, restart(options, data, load, started)[1])
        started = True
        time.sleep(random_.uniform(0, MAX_LIFE_SECONDS))
        if number % STOP_EVERY == STOP_EVERY - 1:
            code = options.coordinator.stop()
            if code != 0:
                ledger.problem(f"a clean stop ended with {code}: {options.coordinator.errors()}")
        else:
            options.coordinator.kill()
        progress(number + 1, options.count, ledger.counts())
        if ledger.problems:
            break
    coordinator, _ = restart(options, data, load, started)
    load.stop(DRAIN_SECONDS)
    client = coordinator.client()
    problems = compare(client, ledger) + check_outputs(client, ledger, random_)
    if not load.is_drained():
        problems.append(f"tests are still open {DRAIN_SECONDS} s after the last kill")
    live = everything(client)
    client.close()
    coordinator.stop()
    problems += check_rebuilt(options, data, ledger, live)
    table = [
        ("kills and stops", options.count),
        ("acknowledged", ledger.counts()),
        ("slowest restart", f"{slowest:.2f} s"),
        ("problems", len(problems)),
    ]
    return table, problems


def restart(options, data, load, started):
    begun = time.monotonic()
    options.coordinator = coordinator = Coordinator(options.binary, data)
    if not coordinator.wait_ready():
        raise SystemExit(f"the coordinator did not start again: {coordinator.errors()}")
    took = time.monotonic() - begun
    if started:
        load.address = coordinator.address
    else:
        load.start(coordinator.address)
    return coordinator, took


def check_rebuilt(options, data, ledger, live):
    """The results database is the same when it is made again from the log."""
    for path in data.glob("results.duckdb*"):
        path.unlink()
    coordinator = Coordinator(options.binary, data)
    if not coordinator.wait_ready():
        return [f"no start without the results database: {coordinator.errors()}"]
    client = coordinator.client()
    problems = compare(client, ledger)
    rebuilt = everything(client)
    for part, entries in live.items():
        if rebuilt[part] != entries:
            problems.append(f"the rebuilt database differs in its {part}")
    problems += check_new_number(client, ledger)
    client.close()
    coordinator.stop()
    if not problems:
        shutil.rmtree(data)
    return problems
