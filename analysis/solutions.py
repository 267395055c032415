"""Solutions: every λ' that makes one L2 step equal to the decayed step, enclosed in balls.

A set of λ' is a tuple of balls whose union contains it: none, one or two, or the whole line where
nothing better is certain. Two coordinates whose sets are disjoint prove that no λ' serves both.
"""

from collections.abc import Sequence
from itertools import combinations

from flint import arb

from wdref.dialects import Dialect

from .runs import Path, above, below, followed
from .setting import Setting

Set = tuple[arb, ...]
LINE = (arb(0, float("inf")),)


def of_affine_steps(setting: Setting, l2: Dialect, path: Path) -> list[list[Set]]:
    """Enclose, for each step t and coordinate i, {λ' : θ_t of L2 is that of `path`}.

    For rules whose step is affine in the gradient, so that θ_t(λ') = θ_t(0) + λ' (θ_t(1) - θ_t(0)).
    """
    columns = []
    for i in range(len(setting.theta0)):
        runs = zip(*(followed(setting, l2, path, i, arb(lam)) for lam in (0, 1)), strict=True)
        columns.append(
            [
                _quotient(row[i] - at0, at1 - at0)
                for ((at0, *_), (at1, *_)), row in zip(runs, path, strict=True)
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def of_adam_steps(setting: Setting, l2: Dialect, path: Path) -> list[list[Set]]:
    """Enclose, for each step t and coordinate i, {λ' : θ_t of Adam with L2 is that of `path`}.

    Along the path the gradients are g_s + λ' θ_{s-1} (line 6), so that by lines 7 to 10
    m̂_t = p + q λ' and v̂_t = A + B λ' + C λ'², whose coefficients the rule itself gives at λ' = 0,
    1 and -1. With K = η_t α and D = θ_{t-1} - θ_t, lines 11 and 12 reach θ_t if and only if

        K m̂ / (√v̂ + ε) = D,  hence  K m̂ - D ε = D √v̂,  hence  (K m̂ - D ε)² = D² v̂,

    a quadratic equation in λ': at most two solutions on the whole real line. Squaring may add one,
    so each is put into the rule, and is dropped where the θ_t that comes out is certainly another.
    """
    return [
        list(row)
        for row in zip(
            *(_adam_column(setting, l2, path, i) for i in range(len(setting.theta0))), strict=True
        )
    ]


def _adam_column(setting: Setting, l2: Dialect, path: Path, i: int) -> list[Set]:
    runs = zip(*(followed(setting, l2, path, i, arb(lam)) for lam in (0, 1, -1)), strict=True)
    before = [arb(setting.theta0[i]), *(row[i] for row in path)]
    found = []
    for t, (zero, plus, minus) in enumerate(runs):
        (_, (m0, v0), s), (_, (m1, v1), _), (_, (m2, v2), _) = zero, plus, minus
        p, q = m0 / s.bias1, (m1 - m2) / (2 * s.bias1)
        A, B, C = v0 / s.bias2, (v1 - v2) / (2 * s.bias2), ((v1 + v2) / 2 - v0) / s.bias2
        K, D = s.step, before[t] - before[t + 1]
        r = K * p - D * s.eps
        roots = solve(K * K * q * q - D * D * C, 2 * K * q * r - D * D * B, r * r - D * D * A)
        found.append(tuple(x for x in roots if _reaches(setting, l2, path, i, t, x)))
    return found


def _reaches(setting: Setting, l2: Dialect, path: Path, i: int, t: int, lam: arb) -> bool:
    """Whether L2 with a λ' of this ball may reach θ of the path at step index t."""
    for step, (new, *_) in enumerate(followed(setting, l2, path, i, lam)):
        if step == t:
            return bool(new.overlaps(path[t][i]))
    raise IndexError(t)


def solve(a: arb, b: arb, c: arb) -> Set:
    """Enclose the real solutions of a x² + b x + c = 0; the whole line where a may be 0."""
    if a.contains(0):
        return LINE
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return ()
    root = discriminant.nonnegative_part().sqrt()
    return ((-b - root) / (2 * a), (-b + root) / (2 * a))


def _quotient(above: arb, below: arb) -> Set:
    """Enclose {x : below x = above}."""
    if below.contains(0):
        return LINE if above.contains(0) else _if_zero(below)
    return (above / below,)


def _if_zero(below: arb) -> Set:
    return () if below.is_zero() else LINE


# -- what sets prove -----------------------------------------------------------------------------


def common(sets: Sequence[Set]) -> Set:
    """Enclose the intersection of all: the λ' that serve every coordinate; () proves there is none."""
    left: Set = LINE
    for found in sets:
        left = tuple(x.intersection(y) for x in left for y in found if x.overlaps(y))
    return left


def gap(sets: Sequence[Set]) -> float | None:
    """Certified distance of the two sets that are farthest apart; None with fewer than two."""
    filled = [found for found in sets if found]
    if len(filled) < 2:
        return None
    return max(
        min(_between(x, y) for x in a for y in b) for a, b in combinations(filled, 2)
    )


def _between(x: arb, y: arb) -> float:
    distance = below(abs(x - y)) if (x - y).is_finite() else 0.0
    return max(distance, 0.0)


def shown(found: Set) -> list[dict[str, float]]:
    """Return the balls as intervals with outward rounded ends."""
    return [{"lower": below(x), "upper": above(x)} for x in found]
