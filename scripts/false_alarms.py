#!/usr/bin/env python3
"""Runs generated tests without any fault, in many ways, and reports which ones did not pass.

  scripts/false_alarms.py --seeds 50 --runs 4 --processes 2

It needs a Python with the packages of tests/python/requirements.txt. The exit code is 1 if more
than one run in 1,000 did not pass, or if the runs of a model did so with two seeds.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests/python"
sys.path.insert(0, str(TESTS))
LARGEST_SHARE = 1 / 1000


def main():
    options = read_options()
    from mutation import clean, models

    # All models with one seed, then with the next one, so that what has run is a fair sample.
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    context = multiprocessing.get_context("spawn")
    runs = []
    with (
        tempfile.TemporaryDirectory() as directory,
        concurrent.futures.ProcessPoolExecutor(options.processes, mp_context=context) as pool,
    ):
        futures = [
            pool.submit(clean.run_model, name, seed, options.runs, directory)
            for seed in seeds
            for name in models.named(options.model)
        ]
        for future in concurrent.futures.as_completed(futures):
            runs += future.result()
            for run in future.result():
                if run.outcome not in ("passed", "error"):
                    print(f"false alarm: {run}", flush=True)
            if options.output:
                write(runs, options.output)
    return report(runs, clean)


def write(runs, path):
    """Writes all runs so far, one in each line."""
    lines = [json.dumps(dataclasses.asdict(run)) for run in runs]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(runs, clean):
    refused = [run for run in runs if clean.is_refused(run)]
    reasons = collections.Counter((run.model, run.message[:150]) for run in refused)
    for (model, message), count in sorted(reasons.items()):
        print(f"{model} was not run {count} times: {message}")
    runs = [run for run in runs if not clean.is_refused(run)]
    alarms = [run for run in runs if run.outcome != "passed"]
    for dtype in clean.DTYPES:
        worst = {}
        for run in runs:
            for key, share in run.strictness.items() if run.dtype == dtype else ():
                worst[key] = max(worst.get(key, (0.0,)), (share, run.model, run.seed))
        for key, (share, model, seed) in sorted(worst.items()):
            print(f"{dtype} {key}: at most {share:.2f} of the bound ({model}, seed {seed})")
    print(f"{len(alarms)} of {len(runs)} clean runs did not pass")
    repeated = collections.Counter(run.model for run in alarms).most_common(1)
    too_many = len(alarms) > LARGEST_SHARE * len(runs)
    return 1 if not runs or too_many or (repeated and repeated[0][1] > 1) else 0


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", help="one model [default: all]")
    parser.add_argument("--seeds", type=int, default=50, help="number of seeds [default: 50]")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=4, help="runs of each model and seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, help="write all runs as lines of JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
