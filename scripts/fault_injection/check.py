"""Comparison of a coordinator with the ledger of what it has acknowledged."""

import hashlib

from .load import output_of, result_of
from .service import Answer

# Maximum number of problems that are listed for one coordinator.
MAX_PROBLEMS = 8
# Maximum number of outputs that are read through their results.
MAX_OUTPUTS = 300
# Name of the run that a check submits.
AFTER = "after"


def compare(client, ledger, damaged_file=None):
    """Problems of a running coordinator that is ready. Empty when everything acknowledged is there,
    once, with the right content, and nothing else. `damaged_file`: digest of an uploaded file that was
    damaged on the disk, whose reading must be an error that names it."""
    problems = list(ledger.problems)
    problems += check_runs(client, ledger)
    problems += check_results(client, ledger)
    problems += check_files(client, ledger, damaged_file)
    return problems[:MAX_PROBLEMS]


def check_runs(client, ledger):
    runs, problems = {}, []
    for view in client.pages("/api/v1/runs"):
        if view["name"] == AFTER:
            continue
        if view["name"] in runs:
            problems.append(f"{view['name']} is both {runs[view['name']]['run']} and {view['run']}")
        runs[view["name"]] = view
    for key, view in runs.items():
        if key not in ledger.submissions:
            problems.append(f"{view['run']} ({key}) was never submitted")
        elif view["counts"]["total"] != ledger.submissions[key]:
            problems.append(f"{key} has {view['counts']['total']} tests")
    for key, run in ledger.runs.items():
        if key not in runs:
            problems.append(f"{run} ({key}) was acknowledged and is lost")
        elif runs[key]["run"] != run:
            problems.append(f"{key} was acknowledged as {run} and is {runs[key]['run']}")
    problems += check_states(ledger, runs)
    return problems


def check_states(ledger, runs):
    """The state of the scheduler, which does not come from the results database."""
    passed, problems = {}, []
    for attempt in ledger.counted:
        if ledger.sent[attempt] == "passed":
            run = attempt.split(".")[0]
            passed[run] = passed.get(run, 0) + 1
    for view in runs.values():
        done = view["counts"]["done"].get("passed", 0)
        if done < passed.get(view["run"], 0):
            problems.append(
                f"{view['run']}: {passed[view['run']]} passed tests were acknowledged, {done} are known"
            )
    return problems


def check_results(client, ledger):
    rows, problems = {}, []
    for row in client.pages("/api/v1/attempts"):
        attempt = row["attempt"]
        if attempt in rows:
            problems.append(f"{attempt} is listed twice")
        rows[attempt] = row
        if row["outcome"] in ("worker_lost", "cancelled"):
            continue
        if attempt not in ledger.sent:
            problems.append(f"{attempt} has a result that was never reported")
            continue
        outcome, detail = result_of(attempt)
        stored = row["detail"]
        if row["outcome"] != outcome or any(stored.get(name) != detail[name] for name in detail):
            problems.append(f"{attempt} has another result: {row}")
    lost = [attempt for attempt in sorted(ledger.counted) if attempt not in rows]
    if lost:
        problems.append(f"{len(lost)} acknowledged results are lost: {', '.join(lost[:5])}")
    return problems


def check_files(client, ledger, damaged_file):
    problems = []
    for digest, content in ledger.files.items():
        try:
            stored = client.send("GET", f"/api/v1/blobs/{digest}")
        except Answer as answer:
            if digest != damaged_file or digest.encode() not in answer.body:
                problems.append(f"the file {digest} cannot be read: {answer}")
                continue
            # The next upload replaces a damaged file.
            client.send("PUT", f"/api/v1/blobs/{digest}", content)
            stored = client.send("GET", f"/api/v1/blobs/{digest}")
        if hashlib.sha256(stored).hexdigest() != digest:
            problems.append(f"the file {digest} is served with another content")
    return problems


def check_outputs(client, ledger, random_):
    """Outputs of attempts, which are read through their results, for a sample of the attempts."""
    problems = []
    attempts = [attempt for attempt in sorted(ledger.counted) if "log" in result_of(attempt)[1]]
    for attempt in random_.sample(attempts, min(len(attempts), MAX_OUTPUTS)):
        stored = client.send("GET", f"/api/v1/attempts/{attempt}/log")
        if stored != output_of(attempt):
            problems.append(f"the output of {attempt} is another one")
    return problems[:MAX_PROBLEMS]


def check_new_number(client, ledger):
    """A new run gets a number that nobody has had."""
    launch = {"run": {"command": ["true"]}}
    body = {"name": AFTER, "tests": [{"name": "t", "launch": launch}]}
    run = client.json("POST", "/api/v1/runs", body)["run"]
    highest = max((int(known[1:]) for known in ledger.runs.values()), default=0)
    return [f"a new run is {run}, after r{highest}"] if int(run[1:]) <= highest else []


def everything(client):
    """All lists of a coordinator, to compare two of them."""
    attempts = client.pages("/api/v1/attempts")
    report = client.json("GET", "/api/v1/report?limit=100000")
    report.pop("since", None)
    return {
        "attempts": sorted(attempts, key=lambda row: row["attempt"]),
        "runs": sorted(client.pages("/api/v1/runs"), key=lambda view: view["run"]),
        "totals": report["totals"],
        "rows": sorted(report["rows"], key=lambda row: row["test"]),
    }
