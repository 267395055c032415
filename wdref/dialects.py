"""Dialects: one rule under all the answers that frameworks give to the questions the paper leaves.

A dialect is a frozen record of answers. It knows its slots, computes the step's scalars on the
host, and applies itself to arrays; the paper's own answers select the plain file of its family,
`wdref.rules`. ``recurrence`` spells it out. Every family's dialect and its record of scalars are
reached here by their names, as in ``wdref.dialects.AdamDialect``.
"""

import sys
from typing import Any

from .rules.contract import Apply, Dialect, Rule, Sqrt
from .rules.decay import Clip, Form, Hyper, Order, Reading

__all__ = ["Apply", "Clip", "Dialect", "Form", "Hyper", "Order", "Reading", "Rule", "Sqrt"]


def __getattr__(name: str) -> Any:
    from .rules.registry import families

    for family in families().values() if not name.startswith("_") else ():
        if family.dialect.__name__ == name:
            return family.dialect
        module = sys.modules[family.dialect.__module__]
        if hasattr(module, name):  # the scalars and the types of its answers
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
