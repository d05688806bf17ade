"""Tests of the script that runs a shard of a suite (src/plan/pytest/shard.py), and of those that
prepare it (src/gather/pytest/wheels.py, src/gather/pytest/requirements.py)."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SHARD = ROOT / "src/plan/pytest/shard.py"
WHEELS = ROOT / "src/gather/pytest/wheels.py"
ARCHIVE = ROOT / "src/gather/pytest/archive.py"
REQUIREMENTS = ROOT / "src/gather/pytest/requirements.py"


@pytest.fixture(scope="module")
def pip_python(tmp_path_factory):
    """An interpreter with pip, which environments made by uv lack."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        place = tmp_path_factory.mktemp("pip")
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=300)
        return str(place / "bin/python")
    return sys.executable


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(top, ids, files, env=(), **more):
    shard = {
        "archive": None, "ids": ids, "files": files, "args": ["."], "options": [], "settings": None,
        "conftests_from": ".", "directory": ".", "cwd_on_path": True, "paths": [], **more,
    }
    (top / "dtf-plan").mkdir(exist_ok=True)
    shutil.copy(SHARD, top / "dtf-plan/shard.py")
    write(top / "dtf-plan/1.json", json.dumps(shard))
    done = subprocess.run(
        [sys.executable, "dtf-plan/shard.py", "dtf-plan/1.json"],
        cwd=top,
        env={**os.environ, **dict(env)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    report = top / "report.xml"
    cases = {}
    if report.exists():
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            kinds = [child.tag for child in case] or ["passed"]
            name = f"{case.get('classname')}::{case.get('name')}".strip(":")
            cases.setdefault(name, []).extend(kinds)
    return done, cases


SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert 1 == 2, "\\x00 and \\x1b"
def test_skips(): pytest.skip("no")
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.xfail(strict=True)
def test_unexpected(): pass
@pytest.fixture
def broken(): raise RuntimeError("set-up")
def test_error(broken): pass
@pytest.fixture
def untidy():
    yield
    raise RuntimeError("tear-down")
def test_untidy(untidy): pass
def test_not_asked_for(): raise AssertionError
"""
NAMES = ["passes", "fails", "skips", "expected", "unexpected", "error", "untidy"]


def test_every_item_has_an_outcome(tmp_path):
    write(tmp_path / "test_x.py", SUITE)
    done, cases = run(tmp_path, [f"test_x.py::test_{name}" for name in NAMES], ["test_x.py"])
    assert done.returncode == 1
    assert {name.rpartition("_")[2]: kinds for name, kinds in cases.items()} == {
        "passes": ["passed"],
        "fails": ["failure"],
        "skips": ["skipped"],
        "expected": ["skipped"],
        "unexpected": ["failure"],
        "error": ["error"],
        # pytest counts both: the test passed, and its teardown is an error.
        "untidy": ["passed", "error"],
    }


def test_a_file_that_cannot_be_collected_does_not_prevent_others_from_running(tmp_path):
    write(tmp_path / "test_a.py", "import nothing_of_this_name\n")
    write(tmp_path / "test_b.py", "def test_b(): pass\n")
    write(tmp_path / "test_c.py", "import pytest\npytest.importorskip('nothing_of_this_name')\n")
    ids = ["test_a.py::test_1", "test_a.py::test_2", "test_b.py::test_b", "test_b.py::test_gone",
           "test_c.py::TestIt::test_c"]
    done, cases = run(tmp_path, ids, ["test_a.py", "test_b.py", "test_c.py"])
    assert done.returncode == 1
    assert cases == {
        "test_a::test_1": ["error"],
        "test_a::test_2": ["error"],
        "test_b::test_b": ["passed"],
        "test_b::test_gone": ["error"],
        "test_c.TestIt::test_c": ["skipped"],
    }
    assert "3 of 5 items did not run to their end" in done.stdout
    text = (tmp_path / "report.xml").read_text(encoding="utf-8")
    assert "No module named" in text and "not collected here" in text


def test_a_shard_that_ran_nothing_has_fewer_cases_than_items(tmp_path):
    write(tmp_path / "test_a.py", "import nothing_of_this_name\n")
    done, cases = run(tmp_path, [f"test_a.py::test_{number}" for number in range(60)], ["test_a.py"])
    assert done.returncode == 1 and cases == {"test_a::test_0": ["error"]}
    assert "60 of 60 items did not run to their end" in done.stdout
    done, cases = run(tmp_path, ["test_a.py::test_1"], ["test_a.py"])
    assert done.returncode == 1 and cases == {}


def test_a_file_that_was_skipped_as_a_whole_is_one_case_or_its_items(tmp_path):
    write(tmp_path / "test_a.py", "import pytest\npytest.importorskip('nothing_of_this_name')\n")
    done, cases = run(tmp_path, ["test_a.py"], ["test_a.py"])
    assert (done.returncode, cases) == (0, {"test_a": ["skipped"]})
    write(tmp_path / "test_a.py", "def test_1(): pass\ndef test_2(): pass\n")
    done, cases = run(tmp_path, ["test_a.py"], ["test_a.py"])
    assert (done.returncode, set(cases)) == (0, {"test_a::test_1", "test_a::test_2"})


@pytest.mark.parametrize("options", [
    "-x", "--maxfail=1", "--lf", "--ff", "--sw", "-p no:junitxml", "-q -q", "--tb=no",
    "--junitxml=own.xml", "--strict-markers", "-p no:cacheprovider", "--deselect test_x.py::test_2",
])
def test_options_of_the_suite_change_nothing(tmp_path, options):
    write(tmp_path / "pytest.ini", f"[pytest]\naddopts = {options}\n")
    write(tmp_path / "test_x.py", "def test_1(): assert 0\ndef test_2(): pass\ndef test_3(): pass\n")
    ids = ["test_x.py::test_1", "test_x.py::test_3"]
    done, cases = run(tmp_path, ids, ["test_x.py"], settings="pytest.ini")
    assert cases == {"test_x::test_1": ["failure"], "test_x::test_3": ["passed"]}, done.stdout
    assert done.returncode == 1


def test_an_early_end_of_the_run_leaves_errors(tmp_path):
    write(tmp_path / "test_x.py", "import pytest\ndef test_1(): pass\ndef test_2(): pytest.exit('x', 0)\n"
                                  "def test_3(): pass\n")
    ids = [f"test_x.py::test_{number}" for number in (1, 2, 3)]
    done, cases = run(tmp_path, ids, ["test_x.py"])
    assert done.returncode == 1
    assert cases == {"test_x::test_1": ["passed"], "test_x::test_2": ["error"],
                     "test_x::test_3": ["error"]}
    (tmp_path / "report.xml").unlink()
    write(tmp_path / "test_x.py", "import os\ndef test_1(): pass\ndef test_2(): os._exit(0)\n")
    _, cases = run(tmp_path, ids, ["test_x.py"])
    assert cases == {}, "no file that seems complete"


def test_settings_and_conftests_above_the_root_are_not_read(tmp_path):
    write(tmp_path / "pytest.ini", "[pytest]\naddopts = --no-such-option\n")
    write(tmp_path / "conftest.py", "raise RuntimeError\n")
    top = tmp_path / "attempt"
    write(top / "conftest.py", "import pytest\n@pytest.fixture\ndef one(): return 1\n")
    write(top / "tests/unit/test_x.py", "def test_1(one): assert one == 1\n")
    done, cases = run(top, ["tests/unit/test_x.py::test_1"], ["tests/unit/test_x.py"])
    assert (done.returncode, list(cases.values())) == (0, [["passed"]]), done.stdout


def test_it_runs_where_it_was_collected(tmp_path):
    write(tmp_path / "pyproject.toml", "[tool.pytest.ini_options]\nxfail_strict = true\n")
    write(tmp_path / "src/mine.py", "")
    code = ("import os, sys, subprocess, mine, pytest\n"
            "def test_1(): assert os.getcwd().endswith('sub')\n"
            "def test_2(): subprocess.run([sys.executable, '-c', 'import mine'], check=True, cwd='/')\n"
            "@pytest.mark.xfail\ndef test_3(): pass\n")
    write(tmp_path / "sub/test_x.py", code)
    ids = [f"sub/test_x.py::test_{number}" for number in (1, 2, 3)]
    done, cases = run(tmp_path, ids, ["sub/test_x.py"], settings="pyproject.toml", directory="sub",
                      paths=["src"])
    assert list(cases.values()) == [["passed"], ["passed"], ["failure"]], done.stdout


def test_packed_files_are_placed_first(tmp_path):
    suite = tmp_path / "suite"
    write(suite / "tests/test_x.py", "import subprocess\ndef test_1(): subprocess.run(['tests/run'], check=True)\n")
    write(suite / "tests/run", "#!/bin/sh\nexit 0\n")
    (suite / "tests/run").chmod(0o755)
    top = tmp_path / "attempt"
    top.mkdir()
    question = {"root": str(suite), "out": str(top / "files.tar.gz"),
                "files": ["tests/test_x.py", "tests/run"]}
    write(tmp_path / "pack.json", json.dumps(question))
    packs = []
    for _ in range(2):
        subprocess.run([sys.executable, str(ARCHIVE), str(tmp_path / "pack.json")], check=True, timeout=60)
        packs.append((top / "files.tar.gz").read_bytes())
    assert packs[0] == packs[1], "equal files give equal archives"
    done, cases = run(top, ["tests/test_x.py::test_1"], ["tests/test_x.py"], archive="files.tar.gz")
    assert (done.returncode, list(cases.values())) == (0, [["passed"]]), done.stdout


def test_options_of_the_user_and_thousands_of_items(tmp_path):
    write(tmp_path / "test_x.py", "import pytest\n@pytest.mark.parametrize('n', range(3000))\n"
                                  "def test_1(n): pass\n")
    ids = [f"test_x.py::test_1[{number}]" for number in range(3000)]
    done, cases = run(tmp_path, ids, ["test_x.py"], options=["-p", "no:faulthandler", "-q"])
    assert (done.returncode, len(cases)) == (0, 3000), done.stdout


def installed(site, name, direct, listed=(), files=()):
    """A distribution as an installer leaves it."""
    info = site / f"{name}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(info / "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n")
    write(info / "direct_url.json", json.dumps(direct))
    for path, text in dict(files).items():
        write(site / path, text)
    own = [f"{info.name}/{file}" for file in ("METADATA", "WHEEL", "direct_url.json", "RECORD")]
    rows = [*own, *dict(files), *listed]
    write(info / "RECORD", "".join(f"{row},,\n" for row in rows))


def pack(tmp_path, name, paths=()):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    question = {"out": str(out), "root": str(tmp_path), "paths": list(paths), "names": [name]}
    done = subprocess.run(
        [sys.executable, str(WHEELS), json.dumps(question)],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site-packages")},
        capture_output=True, text=True, timeout=120, check=True,
    )
    answer = json.loads(done.stdout)[name]
    return answer, out / answer if isinstance(answer, str) else None


def test_an_installed_distribution_is_packed_unchanged(tmp_path, pip_python):
    site = tmp_path / "site-packages"
    direct = {"url": f"file://{tmp_path}/source", "dir_info": {}}
    installed(site, "mine", direct, files={"mine/__init__.py": "broken = True\n", "mine/data.txt": "1"},
              listed=["mine/__pycache__/__init__.cpython-311.pyc"])
    answer, wheel = pack(tmp_path, "mine")
    assert answer == "mine-1.0-py2.py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    info = {f"mine-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    assert names == {"mine/__init__.py", "mine/data.txt", *info}
    first = wheel.read_bytes()
    pack(tmp_path, "mine")
    assert wheel.read_bytes() == first, "equal files give equal wheels"
    target = tmp_path / "target"
    subprocess.run([pip_python, "-m", "pip", "install", "-q", "--no-index", "--target",
                    str(target), str(wheel)], check=True, timeout=120)
    assert (target / "mine/__init__.py").read_text() == "broken = True\n"
    (site / "mine/data.txt").unlink()
    answer, _ = pack(tmp_path, "mine")
    assert "mine/data.txt is recorded but missing" in answer["error"]


def test_an_editable_installation_includes_its_code_unless_it_is_sent(tmp_path):
    site, source = tmp_path / "site-packages", tmp_path / "project/src"
    write(source / "mine/__init__.py", "")
    direct = {"url": f"file://{tmp_path}/project", "dir_info": {"editable": True}}
    installed(site, "mine", direct, files={"_mine.pth": f"{source}\n"})
    _, wheel = pack(tmp_path, "mine")
    assert "mine/__init__.py" in zipfile.ZipFile(wheel).namelist()
    _, wheel = pack(tmp_path, "mine", paths=["project/src"])
    assert all("dist-info" in name for name in zipfile.ZipFile(wheel).namelist())
    finder = f"from x import y\nMAPPING: dict[str, str] = {{'mine': '{source / 'mine'}'}}\nNAMESPACES = {{}}\n"
    installed(site, "mine", direct, files={"__editable___mine_finder.py": finder})
    _, wheel = pack(tmp_path, "mine")
    assert "mine/__init__.py" in zipfile.ZipFile(wheel).namelist()
    assert "_mine.pth" not in zipfile.ZipFile(wheel).namelist()
    installed(site, "other", direct)
    answer, _ = pack(tmp_path, "other")
    assert "cannot determine how" in answer["error"]


REQUIREMENTS_FILE = """\
# locked
-r more.txt
--index-url https://example.org/simple
iniconfig==2.0.0 \\
    --hash=sha256:2d91e135bf72d31a410b17c16da610a82cb55f6b0477d1a902134b24a455b8b3 \\
    --hash=sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374
    # via pytest
packaging==24.2 ; python_version >= "3.8"  # a comment
numpy[extra]>=${LEAST}
direct @ https://example.org/direct-1.0.zip#sha256=ab
-e .
./lib
"""


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path, pip_python):
    write(tmp_path / "requirements.txt", REQUIREMENTS_FILE)
    write(tmp_path / "more.txt", "-c limits.txt\npluggy\n")
    write(tmp_path / "limits.txt", "pluggy<2\n")
    done = subprocess.run([pip_python, str(REQUIREMENTS), str(tmp_path / "requirements.txt")],
                          env={**os.environ, "LEAST": "2"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["requirements"] == [
        "pluggy", "iniconfig==2.0.0", 'packaging==24.2 ; python_version >= "3.8"',
        "numpy[extra]>=2", "direct @ https://example.org/direct-1.0.zip#sha256=ab",
    ]
    assert answer["constraints"] == ["pluggy<2"]
    assert answer["local"] == [".", "./lib"]
    assert any("index-url" in text for text in answer["left_out"])
    assert any("hash" in text for text in answer["left_out"])
    assert len(answer["left_out"]) == 2
    write(tmp_path / "requirements.txt", "pytest --no-such-option\n")
    done = subprocess.run([pip_python, str(REQUIREMENTS), str(tmp_path / "requirements.txt")],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode not in (0, 3) and "no-such-option" in done.stderr
