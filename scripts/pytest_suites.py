#!/usr/bin/env python3
"""Compares plain pytest with `dtf generate --from-pytest` for suites of published packages.

  scripts/pytest_suites.py --dtf target/debug/dtf [--cache DIR] [--environments DIR] [NAME …]

Downloads the source of each package from the configured index of pip, makes a virtual environment
for it, runs its suite with pytest, then in shards on two workers with one slot each, and prints the
numbers of passed, failed, erroneous and skipped tests and the seconds of both. The exit code is 1 if
the numbers differ. Sources and environments are kept in the cache. Needs only the standard library.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import xml.etree.ElementTree

PYTEST = "pytest==9.2.0"
# For each name: package and version, path of the suite, how its package is installed, further
# packages, and a change that breaks the suite on purpose (file, text, replacement).
SUITES = {
    "toolz": ("toolz==1.2.0", "", ["."], [], None),
    "toolz-inside": ("toolz==1.2.0", "toolz/tests", ["."], [], None),
    "pluggy": ("pluggy==1.7.0", "testing", ["."], [], None),
    "pluggy-broken": ("pluggy==1.7.0", "testing", ["."], [], (
        "src/pluggy/_manager.py",
        "    def unregister(",
        "    def unregister(self, plugin=None, name=None):\n        return plugin\n\n    def _unregister(",
    )),
    "pluggy-broken-editable": ("pluggy==1.7.0", "testing", ["-e", "."], [], (
        "src/pluggy/_manager.py",
        "    def unregister(",
        "    def unregister(self, plugin=None, name=None):\n        return plugin\n\n    def _unregister(",
    )),
    "click": ("click==8.5.1", "", ["."], [], None),
    "click-editable": ("click==8.5.1", "tests", ["-e", "."], [], None),
    "attrs": ("attrs==26.1.0", "", ["-e", "."], ["hypothesis", "cloudpickle"], None),
    "more-itertools": ("more-itertools==11.2.1", "tests", ["."], [], None),
    "jinja2": ("jinja2==3.1.6", "", ["."], ["trio"], None),
    "markupsafe": ("markupsafe==3.0.2", "tests", ["."], [], None),
    "opt-einsum": ("opt-einsum==3.4.0", "", ["."], ["numpy"], None),
    "opt-einsum-inside": ("opt-einsum==3.4.0", "opt_einsum/tests", ["-e", "."], ["numpy"], None),
}
KINDS = ("passed", "failed", "error", "skipped")


def call(words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **more)
    return done, done.stdout + done.stderr


def must(words, **more):
    done, output = call(words, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{output[-4000:]}")
    return done.stdout


def prepared(cache, name):
    """Directory of the source and interpreter of the environment, which are created once."""
    package, suite, how, more, change = SUITES[name]
    place = cache / name
    python = place / "env/bin/python"
    source = place / "source"
    if (place / "complete").exists():
        return source, python
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    must([sys.executable, "-m", "venv", place / "env"])
    sources = cache / "sdists"
    stem = re.sub(r"[-_.]+", "*", package.partition("==")[0])
    pattern = f"{stem}-{package.partition('==')[2]}.tar.gz"
    if not list(sources.glob(pattern)):
        words = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        must([*words, "-d", sources, package])
    with tarfile.open(next(sources.glob(pattern))) as archive:
        archive.extractall(place, filter="data") if sys.version_info >= (3, 12) else archive.extractall(place)
    next(path for path in place.iterdir() if path.name != "env").rename(source)
    if change:
        file = source / change[0]
        text = file.read_text(encoding="utf-8")
        if change[1] not in text:
            sys.exit(f"{file} has no {change[1]!r}")
        file.write_text(text.replace(change[1], change[2], 1), encoding="utf-8")
    must([python, "-m", "pip", "install", "-q", PYTEST, *more, *how], cwd=source)
    (place / "complete").write_text("", encoding="utf-8")
    return source, python


def counts(cases):
    found = dict.fromkeys(KINDS, 0)
    for kinds in cases:
        kind = {"failure": "failed", "error": "error", "skipped": "skipped"}
        found[next((kind[one] for one in kinds if one in kind), "passed")] += 1
    return found


def plain(source, python, suite):
    report = source.parent / "plain.xml"
    words = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    begun = time.monotonic()
    _, output = call([*words, *([suite] if suite else [])], cwd=source)
    seconds = time.monotonic() - begun
    if not report.exists():
        sys.exit(f"pytest wrote no report in {source}:\n{output[-4000:]}")
    tree = xml.etree.ElementTree.parse(report)
    return counts([child.tag for child in case] for case in tree.iter("testcase")), seconds, report


class Lab:
    """A coordinator and two workers of one slot."""

    def __init__(self, dtf, environments):
        self.dtf, self.home = dtf, tempfile.mkdtemp(prefix="dtf-suites-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.processes = []
        self.start("coordinator", "--listen", self.url[7:], "--data-dir", f"{self.home}/data")
        self.until(lambda: self.get("/api/v1/workers") is not None)
        for name in ("one", "two"):
            self.start("worker", "--coordinator", self.url, "--name", name, "--slots", "1",
                       "--work-dir", f"{self.home}/{name}", "--environments-dir", environments)
        self.until(lambda: len(self.get("/api/v1/workers")["items"]) == 2)

    def start(self, *words):
        log = open(f"{self.home}/log", "ab")
        self.processes.append(subprocess.Popen([self.dtf, *words], stdout=log, stderr=log))

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return json.load(answer)
        except OSError:
            return None

    def until(self, true):
        end = time.monotonic() + 60
        while not true():
            if time.monotonic() > end:
                sys.exit(pathlib.Path(f"{self.home}/log").read_text())
            time.sleep(0.1)

    def suite(self, source, python, suite, durations):
        generate = [self.dtf, "generate", "--from-pytest", suite or ".", "--python", python]
        more = ["--durations", durations, "--submit", "--coordinator", self.url, "--wait"]
        begun = time.monotonic()
        done, output = call([*generate, *more, "--output", "json"], cwd=source)
        seconds = time.monotonic() - begun
        if not done.stdout.strip():
            sys.exit(f"no test ran in {source}:\n{output[-6000:]}")
        run = json.loads(done.stdout)["rows"][0]["test"].partition(".")[0]
        found, shards = dict.fromkeys(KINDS, 0), 0
        for attempt in self.get(f"/api/v1/attempts?run={run}&limit=1000")["items"]:
            shards += 1
            junit = (attempt.get("detail") or {}).get("junit")
            if junit is None:
                print(f"  {attempt['name']}: {attempt['outcome']}: {attempt['detail'].get('message')}")
                continue
            found["failed"] += junit["failures"]
            found["error"] += junit["errors"]
            found["skipped"] += junit["skipped"]
            found["passed"] += junit["tests"] - junit["failures"] - junit["errors"] - junit["skipped"]
        return found, seconds, shards

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=60)
        shutil.rmtree(self.home, ignore_errors=True)


def main():
    usual = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtf", default="target/debug/dtf", type=pathlib.Path)
    parser.add_argument("--cache", default=usual / "dtf-build/suites", type=pathlib.Path)
    parser.add_argument("--environments", default=usual / "dtf-build/environments")
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=", ".join(SUITES))
    args = parser.parse_args()
    names = args.names or list(SUITES)
    ready = {name: prepared(args.cache.resolve(), name) for name in names}
    lab = Lab(str(args.dtf.resolve()), str(args.environments))
    wrong = []
    try:
        for name in names:
            source, python = ready[name]
            suite = SUITES[name][1]
            first, first_seconds, report = plain(source, python, suite)
            # The first run builds the environments, and the second is timed.
            lab.suite(source, python, suite, report)
            second, seconds, shards = lab.suite(source, python, suite, report)
            summaries = ["/".join(str(found[kind]) for kind in KINDS) for found in (first, second)]
            print(f"{name}: pytest {summaries[0]} in {first_seconds:.1f} s, dtf {summaries[1]} in "
                  f"{seconds:.1f} s and {shards} shards", flush=True)
            if first != second:
                wrong.append(name)
    finally:
        lab.stop()
    if wrong:
        sys.exit(f"different results: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
