"""The place of a fault: torch, and the model that is about to be placed on the device.

A fault changes both through a Site, which restores torch at the end. The model needs no restoring:
the run ends with it. A fault calls `touch` where it takes effect; one that never does was not
applied, and is not counted.
"""

import contextlib
import functools
import random


class NotApplicable(Exception):
    """The model has no part that this fault could damage."""


class Site:
    def __init__(self, torch, model, name, seed):
        self.torch, self.model = torch, model
        # Layers, heads and channels are drawn from the name and the seed of the test.
        self.random = random.Random(f"{name} {seed}")
        self.stack = contextlib.ExitStack()
        self.touched = 0
        self.names = {id(module): name for name, module in model.named_modules()}
        self.detail = ""  # what was drawn, or where the fault is
        # Effects that no output shows, relative to the size of the output (see effect.py).
        self.effect = 0.0

    def touch(self):
        self.touched += 1

    def require(self, found):
        """What a fault looks for, which must exist."""
        if not found:
            raise NotApplicable
        return found

    # torch and other packages

    def replace(self, owner, name, value):
        """Replaces an attribute of a module or class until the end of the run."""
        usual = getattr(owner, name)
        own = name in vars(owner)
        setattr(owner, name, value)
        if own:
            self.stack.callback(setattr, owner, name, usual)
        else:
            self.stack.callback(delattr, owner, name)
        return usual

    def wrap(self, owner, name, change):
        """Replaces a function: `change(usual, *arguments, **options)` is its result."""
        usual = getattr(owner, name)

        @functools.wraps(usual)
        def changed(*arguments, **options):
            return change(usual, *arguments, **options)

        self.replace(owner, name, changed)

    def functional(self, name, change):
        self.wrap(self.torch.nn.functional, name, change)

    # The model

    def modules(self, *kinds):
        """The modules whose class has one of these names or is one of these classes."""
        classes = tuple(kind for kind in kinds if isinstance(kind, type))
        names = tuple(kind for kind in kinds if isinstance(kind, str))
        return [
            module
            for module in self.model.modules()
            if isinstance(module, classes) or (names and type(module).__name__.endswith(names))
        ]

    def one(self, found):
        """One of several parts, drawn by the seed."""
        chosen = self.random.choice(self.require(found))
        self.detail = self.names.get(id(chosen), self.detail)
        return chosen

    def around(self, module, change):
        """Replaces the forward function of a module: `change(usual, *arguments, **options)`."""
        usual = module.forward
        self.detail = self.names.get(id(module), self.detail)

        @functools.wraps(usual)
        def changed(*arguments, **options):
            self.touch()
            return change(usual, *arguments, **options)

        module.forward = changed

    def after(self, module, change):
        """Changes the first tensor of what a module returns: `change(output)`."""
        self.around(module, lambda usual, *a, **o: first_tensor(usual(*a, **o), change))

    def stacks(self):
        """The stacks of equal layers: lists of at least two modules of one class."""
        found = []
        for module in self.model.modules():
            if not isinstance(module, (self.torch.nn.ModuleList, self.torch.nn.Sequential)):
                continue
            layers = [*module.children()]
            shapes = {tuple((n, p.shape) for n, p in la.named_parameters()) for la in layers}
            kinds = {type(layer) for layer in layers}
            if len(layers) > 1 and len(kinds) == len(shapes) == 1 and shapes != {()}:
                found.append(layers)
        return found


def first_tensor(output, change):
    """The output of a module with its first tensor changed."""
    if isinstance(output, tuple):
        return (first_tensor(output[0], change), *output[1:])
    if hasattr(output, "keys") and hasattr(output, "to_tuple"):
        name = next(iter(output.keys()))
        output[name] = change(output[name])
        return output
    return change(output)
