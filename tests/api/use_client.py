"""Generates a client from the description of the API, submits a run with it and reads its report.

Variables: API_URL and API_TOKEN of a coordinator that has a worker. Started by tests/it/api.rs.
"""

import os
import pathlib
import subprocess
import sys
import time

TIMEOUT_SECONDS = 60


def generate() -> None:
    """Writes the package `made`. A warning means that a part of the API is missing in it."""
    tools = pathlib.Path(sys.executable).parent
    path = os.pathsep.join([str(tools), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json"]
    command += ["--output-path", "made", "--meta", "none", "--fail-on-warning"]
    subprocess.run(command, check=True, env={**os.environ, "PATH": path})


def poll_until(what: str, ask):
    """Asks until there is an answer."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen in {TIMEOUT_SECONDS} s")


def main() -> None:
    generate()
    sys.path.insert(0, os.getcwd())
    from made import AuthenticatedClient, Client
    from made.api.logs import read_log
    from made.api.reports import get_report
    from made.api.runs import get_run, list_runs, submit_run
    from made.api.tests import list_tests
    from made.api.workers import list_workers
    from made.models import CommandProgram, ErrorBody, Launch, Outcome, Requirement, SubmitRun, TestSpec

    url = os.environ["API_URL"]
    client = AuthenticatedClient(base_url=url, token=os.environ["API_TOKEN"])
    poll_until("a worker", lambda: list_workers.sync(client=client).items or None)

    def test(name, command, **more):
        launch = Launch(run=CommandProgram(command=command), environment="system", **more)
        return TestSpec(name=name, launch=launch, requirement=Requirement(cpu_milli=1000))

    tests = [
        test("prints-hello", ["sh", "-c", "echo hello"], timeout_ms=60_000),
        test("fails", ["sh", "-c", "exit 3"]),
    ]
    submitted = submit_run.sync(
        client=client, body=SubmitRun(name="by-a-client", tests=tests), idempotency_key="once"
    )
    again = submit_run.sync(
        client=client, body=SubmitRun(name="by-a-client", tests=tests), idempotency_key="once"
    )
    assert (again.run, again.repeated) == (submitted.run, True), again
    run = submitted.run

    def ended():
        view = get_run.sync(run, client=client)
        return view if isinstance(view.finished_at, int) else None

    view = poll_until("the end of the run", ended)
    assert view.counts.total == 2, view
    assert run in [listed.run for listed in list_runs.sync(client=client, limit=10).items]

    report = get_report.sync(client=client, run=run)
    outcomes = {row.name: row.outcome for row in report.rows}
    assert outcomes == {"prints-hello": Outcome.PASSED, "fails": Outcome.FAILED}, outcomes
    assert report.totals.outcomes["passed"] == 1, report.totals
    [passed] = list_tests.sync(client=client, run=run, outcome=Outcome.PASSED).items
    output = read_log.sync_detailed(f"{passed.test}.a1", client=client)
    assert output.content == b"hello\n", output

    stranger = Client(base_url=url)
    refused = list_runs.sync_detailed(client=stranger)
    assert refused.status_code == 401 and isinstance(refused.parsed, ErrorBody), refused
    missing = get_run.sync(client=client, run="r999")
    assert isinstance(missing, ErrorBody) and missing.code.value == "not_found", missing


main()
