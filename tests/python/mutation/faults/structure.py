"""Faults of the structure: layers, residuals, gates, heads of the output."""

from . import fault
from .norms import all_norms
from .weights import embeddings


def first_input(arguments, options):
    if arguments:
        return arguments[0]
    return options.get("hidden_states", next(iter(options.values()), None))


def like_input(site, layer, change):
    """Around a layer whose output has the shape of its input: `change(input, output)`."""
    from ..site import first_tensor

    def around(usual, *a, **o):
        given = first_input(a, o)
        given = given.clone()  # some layers add in place

        def changed(output):
            return change(given, output) if output.shape == given.shape else output

        return first_tensor(usual(*a, **o), changed)

    site.around(layer, around)


def layers(site):
    return site.one(site.stacks())


@fault("layer-skipped")
def skipped(site):
    """One layer is skipped."""
    like_input(site, site.random.choice(layers(site)), lambda given, output: given)


@fault("last-layer-skipped")
def last_skipped(site):
    """The last layer of a stack is skipped."""
    like_input(site, layers(site)[-1], lambda given, output: given)


@fault("layers-exchanged")
def exchanged(site):
    """Two layers have each other's weights."""
    first, second = site.random.sample(layers(site), 2)
    for one, other in zip(first.parameters(), second.parameters()):
        kept = one.clone()
        one.copy_(other)
        other.copy_(kept)
    site.touch()


@fault("layer-repeated")
def repeated(site):
    """One layer has the weights of another."""
    first, second = site.random.sample(layers(site), 2)
    for one, other in zip(first.parameters(), second.parameters()):
        one.copy_(other)
    site.touch()


@fault("residual-left-out")
def residual(site):
    """The input of one layer is not added to its output."""
    like_input(site, site.random.choice(layers(site)), lambda given, output: output - given)


@fault("residual-twice")
def residual_twice(site):
    """The input of one layer is added twice to its output."""
    like_input(site, site.random.choice(layers(site)), lambda given, output: output + given)


@fault("part-left-out")
def part(site):
    """One attention or feed-forward part of a layer contributes nothing."""
    words = ("attn", "attention", "mlp", "feed_forward", "self_attn", "mixer", "ffn", "ff", "DenseReluDense")
    layer = site.random.choice(layers(site))
    parts = [m for name, m in layer.named_modules() if name.rsplit(".", 1)[-1] in words]
    from ..site import first_tensor

    site.around(
        site.one(parts), lambda usual, *a, **o: first_tensor(usual(*a, **o), lambda x: x * 0)
    )


@fault("layer-scale-left-out")
def layer_scale(site):
    """The learned scale of layers is left out."""
    words = ("layer_scale", "lambda1", "lambda_1", "lambda_2", "gamma_1", "gamma_2")
    for name, parameter in site.model.named_parameters():
        if any(word in name for word in words):
            parameter.fill_(1)
            site.touch()


@fault("final-norm-left-out")
def final_norm(site):
    """The last norm is left out."""
    norms = [
        module
        for name, module in site.model.named_modules()
        if module in all_norms(site) and not any(part.isdigit() for part in name.split("."))
    ]
    site.around(site.require(norms)[-1], lambda usual, x, *a, **o: x)


GATES = (("gate_proj", "up_proj"), ("w1", "w3"), ("wi_0", "wi_1"))


@fault("gated-halves-exchanged")
def gated(site):
    """Gate and value of gated units are exchanged."""
    for module in site.model.modules():
        for one, other in GATES:
            first, second = getattr(module, one, None), getattr(module, other, None)
            if hasattr(first, "weight") and hasattr(second, "weight"):
                kept = first.weight.clone()
                first.weight.copy_(second.weight)
                second.weight.copy_(kept)
                site.touch()
        joint = getattr(module, "gate_up_proj", None)
        if site.torch.is_tensor(joint):
            joint.copy_(joint.roll(joint.shape[1] // 2, 1))
            site.touch()
        name = type(module).__name__
        if name == "ModernBertMLP":
            module.Wi.weight.copy_(module.Wi.weight.roll(len(module.Wi.weight) // 2, 0))
            site.touch()
        if name == "GEGLU":
            module.proj.weight.copy_(module.proj.weight.roll(len(module.proj.weight) // 2, 0))
            site.touch()
        if name == "MambaMixer":
            weight = module.in_proj.weight
            weight.copy_(weight.roll(len(weight) // 2, 0))
            site.touch()


@fault("logit-cap-left-out")
def logit_cap(site):
    """Logits are not limited."""
    set_in_configurations(site, "final_logit_softcapping", None)


def set_in_configurations(site, name, value):
    """Sets an entry of every configuration that has it, until the end of the run."""
    for module in site.model.modules():
        config = getattr(module, "config", None)
        usual = getattr(config, name, None)
        if usual:
            setattr(config, name, value)
            site.stack.callback(setattr, config, name, usual)
            site.touch()
    site.require(site.touched)


@fault("output-of-other-tokens")
def head_rolled(site):
    """The rows of the output matrix are rotated by one."""
    head = getattr(site.model, "get_output_embeddings", lambda: None)()
    site.require(head is not None)
    site.after(head, lambda output: output.roll(1, -1))


@fault("output-untied")
def untied(site):
    """The output matrix is not that of the embedding, but has other weights of the same size."""
    head = getattr(site.model, "get_output_embeddings", lambda: None)()
    tied = embeddings(site)
    site.require(head is not None and tied is not None and head.weight is tied.weight)
    other = head.weight.clone()[:, site.torch.randperm(other_width(head))]

    def forward(usual, x):
        return site.torch.nn.functional.linear(x, other.to(x.dtype), head.bias)

    site.around(head, forward)


def other_width(head):
    return head.weight.shape[1]


@fault("output-scale-left-out")
def output_scale(site):
    """The output of a tied T5 is not scaled."""
    set_in_configurations(site, "scale_decoder_outputs", False)


@fault("dropout-active")
def dropout(site):
    """A tenth of the values are dropped, as in training."""
    torch = site.torch
    noise = torch.Generator().manual_seed(1)

    def drop(x, p):
        site.touch()
        kept = torch.rand(x.shape, generator=noise) >= p
        return x * kept.to(x.dtype) / (1 - p)

    site.functional("dropout", lambda usual, x, p=0.5, *a, **o: drop(x, 0.1))
    for module in site.modules(torch.nn.Dropout):
        module.p = 0.1


@fault("dropout-same-each-time")
def dropout_fixed(site):
    """A tenth of the values are dropped, always the same ones."""
    torch = site.torch

    def drop(usual, x, *a, **o):
        site.touch()
        noise = torch.Generator().manual_seed(7)
        kept = torch.rand(x.shape, generator=noise) >= 0.1
        return x * kept.to(x.dtype) / 0.9

    site.functional("dropout", drop)


@fault("series-scale-left-out")
def series_scale(site):
    """The scaling of a series is left out on the way back."""

    def change(usual, *a, **o):
        data, location, scale = usual(*a, **o)
        return data, location, scale * 0 + 1

    for module in site.require(site.modules("StdScaler", "MeanScaler")):
        site.around(module, change)


@fault("series-mean-left-out")
def series_mean(site):
    """The mean of a series is left out on the way back."""

    def change(usual, *a, **o):
        data, location, scale = usual(*a, **o)
        return data, location * 0, scale

    for module in site.require(site.modules("StdScaler")):
        site.around(module, change)


@fault("similarity-scale-left-out")
def contrast(site):
    """The projections to the common space have each other's order of values."""
    words = ("text_projection",)
    found = [m for n, m in site.model.named_modules() if n.endswith(words)]
    for module in site.require(found):
        module.weight.copy_(module.weight.roll(1, 0))
        site.touch()


@fault("features-of-other-layer")
def other_layer(site):
    """Features of an image are those of the last layer instead of the one before."""
    config = site.model.config
    site.require(getattr(config, "vision_feature_layer", None) is not None)
    for module in site.model.modules():
        own = getattr(module, "config", None)
        if getattr(own, "vision_feature_layer", None) == -2:
            own.vision_feature_layer = -1
            site.stack.callback(setattr, own, "vision_feature_layer", -2)
            site.touch()
