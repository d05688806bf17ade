"""The mutation suite: faults are injected into generated tests, which must not pass then.

models   the tiny models, at least one of each family
scripts  a generated test as a module of this process, run with and without a fault
site     the place of a fault: torch and the model that goes to the device
faults   the kinds of fault, each a small patch
effect   how far a fault moves what the model computes in fp32
campaign runs of many faults, models, precisions and seeds, and their results
table    the results as a table in docs/verdicts.md
"""
