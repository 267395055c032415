"""Arithmetic: where an implementation rounds, as the record that an envelope is made for."""

from dataclasses import dataclass, field, replace
from typing import Self

from ..rules.contract import Hyper

HALF = ("float16", "bfloat16")


@dataclass(frozen=True)
class Primitives:
    """What the elementary operations of a backend do, measured or assumed.

    Errors of √ and ÷ in units of half a unit in the last place: 1 is correct rounding. `power` is
    that of the host's β^t in float64: C libraries err by less than one unit. `flush`: subnormal
    results become 0.
    """

    sqrt: float = 1.0
    divide: float = 1.0
    power: float = 2.0
    flush: bool = False


CORRECT = Primitives()
# Error of ∛, in halves of a unit in the last place: no library rounds it correctly, and the GNU C
# library documents 4 units for float64. See `wdref.rules.choice.cube_root`.
CUBE_ROOT = 8.0


@dataclass(frozen=True)
class Arithmetic:
    """Where an implementation rounds.

    Every operation rounds to `compute`; after each step the parameters are stored in `theta` and
    the slots in `state`. The host computes scalars in float64, but for those named in `narrow`,
    which it holds in float32: names of hyperparameters, or ``bias``, the powers β^t alone. With
    `cancels` (1 - β) g may be the difference g - β g, which loses what the two have in common.
    """

    compute: str
    theta: str = ""
    state: str = ""
    narrow: tuple[str, ...] = ()
    cancels: bool = False
    primitives: Primitives = field(default=CORRECT)

    @classmethod
    def of(cls, dtype: str) -> Self:
        """All in one dtype, scalars in float64."""
        return cls(compute=dtype, theta=dtype, state=dtype)

    @classmethod
    def wide(cls, dtype: str) -> Self:
        """Parameters of a half-precision `dtype`, state and operations in float32."""
        return cls(compute="float32", theta=dtype, state="float32")

    def with_narrow(self, *names: str) -> Self:
        """The same with these scalars in float32."""
        return replace(self, narrow=names)


def all_narrow(hyper: Hyper) -> tuple[str, ...]:
    """Names for `Arithmetic.narrow` that put every scalar in float32."""
    return (*hyper, "eta", "bias")
