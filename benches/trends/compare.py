#!/usr/bin/env python3
"""Compares the change points of dtf with those of apache-otava and of asv on the same histories.

    python benches/trends/compare.py --dtf target/debug/dtf [--count 200] [--seed 7]

Needs the packages of requirements.txt. Each detector has its default settings. Prints three tables in Markdown:
false alarms on noise alone, precision and recall on known changes, and steps that are found within 5 runs.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import histories  # noqa: E402

# A reported position this close to a true one is found.
TOLERANCE = 5
WITHIN = 5


def of_dtf(command, values, daily=False):
    """Asks dtf about many histories at once: a list of positions for each."""
    lines = [json.dumps({"values": each, "daily": daily}) for each in values]
    done = subprocess.run(command, input="\n".join(lines), text=True, capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return answers


def of_otava(values):
    from otava.analysis import compute_change_points

    return [int(point.index) for point in compute_change_points(values)[0]]


def of_asv(values):
    from asv.step_detect import detect_steps

    return [int(step[0]) for step in detect_steps(values)[1:]]


def matched(found, true):
    """Number of true changes with a report near them, each report counts once."""
    left = list(found)
    hits = 0
    for at in true:
        near = [each for each in left if abs(each - at) <= TOLERANCE]
        if near:
            left.remove(min(near, key=lambda each: abs(each - at)))
            hits += 1
    return hits


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(field) for field in row) + " |")
    print()


def detect(command, made):
    """The positions that each detector reports for complete histories."""
    values = [each["values"] for each in made]
    dtf = [answer["shifts"] for answer in of_dtf(command, values)]
    return {
        "dtf": [[shift["at"] for shift in shifts] for shifts in dtf],
        "otava": [of_otava(each) for each in values],
        "asv": [of_asv(each) for each in values],
    }


def false_alarms(command, count, seed):
    made = list(histories.alone(count, seed))
    found = detect(command, made)
    daily = of_dtf(command, [each["values"] for each in made], daily=True)
    alarms = [any(day["verdict"] == "confirmed" for day in each["days"]) for each in daily]
    rows = []
    for kind in histories.KINDS:
        places = [at for at, each in enumerate(made) if each["kind"] == kind]
        shares = [share(sum(bool(found[name][at]) for at in places), len(places)) for name in found]
        rows.append([kind, *shares, share(sum(alarms[at] for at in places), len(places))])
    table(["noise alone", *found, "dtf, judged after each run"], rows)
    return found


def known_changes(command, count, seed):
    made = [
        *histories.steps(count, seed),
        *histories.shapes(count, seed),
        *histories.published(count, seed),
    ]
    found = detect(command, made)
    counts = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for name, reports in found.items():
        for each, report in zip(made, reports, strict=True):
            hits = matched(report, each["shifts"])
            for kind in (each["kind"], "all"):
                into = counts[kind][name]
                into[0] += hits
                into[1] += len(report)
                into[2] += len(each["shifts"])
    rows = []
    for kind, of in counts.items():
        if kind != "all":
            rows.append([kind, *[cell(of[name]) for name in found]])
    rows.append(["**all**", *[cell(counts["all"][name]) for name in found]])
    table(["known changes: precision, recall", *found], rows)
    return counts["all"]


def cell(counts):
    hits, reported, true = counts
    if not true:
        return f"{reported} false"
    return f"{share(hits, reported)}, {share(hits, true)}"


def delays(command, count, seed):
    """Each detector sees the history up to each run after the step."""
    rows = []
    for kind in histories.KINDS:
        made = list(histories.steps(count, seed + 1, kinds=[kind]))
        found = {}
        cuts = [[each["values"][: each["shifts"][0] + run] for run in range(1, WITHIN + 1)] for each in made]
        flat = [cut for each in cuts for cut in each]
        newest = iter(of_dtf(command, flat))
        near = lambda at, each: at is not None and abs(at - each["shifts"][0]) <= TOLERANCE  # noqa: E731
        found["dtf"] = [
            any([near(answer["newest"].get("since"), each) and answer["newest"]["verdict"] in ("suspect", "confirmed")
                 for answer in [next(newest) for _ in range(WITHIN)]])
            for each in made
        ]
        for name, detector in (("otava", of_otava), ("asv", of_asv)):
            found[name] = [
                any(near(at, each) for cut in of for at in detector(cut))
                for each, of in zip(made, cuts, strict=True)
            ]
        rows.append([made[0]["kind"], *[share(sum(each), len(each)) for each in found.values()]])
    table([f"found within {WITHIN} runs", "dtf", "otava", "asv"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtf", default="target/debug/dtf")
    parser.add_argument("--count", type=int, default=200, help="histories of each kind")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    command = [arguments.dtf, "results", "segments"]
    false_alarms(command, arguments.count, arguments.seed)
    totals = known_changes(command, arguments.count, arguments.seed)
    delays(command, arguments.count, arguments.seed)
    ours = totals["dtf"]
    for name, theirs in totals.items():
        behind = ours[0] / ours[1] < theirs[0] / theirs[1] or ours[0] / ours[2] < theirs[0] / theirs[2]
        if behind:
            sys.exit(f"dtf is behind {name} in precision or recall")


if __name__ == "__main__":
    main()
