"""A ``torch.optim.Optimizer`` over wdref's rules: see `wdref.interchange.torch_optimizer`."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import optree
import torch

from ..common.checks import check_number
from ..engine import tree
from ..methods.arguments import hyper_numbers
from ..optimizer import Optimizer
from ..rules.shapes import check_gradients_alone

Tensor = Any
Group = dict[str, Any]
# forms that need not know η and α apart
FOLLOWS_LR = ("none", "l2", "lr", "fixed", "proximal", "masked")
OWN = ("params", "param_names", "initial_lr", "wdref_lr", "wdref_rule")  # beside the rule's words


class _Leafwise(Optimizer):
    """The same rule with one entry of the scalars a leaf: PyTorch's groups are not wdref's."""

    def assign(self, thetas: Sequence[Tensor], spec: optree.PyTreeSpec) -> Sequence[int]:
        return range(len(thetas))


class TorchOptimizer(torch.optim.Optimizer):  # type: ignore[misc]  # PyTorch's types are skipped
    """PyTorch's groups, state and hooks around wdref's step."""

    def __init__(self, optimizer: Optimizer, params: Any) -> None:
        o = optimizer
        check_gradients_alone(o.dialect, "torch.optim.Optimizer")
        if o.dialect.schedule == "late":
            raise ValueError("a rule that reads the schedule of the step before cannot follow lr")
        self.rule = _Leafwise(
            name=o.name, dialect=o.dialect, hyper=o.hyper, weight_decay=o.weight_decay,
            schedule=o.schedule, state_dtype=o.state_dtype, master_weights=o.master_weights,
            backend=o.backend,
        )  # fmt: skip
        if o.groups or o.decay_mask is not None:
            params = _grouped(o, params)
        words = _words({**o.hyper, "weight_decay": o.weight_decay})
        super().__init__(params, {**words, "wdref_rule": self.rule.rule_name})

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "rule": self.rule}  # else no copy could step

    def add_param_group(self, param_group: Group) -> None:
        """Add a group whose words are those of the rule, with numbers that can be."""
        unknown = [word for word in param_group if word not in (*self.defaults, *OWN)]
        if unknown:
            known = ", ".join(word for word in self.defaults if word not in OWN)
            raise ValueError(f"param group has {', '.join(unknown)}: {self.rule.name} has {known}")
        given = {**self.defaults, **param_group}
        self._hyper(given, 1)
        super().add_param_group({"wdref_lr": float(given["lr"]), **param_group})

    # -- a step -----------------------------------------------------------------------------------

    @torch.no_grad()  # type: ignore[untyped-decorator]  # PyTorch's types are skipped
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step every parameter that has a gradient; return what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        members = [
            (group, name, p) for group in self.param_groups for name, p in _members(group)
            if p.grad is not None
        ]  # fmt: skip
        if members:
            self._step(members)
        return loss

    def _step(self, members: Sequence[tuple[Group, str, Tensor]]) -> None:
        names, tensors = [name for _, name, _ in members], [p for _, _, p in members]
        states = [self._state(p) for p in tensors]
        known: dict[tuple[int, int], Any] = {}  # one object for all that share their scalars:
        scalars = []  # a backend then steps them in one pass
        for (group, _, _), state in zip(members, states, strict=True):
            place = id(group), state["step"] + 1
            if place not in known:
                known[place] = self._scalars(group, place[1])
            scalars.append(known[place])
        slots = {slot: _tree(names, [state[slot] for state in states])
                 for slot in self.rule.slot_names}  # fmt: skip
        params = _tree(names, [p.detach() for p in tensors])
        grads = _tree(names, [_gradient(name, p) for name, p in zip(names, tensors, strict=True)])
        self.rule.apply_in_place(params, grads, slots, scalars)
        for p, state in zip(tensors, states, strict=True):
            self.state[p] = {**state, "step": state["step"] + 1}

    def _state(self, p: Tensor) -> dict[str, Any]:
        """The state of a parameter; a new one is kept once it has made its first step."""
        if self.state.get(p):
            found: dict[str, Any] = self.state[p]
            return found
        plain = p.detach()
        starts = self.rule.starts()
        new = {s: self.rule.first_slot(s, plain, starts) for s in self.rule.slot_names}
        return {"step": 0, **new}

    def _scalars(self, group: Group, t: int) -> Any:
        """The scalars of step `t` for a group whose lr may have been changed: lr = η α."""
        rule, h = self.rule, self._hyper(group, t)
        eta = rule.multiplier(t)
        s = rule.dialect.scalars(h, t, eta)
        lr, alpha = h["learning_rate"], group["wdref_lr"]
        if lr == alpha or rule.dialect.form in FOLLOWS_LR:
            return s
        if alpha == 0:
            raise ValueError("lr was 0 when the group was added: no multiplier changes that")
        eta = check_number("lr / the lr of the start", eta * (lr / alpha), low=0.0)
        decay = rule.dialect.scalars({**h, "learning_rate": alpha}, t, eta)
        return s._replace(l2=decay.l2, decay=decay.decay)

    def _hyper(self, group: Mapping[str, Any], t: int) -> dict[str, Any]:
        """Hyperparameters of a group in wdref's words."""
        given = {}
        for name in self.rule.hyper:
            if name in ("beta1", "beta2"):
                given[name] = _number(group["betas"][name == "beta2"])
            else:
                given[name] = _number(group["lr" if name == "learning_rate" else name])
        lam = group["weight_decay"]
        if callable(lam):
            lam = lam(t)
        if lam is not None:  # None: no decay at all, as a mask has it
            lam = check_number("weight_decay", _number(lam), low=0.0)
        return {**hyper_numbers(given, self.rule.dialect.family), "weight_decay": lam}

    # -- state ------------------------------------------------------------------------------------

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` gave; ValueError for another rule's."""
        for group in state_dict["param_groups"]:
            if group.get("wdref_rule") != self.rule.rule_name:
                raise ValueError(
                    f"state_dict belongs to another optimizer: {group.get('wdref_rule')}, this is "
                    f"{self.rule.rule_name}"
                )
        super().load_state_dict(state_dict)
        keys = chain.from_iterable(group["params"] for group in state_dict["param_groups"])
        tensors = chain.from_iterable(group["params"] for group in self.param_groups)
        for key, p in zip(keys, tensors, strict=True):
            own = state_dict["state"].get(key, {})
            for slot in self.rule.slot_names:
                if slot in own:  # PyTorch has cast it to the dtype of the parameter
                    self.state[p][slot] = own[slot].detach().to(device=p.device, copy=True)


def _grouped(optimizer: Optimizer, params: Any) -> list[Group]:
    """PyTorch's groups for those of `optimizer` and its mask."""
    pairs = list(params)
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(
            "groups and decay_mask of the optimizer go by names: give model.named_parameters()"
        )
    leaves, spec = tree.flatten(OrderedDict((name, p.detach()) for name, p in pairs))
    found: dict[int, Group] = {}
    for pair, k in zip(pairs, optimizer.assign(leaves, spec), strict=True):
        over = dict(optimizer.groups[k // 2 - 1][1]) if k > 1 else {}
        own = _words({**optimizer.hyper, "weight_decay": optimizer.weight_decay, **over})
        own |= {"weight_decay": None} if k % 2 else {}
        found.setdefault(k, {**own, "params": []})["params"].append(pair)
    return list(found.values())


def _words(hyper: Mapping[str, Any]) -> Group:
    """Hyperparameters in PyTorch's words."""
    own = dict(hyper)
    found = {"lr": own.pop("learning_rate")}
    if "beta1" in own:
        found["betas"] = (own.pop("beta1"), own.pop("beta2"))
    return {**found, **own}


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, torch.Tensor) and x.numel() == 1 else x


def _members(group: Group) -> Iterator[tuple[str, Tensor]]:
    names = group.get("param_names") or [""] * len(group["params"])
    return zip(names, group["params"], strict=True)


def _gradient(name: str, p: Tensor) -> Tensor:
    if p.grad.layout is not torch.strided:
        raise TypeError(f"gradient of {name or 'a parameter'} is {p.grad.layout}: expected a dense")
    return p.grad.detach()


def _tree(names: Sequence[str], leaves: Sequence[Tensor]) -> Any:
    """A tree whose error messages name a leaf as PyTorch does."""
    if len(set(names)) == len(names) and all(names):
        return OrderedDict(zip(names, leaves, strict=True))
    return list(leaves)
