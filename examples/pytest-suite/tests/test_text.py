import sys

import pytest
from shapes import slug


def test_slug():
    assert slug("Hello, World! 42") == "hello-world-42"


def test_slug_of_nothing():
    assert slug(" ,") == ""


@pytest.mark.skipif(sys.platform != "win32", reason="shows how a skipped case is counted")
def test_only_on_windows():
    assert sys.platform == "win32"
