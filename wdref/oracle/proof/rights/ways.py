"""Right implementations of any rule: its own lines, in other orders, with other sums.

The rule runs on the arrays of `arrays`, whatever its family is, and its sums are answered by those
of `additions`. Each implementation is drawn from a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....engine.arithmetic import Primitives
from ....rules.remembering import Remembering
from ....rules.shapes import scope_of, shapes_of, shared
from ....sums import together
from ...cases.case import Array, Case
from ...cases.trajectory import begun, given_at, multipliers
from .answers import SUMS, Answers
from .arrays import Habits, Product
from .machines import Machine


@dataclass(frozen=True)
class Way:
    """One way to compute what a rule says."""

    seed: int
    sums: str  # one of `SUMS`
    digits: str  # in which terms are added: the operations' own, the parameters', or wider
    host: str  # what a sum is to the scalars that follow from it: of the dtype, or float64
    tree: str  # a sum over a tree: of all terms "joined", of sums by "tensor", of their "norms"
    grouping: str
    divides: str
    root: str
    side: int
    memory: str
    fused: bool
    flush: bool

    @staticmethod
    def draw(seed: int) -> "Way":
        """Return the way that belongs to `seed`; the ways to sum come in turn."""
        rng = np.random.default_rng(seed)

        def pick(*choices: str) -> str:
            return choices[int(rng.integers(len(choices)))]

        return Way(
            seed=seed,
            sums=SUMS[seed % len(SUMS)],
            digits=pick("own", "own", "parameters", "wider"),
            host=pick("dtype", "float64"),
            tree=pick("joined", "tensor", "norms"),
            grouping=pick("written", "first", "last", "shuffled"),
            divides=pick("quotient", "quotient", "reciprocal"),
            root=pick("sqrt", "sqrt", "reciprocal"),
            side=int(rng.integers(2)),
            memory=pick("same", "same", "operations", "state", "parameters"),
            fused=bool(rng.integers(2)),
            flush=int(rng.integers(4)) == 0,
        )

    @property
    def primitives(self) -> Primitives:
        """What the machine's operations do."""
        return Primitives(flush=self.flush)

    def habits(self, dtype: str) -> Habits:
        """Return how arrays of a tensor of `dtype` are computed."""
        machine = Machine(dtype, self.memory, self.fused, self.flush)
        rng = np.random.default_rng(self.seed)
        return Habits(machine, rng, self.grouping, self.divides, self.root, self.side)


def run(way: Way, case: Case, dialect: Any) -> Any:
    """Trajectory of `dialect` in the way given: (T, n), a list of these for several tensors."""
    taken = [case.steps_taken(i) for i, _ in enumerate(case.parts())]
    tensors = [_Tensor(way, part, dialect) for part in case.parts()]
    with np.errstate(all="ignore"):
        for t in range(len(case.eta)):
            now = [x for x, steps in zip(tensors, taken, strict=True) if t in steps]
            for x, result in zip(now, _results(way, dialect, now), strict=True):
                x.take(*result)
            for x in tensors:
                x.stand(None if x in now or not now else now[0])
    paths = [np.array(x.path).reshape(len(case.eta), -1) for x in tensors]
    return paths if "tensors" in case.flags else paths[0]


def _results(way: Way, dialect: Any, now: Sequence["_Tensor"]) -> Sequence[Any]:
    inputs = [x.inputs() for x in now]
    if scope_of(dialect) == "element":
        return [dialect.apply(*own) for own in inputs]
    answers = Answers(way, [x.habits for x in now])
    return together([dialect.rounds(*own) for own in inputs], answers) if now else []


class _Tensor:
    """One tensor on its way."""

    def __init__(self, way: Way, part: Case, dialect: Any) -> None:
        self.part, self.dialect = part, dialect
        self.habits, self.host = way.habits(part.dtype), Remembering(dialect)
        # an element has no need to know the shape of its tensor
        self.shape = part.theta0.shape if scope_of(dialect) == "element" else part.shape
        theta = part.theta0.reshape(self.shape)
        self.slots = [self.habits.array(x) if isinstance(x, np.ndarray) else x
                      for x in begun(dialect, theta, part.hyper)]  # fmt: skip
        self.theta, self.shown = self.habits.array(theta), part.theta0.astype(float)
        self.eta = multipliers(dialect, part.eta).tolist()
        self.steps, self.path = 0, list[Array]()

    def inputs(self) -> tuple[Any, ...]:
        """What the rule is given of the next step."""
        k = self.steps
        hyper, count = self.part.hyper_at(k + 1), self.part.count_at(k + 1)
        s = self.host.scalars(hyper, count, self.eta[k], before=self.eta[max(k - 1, 0)])
        g = self.habits.array(self.part.grads[k].reshape(self.shape))
        given = map(self.habits.array, given_at(self.dialect, self.part, k, self.shape))
        return self.theta, g, (*self.slots, *given), s

    def take(self, theta: Product, slots: Sequence[Any]) -> None:
        """Keep what the rule returned, as the machine keeps it."""
        machine, self.steps = self.habits.machine, self.steps + 1
        self.theta = self.habits.array(machine.parameters(theta.array))
        self.slots = [self.habits.array(machine.state(x.array)) if isinstance(x, Product) else x
                      for x in slots]  # fmt: skip
        self.shown = machine.shown(self.theta.array).reshape(-1)

    def stand(self, other: "_Tensor | None") -> None:
        """End a step; the numbers of a tree go on in a tensor that did not take it."""
        if other is not None and scope_of(self.dialect) == "tree":
            self.slots = shared(self.slots, other.slots, shapes_of(self.dialect))
        self.path.append(self.shown)
