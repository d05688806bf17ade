"""One attention call, as faults see it: in transformers through its interface, elsewhere through
`scaled_dot_product_attention`."""

import dataclasses
import typing


# What fp16 represents, too.
LOWEST = -6e4


@dataclasses.dataclass
class Call:
    """query, key, value: [samples, heads, positions, width]. bias: added to the scores."""

    torch: typing.Any
    module: typing.Any
    query: typing.Any
    key: typing.Any
    value: typing.Any
    mask: typing.Any  # None, boolean (True: visible) or what is added to the scores
    scale: float
    causal: bool  # all later positions are hidden, which the mask does not contain
    bias: typing.Any = None
    new_mask: typing.Any = None
    dropped_bias: bool = False

    @property
    def lengths(self):
        return self.query.shape[2], self.key.shape[2]

    def visible(self):
        """[samples or 1, heads or 1, queries, keys]: whether a query sees a key."""
        torch, (queries, keys) = self.torch, self.lengths
        if self.mask is None:
            seen = torch.ones(1, 1, queries, keys, dtype=torch.bool)
            return seen.tril(keys - queries) if self.causal else seen
        if self.mask.dtype == torch.bool:
            return self.mask
        return self.mask > -1e4

    def scores(self):
        """The scores in fp32 with all that is added to them; what is hidden has the value LOWEST."""
        groups = self.query.shape[1] // self.key.shape[1]
        keys = self.key.repeat_interleave(groups, 1).float()
        scores = self.query.float() @ keys.transpose(-1, -2) * self.scale
        if self.bias is not None:
            scores = scores + self.bias.float()
        if self.mask is not None and self.mask.dtype != self.torch.bool:
            scores = scores + self.mask.float()
        return scores.masked_fill(~self.visible(), LOWEST)

    def replace_scores(self, scores):
        """Attends by other scores: hidden ones stay hidden."""
        lowest = self.torch.finfo(self.query.dtype).min
        self.query, self.dropped_bias = self.query * 0, True
        self.new_mask = scores.to(self.query.dtype).masked_fill(~self.visible(), lowest)

    def is_causal(self):
        """Whether later positions are hidden, and earlier ones are not."""
        queries, keys = self.lengths
        if queries < 2 or queries != keys:
            return False
        return not bool(self.visible()[..., 0, -1].any())

    def show(self, seen):
        """Sets what is visible, and keeps what the mask adds to the scores there."""
        added = self.torch.zeros((), dtype=self.query.dtype)
        if self.mask is not None and self.mask.dtype != self.torch.bool:
            added = self.mask.masked_fill(self.mask <= -1e4, 0)
        lowest = self.torch.finfo(self.query.dtype).min
        self.new_mask = (added + self.torch.zeros(seen.shape, dtype=self.query.dtype)).masked_fill(
            ~seen, lowest
        )


def attention(site, change, after=None):
    """Changes every attention call: `change(call)` is true if it changed something.
    `after(call, output)` is its output, [samples, positions, heads, width]."""
    torch = site.torch
    inside = []

    def changed(call):
        if change is not None and change(call):
            site.touch()
            return True
        return False

    def finish(call, output):
        if after is None:
            return output
        site.touch()
        return after(call, output)

    def through_interface(usual):
        def attend(module, query, key, value, attention_mask, scaling=None, **options):
            scale = query.shape[-1] ** -0.5 if scaling is None else scaling
            causal = options.get("is_causal")
            causal = getattr(module, "is_causal", True) if causal is None else causal
            causal = bool(causal) and query.shape[2] > 1
            bias = options.get("position_bias")
            call = Call(
                torch, module, query, key, value, attention_mask, scale, causal, bias
            )
            if changed(call):
                scaling = call.scale
                if call.new_mask is not None:
                    attention_mask = call.new_mask
                    options["is_causal"] = False
                if call.dropped_bias:
                    options.pop("position_bias", None)
            inside.append(1)
            try:
                output = usual(
                    module,
                    call.query,
                    call.key,
                    call.value,
                    attention_mask,
                    scaling=scaling,
                    **options,
                )
            finally:
                inside.pop()
            return (finish(call, output[0]), *output[1:])

        return attend

    def fused(usual, query, key, value, attn_mask=None, *more, is_causal=False, scale=None, **o):
        if inside or query.dim() != 4:
            return usual(query, key, value, attn_mask, *more, is_causal=is_causal, scale=scale, **o)
        usual_scale = query.shape[-1] ** -0.5 if scale is None else scale
        call = Call(torch, None, query, key, value, attn_mask, usual_scale, is_causal)
        if changed(call):
            scale = call.scale
            if call.new_mask is not None:
                attn_mask, is_causal = call.new_mask, False
        output = usual(
            call.query, call.key, call.value, attn_mask, *more, is_causal=is_causal, scale=scale, **o
        )
        return finish(call, output.transpose(1, 2)).transpose(1, 2)

    from transformers.modeling_utils import AttentionInterface

    usual = AttentionInterface.get_interface
    site.replace(
        AttentionInterface,
        "get_interface",
        lambda self, name, default: through_interface(usual(self, name, default)),
    )
    site.functional("scaled_dot_product_attention", fused)
