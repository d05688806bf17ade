"""Seeded histories with known changes, 100 runs each, around a level of 100.

Each history is a dictionary: kind, values, and shifts, the positions of the first values after a change of the
level that a detector is expected to find.
"""

import random

import numpy
import otava_test_data

RUNS = 100
NOISE = 0.02


def noise(kind, rng, runs=RUNS):
    """Noise with a standard deviation of about 1 and no change of the level."""
    normal = rng.standard_normal(runs)
    if kind == "normal":
        return normal
    if kind == "skewed":
        values = numpy.exp(0.6 * normal)
        return (values - numpy.exp(0.18)) / numpy.sqrt((numpy.exp(0.36) - 1) * numpy.exp(0.36))
    if kind == "bimodal":
        second = rng.random(runs) < 0.3
        return 0.95 * (second - 0.3) / numpy.sqrt(0.21) + 0.3 * normal
    if kind == "drifting":
        return 0.9 * normal + numpy.cumsum(0.05 * rng.standard_normal(runs))
    if kind == "autocorrelated":
        values = numpy.empty(runs)
        last = rng.standard_normal()
        for at in range(runs):
            last = 0.4 * last + numpy.sqrt(1 - 0.16) * normal[at]
            values[at] = last
        return values
    raise ValueError(kind)


KINDS = ["normal", "skewed", "bimodal", "drifting", "autocorrelated"]


def history(kind, values, shifts):
    return {"kind": kind, "values": [float(value) for value in values], "shifts": shifts}


def alone(count, seed):
    """Noise alone: nothing is to be found."""
    for number, kind in enumerate(KINDS):
        for each in range(count):
            rng = numpy.random.default_rng([seed, number, each])
            yield history(kind, 100 * (1 + NOISE * noise(kind, rng)), [])


def steps(count, seed, size=0.05, kinds=KINDS):
    """One step up at a random place."""
    for number, kind in enumerate(kinds):
        for each in range(count):
            rng = numpy.random.default_rng([seed, 10 + number, each])
            values = 100 * (1 + NOISE * noise(kind, rng))
            at = int(rng.integers(40, 80))
            values[at:] *= 1 + size
            yield history(f"5 % step, {kind}", values, [at])


def shapes(count, seed):
    """Ramps, spikes and temporary dips in normal noise."""
    for each in range(count):
        rng = numpy.random.default_rng([seed, 20, each])
        base = [100 * (1 + NOISE * rng.standard_normal(RUNS)) for _ in range(3)]
        at = int(rng.integers(40, 70))
        base[0] *= 1 + 0.1 * numpy.clip((numpy.arange(RUNS) - at) / 5, 0, 1)
        yield history("ramp to 10 % in 5 runs", base[0], [at + 2])
        base[1][rng.choice(RUNS, 3, replace=False)] *= 1.3
        yield history("three spikes of 30 %", base[1], [])
        base[2][at : at + 10] *= 0.92
        yield history("dip of 8 % for 10 runs", base[2], [at, at + 10])


def published(count, seed):
    """The patterns of the PyPI package otava-test-data."""
    make = otava_test_data
    for each in range(count):
        number = seed * 1000 + each
        at = random.Random(number).randrange(30, 70)
        patterns = {
            "constant": make.constant(RUNS),
            "noise_normal": make.noise_normal(RUNS, sigma=2.0, seed=number),
            "noise_uniform": make.noise_uniform(RUNS, 96.0, 104.0, seed=number),
            "outlier": make.outlier(RUNS, outlier_index=at, sigma=2.0, seed=number),
            "step_function": make.step_function(RUNS, 100.0, 110.0, at, sigma=2.0, seed=number),
            "regression_fix": make.regression_fix(RUNS, 100.0, 110.0, None, at, 15, 2.0, number),
            "multiple_changes": make.multiple_changes(RUNS, sigma=2.0, seed=number),
            "banding": make.banding(RUNS, 100.0, 104.0, sigma=1.0, seed=number),
        }
        for kind, made in patterns.items():
            # One value and a band without a level have no shift of the level.
            shifts = [] if kind in ("outlier", "banding") else made.get_change_point_indices()
            yield history(kind, made.data, [int(shift) for shift in shifts])
