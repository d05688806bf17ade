"""Faults that nobody thought of: a module, a distortion, a size and a place, drawn by the seed.

They keep the result of the suite from depending on the list of the other kinds: another seed has
other faults.
"""

import functools

from ..site import first_tensor
from . import fault

# Distortions of a tensor [samples, positions, ..., values]: `change(torch, x, size)`, where the
# size is from 0.05 to 0.5.
DISTORTIONS = {
    "larger": lambda torch, x, size: x * (1 + size),
    "smaller": lambda torch, x, size: x * (1 - size),
    "zero": lambda torch, x, size: x * 0,
    "sign": lambda torch, x, size: -x,
    "absolute": lambda torch, x, size: x.abs(),
    "next value": lambda torch, x, size: x.roll(1, -1),
    "reversed": lambda torch, x, size: x.flip(-1),
    "halves exchanged": lambda torch, x, size: x.roll(x.shape[-1] // 2, -1),
    "next position": lambda torch, x, size: x.roll(1, 1) if x.dim() > 2 else x.roll(1, -1),
    "limited": lambda torch, x, size: x.clamp(-rms(x), rms(x)),
    "offset": lambda torch, x, size: x + size * rms(x),
    "blurred": lambda torch, x, size: (1 - size) * x + size * x.roll(1, -1),
    "squared": lambda torch, x, size: x + size * x * x / rms(x),
    "quarter lost": lambda torch, x, size: lost_quarter(x),
}


def rms(x):
    return x.float().square().mean().sqrt().clamp(min=1e-20).to(x.dtype)


def lost_quarter(x):
    x = x.clone()
    x[..., -max(1, x.shape[-1] // 4) :] = 0
    return x


# Places: `chosen(x, draw)` is an index of the tensor; draw is from 0 to 1.
def everywhere(x, draw):
    return ...


def from_position(x, draw):
    return (slice(None), slice(int(draw * x.shape[1]), None)) if x.dim() > 2 else ...


def at_position(x, draw):
    place = int(draw * x.shape[1]) if x.dim() > 2 else 0
    return (slice(None), slice(place, place + 1)) if x.dim() > 2 else ...


def from_value(x, draw):
    return (..., slice(int(draw * x.shape[-1]), None))


PLACES = (everywhere, everywhere, from_position, at_position, from_value)


def candidates(site):
    """Modules whose output could be damaged: all but the model and containers."""
    containers = (site.torch.nn.ModuleList, site.torch.nn.ModuleDict)
    return [
        (name, module)
        for name, module in site.model.named_modules()
        if name and not isinstance(module, containers) and "parametrizations" not in name
    ]


def damage(site, applies, place=None):
    """Distorts the output of one module where `applies(output, arguments)` holds."""
    draw = site.random
    name, module = site.one(candidates(site))
    kind, change = draw.choice([*DISTORTIONS.items()])
    place = place or draw.choice(PLACES)
    size, where = 0.05 * 10 ** draw.random(), draw.random()
    usual = module.forward
    site.detail = f"{name}: {kind} {size:.2f} {place.__name__} {where:.2f}"

    def distorted(x):
        if not site.torch.is_tensor(x) or not x.is_floating_point() or x.dim() < 2:
            return x
        chosen = place(x, where) if place in PLACES else place(x)
        if chosen is None or not applies(x):
            return x
        site.touch()
        changed = change(site.torch, x, size)
        if chosen is ...:
            return changed
        x = x.clone()
        x[chosen] = changed[chosen]
        return x

    @functools.wraps(usual)
    def forward(*a, **o):
        return first_tensor(usual(*a, **o), distorted)

    module.forward = forward


def in_module(site):
    """One module is distorted in a way, by a size and in a place that are drawn."""
    damage(site, lambda x: True)


def after_the_first(x):
    return (slice(1, None),)


def in_sample(site):
    """One module is distorted for the samples after the first."""
    damage(site, lambda x: len(x) == 3, after_the_first)


def in_decoding(site):
    """One module is distorted for single tokens, as in decoding with a cache."""
    site.require(getattr(site.model, "can_generate", lambda: False)())
    damage(site, lambda x: x.dim() == 3 and x.shape[1] == 1, everywhere)


def in_weight(site):
    """One parameter is distorted in a way and by a size that are drawn."""
    draw = site.random
    found = [(n, p) for n, p in site.model.named_parameters() if p.numel() > 4]
    name, parameter = site.one(found)
    kinds = [kind for kind in DISTORTIONS if kind != "next position"]
    kind = draw.choice(kinds)
    changed = DISTORTIONS[kind](site.torch, parameter, 0.05 * 10 ** draw.random())
    rows = max(1, int(draw.random() * len(parameter)))
    if draw.random() < 0.5:
        rows = len(parameter)
    site.detail = f"{name}: {kind}, {rows} rows"
    parameter[:rows] = changed[:rows]
    site.touch()


COUNTS = {in_module: (10, "plain"), in_weight: (4, "plain")}
COUNTS |= {in_sample: (3, "batch"), in_decoding: (3, "decoding")}
for _apply, (_count, _kind) in COUNTS.items():
    for _number in range(1, _count + 1):
        fault(f"drawn-{_apply.__name__.replace('_', '-')}-{_number}", _kind)(_apply)
