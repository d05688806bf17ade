"""Tests the record of an interpreter and its check for missing requirements."""

import importlib.util
import json
import platform
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "src/worker/environments/probe_environment.py"


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """The script, in an interpreter with a vendor build of torch and an old transformers."""
    for name, version in [("torch", "2.9.0a0+nv25.8"), ("transformers", "4.50.0")]:
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = importlib.util.spec_from_file_location("probe_environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "requirement, reason",
    [
        ("torch>=2.4", None),
        ("transformers>=4.56", "transformers>=4.56 (4.50.0 is installed)"),
        ("dtf-no-such-package", "dtf-no-such-package (not installed)"),
        ("dtf-no-such-package; sys_platform == 'never'", None),
        ("./wheels/x.whl", "./wheels/x.whl (not a name with a version)"),
    ],
)
def test_an_unmet_requirement_has_its_reason(probe, requirement, reason):
    missing = probe.unmet({"requirements": [requirement]})
    assert missing == ([reason] if reason else [])


def test_the_version_of_python_counts(probe):
    assert probe.unmet({"requirements": [], "python": ">=3.8"}) == []
    missing = probe.unmet({"requirements": [], "python": ">=99"})
    assert missing == [f"python>=99 (this is {platform.python_version()})"]


def test_without_packaging_nothing_is_guessed(probe, monkeypatch):
    for name in ("packaging", "pip._vendor.packaging"):
        monkeypatch.setitem(sys.modules, name, None)
    assert probe.unmet({"requirements": ["torch"]}) == ["packaging (to compare versions)"]


def test_the_record_has_versions_and_on_request_unmet_requirements(probe, capsys):
    probe.main({"distributions": ["torch", "absent"], "wanted": None})
    record = json.loads(capsys.readouterr().out)
    assert record["distributions"] == {"torch": "2.9.0a0+nv25.8", "absent": None}
    assert "missing" not in record
    probe.main({"distributions": [], "wanted": {"requirements": ["torch"], "python": None}})
    assert json.loads(capsys.readouterr().out)["missing"] == []
