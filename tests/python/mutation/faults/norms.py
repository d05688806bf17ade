"""Faults of normalisation."""

from . import fault

RMS = ("RMSNorm", "T5LayerNorm")


def layer_norms(site):
    return site.modules(site.torch.nn.LayerNorm)


def rms_norms(site):
    return [
        module
        for module in site.modules(*RMS)
        if not isinstance(module, site.torch.nn.LayerNorm) and getattr(module, "weight", None) is not None
    ]


def all_norms(site):
    return [*layer_norms(site), *rms_norms(site), *site.modules(site.torch.nn.GroupNorm)]


def batch_norms(site):
    return site.modules(site.torch.nn.modules.batchnorm._BatchNorm)


def set_epsilon(site, change):
    for module in site.require([*all_norms(site), *batch_norms(site)]):
        for name in ("eps", "variance_epsilon"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, change(getattr(module, name)))
                site.touch()


@fault("norm-epsilon-large")
def large_epsilon(site):
    """The epsilon of norms is 0.1."""
    set_epsilon(site, lambda usual: 0.1)


@fault("norm-epsilon-larger")
def larger_epsilon(site):
    """The epsilon of norms is a thousand times as large, at least 1e-3."""
    set_epsilon(site, lambda usual: max(1e-3, 1000 * usual))


@fault("norm-epsilon-zero")
def no_epsilon(site):
    """The epsilon of norms is missing."""
    set_epsilon(site, lambda usual: 0.0)


def normalise(site, change):
    """Computes layer norms by `change(module, values)`, which returns normalised values."""

    def around(module):
        def forward(usual, values, *_, **__):
            result = change(module, values.float()).to(values.dtype)
            if module.weight is not None:
                result = result * module.weight
            return result if module.bias is None else result + module.bias

        site.around(module, forward)

    for module in site.require(layer_norms(site)):
        around(module)


@fault("layer-norm-unbiased")
def unbiased(site):
    """Layer norms divide by n - 1 in the variance."""

    def change(module, x):
        variance = x.var(-1, keepdim=True, unbiased=True)
        return (x - x.mean(-1, keepdim=True)) * (variance + module.eps).rsqrt()

    normalise(site, change)


@fault("layer-norm-without-mean")
def without_mean(site):
    """Layer norms do not subtract the mean."""
    normalise(
        site, lambda module, x: x * (x.square().mean(-1, keepdim=True) + module.eps).rsqrt()
    )


@fault("layer-norm-mean-absolute")
def mean_absolute(site):
    """Layer norms divide by the mean absolute deviation."""

    def change(module, x):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.abs().mean(-1, keepdim=True) + module.eps)

    normalise(site, change)


@fault("rms-norm-with-mean")
def with_mean(site):
    """RMS norms subtract the mean."""
    for module in site.require(rms_norms(site)):
        site.around(module, lambda usual, x: usual(x - x.mean(-1, keepdim=True)))


@fault("rms-norm-sum")
def rms_of_half(site):
    """RMS norms take the mean square of the first half of the values."""

    def change(usual, x):
        half = x.shape[-1] // 2
        size = x.float().square().mean(-1, keepdim=True).sqrt()
        first = x[..., :half].float().square().mean(-1, keepdim=True).sqrt()
        return (usual(x).float() * size / first).to(x.dtype)

    for module in site.require(rms_norms(site)):
        site.around(module, change)


@fault("rms-norm-one-added")
def one_added(site):
    """The weight of RMS norms has one added, as in other models."""
    for module in site.require(rms_norms(site)):
        module.weight.add_(1)
        site.touch()


def with_weights(site, name):
    kinds = [*all_norms(site), *batch_norms(site)]
    return [module for module in kinds if getattr(module, name, None) is not None]


@fault("norm-weight-left-out")
def no_weight(site):
    """The weights of all norms are left out."""
    for module in site.require(with_weights(site, "weight")):
        gemma = type(module).__name__.startswith("Gemma")
        module.weight.fill_(0 if gemma else 1)
        site.touch()


@fault("norm-bias-left-out")
def no_bias(site):
    """The biases of all norms are left out."""
    for module in site.require(with_weights(site, "bias")):
        module.bias.zero_()
        site.touch()


@fault("norm-bias-left-out-once")
def no_bias_once(site):
    """The bias of one norm is left out."""
    site.one(with_weights(site, "bias")).bias.zero_()
    site.touch()


@fault("norm-weight-of-another")
def other_weight(site):
    """Two norms have each other's weights."""
    groups = {}
    for module in with_weights(site, "weight"):
        groups.setdefault((type(module), module.weight.shape), []).append(module)
    several = [group for group in groups.values() if len(group) > 1]
    first, second = site.random.sample(site.one(several), 2)
    kept = first.weight.clone()
    first.weight.copy_(second.weight)
    second.weight.copy_(kept)
    site.touch()


@fault("norm-left-out")
def left_out(site):
    """One norm is left out."""
    site.around(site.one(all_norms(site)), lambda usual, x, *a, **o: x)


@fault("norm-of-residual-shifted")
def statistics_of_next_row(site):
    """One norm takes the statistics of the next row."""

    def change(usual, x, *a, **o):
        if x.dim() < 3:
            return usual(x, *a, **o)
        size = x.float().std(-1, keepdim=True).clamp(min=1e-6)
        return (usual(x, *a, **o).float() * size / size.roll(1, 1)).to(x.dtype)

    site.around(site.one([*layer_norms(site), *rms_norms(site)]), change)


@fault("group-norm-one-group")
def one_group(site):
    """Group norms have one group."""
    for module in site.require([m for m in site.modules(site.torch.nn.GroupNorm) if m.num_groups > 1]):
        module.num_groups = 1
        site.touch()


@fault("group-norm-channel-groups")
def channel_groups(site):
    """Group norms have a group for every two channels."""
    for module in site.require(site.modules(site.torch.nn.GroupNorm)):
        other = max(1, module.num_channels // 2)
        if other != module.num_groups:
            module.num_groups = other
            site.touch()


@fault("batch-norm-of-the-batch")
def batch_statistics(site):
    """Batch norms use the statistics of the batch, as in training."""
    for module in site.require(batch_norms(site)):

        def change(usual, x, module=module):
            return site.torch.nn.functional.batch_norm(
                x, None, None, module.weight, module.bias, True, 0.0, module.eps
            )

        site.around(module, change)


@fault("batch-norm-mean-left-out")
def no_running_mean(site):
    """Batch norms do not subtract the mean."""
    for module in site.require([m for m in batch_norms(site) if m.running_mean is not None]):
        module.running_mean.zero_()
        site.touch()


@fault("batch-norm-standard-deviation")
def deviation_for_variance(site):
    """Batch norms divide by the variance instead of its root."""
    for module in site.require([m for m in batch_norms(site) if m.running_var is not None]):
        module.running_var.square_()
        site.touch()
