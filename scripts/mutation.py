#!/usr/bin/env python3
"""Injects faults into generated tests, and reports which ones the tests find.

  scripts/mutation.py --list
  scripts/mutation.py --model dtf/tiny-llama --fault rotary-left-out --dtype bf16 --seeds 2
  scripts/mutation.py --processes 2 --output faults.json --document docs/verdicts.md

It needs a Python with the packages of tests/python/requirements.txt. The exit code is 1 if a target
is missed, a fault is broken or applies to no model, or a run without a fault does not pass.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time

# Threads of several processes would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests/python"
sys.path.insert(0, str(TESTS))


def main():
    options = read_options()
    from mutation import campaign, models, table
    from mutation.faults import FAULTS

    if options.list:
        return list_all(models, FAULTS)
    unknown = [name for name in options.fault or () if name not in FAULTS]
    if unknown:
        sys.exit(f"no fault {unknown[0]}; --list lists all")
    names = models.named(options.model, options.family)
    started = time.monotonic()
    cells = read(options.read, campaign) if options.read else run(options, names, campaign, FAULTS)
    print("\n".join(table.totals(cells)))
    for dtype in options.dtype or campaign.DTYPES:
        print(f"reduced precision named in {dtype}: {table.percent(table.named(cells, dtype))}")
    print(f"{time.monotonic() - started:.0f} s")
    if options.document:
        part = table.document(cells, FAULTS, options.sample)
        text = options.document.read_text(encoding="utf-8")
        options.document.write_text(table.replaced(text, part), encoding="utf-8")
    whole = not (options.model or options.family or options.fault or options.sample)
    wrong = [*table.problems(cells, FAULTS)] if whole else []
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


def run(options, names, campaign, faults):
    """Runs all cells that the options select."""
    cells = []

    def faults_of(model):
        chosen = options.fault or [*faults]
        return campaign.sample(chosen, model, options.sample) if options.sample else chosen

    def report(made):
        cells.extend(made)
        show(made, options)
        if options.output:
            write(cells, options.output)

    dtypes = options.dtype or campaign.DTYPES
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    campaign.run_all(names, faults_of, dtypes, seeds, options.processes, report)
    return cells


def read(path, campaign):
    """The results that an earlier run has written."""
    return [campaign.Cell(**cell) for cell in json.loads(path.read_text(encoding="utf-8"))]


def write(cells, path):
    """Writes all results, one cell in each line."""
    lines = [json.dumps(dataclasses.asdict(cell)) for cell in cells]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--list", action="store_true", help="list all models and kinds of fault")
    add("--family", help="only models of this family")
    add("--model", help="only this model")
    add("--fault", action="append", metavar="NAME", help="only this kind of fault; repeatable")
    add("--sample", type=int, metavar="N", help="only N kinds of fault in each model")
    add("--dtype", action="append", choices=("fp32", "bf16", "fp16"), help="repeatable")
    add("--seeds", type=int, default=1, metavar="N", help="number of seeds [default: 1]")
    add("--first-seed", type=int, default=1, metavar="N", help="the first seed [default: 1]")
    add("--processes", type=int, default=1, metavar="N", help="number of processes [default: 1]")
    add("--output", type=pathlib.Path, metavar="FILE", help="write all results as JSON")
    add("--read", type=pathlib.Path, metavar="FILE", help="use these results instead of running")
    add("--document", type=pathlib.Path, metavar="FILE", help="write the tables into this document")
    add("--verbose", action="store_true", help="print what was found, too")
    return parser.parse_args()


def list_all(models, faults):
    for name, tiny in models.MODELS.items():
        print(f"{name:<24} {tiny.family}")
    print()
    for fault in faults.values():
        print(f"{fault.name:<34} {fault.kind:<9} {fault.about}")


def show(cells, options):
    """Prints what needs attention, or everything."""
    quiet = () if options.verbose else ("found", "passed", "not applicable", "without effect")
    for cell in cells:
        if cell.state in quiet:
            continue
        print(
            f"{cell.state:<15} {cell.model:<22} {cell.fault or 'no fault':<32} {cell.kind:<8}"
            f" {cell.dtype} seed {cell.seed} effect {cell.effect:.2g} {','.join(cell.checks)}"
            f" {figures(cell)} [{cell.detail}]"
        )
        if cell.state in ("broken", "false alarm") and cell.message.strip():
            print(f"    {cell.message.strip().splitlines()[-1]}")
    sys.stdout.flush()


def figures(cell):
    """The values of the comparison with the reference, with their bounds."""
    values, bounds = cell.figures.get("values") or {}, cell.figures.get("bounds") or {}
    parts = []
    for name, bound in bounds.items():
        value = values.get(name, values.get(f"{name}_ratio"))
        if isinstance(value, (int, float)) and isinstance(bound, (int, float)):
            parts.append(f"{name} {value:.2g}/{bound:.2g}")
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
