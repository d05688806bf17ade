"""A coordinator and a worker with real results, and a headless Chromium that shows their pages.

Variables: DTF_BINARY; DTF_SCREENSHOTS, a directory for pictures of each page; DTF_REQUIRE_BROWSER, with
which a missing Chromium or npm is a failure. Without it, the tests are skipped with the reason.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from selenium.common.exceptions import StaleElementReferenceException

AXE = "axe-core@4.14.1"
PATIENCE_SECONDS = 90
HERE = pathlib.Path(__file__).parent
# Names that a page must show without taking them for markup, and that are wide.
HOSTILE = ["<script>alert(1)</script>", "a\u202egnp.exe", "w" * 512]
MODELS = ["bert-base-uncased", "gpt2", "deit-tiny", "whisper-tiny"]
BACKENDS = ["cpu", "onnxruntime", "openvino"]

# Name, version and modes of both sides of an upgrade.
UPGRADE_SIDES = [
    ("release (before the upgrade)", "5.23.0", {"whisper-tiny": "fails"}),
    ("release (after the upgrade)", "5.24.0", {"gpt2": "wrong", "whisper-tiny": "fails"}),
]

WIDE, NARROW = (1200, 900), (360, 740)
# Sizes of the window, each light and dark.
LOOKS = [(size, dark) for size in (WIDE, NARROW) for dark in (False, True)]


def missing(what: str):
    """Skips the test, or fails it where a browser is required."""
    message = f"{what} is missing; install Debian's chromium and chromium-driver, and npm"
    if os.environ.get("DTF_REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


def poll_until(what: str, ask, seconds: float = PATIENCE_SECONDS):
    """Asks until there is an answer, also if a live page replaces an element meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(StaleElementReferenceException):
            if answer := ask():
                return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def resize(browser, size, dark=False):
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def complaints(browser) -> list:
    """Lines of the console."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] != "INFO"]


def violations(browser, axe: str) -> list:
    """What axe-core finds on the page, each with the first element."""
    browser.execute_script(axe)
    result = browser.execute_async_script("axe.run().then(arguments[0])")
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in result["violations"]]


class Site:
    """A coordinator with one worker, in a directory."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.dtf = os.environ["DTF_BINARY"]
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        }
        self.processes = []
        shutil.copy(HERE / "demo.py", root)
        self.log = root / "coordinator.log"
        arguments = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", str(root / "data")]
        self.start(arguments, self.log)
        marker = "coordinator on "
        lines = lambda: self.log.read_text(encoding="utf-8").splitlines()
        line = poll_until("the start", lambda: [line for line in lines() if marker in line])[0]
        self.url = line.split(marker)[1].split(",")[0].strip()
        worker = ["worker", "--coordinator", self.url, "--name", "rig1", "--slots", "4"]
        self.worker = worker + ["--work-dir", str(root / "rig1"), "--system-packages"]

    def start(self, arguments, log):
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [self.dtf, *arguments], stdout=output, stderr=output, env=self.environment, cwd=self.root
            )
        self.processes.append(process)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def submit(self, name: str, tests: list) -> str:
        """Submits tests of `case`. Their modes are in a file, which is not a part of their identity."""
        plan = self.root / "plan.json"
        modes = {test["name"]: test["mode"] for test in tests}
        (self.root / "modes.json").write_text(json.dumps(modes), encoding="utf-8")
        tests = [{key: value for key, value in test.items() if key != "mode"} for test in tests]
        files = {"files": ["demo.py", "modes.json"]}
        document = {"schema": 1, "name": name, "defaults": files, "tests": tests}
        plan.write_text(json.dumps(document), encoding="utf-8")
        command = [self.dtf, "submit", str(plan), "--coordinator", self.url]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, cwd=self.root)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def get(self, path: str):
        with urllib.request.urlopen(f"{self.url}{path}") as answer:
            return json.load(answer)

    def run_named(self, name: str) -> str:
        """The run with this name, after its end."""
        runs = lambda: self.get("/api/v1/runs")["items"]
        ended = lambda: [r["run"] for r in runs() if r["name"] == name and "finished_at" in r]
        return poll_until(f"the end of {name}", ended)[0]

    def ended(self, run: str):
        poll_until(f"the end of {run}", lambda: "finished_at" in self.get(f"/api/v1/runs/{run}"))


def case(name: str, mode: str, **more) -> dict:
    command = [sys.executable, "demo.py", name]
    return {"name": name, "cmd": command, "timeout": "5m", "mode": mode, **more}


def matrix(modes: dict) -> list:
    """One test of each model on each back-end; `modes` gives another mode to some."""
    tests = []
    for model in MODELS:
        for backend in BACKENDS:
            name = f"{model}/{backend}/b1-fp32"
            labels = {"model": model, "backend": backend, "family": "text_encoder"}
            tests.append(case(name, modes.get(name, "fast"), labels=labels))
    return tests


def upgrade(site, name: str, version: str, modes: dict) -> str:
    """One side of an upgrade, as `dtf upgrade` submits it."""
    tests = [
        case(
            f"release/{model}",
            modes.get(model, "fast"),
            labels={"model": model, "backend": "cpu", "packages": f"transformers=={version}"},
        )
        for model in MODELS
    ]
    run = site.submit(name, tests)
    site.ended(run)
    return run


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start(site.worker, site.root / "worker.log")
        poll_until("a worker", lambda: site.get("/api/v1/workers")["items"])
        for number in range(7):
            modes = {"deit-tiny/openvino/b1-fp32": "fails" if number % 2 else "fast"}
            if number == 6:
                modes |= {"gpt2/cpu/b1-fp32": "slow", "whisper-tiny/onnxruntime/b1-fp32": "wrong"}
            site.ended(site.submit(f"nightly-{number}", matrix(modes)))
        # The coordinator runs the test that became slower again.
        site.run_named("confirm r7")
        site.hostile = site.submit("<b>hostile</b>", [case(name, "fast") for name in HOSTILE])
        site.ended(site.hostile)
        site.upgrade = [upgrade(site, *side) for side in UPGRADE_SIDES]
        stuck = case("llama-3-70b/cuda/b1-bf16", "fast", requires={"backend": "cuda"})
        site.open = site.submit("going", [case("gpt2/cpu/long", "long"), stuck])
        poll_until("a running test", lambda: site.get("/api/v1/now")["running"])
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """The text of axe-core."""
    npm = shutil.which("npm") or missing("npm")
    directory = tmp_path_factory.mktemp("axe")
    subprocess.run([npm, "pack", "--silent", AXE], cwd=directory, check=True, timeout=120)
    [archive] = directory.glob("*.tgz")
    shutil.unpack_archive(archive, directory)
    return (directory / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium = shutil.which("chromium") or missing("chromium")
    driver = shutil.which("chromedriver") or missing("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]:
        options.add_argument(argument)
    # Nothing is fetched from elsewhere.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument("--disable-background-networking")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()
