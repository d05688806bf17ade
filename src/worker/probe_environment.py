"""Describes the Python that runs it, for the record of a test's environment.

Job: print one JSON object on one line: the interpreter, the platform, and for each
distribution named as an argument its installed version, or null where it is absent.
Promises: only reads metadata; never imports a distribution, so it is quick, starts no
thread and touches no device. Limits: only the standard library, Python 3.8 or later.
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


def main(distributions):
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
                "distributions": {name: version_of(name) for name in distributions},
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
