"""Tests that templates/families.yaml agrees with the installed transformers.

They need a release at least as new as the one that the table was read from; without it
they are skipped, because an older one does not know every type.
"""

import pathlib
import subprocess
import sys

import pytest

yaml = pytest.importorskip("yaml")
transformers = pytest.importorskip("transformers")

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import families  # noqa: E402

OLDEST = (5, 23)
if tuple(int(part) for part in transformers.__version__.split(".")[:2]) < OLDEST:
    pytest.skip(f"transformers is older than {OLDEST}", allow_module_level=True)

# The mappings of each family. One of them must contain each type of the family, except exceptions.
EVIDENCE = {}
for mapping, family, _task in families.RULES:
    EVIDENCE.setdefault(family, set()).add(mapping)
EVIDENCE["decoder_moe"] = EVIDENCE["decoder_ssm"] = EVIDENCE["decoder_llm"]


@pytest.fixture(scope="module")
def types():
    return families.mappings()


@pytest.fixture(scope="module")
def table():
    return families.load()


def test_the_mappings_are_read(types):
    assert len(types) > 600
    assert {"", "CAUSAL_LM", "MASKED_LM"} <= types["bert"]
    # A mapping that transformers renames would silently decide nothing.
    held = set().union(*types.values())
    assert {mapping for mapping, _family, _task in families.RULES} <= held


def test_every_type_is_named(table, types):
    named = {*table["model_types"], *table["unsupported"]}
    assert set(types) - named == set()


def test_no_type_is_named_twice(table):
    assert set(table["model_types"]) & set(table["unsupported"]) == set()


def test_no_type_is_unknown(table, types):
    named = {*table["model_types"], *table["unsupported"]}
    assert named - set(types) == families.NOT_MAPPED


def test_a_mapping_supports_each_family(table, types):
    for model_type, row in table["model_types"].items():
        if model_type in families.EXCEPTIONS or model_type in families.NOT_MAPPED:
            continue
        assert types[model_type] & EVIDENCE[row["family"]], model_type


def test_tasks_belong_to_their_families(table):
    known = table["families"]
    rows = [(row["family"], row["task"]) for row in table["model_types"].values()]
    rules = [(family, task) for _mapping, family, task in families.RULES]
    exceptions = [(family, task) for family, task, *_ in families.EXCEPTIONS.values()]
    for family, task in rows + rules + exceptions:
        assert task in known[family]["tasks"], (family, task)


def test_reasons_are_given(table):
    assert all(reason.strip() for reason in table["unsupported"].values())
    assert all(reason.strip() for _family, _task, reason in families.EXCEPTIONS.values())


def test_exceptions_are_needed(types, monkeypatch):
    exceptions = families.EXCEPTIONS
    assert len(exceptions) == sum(len(entry[3].split()) for entry in families.CURATED)
    monkeypatch.setattr(families, "EXCEPTIONS", {})
    for model_type, (family, task, _reason) in exceptions.items():
        assert families.derive(model_type, types[model_type]) != (family, task), model_type


def test_table_and_package_agree(table, types):
    assert list(families.problems(table, types)) == []


@pytest.mark.parametrize(
    ("section", "model_type", "row", "error"),
    [
        ("model_types", "gpt2", None, "gpt2: missing (decoder_llm, text-generation)"),
        ("unsupported", "moshi", None, "moshi: missing (decoder_llm, text-generation)"),
        ("unsupported", "tvp", None, "tvp: missing (no mapping: add it"),
        ("unsupported", "bert", "?", "bert: has a family, and is in unsupported"),
        ("unsupported", "gpt99", "?", "gpt99: transformers does not know it"),
        (
            "model_types",
            "bert",
            {"family": "decoder_llm", "task": "text-generation"},
            "bert: decoder_llm, text-generation contradicts transformers (text_encoder, fill-mask)",
        ),
        (
            "model_types",
            "mixtral",
            {"family": "decoder_llm", "task": "text-generation"},
            "mixtral: decoder_llm, text-generation contradicts transformers (decoder_moe",
        ),
    ],
)
def test_each_error_is_reported(types, section, model_type, row, error):
    table = families.load()
    table[section].pop(model_type, None)
    if row:
        table[section][model_type] = row
    reported = list(families.problems(table, types))
    assert len(reported) == 1
    assert reported[0].startswith(error)


def test_missing_types_are_written_in_place(table, types, tmp_path, monkeypatch):
    whole = families.TABLE.read_text(encoding="utf-8")
    gone = ("bert:", "xlm:", "mixtral:", "vits:", "qwen2_vl_text:")
    kept = [line for line in whole.splitlines() if not line.strip().startswith(gone)]
    copy = tmp_path / "families.yaml"
    copy.write_text("\n".join(kept) + "\n", encoding="utf-8")
    monkeypatch.setattr(families, "TABLE", copy)
    assert families.write(families.load(), types) == len(gone)
    assert copy.read_text(encoding="utf-8") == whole
    assert families.write(families.load(), types) == 0


def test_the_exit_code_of_check_follows_its_result():
    command = [sys.executable, str(SCRIPTS / "families.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (
        0,
        f"{len(families.mappings())} types agree with transformers\n",
    )
