"""Faults of attention beside its mask: scale, heads, biases."""

from . import fault
from .attending import attention


def scaled(site, change):
    def scale(call):
        call.scale = change(call)
        return True

    attention(site, scale)
    # Bloom does not use the interface.
    for module in site.modules("BloomAttention"):
        width = module.head_dim
        module.inv_norm_factor = change(_Plain(module.inv_norm_factor, width))
        site.touch()


class _Plain:
    def __init__(self, scale, width):
        self.scale, self.lengths = scale, None


@fault("scale-left-out")
def no_scale(site):
    """The scores of attention are not scaled."""
    scaled(site, lambda call: 1.0)


@fault("scale-twice")
def twice(site):
    """The scores of attention are scaled twice."""
    scaled(site, lambda call: call.scale**2)


@fault("scale-of-width")
def of_width(site):
    """The scores of attention are divided by the root of twice the width."""
    scaled(site, lambda call: call.scale * 0.5**0.5)


@fault("attention-cap-left-out")
def no_cap(site):
    """The scores of attention are not limited."""
    limited = [m for m in site.model.modules() if getattr(m, "attn_logit_softcapping", None)]
    for module in site.require(limited):
        module.attn_logit_softcapping = 1e6
        site.touch()


@fault("heads-in-other-order")
def groups_interleaved(site):
    """Heads of queries use the heads of keys in the order 0 1 0 1 instead of 0 0 1 1."""

    def change(call):
        groups = call.query.shape[1] // call.key.shape[1]
        if groups < 2 or call.key.shape[1] < 2:
            return False
        heads = call.query.shape[1]
        order = [*range(0, heads, groups)]
        order = [start + offset for offset in range(groups) for start in order]
        call.query = call.query[:, order]
        call.order = order
        return True

    def after(call, output):
        if not hasattr(call, "order"):
            return output
        back = [call.order.index(head) for head in range(len(call.order))]
        return output[:, :, back]

    attention(site, change, after)


@fault("heads-rotated")
def rotated(site):
    """The outputs of the heads of attention are rotated by one."""
    attention(site, None, lambda call, output: output.roll(1, 2) if output.shape[2] > 1 else output)


@fault("head-lost")
def lost_head(site):
    """One head of attention is zero."""

    def after(call, output):
        output = output.clone()
        output[:, :, -1] = 0
        return output

    attention(site, None, after)


@fault("values-of-next-head")
def next_head(site):
    """Heads read the values of the next head."""

    def change(call):
        if call.value.shape[1] < 2:
            return False
        call.value = call.value.roll(1, 1)
        return True

    attention(site, change)


@fault("attention-even")
def even(site):
    """Attention weighs all visible positions alike."""

    def change(call):
        call.query = call.query * 0
        return True

    attention(site, change)


@fault("queries-for-keys")
def exchanged(site):
    """Queries and keys are exchanged."""

    def change(call):
        if call.query.shape != call.key.shape:
            return False
        call.query, call.key = call.key, call.query
        return True

    attention(site, change)


@fault("keys-reversed")
def reversed_keys(site):
    """Attention reads keys in reverse order, and values not."""

    def change(call):
        if call.key.shape[2] < 2:
            return False
        call.key = call.key.flip(2)
        return True

    attention(site, change)


@fault("values-shifted")
def shifted_values(site):
    """Attention reads the values of the position before."""

    def change(call):
        if call.value.shape[2] < 2:
            return False
        call.value = call.value.roll(1, 2)
        return True

    attention(site, change)


@fault("attention-once-even")
def once_even(site):
    """Attention in one layer weighs all visible positions alike."""
    chosen = []

    def change(call):
        if not chosen:
            chosen.append(call.module)
        if call.module is not chosen[0]:
            return False
        call.query = call.query * 0
        return True

    attention(site, change)


@fault("relative-bias-left-out")
def no_bias(site):
    """The bias of relative positions is left out."""

    def change(call):
        if call.bias is None or not bool(call.bias.any()):
            return False
        call.dropped_bias = True
        return True

    attention(site, change)
    for module in site.modules("BloomAttention"):
        module.beta = 0.0
        site.touch()
    for module in site.model.modules():
        table = getattr(module, "relative_position_bias_table", None)
        if table is not None:
            table.zero_()
            site.touch()


@fault("relative-bias-reversed")
def reversed_bias(site):
    """The bias of relative positions is that of the opposite distance."""

    def change(call):
        if call.bias is None or call.bias.shape[-1] != call.bias.shape[-2]:
            return False
        site.touch()
        bias = call.bias.transpose(-1, -2)
        added = bias if call.mask is None or call.mask.dtype == call.torch.bool else bias + call.mask
        call.new_mask = added.masked_fill(~call.visible(), call.torch.finfo(call.query.dtype).min)
        call.dropped_bias = True
        return True

    attention(site, change)
    for module in site.model.modules():
        table = getattr(module, "relative_position_bias_table", None)
        if table is not None:
            table.copy_(table.flip(0))
            site.touch()


@fault("cross-attention-shifted")
def other_state(site):
    """Cross-attention reads the state of the position before."""

    def change(call):
        if not crossed(call):
            return False
        call.key, call.value = call.key.roll(1, 2), call.value.roll(2, 2)
        return True

    attention(site, change)


@fault("cross-attention-first-only")
def first_state(site):
    """Cross-attention sees the first half of the encoder's states."""

    def change(call):
        if not crossed(call) or call.key.shape[2] < 2:
            return False
        seen = call.visible().expand(-1, -1, *call.lengths).clone()
        seen[..., seen.shape[-1] // 2 :] = False
        seen[..., 0] = True
        call.show(seen)
        return True

    attention(site, change)


def crossed(call):
    """Whether the keys come from another part of the model."""
    name = type(call.module).__name__
    own = getattr(call.module, "is_decoder", False) and "Attention" in name
    queries, keys = call.lengths
    if not own and queries == keys:
        return False
    return not getattr(call.module, "is_causal", True) and queries != keys


@fault("query-bias-left-out")
def query_bias(site):
    """The biases of the projections to queries, keys and values are left out."""
    words = ("query", "key", "value", "q_proj", "k_proj", "v_proj", "query_key_value", "c_attn", "Wqkv", "qkv")
    for name, module in site.model.named_modules():
        if name.rsplit(".", 1)[-1] in words and getattr(module, "bias", None) is not None:
            module.bias.zero_()
            site.touch()


@fault("scores-of-wider-range")
def saturated(site):
    """The scores of attention are limited to values from -2 to 2."""

    def change(call):
        scores = call.scores()
        if not bool((scores.abs() > 2).logical_and(call.visible()).any()):
            return False
        call.replace_scores(scores.clamp(-2, 2))
        return True

    attention(site, change)
