"""Sums: what a rule asks of a whole tensor or tree, correctly rounded.

A sum here is the exact sum of its terms, rounded once to float64: no order of them, no block, no
thread, library or shard changes its bits. Knows no rule. Everything else of wdref may import it.
"""

from .arrays import total
from .cover import Cover, cover
from .partial import Exact, Partial
from .rounds import (
    Answer,
    Count,
    Exchange,
    Over,
    Part,
    Rounds,
    Sum,
    alone,
    answered,
    exchanged,
    together,
)

__all__ = ["Answer", "Count", "Cover", "Exact", "Exchange", "Over", "Part", "Partial", "Rounds",
           "Sum", "alone", "answered", "cover", "exchanged", "together", "total"]  # fmt: skip
