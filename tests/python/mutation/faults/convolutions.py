"""Faults of convolutions and pooling."""

from . import fault


def convolutions(site):
    nn = site.torch.nn
    return site.modules(nn.Conv1d, nn.Conv2d)


def padded(site):
    """Convolutions that pad their input by zeros."""
    found = [m for m in convolutions(site) if isinstance(m.padding, tuple) and any(m.padding)]
    return site.require([m for m in found if m.padding_mode == "zeros"])


def call(site, module, x, padding):
    F = site.torch.nn.functional
    run = F.conv1d if x.dim() == module.weight.dim() == 3 else F.conv2d
    return run(x, module.weight, module.bias, module.stride, padding, module.dilation, module.groups)


def pad(module, mode):
    """The padding of a convolution as an argument of `pad`, and the same by `mode`."""
    amounts = [n for n in reversed(module.padding) for _ in (0, 1)]
    return amounts


def with_padding(site, change):
    """`change(module, x, amounts)` pads the input of every convolution."""
    for module in padded(site):

        def forward(usual, x, *a, module=module, **o):
            if x.dim() != module.weight.dim() or a or o:
                return usual(x, *a, **o)
            return call(site, module, change(module, x, pad(module, None)), 0)

        site.around(module, forward)


@fault("padding-replicated")
def replicated(site):
    """Convolutions pad by the values at the border."""
    F = site.torch.nn.functional
    with_padding(site, lambda m, x, amounts: F.pad(x, amounts, mode="replicate"))


@fault("padding-reflected")
def reflected(site):
    """Convolutions pad by reflection."""
    F = site.torch.nn.functional

    def change(module, x, amounts):
        wide = all(n < size for n, size in zip(amounts[::2], reversed(x.shape[2:])))
        return F.pad(x, amounts, mode="reflect" if wide else "replicate")

    with_padding(site, change)


@fault("padding-shifted")
def shifted(site):
    """Convolutions pad one more on one side and one less on the other."""

    def change(module, x, amounts):
        amounts = [*amounts]
        amounts[0] += 1
        amounts[1] -= 1
        return site.torch.nn.functional.pad(x, amounts)

    with_padding(site, change)


@fault("padding-circular")
def circular(site):
    """Convolutions pad by the opposite border."""
    F = site.torch.nn.functional

    def change(module, x, amounts):
        wide = all(n <= size for n, size in zip(amounts[::2], reversed(x.shape[2:])))
        return F.pad(x, amounts, mode="circular" if wide else "replicate")

    with_padding(site, change)


@fault("padding-of-ones")
def ones(site):
    """Convolutions pad by ones."""
    with_padding(site, lambda m, x, amounts: site.torch.nn.functional.pad(x, amounts, value=1.0))


def kernels(site, *sizes):
    found = [m for m in convolutions(site) if not hasattr(m, "parametrizations")]
    return site.require([m for m in found if max(m.kernel_size) > 1])


@fault("kernel-reversed")
def kernel_reversed(site):
    """The kernels of convolutions are reversed."""
    for module in kernels(site):
        module.weight.copy_(module.weight.flip(-1))
        site.touch()


@fault("kernel-transposed")
def kernel_transposed(site):
    """The kernels of convolutions are transposed."""
    for module in kernels(site):
        if module.weight.dim() == 4 and module.weight.shape[-1] == module.weight.shape[-2]:
            module.weight.copy_(module.weight.transpose(-1, -2).clone())
            site.touch()


@fault("kernel-shifted")
def kernel_shifted(site):
    """Convolutions read one place later."""
    for module in site.require(kernels(site)):

        def forward(usual, x, *a, **o):
            return usual(x.roll(-1, -1), *a, **o)

        site.around(module, forward)


@fault("kernel-centre-only")
def dilated(site):
    """One convolution reads places that are twice as far apart."""
    found = [
        m
        for m in kernels(site)
        if isinstance(m.padding, tuple)
        and all(k % 2 and p == k // 2 for k, p in zip(m.kernel_size, m.padding))
        and set(m.dilation) == {1}
    ]
    module = site.one(found)
    module.dilation = tuple(2 for _ in module.dilation)
    module.padding = tuple(2 * p for p in module.padding)
    module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in (0, 1)]
    site.touch()


@fault("stride-phase")
def phase(site):
    """Convolutions with a stride start one place later."""
    found = [m for m in convolutions(site) if max(m.stride) > 1]
    for module in site.require(found):
        site.around(module, lambda usual, x, *a, **o: usual(x.roll(-1, -1), *a, **o))


@fault("groups-in-other-order")
def groups(site):
    """The groups of convolutions are in reverse order."""
    found = [m for m in convolutions(site) if m.groups > 1 and not hasattr(m, "parametrizations")]
    for module in site.require(found):
        module.weight.copy_(module.weight.unflatten(0, (module.groups, -1)).flip(0).flatten(0, 1))
        site.touch()


@fault("groups-read-next")
def groups_next(site):
    """The groups of convolutions read the channels of the next group."""
    found = [m for m in convolutions(site) if m.groups > 1]
    for module in site.require(found):
        width = module.in_channels // module.groups
        site.around(module, lambda usual, x, *a, width=width, **o: usual(x.roll(width, 1), *a, **o))


@fault("transposed-shifted")
def transposed(site):
    """Transposed convolutions write one place later."""
    nn = site.torch.nn
    found = site.modules(nn.ConvTranspose1d, nn.ConvTranspose2d)
    for module in site.require(found):
        site.after(module, lambda output: output.roll(1, -1))


@fault("convolution-border-lost")
def border(site):
    """The last place of the output of convolutions is zero."""

    def change(output):
        if output.shape[-1] < 2:
            return output
        output = output.clone()
        output[..., -1] = 0
        return output

    for module in site.require([m for m in kernels(site)]):
        site.after(module, change)


@fault("pad-zero-for-reflect")
def zero_for_reflect(site):
    """Reflected borders are zero."""

    def change(usual, input, pad, mode="constant", value=None):
        if mode == "constant" or not any(pad):
            return usual(input, pad, mode, value)
        site.touch()
        return usual(input, pad)

    site.functional("pad", change)


@fault("pooling-border")
def pooling(site):
    """Maximum pooling pads by zeros, average pooling counts or leaves out its padding."""
    F = site.torch.nn.functional
    found = site.modules(site.torch.nn.MaxPool2d, site.torch.nn.AvgPool2d)
    for module in site.require([m for m in found if m.padding]):

        def forward(usual, x, module=module):
            amount = module.padding
            if isinstance(module, site.torch.nn.AvgPool2d):
                module.count_include_pad = not module.count_include_pad
                return usual(x)
            x = F.pad(x, [amount] * 4, value=0.5)
            return F.max_pool2d(x, module.kernel_size, module.stride, 0)

        site.around(module, forward)


@fault("pooling-average-for-maximum")
def average(site):
    """Maximum pooling takes the average."""
    F = site.torch.nn.functional
    for module in site.require(site.modules(site.torch.nn.MaxPool2d)):
        site.around(
            module,
            lambda usual, x, m=module: F.avg_pool2d(x, m.kernel_size, m.stride, m.padding),
        )


@fault("pooling-last-lost")
def adaptive(site):
    """Pooling over all places leaves out the last row."""
    found = site.modules(site.torch.nn.AdaptiveAvgPool2d, site.torch.nn.AdaptiveAvgPool1d)
    for module in site.require(found):
        site.around(module, lambda usual, x: usual(x[..., :-1] if x.shape[-1] > 1 else x))
