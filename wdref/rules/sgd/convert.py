"""SGD elsewhere: a step is s_t m with m ← β_t m + c_t g, whatever the program."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...decay import NoConversion
from ...schedules import Constant
from ..training import Training, decayed


def solve(before: Training, goal: Any, name: str, varying: bool) -> tuple[Training, None]:
    """Solve for the constants of `goal`; what there is, is exact."""
    h, d = before.hyper, before.dialect
    beta = h["momentum"]
    if beta != 0 and not goal.buffer:
        raise NoConversion(f"{name} has no momentum")
    if d.nesterov != goal.nesterov:
        such = f" as nesterov={d.nesterov!r}" if isinstance(d.nesterov, str) else ""
        raise NoConversion(f"{name} has no Nesterov momentum{such}")
    found = {**h, **_damping(d, goal, h, name)}
    found["momentum"] = _buffered(before, goal, name, varying) if d.lr != goal.lr else beta
    alpha = found["learning_rate"]
    found |= decayed(before, goal, name, varying, before.schedule, alpha=alpha)
    return Training(goal, found, found.pop("schedule")), None


def _damping(d: Any, goal: Any, h: Mapping[str, Any], name: str) -> dict[str, Any]:
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


def _buffered(before: Training, goal: Any, name: str, varying: bool) -> Any:
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


def without_momentum(
    found: Any, own: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Without momentum there is nothing to look ahead of, and nothing that is dampened."""
    hyper = {"momentum": 0.0, **own}
    if found.nesterov and hyper.get("dampening", 0.0) != 0:
        raise ValueError("Nesterov momentum with dampening is not defined: set one of them to 0")
    if hyper["momentum"] != 0:
        return found, hyper
    return replace(found, nesterov=False), {**hyper, "dampening": 0.0}
