"""Trajectories in balls, and what balls certify: distances from above and from below.

Everything here is computed at Arb's current precision (``exact.precision``).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flint import arb, ctx

from wdref.backend import load
from wdref.rules.contract import Rule

from .setting import Setting

TINY = 1e-40  # two trajectories agree when they are certified to be closer than this, relatively

Path = Sequence[Sequence[arb]]  # θ_1 … θ_T, a ball a coordinate
Value = float | arb | Callable[[int], float | arb]

exact = load("exact")


def run(setting: Setting, dialect: Rule, **hyper: Value | Sequence[Value]) -> Path:
    """Return the trajectory of `dialect`; `hyper` replaces the setting's own hyperparameters.

    A hyperparameter given as a sequence has a value for each coordinate: learning rates α M_ii are
    the fixed diagonal preconditioner M.
    """
    columns = []
    for i, theta in enumerate(setting.theta0):
        own = _own(setting, dialect, i, hyper)
        g = [[row[i]] for row in setting.grads]
        path = exact.trajectory(dialect, [theta], g, own, setting.eta, bits=ctx.prec)
        columns.append([row[0] for row in path])
    return list(zip(*columns, strict=True))


def followed(
    setting: Setting, l2: Rule, path: Path, i: int, lam: arb, **hyper: Value | Sequence[Value]
) -> Iterator[tuple[arb, list[arb], Any]]:
    """Run a rule with L2 and λ' = `lam` along somebody else's `path`, in coordinate i.

    At step t it is given θ_{t-1} of `path`, and the moments that it has itself. Yields θ_t, the
    moments and the step's scalars. L2's own trajectory is `path` if and only if every θ_t yielded
    is that of `path`, by induction over t.
    """
    own = _own(setting, l2, i, {**hyper, "weight_decay": lam})
    theta: arb | float = setting.theta0[i]
    slots: list[list[arb]] = [[arb(0)] for _ in l2.slots]
    for t, (g, eta, row) in enumerate(zip(setting.grads, setting.eta, path, strict=True), start=1):
        s = exact.scalars(l2, own, t, eta, bits=ctx.prec)
        (new,), slots = exact.step(l2, [theta], [g[i]], slots, s, bits=ctx.prec)
        yield new, [slot[0] for slot in slots], s
        theta = row[i]


def _own(
    setting: Setting, dialect: Rule, i: int, hyper: Mapping[str, Value | Sequence[Value]]
) -> dict[str, Value]:
    """Hyperparameters of coordinate i, as many as the dialect reads."""
    own = {name: v[i] if isinstance(v, Sequence) else v for name, v in hyper.items()}
    return {name: {**setting.hyper, **own}[name] for name in dialect.hyper}


def farthest(a: Path, b: Path) -> float:
    """Upper bound of max_i (max_t |a_ti - b_ti| / max_t |a_ti|); nan where a ball is not finite."""
    return _worst(a, b, lambda x: x.abs_upper(), lambda x: x.abs_lower(), above)


def apart(a: Path, b: Path) -> float:
    """Lower bound of the same distance; above 0 it proves that the trajectories differ."""
    return _worst(a, b, lambda x: x.abs_lower(), lambda x: x.abs_upper(), below)


def _worst(
    a: Path,
    b: Path,
    of_distance: Callable[[arb], arb],
    of_size: Callable[[arb], arb],
    rounded: Callable[[arb], float],
) -> float:
    worst = 0.0
    for xs, ys in zip(zip(*a, strict=True), zip(*b, strict=True), strict=True):
        distance = _largest([of_distance(x - y) for x, y in zip(xs, ys, strict=True)])
        size = _largest([of_size(x) for x in xs])
        ratio = arb(0) if distance.is_zero() else distance / size
        worst = max(worst, rounded(ratio)) if ratio.is_finite() else math.nan
        if math.isnan(worst):
            return worst
    return worst


def _largest(values: Sequence[arb]) -> arb:
    found = values[0]
    for x in values[1:]:
        found = found.max(x)
    return found


def meet(a: Path, b: Path) -> bool:
    """Whether the balls overlap everywhere, as those of one trajectory must."""
    rows = zip(a, b, strict=True)
    return all(x.overlaps(y) for row in rows for x, y in zip(*row, strict=True))


def above(x: arb) -> float:
    """Return a float that is surely not below the ball; nan where it is not finite."""
    return math.nextafter(float(x.upper()), math.inf) if x.is_finite() else math.nan


def below(x: arb) -> float:
    """Return a float that is surely not above the ball; nan where it is not finite."""
    return math.nextafter(float(x.lower()), -math.inf) if x.is_finite() else math.nan
