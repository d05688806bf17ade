#!/usr/bin/env python3
"""Packs a release.

  scripts/release.py archive --program target/release/dtf --target x86_64-unknown-linux-gnu --output dist
  scripts/release.py checksums dist

`archive` writes dtf-VERSION-TARGET.tar.gz, or .zip for Windows, with the program, its licences, its
readme and the completions. `--library FILE` adds a library that the program loads from its own directory.
The same content gives the same archive. `checksums` writes SHA256SUMS for the other files of a directory,
in the form that `sha256sum --check` reads. Needs only the standard library.
"""

import argparse
import gzip
import hashlib
import io
import pathlib
import re
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "LICENSE-APACHE", "LICENSE-MIT", "SECURITY.md")
CHECKSUMS = "SHA256SUMS"


def version():
    """The version in Cargo.toml."""
    found = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text("utf-8"), re.MULTILINE)
    if found is None:
        sys.exit("error: Cargo.toml has no version")
    return found[1]


def contents(program, libraries, is_windows):
    """Name in the archive, mode and content of each file."""
    yield "dtf.exe" if is_windows else "dtf", 0o755, program.read_bytes()
    for library in libraries:
        yield library.name, 0o644, library.read_bytes()
    for name in DOCUMENTS:
        yield name, 0o644, (ROOT / name).read_bytes()
    for path in sorted((ROOT / "completions").iterdir()):
        yield f"completions/{path.name}", 0o644, path.read_bytes()


def write_zip(path, top, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, content in files:
            entry = zipfile.ZipInfo(f"{top}/{name}")
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def write_tar(path, top, files):
    # Neither head carries a time, so that the same content gives the same archive.
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, mode, content in files:
                entry = tarfile.TarInfo(f"{top}/{name}")
                entry.mode, entry.size = mode, len(content)
                archive.addfile(entry, io.BytesIO(content))


def archive(options):
    is_windows = "windows" in options.target
    top = f"dtf-{version()}-{options.target}"
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"{top}{'.zip' if is_windows else '.tar.gz'}"
    files = contents(options.program, options.library, is_windows)
    (write_zip if is_windows else write_tar)(path, top, files)
    print(path)


def checksums(options):
    files = sorted(path for path in options.directory.iterdir() if path.is_file())
    files = [path for path in files if path.name != CHECKSUMS]
    if not files:
        sys.exit(f"error: {options.directory} has no files")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (options.directory / CHECKSUMS).write_bytes("".join(lines).encode())


def main():
    parser = argparse.ArgumentParser(description="Packs a release.")
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("archive", help="write an archive with the program")
    packing.add_argument("--program", type=pathlib.Path, required=True)
    packing.add_argument("--target", required=True, help="target triple of the program")
    packing.add_argument("--library", type=pathlib.Path, action="append", default=[])
    packing.add_argument("--output", type=pathlib.Path, default=pathlib.Path("dist"))
    packing.set_defaults(run=archive)
    summing = commands.add_parser("checksums", help="write SHA256SUMS")
    summing.add_argument("directory", type=pathlib.Path)
    summing.set_defaults(run=checksums)
    options = parser.parse_args()
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", getattr(options, "target", "x")):
        sys.exit(f"error: {options.target!r} is not a target triple")
    options.run(options)


if __name__ == "__main__":
    main()
