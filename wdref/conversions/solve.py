"""What `wdref.convert` solves: the constants of one dialect that give the steps of another."""

from typing import Any

from ..decay import NoConversion
from ..rules.registry import families
from ..rules.training import Bound, Training, decayed
from ..schedules import Constant

DECAY = ("form", "order")  # what is rewritten, whatever the family


def solve(
    before: Training, goal: Any, name: str, varying: bool
) -> tuple[Training, Bound | None]:  # fmt: skip
    """Return the training under `goal`, and None where it is `before`, else a bound of its error.

    `name` is the goal's, for messages. Raises NoConversion.
    """
    conversion = families()[before.dialect.family].conversion
    if conversion is not None:
        found: tuple[Training, Bound | None] = conversion.solve(before, goal, name, varying)
        return found
    _check_same(before, goal.plain(), name)
    new = decayed(before, goal, name, varying, before.schedule)
    hyper = {**before.hyper, **new}
    return Training(goal, hyper, hyper.pop("schedule")), None


def _check_same(before: Training, goal: Any, name: str) -> None:
    """Refuse what differs in anything but the decay: no constants make up for it.

    Which step's multiplier is read matters only where it changes.
    """
    d = before.dialect.plain()
    free = (*DECAY, "schedule") if isinstance(before.schedule, Constant) else DECAY
    for question in d.questions():
        mine, theirs = getattr(d, question), getattr(goal, question)
        if question not in free and mine != theirs:
            raise NoConversion(
                f"no exact conversion to {name}: {question} is {mine!r} here and {theirs!r} there"
            )


def reason_of(before: Training, after: Training) -> str:
    """Say why two trainings are not exactly the same."""
    conversion = families()[before.dialect.family].conversion
    if conversion is None or conversion.reason is None:
        return "the formulas differ"
    return conversion.reason(before.dialect, after.dialect)
