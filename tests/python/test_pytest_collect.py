"""Tests of the plug-in that lists the items of a suite (src/cli/pytest_collect.py)."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

PLUG_IN = pathlib.Path(__file__).parents[2] / "src/cli"

SUITE = """
import pytest

pytestmark = pytest.mark.dtf(memory="2GiB")


@pytest.mark.cuda
class TestIt:
    @pytest.mark.dtf(memory="4GiB", labels={"owner": "x"})
    @pytest.mark.parametrize("value", [1, "a::b", object()])
    def test_that(self, value):
        raise AssertionError("collecting runs nothing")


@pytest.mark.xdist_group("one")
def test_other():
    pass
"""


def collect(folder, *arguments):
    listed = folder / "items.json"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--rootdir=.", "-p",
         "no:cacheprovider", "-p", "pytest_collect", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PLUG_IN), "DTF_COLLECTED": str(listed)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done, json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else None


def test_items_come_with_their_markers_nearest_first(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text(SUITE, encoding="utf-8")
    done, listed = collect(tmp_path, "tests")
    assert done.returncode == 0, done.stdout
    first, second, third, other = listed["items"]
    assert first["id"] == "tests/test_x.py::TestIt::test_that[1]"
    assert second["id"] == "tests/test_x.py::TestIt::test_that[a::b]"
    assert "value2" in third["id"]
    memory = [m["kwargs"]["memory"] for m in first["markers"] if m["name"] == "dtf"]
    assert memory == ["4GiB", "2GiB"]
    assert "cuda" in [marker["name"] for marker in first["markers"]]
    groups = [m["args"] for m in other["markers"] if m["name"] == "xdist_group"]
    assert groups == [["one"]]


def test_what_the_suite_imports_is_listed_as_installed(tmp_path):
    (tmp_path / "helpers.py").write_text("import pluggy, json\n", encoding="utf-8")
    (tmp_path / "unused.py").write_text("import packaging\n", encoding="utf-8")
    made_up = "import sys, types\nsys.modules['x'] = types.ModuleType('x')\n"
    made_up += "sys.modules['x'].__file__ = 'not_there.py'\n"
    (tmp_path / "conftest.py").write_text(made_up, encoding="utf-8")
    code = "def test_it():\n    import iniconfig\n    from helpers import pluggy\n"
    (tmp_path / "test_x.py").write_text("import helpers\n" + code, encoding="utf-8")
    done, listed = collect(tmp_path, ".")
    assert done.returncode == 0, done.stdout
    names = [package.partition("==")[0] for package in listed["packages"]]
    assert {"iniconfig", "pluggy", "pytest"} <= set(names)
    assert not {"packaging", "helpers", "json"} & set(names)
    assert f"pytest=={pytest.__version__}" in listed["packages"]


def test_settings_and_code_beside_the_suite_go_with_it(tmp_path):
    for name, text in {
        "conftest.py": "import pytest\n",
        "pytest.ini": "[pytest]\npythonpath = src\n",
        "unused.py": "",
        "src/mylib/__init__.py": "",
        "tests/conftest.py": "",
        "tests/test_x.py": "import mylib\ndef test_it(): pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done, listed = collect(tmp_path, "tests")
    assert done.returncode == 0, done.stdout
    assert listed["files"] == ["conftest.py", "pytest.ini", "src"]
    assert listed["paths"] == ["src"]
    done, listed = collect(tmp_path, ".")
    assert done.returncode == 0, done.stdout
    assert listed["files"] == listed["paths"] == []


def test_a_suite_that_cannot_be_imported_has_no_items(tmp_path):
    (tmp_path / "test_x.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    done, listed = collect(tmp_path, ".")
    assert done.returncode == 2 and (listed is None or listed["items"] == [])
