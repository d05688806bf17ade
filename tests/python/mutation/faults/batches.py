"""Faults that need several samples, or several calls."""

from . import fault
from .structure import layers
from ..site import first_tensor


def one_layer(site, change):
    """Changes the output of one layer."""
    site.after(site.random.choice(layers(site)), change)


def later_samples(site, change):
    """Changes the output of one layer where a batch has several samples: `change(output)`."""
    count = []

    def guarded(output):
        # Windows and experts have other rows than samples.
        if not count:
            return output
        if len(output) != count[-1] or len(output) < 2:
            return output
        return change(output)

    watch_batch(site, count)
    one_layer(site, guarded)


def watch_batch(site, count):
    """Keeps the number of samples of the running call in `count`."""

    def call(usual, *a, **o):
        tensors = [x for x in (*a, *o.values()) if site.torch.is_tensor(x) and x.dim() > 1]
        count.append(len(tensors[0]) if tensors else 0)
        try:
            return usual(*a, **o)
        finally:
            count.pop()

    root = site.model
    for module in (root, *root.children()):
        usual = module.forward
        module.forward = wrapped(usual, call)


def wrapped(usual, call):
    import functools

    @functools.wraps(usual)
    def forward(*a, **o):
        return call(usual, *a, **o)

    return forward


@fault("samples-exchanged", "batch")
def exchanged(site):
    """The last two samples of a batch are exchanged in one layer."""

    def change(output):
        order = [*range(len(output) - 2), len(output) - 1, len(output) - 2]
        return output[order]

    later_samples(site, change)


@fault("samples-mixed", "batch")
def mixed(site):
    """A tenth of the previous sample is added to each one in one layer."""
    later_samples(site, lambda output: output + 0.1 * output.roll(1, 0))


@fault("last-sample-zero", "batch")
def last_zero(site):
    """The last sample of a batch is zero after one layer."""

    def change(output):
        output = output.clone()
        output[-1] = 0
        return output

    later_samples(site, change)


@fault("all-samples-the-first", "batch")
def first_only(site):
    """All samples of a batch are the first one after one layer."""
    later_samples(site, lambda output: output[:1].expand_as(output).clone())


@fault("second-sample-wrong-by-5-percent", "batch")
def five_percent(site):
    """The second sample of a batch is larger by 5 % after one layer."""

    def change(output):
        output = output.clone()
        output[1] = output[1] * 1.05
        return output

    later_samples(site, change)


@fault("last-rows-lost", "batch")
def tail(site):
    """Matrix products leave out rows after the last whole block of eight, in a batch."""
    linear_rows(site, 8)


def linear_rows(site, block):
    def linear(usual, x, weight, bias=None):
        output = usual(x, weight, bias)
        rows = output.numel() // output.shape[-1]
        whole = rows // block * block
        if not 0 < whole < rows:
            return output
        site.touch()
        flat = output.clone().view(rows, -1)
        flat[whole:] = 0
        return flat.view(output.shape)

    site.functional("linear", linear)


def root_output(site, change):
    """`change(usual, *arguments, **options)` is the output of the whole model."""
    root = getattr(site.model, "denoiser", site.model)
    usual = root.forward
    root.forward = wrapped(usual, change)


@fault("stale-output", "batch")
def stale(site):
    """A call with new inputs returns the output of the previous call of the same shape."""
    kept = {}

    def change(usual, *a, **o):
        output = usual(*a, **o)
        fresh = tensors_of(output)
        if not fresh:
            return output
        key = tuple((name, tuple(value.shape)) for name, value in fresh.items())
        old = kept.get(key)
        kept[key] = {name: value.clone() for name, value in fresh.items()}
        if old is not None:
            for name, value in old.items():
                if not site.torch.equal(value, fresh[name]):
                    site.touch()
                output[name] = value
        return output

    root_output(site, change)


def tensors_of(output):
    if not hasattr(output, "items"):
        return {}
    return {
        name: value
        for name, value in output.items()
        if hasattr(value, "is_floating_point") and value.is_floating_point()
    }


@fault("first-call-kept", "batch")
def first_call(site):
    """One layer keeps its output of the first call for all later ones of the same shape."""
    kept = {}
    layer = site.random.choice(layers(site))

    def change(usual, *a, **o):
        output = usual(*a, **o)

        def same(x):
            return kept.setdefault(tuple(x.shape), x.clone()).clone()

        return first_tensor(output, same)

    site.around(layer, change)


@fault("third-call-wrong", "batch")
def third_call(site):
    """Every third call of one layer is larger by 5 %."""
    calls = []

    def change(usual, *a, **o):
        calls.append(1)
        return first_tensor(usual(*a, **o), lambda x: x * 1.05 if len(calls) % 3 == 0 else x)

    site.around(site.random.choice(layers(site)), change)
