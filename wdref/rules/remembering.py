"""Scalars step by step: what a dialect's host remembers is handed on, not made anew."""

from collections.abc import Mapping
from typing import Any

from .contract import Hyper, Rule


class Remembering:
    """The scalars of `rule` at one step after the other.

    Any other t works too, and takes as long as all the steps before it. The hyperparameters that a
    running product reads are the same in every step.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._t = 0
        self._before: Mapping[str, Any] = {}
        self._after: Mapping[str, Any] | None = None

    def scalars(self, h: Hyper, t: int, eta: Any, **options: Any) -> Any:
        """Return the scalars of step `t`."""
        if not getattr(self.rule, "running", ()):
            return self.rule.scalars(h, t, eta, **options)
        rule: Any = self.rule
        if t != self._t:
            known = self._after if t == self._t + 1 else None
            self._before = rule.memory(h, t) if known is None else known
            self._t, self._after = t, rule.remembered(self._before, h, t)
        return rule.scalars({**h, **self._before}, t, eta, **options)
