"""A plug-in for pytest that lists what was collected, with its markers. It runs no test.

The list goes to the file that DTF_COLLECTED names, as JSON:
{"items": [{"id": "tests/test_x.py::test_it", "markers": [{"name", "args", "kwargs"}]}],
 "packages": ["numpy==2.1.0"], "files": ["conftest.py", "src"], "paths": ["src"]}
"""

import ast
import importlib.metadata
import json
import os
import pathlib
import sys

# Markers whose arguments are about the test itself, and may be anything.
SILENT = {"parametrize", "usefixtures", "filterwarnings", "skipif", "skip", "xfail"}


def told(marker):
    silent = marker.name in SILENT
    return {
        "name": marker.name,
        "args": [] if silent else list(marker.args),
        "kwargs": {} if silent else dict(marker.kwargs),
    }


def own_files(config, here):
    """The Python files below a folder that collecting has imported."""
    # Of several conftest.py only the last is still among the modules.
    for module in [*sys.modules.values(), *config.pluginmanager.get_plugins()]:
        file = pathlib.Path(getattr(module, "__file__", None) or "/").resolve()
        installed = {"site-packages", "dist-packages"} & set(file.parts)
        # Some modules are made up, with a file that is not there.
        if file.suffix == ".py" and here in file.parents and not installed and file.is_file():
            yield file


def imports(file):
    """The first parts of the names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def surroundings(config, here):
    """What the suite needs beside its own folder: the settings of pytest, and its own code.

    Of that go whole the files and folders of the top in which something was imported: more of
    it may be imported later. Where it was found is told, since it may be installed here.
    """
    suite = here.joinpath(config.args[0]).resolve()

    def beside(path):
        return here in path.parents and suite not in (path, *path.parents)

    imported = [file for file in own_files(config, here) if beside(file)]
    files = {file.relative_to(here).parts[0] for file in imported}
    if config.inipath and beside(config.inipath):
        files.add(config.inipath.relative_to(here).as_posix())
    places = {pathlib.Path(place).resolve() for place in sys.path}
    paths = {place for place in places if beside(place)}
    paths = {place for place in paths if any(place in file.parents for file in imported)}
    return sorted(files), sorted(place.relative_to(here).as_posix() for place in paths)


def packages(config, here):
    """What the suite imports itself, and pytest with what calls itself a plug-in of it, in the
    versions of here (other packages bring plug-ins by the way; a suite that uses those imports them).

    Left out is what is installed from a folder or an address: no index has it. The part of a
    version after "+" names a build for some hardware, which the workers choose for themselves.
    """
    owners = importlib.metadata.packages_distributions()
    names = {name for file in own_files(config, here) for name in imports(file)} | {"pytest"}
    found = {owner for name in names for owner in owners.get(name, ())}
    plug_ins = [plug_in.project_name for _, plug_in in config.pluginmanager.list_plugin_distinfo()]
    found |= {name for name in plug_ins if name.startswith("pytest")}
    distributions = [importlib.metadata.distribution(name) for name in found]
    return sorted({
        f"{one.name}=={one.version.partition('+')[0]}"
        for one in distributions
        if one.read_text("direct_url.json") is None
    })


def pytest_collection_finish(session):
    # Nearest first: the marker of a function before that of its class and its file.
    items = [
        {"id": item.nodeid, "markers": [told(marker) for marker in item.iter_markers()]}
        for item in session.items
    ]
    here = pathlib.Path.cwd().resolve()
    files, paths = surroundings(session.config, here)
    collected = {"items": items, "packages": packages(session.config, here)}
    collected.update(files=files, paths=paths)
    with open(os.environ["DTF_COLLECTED"], "w", encoding="utf-8") as file:
        json.dump(collected, file, default=repr)
