"""The projection of an output (templates/_shared/sketch.py.j2)."""

from pathlib import Path

import pytest
import torch

PART = Path(__file__).parents[2] / "templates" / "_shared" / "sketch.py.j2"


@pytest.fixture(scope="module")
def part():
    names = {}
    exec(PART.read_text(), names)  # noqa: S102: the part is plain Python
    return names


def distance(one, other):
    one, other = (torch.tensor(sketch["values"], dtype=torch.float64) for sketch in (one, other))
    return float((one - other).norm())


@pytest.mark.parametrize("shape", [(1,), (2, 7), (3, 40, 11), (1, 5, 1000)])
@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0])
def test_the_distance_of_sketches_estimates_that_of_the_outputs(part, shape, size):
    generator = torch.Generator().manual_seed(7)
    ratios = []
    for _ in range(40):
        output = torch.randn(shape, generator=generator)
        other = output + size * torch.randn(shape, generator=generator)
        sketches = [part["output_sketch"](torch, values) for values in (output, other)]
        ratios.append(distance(*sketches) / float((output - other).double().norm()))
    assert 0.8 < torch.tensor(ratios).square().mean().sqrt() < 1.2


def test_equal_outputs_have_equal_sketches_and_one_changed_value_shows(part):
    output = torch.randn(4, 100, 50, generator=torch.Generator().manual_seed(1))
    sketch = part["output_sketch"](torch, output)
    assert sketch == part["output_sketch"](torch, output.clone())
    assert sketch["shape"] == [4, 100, 50] and len(sketch["values"]) == 32
    changed = output.clone()
    changed[3, 99, 49] += 0.5
    assert abs(distance(sketch, part["output_sketch"](torch, changed)) - 0.5) < 1e-4


def test_blocks_do_not_change_the_sums(part):
    values = torch.randn(3 * part["SKETCH_BLOCK"] + 17, generator=torch.Generator().manual_seed(2))
    whole = part["output_sketch"](torch, values)
    part = {**part}
    exec(PART.read_text().replace("2**15", "2**4"), part)  # noqa: S102
    small = part["output_sketch"](torch, values)
    assert distance(whole, small) < 1e-6 * float(values.double().norm())


def test_rows_in_another_order_and_signs_differ(part):
    output = torch.randn(2, 64, generator=torch.Generator().manual_seed(3))
    sketch = part["output_sketch"](torch, output)
    for other in (output.flip(0), -output, output.roll(1, dims=1)):
        assert distance(sketch, part["output_sketch"](torch, other)) > 0.5 * float(output.norm())
