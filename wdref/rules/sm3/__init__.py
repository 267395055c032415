"""SM3: Adagrad whose sums of squares are kept by slices of a tensor, not by element."""

from .dialect import Sm3Dialect, Sm3Scalars, sm3_dialect
from .family import FAMILY
from .rule import sm3

__all__ = ["FAMILY", "Sm3Dialect", "Sm3Scalars", "sm3", "sm3_dialect"]
