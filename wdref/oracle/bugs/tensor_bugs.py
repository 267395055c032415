"""Bugs of several tensors: what goes wrong between one parameter and the next.

Each is a function that spoils one tensor's step in a run that is right otherwise. On one tensor
they are all right, which is why they live long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ...rules.shapes import inputs_of, scope_of
from ..cases.case import Case, each
from ..cases.trajectory import begun, multipliers, of_tree


@dataclass
class Turn:
    """The step of one tensor that is about to be taken; a bug changes it."""

    case: Case
    tensor: int  # from 0
    step: int  # of the whole run, from 1
    count: int  # the tensor's own t, 0 before its first gradient
    theta: Any
    hyper: dict[str, float]
    action: Literal["step", "decay", "nothing"]  # nothing, where there is no gradient
    decays: int = 1  # how often the decay is applied
    step_rate: float | None = None  # the learning rate of the step, where it is not the decay's
    skip_decay: bool = False


@dataclass(frozen=True)
class MultiMutant:
    """A bug of the gallery that needs several tensors."""

    id: str
    title: str
    reference: str
    spoil: Callable[[Turn], None]


def _own(case: Case, i: int) -> dict[str, float]:
    return {**case.hyper, **(case.groups[i] if case.groups else {})}


def _decay_each_group(turn: Turn) -> None:
    turn.decays = len(turn.case.theta0)


def _return_early(turn: Turn) -> None:
    decays = [_own(turn.case, i)["weight_decay"] for i in range(turn.tensor + 1)]
    turn.skip_decay = 0.0 in decays


def _share_step(turn: Turn) -> None:
    turn.count = turn.step


def _decay_at_base_rate(turn: Turn) -> None:
    turn.step_rate = turn.hyper["learning_rate"]
    turn.hyper["learning_rate"] = turn.case.hyper["learning_rate"]


def _count_each_tensor(turn: Turn) -> None:
    turn.count = (turn.step - 1) * len(turn.case.theta0) + turn.tensor + 1


def _reuse_step_size(turn: Turn) -> None:
    turn.step_rate = _own(turn.case, 0)["learning_rate"]


def _count_the_last(turn: Turn) -> None:
    counts = [_counted(turn.case, i, turn.step) for i in range(len(turn.case.theta0))]
    stepping = [i for i in range(len(counts)) if turn.step - 1 in turn.case.steps_taken(i)]
    if stepping:
        turn.count = counts[stepping[-1]]


def _freeze(turn: Turn) -> None:
    if turn.hyper["weight_decay"] == 0.0:
        turn.action = "nothing"


def _decay_always(turn: Turn) -> None:
    if turn.action == "nothing":
        turn.action = "decay"


GALLERY = (
    MultiMutant("M12", "decay applied once for each group", "huggingface/pytorch-image-models#2750",
                _decay_each_group),
    MultiMutant("M13", "an early return skips the decay of later tensors",
                "keras-team/keras#21856", _return_early),
    MultiMutant("M33", "one step count for all tensors", "NVIDIA/apex#1615", _share_step),
    MultiMutant("M35", "a group's own rate in the step, not in the decay",
                "keras-team/keras: Muon, adam_lr_ratio", _decay_at_base_rate),
    MultiMutant("M40-tensors", "the step counts once a tensor", "geoopt/geoopt#164",
                _count_each_tensor),
    MultiMutant("M41", "the first group's step size used for all",
                "LiyuanLucasLiu/RAdam#24", _reuse_step_size),
    MultiMutant("M54", "the last tensor's step count used for all", "deepspeedai/DeepSpeed#8471",
                _count_the_last),
    MultiMutant("M55", "a tensor without decay is not stepped", "no public report known", _freeze),
    MultiMutant("M56", "decay of a tensor that has no gradient", "KellerJordan/Muon#54",
                _decay_always),
)  # fmt: skip


def simulate(
    dialect: Any, case: Case, bug: MultiMutant | None = None, *, dtype: str = "float64"
) -> list[Any]:
    """Trajectories of every tensor of `case` in NumPy, spoiled by `bug`: a list of (T, n)."""
    if bug is None and scope_of(dialect) == "tree":  # whose tensors go on together
        return _of_tree(dialect, case, dtype)
    thetas = [theta.astype(dtype) for theta in case.theta0]
    slots = [begun(dialect, theta, _own(case, i)) for i, theta in enumerate(thetas)]
    path: list[list[Any]] = [[] for _ in thetas]
    for t in range(1, len(case.eta) + 1):
        for i, theta in enumerate(thetas):
            action: Any = "step" if t - 1 in case.steps_taken(i) else "nothing"
            turn = Turn(case, i, t, _counted(case, i, t), theta, _own(case, i), action)
            if bug is not None:
                bug.spoil(turn)
            thetas[i], slots[i] = _take(dialect, turn, slots[i])
            path[i].append(thetas[i])
    return [np.array(steps).reshape(len(steps), -1) for steps in path]


def _of_tree(dialect: Any, case: Case, dtype: str) -> list[Any]:
    """Trajectories of every tensor, which stands still where it has no gradient."""
    grads = [g.astype(dtype) for g in case.grads]
    inputs = each(lambda x: x.astype(dtype), case.inputs)
    own = replace(case, theta0=[x.astype(dtype) for x in case.theta0], grads=grads, inputs=inputs)
    found = []
    for i, rows in enumerate(of_tree(dialect, own)):
        known = np.array([own.theta0[i].reshape(-1), *rows])
        found.append(known[[_counted(case, i, t) for t in range(1, len(case.eta) + 1)]])
    return found


def _counted(case: Case, i: int, t: int) -> int:
    """Steps that tensor `i` has taken when the run has made `t`."""
    return sum(step < t for step in case.steps_taken(i))


def _take(dialect: Any, turn: Turn, slots: Sequence[Any]) -> Any:
    if turn.action == "nothing":
        return turn.theta, slots
    s = _scalars(dialect, turn)
    theta = turn.theta
    alone = turn.action == "decay"
    for _ in range(turn.decays - (not alone) if s.decay is not None else 0):
        theta = theta - s.decay * theta
    g = turn.case.grads[turn.tensor][turn.step - 1].astype(theta.dtype)
    given = (turn.case.inputs[name][turn.tensor][turn.step - 1].astype(theta.dtype)
             for name in inputs_of(dialect))  # fmt: skip
    return (theta, slots) if alone else dialect.apply(theta, g, (*slots, *given), s)


def _scalars(dialect: Any, turn: Turn) -> Any:
    # the multipliers of the tensor's own steps, as the cases of one tensor have them
    taken = turn.case.steps_taken(turn.tensor)
    own = multipliers(dialect, turn.case.eta[taken])
    at = taken.index(turn.step - 1) if turn.step - 1 in taken else None
    eta = float(turn.case.eta[turn.step - 1] if at is None else own[at])
    before = float(own[max(at - 1, 0)]) if at else eta
    s = dialect.scalars(turn.hyper, max(turn.count, 1), eta, before=before)
    if turn.step_rate is not None:
        hyper = {**turn.hyper, "learning_rate": turn.step_rate}
        step = dialect.scalars(hyper, turn.count, eta, before=before)
        s = step._replace(decay=s.decay, l2=s.l2)
    return s._replace(decay=None, l2=None) if turn.skip_decay else s
