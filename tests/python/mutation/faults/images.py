"""Faults of interpolation, of channels and of borders of inputs."""

from . import fault


def interpolation(site, change):
    """`change(mode, align)` returns another kind and corner rule."""
    torch = site.torch

    def interpolate(
        usual, x, size=None, scale_factor=None, mode="nearest", align_corners=None, *a, **o
    ):
        mode, align_corners = change(mode, align_corners)
        out = size if size is not None else scale_factor
        same = size is not None and tuple(x.shape[2:]) == tuple(size if hasattr(size, "__len__") else [size] * (x.dim() - 2))
        if out is not None and not same:
            site.touch()
        if mode in ("nearest", "nearest-exact", "area"):
            align_corners = None
        if mode not in ("bilinear", "bicubic"):
            o.pop("antialias", None)
        return usual(x, size, scale_factor, mode, align_corners, *a, **o)

    site.functional("interpolate", interpolate)
    return torch


@fault("interpolation-nearest")
def nearest(site):
    """Interpolation takes the nearest value instead of the linear one, and the reverse."""
    interpolation(
        site, lambda mode, align: ("bilinear" if "nearest" in mode else "nearest", False)
    )


@fault("interpolation-corners")
def corners(site):
    """Interpolation aligns corners where it should not, and the reverse."""

    def change(mode, align):
        return (mode, align) if "nearest" in mode else (mode, not align)

    def counted(mode, align):
        return change(mode, align)

    interpolation(site, counted)


@fault("interpolation-cubic")
def cubic(site):
    """Linear interpolation is cubic."""
    interpolation(site, lambda mode, align: ("bicubic" if mode == "bilinear" else mode, align))


@fault("interpolation-shifted")
def shifted(site):
    """Interpolated values are shifted by one place."""

    def change(usual, *a, **o):
        site.touch()
        return usual(*a, **o).roll(1, -1)

    site.functional("interpolate", change)


def first_convolution(site):
    nn = site.torch.nn
    return site.require(site.modules(nn.Conv1d, nn.Conv2d, nn.Conv3d))[0]


@fault("colours-exchanged")
def colours(site):
    """The first and the last colour of images are exchanged."""
    module = first_convolution(site)
    site.require(module.in_channels >= 3 and module.groups == 1)
    module.weight.copy_(module.weight.flip(1))
    site.touch()


@fault("image-transposed")
def transposed(site):
    """Rows and columns of images are exchanged within patches."""
    module = first_convolution(site)
    weight = module.weight
    site.require(weight.dim() > 3 and weight.shape[-1] == weight.shape[-2] > 1)
    weight.copy_(weight.transpose(-1, -2).clone())
    site.touch()


@fault("image-border-lost")
def border(site):
    """The last row and column of images are zero."""
    module = first_convolution(site)
    site.require(module.weight.dim() > 3)

    def change(usual, x, *a, **o):
        x = x.clone()
        x[..., -1, :] = 0
        x[..., -1] = 0
        return usual(x, *a, **o)

    site.around(module, change)


@fault("sound-start-lost")
def start(site):
    """The first two hundredths of a sound are zero."""
    module = first_convolution(site)
    site.require(module.weight.dim() == 3)

    def change(usual, x, *a, **o):
        x = x.clone()
        x[..., : max(1, x.shape[-1] // 50)] = 0
        return usual(x, *a, **o)

    site.around(module, change)


@fault("sound-end-lost")
def end(site):
    """The last two hundredths of a sound are zero."""
    module = first_convolution(site)
    site.require(module.weight.dim() == 3)

    def change(usual, x, *a, **o):
        x = x.clone()
        x[..., -max(1, x.shape[-1] // 50) :] = 0
        return usual(x, *a, **o)

    site.around(module, change)


@fault("frames-exchanged")
def frames(site):
    """The frames of a video are in reverse order."""
    found = site.modules(site.torch.nn.Conv3d)
    for module in site.require(found):
        site.around(module, lambda usual, x, *a, **o: usual(x.flip(2), *a, **o))
