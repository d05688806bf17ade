"""Tests of the script that asks pytest about a suite (src/gather/pytest/collect.py)."""

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "src/gather/pytest/collect.py"


def ask(directory, *arguments, mode="list", root=None, cwd_on_path=True, env=()):
    out = directory / "answer.json"
    out.unlink(missing_ok=True)
    more = ["--collect-only", "-q", "-o", f"cache_dir={directory / '.cache'}"]
    question = {
        "mode": mode,
        "out": str(out),
        "args": [*(more if mode == "list" else []), *arguments],
        "cwd_on_path": cwd_on_path,
        "root": str(root or directory),
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(question)],
        cwd=directory,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **dict(env)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    strict = {"parse_constant": lambda name: pytest.fail(f"{name} is not JSON")}
    answer = json.loads(out.read_text(encoding="utf-8"), **strict) if out.exists() else None
    return done, answer


def files(directory, **texts):
    for name, text in texts.items():
        write(directory / name, text)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ids(answer):
    return [item["id"] for item in answer["items"]]


def keys(answer, kind, end):
    return next(item[kind] for item in answer["items"] if item["id"].endswith(end))


SUITE = """
import math
import pytest

pytestmark = pytest.mark.dtf(memory="2GiB")


@pytest.mark.cuda
@pytest.mark.tolerance(math.inf, math.nan, object(), key=lambda: 0)
class TestIt:
    @pytest.mark.dtf(memory="4GiB", labels={"owner": "x"}, cpu=float("inf"))
    @pytest.mark.parametrize("value", [1, "a::b", object(), float("nan")])
    def test_that(self, value):
        raise AssertionError("collecting runs nothing")
"""


def test_items_come_with_the_markers_of_dtf_nearest_first(tmp_path):
    write(tmp_path / "tests/test_x.py", SUITE)
    done, answer = ask(tmp_path, "tests")
    assert done.returncode == 0, done.stdout
    first, second, third, fourth = answer["items"]
    assert first["id"] == "tests/test_x.py::TestIt::test_that[1]"
    assert first["file"] == "tests/test_x.py"
    assert second["id"] == "tests/test_x.py::TestIt::test_that[a::b]"
    assert "value2" in third["id"] and "nan" in fourth["id"]
    dtf = [m["kwargs"] for m in first["markers"] if m["name"] == "dtf"]
    assert [kwargs["memory"] for kwargs in dtf] == ["4GiB", "2GiB"]
    assert dtf[0]["cpu"] == "inf", "what JSON lacks is text"
    # The arguments of other markers are not reported.
    others = {m["name"]: (m["args"], m["kwargs"]) for m in first["markers"] if m["name"] != "dtf"}
    assert others == {name: ([], {}) for name in ("cuda", "tolerance", "parametrize")}


@pytest.mark.parametrize("settings", ["pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", None])
def test_the_root_is_that_of_pytest(tmp_path, settings):
    texts = {
        "pytest.ini": "[pytest]\n",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "tox.ini": "[pytest]\n",
        "setup.cfg": "[tool:pytest]\n",
    }
    project = tmp_path / "project"
    write(project / "tests/unit/test_x.py", "def test_x(): pass\n")
    if settings:
        write(project / settings, texts[settings])
    _, answer = ask(tmp_path, "project/tests/unit", mode="root")
    expected = {"root": str(project), "settings": str(project / settings)} if settings else {
        "root": str(tmp_path), "settings": None}
    assert answer == expected


def test_without_arguments_the_paths_of_the_settings_are_collected(tmp_path):
    write(tmp_path / "pytest.ini", "[pytest]\ntestpaths = tests\n")
    write(tmp_path / "tests/test_x.py", "def test_x(): pass\n")
    write(tmp_path / "bench/test_y.py", "raise RuntimeError\n")
    _, answer = ask(tmp_path)
    assert ids(answer) == ["tests/test_x.py::test_x"]
    assert answer["args"] == [str(tmp_path / "tests")]


def test_options_that_select_or_distribute_items_are_named(tmp_path):
    write(tmp_path / "pytest.ini", "[pytest]\naddopts = --ff -x --strict-markers -p no:junitxml\n")
    write(tmp_path / "test_x.py", "import pytest\n@pytest.mark.dtf(cpu=1)\ndef test_x(): pass\n")
    done, answer = ask(tmp_path)
    assert ids(answer) == ["test_x.py::test_x"], done.stdout
    assert answer["options"] == ["-x or --maxfail", "--lf or --ff"]


GROUPS = """
import unittest
import pytest

STATE = []
TABLE = {"a": 1}
counter = 0


@pytest.fixture(scope="module")
def database():
    return []


def note(value):
    STATE.append(value)


def test_appends():
    note(1)


def test_reads():
    assert STATE == [1]


def test_counts():
    global counter
    counter += 1


def test_counted():
    assert counter == 1


def test_stores(database):
    database.append(1)


def test_stored(database):
    assert database


def test_alone():
    assert len("a") == 1


@pytest.mark.parametrize("key", TABLE)
def test_table(key):
    assert key


class TestSteps:
    def test_one(self):
        pass

    class TestInner:
        def test_two(self):
            pass


class Case(unittest.TestCase):
    def test_three(self):
        pass


@pytest.mark.xdist_group("one")
def test_grouped():
    pass


@pytest.mark.xdist_group(name="one")
def test_grouped_too():
    pass
"""


def test_items_that_share_state_have_keys_in_common(tmp_path):
    write(tmp_path / "test_x.py", GROUPS)
    _, answer = ask(tmp_path)

    def near(name):
        return set(keys(answer, "near", name))

    assert near("::test_appends") & near("::test_reads") == {"variable STATE"}
    assert near("::test_counts") & near("::test_counted") == {"variable counter"}
    assert near("::test_stores") & near("::test_stored") == {"fixture database"}
    assert near("::test_alone") == near("::test_table[a]") == set()
    assert near("::test_one") & near("::test_two") == {"class test_x.py::TestSteps"}
    assert near("::test_three") == {"class test_x.py::Case"}
    assert keys(answer, "together", "::test_grouped") == ["group one"]
    assert keys(answer, "together", "::test_grouped_too") == ["group one"]


CHAIN = """
import pytest

@pytest.mark.dependency()
def test_export():
    pass

@pytest.mark.dependency(depends=["test_export"])
def test_load():
    pass

@pytest.mark.dependency(name="run", depends=["test_load"])
def test_run():
    pass

def test_other():
    pass
"""
FAR = """
import pytest

@pytest.mark.dependency(depends=["test_a.py::test_export"], scope="session")
def test_far():
    pass

@pytest.mark.dependency(depends=["test_export"])
def test_not_here():
    pass
"""


def test_items_that_depend_on_others_are_connected_with_them(tmp_path):
    write(tmp_path / "pytest.ini", "[pytest]\nmarkers = dependency\n")
    files(tmp_path, **{"test_a.py": CHAIN, "test_b.py": FAR})
    _, answer = ask(tmp_path)

    def together(name):
        return set(keys(answer, "together", name))

    assert together("::test_export") & together("::test_load")
    assert together("::test_load") & together("::test_run")
    assert together("::test_export") & together("::test_far")
    assert together("::test_other") == together("::test_not_here") == set()


def test_files_with_their_own_order_stay_together(tmp_path):
    ordered = "import pytest\n@pytest.mark.order(2)\ndef test_x(): pass\ndef test_y(): pass\n"
    files(tmp_path, **{"test_a.py": ordered, "test_b.py": ordered, "test_c.py": "def test_z(): pass"})
    _, answer = ask(tmp_path)
    assert [item["together"] for item in answer["items"]] == [["order"]] * 4 + [[]]


def test_imported_packages_are_listed_with_installed_versions(tmp_path):
    write(tmp_path / "helpers.py", "import pluggy, json\n")
    write(tmp_path / "unused.py", "import packaging\n")
    made_up = "import sys, types\nsys.modules['x'] = types.ModuleType('x')\n"
    made_up += "sys.modules['x'].__file__ = 'not_there.py'\n"
    write(tmp_path / "conftest.py", made_up)
    code = "def test_it():\n    import iniconfig\n    pytest.importorskip('_pytest')\n"
    write(tmp_path / "test_x.py", "import helpers, pytest\n" + code)
    done, answer = ask(tmp_path)
    assert done.returncode == 0, done.stdout
    listed = {one["name"]: one for one in answer["distributions"]}
    assert {"iniconfig", "pluggy", "pytest"} <= set(listed)
    assert not {"packaging", "helpers", "json"} & set(listed)
    assert listed["pytest"]["requirement"] == f"pytest=={pytest.__version__}"
    assert answer["python"] == ".".join(map(str, sys.version_info[:2]))


def install(site, name, version, direct, code="", more=()):
    info = site / f"{name}-{version}.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    write(info / "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    write(site / f"{name}.py", code)
    record = [f"{name}.py,,", *(f"{info.name}/{file},," for file in ("METADATA", "WHEEL", "RECORD"))]
    if direct:
        write(info / "direct_url.json", json.dumps(direct))
        record.append(f"{info.name}/direct_url.json,,")
    write(info / "RECORD", "\n".join([*record, *more, ""]))


def test_packages_without_an_index_are_marked_and_others_are_named(tmp_path):
    site, project = tmp_path / "site-packages", tmp_path / "project"
    project.mkdir()
    url = f"file://{tmp_path}/source"
    commit = {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "main"}
    install(site, "fromfolder", "1.0", {"url": url, "dir_info": {}}, "import needed\n")
    install(site, "fromgit", "2.0", {"url": "https://example.org/r.git", "vcs_info": commit})
    archive = {"url": "https://example.org/a.zip", "archive_info": {"hashes": {"sha256": "ab"}}}
    install(site, "fromarchive", "3.0", archive)
    install(site, "fromindex", "4.0+cu128", None)
    install(site, "atruntime", "5.0", None)
    install(site, "needed", "6.0", None)
    conda = {"url": "file:///croot/fromconda_1/work", "dir_info": {}}
    install(site, "fromconda", "7.0", conda)
    write(site / "fromconda-7.0.dist-info/INSTALLER", "conda\n")
    names = "fromfolder, fromgit, fromarchive, fromindex, fromconda"
    code = f"import pytest, {names}\npytest.importorskip('atruntime')\ndef test_x(): pass\n"
    write(project / "test_x.py", code)
    _, answer = ask(project, env={"PYTHONPATH": str(site)}.items())
    listed = {one["name"]: one for one in answer["distributions"]}
    assert listed["fromfolder"]["pack"] and listed["fromfolder"]["from"] == f"{tmp_path}/source"
    others = {name: one["requirement"] for name, one in listed.items() if not one["pack"]}
    assert others["fromgit"] == "fromgit @ git+https://example.org/r.git@c0ffee"
    assert others["fromarchive"] == "fromarchive @ https://example.org/a.zip#sha256=ab"
    assert others["fromindex"] == "fromindex==4.0"
    assert others["fromconda"] == "fromconda==7.0"
    assert others["atruntime"] == "atruntime==5.0"
    assert others["needed"] == "needed==6.0", "imported by what no index describes"


def test_the_search_path_of_imported_code_is_reported(tmp_path):
    files(tmp_path, **{
        "conftest.py": "import pytest\n",
        "pytest.ini": "[pytest]\npythonpath = src\n",
        "unused.py": "",
        "src/mylib/__init__.py": "",
        "given/other.py": "",
        "tests/conftest.py": "",
        "tests/test_x.py": "import mylib, other\ndef test_it(): pass\n",
    })
    done, answer = ask(tmp_path, "tests", env={"PYTHONPATH": str(tmp_path / "given")}.items())
    assert done.returncode == 0, done.stdout
    imported = {one["file"]: (one["place"], one["conftest"]) for one in answer["imported"]}
    assert imported == {
        "conftest.py": ("", True),
        "tests/conftest.py": ("tests", True),
        "tests/test_x.py": ("tests", False),
        "src/mylib/__init__.py": ("src", False),
        "given/other.py": ("given", False),
    }
    # Paths that pytest adds are not reported, since it adds them again.
    assert answer["paths"] == ["given", "."] or answer["paths"] == ["given"]
    assert answer["conftests_from"] == str(tmp_path)
    assert answer["outside"] == []


def test_a_suite_inside_its_package_is_collected_from_the_root(tmp_path):
    files(tmp_path, **{
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "pkg/__init__.py": "",
        "pkg/typing.py": "raise ImportError('hides the module of Python')\n",
        "pkg/core.py": "x = 1\n",
        "pkg/tests/__init__.py": "",
        "pkg/tests/test_core.py": "from ..core import x\ndef test_x(): assert x\n",
    })
    _, answer = ask(tmp_path, "pkg/tests")
    assert ids(answer) == ["pkg/tests/test_core.py::test_x"]
    # Started inside the package, where its modules hide those of Python.
    _, answer = ask(tmp_path / "pkg", "tests", root=tmp_path, cwd_on_path=False)
    assert ids(answer) == ["pkg/tests/test_core.py::test_x"]


def test_skipped_and_broken_files_are_reported(tmp_path):
    write(tmp_path / "test_a.py", "import pytest\npytest.importorskip('nothing_of_this_name')\n")
    write(tmp_path / "test_b.py", "import nothing_of_this_name\n")
    write(tmp_path / "test_c.py", "def test_c(): pass\n")
    _, answer = ask(tmp_path)
    assert [error["id"] for error in answer["errors"]] == ["test_b.py"]
    assert "nothing_of_this_name" in answer["errors"][0]["text"]
    assert ids(answer) == ["test_c.py::test_c", "test_a.py"]
    # If pytest itself would continue, the file is one of the cases.
    _, answer = ask(tmp_path, "--continue-on-collection-errors")
    assert ids(answer) == ["test_c.py::test_c", "test_a.py", "test_b.py"]
    assert answer["errors"] == []


def test_variables_that_the_suite_reads_are_reported(tmp_path):
    code = "import os\nos.environ['SUITE_A']\nos.getenv('SUITE_B')\nos.environ.get('SUITE_C')\n"
    code += "a = dict(os.environ)\nb = os.environ.copy()\nc = {**os.environ}\n"
    write(tmp_path / "test_x.py", code + "def test_x(): os.environ['SUITE_D']\n")
    env = {"SUITE_A": "1", "SUITE_B": "2", "SUITE_D": "4", "PYTEST_ADDOPTS": "-v"}
    _, answer = ask(tmp_path, env=env.items())
    assert answer["variables"] == ["SUITE_A", "SUITE_B"]
    assert answer["pytest_variables"] == {"PYTEST_ADDOPTS": "-v"}


def test_numbers_that_json_lacks_are_text():
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import collect
    finally:
        sys.path.pop(0)
    assert collect.plain([1, 2.5, math.nan, {"a": (None, True)}, {1}]) == [
        1, 2.5, "nan", {"a": [None, True]}, "{1}"]
