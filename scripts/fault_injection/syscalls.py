"""System calls that fail or kill, on the real binary under strace. Linux only.

strace counts the calls of each thread, so a fault may happen once in each of them.
"""

import collections
import concurrent.futures
import shutil
import time

from . import seed
from .load import Ledger, Load, submit_cancelled
from .service import POLL_SECONDS, Answer, Client, Coordinator, Lost
from .verdict import WHOLE, judge

# Calls that are made on files only.
ON_FILES = ("pwrite64", "fdatasync", "fsync", "ftruncate", "/^rename")
# Calls that are also made on sockets, or on files that are not in the data directory: they are
# limited to the files of the data directory.
LIMITED = ("openat", "write")
FAULTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
# Files that are written under their own names.
FILES = (
    "events.redb",
    "events.witness",
    "identity",
    "state.snapshot",
    "results.duckdb",
    "results.duckdb.wal",
    "blobs",
    "blobs/identity",
)
# Time of the load, in seconds.
LOAD_SECONDS = 1.5
# Number of runs of the one submitter.
RUNS = 10
# Number of tests of the cancelled run, whose facts lead to a snapshot at the stop.
CANCELLED_TESTS = 1200
# Time limit for strace to end after the process, in seconds.
TRACE_SECONDS = 2
NEW = "new"

Series = collections.namedtuple("Series", "directory call fault")


def run(options, progress):
    """Returns the table and the problems."""
    if shutil.which("strace") is None:
        return [("skipped", "strace is not installed, so no system call was made to fail")], []
    seeds = {NEW: None, **seed.make(options)}
    series = [
        Series(directory, call, fault)
        for directory in options.directories
        for call in options.calls or ON_FILES + LIMITED
        for fault in options.faults or FAULTS
    ]
    table, problems, runs = [], [], 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda one: run_series(options, seeds[one.directory], one), series)
        for done, (one, counts, bad) in enumerate(results):
            runs += sum(counts.values())
            texts = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
            table.append((f"{one.directory} {one.call.strip('/^')} {one.fault}", texts))
            problems += bad
            progress(done + 1, len(series), f"{runs} runs, {len(problems)} problems")
    table.append(("runs", runs))
    return table, problems


def run_series(options, origin, series):
    """One call with one fault, at its first to last use."""
    counts, problems = collections.Counter(), []
    for number in range(1, options.most + 1):
        if options.numbers and number not in options.numbers:
            continue
        name = f"{series.directory}-{series.call}-{series.fault}-{number}"
        data = options.directory / "".join(c if c.isalnum() else "-" for c in name)
        ledger, happened = disturb(options, origin, series, number, data)
        if ledger.problems:
            counts["CLIENT"] += 1
            problems += [f"{name}: {problem}" for problem in ledger.problems]
        verdict = judge(options, data, ledger, ())
        if happened or verdict.kind != WHOLE:
            counts[verdict.kind] += 1
        if verdict.kind != WHOLE:
            problems.append(f"{name}: {verdict.kind}: {verdict.text}")
        for path in options.directory.glob(f"{data.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not happened:
            break
    return series, counts, problems


def disturb(options, origin, series, number, data):
    """Runs a coordinator with one fault under a small load. Returns the ledger, and whether the fault
    happened."""
    ledger = Ledger()
    if origin is not None:
        origin.copy_to(data)
        ledger = seed.frozen(origin.ledger)
    trace = data.with_name(data.name + ".trace")
    limits = []
    if series.call in LIMITED:
        limits = [part for file in FILES for part in ("-P", str(data / file))]
    # With the filter, other calls are as fast as without strace; but signals do not arrive.
    quick = ["--seccomp-bpf"] if series.fault.startswith("error") else []
    wrapper = ["strace", "-D", "-f", *quick, "-o", str(trace), *limits]
    wrapper += ["-e", f"trace={series.call}"]
    wrapper += ["-e", f"inject={series.call}:{series.fault}:when={number}"]
    coordinator = Coordinator(options.binary, data, wrapper)
    try:
        if coordinator.wait_listening():
            use(coordinator, ledger)
    except TimeoutError as error:
        ledger.problem(f"under the fault: {error}")
        coordinator.kill()
    if "panicked" in coordinator.errors():
        ledger.problem(f"under the fault: {coordinator.errors()[-500:]}")
    text = wait_traced(trace)
    coordinator.kill()
    return ledger, "(INJECTED)" in text or "killed by SIGKILL" in text


def wait_traced(trace):
    """The output of strace, which ends after the process that it traces."""
    deadline = time.monotonic() + TRACE_SECONDS
    while True:
        text = trace.read_text(errors="replace")
        # Each thread has such a line. The one of the process is the last.
        if text.rstrip().endswith("+++") or time.monotonic() > deadline:
            return text
        time.sleep(POLL_SECONDS)


def use(coordinator, ledger):
    """A small load and a stop, until the coordinator ends."""
    client = Client(coordinator.address)
    try:
        submit_cancelled(client, ledger, "used", CANCELLED_TESTS)
    except (Answer, Lost):
        pass
    client.close()
    load = Load(ledger, "use", submitters=1, workers=1, pause=0, most=RUNS)
    load.start(coordinator.address)
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline and not coordinator.has_ended():
        if not load.submitters[0].is_alive() and load.is_drained():
            break
        time.sleep(0.02)
    load.stop()
    if not coordinator.has_ended():
        coordinator.stop()
