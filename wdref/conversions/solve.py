"""What `wdref.conversions` solves: the constants of one dialect that give the steps of another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..decay import UNSCHEDULED, NoConversion, Setting, check_exists, rewrite
from ..dialects import AdamDialect, Dialect, MomentumDialect
from ..schedules import Constant, Schedule

Bound = Callable[..., float]  # (t, root=0.0)


@dataclass(frozen=True)
class Training:
    """A dialect, its hyperparameters, numbers or functions of t, and its schedule."""

    dialect: Dialect
    hyper: Mapping[str, Any]
    schedule: Schedule


def solve(
    before: Training, goal: Dialect, name: str, varying: bool
) -> tuple[Training, Bound | None]:  # fmt: skip
    """Return the training under `goal`, and None where it is `before`, else a bound of its error.

    `name` is the goal's, for messages. Raises NoConversion.
    """
    if isinstance(before.dialect, AdamDialect):
        assert isinstance(goal, AdamDialect)  # a claim has one family
        return _adam(before, goal, name, varying)
    assert isinstance(goal, MomentumDialect)
    return _momentum(before, goal, name, varying), None


# -- Adam: s_t m/(√v + e_t) ------------------------------------------------------------------


def _adam(
    before: Training, goal: AdamDialect, name: str, varying: bool
) -> tuple[Training, Bound | None]:  # fmt: skip
    h, d = before.hyper, before.dialect
    assert isinstance(d, AdamDialect)
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
    found = {**h, **_decay(before, goal, name, varying, schedule), "eps": eps}
    return Training(goal, found, found.pop("schedule")), error


def _after_correction(d: AdamDialect) -> bool:
    """Whether ε is added to a root that is bias-corrected."""
    return d.eps == "outside" and d.bias not in ("none", "first")


def _moments(d: AdamDialect, h: Mapping[str, Any], t: int) -> tuple[Any, Any, Any]:
    """c, e and √(1 - β2^t) as far as it is corrected, with c m/(√v + e) = m̂/(√v̂ + ε)."""
    s = d.scalars({**h, "weight_decay": None}, t, 1, sqrt=_sqrt)
    root = 1 if s.bias2 is None else _sqrt(s.bias2)
    return root / (1 if s.bias1 is None else s.bias1), s.eps * root, root


def _corrected(schedule: Schedule, d: AdamDialect, goal: AdamDialect, h: Any) -> Schedule:
    return lambda t: schedule(t) * (_moments(d, h, t)[0] / _moments(goal, h, t)[0])


def _eps(d: AdamDialect, goal: AdamDialect, h: Mapping[str, Any]) -> Callable[[int], Any]:
    def eps(t: int) -> Any:
        _, wanted, _ = _moments(d, h, t)
        return wanted / _moments(goal, h, t)[2] if _after_correction(goal) else wanted

    return eps


def _error(d: AdamDialect, goal: AdamDialect, h: Mapping[str, Any]) -> Bound:
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


# -- SGD: s_t m with m = β_t m + c_t g -------------------------------------------------------


def _momentum(before: Training, goal: MomentumDialect, name: str, varying: bool) -> Training:
    h, d = before.hyper, before.dialect
    assert isinstance(d, MomentumDialect)
    beta = h["momentum"]
    if beta != 0 and not goal.buffer:
        raise NoConversion(f"{name} has no momentum")
    if d.nesterov != goal.nesterov:
        such = f" as nesterov={d.nesterov!r}" if isinstance(d.nesterov, str) else ""
        raise NoConversion(f"{name} has no Nesterov momentum{such}")
    found = {**h, **_damping(d, goal, h, name)}
    found["momentum"] = _buffered(before, goal, name, varying) if d.lr != goal.lr else beta
    alpha = found["learning_rate"]
    found |= _decay(before, goal, name, varying, before.schedule, alpha=alpha)
    return Training(goal, found, found.pop("schedule"))


def _damping(
    d: MomentumDialect, goal: MomentumDialect, h: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """A gradient that always enters with 1 - τ is a smaller learning rate."""
    alpha, tau = h["learning_rate"], h.get("dampening", 0.0)
    if tau == 0 or (d.damping, d.first) == (goal.damping, goal.first):
        return {"learning_rate": alpha, "dampening": tau}
    if d.first == "gradient":
        raise NoConversion(
            f"no exact conversion to {name} with dampening={tau}: here the first gradient enters "
            "the buffer whole and all others times 1 - dampening, there all enter alike"
        )
    return {"learning_rate": alpha * (1 - tau), "dampening": 0.0}


def _buffered(before: Training, goal: MomentumDialect, name: str, varying: bool) -> Any:
    """β_t that carries the learning rate in or out of the buffer.

    Inside, g_j moves θ_t by α η_j β^(t-j), outside by α η_t β^(t-j): β_t = β η_{t-1}/η_t turns the
    second into the first.
    """
    beta, eta = before.hyper["momentum"], before.schedule
    if beta == 0 or isinstance(eta, Constant):
        return beta
    where = ("inside", "outside") if goal.lr == "outside" else ("outside", "inside")
    reason = (
        f"no exact conversion to {name} under a schedule with momentum={beta}: the learning rate "
        f"stands {where[0]} the buffer here and {where[1]} it there, so that past gradients keep "
        "the rate of their own step or take the present one"
    )
    if goal.nesterov:
        raise NoConversion(f"{reason}, and Nesterov's step reads the same momentum twice")
    if not varying:
        raise NoConversion(f"{reason}: pass varying=True for a momentum that changes with t")

    def momentum(t: int) -> Any:
        last, now = (eta(t - 1), eta(t)) if t > 1 else (1, 1)
        above, below = (last, now) if goal.lr == "outside" else (now, last)
        if below == 0:
            raise NoConversion(f"no exact conversion: the schedule is 0 near t={t}")
        return beta * above / below

    return momentum


# -- the decay: k_t --------------------------------------------------------------------------


def _decay(
    before: Training,
    goal: Dialect,
    name: str,
    varying: bool,
    schedule: Schedule,
    alpha: Any = None,
) -> dict[str, Any]:
    """α, λ and η under `goal`, where the step's own schedule is `schedule` and its rate `alpha`."""
    h, form = before.hyper, before.dialect.form
    alpha = h["learning_rate"] if alpha is None else alpha
    lam, momentum = h["weight_decay"], h.get("momentum", 0.0)
    if goal.form == "none" or form == "none":
        if callable(lam) or lam != 0:
            raise NoConversion(f"{name} has no weight decay")
        return {"learning_rate": alpha, "weight_decay": lam, "schedule": schedule}
    setting = Setting(form, h["learning_rate"], lam, before.schedule, before.dialect.order)
    if callable(lam) or lam != 0:
        check_exists(form, goal.form, goal.family, float(momentum))
    setting = _with_step(setting, schedule, alpha)
    found = rewrite(
        setting,
        goal.form,
        order=goal.order,
        rule="adam" if isinstance(goal, AdamDialect) else "sgd",
        momentum=momentum,
        varying=varying,
    )
    return {
        "learning_rate": found.learning_rate,
        "weight_decay": found.weight_decay,
        "schedule": found.schedule,
    }


def _with_step(setting: Setting, schedule: Schedule, alpha: Any) -> Setting:
    """Change the step alone, so that the decay k_t stays."""
    if setting.form == "l2" or (not callable(setting.weight_decay) and setting.weight_decay == 0):
        return replace(setting, learning_rate=alpha, schedule=schedule)
    if schedule is not setting.schedule:
        fixed = rewrite(setting, "fixed", varying=True)
        return replace(fixed, learning_rate=alpha, schedule=schedule)
    if alpha is setting.learning_rate:
        return setting
    decay = rewrite(setting, "fixed" if setting.form in UNSCHEDULED else "paper")
    return replace(decay, learning_rate=alpha)
