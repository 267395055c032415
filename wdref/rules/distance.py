"""The distance to the solution, as rules that need no learning rate estimate it: it only grows."""

from typing import Any, Literal

from .choice import chosen, larger, quotient

# λ times the rate that is estimated, or what Adam's decays are multiplied by
DistanceForm = Literal["adapted", "none", "l2", "paper", "lr", "fixed", "initial_lr"]


def grown(d: Any, r: Any, size: Any, *, times: Any = 1.0) -> Any:
    """Return the larger of `d` and times r/size, and `d` where size is 0.

    >>> grown(0.5, 3.0, 2.0), grown(0.5, 1.0, 4.0), grown(0.5, 1.0, 0.0)
    (1.5, 0.5, 0.5)
    """
    return chosen(size > 0.0, lambda: larger(d, times * quotient(r, size)), lambda: d)


def over(r: Any, below: Any) -> Any:
    """Return r / below, and 0 where no gradient was seen: there is no step.

    >>> over(3.0, 2.0), over(3.0, 0.0)
    (1.5, 0.0)
    """
    return chosen(below > 0.0, lambda: quotient(r, below), lambda: 0.0)
