"""Faults of weights on their way to the device, and of embeddings."""

from . import fault


def matrices(site):
    """Linear layers and convolutions."""
    nn = site.torch.nn
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, "Conv1D")
    return [m for m in site.modules(*kinds) if m.weight.shape[0] > 1]


def out_axis(module):
    """The axis of the output channels: GPT-2's layers have theirs last."""
    return 1 if type(module).__name__ == "Conv1D" else 0


def with_bias(site):
    return [m for m in matrices(site) if getattr(m, "bias", None) is not None]


def scale_channels(site, module, factor, share):
    """Multiplies some output channels of a layer, and their biases."""
    weight = plain_weight(site, module)
    axis = out_axis(module)
    count = max(1, round(weight.shape[axis] * share))
    chosen = site.torch.tensor(site.random.sample(range(weight.shape[axis]), count))
    view = weight.transpose(0, axis)
    view[chosen] = view[chosen] * factor
    if module.bias is not None:
        module.bias[chosen] = module.bias[chosen] * factor
    site.touch()


def plain_weight(site, module):
    """The tensor of a weight, which may be computed from two others (weight norm)."""
    made = getattr(module, "parametrizations", None)
    return made.weight.original0.expand_as(module.weight) if made else module.weight


@fault("channel-wrong-by-5-percent")
def one_channel(site):
    """One channel of one layer is larger by 5 %."""
    plain = [m for m in matrices(site) if not hasattr(m, "parametrizations")]
    scale_channels(site, site.one(plain), 1.05, 0)


@fault("channel-zero")
def zero_channel(site):
    """One channel of one layer is zero."""
    plain = [m for m in matrices(site) if not hasattr(m, "parametrizations")]
    scale_channels(site, site.one(plain), 0.0, 0)


@fault("quarter-wrong-by-5-percent")
def quarter(site):
    """A quarter of the channels of one layer is larger by 5 %."""
    plain = [m for m in matrices(site) if not hasattr(m, "parametrizations")]
    scale_channels(site, site.one(plain), 1.05, 0.25)


@fault("layer-wrong-by-5-percent")
def whole(site):
    """The output of one layer is larger by 5 %."""
    plain = [m for m in matrices(site) if not hasattr(m, "parametrizations")]
    scale_channels(site, site.one(plain), 1.05, 1)


@fault("channels-exchanged")
def two_channels(site):
    """Two channels of one layer are exchanged."""
    module = site.one([m for m in matrices(site) if not hasattr(m, "parametrizations")])
    view = module.weight.transpose(0, out_axis(module))
    one, other = site.random.sample(range(len(view)), 2)
    view[[one, other]] = view[[other, one]]
    if module.bias is not None:
        module.bias[[one, other]] = module.bias[[other, one]]
    site.touch()


@fault("weight-transposed")
def transposed(site):
    """One square weight is transposed."""
    square = [m for m in site.modules(site.torch.nn.Linear) if m.in_features == m.out_features]
    module = site.one(square)
    module.weight.copy_(module.weight.T.clone())
    site.touch()


@fault("weight-element-lost")
def element(site):
    """A row of 64 values of one weight is zero, as a lost transfer leaves it."""
    module = site.one([m for m in matrices(site) if not hasattr(m, "parametrizations")])
    flat = module.weight.view(-1)
    start = site.random.randrange(max(1, len(flat) - 64))
    flat[start : start + 64] = 0
    site.touch()


@fault("bias-left-out-once")
def no_bias(site):
    """The bias of one layer is left out."""
    site.one(with_bias(site)).bias.zero_()
    site.touch()


@fault("bias-left-out")
def no_biases(site):
    """The biases of all linear layers and convolutions are left out."""
    for module in site.require(with_bias(site)):
        module.bias.zero_()
        site.touch()


@fault("bias-twice")
def bias_twice(site):
    """The bias of one layer is added twice."""
    site.one(with_bias(site)).bias.mul_(2)
    site.touch()


@fault("bias-reversed")
def bias_reversed(site):
    """The bias of one layer is in reverse order."""
    bias = site.one(with_bias(site)).bias
    bias.copy_(bias.flip(0))
    site.touch()


@fault("inner-values-lost")
def inner(site):
    """One layer does not read its last eight inputs."""
    wide = [m for m in site.modules(site.torch.nn.Linear) if m.in_features > 16]
    site.one(wide).weight[:, -8:] = 0
    site.touch()


def embeddings(site):
    """The embedding of tokens."""
    found = getattr(site.model, "get_input_embeddings", lambda: None)
    try:
        module = found()
    except (NotImplementedError, AttributeError):
        module = None
    return module if isinstance(module, site.torch.nn.Embedding) else None


def token_embedding(site):
    found = embeddings(site)
    if found is None:
        words = ("word_embeddings", "token_embedding", "embed_tokens")
        named = site.model.named_modules()
        found = next((m for n, m in named if n.endswith(words)), None)
    site.require(found is not None)
    return found


@fault("embedding-off-by-one")
def off_by_one(site):
    """The embedding of each token is that of the next one."""
    module = token_embedding(site)
    last = module.num_embeddings - 1
    site.around(module, lambda usual, ids: usual((ids + 1).clamp(max=last)))


@fault("embedding-of-high-tokens")
def high_tokens(site):
    """Tokens of the second half of the vocabulary have the embedding of the first half."""
    module = token_embedding(site)
    # The library counts the tokens of an image by their embedding.
    site.require(not hasattr(site.model.config, "image_token_index"))
    half = module.num_embeddings // 2
    site.around(module, lambda usual, ids: usual(ids % half))


@fault("embedding-scale-left-out")
def embedding_scale(site):
    """The embedding is not scaled."""
    found = [m for m in site.modules("ScaledWordEmbedding", "TextScaledWordEmbedding")]
    for module in site.require(found):
        for name in ("embed_scale", "scalar_embed_scale"):
            value = getattr(module, name, None)
            if value is not None:
                setattr(module, name, value * 0 + 1)
                site.touch()


@fault("token-types-ignored")
def token_types(site):
    """All tokens have the first type."""
    found = [m for n, m in site.model.named_modules() if n.endswith("token_type_embeddings")]
    for module in site.require(found):
        site.around(module, lambda usual, ids: usual(ids * 0))


@fault("token-types-left-out")
def no_token_types(site):
    """The embedding of token types is left out."""
    found = [m for n, m in site.model.named_modules() if n.endswith("token_type_embeddings")]
    for module in site.require(found):
        module.weight.zero_()
        site.touch()


@fault("query-and-key-exchanged")
def query_key(site):
    """The projections to queries and to keys of one layer are exchanged."""
    exchange(site, (("q_proj", "k_proj"), ("query", "key"), ("q", "k"), ("to_q", "to_k")))


@fault("key-and-value-exchanged")
def key_value(site):
    """The projections to keys and to values of one layer are exchanged."""
    exchange(site, (("k_proj", "v_proj"), ("key", "value"), ("k", "v"), ("to_k", "to_v")))


def exchange(site, pairs):
    found = []
    for module in site.model.modules():
        for one, other in pairs:
            first, second = getattr(module, one, None), getattr(module, other, None)
            shapes = [getattr(getattr(m, "weight", None), "shape", None) for m in (first, second)]
            if shapes[0] is not None and shapes[0] == shapes[1]:
                found.append((first, second))
    first, second = site.one(found)
    for name in ("weight", "bias"):
        one, other = getattr(first, name, None), getattr(second, name, None)
        if one is not None and other is not None:
            kept = one.clone()
            one.copy_(other)
            other.copy_(kept)
    site.touch()


@fault("fused-projection-order")
def fused(site):
    """Queries, keys and values of a joint projection are split in another order."""
    words = ("c_attn", "query_key_value", "Wqkv", "qkv")
    found = [(n, m) for n, m in site.model.named_modules() if n.rsplit(".", 1)[-1] in words]
    for _, module in site.require(found):
        axis = out_axis(module)
        third = module.weight.shape[axis] // 3
        module.weight.copy_(module.weight.roll(third, axis))
        if module.bias is not None:
            module.bias.copy_(module.bias.roll(third, 0))
        site.touch()


@fault("weight-norm-left-out")
def weight_norm(site):
    """The learned length of weights is left out."""
    for module in site.model.modules():
        made = getattr(module, "parametrizations", None)
        if made is not None and hasattr(made, "weight"):
            made.weight.original0.fill_(float(made.weight.original0.mean()))
            site.touch()


@fault("integer-inputs-cut")
def cut(site):
    """Tokens above 255 lose their upper bits."""
    module = token_embedding(site)
    site.require(module.num_embeddings > 256)
    site.around(module, lambda usual, ids: usual(ids % 256))
