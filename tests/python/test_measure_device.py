"""Tests the program that measures the speed of a device."""

import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_templates import hooks

SCRIPT = Path(__file__).parents[2] / "src/worker/calibration/measure_device.py"

pytest.importorskip("torch")


def test_the_processor_is_measured_as_a_device():
    question = json.dumps({"prefix": "dtf-x:", **hooks("cpu")})
    call = [sys.executable, "-I", str(SCRIPT), question]
    printed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    [line] = [line for line in printed.splitlines() if line.startswith("dtf-x:")]
    figures = json.loads(line.removeprefix("dtf-x:"))
    assert sorted(figures) == ["compute", "memory"]
    for values in figures.values():
        assert len(values) == 8 and all(1e6 < value < 1e16 for value in values)


def test_a_device_that_torch_does_not_know_is_an_error():
    question = json.dumps({"prefix": "x:", "device": "no such device"})
    done = subprocess.run([sys.executable, "-I", str(SCRIPT), question], capture_output=True, text=True)
    assert done.returncode != 0 and "x:" not in done.stdout
    assert "no such device" in done.stderr


def test_a_window_has_a_value_when_the_process_was_interrupted(monkeypatch):
    spec = importlib.util.spec_from_file_location("measure_device", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Between two readings of the clock, more time passes than a window has.
    readings = itertools.count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(readings)))
    assert module.rates(lambda: None, 10, lambda: None) == [10.0] * module.WINDOWS
