"""A test of the demonstration: reports a latency, a check and some output. Argument: NAME.

The file modes.json gives the mode of each test, so that the command of a test, and with it its history,
stays the same when it becomes slower or wrong.
"""

import json
import os
import random
import sys
import time

MEDIAN_SECONDS = {"slow": 0.031}


def report(event: str, **facts) -> None:
    if path := os.environ.get("DTF_RESULT"):
        with open(path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"v": 1, "event": event, **facts}) + "\n")


def wait_for(path: str) -> None:
    """Waits until a file is there; the test has a time limit."""
    while not os.path.exists(path):
        time.sleep(0.05)


def main() -> int:
    name = sys.argv[1]
    with open("modes.json", encoding="utf-8") as file:
        mode = json.load(file)[name]
    attempt = os.environ.get("DTF_ATTEMPT", "").rpartition(".a")[2]
    noise = random.Random(time.time_ns())
    middle = MEDIAN_SECONDS.get(mode, 0.020)
    values = [middle * (1 + noise.uniform(-0.02, 0.02)) for _ in range(20)]
    error = 0.4 if mode == "wrong" else 0.0004
    report("started")
    print(f"loading {name}", flush=True)
    passed = mode not in ("wrong", "fails")
    if mode.startswith("gates "):
        # The first attempt fails, the second passes; each ends when the file of its gate is there.
        print(f"attempt {attempt} waits", flush=True)
        wait_for(f"{mode.removeprefix('gates ')}-{attempt}")
        passed = attempt != "1"
    report("metric", name="latency_seconds", unit="seconds", better="lower", values=values)
    report(
        "check",
        name="reference",
        passed=mode != "wrong",
        values={"rms_ratio": error},
        tolerance={"rms_ratio": 0.01},
    )
    step = 0
    # Until the run is cancelled, or another process ends this one.
    while mode == "long":
        print(f"step {step}", flush=True)
        step += 1
        time.sleep(0.2)
    message = "" if passed else "the output differs: rms_ratio 0.4, at most 0.01"
    report("result", outcome="passed" if passed else "failed", message=message)
    print(f"median {middle * 1000:.1f} ms", flush=True)
    return int(not passed)


sys.exit(main())
