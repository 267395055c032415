"""Problems: what networks are trained on, from which start.

Stands on the networks. Sweeps, landscapes and mechanisms may import it.
"""

from .problems import problem

__all__ = ["problem"]
