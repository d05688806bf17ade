"""Faults of positions: rotary, learned, and the order of patches."""

import math
import sys

from . import fault


def rotary(site):
    """The modules that compute rotary angles: they return cosines and sines."""
    return site.require(site.modules("RotaryEmbedding"))


def angles(site, change):
    """`change(cos, sin)` returns both."""
    for module in rotary(site):
        site.around(module, lambda usual, *a, **o: change(*usual(*a, **o)))


@fault("rotary-left-out")
def left_out(site):
    """The rotary embedding is left out."""
    angles(site, lambda cos, sin: (cos * 0 + 1, sin * 0))


@fault("rotary-sign")
def sign(site):
    """The rotary embedding turns in the other direction."""
    angles(site, lambda cos, sin: (cos, -sin))


@fault("rotary-base")
def base(site):
    """The base of the rotary embedding is larger by a factor of 50."""
    for module in rotary(site):
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq"):
                count = len(buffer)
                steps = site.torch.arange(count) / count
                buffer.mul_(50.0**-steps)
                site.touch()


@fault("rotary-double-speed")
def double(site):
    """The rotary embedding counts every position twice."""
    for module in rotary(site):
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq"):
                buffer.mul_(2)
                site.touch()


@fault("rotary-order")
def order(site):
    """The rotary embedding turns neighbouring values instead of both halves."""
    torch = site.torch

    def interleaved(x):
        even, odd = x[..., ::2], x[..., 1::2]
        site.touch()
        return torch.stack((-odd, even), dim=-1).flatten(-2)

    for module in rotary(site):
        code = sys.modules[type(module).__module__]
        if hasattr(code, "rotate_half") and code.rotate_half is not interleaved:
            site.replace(code, "rotate_half", interleaved)


@fault("rotary-half")
def half(site):
    """The rotary embedding turns half of the values that it should."""

    def change(cos, sin):
        first = cos.shape[-1] // 4
        cos, sin = cos.clone(), sin.clone()
        cos[..., first : 2 * first], sin[..., first : 2 * first] = 1, 0
        cos[..., -first:], sin[..., -first:] = 1, 0
        return cos, sin

    angles(site, change)


@fault("rotary-of-keys-late")
def keys_late(site):
    """The rotary embedding of keys is that of the next position."""
    for module in rotary(site):
        code = sys.modules[type(module).__module__]
        if not hasattr(code, "apply_rotary_pos_emb"):
            continue

        def change(usual, q, k, cos, sin, *a, **o):
            if cos.shape[-2] < 2:
                return usual(q, k, cos, sin, *a, **o)
            site.touch()
            turned, _ = usual(q, k, cos, sin, *a, **o)
            return turned, usual(q, k, cos.roll(-1, -2), sin.roll(-1, -2), *a, **o)[1]

        site.wrap(code, "apply_rotary_pos_emb", change)
        return


def positions_of_rotary(site, change):
    """`change(positions)` returns other positions, or None to keep them."""

    def around(usual, x, position_ids=None, *a, **o):
        other = change(position_ids) if position_ids is not None else None
        if other is not None:
            site.touched += 1
            position_ids = other
        return usual(x, position_ids, *a, **o)

    for module in rotary(site):
        usual = module.forward
        module.forward = lambda *a, usual=usual, **o: around(usual, *a, **o)


@fault("rotary-offset-in-decoding", "decoding")
def decoding_offset(site):
    """The rotary embedding of a decoded token is that of the position before."""
    positions_of_rotary(
        site, lambda p: p - 1 if p.shape[-1] == 1 and bool((p > 0).all()) else None
    )


@fault("rotary-starts-anew-in-decoding", "decoding")
def decoding_zero(site):
    """The rotary embedding of a decoded token is that of the first position."""
    positions_of_rotary(site, lambda p: p * 0 if p.shape[-1] == 1 else None)


@fault("rotary-ignores-padding", "batch")
def rotary_padding(site):
    """The rotary embedding counts padding as positions."""

    def change(positions):
        length = positions.shape[-1]
        plain = site.torch.arange(length).expand_as(positions)
        if length < 2 or bool((positions == plain).all()):
            return None
        return plain

    positions_of_rotary(site, change)


@fault("rotary-wraps-at-64")
def wraps(site):
    """The rotary embedding starts again at the 64th position."""
    positions_of_rotary(site, lambda p: p % 64 if bool((p >= 64).any()) else None)


LEARNED = ("position", "wpe", "pos_emb")


def learned(site):
    """Embedding modules of positions."""
    return [
        module
        for name, module in site.model.named_modules()
        if isinstance(module, site.torch.nn.Embedding) and any(word in name for word in LEARNED)
    ]


def tables(site):
    """Tables of positions that are added to patches: [1, positions, width]."""
    found = [
        parameter
        for name, parameter in site.model.named_parameters()
        if "position_embedding" in name and parameter.dim() == 3
    ]
    for module in site.model.modules():
        kept = vars(module).get("position_embeddings")
        if site.torch.is_tensor(kept) and kept.dim() == 3:
            found.append(kept)
    return found


@fault("positions-off-by-one")
def off_by_one(site):
    """Learned positions are those of the next position."""
    for module in learned(site):
        module.weight.copy_(module.weight.roll(-1, 0))
        site.touch()
    for table in tables(site):
        table.copy_(table.roll(-1, 1))
        site.touch()


@fault("positions-left-out")
def no_positions(site):
    """Learned positions are left out."""
    for module in learned(site):
        module.weight.zero_()
        site.touch()
    for table in tables(site):
        table.zero_()
        site.touch()


@fault("positions-reversed")
def reversed_positions(site):
    """Tables of positions are in reverse order."""
    for table in site.require(tables(site)):
        table.copy_(table.flip(1))
        site.touch()


@fault("positions-offset-in-decoding", "decoding")
def learned_offset(site):
    """The learned position of a decoded token is that of the position before."""

    def change(usual, ids, *a, **o):
        if site.torch.is_tensor(ids) and ids.numel() and ids.shape[-1] == 1:
            previous = (ids - 1).clamp(min=0)
            return usual(previous, *a, **o)
        return usual(ids, *a, **o)

    generating = getattr(site.model, "can_generate", lambda: False)()
    for module in site.require(learned(site) if generating else []):
        site.around(module, change)


@fault("positions-ignore-padding", "batch")
def learned_padding(site):
    """Learned positions count padding."""

    def change(usual, ids, *a, **o):
        if not site.torch.is_tensor(ids) or ids.dim() < 2 or ids.shape[-1] < 2:
            return usual(ids, *a, **o)
        highest = ids.amax()
        plain = (site.torch.arange(ids.shape[-1]) - ids.shape[-1] + 1 + highest).clamp(min=0)
        if bool((ids == plain).all()):
            return usual(ids, *a, **o)
        site.touched += 1
        return usual(plain.expand_as(ids), *a, **o)

    for module in site.require(learned(site)):
        usual = module.forward
        module.forward = lambda *a, usual=usual, **o: change(usual, *a, **o)


@fault("positions-wrap-at-64")
def learned_wrap(site):
    """Learned positions start again at the 64th."""
    for module in learned(site):
        if module.num_embeddings > 64 + 2:
            module.weight[66:] = module.weight[: module.num_embeddings - 66].clone()
            site.touch()
    for table in tables(site):
        if table.shape[1] > 64:
            rest = table.shape[1] - 64
            table[:, 64:] = table[:, :rest].clone()
            site.touch()


@fault("linear-bias-slope")
def alibi(site):
    """The bias of linear positions grows twice as fast."""
    for module in site.require(site.modules("BloomAttention")):
        module.beta = 2 * module.beta
        site.touch()


@fault("relative-bucket-off-by-one")
def bucket(site):
    """The bias of relative positions is that of the next distance."""
    words = ("relative_attention_bias", "relative_position_bias_table")
    for name, parameter in site.model.named_parameters():
        if any(word in name for word in words):
            parameter.copy_(parameter.roll(1, 0))
            site.touch()


def patches(site):
    """The modules that turn an image into patches, one row for each."""
    return [
        module
        for module in site.modules("PatchEmbeddings", "PatchEmbedding")
        if any(isinstance(m, (site.torch.nn.Conv2d, site.torch.nn.Conv3d)) for m in module.modules())
    ]


@fault("patches-in-columns")
def columns(site):
    """Patches are in the order of columns instead of rows."""

    def change(usual, *a, **o):
        output = usual(*a, **o)
        rows = output[0] if isinstance(output, tuple) else output
        if rows.dim() != 3:
            return output
        side = math.isqrt(rows.shape[1])
        if side * side != rows.shape[1] or side < 2:
            return output
        order = site.torch.arange(rows.shape[1]).view(side, side).T.flatten()
        rows = rows[:, order]
        return (rows, *output[1:]) if isinstance(output, tuple) else rows

    for module in site.require(patches(site)):
        site.around(module, change)


@fault("patches-shifted")
def shifted(site):
    """Patches are shifted by one."""

    def change(output):
        return output.roll(1, 1) if output.dim() == 3 else output

    for module in site.require(patches(site)):
        site.after(module, change)


@fault("class-token-last")
def class_last(site):
    """The token of the class is after the patches, and positions stay."""
    names = [n for n, _ in site.model.named_parameters() if n.endswith(("cls_token", "class_embedding"))]
    site.require(names)
    embeddings = [site.model.get_submodule(name.rpartition(".")[0]) for name in names]
    for module in embeddings:
        site.after(module, lambda output: output.roll(-1, 1) if output.dim() == 3 else output)


@fault("class-token-left-out")
def class_zero(site):
    """The token of the class is zero."""
    for name, parameter in site.model.named_parameters():
        if name.endswith(("cls_token", "class_embedding", "detection_tokens")):
            parameter.zero_()
            site.touch()


@fault("boxes-exchanged")
def boxes(site):
    """Horizontal and vertical positions on a page are exchanged."""
    found = [
        module
        for module in site.model.modules()
        if hasattr(module, "x_position_embeddings") and hasattr(module, "y_position_embeddings")
    ]
    for module in site.require(found):
        kept = module.x_position_embeddings.weight.clone()
        module.x_position_embeddings.weight.copy_(module.y_position_embeddings.weight)
        module.y_position_embeddings.weight.copy_(kept)
        site.touch()


@fault("window-shift-left-out")
def no_shift(site):
    """Windows are not shifted in every second layer."""
    for module in site.require([m for m in site.model.modules() if getattr(m, "shift_size", 0)]):
        module.shift_size = 0
        site.touch()


@fault("step-embedding-order")
def sine_first(site):
    """Sines and cosines of the step are exchanged."""
    found = [m for m in site.model.modules() if "flip_sin_to_cos" in vars(m)]
    for module in site.require(found):
        module.flip_sin_to_cos = not module.flip_sin_to_cos
        site.touch()
