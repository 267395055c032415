"""The settings of a state against those of the optimizer that is to go on with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optree
from array_api_compat import array_namespace, is_array_api_obj

from ..common.checks import check_may_differ, refuse
from ..conventions import dialect
from ..engine import tree
from ..optimizer import Optimizer
from ..rules.contract import Rule
from ..rules.decay import COUPLED
from ..rules.registry import families
from ..schedules import Constant
from ..words import meant
from .record import Said
from .slots import words_of

Array = Any
OTHERS = ("schedule", "state_dtype", "maximize", "eps_root")
ELSEWHERE = ("lr", "amsgrad", "buffer")  # answers that decide what a slot holds


def check(
    opt: Optimizer, thetas: Sequence[Array], spec: optree.PyTreeSpec, framework: str,
    said: Sequence[Said], steps: int, free: set[str], *, new: bool = False,
) -> None:  # fmt: skip
    """Refuse a state whose settings are not those of `opt`, but for the names in `free`.

    `steps` are the updates made; of a `new` state its scheduler may not know of them.
    """
    known = {*opt.dialect.hyper, *_answers(opt.dialect), *OTHERS}
    check_may_differ(free, known, opt.name)
    times = (max(steps, 1), steps + 1)  # the update made last, and the next
    for path, k, own in zip(tree.paths(spec), opt.assign(thetas, spec), said, strict=True):
        hyper = [opt.hyper_at(k // 2, t) | ({"weight_decay": 0.0} if k % 2 else {}) for t in times]
        leaf = _Leaf(opt, framework, f" of {path}" if path else "", own, hyper, steps, free, new)
        leaf.check_options()
        leaf.check_answers()
        leaf.check_numbers()
        leaf.check_rate([opt.multiplier(t) for t in times])


def _answers(d: Rule) -> list[str]:
    return [name for name in d.questions() if name not in ELSEWHERE]


def _claim(d: Rule, coupled: bool, framework: str) -> str:
    """Return the family's claim whose decay is an L2 term, or is none, in the framework."""
    claims = [c for c in families()[d.family].claims if meant(c.name, framework).names]
    return next((c.name for c in claims if c.decays != coupled), claims[0].name)


@dataclass(frozen=True)
class _Leaf:
    """One leaf: what the state says, and what the optimizer has at the last and the next step."""

    opt: Optimizer
    framework: str
    of: str
    said: Said
    hyper: Sequence[Any]
    steps: int
    free: set[str]
    new: bool

    def check_options(self) -> None:
        """Refuse what wdref cannot do."""
        for name, value in self.said.on.items():
            if name not in self.free:
                remedy = " (give it -gradients)" if name == "maximize" else ""
                refuse(f"{name}{self.of} is {value} in the state, wdref has none{remedy}", name)

    def check_answers(self) -> None:
        """Refuse another meaning of the settings, where the state has some."""
        d, theirs = self.opt.dialect, self._dialect()
        for name in _answers(d) if self.said.hyper or self.said.answers else ():
            there, own = getattr(theirs, name), getattr(d, name)
            if there != own and name not in self.free and not self._is_moot(name):
                refuse(
                    f"{name}{self.of} is {there!r} in {self.framework}'s and {own!r} here: use "
                    f'{self.opt.name}.like("{self.framework}", …)',
                    name,
                )

    def _dialect(self) -> Rule:
        d = self.opt.dialect
        own: Any = d
        said: dict[str, Any] = {"nesterov": own.nesterov} if "nesterov" in d.questions() else {}
        options = words_of(d, self.framework).allowed.items()  # which a state need not say
        said |= {name: answer for name, answer in options if getattr(own, name) == answer}
        said |= self.said.answers
        coupled = said.get("form", d.form) in (*COUPLED, "none")
        return dialect(_claim(d, coupled, self.framework), self.framework).answered(**said)

    def _is_moot(self, name: str) -> bool:
        """Whether an answer changes nothing with these numbers."""
        reads = {"form": "weight_decay", "order": "weight_decay", "eps": "eps",
                 "nesterov": "momentum", "damping": "dampening", "first": "dampening"}  # fmt: skip
        if name not in reads or getattr(self.opt.dialect, "damping", "") == "ema":
            return False
        return not any(h.get(reads[name]) for h in (*self.hyper, self.said.hyper))

    def check_numbers(self) -> None:
        """Refuse other hyperparameters; the learning rate is looked at apart."""
        for name, there in self.said.hyper.items():
            own = [h.get(name, 0.0) for h in self.hyper]
            varies = name == "weight_decay" and self._decay_is_a_function()
            if varies and self.new:
                continue
            slack = _slack(there, self.steps, max(own)) if varies else 0.0
            if name not in ("learning_rate", *self.free) and not _is_in(there, own, slack):
                theirs = words_of(self.opt.dialect, self.framework).their(name)
                word = name if theirs == name else f"{name} ({theirs})"
                refuse(f"{word}{self.of} is {_shown(there)} in the state and {_or(own)} here", name)

    def _decay_is_a_function(self) -> bool:
        groups = [over for _, over in self.opt.groups]
        given = [self.opt.weight_decay, *(over.get("weight_decay") for over in groups)]
        return any(map(callable, given))

    def check_rate(self, eta: Sequence[float]) -> None:
        """Refuse another α, or a rate that is η α neither of the last update nor of the next.

        A scheduler steps after the update, and a state is saved before or after that.
        """
        alpha, first = self.hyper[0]["learning_rate"], self.said.initial
        there = self.said.hyper.get("learning_rate")
        if "learning_rate" in self.free or there is None:
            return
        if first is not None and not _is_in(first, [alpha], 0.0):
            refuse(f"learning_rate{self.of} is {_shown(first)} in the state and {alpha} here",
                   "learning_rate")  # fmt: skip
        constant = isinstance(self.opt.schedule, Constant)
        plain, rates = first is None and constant, [alpha * x for x in eta]
        slack = 0.0 if constant else _slack(there, self.steps, alpha)
        if "schedule" in self.free or (self.new and not plain) or _is_in(there, rates, slack):
            return
        when = "" if plain else f" after {self.steps} updates"
        refuse(
            f"learning_rate{self.of} is {_shown(there)} in the state{when} and {_or(rates)} here",
            "learning_rate" if plain else "schedule",
        )


def _is_in(there: Any, values: Sequence[float], slack: float) -> bool:
    """Whether a number of the state is one of ours, rounded as it is."""
    try:
        return any(abs(float(there) - _like(there, x)) <= slack for x in values)
    except (TypeError, ValueError):  # a list, an array of several
        return False


def _like(there: Any, x: float) -> float:
    if not is_array_api_obj(there):
        return x
    return float(array_namespace(there).asarray(x, dtype=there.dtype))


def _slack(there: Any, steps: int, size: float) -> float:
    """What is lost by who changes a number a step at a time: few roundings of its format each."""
    xp = array_namespace(there) if is_array_api_obj(there) else None
    return 4 * steps * size * (2.0**-53 if xp is None else float(xp.finfo(there.dtype).eps) / 2)


def _or(values: Sequence[float]) -> str:
    return " or ".join(map(repr, dict.fromkeys(values)))


def _shown(value: Any) -> str:
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return f"{value!r:.60}"
