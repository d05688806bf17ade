"""Faults of mixtures of experts."""

from . import fault


def experts(site):
    return site.require([m for m in site.modules("Experts") if hasattr(m, "down_proj")])


def routers(site):
    return site.require(site.modules("TopKRouter"))


def routed(site, change):
    """`change(logits, scores, indices)` returns the three results of a router."""
    for module in routers(site):
        site.around(module, lambda usual, *a, **o: change(*usual(*a, **o)))


@fault("experts-exchanged")
def exchanged(site):
    """Two experts have each other's weights."""
    for module in experts(site):
        for name in ("gate_up_proj", "down_proj"):
            weight = getattr(module, name)
            weight[[0, 1]] = weight[[1, 0]]
        site.touch()


@fault("experts-rotated")
def rotated(site):
    """Each expert has the weights of the next one, in one layer."""
    module = site.random.choice(experts(site))
    for name in ("gate_up_proj", "down_proj"):
        weight = getattr(module, name)
        weight.copy_(weight.roll(1, 0))
    site.touch()


@fault("expert-lost")
def lost(site):
    """One expert contributes nothing."""
    for module in experts(site):
        module.down_proj[-1] = 0
        site.touch()


@fault("router-order")
def order(site):
    """The scores of the chosen experts are in reverse order."""
    routed(site, lambda logits, scores, indices: (logits, scores.flip(-1), indices))


@fault("router-not-normalised")
def not_normalised(site):
    """The scores of the chosen experts do not add up to one."""

    def change(logits, scores, indices):
        shares = logits.float().softmax(-1).gather(-1, indices)
        return logits, shares.to(scores.dtype), indices

    routed(site, change)


@fault("router-equal-scores")
def equal(site):
    """The chosen experts have equal scores."""

    def change(logits, scores, indices):
        return logits, scores.mean(-1, keepdim=True).expand_as(scores), indices

    routed(site, change)


@fault("router-first-only")
def first_only(site):
    """Only the best expert computes."""

    def change(logits, scores, indices):
        scores = scores.clone()
        scores[:, 1:] = 0
        return logits, scores, indices

    routed(site, change)


@fault("router-next-best")
def next_best(site):
    """The second chosen expert is the third best."""

    def change(logits, scores, indices):
        best = logits.topk(indices.shape[-1] + 1, -1).indices
        indices = indices.clone()
        indices[:, -1] = best[:, -1]
        return logits, scores, indices

    routed(site, change)


@fault("shared-expert-left-out")
def shared(site):
    """The expert that all tokens share contributes nothing."""
    found = [m for n, m in site.model.named_modules() if n.endswith("shared_expert")]
    for module in site.require(found):
        site.after(module, lambda output: output * 0)


@fault("shared-gate-left-out")
def shared_gate(site):
    """The gate of the expert that all tokens share is left out."""
    found = [m for n, m in site.model.named_modules() if n.endswith("shared_expert_gate")]
    for module in site.require(found):
        site.after(module, lambda output: output * 0 + 30)


@fault("expert-capacity")
def capacity(site):
    """Experts drop tokens after the first 32 that they receive."""

    def change(usual, hidden, indices, scores, *a, **o):
        order = site.torch.nn.functional.one_hot(indices, module_count(usual)).flatten(0, 1)
        rank = (order.cumsum(0) * order).sum(-1).view(indices.shape)
        if bool((rank > 32).any()):
            scores = scores.masked_fill(rank > 32, 0)
            site.touched += 1
        return usual(hidden, indices, scores, *a, **o)

    def module_count(usual):
        return usual.__self__.num_experts if hasattr(usual, "__self__") else 64

    for module in experts(site):
        usual = module.forward
        module.forward = lambda *a, usual=usual, **o: change(usual, *a, **o)
