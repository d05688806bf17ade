import pytest
from shapes import area


@pytest.mark.parametrize("width, height, expected", [(2, 3, 6), (0, 5, 0), (1.5, 2, 3)])
def test_area(width, height, expected):
    assert area(width, height) == expected


def test_negative_sides_are_refused():
    with pytest.raises(ValueError):
        area(-1, 2)
