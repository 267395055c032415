"""What the parameter groups of a torch optimizer claim: what they say, or what they ought to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ....common.checks import check_number
from ....conventions import dialect
from ....engine.arithmetic import all_narrow
from ....rules.contract import Dialect
from ..watch import Hyper, check_names

WORDS = {"lr": "learning_rate", "eps": "eps", "weight_decay": "weight_decay",
         "momentum": "momentum", "dampening": "dampening"}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """What a parameter group claims in this step: what is asked of it, and what it says itself."""

    dialect: Dialect
    hyper: Mapping[str, float]
    own: Mapping[str, float]
    before: float | None
    initial: float
    sign: float
    narrow: tuple[str, ...]
    fused: bool


class Groups:
    """The claims of all groups, and the rates that they had."""

    def __init__(
        self,
        groups: Sequence[Mapping[str, Any]],
        *,
        claim: str,
        convention: str,
        answers: Mapping[str, Any],
        hyper: Hyper | Sequence[Hyper] | None,
        rule: Any = None,
        clip: float | None = None,
    ) -> None:
        self.claim, self.convention, self.answers = claim, convention, answers
        self.base: Any = rule.dialect if rule else dialect(claim, convention, **answers)
        self.rule, self._clip = rule, {} if clip is None else {"clip": float(clip)}
        if hyper is None or isinstance(hyper, Mapping):
            self._one: Hyper | None = check_names(hyper or {}, self.base.hyper)
            self._asked = _shared(groups, self._one)
        else:
            self._one, self._asked = None, _one_each(groups, hyper, self.base.hyper)
        self._rates: dict[int, float] = {}
        self._initial: dict[int, float] = {}

    def remember(self, groups: Sequence[Mapping[str, Any]], t: int) -> None:
        """Keep the rates of a step that is not watched."""
        for i, group in enumerate(groups):
            asked = self._of(i, group).get("learning_rate", group["lr"])
            if not isinstance(asked, torch.Tensor):  # which may wait for a device
                self._rates[i] = _at("learning_rate", asked, t)

    def take(self, groups: Sequence[Mapping[str, Any]], t: int) -> list[Group]:
        """Return what each group claims in step `t`."""
        return [self._take(i, group, t) for i, group in enumerate(groups)]

    def _take(self, i: int, group: Mapping[str, Any], t: int) -> Group:
        said, asked = {**self._clip, **_said(group, self.base.hyper)}, self._of(i, group)
        if self.rule is not None:
            said["learning_rate"] = float(group["lr"]) * self.rule.multiplier(t)
        d = self._dialect(group, {**said, **asked})
        missing = [name for name in d.hyper if name not in said and name not in asked]
        if missing:
            raise ValueError(f"param_groups[{i}] has no {', '.join(missing)}: give hyper={{...}}")
        hyper = {name: _at(name, asked.get(name, said.get(name)), t) for name in d.hyper}
        own = {name: _at(name, said.get(name, hyper[name]), t) for name in d.hyper}
        own = own if asked else hyper
        before, initial = self._rates_of(i, group, hyper["learning_rate"], asked)
        on_device = group.get("capturable") or isinstance(group["lr"], torch.Tensor)
        narrow = all_narrow(hyper) if on_device else ()
        sign = -1.0 if group.get("maximize") else 1.0
        return Group(d, hyper, own, before, initial, sign, narrow, bool(group.get("fused")))

    def _rates_of(
        self, i: int, group: Mapping[str, Any], now: float, asked: Hyper
    ) -> tuple[float | None, float]:
        """The rate of the step before, and that of the start."""
        rate = asked.get("learning_rate")
        start = group.get("initial_lr", group.get("wdref_lr", now))
        start = rate(1) if callable(rate) else start
        before, self._rates[i] = self._rates.get(i), now
        return before, self._initial.setdefault(i, float(start))

    def _of(self, i: int, group: Mapping[str, Any]) -> Hyper:
        if i < len(self._asked):
            return self._asked[i]
        if self._one is None:
            raise ValueError(f"hyper has {len(self._asked)} groups: param_groups[{i}] is one more")
        self._asked += [_of_one(self._one, decays=_decays(group))]
        return self._asked[i]

    def _dialect(self, group: Mapping[str, Any], hyper: Hyper) -> Dialect:
        claim = self.claim
        if self.rule is not None:  # wdref's own optimizer says which rule it is
            return self.base  # type: ignore[no-any-return]  # of any family
        if claim == "adam" and group.get("decoupled_weight_decay"):
            claim = "adamw"  # as torch's Adam says of itself
        d: Any = dialect(claim, self.convention)
        if d.family == "adam" and group.get("amsgrad"):
            d = replace(d, amsgrad="raw")
        if d.family == "sgd":
            d = replace(d, nesterov=bool(group.get("nesterov")))
            if not hyper.get("momentum"):
                d = replace(d, buffer=False, damping="none", first="damped", nesterov=False)
        found: Dialect = d.answered(**self.answers)
        return found


def _one_each(
    groups: Sequence[Mapping[str, Any]], hyper: Sequence[Hyper | None], known: Sequence[str]
) -> list[Hyper]:
    """What is asked of each group by a mapping of its own."""
    rows: list[Any] = list(hyper) if isinstance(hyper, list | tuple) else [hyper]
    if not all(isinstance(own, Mapping | None) for own in rows):
        raise TypeError(f"hyper={hyper!r}: expected a mapping, or one a parameter group")
    if len(rows) != len(groups):
        raise ValueError(f"hyper has {len(rows)} groups, the optimizer {len(groups)}")
    return [check_names(own or {}, known) for own in rows]


def _shared(groups: Sequence[Mapping[str, Any]], hyper: Hyper) -> list[Hyper]:
    """Ask one mapping of all groups; its decay, of those that decay, unless none does."""
    said = [_said(group, tuple(hyper)) for group in groups]
    for name in hyper:
        values = dict.fromkeys(float(own[name]) for own in said if name in own)
        if name == "weight_decay":
            values.pop(0.0, None)
        if len(values) > 1:
            raise ValueError(
                f"one {name} in hyper for groups that have {' and '.join(map(repr, values))}: give "
                "one mapping a group, hyper=[{…}, {…}]"
            )
    decay = list(map(_decays, groups))
    return [_of_one(hyper, decays=own or not any(decay)) for own in decay]


def _of_one(hyper: Hyper, *, decays: bool) -> Hyper:
    return {name: x for name, x in hyper.items() if decays or name != "weight_decay"}


def _decays(group: Mapping[str, Any]) -> bool:
    return bool(group.get("weight_decay", True))


def _said(group: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The group's hyperparameters in wdref's words; `known` are the rule's own."""
    words = {**WORDS, **{name: name for name in known if name not in WORDS.values()}}
    said = {word: group[name] for name, word in words.items() if name in group}
    if "weight_decay" in said and said["weight_decay"] is None:
        said["weight_decay"] = 0.0  # wdref's word for a group without one
    if "betas" in group:
        said["beta1"], said["beta2"] = group["betas"]
    return said


def _at(name: str, value: Any, t: int) -> float:
    asked: Callable[[int], Any] | None = value if callable(value) else None
    return check_number(f"{name}({t})", asked(t), low=0.0) if asked else float(value)
