"""Runs one shard of a pytest suite, and writes what became of each of its items.

Written by `dtf generate --from-pytest`, and run in the suite's root directory with one argument,
the JSON file of the shard, in which paths are relative to that directory:
  archive       tar file with files of the suite that are placed first, or null
  ids           node ids of the items, in the order of the suite
  files         files that hold them; absent: `args` are collected
  args          what the suite's own run of pytest was given
  options       further options, as the person gave them
  settings      settings file of pytest, or null where the suite has none
  conftests_from  directory above which no conftest.py is read
  directory     directory that pytest is started in
  cwd_on_path   whether modules are looked up there, as `python -m pytest` does
  paths         further directories in which modules are looked up

Promises: `report.xml` holds at least one case for each item. An item that cannot be collected,
is not found, or did not run to its end is an error there; one whose file was skipped as a whole
is skipped. Only when no item ran at all there are fewer cases than items, with the causes. The
exit code is pytest's, and 1 where that would hide such an error.
Limits: MAX_TEXT characters for each text; the standard library, Python 3.8, pytest 6.
"""

import json
import os
import pathlib
import re
import sys
import tarfile
import time
from xml.sax.saxutils import escape, quoteattr

MAX_TEXT = 16000
# Characters that XML cannot hold.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REPORT = "report.xml"


def clean(text):
    text = text if len(text) <= MAX_TEXT else text[: MAX_TEXT // 2] + "\n…\n" + text[-MAX_TEXT // 2 :]
    return ILLEGAL.sub(lambda found: f"#x{ord(found.group()):02X}", text)


def case_of(nodeid):
    """Class and name of an item, as pytest writes them into JUnit files."""
    plain, bracket, parameters = nodeid.partition("[")
    file, *names = plain.split("::")
    module = file[:-3] if file.endswith(".py") else file
    if not names:
        return "", module.replace("/", ".") + bracket + parameters
    name = names.pop()
    return ".".join([module.replace("/", "."), *names]), name + bracket + parameters


class Case:
    """What is known of one item."""

    def __init__(self, nodeid):
        self.nodeid = nodeid
        self.seconds = 0.0
        self.ended = False
        self.result = None
        self.message = ""
        self.text = ""
        self.reruns = []
        self.more = []

    def take(self, report):
        self.seconds += getattr(report, "duration", 0.0) or 0.0
        # A rerun by a plug-in, or one of several parts of an item, is not its end.
        if report.outcome == "rerun":
            self.reruns.append(reason(report))
        elif report.failed:
            tag = "failure" if report.when == "call" else "error"
            if report.when == "teardown" and self.result not in (None, "passed"):
                self.more.append((tag, reason(report), full(report)))
            elif report.when == "teardown" and self.result == "passed":
                self.more.append((tag, reason(report), full(report)))
            elif self.result not in ("failure", "error"):
                self.result, self.message, self.text = tag, reason(report), full(report)
        elif report.skipped and self.result in (None, "passed"):
            self.result, self.message = "skipped", reason(report)
        elif report.passed and report.when == "call" and self.result is None:
            self.result = "passed"
        if report.when == "teardown":
            self.ended = True

    def set(self, result, message, text=""):
        self.result, self.message, self.text, self.ended = result, message, text, True

    def lines(self):
        group, name = case_of(self.nodeid)
        if self.result is None or not self.ended:
            if self.result in (None, "passed"):
                self.set("error", "it did not run to its end")
        yield from one_case(group, name, self.seconds, self.result, self.message, self.text, self.reruns)
        for tag, message, text in self.more:
            yield from one_case(group, name, 0.0, tag, message, text, [])


def one_case(group, name, seconds, result, message, text, reruns):
    yield (
        f"<testcase classname={quoteattr(clean(group))} name={quoteattr(clean(name))} "
        f'time="{seconds:.3f}">'
    )
    if result != "passed":
        body = escape(clean(text))
        yield f"<{result} message={quoteattr(clean(message))}>{body}</{result}>"
    tag = "flakyFailure" if result == "passed" else "rerunFailure"
    for rerun in reruns:
        yield f"<{tag} message={quoteattr(clean(rerun))}/>"
    yield "</testcase>"


def full(report):
    return getattr(report, "longreprtext", None) or str(report.longrepr or "")


def reason(report):
    if hasattr(report, "wasxfail"):
        return f"xfail: {report.wasxfail}"
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[-1])
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    lines = [line for line in full(report).splitlines() if line.strip()]
    return lines[-1] if lines else report.outcome


def neutral(namespace):
    """Options that would stop early, spread the work again, or judge a part as the whole."""
    values = {"maxfail": 0, "stepwise": False, "stepwise_skip": False, "numprocesses": None}
    values.update(dist="no", tx=[], cov_source=[], lf=False, failedfirst=False, newfirst=False)
    values.update(continue_on_collection_errors=True)
    for name, value in values.items():
        if hasattr(namespace, name):
            setattr(namespace, name, value)


def make_plugin(pytest, ids, report):
    class Shard:
        def __init__(self):
            self.cases = {nodeid: Case(nodeid) for nodeid in ids}
            self.files_failed = {}
            self.files_skipped = {}
            self.collected = set()
            self.begun = time.time()

        @pytest.hookimpl(hookwrapper=True)
        def pytest_load_initial_conftests(self, early_config):
            neutral(early_config.known_args_namespace)
            yield

        @pytest.hookimpl(hookwrapper=True)
        def pytest_cmdline_main(self, config):
            neutral(config.option)
            yield

        def pytest_configure(self, config):
            config.addinivalue_line("markers", "dtf(**keys): what dtf needs to run a test")

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_collection_modifyitems(self, config, items):
            yield
            chosen, others = [], []
            for item in items:
                mine = item.nodeid in self.cases
                if not mine:
                    # A file that was skipped as a whole where the suite was listed.
                    whole = item.nodeid.partition("::")[0]
                    mine = whole in self.cases
                    if mine:
                        self.cases[item.nodeid] = Case(item.nodeid)
                        self.collected.add(whole)
                (chosen if mine else others).append(item)
                if mine:
                    self.collected.add(item.nodeid)
            if others:
                config.hook.pytest_deselected(items=others)
            items[:] = chosen

        def pytest_collectreport(self, report):
            if report.failed:
                self.files_failed[report.nodeid] = (reason(report), full(report))
            elif report.skipped:
                self.files_skipped[report.nodeid] = reason(report)

        def pytest_runtest_logreport(self, report):
            case = self.cases.get(report.nodeid)
            if case is None:
                case = self.cases[report.nodeid] = Case(report.nodeid)
            case.take(report)

        def whole(self, found, nodeid):
            """Report of a collector that contains the item, if pytest sent one."""
            around = [nodeid, *(nodeid[: at.start()] for at in re.finditer("::|/", nodeid))]
            return next((found[name] for name in around if name in found), None)

        def finish(self):
            """Reports the outcome of every item and returns the number of items that did not run."""
            lost, given = 0, len(self.cases)
            for nodeid in list(self.cases):
                case = self.cases[nodeid]
                if nodeid in self.collected and "::" not in nodeid and case.result is None:
                    # Each of its items has a separate case.
                    del self.cases[nodeid]
                elif nodeid not in self.collected and case.result is None:
                    failed = self.whole(self.files_failed, nodeid)
                    skipped = self.whole(self.files_skipped, nodeid)
                    if failed:
                        case.set("error", failed[0], failed[1])
                        lost += 1
                    elif skipped is not None:
                        case.set("skipped", skipped)
                    else:
                        case.set("error", "listed when the plan was made, but not collected here")
                        lost += 1
                elif case.result is None or not case.ended:
                    lost += 1
            if lost == given and not any(case.seconds for case in self.cases.values()):
                self.only_causes(given)
            self.write()
            return lost

        def only_causes(self, given):
            """Nothing ran: fewer cases than items, one for each cause, so that this is an error
            around the tests and not their failure."""
            causes = {}
            for case in self.cases.values():
                causes.setdefault(case.message, case)
            kept = list(causes.values())[: max(given - 1, 0)]
            self.cases = {case.nodeid: case for case in kept}

        def write(self):
            lines = [line for case in self.cases.values() for line in case.lines()]
            counts = {tag: sum(line.startswith(f"<{tag} ") for line in lines)
                      for tag in ("testcase", "failure", "error", "skipped")}
            head = (
                f'<testsuite name="pytest" tests="{counts["testcase"]}" failures="{counts["failure"]}" '
                f'errors="{counts["error"]}" skipped="{counts["skipped"]}" '
                f'time="{time.time() - self.begun:.3f}">'
            )
            text = "\n".join(['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", head, *lines,
                              "</testsuite>", "</testsuites>", ""])
            # Whole or not at all: a test may end this process.
            unfinished = report.with_name(report.name + ".part")
            unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
            os.replace(unfinished, report)

    return Shard()


def arguments(shard, top):
    """The command line of pytest, with the roots of the suite and not of the directories above."""
    at = lambda path: str(top / path)
    settings = top / shard["settings"] if shard["settings"] else None
    if settings is None:
        settings = top / "dtf-plan" / "no-settings.ini"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text("", encoding="utf-8")
    words = [*shard["options"], "-c", str(settings), f"--rootdir={top}"]
    words += [f"--confcutdir={at(shard['conftests_from'])}", "-o", f"cache_dir={top / '.dtf-cache'}"]
    return words + [at(path) for path in shard["files"] or shard["args"]]


def unpack(archive, top):
    with tarfile.open(archive) as packed:
        more = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(top, **more)


def main():
    top = pathlib.Path.cwd()
    shard = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    if shard["archive"]:
        unpack(top / shard["archive"], top)
    # As if pytest had been started itself.
    here = pathlib.Path(__file__).resolve().parent
    if sys.path and pathlib.Path(sys.path[0] or ".").resolve() == here:
        del sys.path[0]
    paths = [str(top / path) for path in shard["paths"]]
    if paths:
        given = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(paths + ([given] if given else []))
        sys.path[:0] = paths
    directory = top / shard["directory"]
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    if shard["cwd_on_path"]:
        sys.path.insert(0, os.getcwd())
    import pytest

    words = arguments(shard, top)
    sys.argv = ["pytest", *words]
    plugin = make_plugin(pytest, shard["ids"], top / REPORT)
    print(f"{len(shard['ids'])} items: pytest {' '.join(words)}", flush=True)
    code = 1
    try:
        code = int(pytest.main(words, plugins=[plugin]))
    finally:
        lost = plugin.finish()
        if lost:
            print(f"{lost} of {len(shard['ids'])} items did not run to their end", flush=True)
    # 5: nothing was collected, which is right where whole files were skipped.
    if code in (0, 5):
        code = 1 if lost else 0
    sys.exit(code)


if __name__ == "__main__":
    main()
