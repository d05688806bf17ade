"""Fixtures and options of all tests in this directory."""

import os

# Clean runs must pass, but oneDNN 3.13, which is in torch 2.15, computes wrong results for
# convolutions of 16 channels with a stride of 4 in bf16 on processors with AMX (an rms error of
# 1.1, which the templates detect in tiny-encodec). These are tests of dtf, not of oneDNN, so AMX
# is switched off. oneDNN reads the variable at its first use; other processors ignore it.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16")

# When a person runs the tests, those whose packages are missing are skipped. If everything in
# requirements.txt is installed, as by `make test`, such a skip would hide that nothing is tested.
MISSING = ("could not import", "is older than")
missing = []


def look_for_missing(report):
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if any(words in reason for words in MISSING):
            missing.append(f"{report.nodeid}: {reason}")


pytest_runtest_logreport = pytest_collectreport = look_for_missing


def pytest_sessionfinish(session):
    if missing and os.environ.get("DTF_ALL_PACKAGES") == "1":
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    if missing and os.environ.get("DTF_ALL_PACKAGES") == "1":
        terminalreporter.section("skipped for a package that must be there", red=True)
        for line in missing:
            terminalreporter.write_line(line)
