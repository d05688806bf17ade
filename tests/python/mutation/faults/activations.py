"""Faults of activations and softmax."""

from . import fault


def functional(site, name, change):
    def counted(usual, *arguments, **options):
        site.touch()
        return change(usual, *arguments, **options)

    site.functional(name, counted)


def activations(site, *names):
    """Modules of activation functions of transformers and torch, by class name."""
    return [m for m in site.modules(*names) if not any(m.parameters())]


GELU = ("GELU", "GELUActivation", "NewGELUActivation", "FastGELUActivation", "GELUTanh", "PytorchGELUTanh")
GELU += ("BloomGelu",)


@fault("gelu-approximation")
def other_gelu(site):
    """GELU is computed by its other formula: tanh instead of erf, and the reverse."""
    F, tanh = site.torch.nn.functional, ("NewGELU", "GELUTanh", "PytorchGELUTanh", "BloomGelu")
    for module in activations(site, *GELU):
        exact = type(module).__name__.startswith(tanh) or getattr(module, "approximate", "") == "tanh"
        site.around(
            module,
            lambda usual, x, how=("none" if exact else "tanh"): usual_gelu(x, approximate=how),
        )
    usual_gelu = F.gelu

    def change(usual, x, approximate="none"):
        return usual(x, approximate="tanh" if approximate == "none" else "none")

    functional(site, "gelu", change)


@fault("gelu-quick")
def quick_for_gelu(site):
    """GELU is computed by its sigmoid approximation."""
    for module in activations(site, *GELU):
        site.around(module, lambda usual, x: x * (1.702 * x).sigmoid())
    functional(site, "gelu", lambda usual, x, approximate="none": x * (1.702 * x).sigmoid())


@fault("gelu-for-quick")
def gelu_for_quick(site):
    """The sigmoid approximation of GELU is computed as GELU."""
    for module in site.require(activations(site, "QuickGELUActivation")):
        site.around(module, lambda usual, x: site.torch.nn.functional.gelu(x))


@fault("silu-for-gelu")
def silu_for_gelu(site):
    """GELU is computed as SiLU."""
    for module in activations(site, *GELU):
        site.around(module, lambda usual, x: x * x.sigmoid())
    functional(site, "gelu", lambda usual, x, approximate="none": x * x.sigmoid())


@fault("gelu-for-silu")
def gelu_for_silu(site):
    """SiLU is computed as GELU."""
    functional(site, "silu", lambda usual, x, inplace=False: site.torch.nn.functional.gelu(x))


@fault("relu-for-silu")
def relu_for_silu(site):
    """SiLU is computed as ReLU."""
    functional(site, "silu", lambda usual, x, inplace=False: x.clamp(min=0))


@fault("relu-leaky")
def leaky(site):
    """ReLU lets a tenth of negative values pass."""
    functional(site, "relu", lambda usual, x, inplace=False: site.torch.where(x < 0, 0.1 * x, x))


@fault("elu-for-relu")
def hard_elu(site):
    """ELU is computed as ReLU."""
    functional(site, "elu", lambda usual, x, *a, **o: x.clamp(min=0))


ALL = (*GELU, "QuickGELUActivation", "SiLUActivation", "SiLU", "ReLU", "ELU", "Tanh")


@fault("activation-left-out")
def left_out(site):
    """One activation function is left out."""
    site.around(site.one(activations(site, *ALL)), lambda usual, x: x)


@fault("activation-clamped")
def clamped(site):
    """Activation functions do not return more than one."""
    for module in site.require(activations(site, *ALL)):
        site.around(module, lambda usual, x: usual(x).clamp(max=1))


@fault("softplus-threshold")
def softplus(site):
    """Softplus is computed as ReLU."""
    functional(site, "softplus", lambda usual, x, *a, **o: x.clamp(min=0))


@fault("softmax-over-queries")
def wrong_axis(site):
    """The softmax of attention runs over the queries."""
    from .attending import attention

    def change(call):
        queries, keys = call.lengths
        if queries != keys:
            return False
        call.replace_scores(call.scores().softmax(-2).clamp(min=1e-9).log())
        return True

    attention(site, change)


@fault("softmax-one-more")
def one_more(site):
    """The denominator of softmax has one more term, as for a position that contributes nothing."""
    from .attending import attention

    def after(call, output):
        total = call.scores().logsumexp(-1)  # [samples, heads, queries]
        share = (total.exp() / (1 + total.exp())).nan_to_num(1.0)
        return (output * share.transpose(1, 2)[..., None]).to(output.dtype)

    attention(site, None, after)


@fault("router-softmax-left-out")
def router_softmax(site):
    """The scores of experts are not made positive by softmax, but by sigmoid."""
    routers = site.require(site.modules("TopKRouter"))
    active = []
    for router in routers:

        def change(usual, *a, **o):
            active.append(1)
            try:
                return usual(*a, **o)
            finally:
                active.pop()

        site.around(router, change)

    def softmax(usual, x, *a, **o):
        return x.sigmoid() if active else usual(x, *a, **o)

    site.functional("softmax", softmax)
