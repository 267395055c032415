"""Where the time of one step on many small tensors goes, part by part.

The functions that make a step are wrapped in a stopwatch that counts each moment once, for the
innermost function that is running: the parts add up to the step. The stopwatch itself costs
time, so that the step is also timed without it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

from wdref.engine import memory, plan
from wdref.optimizer import Optimizer

from .cases import Case, arrays, optimizer
from .subjects import tree

Clock = Callable[[], float]
CASE = Case("adamw", "float32", "400x256")
REST = "the step itself"
PARTS = {  # part: what it does
    "scalars": "learning rate, bias correction and decay of this t, in float64 on the host",
    "flatten": "the leaves of params, grads and slots, in the order of the first step",
    "same arrays": "are parameters and slots the objects of the step before, and writable?",
    "gradient checks": "is every gradient of the dtype and shape expected, and apart from what is "
    "written?",
    "addresses": "where every gradient lies",
    "table": "the addresses written into the table, the scalars rounded to their dtypes",
    "call": "the compiled loop over all tensors: memory traffic and arithmetic",
    REST: "the state checked and renewed, and the calls between the parts",
}


class Stopwatch:
    """Adds up seconds a part; a part that runs inside another is not counted twice."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.parts = clock, defaultdict[str, float](float)
        self.stack: list[str] = []
        self.last = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside for `name`."""
        self._turn()
        self.stack.append(name)
        try:
            yield
        finally:
            self._turn()
            self.stack.pop()

    def _turn(self) -> None:
        now = self.clock()
        if self.stack:
            self.parts[self.stack[-1]] += now - self.last
        self.last = now

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, counted for `name`."""

        def counted(*args: Any, **options: Any) -> Any:
            with self.part(name):
                return function(*args, **options)

        return counted


def profile(*, steps: int = 300, clock: Clock = time.perf_counter) -> dict[str, Any]:
    """Return the seconds of a step, of a step under the stopwatch, and of its parts.

    ``seconds`` is a median; ``watched`` and the parts are means over the middle tenth of the steps
    by their whole time: near the median, and the parts add up. ImportError without numba.
    """
    opt = optimizer(CASE.rule, "numba")
    found = arrays(CASE)
    state = _after_one(opt, found)
    params, grads = tree(found.params), tree(found.grads)
    bare: list[float] = []
    watched: list[dict[str, float]] = []
    for _ in range(steps):  # in turn, as the subjects of `wdref bench`
        start = clock()
        state = opt.step(params, grads, state)
        bare.append(clock() - start)
        watch = Stopwatch(clock)
        with _watched(watch, state.plan), watch.part(REST):
            state = opt.step(params, grads, state)
        watched.append(watch.parts)
    ordered = sorted(watched, key=lambda parts: sum(parts.values()))
    middle = ordered[9 * steps // 20 : 11 * steps // 20 + 1]
    parts = {name: sum(one[name] for one in middle) / len(middle) for name in PARTS}
    return {
        "case": str(CASE), "tensors": len(CASE.shapes), "steps": steps,
        "seconds": median(bare), "watched": sum(parts.values()),
        "parts": [{"part": name, "seconds": parts[name], "what": PARTS[name]} for name in PARTS],
    }  # fmt: skip


def _after_one(opt: Any, found: Any) -> Any:
    """Return a state with a plan: the first step, which makes it, is not what is profiled."""
    state = opt.init(tree(found.params))
    for _ in range(3):
        state = opt.step(tree(found.params), tree(found.grads), state)
    return state


@contextmanager
def _watched(watch: Stopwatch, known: Any) -> Iterator[None]:
    """Put the stopwatch around the functions of a step on arrays that the plan `known` knows."""
    tables = [table for table, *_ in known.prepared.tables]
    places: list[tuple[Any, str, str]] = [
        (Optimizer, "scalars", "scalars"),
        (plan.Plan, "_flat", "flatten"),
        (plan.Plan, "run", "same arrays"),
        (plan.Plan, "_gradients", "gradient checks"),
        (memory, "runs", "addresses"),
        (known, "prepared", "table"),
    ]
    with ExitStack() as stack:
        for owner, name, part in places:
            counted = watch.wrap(part, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, counted))
        for table in tables:
            rule, compiled = table.program
            counted = watch.wrap("call", compiled)
            stack.enter_context(patch.object(table, "program", (rule, counted)))
        yield
