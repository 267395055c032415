"""Sums: what a rule asks of a whole tensor or tree, correctly rounded.

A sum here is the exact sum of its terms, rounded once to float64: no order of them, no block, no
thread, library or shard changes its bits. Knows no rule. Everything else of wdref may import it.
"""

from .arrays import partial_of, total
from .partial import Partial, exactly, rounded
from .rounds import Answer, Over, Rounds, Sum, alone, answered, together

__all__ = ["Answer", "Over", "Partial", "Rounds", "Sum", "alone", "answered", "exactly",
           "partial_of", "rounded", "together", "total"]  # fmt: skip
