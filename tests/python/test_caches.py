"""Directories in which dtf looks for caches, compared with the tools that fill them.

src/sys/caches.rs is tested with the same table.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("huggingface_hub")

TABLE = pathlib.Path(__file__).parent.parent / "data" / "caches.json"
ASK = """
import json
from huggingface_hub import constants
print(json.dumps({
    "hub_home": constants.HF_HOME,
    "models": constants.HF_HUB_CACHE,
    "token": constants.HF_TOKEN_PATH,
    "offline": constants.HF_HUB_OFFLINE,
}))
"""


@pytest.mark.parametrize("case", json.loads(TABLE.read_text(encoding="utf-8")))
def test_directories_are_those_of_the_tools(case, monkeypatch):
    variables = case["variables"]
    if variables.get("HF_HOME", "").startswith("~root") and os.path.expanduser("~root") != "/root":
        pytest.skip("root is not at home in /root")
    # The tools read their variables when they are imported.
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reported = json.loads(asked.stdout) | {"torch": torch.hub._get_torch_home()}
    assert reported == {key: value for key, value in case.items() if key != "variables"}
