"""Faults of key-value caches and of decoding with them."""

from . import fault

UPDATES = ("DynamicLayer", "DynamicSlidingWindowLayer")


def updates(site, change):
    """`change(layer, keys, values, new)` returns the keys and values that attention reads.

    It is called where tokens are added to a cache that has some.
    """
    from transformers import cache_utils

    site.require(getattr(site.model, "can_generate", lambda: False)())

    def update(usual, layer, new_keys, new_values, *a, **o):
        before = layer.get_seq_length()
        keys, values = usual(layer, new_keys, new_values, *a, **o)
        if not before:
            return keys, values
        changed = change(layer, keys, values, new_keys.shape[-2])
        if changed is None:
            return keys, values
        site.touch()
        return changed

    for name in UPDATES:
        site.wrap(getattr(cache_utils, name), "update", update)


def without(tensor, position):
    tensor = tensor.clone()
    tensor[..., position, :] = 0
    return tensor


@fault("cache-first-entry-lost", "decoding")
def first(site):
    """The first entry of the cache is zero."""
    updates(site, lambda layer, k, v, new: (without(k, 0), without(v, 0)))


@fault("cache-last-entry-lost", "decoding")
def last(site):
    """The last entry of the cache before the new token is zero."""
    updates(site, lambda layer, k, v, new: (without(k, -1 - new), without(v, -1 - new)))


@fault("cache-new-entry-lost", "decoding")
def new_entry(site):
    """The new token is not in the cache that it reads."""
    updates(site, lambda layer, k, v, new: (without(k, -1), without(v, -1)))


@fault("cache-keys-shifted", "decoding")
def shifted(site):
    """The keys of the cache are shifted by one, and the values not."""
    updates(site, lambda layer, k, v, new: (k.roll(1, -2), v))


@fault("cache-values-of-another-layer", "decoding")
def other_layer(site):
    """The cache returns the values of the layer that was written before."""
    kept = []

    def change(layer, keys, values, new):
        previous = kept[-1] if kept and kept[-1].shape == values.shape else None
        kept.append(values)
        del kept[:-1]
        return None if previous is None else (keys, previous)

    updates(site, change)


@fault("cache-stale", "decoding")
def stale(site):
    """The new token overwrites the entry before it in later steps."""

    def change(layer, keys, values, new):
        if new != 1 or keys.shape[-2] < 3:
            return None
        keys, values = keys.clone(), values.clone()
        keys[..., -2, :], values[..., -2, :] = keys[..., -1, :], values[..., -1, :]
        return keys, values

    updates(site, change)


@fault("cache-of-the-previous-run", "batch")
def previous_run(site):
    """The cache still has the first half of its entries from an earlier run."""
    earlier = {}

    def change(layer, keys, values, new):
        # Layers are recognised by the order of their calls, runs by a cache that is new.
        place = id(layer)
        if earlier.get("layer") is None:
            earlier["layer"] = place
        if place not in earlier.setdefault("seen", {}):
            earlier["seen"][place] = len(earlier["seen"])
        index = earlier["seen"][place]
        old = earlier.setdefault("old", {})
        known = old.get(keys.shape)
        old[keys.shape] = (index, keys, values)
        if known is None or known[0] == index:
            return None
        half = keys.shape[-2] // 2
        torch = site.torch
        keys = torch.cat([known[1][..., :half, :], keys[..., half:, :]], -2)
        values = torch.cat([known[2][..., :half, :], values[..., half:, :]], -2)
        return keys, values

    updates(site, change)


@fault("cache-rows-exchanged", "decoding")
def rows(site):
    """The samples of a batch read each other's cache."""
    updates(
        site, lambda layer, k, v, new: (k.flip(0), v.flip(0)) if len(k) > 1 else None
    )


@fault("cache-half-precision", "reduced")
def eighth(site):
    """The cache is kept in fp8."""

    def low(x):
        return x.to(site.torch.float8_e4m3fn).to(x.dtype)

    updates(site, lambda layer, k, v, new: (low(k), low(v)))


@fault("cache-block-of-64-lost", "decoding")
def block(site):
    """Entries of the cache from the 64th on are those of 64 positions before."""

    def change(layer, keys, values, new):
        if keys.shape[-2] <= 64:
            return None
        keys, values = keys.clone(), values.clone()
        end = min(keys.shape[-2], 128)
        keys[..., 64:end, :] = keys[..., : end - 64, :].clone()
        values[..., 64:end, :] = values[..., : end - 64, :].clone()
        return keys, values

    updates(site, change)


@fault("cache-head-order", "decoding")
def heads(site):
    """The heads of the cache are rotated by one."""
    updates(
        site,
        lambda layer, k, v, new: (k.roll(1, 1), v.roll(1, 1)) if k.shape[1] > 1 else None,
    )


@fault("cache-window-early", "decoding")
def window(site):
    """A rolling cache loses one entry more than it may."""

    def change(layer, keys, values, new):
        if not getattr(layer, "is_sliding", False) or keys.shape[-2] < layer.sliding_window:
            return None
        return without(keys, 0), without(values, 0)

    updates(site, change)


@fault("cache-window-not-rolled", "decoding")
def not_rolled(site):
    """A rolling cache reads its oldest entry twice instead of the newest before the token."""

    def change(layer, keys, values, new):
        if not getattr(layer, "is_sliding", False) or keys.shape[-2] < layer.sliding_window:
            return None
        keys, values = keys.clone(), values.clone()
        keys[..., -1 - new, :], values[..., -1 - new, :] = keys[..., 0, :], values[..., 0, :]
        return keys, values

    updates(site, change)


@fault("cross-cache-of-first-sample", "batch")
def cross(site):
    """In decoding, cross-attention reads the states of the first sample."""
    from .attending import attention

    def change(call):
        queries, keys = call.lengths
        if queries != 1 or len(call.key) < 2 or getattr(call.module, "is_causal", True):
            return False
        call.key, call.value = call.key[:1].expand_as(call.key), call.value[:1].expand_as(call.value)
        return True

    site.require(getattr(site.model.config, "is_encoder_decoder", False))
    attention(site, change)


@fault("step-sees-no-earlier-half", "decoding")
def half_hidden(site):
    """A decoded token does not see the first half of the positions."""
    from .attending import attention

    def change(call):
        queries, keys = call.lengths
        if queries != 1 or keys < 4:
            return False
        seen = call.visible().expand(-1, -1, queries, keys).clone()
        seen[..., : keys // 2] = False
        seen[..., -1] = True
        call.show(seen)
        return True

    site.require(getattr(site.model, "can_generate", lambda: False)())
    attention(site, change)


@fault("step-ignores-padding", "batch")
def step_padding(site):
    """A decoded token sees positions that are padding."""
    from .attending import attention

    def change(call):
        queries, keys = call.lengths
        seen = call.visible()
        if queries != 1 or keys < 4 or bool(seen.all()):
            return False
        call.show(call.torch.ones_like(seen))
        return True

    site.require(getattr(site.model, "can_generate", lambda: False)())
    attention(site, change)


def choices(site, change):
    """`change(scores)` returns other scores for the choice of the next token."""
    from transformers.generation import logits_process

    site.require(getattr(site.model, "can_generate", lambda: False)())

    def call(usual, processors, ids, scores, **o):
        site.touch()
        return change(usual(processors, ids, scores, **o))

    site.wrap(logits_process.LogitsProcessorList, "__call__", call)


def gap(scores, other):
    """How much worse the chosen token is, relative to the size of the scores."""
    best = scores.float().amax(-1)
    chosen = scores.float().gather(-1, other[:, None])[:, 0]
    size = scores.float().masked_fill(scores < -1e30, 0).square().mean(-1).sqrt()
    return float(((best - chosen) / size.clamp(min=1e-20)).max())


@fault("second-best-token", "decoding")
def second(site):
    """Greedy decoding takes the second-best token."""

    def change(scores):
        best = scores.topk(2, -1).indices
        if str(scores.dtype) == "torch.float32":
            site.effect = max(site.effect, gap(scores, best[:, 1]))
        return scores.scatter(-1, best[:, :1], float("-inf"))

    choices(site, change)


@fault("token-of-another-sample", "batch")
def other_token(site):
    """Greedy decoding takes the token of the next sample."""

    def change(scores):
        if len(scores) > 1:
            site.effect = max(site.effect, gap(scores, scores.argmax(-1).roll(1, 0)))
        return scores.roll(1, 0)

    choices(site, change)
