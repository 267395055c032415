"""Enclosures: the exact trajectory of a case, and the envelope of its correctly rounded ones.

The tolerance is nobody's choice. The rule runs on balls twice: once as it is, which gives each θ_t
with a radius that provably contains the real value; once with every operation widened by one
rounding error of the dtype. The distance from the exact value that this envelope allows is the
*radius*, and an implementation is judged by ``ratio = |got - exact| / radius``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...backend import load
from ...engine.arithmetic import Arithmetic
from ...rules.shapes import inputs_of, scope_of
from ..cases.case import Case, each
from ..cases.trajectory import multipliers, of_tree, trajectory, widened

Array = NDArray[np.float64]
SMALLEST = 5e-324  # what bounds in floats cannot go below, but for 0


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Exact values as an unevaluated sum ``high + low`` and the radius allowed around them, (T, n).

    The real number lies within ``error`` of ``high + low``; `radius` is rounded up. In `doubt` are
    the values past a sign, a comparison or a choice that the roundings leave undecided, or past a
    gradient that is no number and yet left them finite. `broken` are those that it has made
    infinite or no number: no finite result is right there.
    """

    high: Array
    low: Array
    error: Array
    radius: Array
    doubt: NDArray[np.bool_]
    broken: NDArray[np.bool_]

    def distance(self, got: Array) -> Array:
        """Upper bound of |got - exact|, for finite results; nan or inf where got is."""
        with np.errstate(all="ignore"):
            return (np.abs((got - self.high) - self.low) + self.error) * (1 + 2.0**-50)

    def ratio(self, got: Array) -> Array:
        """``|got - exact| / radius``; 0 where both are 0, inf where only the radius is or got is
        no finite number, nan where the radius is or the value is in doubt: nothing is certified.
        """
        distance = np.where(np.isfinite(got), self.distance(got), np.inf)
        # an exact trajectory is known far better than any radius; equal bits are no distance
        distance = np.where(got == self.high, np.abs(self.low), distance)
        with np.errstate(all="ignore"):
            ratio = np.where(distance == 0, 0.0, distance / self.radius)
        ratio = np.where(np.isfinite(self.radius) & ~self.doubt, ratio, np.nan)
        return np.where(self.broken, np.where(np.isfinite(got), np.inf, 0.0), ratio)


def enclose(dialect: Any, case: Case, *, arithmetic: Arithmetic | None = None) -> Enclosure:
    """Return the enclosure of `case`, one tensor, under `dialect`.

    The envelope is that of `arithmetic`, by default every operation in the case's dtype. The
    precision is raised until the exact values are known to a millionth of the radius, or to the
    smallest float.
    """
    arithmetic = arithmetic or Arithmetic.of(case.dtype)
    if scope_of(dialect) == "tree" and case.whole is not None:
        whole, i = case.whole
        return _of_tree(dialect, CaseKey(whole), arithmetic)[i]
    found = _enclose(dialect, CaseKey(_source(dialect, case), _counts(dialect, case)), arithmetic)
    return _tiled(found, case)


def _source(dialect: Any, case: Case) -> Case:
    """The case whose balls are computed: the columns that are repeated, where sums allow it."""
    template = case.template
    if template is None or (scope_of(dialect) != "element" and len(case.shape or (1,)) != 1):
        return replace(case, template=None)
    n = len(case.theta0)
    if scope_of(dialect) == "element" or n >= len(template.theta0):
        return template
    return replace(template, theta0=template.theta0[:n], grads=template.grads[:, :n],
                   inputs=each(lambda x: x[:, :n], template.inputs))  # fmt: skip


def _counts(dialect: Any, case: Case) -> tuple[int, ...] | None:
    """How often each column of the source stands in the tensor, for a rule that sums them."""
    n, source = len(case.theta0), len(_source(dialect, case).theta0)
    if scope_of(dialect) == "element" or n <= source:
        return None
    return tuple(n // source + (j < n % source) for j in range(source))


def _tiled(found: Enclosure, case: Case) -> Enclosure:
    n, own = len(case.theta0), found.high.shape[1]
    if n == own:
        return found
    times = -(-n // own) or 1
    return Enclosure(*(np.tile(x, (1, times))[:, :n] for x in vars(found).values()))


class CaseKey:
    """A case as a key: its data, not its name."""

    def __init__(self, case: Case, counts: tuple[int, ...] | None = None) -> None:
        self.case, self.counts = case, counts
        self.theta0, self.grads = case.theta0, case.grads
        self.eta, self.hyper = case.eta, case.hyper
        self._key = (*_data(case), counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaseKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _data(case: Case) -> tuple[Any, ...]:
    several = isinstance(case.theta0, list)
    columns = (case.theta0, case.grads, *case.inputs.values())
    arrays = [x for own in columns for x in (own if several else (own,))]
    groups = tuple(tuple(sorted(own.items())) for own in (case.hyper, *(case.groups or ())))
    kinds = tuple((str(x.dtype), x.shape) for x in arrays)
    return (kinds, case.shape, repr(dict(case.life)), groups, case.starts, case.gaps,
            tuple(case.inputs), *(x.tobytes() for x in (*arrays, case.eta)))  # fmt: skip


class _Exact(NamedTuple):
    balls: Any
    high: Array
    low: Array
    error: Array


@lru_cache(maxsize=4096)
def _enclose(dialect: Any, key: CaseKey, arithmetic: Arithmetic) -> Enclosure:
    bits = 192
    while True:
        exact = _exact(dialect, key, bits)
        path = _path(dialect, key, bits, arithmetic)
        radius = _radius(path, exact)
        if _known(exact, radius) or bits > 2000:
            broken = _broken(dialect, key.case)
            return _certified(dialect, exact, path, radius, key.grads, broken)
        bits *= 2


def _radius(path: Any, exact: _Exact) -> Array:
    return _table(
        (_up(wide - x) for wide, x in zip(*rows, strict=True))
        for rows in zip(path.balls, exact.balls, strict=True)
    ).reshape(exact.high.shape)


def _known(exact: _Exact, radius: Array) -> bool:
    """Whether the exact values are known well enough beside what is allowed around them."""
    known = exact.error <= np.maximum(radius * 2.0**-20, SMALLEST)
    return bool(np.all(known | ~np.isfinite(radius) | (radius == 0)))


def _certified(
    dialect: Any, exact: _Exact, path: Any, radius: Array, grads: Array,
    broken: NDArray[np.bool_],
) -> Enclosure:  # fmt: skip
    doubt = _doubt(path.doubts, grads.shape)
    spoiled = ~np.isfinite(grads)
    if scope_of(dialect) != "element":  # a sum with what is no number is none: all that read it
        spoiled = spoiled.any(axis=1, keepdims=True) | np.zeros_like(spoiled)
    doubt |= np.logical_or.accumulate(spoiled) & ~broken
    return Enclosure(*exact[1:], radius, doubt, broken)


@lru_cache(maxsize=512)
def _of_tree(dialect: Any, key: CaseKey, arithmetic: Arithmetic) -> list[Enclosure]:
    """The enclosures of all tensors of a case, which the rule looks at together."""
    bits, case = 192, key.case
    parts = case.parts()
    sources = [_source(dialect, part) for part in parts]
    while True:
        courses = []
        for i, (part, source) in enumerate(zip(parts, sources, strict=True)):
            given, options = _course(dialect, source)
            counts = _counts(dialect, part)
            courses.append((given, {**options, "counts": counts, "steps": case.steps_taken(i)}))
        each = [_in_dtype(arithmetic, part.dtype) for part in parts]
        exact = [_split(path.balls, source.grads.shape) for path, source
                 in zip(_paths(dialect, courses, bits, None), sources, strict=True)]  # fmt: skip
        paths = _paths(dialect, courses, bits, each)
        radii = [_radius(path, own) for path, own in zip(paths, exact, strict=True)]
        if all(map(_known, exact, radii)) or bits > 2000:
            break
        bits *= 2
    found = []
    for i, source in enumerate(sources):
        doubt = _doubt(paths[i].doubts, source.grads.shape)
        found.append(Enclosure(*exact[i][1:], radii[i], doubt, np.zeros_like(doubt)))
    tiled = [_tiled(x, part) for x, part in zip(found, parts, strict=True)]
    return _spoiled(dialect, case, tiled) if _no_numbers(case) else tiled


def _in_dtype(arithmetic: Arithmetic, dtype: str) -> Arithmetic:
    """The arithmetic of one tensor of a tree, as it is of another whose dtype may differ."""
    if dtype in (arithmetic.theta, arithmetic.compute):
        return arithmetic
    return replace(arithmetic, compute=dtype, theta=dtype, state=dtype)


def _no_numbers(case: Case) -> bool:
    return not all(np.all(np.isfinite(part.grads)) for part in case.parts())


def _spoiled(dialect: Any, case: Case, found: list[Enclosure]) -> list[Enclosure]:
    """In doubt all tensors of a tree from the first gradient on that is no number."""
    parts = case.parts()
    taken = [np.array(case.steps_taken(i), dtype=int) for i in range(len(parts))]
    first = min(int(steps[np.argmax(bad)]) for part, steps in zip(parts, taken, strict=True)
                if (bad := ~np.isfinite(part.grads).all(axis=1)).any())  # fmt: skip
    after = []
    for x, steps, path in zip(found, taken, of_tree(dialect, widened(case)), strict=True):
        broken = ~np.isfinite(np.array(path).reshape(x.high.shape))
        doubt = (x.doubt | (steps >= first)[:, None]) & ~broken
        after.append(replace(x, doubt=doubt, broken=broken))
    return after


def _paths(dialect: Any, courses: Any, bits: int, arithmetic: Any) -> Any:
    exact = load("exact")
    tensors = [exact.course(*given, **options) for given, options in courses]
    return exact.paths(dialect, tensors, arithmetic=arithmetic, bits=bits)


@lru_cache(maxsize=4096)
def _exact(dialect: Any, key: CaseKey, bits: int) -> _Exact:
    return _split(_path(dialect, key, bits, None).balls, key.grads.shape)


def _split(balls: Any, shape: tuple[int, ...]) -> _Exact:
    high = _table((float(x.mid()) for x in row) for row in balls).reshape(shape)
    low = _table((float(x.mid() - float(x.mid())) for x in row) for row in balls).reshape(shape)
    error = _table(
        (_up((x - up) - rest) for x, up, rest in zip(*rows, strict=True))
        for rows in zip(balls, high.tolist(), low.tolist(), strict=True)
    ).reshape(shape)
    return _Exact(balls, high, low, error)


def _path(dialect: Any, key: CaseKey, bits: int, arithmetic: Arithmetic | None) -> Any:
    case = key.case
    given, options = _course(dialect, case)
    return load("exact").path(
        dialect, *given, **options, counts=key.counts, arithmetic=arithmetic, bits=bits
    )


def _course(dialect: Any, case: Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `Exact.path` is given of a case of one tensor, which is flat."""
    grads = np.where(np.isfinite(case.grads), case.grads, 0.0)
    eta = multipliers(dialect, case.eta)
    times = [case.count_at(t) for t in range(1, len(grads) + 1)]
    n = len(case.theta0)
    shape = case.shape if case.shape is not None and math.prod(case.shape) == n else None
    given = (case.theta0.tolist(), grads.tolist(), _hyper(case), eta.tolist())
    inputs = tuple(case.inputs[name].tolist() for name in inputs_of(dialect))
    return given, {"times": times, "shape": shape, "inputs": inputs}


def _hyper(case: Case) -> Mapping[str, Any]:
    """The hyperparameters, those that change as functions of the step."""
    names = {name for _, new in case.life.get("change", ()) for name in new}
    return {
        name: (lambda t, name=name: case.hyper_at(t)[name]) if name in names else value
        for name, value in case.hyper.items()
    }


def _table(rows: Any) -> Array:
    return np.array([list(row) for row in rows], dtype=float)


def _broken(dialect: Any, case: Case) -> NDArray[np.bool_]:
    if np.all(np.isfinite(case.grads)):
        return np.zeros(case.grads.shape, dtype=bool)
    path = [theta for theta, _ in trajectory(dialect, widened(case))]
    broken: NDArray[np.bool_] = ~np.isfinite(np.array(path).reshape(case.grads.shape))
    return broken


def _doubt(doubts: dict[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    doubt = np.zeros(shape, dtype=bool)
    for column, step in doubts.items():
        doubt[step - 1 :, column] = True
    return doubt


def _up(x: Any) -> float:
    """Upper bound of |x| as a float; nan where the ball is not finite."""
    if not x.is_finite():
        return float("nan")
    bound = float(x.abs_upper())
    return 0.0 if bound == 0.0 and x.is_zero() else bound * (1 + 2.0**-50) + SMALLEST
