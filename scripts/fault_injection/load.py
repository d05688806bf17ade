"""Load on a coordinator, and the ledger of what it has acknowledged.

Submitters repeat a request with the same idempotency key until it is acknowledged, and workers
repeat a report, as the clients of dtf do. The ledger is kept by the clients, so it does not depend on
the storage under test. Every value in it follows from names, so that a wrong value is recognised.
"""

import collections
import hashlib
import json
import threading
import time
import uuid

from .service import Answer, Client, Lost

# Pause before a request is repeated, in seconds.
RETRY_SECONDS = 0.02
# Interval of heartbeats, in seconds; a silent worker loses its leases after 30 s.
HEARTBEAT_SECONDS = 5
# Wait of one claim, in milliseconds.
CLAIM_MS = 200
# One result in this number leaves its output as a file.
OUTPUT_EVERY = 3
# One result in this number is a failure of the test.
FAILURE_EVERY = 7


class Ledger:
    """The requests that were sent, and those that were acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        # Number of tests by key; the key is also the name of the run.
        self.submissions = {}
        # Run by key, for acknowledged submissions.
        self.runs = {}
        # Key by run.
        self.keys = {}
        # Expected result by attempt, for every report that was sent.
        self.sent = {}
        # Attempts whose reports were acknowledged and count.
        self.counted = set()
        # Attempts whose reports were acknowledged as late results.
        self.late = set()
        # Content by digest, for acknowledged uploads.
        self.files = {}
        self.problems = []

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def acknowledge_run(self, key, answer):
        with self.lock:
            owner = self.keys.setdefault(answer["run"], key)
            if owner != key:
                self.problems.append(f"{answer['run']} was given to {owner} and to {key}")
            self.runs[key] = answer["run"]
            if answer["tests"] != self.submissions[key]:
                self.problems.append(f"{key}: {answer['tests']} tests were acknowledged")

    def counts(self):
        with self.lock:
            return (
                f"{len(self.runs)} runs, {len(self.counted)} results, {len(self.late)} late "
                f"results, {len(self.files)} files acknowledged"
            )


def output_of(attempt):
    return f"output of {attempt}\n".encode() * 300


def result_of(attempt):
    """The result that a worker reports for an attempt: outcome and detail."""
    number = int(hashlib.sha256(attempt.encode()).hexdigest()[:8], 16)
    outcome = "failed" if number % FAILURE_EVERY == 0 else "passed"
    detail = {
        "exit_code": 1 if outcome == "failed" else 0,
        "message": f"result of {attempt}",
        "metrics": [
            {"name": "marker", "unit": "1", "better": "lower", "values": [number, number + 0.5]}
        ],
    }
    if number % OUTPUT_EVERY == 0:
        content = output_of(attempt)
        digest = hashlib.sha256(content).hexdigest()
        detail["log"] = {
            "sha256": digest,
            "size_bytes": len(content),
            "written_bytes": len(content),
        }
    return outcome, detail


class Load:
    """Threads that submit and work until they are stopped. They follow restarts of the coordinator."""

    def __init__(self, ledger, prefix, submitters=4, workers=2, pause=0.01, most=None):
        self.ledger = ledger
        self.prefix = prefix
        self.pause = pause
        # Maximum number of runs of each submitter; None for no limit.
        self.most = most
        self.submitting = True
        self.working = True
        self.address = None
        self.threads = [
            threading.Thread(target=self.guarded, args=(self.submit, number), daemon=True)
            for number in range(submitters)
        ]
        self.submitters = self.threads[:]
        self.threads += [
            threading.Thread(target=self.guarded, args=(self.work, number), daemon=True)
            for number in range(workers)
        ]

    def start(self, address):
        self.address = address
        for thread in self.threads:
            thread.start()

    def guarded(self, run, number):
        try:
            run(number)
        except Exception as error:  # A defect of the load must not look like silence.
            self.ledger.problem(f"a client ended: {error!r}")
            raise

    def stop(self, drain_seconds=0):
        """Ends the load, after the workers have reported everything or the time is over."""
        self.submitting = False
        for thread in self.submitters:
            thread.join()
        deadline = time.monotonic() + drain_seconds
        while time.monotonic() < deadline and not self.is_drained():
            time.sleep(RETRY_SECONDS)
        self.working = False
        for thread in self.threads:
            thread.join()

    def is_drained(self):
        try:
            status = Client(self.address).json("GET", "/api/v1/status")
        except (Answer, Lost):
            return False
        return status["runs_open"] == 0

    def repeat(self, client, active, method, path, body, headers=None):
        """Sends a request until there is an answer. None when the load ended before."""
        while active():
            if client.address != self.address:
                client.close()
                client.address = self.address
            try:
                return client.send(method, path, body, headers)
            except Lost:
                time.sleep(RETRY_SECONDS)
            except Answer as answer:
                # A coordinator that stops or rebuilds its database, or whose disk is full.
                if answer.status != 429 and answer.status < 500:
                    raise
                time.sleep(RETRY_SECONDS)
        client.close()
        return None

    def submit(self, number):
        client, count = Client(self.address), 0
        while self.submitting and (self.most is None or count < self.most):
            count += 1
            key, tests = f"{self.prefix}-{number}-{count}", 1 + (count * 7 + number) % 5
            launch = {"run": {"command": ["true"]}}
            body = {
                "name": key,
                "tests": [
                    {"name": f"t{n}", "requirement": {"cpu_milli": 1}, "launch": launch}
                    for n in range(tests)
                ],
            }
            with self.ledger.lock:
                self.ledger.submissions[key] = tests
            answer = self.repeat(
                client, lambda: self.submitting, "POST", "/api/v1/runs", body, {"Idempotency-Key": key}
            )
            if answer is not None:
                self.ledger.acknowledge_run(key, json.loads(answer))
            time.sleep(self.pause)
        client.close()

    def work(self, number):
        Puppet(self, number).run()


def submit_cancelled(client, ledger, key, tests):
    """A run of many tests that is cancelled at once. Its facts make a snapshot worthwhile at a stop."""
    launch = {"run": {"command": ["true"]}}
    body = {"name": key, "tests": [{"name": f"t{n}", "launch": launch} for n in range(tests)]}
    ledger.submissions[key] = tests
    answer = client.json("POST", "/api/v1/runs", body, {"Idempotency-Key": key})
    ledger.acknowledge_run(key, answer)
    client.send("POST", f"/api/v1/runs/{answer['run']}/cancel", {})


class Puppet:
    """A worker that runs nothing and reports results that follow from the names of the attempts."""

    def __init__(self, load, number):
        self.load = load
        self.ledger = load.ledger
        self.client = Client(load.address)
        self.key = str(uuid.uuid4())
        self.name = f"{load.prefix}-{number}"
        self.worker = None
        # Leases without an acknowledged report, by epoch.
        self.held = collections.OrderedDict()
        self.received = 0
        self.next_heartbeat = 0.0

    def active(self):
        return self.load.working

    def ask(self, method, path, body, headers=None):
        answer = self.load.repeat(self.client, self.active, method, path, body, headers)
        return None if answer is None else json.loads(answer or b"{}")

    def run(self):
        while self.active():
            try:
                if self.worker is None:
                    self.register()
                else:
                    self.step()
            except Answer as answer:
                # Unknown worker, or the state of another history: register again.
                if answer.status not in (404, 409):
                    raise
                self.worker = None
                time.sleep(RETRY_SECONDS)
        self.client.close()

    def register(self):
        self.incarnation = str(uuid.uuid4())
        capability = {
            "os": "linux",
            "arch": "x86_64",
            "cpu_milli": 8000,
            "memory_bytes": 1 << 33,
            "slots": 8,
            "backends": ["cpu"],
        }
        body = {
            "key": self.key,
            "incarnation": self.incarnation,
            "place": self.name,
            "name": self.name,
            "capability": capability,
            "holding": list(self.held.values()),
            "version": "0.1.0",
        }
        answer = self.ask("POST", "/api/v1/workers", body)
        if answer is None:
            return
        self.worker = answer["worker"]
        self.received = min(self.received, answer["epoch"])

    def step(self):
        path = f"/api/v1/workers/{self.worker}"
        if time.monotonic() >= self.next_heartbeat:
            body = {"incarnation": self.incarnation, "received": self.received}
            self.ask("POST", f"{path}/heartbeat", {**body, "holding": list(self.held.values())})
            self.next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        body = {"incarnation": self.incarnation, "received": self.received, "wait_ms": CLAIM_MS}
        claimed = self.ask("POST", f"{path}/claim", body)
        if claimed is None:
            return
        self.received = claimed["received"]
        for lease in claimed.get("leases", []):
            self.held[lease["lease"]["epoch"]] = lease["lease"]
        if self.held:
            self.report(path)

    def report(self, path):
        leases = list(self.held.values())
        finished = []
        for lease in leases:
            outcome, detail = result_of(lease["attempt"])
            if "log" in detail and not self.upload(detail["log"]["sha256"], lease["attempt"]):
                return
            finished.append(
                {"lease": lease, "outcome": outcome, "duration_ms": 7, "detail": detail}
            )
        with self.ledger.lock:
            for report in finished:
                self.ledger.sent[report["lease"]["attempt"]] = report["outcome"]
        body = {"incarnation": self.incarnation, "finished": finished}
        answer = self.ask("POST", f"{path}/reports", body)
        if answer is None:
            return
        late = {lease["attempt"] for lease in answer.get("conflicts", [])}
        with self.ledger.lock:
            for lease in leases:
                kind = self.ledger.late if lease["attempt"] in late else self.ledger.counted
                kind.add(lease["attempt"])
        self.held.clear()

    def upload(self, digest, attempt):
        content = output_of(attempt)
        answer = self.ask("PUT", f"/api/v1/blobs/{digest}", content)
        if answer is None:
            return False
        with self.ledger.lock:
            self.ledger.files[digest] = content
        return True
