"""The decoupling table: which form of decay decouples when, as theory predicts it and as measured.

Theory gives the slope d log λ* / d log α from the optimizer, the form of the decay, and whether the
weights are normalised and in equilibrium, or plain and converged; docs/decoupling.md derives it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .landscape import NORMALISED, Ends, Found, Method, grid, jobs, ridge_and_best

if TYPE_CHECKING:
    from ..sweep.sweep import Job

KINDS = ("normalised weights, equilibrium", "plain weights, converged")
PREDICTED: dict[tuple[str, str], tuple[float, float]] = {  # in the order of KINDS
    ("sgd", "l2"): (-1.0, 0.0),
    ("sgdw", "paper"): (0.0, 1.0),
    ("sgdw", "lr"): (-1.0, 0.0),
    ("adam", "l2"): (-2.0, 0.0),
    ("adamw", "paper"): (0.0, 1.0),
    ("adamw", "lr"): (-1.0, 0.0),
}
# Decades of learning rates and weight decays: so large that plain weights converge in the budget.
PLAIN: dict[tuple[str, str], tuple[Ends, Ends]] = {
    ("sgd", "l2"): ((-1.75, -0.25), (-3, -1)),
    ("sgdw", "paper"): ((-1.75, -0.25), (-3.5, -0.5)),
    ("sgdw", "lr"): ((-1.75, -0.25), (-2, 0)),
    ("adam", "l2"): ((-2.5, -1), (-3, -1)),
    ("adamw", "paper"): ((-2.5, -1), (-3.25, -0.5)),
    ("adamw", "lr"): ((-2.5, -1), (-1, 1)),
}


@dataclass(frozen=True)
class Setting:
    """Where a row of the table is measured; `shift` moves the decades of the weight decays."""

    problem: str
    options: tuple[tuple[str, Any], ...]
    kind: str
    schedule: str
    steps: int
    per_decade: int
    shift: float = 0.0


SETTINGS = (
    Setting("digits-bn", (), KINDS[0], "fixed", 2000, 2),
    Setting("teacher-bn", (), KINDS[0], "fixed", 2000, 2),
    Setting("digits", (("label_noise", 0.3),), KINDS[1], "cosine", 4000, 4),
    Setting("teacher", (), KINDS[1], "cosine", 1000, 4, shift=0.5),
)


@dataclass(frozen=True)
class Cell:
    """One slope: where it is measured, and what theory says."""

    setting: Setting
    method: Method

    @property
    def predicted(self) -> float:
        """The slope that theory predicts."""
        one = self.method
        return PREDICTED[one.optimizer, one.form][KINDS.index(self.setting.kind)]

    @property
    def name(self) -> str:
        """``digits-bn adamw:lr`` and the like."""
        return f"{self.setting.problem} {self.method.name}"


def cells(settings: Sequence[Setting] = SETTINGS) -> list[Cell]:
    """Return the cells of the table, twelve for two settings of different kinds."""
    return [Cell(setting, Method(*key, setting.schedule))
            for setting in settings for key in PREDICTED]  # fmt: skip


def jobs_of(cell: Cell, seeds: int) -> "list[Job]":
    """Return the jobs of a cell, one a seed."""
    setting, key = cell.setting, (cell.method.optimizer, cell.method.form)
    rates, (low, high) = (NORMALISED if setting.kind == KINDS[0] else PLAIN)[key]
    (found,) = jobs(
        setting.problem,
        [cell.method],
        options=dict(setting.options),
        seeds=seeds,
        steps=setting.steps,
        learning_rates=grid(*rates, setting.per_decade),
        weight_decays=grid(low + setting.shift, high + setting.shift, setting.per_decade),
    ).values()
    return found


def document(cell: Cell, found: Found) -> dict[str, Any]:
    """Return a cell as plain numbers; `holds` is None where no slope was measured."""
    own = found.ridge
    holds = own.interval and own.interval[0] <= cell.predicted <= own.interval[1]
    return {
        "problem": cell.setting.problem,
        "options": dict(cell.setting.options),
        "kind": cell.setting.kind,
        "optimizer": cell.method.optimizer,
        "form": cell.method.form,
        "schedule": cell.setting.schedule,
        "steps": cell.setting.steps,
        "predicted": cell.predicted,
        **ridge_and_best(found),
        "holds": holds,
    }


def rows(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the cells by kind of weights."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in documents:
        found.setdefault(one["kind"], []).append(one)
    return found
