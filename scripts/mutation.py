#!/usr/bin/env python3
"""Injects faults into generated tests, and reports which ones the tests find.

  scripts/mutation.py --list
  scripts/mutation.py --model dtf/tiny-llama --fault rotary-left-out --dtype bf16 --seeds 2
  scripts/mutation.py --processes 2 --output faults.json

It needs a Python with the packages of tests/python/requirements.txt.
"""

import argparse
import collections
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
    from mutation import campaign, models
    from mutation.faults import FAULTS

    if options.list:
        return list_all(models, FAULTS)
    unknown = [name for name in options.fault or () if name not in FAULTS]
    if unknown:
        sys.exit(f"no fault {unknown[0]}; --list lists all")
    names = models.named(options.model, options.family)
    dtypes = options.dtype or campaign.DTYPES
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    started = time.monotonic()
    shown = campaign.run_all(
        names, options.fault, dtypes, seeds, options.processes, lambda cells: show(cells, options)
    )
    print(f"{time.monotonic() - started:.0f} s")
    totals(shown)
    if options.output:
        lines = [json.dumps(dataclasses.asdict(cell)) for cell in shown]
        options.output.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--list", action="store_true", help="list all models and kinds of fault")
    add("--family", help="only models of this family")
    add("--model", help="only this model")
    add("--fault", action="append", metavar="NAME", help="only this kind of fault; repeatable")
    add("--dtype", action="append", choices=("fp32", "bf16", "fp16"), help="repeatable")
    add("--seeds", type=int, default=1, metavar="N", help="number of seeds [default: 1]")
    add("--first-seed", type=int, default=1, metavar="N", help="the first seed [default: 1]")
    add("--processes", type=int, default=1, metavar="N", help="number of processes [default: 1]")
    add("--output", type=pathlib.Path, metavar="FILE", help="write all results as JSON")
    add("--verbose", action="store_true", help="print what was found, too")
    return parser.parse_args()


def list_all(models, faults):
    for name, tiny in models.MODELS.items():
        print(f"{name:<24} {tiny.family}")
    print()
    for fault in faults.values():
        print(f"{fault.name:<34} {fault.kind:<9} {fault.about}")


def show(cells, options):
    quiet = () if options.verbose else ("found", "passed", "not applicable", "without effect")
    for cell in cells:
        if cell.state in quiet:
            continue
        name = cell.fault or "clean"
        print(
            f"{cell.state:<15} {cell.model:<22} {name:<32} {cell.kind:<8} {cell.dtype} seed {cell.seed}"
            f" effect {cell.effect:.2g} {','.join(cell.checks)} {figures(cell)}"
        )
        if cell.state in ("broken", "false alarm"):
            print(f"    {cell.message.strip().splitlines()[-1] if cell.message.strip() else ''}")
    sys.stdout.flush()


def figures(cell):
    values, bounds = cell.figures.get("values") or {}, cell.figures.get("bounds") or {}
    parts = []
    for name, bound in bounds.items():
        value = values.get(name, values.get(f"{name}_ratio"))
        if isinstance(value, (int, float)) and isinstance(bound, (int, float)):
            parts.append(f"{name} {value:.2g}/{bound:.2g}")
    return " ".join(parts)


def totals(cells):
    counted = collections.Counter((cell.kind, cell.dtype, cell.state) for cell in cells)
    for kind in ("plain", "decoding", "batch", "reduced", "clean"):
        for dtype in ("fp32", "bf16", "fp16"):
            row = {s: n for (k, d, s), n in counted.items() if (k, d) == (kind, dtype)}
            if not row:
                continue
            found, missed = row.get("found", 0), row.get("missed", 0)
            share = f"{found / (found + missed):.1%}" if found + missed else "-"
            print(f"{kind:<9} {dtype}  found {share:>6}  {dict(sorted(row.items()))}")
    named = [c for c in cells if c.kind == "reduced" and c.state in ("found", "missed")]
    for dtype in ("fp32", "bf16", "fp16"):
        own = [c for c in named if c.dtype == dtype]
        if own:
            count = sum(c.outcome == "reduced_precision" for c in own)
            print(f"reduced   {dtype}  named {count / len(own):.1%} of {len(own)}")


if __name__ == "__main__":
    main()
