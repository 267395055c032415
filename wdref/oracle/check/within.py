"""Proven tolerances for tests of one's own: a case of one's own, what is right, how near is near.

The tolerance is nobody's choice: it is four times what correct rounding of every operation in the
dtype of the arrays allows, at each step and coordinate.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.optional import installed
from ...rules.shapes import inputs_of
from ..cases.case import DTYPES, Case, rounded
from ..judge.enclosure import enclose
from ..judge.verdict import LIMIT, arithmetic_in
from .ask import claimed

Array = NDArray[np.float64]


def make_case(
    theta0: Any,
    grads: Any,
    *,
    claim: str,
    hyper: Mapping[str, float],
    eta: Any = None,
    inputs: Mapping[str, Any] | None = None,
) -> Case:
    """Return a case of one's own: θ_0, the gradients of all steps, the hyperparameters.

    `theta0` has any shape and one of the dtypes float64, float32, float16, bfloat16, `grads` a row
    of it a step; `hyper` has wdref's words (``learning_rate``, ``beta1``, …), and `eta` is the
    schedule's multiplier of each step, by default 1. `inputs` are what the rule is given beside the
    gradients, as they are. Raises ValueError or TypeError, naming what is wrong.

    >>> import numpy as np
    >>> from wdref.oracle import assert_within, make_case
    >>> hyper = {"learning_rate": 0.5, "weight_decay": 0.25, "momentum": 0.0, "dampening": 0.0}
    >>> case = make_case(np.ones(2), np.ones((1, 2)), claim="sgd", hyper=hyper)
    >>> assert_within(case, np.ones((1, 2)) - 0.5 * 1.25)
    >>> assert_within(case, np.ones((1, 2)) - 0.5)
    Traceback (most recent call last):
    AssertionError: step 1, coordinate 0: expected 0.375 ± 1.7e-15 (4 radii), got 0.5, ratio 3e+14
    """
    theta, rows = np.asarray(theta0), np.asarray(grads)
    dtype = theta.dtype.name
    if dtype not in DTYPES:
        raise TypeError(f"theta0 is {dtype}: expected one of {', '.join(DTYPES)}")
    given = {name: np.asarray(x) for name, x in (inputs or {}).items()}
    for name, x in {"grads": rows, **given}.items():
        like = x.ndim == theta.ndim + 1 and x.shape == (*rows.shape[:1], *theta.shape)
        if x.dtype != theta.dtype or not like:
            raise ValueError(
                f"{name} are {x.dtype.name} {x.shape}: expected a row a step, {dtype} "
                f"(T, {', '.join(map(str, theta.shape))})"
            )
    multipliers = np.ones(len(rows)) if eta is None else np.asarray(eta, dtype=float)
    if multipliers.shape != (len(rows),):
        raise ValueError(f"eta has shape {multipliers.shape}: expected ({len(rows)},), one a step")
    start, gradients = (rounded(x.astype(np.float64), dtype) for x in (theta, rows))
    numbers = MappingProxyType({name: float(x) for name, x in hyper.items()})
    wide = {name: rounded(x.astype(np.float64), dtype) for name, x in given.items()}
    return Case(f"of-my-own/{dtype}", claim, dtype, start, gradients, numbers, multipliers,
                inputs=MappingProxyType(wide))  # fmt: skip


def tolerance(case: Case, *, convention: str = "paper") -> tuple[Array, Array]:
    """Return what is right after each step, in float64, and how far off a right program may be.

    Both are (T, n). The tolerance is `LIMIT` radii; nan where a rounding decides about a sign or a
    comparison, so that nothing is certified.
    """
    found, _ = _enclosed(case, convention)
    radius = np.where(found.doubt, np.nan, found.radius)
    return found.high, LIMIT * radius


def assert_within(case: Case, got: Any, *, convention: str = "paper") -> None:
    """Raise AssertionError unless `got` is what a right program may give for a case of one tensor.

    `got` are the parameters after each step, ``(T, n)`` or ``(T, *shape)``. The claim is the case's
    own, ``case.rule``, as in `wdref.check`, in the words of `convention`.
    """
    found, shape = _enclosed(case, convention)
    values = np.asarray(got).astype(np.float64)
    if values.shape not in (shape, case.grads.shape):
        raise AssertionError(f"got shape {values.shape}: expected {case.grads.shape}")
    ratio = found.ratio(values.reshape(shape))
    if np.all(np.isnan(ratio) | (ratio <= LIMIT)):
        return
    step, j = np.unravel_index(int(np.nanargmax(ratio)), shape)
    raise AssertionError(
        f"step {step + 1}, coordinate {j}: expected {float(found.high[step, j])!r} ± "
        f"{LIMIT * found.radius[step, j]:.2g} ({LIMIT:g} radii), got "
        f"{float(values.reshape(shape)[step, j])!r}, ratio {ratio[step, j]:.2g}"
    )


def _enclosed(case: Case, convention: str) -> tuple[Any, tuple[int, int]]:
    if not installed("flint"):
        raise ImportError("this needs python-flint: pip install 'wdref[oracle]'")
    if "tensors" in case.flags:
        raise ValueError(f"case {case.id} has several tensors: take case.parts() one by one")
    (part,) = case.parts()
    rule = claimed(case.rule, convention)
    missing = [name for name in rule.hyper if name not in part.hyper]
    if missing := [*missing, *(name for name in inputs_of(rule) if name not in part.inputs)]:
        raise ValueError(f"the case lacks {', '.join(missing)}, which {case.rule} reads")
    found = enclose(rule, part, arithmetic=arithmetic_in(part.dtype))
    return found, part.grads.shape
