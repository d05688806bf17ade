"""Faults of precision: what rounds more than the precision of the test does."""

from . import fault

PRODUCTS = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d")


def products(site, change):
    """Changes matrix products and convolutions: `change(usual, x, weight, bias, ...)`."""

    def counted(usual, x, weight, bias=None, *a, **o):
        site.touch()
        return change(usual, x, weight, bias, *a, **o)

    for name in PRODUCTS:
        site.functional(name, counted)


def lower(dtype_name):
    """Products whose inputs are rounded to a type, and summed in fp32."""

    def apply(site):
        dtype = getattr(site.torch, dtype_name)

        def low(x):
            return x if x is None else x.to(dtype).float()

        def change(usual, x, weight, bias, *a, **o):
            output = usual(low(x), low(weight), None if bias is None else bias.float(), *a, **o)
            return output.to(x.dtype)

        products(site, change)

    return apply


def tf32(x):
    """Rounds the significand to 10 bits, as TensorFloat-32 does."""
    import torch

    if x.dtype != torch.float32:
        return x
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0x0FFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


@fault("tf32", "reduced")
def tensor_float(site):
    """Products and convolutions use TensorFloat-32."""

    def change(usual, x, weight, bias, *a, **o):
        return usual(tf32(x), tf32(weight), bias, *a, **o)

    products(site, change)


@fault("bf16-products", "reduced")
def bf16_products(site):
    """Products round their inputs to bf16."""
    lower("bfloat16")(site)


@fault("fp16-products", "reduced")
def fp16_products(site):
    """Products round their inputs to fp16."""
    lower("float16")(site)


@fault("fp8-products", "reduced")
def fp8_products(site):
    """Products round their inputs to fp8."""
    lower("float8_e4m3fn")(site)


def accumulated(dtype_name, block):
    """Linear layers whose partial sums are rounded after every block of inputs."""

    def apply(site):
        dtype = getattr(site.torch, dtype_name)

        def linear(usual, x, weight, bias=None):
            site.touch()
            total = None
            for start in range(0, x.shape[-1], block):
                cut = slice(start, start + block)
                part = usual(x[..., cut].float(), weight[..., cut].float())
                total = part if total is None else total.to(dtype).float() + part
                total = total.to(dtype).float()
            if bias is not None:
                total = (total + bias.float()).to(dtype).float()
            return total.to(x.dtype)

        site.functional("linear", linear)

    return apply


@fault("bf16-accumulation", "reduced")
def bf16_sums(site):
    """Linear layers round partial sums to bf16."""
    accumulated("bfloat16", 4)(site)


@fault("fp16-accumulation", "reduced")
def fp16_sums(site):
    """Linear layers round partial sums to fp16."""
    accumulated("float16", 4)(site)


def weights(site):
    nn = site.torch.nn
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, "Conv1D", nn.Embedding)
    found = [m for m in site.modules(*kinds) if not hasattr(m, "parametrizations")]
    return site.require([m.weight for m in found])


@fault("fp8-weights", "reduced")
def fp8_weights(site):
    """Weights are in fp8, with one scale for each tensor."""
    for weight in weights(site):
        scale = weight.abs().max().clamp(min=1e-12) / 448
        weight.copy_((weight / scale).to(site.torch.float8_e4m3fn).float() * scale)
        site.touch()


@fault("int8-weights", "reduced")
def int8_weights(site):
    """Weights are in int8, with one scale for each channel."""
    for weight in weights(site):
        scale = weight.abs().flatten(1).amax(1).clamp(min=1e-12) / 127
        scale = scale.view(-1, *[1] * (weight.dim() - 1))
        weight.copy_((weight / scale).round() * scale)
        site.touch()


@fault("int4-weights", "reduced")
def int4_weights(site):
    """Weights are in int4, with one scale for each channel."""
    for weight in weights(site):
        scale = weight.abs().flatten(1).amax(1).clamp(min=1e-12) / 7
        scale = scale.view(-1, *[1] * (weight.dim() - 1))
        weight.copy_((weight / scale).round() * scale)
        site.touch()


@fault("bf16-weights", "reduced")
def bf16_weights(site):
    """Weights are rounded to bf16."""
    for weight in weights(site):
        weight.copy_(weight.bfloat16().float())
        site.touch()


def of_modules(site, modules, dtype_name):
    """Rounds the outputs of modules."""
    dtype = getattr(site.torch, dtype_name)
    for module in site.require(modules):
        site.after(module, lambda x: x.to(dtype).to(x.dtype) if x.is_floating_point() else x)


@fault("bf16-activations", "reduced")
def activations(site):
    """All layers round their output to bf16."""
    nn = site.torch.nn
    of_modules(site, site.modules(nn.Linear, nn.Conv1d, nn.Conv2d, "Conv1D"), "bfloat16")


@fault("bf16-norms", "reduced")
def norms(site):
    """Norms compute in bf16."""
    from .norms import all_norms

    of_modules(site, all_norms(site), "bfloat16")


@fault("fp16-softmax", "reduced")
def softmax(site):
    """Attention rounds scores and weights to fp16."""
    from .attending import attention

    torch = site.torch

    def change(call):
        weights = call.scores().half().softmax(-1)
        call.replace_scores(weights.float().clamp(min=1e-9).log())
        return True

    attention(site, change)
    usual = torch.nn.functional.softmax

    def half(_, x, *a, **o):
        if x.dtype != torch.float32:
            return usual(x, *a, **o)
        site.touch()
        return usual(x.half(), *a, **{**o, "dtype": torch.half}).float()

    site.replace(torch.nn.functional, "softmax", lambda x, *a, **o: half(usual, x, *a, **o))


@fault("bf16-residual", "reduced")
def residual(site):
    """What layers hand on is rounded to bf16."""
    for stack in site.require(site.stacks()):
        of_modules(site, stack, "bfloat16")


@fault("bf16-layer", "reduced")
def one_layer(site):
    """One layer of a stack computes its products in bf16."""
    from .structure import layers

    nn = site.torch.nn
    layer = site.random.choice(layers(site))
    found = [m for m in layer.modules() if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d))]
    of_modules(site, found, "bfloat16")
