"""Shapes: cases on which vectorised loops, their tails and the tensors after the first can fail.

Every element of every step is compared. Columns repeat after `PERIOD` of them, so that a few are
certified.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...rules.contract import Dialect
from ...rules.registry import families
from ...rules.shapes import scope_of
from .case import DTYPES, PERIOD, Array, Case, rounded, tiled
from .given import given

SIZES = (0, *range(1, 71), 127, 128, 129, 1023, 1024, 1025, 65_535, 65_536, 65_537)
ALWAYS = (33, 65_537)  # where rows share the sizes, in each
LAYOUTS = ("strided", "offset")
STEPS = 3

STRONG = {"learning_rate": 0.3, "weight_decay": 0.4, "eps": 0.2, "beta1": 0.8, "beta2": 0.7,
          "momentum": 0.8, "dampening": 0.3, "clip": 0.25}  # fmt: skip
USUAL = {"learning_rate": 1e-3, "weight_decay": 1e-2, "eps": 1e-8, "beta1": 0.9, "beta2": 0.999,
         "momentum": 0.9, "dampening": 0.1, "clip": 0.75, "usual": True}  # fmt: skip
# Under these a burst of the gradient is a step beyond the rate: what is clipped at 1 shows.
BOLD = {**STRONG, "beta1": 0.25, "beta2": 0.99}
SURGE = (1.0, 0.5, 4.0)
SLOPES = (1.0, 0.5, 0.75, 0.25, 1.0, 0.375)


def hyper_of(dialect: Dialect, values: Mapping[str, float]) -> dict[str, float]:
    """Return what a case gives a dialect: `values`, and of its family's own what these lack."""
    kind, family = "usual" if "usual" in values else "strong", families().get(dialect.family)
    own = {h.name: getattr(h, kind) for h in family.hyper} if family else {}
    return dialect.asked({**own, **values})


def slopes(t: int) -> float:
    """Return a multiplier that differs from step to step, over and over."""
    return SLOPES[(t - 1) % len(SLOPES)]


RANKS = {"scalar": (), "one": (1,), "column": (5, 1), "row": (1, 5), "tall": (7, 3),
         "broad": (3, 7), "square": (4, 4), "cube": (2, 3, 4), "filters": (2, 2, 3, 3)}  # fmt: skip


@given
def ranks(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield one tensor of every number of dimensions that programs treat apart."""
    template = _template(claim, dialect, dtype)
    for name, shape in RANKS.items():
        n = math.prod(shape)
        yield replace(
            template,
            id=f"{name}/{dtype}",
            theta0=tiled(1, n, 21, dtype).reshape(shape),
            grads=_gradients(STEPS, n, 22, dtype).reshape(STEPS, *shape),
            purpose=f"a tensor of shape {shape}",
            flags=("shaped",),
            template=template,
        )


@given
def shapes(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield one tensor of every size that loops treat apart."""
    template = _template(claim, dialect, dtype)
    for n in SIZES:
        yield _one(claim, template, n, "contiguous")


@given
def together(
    claim: str, dialect: Dialect, dtype: str, part: tuple[int, int] = (0, 1)
) -> Iterator[Case]:
    """Yield the sizes as tensors of one case, which the worker may run one by one."""
    template = _template(claim, dialect, dtype)
    sizes = sizes_in(dtype, part)
    yield replace(
        template,
        id=f"sizes/{dtype}",
        theta0=[tiled(1, n, 21, dtype)[0] for n in sizes],
        grads=[_gradients(STEPS, n, 22, dtype) for n in sizes],
        purpose="a tensor of every size that loops treat apart",
        # a tensor of a tree that is summed has not the others for nothing
        flags=("shape", "tensors", *(("apart",) if scope_of(dialect) != "tree" else ())),
        template=template,
    )


def sizes_in(dtype: str, part: tuple[int, int] = (0, 1)) -> tuple[int, ...]:
    """Return the sizes of `together`: all, or for a row that shares them some of a quarter of them.

    `part` is a row's place among those that share, for whose framework every size is a program to
    compile, and their number. Another dtype, or another row, has another quarter; a few sizes are
    in each.

    >>> shared = [sizes_in(dtype, (row, 7)) for dtype in DTYPES for row in range(7)]
    >>> set().union(*shared) == set(SIZES) == set(sizes_in("float16"))
    True
    >>> max(map(len, shared))
    6
    """
    row, rows = part
    if rows == 1:
        return (*SIZES[1:], 0)  # the empty tensor last
    i, quarter = (DTYPES.index(dtype) + row) % len(DTYPES), -(-len(SIZES) // len(DTYPES))
    share = SIZES[i * quarter : (i + 1) * quarter][row::rows]
    return (*(n for n in dict.fromkeys((*share, *ALWAYS)) if n), 0)


@given
def views(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield one tensor as a view of another: every second element, or beginning one off."""
    template = _template(claim, dialect, dtype)
    for layout in LAYOUTS:
        yield _one(claim, template, 67, layout)


def _template(claim: str, dialect: Dialect, dtype: str) -> Case:
    return Case(
        id=f"template/{dtype}",
        rule=claim,
        dtype=dtype,
        theta0=tiled(1, PERIOD, 21, dtype)[0],
        grads=_gradients(STEPS, PERIOD, 22, dtype),
        hyper=hyper_of(dialect, BOLD),
        eta=_eta(STEPS),
    )


def _one(claim: str, template: Case, n: int, layout: str) -> Case:
    dtype = template.dtype
    suffix = "" if layout == "contiguous" else f"-{layout}"
    return Case(
        id=f"size-{n}{suffix}/{dtype}",
        rule=claim,
        dtype=dtype,
        theta0=tiled(1, n, 21, dtype)[0],
        grads=_gradients(STEPS, n, 22, dtype),
        hyper=template.hyper,
        eta=template.eta,
        purpose=f"{n} elements, {layout}",
        flags=("shape",) if layout == "contiguous" else ("shape", "layout"),
        layout=layout,
        template=template,
    )


@given
def tensors(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield several tensors at once: sizes, hyperparameters of their own, late beginnings."""
    yield _many(claim, dialect, dtype, "tensors-empty-last", (7, 0, 64, 1, 33, 0),
                "the last tensor is empty")  # fmt: skip
    yield _many(claim, dialect, dtype, "tensors-many", tuple(1 + i % 9 for i in range(40)),
                "forty tensors")  # fmt: skip
    own = tuple(
        {"learning_rate": rate, "weight_decay": lam}
        for rate, lam in ((0.3, 0.4), (0.1, 0.4), (0.3, 0.0), (0.2, 0.1))
    )
    yield _many(claim, dialect, dtype, "groups", (5, 6, 7, 8),
                "each tensor has a learning rate and a decay of its own", groups=own)  # fmt: skip
    yield _many(claim, dialect, dtype, "late", (5, 6, 7), "the first gradient of a tensor comes "
                "late: t is counted for each", steps=6, starts=(1, 3, 5))  # fmt: skip
    yield _many(claim, dialect, dtype, "groups-own", (5, 6, 7), "each tensor has every "
                "hyperparameter of its own", groups=_own_groups(dialect))  # fmt: skip
    yield _many(claim, dialect, dtype, "gaps", (5, 6, 7), "a tensor has no gradient at some steps: "
                "it stands still, and so does its t", steps=8,
                gaps=((), (2, 3, 6), (4, 8)))  # fmt: skip


def _many(
    claim: str, dialect: Dialect, dtype: str, name: str, sizes: tuple[int, ...], purpose: str, *,
    steps: int = 4, groups: tuple[dict[str, float], ...] | None = None,
    starts: tuple[int, ...] | None = None, gaps: tuple[tuple[int, ...], ...] | None = None,
) -> Case:  # fmt: skip
    needs = {"groups": groups, "late": starts, "none": gaps}
    extra = tuple(flag for flag, value in needs.items() if value is not None)
    return Case(
        id=f"{name}/{dtype}",
        rule=claim,
        dtype=dtype,
        theta0=[tiled(1, n, 30 + i, dtype)[0] for i, n in enumerate(sizes)],
        grads=[_onward(_gradients(steps, n, 80 + i, dtype), dialect) for i, n in enumerate(sizes)],
        hyper=hyper_of(dialect, BOLD),
        eta=_eta(steps),
        purpose=purpose,
        flags=("tensors", *extra),
        groups=groups,
        starts=starts,
        gaps=gaps,
    )


def _own_groups(dialect: Dialect) -> tuple[dict[str, float], ...]:
    """Hyperparameters of three groups that agree in none."""
    of_groups = {"learning_rate": (0.3, 0.1, 0.2), "weight_decay": (0.4, 0.1, 0.2),
                 "momentum": (0.8, 0.5, 0.95), "dampening": (0.3, 0.6, 0.1),
                 "beta1": (0.8, 0.5, 0.95), "beta2": (0.7, 0.9, 0.5), "eps": (0.2, 0.01, 1.0),
                 "clip": (0.25, 0.5, 0.125)}  # fmt: skip
    rows = [{name: values[i] for name, values in of_groups.items()} for i in range(3)]
    return tuple(hyper_of(dialect, row) for row in rows)


def _gradients(steps: int, n: int, seed: int, dtype: str) -> Any:
    scales = np.array([SURGE[t % len(SURGE)] for t in range(steps)])
    return (tiled(steps, n, seed, dtype) * scales[:, None]).astype(rounded(scales, dtype).dtype)


def _onward(grads: Any, dialect: Dialect) -> Any:
    """Gradients that go on as they begin for a rule of the tree: what it estimates of a way grows.

    Of many tensors with signs by chance a sum over the tree says nothing.
    """
    return np.copysign(grads, grads[:1]) if scope_of(dialect) == "tree" else grads


def _eta(steps: int) -> Array:
    return np.array([slopes(t) for t in range(1, steps + 1)])
