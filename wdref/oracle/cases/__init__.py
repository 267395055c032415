"""Cases: what an implementation under test is fed with, and why each case is there.

Reads the rules. Everything else of the oracle may import it.
"""

from .case import Case
from .suite import brief, cases, probes, regimes

__all__ = ["Case", "brief", "cases", "probes", "regimes"]
