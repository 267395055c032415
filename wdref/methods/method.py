"""The base of all constructors: `wdref.AdamW(…)` and its like, made of a family's record."""

from collections.abc import Mapping
from functools import cache
from inspect import Parameter, Signature
from typing import Any, ClassVar, Literal, Self, get_args

from ..backend import available
from ..conventions import dialect
from ..optimizer import Optimizer, Predicate
from ..rules.contract import Claim, Clip, Dialect, Family
from ..schedules import Constant
from ..words import defaults, meant
from .arguments import (
    check_named,
    check_program,
    decay_number,
    hyper_numbers,
    items,
    overrides,
    pair,
)
from .names import called

Groups = Mapping[str | Predicate, Mapping[str, Any]]
StateDtype = Literal["float32", "params"]
BEFORE = {"schedule": None, "variant": "paper", "form": None, "order": None, "answers": None}
BEHIND = {"decay_mask": None, "groups": None, "state_dtype": "float32", "master_weights": False,
          "backend": None}  # fmt: skip


class Method(Optimizer):
    """What the constructors share: arguments by the record, and the convention's dialect."""

    family: ClassVar[Family]
    record: ClassVar[Claim]
    claim: ClassVar[str]
    _given: Mapping[str, Any]

    def __init__(self, **arguments: Any) -> None:
        """Set up the optimizer; a ValueError names the argument that cannot be."""
        given = _bound(type(self), arguments)
        answers, clip, variant = given["answers"], given.get("clip"), str(given["variant"])
        own = self._answers(given)
        found = self._dialect(variant, own, answers, clip, given.get("clip_by"))
        still = given.get("momentum") == 0 and not any(
            "momentum" in over for _, over in items(given["groups"])
        )
        if still and self.family.reduced is not None:
            found = self.family.reduced(found, dialect(self.claim, variant))
        self._check_read(found, arguments)
        self._set_up(found, self._numbers(found, given), given)
        check_program(self, variant, {**own, **_optional(self.family, given)})
        object.__setattr__(self, "_given", arguments)  # it is frozen

    def replace(self, **arguments: Any) -> Self:
        """Return the same optimizer with other arguments of its constructor."""
        return type(self)(**{**self._given, **arguments})

    __replace__ = replace  # which copy.replace calls, from Python 3.13 on

    @classmethod
    def like(cls, convention: str, /, **options: Any) -> Self:
        """Return the optimizer that `convention` ("pytorch", "keras", …) means by this name.

        What is not given has the convention's default, but for the decay of AdamW and SGDW, which
        is asked for. Raises ValueError for an option that the convention has not or means otherwise
        (a decay, momentum, Nesterov's, dampening, AMSGrad's maximum), TypeError for one that it has
        no default of. `form`, `order`, `answers` and `clip` put another rule in place of its own.

        >>> import wdref
        >>> opt = wdref.AdamW.like("keras", weight_decay=1e-2)
        >>> opt.dialect.form, opt.hyper["eps"]
        ('lr', 1e-07)
        """
        found = dialect(cls.claim, convention)
        given = {**defaults(cls.claim, convention), **options}
        if not getattr(found, "buffer", True) and given.setdefault("momentum", 0.0) != 0:
            raise ValueError(f"{convention} has no momentum in its {cls.claim}: leave it out")
        names = meant(cls.claim, convention).names
        known = signature(cls.family, cls.record).parameters
        check_named(
            cls.claim, convention, {h.name for h in cls.family.hyper if not h.sets}, options
        )
        for h in cls.family.hyper:
            asked = h.name in names and h.name in known and not h.sets
            if asked and h.name not in given and h.name != "weight_decay":
                raise TypeError(
                    f"{convention} has no default of {h.name} in its {cls.claim}: give it"
                )
        return cls(variant=convention, **given)

    # -- the parts of a constructor -----------------------------------------------------------

    def _answers(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The caller's answers; those that a hyperparameter gives, by being there, among them."""
        own = {name: given.get(name) for name in ("form", "order", *self.family.asked)}
        known = dialect(self.claim, str(given["variant"])).hyper
        for h in self.family.hyper:
            asked = h.sets and h.name not in ("clip", *known)
            if asked and given.get(h.name) is not None:
                own |= h.sets
        return own

    def _dialect(
        self,
        variant: str,
        own: Mapping[str, Any],
        answers: Mapping[str, Any] | None,
        clip: float | None,
        by: str | None,
    ) -> Dialect:
        """The convention's dialect under the caller's own answers."""
        given = {name: value for name, value in own.items() if value is not None}
        given |= {} if clip is None else {"clip": by or "sum"}
        if by is not None and (clip is None or by not in get_args(Clip)[1:]):
            known = ", ".join(get_args(Clip)[1:])
            raise ValueError(f"clip_by={by!r} with clip={clip!r}: give a bound, and one of {known}")
        found = dialect(self.claim, variant, **{**given, **(answers or {})})
        if (found.clip == "none") != (clip is None):
            raise ValueError(f"clip={clip!r} with answers clip={found.clip!r}: give both or none")
        return found

    def _check_read(self, found: Dialect, arguments: Mapping[str, Any]) -> None:
        """Refuse a hyperparameter that no line of the dialect has: it would change nothing."""
        for h in self.family.hyper:
            unread = not h.sets and h.name not in found.hyper
            if unread and arguments.get(h.name, 0) != 0:
                raise ValueError(
                    f"{type(self).__name__} reads no {h.name} here: leave it out, or give the "
                    "answers of a rule that has it"
                )

    def _numbers(self, found: Dialect, given: Mapping[str, Any]) -> dict[str, Any]:
        """The hyperparameters that the dialect reads, but for the decay."""
        values = {**{h.name: h.default for h in self.family.hyper}, **given}
        if "betas" in values:
            values["beta1"], values["beta2"] = pair(values["betas"])
        names = [h.name for h in self.family.hyper
                 if h.name in found.hyper and h.name != "weight_decay"]  # fmt: skip
        left_out = {h.name: 0.0 for h in self.family.hyper if h.sets and values[h.name] is None}
        return {name: left_out.get(name, values[name]) for name in names}

    def _set_up(self, found: Dialect, hyper: dict[str, Any], given: Mapping[str, Any]) -> None:
        weight_decay = given["weight_decay"]
        if weight_decay is None and self.record.decays and found.form != "none":
            raise TypeError(
                f"{type(self).__name__} needs weight_decay: its meaning differs by form, so that "
                "no default is right"
            )
        groups = overrides(given["groups"], hyper, self.family.name)
        if given["backend"] is not None and given["backend"] not in available():
            known = ", ".join(available())
            raise ValueError(f"no backend {given['backend']!r}: wdref knows {known}")
        if given["state_dtype"] not in get_args(StateDtype):
            raise ValueError(
                f"state_dtype={given['state_dtype']!r}: expected 'float32' or 'params'"
            )
        schedule = given["schedule"]
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule={schedule!r}: expected a callable of the step t = 1, 2, …")
        super().__init__(
            name=type(self).__name__,
            dialect=found,
            hyper=hyper_numbers(hyper, self.family.name),
            weight_decay=decay_number(0.0 if weight_decay is None else weight_decay),
            schedule=Constant() if schedule is None else schedule,
            groups=groups,
            **{name: given[name] for name in BEHIND if name != "groups"},
        )
        rates = [self.hyper, *(over for _, over in groups if "learning_rate" in over)]
        if found.form == "scaled_l2" and any(h["learning_rate"] == 0.0 for h in rates):
            raise ValueError("form='scaled_l2' divides by learning_rate: expected a number > 0")


@cache  # one class for one record, also when families are looked for anew: pickles name it
def method(family: Family, record: Claim) -> type[Method]:
    """Return the class of a claim: its arguments are the family's hyperparameters and questions."""
    own = {"__doc__": record.doc, "__module__": __package__, "claim": record.name,
           "family": family, "record": record,
           "__signature__": signature(family, record)}  # fmt: skip
    return type(record.method, (Method,), own)


def signature(family: Family, record: Claim) -> Signature:
    """Return the signature of a claim's constructor."""
    numbers = {h.name: h for h in family.hyper}
    rate = numbers["learning_rate"].default
    found: dict[str, Any] = {"learning_rate": Parameter.empty if rate is None else rate}
    found["weight_decay"] = None
    own: dict[str, Any] = {name: h.default for name, h in numbers.items()}
    own["betas"] = (own.get("beta1"), own.get("beta2"))
    options = {name: own.get(name) for name in family.options}
    found |= options if record.options is None else record.options
    clip = {"clip": None, "clip_by": None} if "clip" in numbers else {}
    found |= {**BEFORE, **clip, **BEHIND}
    return Signature([Parameter(name, Parameter.KEYWORD_ONLY, default=x)
                      for name, x in found.items()])  # fmt: skip


def _bound(cls: type[Method], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument, given or by default; TypeError for one that is unknown or missing."""
    known = signature(cls.family, cls.record).parameters
    for name in arguments:
        if name not in known:
            raise TypeError(
                f"{cls.__name__}() got an unexpected keyword argument {name!r}"
                f"{called(name, cls.family, known)}"
            )
    found = {name: arguments.get(name, p.default) for name, p in known.items()}
    if missing := [name for name, x in found.items() if x is Parameter.empty]:
        raise TypeError(f"{cls.__name__}() needs {', '.join(missing)}: there is no default")
    return found


def _optional(family: Family, given: Mapping[str, Any]) -> dict[str, Any]:
    return {h.name: given[h.name] for h in family.hyper if h.sets and h.name in given}
