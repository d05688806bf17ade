"""Tests of the model configurations that dtf carries, against the installed transformers.

Each is built as the script of its family builds it, on torch's meta device, which allocates
nothing. They need a release at least as new as the one that the families were read from.
"""

import functools
import importlib.util
import types

import pytest
import test_family_templates  # noqa: F401  (it completes the table of families)

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from test_templates import CATALOGUE, TEMPLATES, configuration, index, render, split  # noqa: E402

yaml = pytest.importorskip("yaml")

OLDEST = (5, 23)
if tuple(int(part) for part in transformers.__version__.split(".")[:2]) < OLDEST:
    pytest.skip(f"transformers is older than {OLDEST}", allow_module_level=True)

# Allowed difference between a published count and that of the built model: heads, and rounding.
ALLOWED = 0.02
REAL = sorted(name for name in index() if not name.startswith("dtf/"))
FAMILIES = yaml.safe_load((TEMPLATES / "families.yaml").read_text(encoding="utf-8"))["model_types"]


@functools.cache
def script(family, model_type):
    """The script of a family as a module, with the configuration left open."""
    source = render(family, config={}, model_type=model_type)
    module = types.ModuleType(family)
    exec(compile(source, family, "exec"), module.__dict__)
    return module


def family_of(name):
    if index()[name].get("library") == "sentence-transformers":
        return "embedding"
    return FAMILIES[configuration(name)["model_type"]]["family"]


def test_the_catalogue_has_enough_models():
    assert len(REAL) >= 60
    files = {entry["file"] for entry in index().values()}
    assert files == {path.name for path in CATALOGUE.glob("*.json")}
    covered = {family_of(name) for name in REAL}
    known = {path.parent.name for path in TEMPLATES.glob("*/test.py.j2")}
    # Pipelines are published in parts; configurations of these are too long to carry.
    assert known - covered <= {"diffusion", "time_series"}


@pytest.mark.parametrize("name", REAL)
def test_the_model_has_as_many_parameters_as_published(name):
    config = configuration(name)
    module = script(family_of(name), config["model_type"])
    module.CONFIG = config
    built = module.build_config(transformers)
    with torch.device("meta"):
        model = module.auto_class(transformers).from_config(built)
    count = sum(parameter.numel() for parameter in model.parameters())
    published = index()[name]["parameters"]
    assert abs(count - published) <= ALLOWED * published, f"{count:,} instead of {published:,}"
