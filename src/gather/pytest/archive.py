"""Packs files of a suite into one, for suites with more files than a test can list.

Reads a JSON object from the file that is named by the only argument: `root`, `out`, and `files`
relative to the root. Equal files give equal archives. Links are followed.
Limits: the standard library, Python 3.8.
"""

import gzip
import io
import json
import pathlib
import sys
import tarfile

# The same time for every file; some formats begin at 1980.
CHANGED = 1_000_000_000


def main():
    question = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    root = pathlib.Path(question["root"])
    with open(question["out"], "wb") as file, gzip.GzipFile("", "wb", 6, file, CHANGED) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(question["files"]):
                content = (root / name).read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime = len(content), CHANGED
                entry.mode = 0o755 if (root / name).stat().st_mode & 0o111 else 0o644
                archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    main()
