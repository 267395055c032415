"""A training in one dialect, and its decay written in another: what families convert with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from ..decay import NoConversion, Setting, check_exists, rewrite
from ..schedules import Schedule
from .decay import UNSCHEDULED, Form

Bound = Callable[..., float]  # (t, root=0.0)
REWRITTEN = set(get_args(Form))


@dataclass(frozen=True)
class Training:
    """A dialect, its hyperparameters, numbers or functions of t, and its schedule."""

    dialect: Any
    hyper: Mapping[str, Any]
    schedule: Schedule


def decayed(
    before: Training,
    goal: Any,
    name: str,
    varying: bool,
    schedule: Schedule,
    alpha: Any = None,
) -> dict[str, Any]:
    """Return α, λ and η under `goal`, for a step of this `schedule` and the rate `alpha`."""
    h, form = before.hyper, before.dialect.form
    alpha = h["learning_rate"] if alpha is None else alpha
    lam, momentum = h["weight_decay"], h.get("momentum", 0.0)
    if goal.form == "none" or form == "none":
        if callable(lam) or lam != 0:
            raise NoConversion(f"{name} has no weight decay")
        return {"learning_rate": alpha, "weight_decay": lam, "schedule": schedule}
    same = (form, before.dialect.order) == (goal.form, goal.order)
    unmoved = alpha is h["learning_rate"] and schedule is before.schedule
    # rules that look at a whole tensor know forms and orders that no rewriting has
    if not {form, goal.form} <= REWRITTEN or "before" in (before.dialect.order, goal.order):
        if (same and unmoved) or not (callable(lam) or lam != 0):
            return {"learning_rate": alpha, "weight_decay": lam, "schedule": schedule}
        raise NoConversion(
            f"no exact conversion to {name}: sums of a whole tensor read what the decay has "
            "changed, and it stands elsewhere there"
        )
    setting = Setting(form, h["learning_rate"], lam, before.schedule, before.dialect.order)
    if callable(lam) or lam != 0:
        check_exists(form, goal.form, goal.family, float(momentum))
    setting = _with_step(setting, schedule, alpha)
    found = rewrite(
        setting,
        goal.form,
        order=goal.order,
        rule=goal.family,
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
