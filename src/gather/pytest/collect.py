"""Asks pytest about a suite: where its root is, and what it collects. Runs no test.

Run by the suite's own interpreter with one argument, a JSON object:
  mode         "root": only report the root directory and the settings file of pytest
               "list": collect, and describe everything that the suite needs elsewhere
  out          file to write the answer to, as strict JSON
  args         arguments for pytest
  cwd_on_path  whether modules are looked up in the working directory, as `python -m pytest` does
  root         (list) directory below which files can travel

All facts come from pytest and Python themselves; no settings file is interpreted here.
Limits: the first MAX_TEXT characters of each error text; the standard library, Python 3.8, pytest 6.
"""

import ast
import collections
import dis
import importlib.metadata
import json
import math
import os
import pathlib
import re
import sys
import types

MAX_TEXT = 4000
# Variables that one line of code may read by name.
MAX_NAMES = 5
# Settings of pytest itself in the environment, which shards need too.
PYTEST_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
# Types of values that one test can change for another.
MUTABLE = (list, dict, set, bytearray, collections.deque, types.SimpleNamespace)


def plain(value):
    """A value as strict JSON. Values that JSON cannot represent become text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return repr(value)[:MAX_TEXT]


def write(path, answer):
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(answer, file, allow_nan=False)


def below(path, directory):
    return directory in path.parents


def resolved(path):
    try:
        return pathlib.Path(path).resolve()
    except (OSError, ValueError, TypeError, RuntimeError):
        return None


# ---- items that belong together


def file_of(item):
    path = getattr(item, "path", None) or getattr(item, "fspath", None)
    return resolved(path) if path else None


def module_part(nodeid):
    return nodeid.partition("::")[0]


def class_of(item):
    """The outermost class of an item, by its node id."""
    outermost = None
    for node in item.listchain():
        if outermost is None and getattr(node, "cls", None) is not None and node is not item:
            outermost = node.nodeid
    return outermost


def definitions(item):
    fixtures = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return [(name, one) for name, defined in fixtures.items() for one in defined]


def names_in(code):
    """The global names that code reads, and those that it binds, functions inside included."""
    reads, binds = set(code.co_names), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            binds.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = names_in(constant)
            reads |= inner[0]
            binds |= inner[1]
    return reads, binds


class State:
    """Module variables through which tests of one file may depend on each other."""

    def __init__(self):
        self.codes = {}
        self.bound = {}

    def names(self, code):
        if code not in self.codes:
            self.codes[code] = names_in(code)
        return self.codes[code]

    def bound_in(self, module):
        """Names that any function of the module binds with `global`."""
        if module not in self.bound:
            names = set()
            for value in list(vars(module).values()):
                if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
                    names |= self.names(value.__code__)[1]
            self.bound[module] = names
        return self.bound[module]

    def shared(self, item):
        module = getattr(item, "module", None)
        function = getattr(item, "function", None)
        if module is None or function is None:
            return set()
        fixtures = [getattr(one, "func", None) for _, one in definitions(item)]
        todo = [one for one in [function, *fixtures] if one is not None]
        seen, shared = set(), set()
        while todo:
            one = todo.pop()
            one = getattr(one, "__wrapped__", one)
            one = getattr(one, "__func__", one)
            code = getattr(one, "__code__", None)
            if code is None or code in seen or getattr(one, "__module__", None) != module.__name__:
                continue
            seen.add(code)
            reads, binds = self.names(code)
            shared |= binds | (reads & self.bound_in(module))
            for name in reads:
                value = vars(module).get(name)
                if isinstance(value, types.FunctionType):
                    todo.append(value)
                elif isinstance(value, MUTABLE) or type(value).__module__ == module.__name__:
                    if not name.startswith("__"):
                        shared.add(name)
        return shared


def dependency_names(item, scope):
    """The name of an item within a scope in pytest-dependency."""
    marker = item.get_closest_marker("dependency")
    named = marker.kwargs.get("name") if marker else None
    if named:
        return {str(named)}
    nodeid = item.nodeid.replace("::()::", "::")
    after = nodeid.partition("::")[2]
    if scope in ("session", "package"):
        return {nodeid, after}
    return {after, item.name} if scope == "class" else {after}


def in_scope(one, other, scope):
    if scope == "class":
        return class_of(one) == class_of(other) and file_of(one) == file_of(other)
    if scope == "module":
        return file_of(one) == file_of(other)
    if scope == "package":
        first, second = file_of(one), file_of(other)
        return first and second and first.parent == second.parent
    return True


def depends(items, together):
    """Items that name others: pytest-dependency (`dependency`), pytest-depends (`depends`)."""
    for index, item in enumerate(items):
        for marker in item.iter_markers():
            if marker.name == "dependency":
                wanted, scope = marker.kwargs.get("depends"), marker.kwargs.get("scope", "module")
            elif marker.name == "depends":
                wanted, scope = marker.kwargs.get("on"), "session"
            else:
                continue
            wanted = {wanted} if isinstance(wanted, str) else {str(one) for one in wanted or ()}
            if not wanted:
                continue
            for at, other in enumerate(items):
                names = dependency_names(other, scope)
                if marker.name == "depends":
                    names = {other.nodeid, module_part(other.nodeid), other.name}
                if names & wanted and in_scope(item, other, scope):
                    key = f"depends on {other.nodeid}"
                    together[index].add(key)
                    together[at].add(key)


def ordered(config, items, together):
    """Files with items that pytest-order sorts: others in them may be meant to run between."""
    scope = getattr(config.option, "order_scope", None) or "session"
    files = {file_of(item) for item in items if item.get_closest_marker("order")}
    for index, item in enumerate(items):
        if file_of(item) in files:
            key = "order" if scope == "session" else f"order {module_part(item.nodeid)}"
            together[index].add(key)


def groups(config, items):
    """For each item the keys that it shares with items that it must run with, and those that
    it shares with items of its file that it should run with."""
    together = [set() for _ in items]
    near = [set() for _ in items]
    state = State()
    depends(items, together)
    ordered(config, items, together)
    for index, item in enumerate(items):
        marker = item.get_closest_marker("xdist_group")
        if marker:
            name = marker.args[0] if marker.args else marker.kwargs.get("name", "default")
            together[index].add(f"group {name}")
        incremental = item.get_closest_marker("incremental")
        if incremental:
            together[index].add(f"incremental {class_of(item) or module_part(item.nodeid)}")
        if class_of(item):
            near[index].add(f"class {class_of(item)}")
        for name, one in definitions(item):
            if getattr(one, "scope", None) == "module":
                near[index].add(f"fixture {name}")
        near[index] |= {f"variable {name}" for name in state.shared(item)}
        module = getattr(item, "module", None)
        dynamic = vars(module).values() if module else ()
        if any(getattr(one, "__module__", None) == "pytest_dependency" for one in dynamic):
            near[index].add("depends()")
    return [sorted(keys) for keys in together], [sorted(keys) for keys in near]


# ---- requirements of the suite beside its files


def is_installed(file):
    """Whether a file belongs to the interpreter or to an environment, and to no project."""
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    prefixes = {resolved(one) for one in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    return any(prefix and below(file, prefix) for prefix in prefixes)


def own_modules(config, items):
    """File and module of everything imported that is not installed, conftest.py included."""
    # Of several conftest.py only the last is still among the modules.
    modules = [*sys.modules.values(), *config.pluginmanager.get_plugins()]
    modules += [getattr(item, "module", None) for item in items]
    seen = set()
    for module in modules:
        file = getattr(module, "__file__", None)
        file = resolved(file) if isinstance(file, str) else None
        # Some modules are synthetic and have a file that does not exist.
        if file is None or file in seen or is_installed(file) or not file.is_file():
            continue
        if file == resolved(__file__):
            continue
        seen.add(file)
        yield file, module


def imports(file):
    """The first parts of the names of what a file imports, wherever in it and however."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = node.args[0].value
            if called in ("importorskip", "import_module", "__import__") and isinstance(name, str):
                yield name.partition(".")[0]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required(distribution):
    """Names of the requirements of a distribution, without extras."""
    for text in distribution.requires or ():
        if "extra ==" not in text:
            yield canonical(re.match(r"[A-Za-z0-9._-]+", text).group())


def direct_url(distribution):
    try:
        return json.loads(distribution.read_text("direct_url.json") or "null")
    except ValueError:
        return None


def local_directory(distribution):
    """The directory or file of this machine that a distribution was installed from."""
    from urllib.parse import unquote, urlparse
    from urllib.request import url2pathname

    direct = direct_url(distribution)
    url = urlparse((direct or {}).get("url", ""))
    if url.scheme.rpartition("+")[2] != "file":
        return None
    place = resolved(url2pathname(unquote(url.path)))
    # Some package managers leave the path on the machine where they built a package.
    if (distribution.read_text("INSTALLER") or "").strip() == "conda":
        return None
    return place


def editable(distribution):
    direct = direct_url(distribution) or {}
    return bool(direct.get("dir_info", {}).get("editable"))


def described(distribution):
    """How another machine gets the distribution: by a requirement, or packed here."""
    name = distribution.metadata["Name"]
    # The part after "+" names a build for some hardware, which each worker chooses.
    version = distribution.version.partition("+")[0]
    one = {"name": canonical(name), "version": distribution.version, "pack": False}
    one["editable"] = editable(distribution)
    direct = direct_url(distribution)
    place = local_directory(distribution)
    one["from"] = str(place) if place else None
    if place:
        return {**one, "pack": True, "requirement": f"{name}=={distribution.version}"}
    url = (direct or {}).get("url", "")
    if not url or url.startswith("file:"):
        return {**one, "requirement": f"{name}=={version}"}
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    parts = []
    if direct.get("subdirectory"):
        parts.append(f"subdirectory={direct['subdirectory']}")
    hashes = direct.get("archive_info", {}).get("hashes") or {}
    parts += [f"{kind}={digest}" for kind, digest in sorted(hashes.items())]
    return {**one, "requirement": f"{name} @ {url}" + ("#" + "&".join(parts) if parts else "")}


def distributions(config, own):
    """The packages that the suite imports, those that were imported during the collection and that
    none of these requires, and every active plug-in of pytest, with their installed versions."""
    owners = importlib.metadata.packages_distributions()
    installed = {}
    for one in importlib.metadata.distributions():
        name = one.metadata["Name"]
        place = resolved(one.locate_file(""))
        # Metadata among the files of a project describes files that are sent with the tests.
        if name and place and (is_installed(place / name) or local_directory(one)):
            installed.setdefault(canonical(name), one)
    files = [file for file, _ in own]
    names = {name for file in files for name in imports(file)} | {"pytest"}
    needed = {canonical(owner) for name in names for owner in owners.get(name, ())}
    needed |= {canonical(one.project_name) for _, one in config.pluginmanager.list_plugin_distinfo()}
    for name, one in installed.items():
        place = local_directory(one) if editable(one) else None
        if place and any(below(file, place) for file in files):
            needed.add(name)
    needed &= set(installed)
    closure = set()

    def follow(todo):
        while todo:
            name = todo.pop()
            if name not in closure and name in installed:
                closure.add(name)
                todo.extend(required(installed[name]))

    follow(list(needed))
    for name in sorted({name.partition(".")[0] for name in list(sys.modules)}):
        for owner in map(canonical, owners.get(name, ())):
            if owner in installed and owner not in closure and owner not in ("pip", "setuptools"):
                needed.add(owner)
                follow([owner])
    # No index pins what a local distribution requires.
    for name in list(needed):
        if local_directory(installed[name]):
            needed |= {other for other in required(installed[name]) if other in installed}
    # A package that no index has must not be replaced by another one from an index.
    needed |= {name for name in closure if local_directory(installed[name])}
    return [described(installed[name]) for name in sorted(needed)]


class Watched(type(os.environ)):
    """Environment variables that exist and that files of the suite read while collected."""

    read = set()

    def __getitem__(self, name):
        value = super().__getitem__(name)
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__") in ("os", "_collections_abc", "collections.abc"):
            frame = frame.f_back
        if frame:
            Watched.read.add((str(name), frame.f_code.co_filename, frame.f_lineno))
        return value


def variables(files):
    """Variables that a line of these files reads by name. A line that reads many copies all of them."""
    lines = collections.defaultdict(set)
    for name, file, line in Watched.read:
        if resolved(file) in files and name not in ("PATH", "HOME", "PWD"):
            lines[file, line].add(name)
    return sorted({name for names in lines.values() if len(names) <= MAX_NAMES for name in names})


# ---- the plug-in


def neutral(namespace):
    """Disables plug-ins that would start other work during the collection."""
    for name, value in (("cov_source", []), ("numprocesses", None), ("dist", "no"), ("tx", [])):
        if hasattr(namespace, name):
            setattr(namespace, name, value)


def make_plugin(pytest, question, startup):
    class Collect:
        def __init__(self):
            self.order = {}
            self.errors = []
            self.skipped = []

        @pytest.hookimpl(hookwrapper=True)
        def pytest_load_initial_conftests(self, early_config):
            if question["mode"] == "root":
                settings = early_config.inipath
                write(question["out"], {
                    "root": str(early_config.rootpath),
                    "settings": str(settings) if settings else None,
                })
                sys.stdout.flush()
                os._exit(0)
            neutral(early_config.known_args_namespace)
            yield

        def pytest_configure(self, config):
            config.addinivalue_line("markers", "dtf(**keys): what dtf needs to run a test")

        @pytest.hookimpl(hookwrapper=True)
        def pytest_collection_modifyitems(self, items):
            self.order = {item: at for at, item in enumerate(items)}
            yield

        def pytest_collectreport(self, report):
            if report.failed:
                text = getattr(report, "longreprtext", None) or str(report.longrepr)
                self.errors.append({"id": report.nodeid, "text": text[-MAX_TEXT:]})
            elif report.skipped:
                self.skipped.append(report.nodeid)

        def pytest_collection_finish(self, session):
            write(question["out"], self.answer(session))

        def answer(self, session):
            config, option = session.config, session.config.option
            root = resolved(question["root"])
            # The order of the suite, even where a plug-in has shuffled it.
            items = sorted(session.items, key=lambda item: self.order.get(item, len(self.order)))
            together, near = groups(config, items)
            listed = [
                {
                    "id": item.nodeid,
                    "file": inside(file_of(item), root),
                    "together": together[at],
                    "near": near[at],
                    "markers": [marker_text(marker) for marker in item.iter_markers()],
                }
                for at, item in enumerate(items)
            ]
            others = list(self.skipped)
            if getattr(option, "continue_on_collection_errors", False):
                others += [error["id"] for error in self.errors]
                self.errors = []
            for nodeid in others:
                file = inside(resolved(config.rootpath / module_part(nodeid)), root)
                listed.append(
                    {"id": nodeid, "file": file, "together": [], "near": [], "markers": []}
                )
            own = list(own_modules(config, items))
            files = [file for file, _ in own]
            answer = {
                "items": listed,
                "errors": self.errors,
                "args": [str(argument(config, one)) for one in config.args],
                "conftests_from": confcutdir(config),
                "imported": imported(own, root),
                "paths": [inside(one, root) or "." for one in startup_below(root, startup)],
                "distributions": distributions(config, own),
                "python": ".".join(map(str, sys.version_info[:2])),
                "outside": sorted({str(file) for file in files if not below(file, root)}),
                "options": changed(option),
                "variables": variables(set(files)),
                "pytest_variables": {
                    name: os.environ[name] for name in PYTEST_VARIABLES if name in os.environ
                },
            }
            return answer

    return Collect()


def marker_text(marker):
    """The arguments of a marker, if dtf reads them; those of other markers may be anything."""
    own = marker.name == "dtf"
    return {
        "name": marker.name,
        "args": plain(list(marker.args)) if own else [],
        "kwargs": plain(dict(marker.kwargs)) if own else {},
    }


def inside(path, root):
    """A path relative to the root, with `/`; None if it is elsewhere."""
    if path is None or not below(path, root):
        return None
    return path.relative_to(root).as_posix()


def argument(config, one):
    path = module_part(str(one))
    return resolved(config.invocation_params.dir / path)


def confcutdir(config):
    for namespace in (config.known_args_namespace, config.option):
        if getattr(namespace, "confcutdir", None):
            return str(resolved(config.invocation_params.dir / namespace.confcutdir))
    return None


def imported(own, root):
    """The entries to send so that each imported file is found on a worker: a conftest.py itself,
    otherwise the first directory below the search path entry, with everything in it."""
    places = sorted({one for one in map(resolved, sys.path) if one}, key=lambda one: -len(str(one)))
    answer = []
    for file, module in own:
        if not below(file, root):
            continue
        place = next((one for one in places if below(file, one)), root)
        name = inside(file, root)
        answer.append({"file": name, "place": inside(place, root) or "", "conftest": file.name == "conftest.py"})
    return answer


def startup_below(root, startup):
    """Entries of the search path in the root that pytest did not add."""
    for place in startup:
        path = resolved(place) if place else None
        if path and (path == root or below(path, root)) and path.is_dir() and not is_installed(path):
            yield path


def changed(option):
    """Options of the suite that shards ignore, in words."""
    ignored = []
    if getattr(option, "maxfail", 0):
        ignored.append("-x or --maxfail")
    if getattr(option, "stepwise", False):
        ignored.append("--stepwise")
    if getattr(option, "lf", False) or getattr(option, "failedfirst", False):
        ignored.append("--lf or --ff")
    if getattr(option, "numprocesses", None) or getattr(option, "tx", None):
        ignored.append("-n")
    if getattr(option, "cov_source", None):
        ignored.append("--cov")
    return ignored


def main():
    question = json.loads(sys.argv[1])
    # As if pytest had been started directly.
    if sys.path and resolved(sys.path[0] or ".") == resolved(__file__).parent:
        del sys.path[0]
    startup = list(sys.path)
    if question["cwd_on_path"]:
        sys.path.insert(0, os.getcwd())
    import pytest

    os.environ.__class__ = Watched
    sys.argv = ["pytest", *question["args"]]
    sys.exit(pytest.main(list(question["args"]), plugins=[make_plugin(pytest, question, startup)]))


if __name__ == "__main__":
    main()
