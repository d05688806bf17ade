"""The results of a campaign: totals, targets, and the tables in docs/verdicts.md."""

import collections

BEGIN, END = "<!-- mutation suite: begin -->", "<!-- mutation suite: end -->"
KINDS = ("plain", "decoding", "batch", "reduced")
DTYPES = ("fp32", "bf16", "fp16")
COUNTED = ("found", "missed", "without effect")

# Shares that the suite must reach. Faults of precision are judged in fp32 tests only, where they
# must be reported as reduced precision; in half precision they may be the rounding of the type.
FOUND = {"fp32": 0.99, "bf16": 0.95, "fp16": 0.95}
NAMED = 0.95


def count(cells, **wanted):
    return sum(all(getattr(cell, key) == value for key, value in wanted.items()) for cell in cells)


def share(cells):
    """The share of found faults of those with an effect; None if there are none."""
    found, missed = count(cells, state="found"), count(cells, state="missed")
    return found / (found + missed) if found + missed else None


def outside_reduced(cells, dtype):
    return [cell for cell in cells if cell.dtype == dtype and cell.kind in KINDS[:3]]


def named(cells, dtype="fp32"):
    """The share of faults of precision that are reported as reduced precision."""
    chosen = [
        cell
        for cell in cells
        if (cell.kind, cell.dtype) == ("reduced", dtype) and cell.state in ("found", "missed")
    ]
    return count(chosen, outcome="reduced_precision") / len(chosen) if chosen else None


def problems(cells, faults):
    """What is wrong with the results: sentences, none if all targets are reached."""
    for dtype, least in FOUND.items():
        reached = share(outside_reduced(cells, dtype))
        if reached is not None and reached < least:
            yield f"{dtype} tests found {reached:.1%} of the faults, not {least:.0%}"
    reached = named(cells)
    if reached is not None and reached < NAMED:
        yield f"fp32 tests named {reached:.1%} of reduced precision, not {NAMED:.0%}"
    applied = {cell.fault for cell in cells if cell.state in COUNTED}
    for name in faults:
        if name not in applied:
            yield f"the fault {name} applies to no model"
    for cell in cells:
        if cell.state in ("broken", "false alarm"):
            fault = cell.fault or "no fault"
            yield f"{cell.state}: {cell.model}, {fault}, {cell.dtype}, seed {cell.seed}"


def totals(cells):
    """One row for each class and precision."""
    lines = ["| class | precision | found | missed | without effect | share found |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: |")
    for kind in KINDS:
        for dtype in DTYPES:
            own = [cell for cell in cells if (cell.kind, cell.dtype) == (kind, dtype)]
            if own:
                numbers = " | ".join(str(count(own, state=state)) for state in COUNTED)
                lines.append(f"| {kind} | {dtype} | {numbers} | {percent(share(own))} |")
    for dtype in DTYPES:
        own = outside_reduced(cells, dtype)
        if own:
            numbers = " | ".join(str(count(own, state=state)) for state in COUNTED)
            lines.append(f"| **all but reduced** | {dtype} | {numbers} | {percent(share(own))} |")
    return lines


def percent(value):
    return "-" if value is None else f"{value:.1%}"


def by_kind(cells, faults):
    """One row for each kind of fault: found / missed / without effect in each precision."""
    lines = ["| fault | class | fp32 | bf16 | fp16 |", "| --- | --- | --- | --- | --- |"]
    groups = collections.defaultdict(list)
    for cell in cells:
        groups[cell.fault, cell.dtype].append(cell)
    for fault in faults.values():
        columns = []
        for dtype in DTYPES:
            own = groups[fault.name, dtype]
            columns.append(" / ".join(str(count(own, state=state)) for state in COUNTED))
        about = fault.about.rstrip(".")
        lines.append(f"| `{fault.name}`: {about} | {fault.kind} | {' | '.join(columns)} |")
    return lines


def missed(cells):
    """One row for each missed fault outside the class reduced, with the reason."""
    lines = ["| model | fault | precision | effect | why |", "| --- | --- | --- | ---: | --- |"]
    rows = [cell for cell in cells if cell.state == "missed" and cell.kind in KINDS[:3]]
    for cell in sorted(rows, key=lambda cell: (cell.fault, cell.model, cell.dtype)):
        lines.append(
            f"| {cell.model} | `{cell.fault}` | {cell.dtype} | {cell.effect:.1%} | {reason(cell)} |"
        )
    return lines if rows else ["No fault was missed."]


def reason(cell):
    """Why a fault was missed, from the figures of the comparison with the reference."""
    values, bounds = cell.figures.get("values") or {}, cell.figures.get("bounds") or {}
    rms, bound = values.get("rms_ratio", values.get("rms")), bounds.get("rms")
    if rms is None or bound is None:
        return "the test reports no comparison"
    if rms < 0.1 * cell.effect:
        return f"moves outputs that are not compared; those compared move by {rms:.2g}"
    return f"within the gate: the compared output moves by {rms:.2g}, allowed are {bound:.2g}"


def document(cells, faults, sample=None):
    """The part of docs/verdicts.md between the markers. sample: number of kinds in each model."""
    models, seeds = ({getattr(cell, key) for cell in cells} for key in ("model", "seed"))
    tried = f"a sample of {sample} of {len(faults)}" if sample else f"all {len(faults)}"
    about = f"Result of {tried} kinds of fault in each of {len(models)} models, {len(seeds)} seed"
    about += "s each." if len(seeds) > 1 else " each."
    clean = [cell for cell in cells if cell.kind == "clean"]
    about += f" Without a fault, {count(clean, state='passed')} of {len(clean)} runs passed."
    lines = [BEGIN, "", about, "", *totals(cells), ""]
    lines += [f"Reduced precision is named in {percent(named(cells))} of the fp32 tests.", ""]
    lines += ["### Missed faults", "", *missed(cells), ""]
    lines += ["### All kinds", "", "Each cell: found / missed / without effect.", ""]
    return "\n".join([*lines, *by_kind(cells, faults), "", END])


def replaced(text, part):
    """The document with the part between its markers replaced."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the document needs one {BEGIN} and one {END}")
    return text.split(BEGIN)[0] + part + text.split(END)[1]
