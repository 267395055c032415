"""Lives of PyTorch's classes: one fault each, as people make it, which its event alone finds."""

import pytest

import wdref

torch = pytest.importorskip("torch", reason="classes of torch.optim: pip install torch")
pytest.importorskip("flint", reason="verdicts need python-flint: pip install 'wdref[oracle]'")


class AdamW(torch.optim.Optimizer):
    """Right, and written to be read; a method of it is what a fault replaces."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, *,
                 maximize=False):  # fmt: skip
        words = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**words, "maximize": maximize})
        self.begin()

    def begin(self):
        pass

    def count(self, state):
        state["step"] = state.get("step", 0) + 1
        return state["step"]

    def moments(self, p, state):
        if "m" not in state:
            state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
        return state["m"], state["v"]

    def decay(self, group):
        return 1 - group["lr"] * group["weight_decay"]

    def gradient(self, p, group):
        return -p.grad if group["maximize"] else p.grad

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = self.gradient(p, group)
                m, v = self.moments(p, self.state[p])
                t = self.count(self.state[p])
                m.mul_(beta1).add_(g, alpha=1 - beta1)
                v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
                p.mul_(self.decay(group))
                root = (v / (1 - beta2**t)).sqrt().add_(group["eps"])
                p.addcdiv_(m, root, value=-group["lr"] / (1 - beta1**t))


class CountsItself(AdamW):
    """The count is an attribute, which no state_dict has."""

    def begin(self):
        self.counts = {}

    def count(self, state):
        self.counts[id(state["m"])] = self.counts.get(id(state["m"]), 0) + 1
        return self.counts[id(state["m"])]


class KeepsItsMoments(AdamW):
    """The moments are kept beside the state."""

    def begin(self):
        self.kept = {}

    def moments(self, p, state):
        return self.kept.setdefault(p, (torch.zeros_like(p), torch.zeros_like(p)))


class DecayOnce(AdamW):
    """λ is read when the object is made."""

    def begin(self):
        self.lam = [group["weight_decay"] for group in self.param_groups]

    def decay(self, group):
        places = [i for i, other in enumerate(self.param_groups) if other is group]
        return 1 - group["lr"] * self.lam[min(places[0], len(self.lam) - 1)]


class EpsOnce(AdamW):
    """ε is read when the object is made, as a default."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["eps"] = self.__dict__.setdefault("first", {}).setdefault(
                id(group["params"]), group["eps"]
            )
        super().step(closure)


class BeginsAtTheInitialRate(AdamW):
    """The decay reads the rate that a scheduler keeps as the first, where there is one."""

    def decay(self, group):
        return 1 - group.get("initial_lr", group["lr"]) * group["weight_decay"]


class IgnoresTheScaler(AdamW):
    """It says that it knows what the scaler found, and steps all the same."""

    _step_supports_amp_scaling = True

    def step(self, closure=None):
        scale = getattr(self, "grad_scale", None)
        for p in (p for group in self.param_groups for p in group["params"]):
            if scale is not None and p.grad is not None:
                p.grad = torch.nan_to_num(p.grad, posinf=0.0, neginf=0.0) / scale
        super().step(closure)


class KeepsTheGradient(AdamW):
    """The first gradient is kept without a copy, and read again where the memory is the same."""

    def moments(self, p, state):
        if "m" not in state:
            state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
            state["g"] = p.grad
        elif "g" in state and state["g"].data_ptr() == p.grad.data_ptr():
            state["m"].add_(p.grad)  # what was the last gradient is this one
        return state["m"], state["v"]


class MaximizesTheDecay(AdamW):
    """The whole step goes up, the decay too."""

    def decay(self, group):
        rate = group["lr"] * group["weight_decay"]
        return 1 + rate if group["maximize"] else 1 - rate


class SpikeGuard(AdamW):
    """A step whose gradients are very long is not taken."""

    def step(self, closure=None):
        grads = [p.grad for group in self.param_groups for p in group["params"]
                 if p.grad is not None]  # fmt: skip
        if not any(torch.any((g.abs() > 2.0**30) & torch.isfinite(g)) for g in grads):
            super().step(closure)


class ByPlace(AdamW):
    """The state is a list, in the order of the tensors."""

    def begin(self):
        self.places = []

    def moments(self, p, state):
        tensors = [q for group in self.param_groups for q in group["params"]]
        place = next(i for i, q in enumerate(tensors) if q is p)
        state.setdefault("place", place)
        states = [self.state[q] for q in tensors]
        owner = next((s for s in states if s.get("first") == place), state)
        state.setdefault("first", place)
        if "m" not in owner:
            owner["m"], owner["v"] = torch.zeros_like(p), torch.zeros_like(p)
        if owner["m"].shape != p.shape:
            owner = state
        return owner["m"], owner["v"]


class OfTheFirstDtype(AdamW):
    """Tensors of another dtype than the first are left out."""

    def step(self, closure=None):
        first = self.param_groups[0]["params"][0].dtype
        others = [p for group in self.param_groups for p in group["params"] if p.dtype != first]
        grads = [p.grad for p in others]
        for p in others:
            p.grad = None
        super().step(closure)
        for p, g in zip(others, grads, strict=True):
            p.grad = g


class SixteenBits(AdamW):
    """The count ends where 16 bits end."""

    def count(self, state):
        state["step"] = min(state.get("step", 0) + 1, 2**16 - 1)
        return state["step"]


class OfTheModulus(AdamW):
    """The second moment of complex numbers is that of the modulus, as in other frameworks."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                m, v = self.moments(p, self.state[p])
                t, g = self.count(self.state[p]), self.gradient(p, group)
                m.mul_(beta1).add_(g, alpha=1 - beta1)
                v.mul_(beta2).add_((g * g.conj()).real, alpha=1 - beta2)
                p.mul_(self.decay(group))
                root = (v.real / (1 - beta2**t)).sqrt().add_(group["eps"])
                p.addcdiv_(m, root.to(p.dtype), value=-group["lr"] / (1 - beta1**t))


FAULTS = {
    CountsItself: "resume",
    KeepsItsMoments: "resume",
    DecayOnce: "change",
    EpsOnce: "change",
    BeginsAtTheInitialRate: "scheduler",
    IgnoresTheScaler: "skip",
    KeepsTheGradient: "accumulate",
    MaximizesTheDecay: "maximize",
    SpikeGuard: "clip",
    ByPlace: "order",
    OfTheFirstDtype: "mixed",
    SixteenBits: "count",
    OfTheModulus: "complex",
}


def asked(cls):
    options = {"complex": True} if cls is OfTheModulus else {}
    return wdref.check(cls, claim="adamw", convention="pytorch", options=options)


def test_a_right_class_conforms_in_every_life():
    report = asked(AdamW)
    report.assert_conforms()
    refused = [v.id for v in report.diagnosis.verdicts if v.verdict == "unsupported"]
    assert refused == ["complex/float64", "complex/float32"]


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_a_fault_is_found_by_its_event_alone(cls):
    report = asked(cls)
    flags = {case.id: case.flags for case in report.cases}
    deviating = [v.id for v in report.diagnosis.verdicts if v.verdict == "deviates"]
    assert report.verdict == "deviates", report
    assert all(FAULTS[cls] in flags[id] for id in deviating), deviating
    assert any("AdamW" in line or "adamw" in line for line in report.diagnosis.lines())
