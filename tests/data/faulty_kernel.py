"""Gives this CPU a faulty kernel, as a back-end may have: in fp32, layer_norm divides the variance
by one value less. Python imports this file at its start, as sitecustomize.

FAULTY=placed: from when a model is placed on its device. Random weights are scaled by what the CPU
computes, so an earlier fault would change them. FAULTY=always: from the start.
"""

import os

if "FAULTY" in os.environ:
    import torch

    faulty = os.environ["FAULTY"] == "always"
    usual = torch.nn.Module.to

    def to(model, *arguments, **options):
        global faulty
        faulty = faulty or isinstance(arguments[0], torch.device)
        return usual(model, *arguments, **options)

    torch.nn.Module.to = to

    def layer_norm(input, shape, weight, bias, eps):
        dims = list(range(-len(shape), 0))
        mean = input.mean(dims, keepdim=True)
        unbiased = faulty and input.dtype == torch.float32
        scale = (input.var(dims, unbiased=unbiased, keepdim=True) + eps).rsqrt()
        return (input - mean) * scale * weight + bias, mean, scale

    kernels = torch.library.Library("aten", "IMPL")
    kernels.impl("native_layer_norm", layer_norm, "CPU")
