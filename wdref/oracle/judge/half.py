"""Half precision: two ways in which a right formula does not train.

Below half a unit in the last place the decay of a step cannot move a parameter that is stored in
half precision: it vanishes, unless a wider copy is kept. And an ε below the smallest subnormal is
0 in float16, so that a coordinate without a gradient becomes 0/0.
"""

from typing import Any

import numpy as np

from ...engine.arithmetic import HALF
from ..cases.case import Case
from ..targets.targets import Result


def finding(case: Case, result: Result, *, decays: bool = True) -> str:
    """Return what a case made for it shows, in one line, or nothing.

    With `decays` False the claim has no decay that could vanish.
    """
    if case.dtype not in HALF or result.values is None:
        return ""
    if decays and "vanishing" in case.flags and _stands_still(case, result.values):
        return f"vanishing decay: 2^-12 of a parameter a step moves no {case.dtype} parameter"
    small = "underflow" in case.flags and case.dtype == "float16"  # bfloat16 holds this eps
    if small and "eps" in case.hyper and bool(np.any(np.isnan(result.values))):
        return f"0/0: eps={case.hyper['eps']:g} is 0 in {case.dtype}"
    return ""


def _stands_still(case: Case, values: Any) -> bool:
    decays = case.hyper.get("weight_decay", 0.0) > 0
    return decays and bool(np.all(values == case.theta0.astype(float)))
