"""Measures the speed of one device with torch: products of matrices in fp32, and copies in its memory.

The only argument is a JSON object: the hooks of a back-end in `templates/backends.yaml`, and `prefix`.
Prints one line with the prefix and `compute` (floating-point operations per second) and `memory` (bytes
that are read and written per second), each as a list with one value for each window of time.

Limits: at most about 0.3 s after the import and the first use of the device, on a device that is slower than
1 Gflop/s longer; at most 512 MiB of its memory.
"""

import functools
import importlib
import json
import sys
import time

# Number of windows, and their minimum length in seconds.
WINDOWS, LENGTH = 8, 0.012
# Rows of the matrices: the first size, and the last one.
FIRST_ROWS, LAST_ROWS = 256, 4096
# A product that takes this time, in seconds, is large enough: the start of the kernel does not count.
ENOUGH = 0.002
COPY_BYTES = 64 << 20


def function(name):
    module, *attributes = name.split(".")
    return functools.reduce(getattr, attributes, importlib.import_module(module))


def rates(work, amount, synchronise):
    """The amounts per second of repeated work, one for each window, each greater than zero."""
    values = []
    for _ in range(WINDOWS):
        begun, count, elapsed = time.perf_counter(), 0, 0.0
        # Each window has at least one product or copy, also if the process did not run for its length.
        while elapsed < LENGTH:
            work()
            synchronise()
            count += 1
            elapsed = time.perf_counter() - begun
        values.append(amount * count / elapsed)
    return values


def seconds(work, synchronise):
    """The time of one call after a first one."""
    work()
    synchronise()
    begun = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - begun


def product(torch, device, synchronise):
    """A product of matrices that are large enough for the device, and their number of rows."""
    rows = FIRST_ROWS
    while True:
        left, right = (torch.full((rows, rows), 0.5, device=device) for _ in range(2))
        work = functools.partial(torch.mm, left, right, out=torch.empty_like(left))
        if rows == LAST_ROWS or seconds(work, synchronise) >= ENOUGH:
            return work, rows
        rows *= 2


def main(question):
    torch = importlib.import_module("torch")
    for module in question.get("imports", []):
        importlib.import_module(module)
    synchronise = function(question["synchronise"]) if "synchronise" in question else lambda: None
    device = torch.device(question["device"])
    with torch.inference_mode():
        work, rows = product(torch, device, synchronise)
        compute = rates(work, 2 * rows**3, synchronise)
        source, target = (torch.zeros(COPY_BYTES // 4, device=device) for _ in range(2))
        copy = functools.partial(target.copy_, source)
        seconds(copy, synchronise)
        memory = rates(copy, 2 * COPY_BYTES, synchronise)
    print(question["prefix"] + json.dumps({"compute": compute, "memory": memory}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
