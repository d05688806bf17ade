"""A plug-in for pytest that lists what was collected, with its markers. It runs no test.

The list goes to the file that DTF_COLLECTED names, as JSON:
{"items": [{"id": "tests/test_x.py::test_it", "markers": [{"name", "args", "kwargs"}]}]}
"""

import json
import os

# Markers whose arguments are about the test itself, and may be anything.
SILENT = {"parametrize", "usefixtures", "filterwarnings", "skipif", "skip", "xfail"}


def told(marker):
    silent = marker.name in SILENT
    return {
        "name": marker.name,
        "args": [] if silent else list(marker.args),
        "kwargs": {} if silent else dict(marker.kwargs),
    }


def pytest_collection_finish(session):
    # Nearest first: the marker of a function before that of its class and its file.
    items = [
        {"id": item.nodeid, "markers": [told(marker) for marker in item.iter_markers()]}
        for item in session.items
    ]
    with open(os.environ["DTF_COLLECTED"], "w", encoding="utf-8") as file:
        json.dump({"items": items}, file, default=repr)
