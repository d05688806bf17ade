"""How a coordinator takes a damaged or interrupted data directory."""

import collections
import subprocess
import time

from .check import check_new_number, compare
from .service import POLL_SECONDS, Answer, Coordinator, Lost, environment

# The acceptable verdicts. All others are problems.
WHOLE = "whole"
REFUSED = "refused"
# Everything that a message of a refusal must contain, beside the name of the file.
NEXT_STEP = "hint:"
# Time limit for the results database to be rebuilt, in seconds.
REBUILD_SECONDS = 30
# Time limit of the check without a coordinator, in seconds.
CHECK_SECONDS = 60
# The file whose content is the holder of the data directory.
LOCK = "dtf.lock"

Verdict = collections.namedtuple("Verdict", "kind text")


def judge(options, data, ledger, names, damaged_file=None):
    """Starts the coordinator once. `names`: texts of which a refusal must contain one."""
    before = {path.name for path in data.iterdir()}
    coordinator = Coordinator(options.binary, data)
    try:
        return judge_started(coordinator, ledger, names, damaged_file, before)
    except TimeoutError as error:
        return Verdict("HANG", str(error))
    finally:
        coordinator.kill()


def judge_offline(options, data):
    """`dtf coordinator --check`: a report and no change. Returns its exit code and a problem, or None."""
    before = contents(data)
    command = [str(options.binary), "coordinator", "--check", "--data-dir", str(data)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(data.parent),
        timeout=CHECK_SECONDS,
        check=False,
    )
    text = f"--check, exit {done.returncode}: {last_lines(done.stdout + done.stderr)}"
    if done.returncode not in (0, 1) or "panicked" in done.stderr:
        return done.returncode, Verdict("CHECK", text)
    if contents(data) != before:
        return done.returncode, Verdict("CHANGED", text)
    return done.returncode, None


def contents(directory):
    files = (path for path in sorted(directory.rglob("*")) if path.name != LOCK)
    return {path: path.read_bytes() if path.is_file() else None for path in files}


def judge_started(coordinator, ledger, names, damaged_file, before):
    if not coordinator.wait_ready():
        return judge_refusal(coordinator, names, before)
    client = coordinator.client()
    try:
        problems = settled(lambda: compare(client, ledger, damaged_file))
        problems = problems or check_new_number(client, ledger)
    except (Answer, Lost) as error:
        problems = [f"{error!r}"]
    client.close()
    errors = coordinator.errors()
    if "panicked" in errors:
        return Verdict("PANIC", last_lines(errors))
    if problems:
        return Verdict("LOST", f"{'; '.join(problems)} | {last_lines(errors)}")
    return Verdict(WHOLE, "")


def settled(ask):
    """The answer of `ask`, after the results database was rebuilt if it is damaged."""
    deadline = time.monotonic() + REBUILD_SECONDS
    while True:
        try:
            return ask()
        except Answer as answer:
            if answer.status != 503 or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def judge_refusal(coordinator, names, before):
    errors, code = coordinator.errors(), coordinator.process.returncode
    text = f"exit {code}: {last_lines(errors)}"
    if code < 0:
        return Verdict("CRASH", text)
    if "panicked" in errors:
        return Verdict("PANIC", text)
    missing = before - {path.name for path in coordinator.data.iterdir()}
    if missing:
        return Verdict("MOVED", f"{', '.join(sorted(missing))} | {text}")
    if not any(name in errors for name in names):
        return Verdict("UNNAMED", text)
    if NEXT_STEP not in errors:
        return Verdict("NO HINT", text)
    return Verdict(REFUSED, text)


def last_lines(errors):
    return " / ".join(errors.strip().splitlines()[-4:])
