"""Faults of state-space layers, recurrent layers and their caches."""

from . import fault


def mixers(site):
    return site.require(site.modules("MambaMixer", "Mamba2Mixer"))


def states(site, name, change):
    """`change(state)` is what a step reads of a cached state."""
    from transformers import cache_utils

    mixers(site)

    def read(usual, cache, *a, **o):
        state = usual(cache, *a, **o)
        if state is None:
            return None
        changed = change(state)
        if changed is not None:
            site.touch()
            state.copy_(changed)  # the step writes the next state into the same tensor
        return state

    site.wrap(cache_utils.Cache, name, read)


@fault("state-lost", "decoding")
def lost(site):
    """The state is zero at each decoded token."""
    states(site, "get_recurrent_state", lambda state: state * 0)


@fault("state-half-lost", "decoding")
def half(site):
    """The second half of the state is zero at each decoded token."""

    def change(state):
        state = state.clone()
        state[..., state.shape[-1] // 2 :] = 0
        return state

    states(site, "get_recurrent_state", change)


@fault("state-of-another-sample", "batch")
def other(site):
    """Samples of a batch read each other's state."""
    states(site, "get_recurrent_state", lambda s: s.flip(0) if len(s) > 1 else None)


@fault("convolution-state-lost", "decoding")
def convolution(site):
    """The inputs that the convolution keeps are zero at each decoded token."""
    states(site, "get_conv_state", lambda state: state * 0)


@fault("convolution-state-shifted", "decoding")
def shifted(site):
    """The inputs that the convolution keeps are shifted by one."""
    states(site, "get_conv_state", lambda state: state.roll(1, -1))


@fault("state-starts-anew-at-64")
def anew(site):
    """The scan forgets its state at the 64th position."""
    import sys

    code = sys.modules[type(mixers(site)[0]).__module__]
    site.require(hasattr(code, "mamba_selective_scan"))

    def scan(usual, x, dt, A, B, C, *a, z=None, return_last_state=False, **o):
        if x.shape[-1] <= 64:
            return usual(x, dt, A, B, C, *a, z=z, return_last_state=return_last_state, **o)
        site.touch()
        parts = []
        for start in (0, 64):
            end = 64 if start == 0 else x.shape[-1]
            cut = slice(start, end)
            part = usual(
                x[..., cut],
                dt[..., cut],
                A,
                B[..., cut],
                C[..., cut],
                *a,
                z=None if z is None else z[..., cut],
                return_last_state=True,
                **o,
            )
            parts.append(part)
        output = site.torch.cat([part[0] for part in parts], -1)
        return (output, parts[-1][1]) if return_last_state else output

    site.wrap(code, "mamba_selective_scan", scan)


@fault("skip-of-state-left-out")
def no_skip(site):
    """The direct path beside the state is left out."""
    for module in mixers(site):
        module.D.zero_()
        site.touch()


@fault("decay-sign")
def decay(site):
    """The decay of the state is half as fast."""
    for module in mixers(site):
        module.A_log.sub_(0.7)
        site.touch()


@fault("step-size-bias-left-out")
def step_bias(site):
    """The bias of the step size is left out."""
    for module in mixers(site):
        getattr(module, "dt_proj", module).bias.zero_() if hasattr(module, "dt_proj") else module.dt_bias.zero_()
        site.touch()


@fault("state-inputs-exchanged")
def exchanged(site):
    """What is written to the state and what is read from it are exchanged."""
    for module in mixers(site):
        if hasattr(module, "x_proj"):
            rank, size = module.time_step_rank, module.ssm_state_size
            weight = module.x_proj.weight
            kept = weight[rank : rank + size].clone()
            weight[rank : rank + size] = weight[rank + size :]
            weight[rank + size :] = kept
            site.touch()


def recurrent(site):
    return site.require(site.modules(site.torch.nn.LSTM))


@fault("lstm-gates-exchanged")
def gates(site):
    """The gates of LSTMs are in another order: forget, input."""
    for module in recurrent(site):
        for parameter in module.parameters():
            quarter = len(parameter) // 4
            kept = parameter[:quarter].clone()
            parameter[:quarter] = parameter[quarter : 2 * quarter]
            parameter[quarter : 2 * quarter] = kept
        site.touch()


@fault("lstm-state-lost-at-64")
def lstm_anew(site):
    """LSTMs forget their state at the 64th position."""

    def change(usual, x, *a, **o):
        if len(x) <= 64:
            return usual(x, *a, **o)
        first, _ = usual(x[:64])
        rest, state = usual(x[64:])
        return site.torch.cat([first, rest]), state

    for module in recurrent(site):
        site.around(module, change)


@fault("lstm-bias-once")
def lstm_bias(site):
    """LSTMs add one of their two biases."""
    for module in recurrent(site):
        for name, parameter in module.named_parameters():
            if "bias_hh" in name:
                parameter.zero_()
                site.touch()
