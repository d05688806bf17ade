"""Faults of masks: causal, of padding, of windows."""

from . import fault
from .attending import attention


@fault("causal-mask-wider")
def wider(site):
    """Each position sees the next one."""

    def change(call):
        if not call.is_causal():
            return False
        seen = call.visible()
        more = seen.roll(1, -1)
        more[..., 0] = False
        call.show(seen | more)
        return True

    attention(site, change)


@fault("causal-mask-narrower")
def narrower(site):
    """No position sees itself, except the first."""

    def change(call):
        if not call.is_causal():
            return False
        seen = call.visible().clone()
        own = call.torch.eye(seen.shape[-1], dtype=call.torch.bool)
        less = seen & ~own
        # A row without any key would not be a number.
        less = less | (seen & ~less.any(-1, keepdim=True))
        call.show(less)
        return True

    attention(site, change)


@fault("causal-mask-left-out")
def not_causal(site):
    """Each position sees all later ones."""

    def change(call):
        if not call.is_causal():
            return False
        call.show(call.visible()[..., -1:, :].expand(-1, -1, *call.lengths))
        return True

    attention(site, change)


@fault("mask-one-block-late")
def late(site):
    """Each position sees all others of its block of 16."""

    def change(call):
        if not call.is_causal():
            return False
        seen = call.visible()
        block = call.torch.arange(seen.shape[-1]) // 16
        same = block[:, None] == block[None, :]
        call.show(seen | (same & seen[..., -1:, :]))
        return True

    attention(site, change)


def pads(call):
    """Whether the mask hides keys from the last query, and shows others."""
    seen = call.visible()
    last = seen[..., -1, :]
    return bool((~last).any()) and bool(last.any())


@fault("padding-ignored", "batch")
def padding_ignored(site):
    """Positions that are padding are visible."""

    def change(call):
        if windowed(call) or not pads(call):
            return False
        queries, keys = call.lengths
        seen = call.torch.ones(1, 1, queries, keys, dtype=call.torch.bool)
        call.show(seen.tril(keys - queries) if causal_or_step(call) else seen)
        return True

    attention(site, change)


def causal_or_step(call):
    return call.is_causal() or (call.lengths[0] > 1 and getattr(call.module, "is_causal", False))


def windowed(call):
    """Whether queries see different windows, so that hidden keys are not padding."""
    queries, keys = call.lengths
    if queries < 2 or queries != keys:
        return bool(getattr(call.module, "sliding_window", None))
    seen = call.visible().expand(-1, -1, queries, keys)
    return bool((seen.any(-2) & ~seen[..., -1, :]).any())


@fault("padding-of-first-sample", "batch")
def of_first_sample(site):
    """All samples have the padding of the first one."""

    def change(call):
        seen = call.visible()
        if len(seen) < 2 or bool((seen == seen[:1]).all()):
            return False
        call.show(seen[:1].expand_as(seen))
        return True

    attention(site, change)


@fault("padding-one-short", "batch")
def one_short(site):
    """One position of the padding is visible."""

    def change(call):
        if windowed(call) or not pads(call):
            return False
        seen = call.visible()
        last = seen[..., -1:, :]
        # The hidden key beside a visible one, on either side.
        beside = (last.roll(1, -1) | last.roll(-1, -1)) & ~last
        call.show(seen | (beside & seen.any(-1, keepdim=True)))
        return True

    attention(site, change)


@fault("padding-last-key-lost", "batch")
def one_more(site):
    """The key beside the padding is hidden, too."""

    def change(call):
        if windowed(call) or not pads(call):
            return False
        seen = call.visible()
        last = seen[..., -1:, :]
        edge = last & ~(last.roll(1, -1) & last.roll(-1, -1))
        kept = seen & ~edge
        call.show(kept | (seen & ~kept.any(-1, keepdim=True)))
        return True

    attention(site, change)


@fault("window-ignored")
def window_ignored(site):
    """Attention within a window sees all positions that the mask allows otherwise."""

    def change(call):
        queries, keys = call.lengths
        if not windowed(call) or queries != keys:
            return False
        seen = call.visible()
        there = seen.any(-2, keepdim=True).expand(-1, -1, queries, keys)
        call.show(there.tril() if call.is_causal() else there)
        return True

    attention(site, change)


def resize(site, by):
    def change(call):
        queries, keys = call.lengths
        if not windowed(call) or queries != keys:
            return False
        seen = call.visible()
        if by > 0:
            other = seen | seen.roll(-1, -1)
            other = other.tril() if call.is_causal() else other | seen.roll(1, -1)
        else:
            other = seen & seen.roll(1, -1)
            other = other | (seen & ~other.any(-1, keepdim=True))
        there = seen.any(-2, keepdim=True)
        call.show(other & there)
        return True

    attention(site, change)


@fault("window-one-wider")
def window_wider(site):
    """Attention within a window sees one position more."""
    resize(site, 1)


@fault("window-one-narrower")
def window_narrower(site):
    """Attention within a window sees one position less."""
    resize(site, -1)


@fault("keys-of-last-block-lost")
def last_block(site):
    """Attention does not read keys after the last whole block of 16."""

    def change(call):
        queries, keys = call.lengths
        whole = keys // 16 * 16
        if not 0 < whole < keys:
            return False
        seen = call.visible().expand(-1, -1, queries, keys)
        kept = seen.clone()
        kept[..., whole:] = False
        call.show(kept | (seen & ~kept.any(-1, keepdim=True)))
        return True

    attention(site, change)


@fault("keys-after-64-lost")
def after_64(site):
    """Attention does not read keys from the 64th to the 80th."""

    def change(call):
        queries, keys = call.lengths
        if keys <= 64:
            return False
        seen = call.visible().expand(-1, -1, queries, keys)
        kept = seen.clone()
        kept[..., 64:80] = False
        call.show(kept | (seen & ~kept.any(-1, keepdim=True)))
        return True

    attention(site, change)
