#!/usr/bin/env python3
"""Injects faults into a coordinator and checks that nothing acknowledged is lost.

    faults.py kills --count 200     kill -9 under load, with clean stops between
    faults.py syscalls              a failing or killing system call, for N = 1 to 30 (Linux, strace)
    faults.py flips                 truncated files and flipped bits, in every file of a data directory
                                    that was killed and of one that was stopped
    faults.py limits                results at the limits of the protocol

Every part uses the real binary and keeps a ledger of what was acknowledged to its clients. It prints a
table and exits with 1 when something was lost, came back double, or was refused without naming the
damaged file. Needs only the standard library of Python.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

from fault_injection import flips, kills, limits, syscalls

# Interval of the lines about the progress, in seconds.
PROGRESS_SECONDS = 5
# Directory of a file system in memory, on Linux.
MEMORY = pathlib.Path("/dev/shm")


class Progress:
    """Lines on standard error about the work so far."""

    def __init__(self):
        self.next = time.monotonic() + PROGRESS_SECONDS
        self.begun = time.monotonic()

    def __call__(self, done, total, text=""):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + PROGRESS_SECONDS
        seconds = time.monotonic() - self.begun
        print(f"{seconds:5.0f} s: {done} of {total}. {text}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    shared = argparse.ArgumentParser(add_help=False)
    target = os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).parents[1] / "target")
    binary = pathlib.Path(target) / "debug" / "dtf"
    shared.add_argument("--binary", type=pathlib.Path, default=binary, help="the dtf under test")
    shared.add_argument("--seed", type=int, default=1)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("kills", parents=[shared])
    part.add_argument("--count", type=int, default=200, help="number of kills")
    part.add_argument("--pause", type=float, default=0.01, help="pause of a submitter, in seconds")
    part.set_defaults(run=kills.run)
    part = parts.add_parser("syscalls", parents=[shared])
    part.add_argument("--most", type=int, default=30, help="highest number of the call that fails")
    part.add_argument("--numbers", type=int, nargs="*", help="only these numbers")
    part.add_argument("--calls", nargs="*", help="only these system calls")
    part.add_argument("--faults", nargs="*", help=f"only these: {', '.join(syscalls.FAULTS)}")
    part.add_argument("--directories", nargs="*", default=["new", "killed"])
    part.add_argument("--jobs", type=int, default=2)
    part.set_defaults(run=syscalls.run)
    part = parts.add_parser("flips", parents=[shared])
    part.add_argument("--flips", type=int, default=2000, help="flipped bits of each file")
    part.add_argument("--cuts", type=int, default=flips.MAX_CUTS, help="maximum cuts of each file")
    part.add_argument("--files", nargs="*", help="only these, e.g. events.redb, blobs")
    part.add_argument("--directories", nargs="*", default=["killed", "stopped"])
    part.add_argument("--only", help="only this case, as a problem names it")
    part.add_argument("--show", action="store_true", help="print every case")
    part.add_argument("--jobs", type=int, default=2)
    part.set_defaults(run=flips.run)
    part = parts.add_parser("limits", parents=[shared])
    part.add_argument("--cases", nargs="*", help=f"only these: {', '.join(c[0] for c in limits.CASES)}")
    part.add_argument("--divide", type=int, default=1, help="divides the number of results")
    part.set_defaults(run=limits.run)
    options = parser.parse_args()
    # Flips need no disk that survives a power failure, and many copies of a directory.
    in_memory = options.part == "flips" and MEMORY.is_dir()
    place = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="dtf-faults-", dir=place) as directory:
        options.directory = pathlib.Path(directory)
        table, problems = options.run(options, Progress())
    for name, value in table:
        print(f"{name:<24} {value}")
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
