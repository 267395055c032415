"""`convert`: one training read in the words of a program, solved for, and written in another's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.checks import check_number
from ..conventions import dialect
from ..decay import NoConversion
from ..rules.contract import Dialect
from ..rules.decay import COUPLED
from ..rules.registry import claim as record_of
from ..rules.registry import claims
from ..rules.training import Bound, Training
from ..schedules import Constant, Schedule
from ..words import Words, find, has, read
from .solve import reason_of, solve

__all__ = ["Conversion", "NoConversion", "Training", "convert"]


@dataclass(frozen=True)
class Conversion:
    """A training in another program's words: what `convert` returns.

    ``hyper`` are the hyperparameters in the program's own words, numbers or functions of t, and
    ``schedule`` the multiplier η_t of its learning rate. ``exact``: in real arithmetic every θ_t is
    the source's, for every sequence of gradients. Otherwise ``error(t)`` bounds how much step t
    differs from the source's step from the same state, relative to it, and ``error(t, root)`` the
    same where √v̂ >= root. ``line`` constructs the optimizer, ``note`` says what else is to be done
    and known. ``before`` and ``after`` are the two trainings in wdref's words.
    """

    claim: str
    target: str
    hyper: Mapping[str, Any]
    schedule: Schedule
    exact: bool
    line: str
    note: str
    error: Bound = field(repr=False)
    before: Training = field(repr=False)
    after: Training = field(repr=False)


def convert(
    claim: str,
    source: str,
    target: str,
    /,
    *,
    schedule: Schedule | None = None,
    varying: bool = False,
    **hyper: Any,
) -> Conversion:
    """Write the training `claim` of the program `source` in the words of `target`.

    `hyper` takes the names of `source` or wdref's; what is not given has the default of `source`.
    The conversion is exact where both compute the same function. Where only ε or the bias
    correction stands elsewhere, the constants that become exact as t grows come back with a bound
    on their error; with `varying` hyperparameters may become functions of t, to be set before each
    step, and these conversions are exact too.

    Raises `NoConversion`, a ValueError, with the reason where there is none, and ValueError for
    claims, programs and names that do not exist.

    >>> found = convert("adamw", "pytorch", "chainer", lr=0.125, weight_decay=0.5, eps=0.0)
    >>> found.exact, found.hyper["weight_decay_rate"]
    (True, 0.0625)
    >>> f'{convert("adamw", "pytorch", "keras").error(1):.4f}'  # ε before the correction
    '0.9684'
    """
    words = find(claim, target)
    found, own = read(claim, source, hyper)
    _check(claim, own, schedule)
    conversion = claims()[claim].conversion
    if conversion and conversion.prepare:
        found, own = conversion.prepare(found, own)
    before = Training(found, {"weight_decay": 0.0, **own}, schedule or Constant())
    goal = _goal(found, dialect(claim, target), words)
    try:
        after, error = solve(before, goal, words.optimizer, varying)
    except NoConversion as reason:
        raise NoConversion(f"{reason}{_elsewhere(claim, source, target, found, goal)}") from None
    own = words.write(after.hyper, after.dialect)
    return Conversion(
        claim=claim,
        target=target.replace("-", "_"),
        hyper=own,
        schedule=after.schedule,
        exact=error is None,
        line=words.constructor(own),
        note=_note(words, own, before, after, error),
        error=error or (lambda t, root=0.0: 0.0),
        before=before,
        after=after,
    )


def _check(claim: str, hyper: Mapping[str, Any], schedule: Schedule | None) -> None:
    below = {h.name: h.below for h in claims()[claim].hyper}
    for name, value in hyper.items():
        if name == "weight_decay" and callable(value):
            continue
        check_number(name, value, low=0.0, below=below[name])
    if schedule is not None and not callable(schedule):
        raise TypeError(f"schedule={schedule!r}: expected a callable of the step t = 1, 2, …")


def _goal(found: Dialect, goal: Dialect, words: Words) -> Dialect:
    """Turn on the switches of the target that bring its dialect nearer to the source's."""
    for switch in words.switches:
        if all(getattr(found, name) == value for name, value in switch.answers.items()):
            goal = goal.answered(**switch.answers)
    return goal


def _elsewhere(claim: str, source: str, target: str, found: Dialect, goal: Dialect) -> str:
    """What to ask for where the target has this decay under its other name (Keras' Adam)."""
    other = record_of(claim).twin
    if not other or (found.form in COUPLED) == (goal.form in COUPLED):
        return ""
    forms = [dialect(other, name).form for name in (source, target) if other in has(name)]
    if len(forms) == 2 and {form in COUPLED for form in forms} == {found.form in COUPLED}:
        return f"; convert {other!r} instead, which has this decay in both"
    return ""


def _note(
    words: Words,
    own: Mapping[str, Any],
    before: Training,
    after: Training,
    error: Bound | None,
) -> str:
    notes = []
    if after.schedule != Constant():
        other = "" if after.schedule is before.schedule else ", which is not the source's"
        notes.append(words.scheduled + other)
    functions = [name for name, value in own.items() if callable(value)]
    if functions:
        notes.append(f"set {', '.join(functions)} before each step: a function of t in hyper")
    if error is not None:
        sizes = ", ".join(f"{error(t):.2g} at t={t}" for t in (1, 10, 100, 1000))
        notes.append(
            f"not exact, {reason_of(before, after)}: relative to the source's step from the same "
            f"state, a step differs by at most {sizes}, or {error(1, 1e-3):.1g} at t=1 where "
            "√v̂ >= 0.001; varying=True gives functions of t that are exact"
        )
    return "; ".join(notes) or "the same function"
