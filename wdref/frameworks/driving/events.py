"""What trainings have in common, whatever the framework: who is there, and what a change says."""

from collections.abc import Mapping
from typing import Any

# What optimizers call their count of steps.
COUNTS = ("step", "steps", "t", "count", "iteration", "iterations", "step_count", "num_steps")


def waits(case: Any, i: int, t: int) -> bool:
    """Whether tensor `i` has no gradient at step `t`, from 1: not yet, not now, or not any more."""
    joined, first = case.life.get("add", (None, 0))
    left, last = case.life.get("remove", (None, 0))
    late = case.starts is not None and t < case.starts[i]
    gap = case.gaps is not None and t in case.gaps[i]
    return late or gap or (i == joined and t < first) or (i == left and t > last)


def changes(case: Any, t: int) -> dict[str, float]:
    """Return the hyperparameters that are others from step `t` on."""
    return {name: x for k, new in case.life.get("change", ()) if k == t for name, x in new.items()}


def changed(words: Any, before: Mapping[str, float], new: Mapping[str, float]) -> dict[str, Any]:
    """Return the keywords whose values a change makes others, but for the learning rate's."""
    # a schedule sets the rate at every step
    old, now = words(before), words({**before, **new, "learning_rate": before["learning_rate"]})
    return {k: x for k, x in now.items() if k not in words.fixed and x != old.get(k)}
