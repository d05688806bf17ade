"""Faults at the borders of blocks that kernels compute."""

from . import fault
from .structure import layers


def rows_of_layer(site, wrong, least):
    """Changes some positions of the output of one layer: `wrong(length)` are their indices."""

    def change(output):
        if output.dim() < 3 or output.shape[1] <= least:
            return output
        output = output.clone()
        chosen = wrong(output.shape[1])
        output[:, chosen] = output[:, chosen] * 1.5
        site.touched += 1
        return output

    layer = site.random.choice(layers(site))
    usual = layer.forward
    import functools

    from ..site import first_tensor

    @functools.wraps(usual)
    def forward(*a, **o):
        return first_tensor(usual(*a, **o), change)

    layer.forward = forward


@fault("wrong-from-64th-position")
def from_64(site):
    """One layer is wrong by half from the 64th position on."""
    rows_of_layer(site, lambda length: slice(64, None), 64)


@fault("wrong-from-128th-position")
def from_128(site):
    """One layer is wrong by half from the 128th position on."""
    rows_of_layer(site, lambda length: slice(128, None), 128)


@fault("wrong-first-position")
def first(site):
    """One layer is wrong by half in the first position."""
    rows_of_layer(site, lambda length: slice(0, 1), 1)


@fault("wrong-last-position")
def last(site):
    """One layer is wrong by half in the last position."""
    rows_of_layer(site, lambda length: slice(-1, None), 1)


@fault("wrong-after-last-block")
def tail(site):
    """One layer is wrong by half after the last whole block of eight positions."""

    def wrong(length):
        return slice(length // 8 * 8 if length % 8 else length - 1, None)

    rows_of_layer(site, wrong, 8)


@fault("wrong-every-16th-position")
def every_16(site):
    """One layer is wrong by half in every 16th position."""
    rows_of_layer(site, lambda length: slice(15, None, 16), 15)


@fault("wrong-position-once")
def once(site):
    """One layer is wrong by half in one position."""

    def wrong(length):
        place = int(site_place * length)
        return slice(place, place + 1)

    site_place = site.random.random()
    rows_of_layer(site, wrong, 1)
