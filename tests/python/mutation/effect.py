"""How far a fault moves what the model computes in fp32, whatever the verdict is.

All that the model returns from `place_model` on is recorded: what the test compares, and the
outputs of the whole model in every call, those of generation included. Two runs are compared where
their inputs are the same. Rows that are padding do not count.
"""

import contextlib
import hashlib

# A fault has an effect if it moves an output by more than this, relative to the size of the output.
THRESHOLD = 0.01
# The same for faults of precision: some hundred times the rounding of fp32.
REDUCED = 1e-4
# Maximum number of outputs that are kept of each input.
KEPT = 4
# The names of outputs that no test claims to compare.
APART = ("pooler_output", "loss", "aux_loss", "z_loss")


class Recorder:
    def __init__(self, torch):
        self.torch, self.outputs = torch, {}
        # What each cache has read: its identity → the cache, and the key of the last call.
        self.caches = {}

    @contextlib.contextmanager
    def watching(self, script, model):
        usual = script.forward

        def forward(torch, model, inputs):
            key = ("forward", digest(torch, inputs))  # before the call, which may change them
            output = usual(torch, model, inputs)
            self.keep(key, {"output": (output, None)})
            return output

        script.forward = forward
        hook = model.register_forward_hook(self.called, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()
            script.forward = usual

    def called(self, model, arguments, options, output):
        torch = self.torch
        if not hasattr(output, "items"):
            return
        given = {**dict(enumerate(arguments)), **options}
        # A call with a cache depends on all calls that filled it.
        before = [self.caches[id(v)][1] for v in given.values() if id(v) in self.caches]
        key = ("model", *before[:1], digest(torch, given))
        key = ("model", hashlib.blake2b(repr(key).encode(), digest_size=12).digest())
        for value in (*given.values(), *output.values()):
            if type(value).__name__.endswith("Cache"):
                self.caches[id(value)] = value, key
        found = {}
        results = any("logits" in name or name.startswith("predict") for name in output)
        for name, value in output.items():
            if not torch.is_tensor(value) or not value.is_floating_point() or name in APART:
                continue
            if results and "hidden_state" in name:
                continue  # on the way to the result; what tests compare of it is in `forward`
            mask = mask_of(options, name)
            if mask is None or bool(mask.all()) or value.dim() < 3:
                found[name] = value, None
            elif (shown := rows(mask, value)) is not None:
                found[name] = value, shown
            # Otherwise it is not known which part of the output is padding.
        self.keep(key, found)

    def keep(self, key, found):
        kept = self.outputs.setdefault(key, [])
        if len(kept) < KEPT:
            kept.append(
                {
                    name: value.detach().float().clone() * (1 if mask is None else mask)
                    for name, (value, mask) in found.items()
                }
            )


def mask_of(options, name):
    """The mask of padding that belongs to an output, or None."""
    decodes = options.get("encoder_outputs") is not None or "decoder_input_ids" in options
    of_decoder = decodes and not name.startswith("encoder")
    mask = options.get("decoder_attention_mask" if of_decoder else "attention_mask")
    return mask if hasattr(mask, "dim") and mask.dim() == 2 else None


def rows(mask, value):
    """The mask in the shape of an output, whose positions are the last ones; None if it is another
    kind of output."""
    length = value.shape[1]
    same = mask.shape[1] == length or length == 1
    if len(mask) != len(value) or not same:
        return None
    return mask[:, mask.shape[1] - length :].reshape(*value.shape[:2], *[1] * (value.dim() - 2))


def digest(torch, inputs):
    """Identifies the inputs of a call by their names and values."""
    found = hashlib.blake2b(digest_size=12)
    for name, value in sorted(inputs.items(), key=lambda item: str(item[0])):
        if torch.is_tensor(value):
            content = value.detach().float().contiguous().numpy().tobytes()
            found.update(f"{name} {tuple(value.shape)}".encode() + content)
        elif isinstance(value, (int, float, str)):
            found.update(f"{name} {value}".encode())
    return found.digest()


def effect(torch, clean, faulty):
    """The largest rms of a difference, relative to the rms of the clean output."""
    largest = 0.0
    for key, outputs in faulty.items():
        expected = clean.get(key)
        if not expected:
            continue
        for output in outputs:
            for name, value in output.items():
                usual = expected[0].get(name)
                if usual is not None and usual.shape == value.shape:
                    largest = max(largest, moved(usual, value))
    return largest


def moved(usual, value):
    size = float(usual.double().square().mean().sqrt())
    difference = float((value.double() - usual.double()).square().mean().sqrt())
    if difference != difference:
        return float("inf")
    return difference / size if size > 0 else (float("inf") if difference > 0 else 0.0)
