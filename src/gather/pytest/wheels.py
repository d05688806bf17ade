"""Packs installed distributions into wheels, so that workers install what is installed here.

Run by the suite's own interpreter with one argument, a JSON object: `out` is the directory to
write to, `root` the directory whose files travel, `paths` the directories in it in which workers
look for modules, and `names` the distributions. Prints a JSON object: for each name the file name of its wheel, or
`{"error": reason}`.

Nothing is built: a wheel holds the files that the distribution's own record lists. Of an editable
installation these are metadata only; its code is added unless it travels with the suite. Equal
files give equal wheels.
Limits: the standard library, Python 3.8.
"""

import base64
import hashlib
import importlib.metadata
import json
import pathlib
import re
import sys
import sysconfig
import zipfile

LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"}
COMPILED = (".so", ".pyd", ".dylib")
EPOCH = (1980, 1, 1, 0, 0, 0)


class Unpackable(Exception):
    pass


def platform_tag():
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return f"{python}-{python}-{re.sub('[-.]', '_', sysconfig.get_platform())}"


def tags(dist, compiled, is_editable):
    text = dist.read_text("WHEEL") or ""
    named = re.findall(r"^Tag:\s*(\S+)", text, re.MULTILINE)
    if is_editable or not named:
        return [platform_tag() if compiled else "py3-none-any"]
    return named


def compressed(named):
    """Several tags as one: py2-none-any and py3-none-any are py2.py3-none-any."""
    parts = zip(*(tag.split("-") for tag in named))
    return "-".join(".".join(dict.fromkeys(part)) for part in parts)


def editable_code(dist, direct, root, paths):
    """Files of an editable installation's code, by their names in a wheel, unless they travel."""
    from urllib.parse import unquote, urlparse
    from urllib.request import url2pathname

    project = pathlib.Path(url2pathname(unquote(urlparse(direct["url"]).path))).resolve()
    code = {}
    for name, place in mapped(dist, project):
        parent = place.parent
        if parent in paths:
            continue
        if not place.exists():
            raise Unpackable(f"{place}, the directory of {name}, does not exist")
        if place.is_file():
            code[place.name] = place
            continue
        for file in sorted(place.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                code[f"{name.replace('.', '/')}/{file.relative_to(place).as_posix()}"] = file
    return code


def mapped(dist, project):
    """Top-level modules of an editable installation and where they are."""
    modules = {}
    for file in dist.files or ():
        path = pathlib.Path(dist.locate_file(file))
        if path.suffix == ".pth" and path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                directory = pathlib.Path(line.strip() or "?")
                if directory.is_absolute() and directory.is_dir():
                    modules.update(modules_in(directory.resolve(), dist, project))
        elif path.name.endswith("_finder.py") and path.is_file():
            # setuptools lists the mapped modules in its own finder.
            text = path.read_text(encoding="utf-8", errors="replace")
            mapping = re.search(r"^MAPPING[^=]*=\s*(\{.*?\})\s*$", text, re.MULTILINE)
            if mapping:
                import ast

                for name, place in ast.literal_eval(mapping.group(1)).items():
                    place = pathlib.Path(place)
                    if not place.exists() and place.with_suffix(".py").exists():
                        place = place.with_suffix(".py")
                    modules[name] = place.resolve()
    if not modules:
        raise Unpackable(f"cannot determine how {project} was made importable")
    return sorted(modules.items())


def modules_in(directory, dist, project):
    named = (dist.read_text("top_level.txt") or "").split()
    for place in sorted(directory.iterdir()):
        name = place.stem if place.suffix == ".py" else place.name
        package = place.is_dir() and (place / "__init__.py").is_file()
        alone = place.suffix == ".py" and directory != project
        if name in named or package or alone:
            yield name, place.resolve()


def recorded(dist):
    """Files that were installed, by their names in a wheel."""
    name = escaped(dist)
    data = f"{name}-{dist.version}.data"
    commands = {one.name for one in dist.entry_points if one.group in ("console_scripts", "gui_scripts")}
    scripts = pathlib.Path(sysconfig.get_path("scripts")).resolve()
    prefix = pathlib.Path(sys.prefix).resolve()
    if not dist.files:
        raise Unpackable("it has no record of its files")
    files = {}
    for file in dist.files:
        path = pathlib.Path(dist.locate_file(file))
        if "__pycache__" in file.parts or file.suffix == ".pyc":
            continue
        if file.parts[0].endswith(".dist-info") and file.name in LEFT_OUT:
            continue
        if not path.is_file():
            raise Unpackable(f"{file} is recorded but missing")
        if ".." not in file.parts and not file.is_absolute():
            files[file.as_posix()] = path
            continue
        full = path.resolve()
        if full.parent == scripts:
            if full.stem not in commands and full.name not in commands:
                files[f"{data}/scripts/{full.name}"] = path
        elif prefix in full.parents:
            files[f"{data}/data/{full.relative_to(prefix).as_posix()}"] = path
    return files


def escaped(dist):
    return re.sub(r"[-_.]+", "_", dist.metadata["Name"])


def chosen(name):
    """The installation of that name, not metadata among the files of a project."""
    installed = list(importlib.metadata.distributions(name=name))
    installed.sort(key=lambda dist: dist.read_text("direct_url.json") is None)
    if not installed:
        raise importlib.metadata.PackageNotFoundError(name)
    return installed[0]


def pack(dist, out, root, paths):
    direct = json.loads(dist.read_text("direct_url.json") or "{}")
    is_editable = bool(direct.get("dir_info", {}).get("editable"))
    files = recorded(dist)
    if is_editable:
        files = {name: path for name, path in files.items() if ".dist-info/" in name}
        files.update(editable_code(dist, direct, root, paths))
    compiled = any(path.suffix in COMPILED for path in files.values())
    named = tags(dist, compiled, is_editable)
    info = next((name.split("/")[0] for name in files if ".dist-info/" in name), None)
    if info is None:
        raise Unpackable("it has no metadata")
    pure = "false" if compiled else "true"
    lines = ["Wheel-Version: 1.0", "Generator: dtf", f"Root-Is-Purelib: {pure}"]
    texts = {f"{info}/WHEEL": "\n".join([*lines, *(f"Tag: {tag}" for tag in named), ""]).encode()}
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents.update(texts)
    record = f"{info}/RECORD"
    rows = []
    for name, content in sorted(contents.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f'"{name}",sha256={digest},{len(content)}')
    contents[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    wheel = f"{escaped(dist)}-{dist.version}-{compressed(named)}.whl"
    with zipfile.ZipFile(out / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, EPOCH)
            mode = files[name].stat().st_mode & 0o777 if name in files else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    return wheel


def main():
    question = json.loads(sys.argv[1])
    root = pathlib.Path(question["root"]).resolve()
    paths = [(root / path).resolve() for path in question["paths"]]
    answer = {}
    for name in question["names"]:
        try:
            dist = chosen(name)
            answer[name] = pack(dist, pathlib.Path(question["out"]), root, paths)
        except (Unpackable, OSError, ValueError, importlib.metadata.PackageNotFoundError) as error:
            answer[name] = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
