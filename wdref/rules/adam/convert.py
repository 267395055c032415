"""Adam elsewhere: a step is s_t m/(√v + e_t), whatever the program."""

from collections.abc import Callable, Mapping
from typing import Any

from ...decay import NoConversion
from ...schedules import Schedule
from ..training import Bound, Training, decayed


def solve(
    before: Training, goal: Any, name: str, varying: bool
) -> tuple[Training, Bound | None]:  # fmt: skip
    """Solve for the constants of `goal`, or give those that become exact as t grows."""
    h, d = before.hyper, before.dialect
    if d.amsgrad != goal.amsgrad:
        raise NoConversion(f"{name} has no AMSGrad")
    same_eps = h["eps"] == 0 or _after_correction(d) == _after_correction(goal)
    error: Bound | None = None
    schedule, eps = before.schedule, h["eps"]
    if d.bias != goal.bias and varying:
        schedule = _corrected(before.schedule, d, goal, h)
    if not same_eps and varying:
        eps = _eps(d, goal, h)
    elif not same_eps or (d.bias != goal.bias and not varying):
        error = _error(d, goal, h)
    found = {**h, **decayed(before, goal, name, varying, schedule), "eps": eps}
    return Training(goal, found, found.pop("schedule")), error


def _after_correction(d: Any) -> bool:
    """Whether ε is added to a root that is bias-corrected."""
    return d.eps == "outside" and d.bias not in ("none", "first")


def _moments(d: Any, h: Mapping[str, Any], t: int) -> tuple[Any, Any, Any]:
    """c, e and √(1 - β2^t) as far as it is corrected, with c m/(√v + e) = m̂/(√v̂ + ε)."""
    s = d.scalars({**h, "weight_decay": None}, t, 1, sqrt=_sqrt)
    root = 1 if s.bias2 is None else _sqrt(s.bias2)
    return root / (1 if s.bias1 is None else s.bias1), s.eps * root, root


def _corrected(schedule: Schedule, d: Any, goal: Any, h: Any) -> Schedule:
    return lambda t: schedule(t) * (_moments(d, h, t)[0] / _moments(goal, h, t)[0])


def _eps(d: Any, goal: Any, h: Mapping[str, Any]) -> Callable[[int], Any]:
    def eps(t: int) -> Any:
        _, wanted, _ = _moments(d, h, t)
        return wanted / _moments(goal, h, t)[2] if _after_correction(goal) else wanted

    return eps


def _error(d: Any, goal: Any, h: Mapping[str, Any]) -> Bound:
    """The largest |u'/u - 1|, for u'/u = c'(√v + e) / (c (√v + e')): at an end of √v."""

    def bound(t: int, root: float = 0.0) -> float:
        c, e, _ = _moments(d, h, t)
        c_goal, e_goal, _ = _moments(goal, h, t)
        least = root * _sqrt(1 - h["beta2"] ** t)
        ends = [c_goal / c]  # √v = ∞
        if least + e_goal != 0:
            ends.append(ends[0] * ((least + e) / (least + e_goal)))
        # the slack is more than the roundings of these few lines
        return max(abs(float(x) - 1) for x in ends) * (1 + 2.0**-40) + 2.0**-46

    return bound


def _sqrt(x: Any) -> Any:
    return x**0.5  # of any kind of number


def reason(before: Any, after: Any) -> str:
    """Say why `after` is not exactly `before`, both dialects."""
    if before.bias != after.bias:
        return "the bias is corrected on one side only"
    places = ("after", "before") if before.eps == "outside" else ("before", "after")
    return f"eps is added {places[0]} the bias correction here and {places[1]} it there"
