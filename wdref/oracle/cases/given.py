"""What rules are given beside the gradients: arrays of their own for every case."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from ...rules.shapes import inputs_of
from .case import PERIOD, Case, tiled

Cases = Callable[..., Iterator[Case]]
SCALES = (1.0, 0.25, 2.0)  # by step, and of as many as no usual interval is a multiple of
WIDTHS = (1.0, 0.25, 0.0625, 2.0, 0.5)  # by column: the clip and ε are met in some
LARGEST = 2.0**13  # which float16 holds with every scale
FALLING = 4  # the columns, one in so many, in which an estimate is below 0 now and then


def given(cases: Cases) -> Cases:
    """Give every case of ``cases(claim, dialect, dtype)`` what its rule reads beside gradients."""

    @wraps(cases)
    def with_inputs(claim: str, dialect: Any, dtype: str, *rest: Any, **options: Any) -> Any:
        names = inputs_of(dialect)
        for case in cases(claim, dialect, dtype, *rest, **options):
            yield _with(case, names) if names else case

    return with_inputs


def _with(case: Case, names: tuple[str, ...]) -> Case:
    if case.inputs:
        return case
    template = case.template and _with(case.template, names)
    arrays = {name: _arrays(case, 200 + 50 * k) for k, name in enumerate(names)}
    return replace(case, inputs=arrays, template=template)


def _arrays(case: Case, seed: int) -> Any:
    """Estimates whose average is some 1/γ."""
    taken = (case.hyper.get("gamma") or 1.0) * (1 - case.hyper.get("beta2", 0.0))
    size = min(2.0 ** -math.floor(math.log2(taken)), LARGEST)
    if "tensors" not in case.flags:
        return _rows(case.grads, seed, size, case.dtype)
    dtypes = case.life.get("mixed", [case.dtype] * len(case.grads))
    # tensors of a template are its columns, each from the first on
    seeds = [seed + i * (case.template is None) for i in range(len(case.grads))]
    return [_rows(g, each, size, dtype)
            for g, each, dtype in zip(case.grads, seeds, dtypes, strict=True)]  # fmt: skip


def _rows(like: Any, seed: int, size: float, dtype: str) -> Any:
    steps, columns = len(like), int(np.prod(like.shape[1:]))
    numbers = tiled(steps, columns, seed, dtype)
    place = np.arange(columns) % PERIOD
    scales = np.array([SCALES[t % len(SCALES)] * size for t in range(steps)])
    widths = np.resize(WIDTHS, PERIOD)[place]
    signs = np.where(place % FALLING == FALLING - 1, np.sign(numbers), 1.0)
    estimates = np.abs(numbers) * signs * (scales[:, None] * widths)
    return estimates.astype(like.dtype).reshape(like.shape)
