"""The gallery: real weight-decay bugs, each with its public reference, as mutants.

The oracle must catch each of them and name it. What is configuration and no mathematics (a default,
M36) is not here; M20 and M21 are properties of half precision (`wdref.oracle.judge.half`), those of
several tensors are in `wdref.oracle.bugs.tensor_bugs`, and M37 needs an orthogonalised rule that
wdref does not have.
"""

from functools import cache

from .gallery_decays import decays
from .gallery_momenta import momenta
from .gallery_moments import moments
from .mutants import Mutant


@cache
def gallery(convention: str = "pytorch") -> tuple[Mutant, ...]:
    """Every mutant of one tensor, of the rules of `convention`.

    The numbers are those of the project's collection of bugs; several numbers in one entry are
    several reports of the same deviation.
    """
    return (*moments(convention), *decays(convention), *momenta(convention))
