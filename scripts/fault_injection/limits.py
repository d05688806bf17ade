"""Results at the limits of the protocol: stored, reported, and rebuilt from the log."""

import json
import pathlib
import random
import shutil
import time
import uuid

from .service import Answer, Coordinator

# Name, number of results, metrics of each, values of each metric.
CASES = (
    ("2,000 x 110 KiB", 2000, 1, 10_000),
    ("12,000 x 30 KiB", 12_000, 1, 2_700),
    ("400 x 780 KiB", 400, 8, 9_075),
    ("400 x 1 MiB", 400, 9, 10_000),
)
# Maximum size of the body of one report, in bytes.
MAX_REPORT_BYTES = 32 << 20
# Time limit for the results database to have everything, in seconds.
STORED_SECONDS = 600
# Time limit of a submission while the database is rebuilt, in seconds.
ANSWER_SECONDS = 5


def run(options, progress):
    """Returns the table and the problems."""
    table, problems = [], []
    cases = [case for case in CASES if not options.cases or case[0] in options.cases]
    for done, case in enumerate(cases):
        name, count, metrics, values = case
        count = max(1, count // options.divide)
        texts, bad = measure(options, count, detail_of(options.seed, metrics, values), metrics * values)
        table.append((name, texts))
        problems += [f"{name}: {problem}" for problem in bad]
        progress(done + 1, len(cases), f"{len(problems)} problems")
    return table, problems


def detail_of(seed, metrics, values):
    """The detail of one result, as JSON."""
    random_ = random.Random(seed)
    parts = [
        {
            "name": f"m{n}",
            "unit": "ms",
            "better": "lower",
            "values": [round(random_.uniform(0.1, 1), 8) for _ in range(values)],
        }
        for n in range(metrics)
    ]
    return json.dumps({"metrics": parts}, separators=(",", ":"))


def measure(options, count, detail, values):
    data = options.directory / "limits"
    coordinator = Coordinator(options.binary, data)
    coordinator.wait_ready()
    client, problems = coordinator.client(), []
    begun = time.monotonic()
    send_results(client, count, detail)
    sent = time.monotonic() - begun
    stored = wait_stored(client, count, problems)
    begun = time.monotonic()
    check_report(client, count, values, problems)
    report = time.monotonic() - begun
    peak = peak_mib(coordinator)
    client.close()
    coordinator.stop()

    for path in data.glob("results.duckdb*"):
        path.unlink()
    coordinator = Coordinator(options.binary, data)
    coordinator.wait_listening()
    client = coordinator.client()
    check_submission(client, problems)
    rebuilt = wait_stored(client, count, problems)
    check_report(client, count, values, problems)
    texts = (
        f"{count} results of {len(detail) / 1024:.0f} KiB: sent in {sent:.1f} s, stored "
        f"{stored:.1f} s later, report in {report:.2f} s, peak {peak} MiB; rebuilt in "
        f"{rebuilt:.1f} s, peak {peak_mib(coordinator)} MiB"
    )
    client.close()
    coordinator.kill()
    shutil.rmtree(data)
    return texts, problems


def send_results(client, count, detail):
    """A run of `count` tests whose results are reported in bursts."""
    launch = {"run": {"command": ["true"]}}
    tests = [
        {"name": f"t{n}", "requirement": {"cpu_milli": 1}, "launch": launch} for n in range(count)
    ]
    client.json("POST", "/api/v1/runs", {"name": "limits", "tests": tests})
    incarnation = str(uuid.uuid4())
    capability = {
        "os": "linux",
        "arch": "x86_64",
        "cpu_milli": 400_000,
        "memory_bytes": 1 << 40,
        "slots": 400,
        "backends": ["cpu"],
    }
    body = {"key": str(uuid.uuid4()), "incarnation": incarnation, "place": "limits"}
    body |= {"name": "limits", "capability": capability, "version": "0.1.0"}
    worker = client.json("POST", "/api/v1/workers", body)["worker"]
    received, done, burst = 0, 0, max(1, MAX_REPORT_BYTES // (len(detail) + 200))
    while done < count:
        body = {"incarnation": incarnation, "received": received, "wait_ms": 5000}
        claimed = client.json("POST", f"/api/v1/workers/{worker}/claim", body)
        received = claimed["received"]
        leases = [lease["lease"] for lease in claimed.get("leases", [])]
        for first in range(0, len(leases), burst):
            # The detail is the same text for all, so it is not encoded again.
            finished = ",".join(
                f'{{"lease":{json.dumps(lease)},"outcome":"passed","duration_ms":7,"detail":{detail}}}'
                for lease in leases[first : first + burst]
            )
            body = f'{{"incarnation":"{incarnation}","finished":[{finished}]}}'.encode()
            headers = {"Content-Type": "application/json"}
            client.send("POST", f"/api/v1/workers/{worker}/reports", body, headers)
        done += len(leases)


def wait_stored(client, count, problems):
    """Seconds until the coordinator is ready and reports all results."""
    begun, reason = time.monotonic(), None
    while time.monotonic() - begun < STORED_SECONDS:
        try:
            client.send("GET", "/health/ready")
            if client.json("GET", "/api/v1/report?limit=1")["totals"]["attempts"] == count:
                return time.monotonic() - begun
            reason = "results are missing"
        except Answer as answer:
            reason = answer
            if answer.status != 503:
                problems.append(f"while the results are stored: {answer}")
                break
        time.sleep(0.1)
    problems.append(f"not stored within {STORED_SECONDS} s: {reason}")
    return time.monotonic() - begun


def check_report(client, count, values, problems):
    """The report has the metrics of every result."""
    try:
        report = client.json("GET", "/api/v1/report?limit=100000")
    except Answer as answer:
        problems.append(f"no report over {count * values:,} raw values: {answer}")
        return
    with_metrics = sum(1 for row in report["rows"] if row.get("metrics"))
    if with_metrics != count:
        problems.append(f"{with_metrics} of {count} rows have metrics")


def check_submission(client, problems):
    """A run is accepted although the results database is not ready."""
    begun = time.monotonic()
    launch = {"run": {"command": ["true"]}}
    body = {"name": "meanwhile", "tests": [{"name": "t", "launch": launch}]}
    try:
        client.json("POST", "/api/v1/runs", body)
    except Answer as answer:
        problems.append(f"a submission during the rebuild: {answer}")
    took = time.monotonic() - begun
    if took > ANSWER_SECONDS:
        problems.append(f"a submission during the rebuild took {took:.1f} s")


def peak_mib(coordinator):
    """Peak memory of the process."""
    status = pathlib.Path(f"/proc/{coordinator.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024
