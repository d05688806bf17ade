"""Describes the Python that runs it, for the record of the environment of a test.

Job: print one JSON object on one line: the interpreter, the platform, and the installed version
of each of `distributions`, or null where it is absent. When the question has `wanted`, the
requirements of a test, `missing` lists the unmet ones with the reason. The question is the only
argument, a JSON object.

Promises: reads metadata only. It never imports a distribution under test, so it is quick, starts
no thread and opens no device.

Limits: the standard library only, Python 3.8 or later. To compare versions it uses `packaging`,
which pip and transformers bring along.
"""

import json
import platform
import sys
from importlib import metadata


def version_of(distribution):
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def unmet(wanted):
    if not wanted["requirements"] and not wanted.get("python"):
        return []
    try:
        from packaging import requirements, specifiers
    except ImportError:
        try:
            from pip._vendor.packaging import requirements, specifiers
        except ImportError:
            return ["packaging (to compare versions)"]
    missing = []
    running = platform.python_version()
    python = wanted.get("python")
    if python and not specifiers.SpecifierSet(python).contains(running, prereleases=True):
        missing.append(f"python{python} (this is {running})")
    for text in wanted["requirements"]:
        try:
            requirement = requirements.Requirement(text)
        except requirements.InvalidRequirement:
            missing.append(f"{text} (not a name with a version)")
            continue
        if requirement.marker and not requirement.marker.evaluate():
            continue
        installed = version_of(requirement.name)
        # The builds of accelerator vendors have pre-release versions.
        if installed is None:
            missing.append(f"{text} (not installed)")
        elif not requirement.specifier.contains(installed, prereleases=True):
            missing.append(f"{text} ({installed} is installed)")
    return missing


def main(question):
    wanted = question["wanted"]
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "implementation": platform.python_implementation(),
                "executable": sys.executable,
                "prefix": sys.prefix,
                "virtual_environment": sys.prefix != sys.base_prefix,
                "platform": platform.platform(),
                "system": platform.system(),
                "machine": platform.machine(),
                "distributions": {name: version_of(name) for name in question["distributions"]},
                **({"missing": unmet(wanted)} if wanted else {}),
            }
        )
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
