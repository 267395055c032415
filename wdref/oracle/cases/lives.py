"""Lives: cases of what befalls a training after its first steps, one event each.

What is right is the rule's own: a training that is resumed is the one that was not, a step that is
cancelled is none, a changed hyperparameter is the one that the step reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...engine.arithmetic import HALF
from ...rules.contract import Dialect
from .case import Case, noise, rounded
from .given import given
from .life import FLAGS
from .shapes import BOLD, hyper_of, slopes

STEPS = 8
FAR = 1_000_000  # steps
# β2^t is 0 there, and is not where a count of 16 bits ends.
SLOW = {**BOLD, "beta1": 0.9, "beta2": 1 - 2.0**-14, "rho": 1 - 2.0**-14, "eps": 2.0**-10}
# The dtypes of one group; none for float32, of which a wider tensor's roundings say nothing.
MIXED = {"float64": ("float32", "float64", "float32"), "float16": ("float16", "float32", "float16"),
         "bfloat16": ("bfloat16", "float32", "bfloat16")}  # fmt: skip
NAMES = ("resume", "resume-tensors", "change-rate", "change-decay", "change-moments", "change-eps",
         "scheduler", "skip", "maximize", "added", "removed", "mixed", "complex", "accumulate",
         "clip-value", "clip-norm", "million")  # fmt: skip
# Hyperparameters that others take the place of in the midst of a training, those of one case.
CHANGES: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("rate", {"learning_rate": 0.1}),
    ("decay", {"weight_decay": 0.05}),
    ("moments", {"beta1": 0.5, "beta2": 0.9, "momentum": 0.5, "rho": 0.8}),
    ("eps", {"eps": 0.5}),
)
# Gradients of a length of 5 over two tensors, which every dtype holds.
FIVES = ((1, 2, 2, 4, 0, 0), (0, 3, 0, 0, -4, 0), (2, -1, 0, 2, 0, 4))
HUGE = 2.0**40  # beside which a program's 1e-6 or 1e-12 in the norm's denominator is nothing


@given
def lives(claim: str, dialect: Dialect, dtype: str) -> Iterator[Case]:
    """Yield a case for each event, with the hyperparameters that `dialect` reads."""
    life = _Lives(claim, dialect, dtype)
    yield life.case("resume", "the training is saved after step 3, loaded into a new optimizer, "
                    "and goes on", {"resume": 3})  # fmt: skip
    yield life.case("resume-tensors", "the same with groups of their own and a tensor that has "
                    "had no gradient yet", {"resume": 3}, sizes=(5, 6, 7), groups=True,
                    starts=(1, 1, 5))  # fmt: skip
    yield from life.changed()
    yield life.case("scheduler", "the rate is set by the program's own scheduler",
                    {"scheduler": True}, sizes=(5, 6))  # fmt: skip
    yield life.case("skip", "a scaler finds a gradient that is not finite in one tensor, and "
                    "cancels the step of all", {"skip": [3, 6]}, sizes=(5, 6))  # fmt: skip
    yield life.case("maximize", "the step goes up the gradient", {"maximize": True})
    yield life.case("added", "a tensor joins at step 4", {"add": [1, 4]}, sizes=(5, 6))
    yield life.case("removed", "the first of three tensors leaves after step 3",
                    {"remove": [0, 3]}, sizes=(5, 5, 5))  # fmt: skip
    if dtype in MIXED:
        yield life.case("mixed", "tensors of two dtypes in one group",
                        {"mixed": list(MIXED[dtype])}, sizes=(5, 6, 7))  # fmt: skip
    if dtype not in HALF:
        yield life.case("complex", "complex parameters, as pairs of real numbers",
                        {"complex": "pairs"})  # fmt: skip
        yield life.case("accumulate", "two gradients are averaged to one step",
                        {"accumulate": 2})  # fmt: skip
        yield life.case("clip-value", "each element of the gradient is clipped before the step",
                        {"clip": {"value": 0.25}}, sizes=(5, 6))  # fmt: skip
        yield life.clipped_by_norm()
        if not getattr(dialect, "running", ()):  # a product over a million steps is another case
            yield life.far()


class _Lives:
    """What the cases of a dialect and a dtype have in common."""

    def __init__(self, claim: str, dialect: Dialect, dtype: str) -> None:
        self.claim, self.dialect, self.dtype = claim, dialect, dtype

    def case(
        self, name: str, purpose: str, life: Mapping[str, Any], *, sizes: tuple[int, ...] = (),
        groups: bool = False, starts: tuple[int, ...] | None = None,
    ) -> Case:  # fmt: skip
        """Return a case of one tensor, or of several of these `sizes`."""
        (event,) = life
        flags = [FLAGS[event], *["tensors"] * bool(sizes)]
        dtypes = life.get("mixed", [self.dtype] * len(sizes))
        kinds = list(enumerate(zip(sizes, dtypes, strict=True)))
        thetas = [self._theta(n, i, kind) for i, (n, kind) in kinds]
        grads = [self._grads(life, n, i, kind) for i, (n, kind) in kinds]
        flags += ["groups"] * groups + ["late"] * (starts is not None)
        return Case(
            id=f"{name}/{self.dtype}",
            rule=self.claim,
            dtype=self.dtype,
            theta0=thetas or self._theta(6, 0, self.dtype),
            grads=grads or self._grads(life, 6, 0, self.dtype),
            hyper=MappingProxyType(hyper_of(self.dialect, BOLD)),
            eta=self._eta(life),
            purpose=purpose,
            flags=tuple(flags),
            groups=self._groups(len(sizes)) if groups else None,
            starts=starts,
            life=MappingProxyType(dict(life)),
        )

    def changed(self) -> Iterator[Case]:
        """Yield a case for each set of hyperparameters that the dialect reads some of."""
        read = hyper_of(self.dialect, BOLD)
        for name, values in CHANGES:
            new = {key: value for key, value in values.items() if key in read}
            if new:
                words = " and ".join(key.replace("_", " ") for key in new)
                yield self.case(f"change-{name}", f"{words} changed at step 4, by the program's "
                                "own means", {"change": [[4, new]]})  # fmt: skip

    def clipped_by_norm(self) -> Case:
        """Return one whose gradients have norms of 5 2^k and are clipped at 5 2^40."""
        case = self.case("clip-norm", "all gradients of a step are clipped together, by their norm",
                         {"clip": {"norm": 5 * HUGE}}, sizes=(3, 3))  # fmt: skip
        scales = [HUGE * 2.0 ** (1, 3, -2, 2)[t % 4] for t in range(STEPS)]
        whole = np.array([np.multiply(FIVES[t % 3], scale) for t, scale in enumerate(scales)])
        grads = [rounded(whole[:, :3], self.dtype), rounded(whole[:, 3:], self.dtype)]
        return replace(case, grads=grads)

    def far(self) -> Case:
        """Return one in which the count of steps is set."""
        case = self.case("million", "after step 2 the count is set, and the training goes on at "
                         "step 1,000,000", {"jump": [2, FAR]})  # fmt: skip
        return replace(case, hyper=MappingProxyType(hyper_of(self.dialect, SLOW)))

    def _theta(self, n: int, i: int, dtype: str) -> Any:
        return rounded(noise(1, n, 41 + i)[0], dtype)

    def _grads(self, life: Mapping[str, Any], n: int, i: int, dtype: str) -> Any:
        scales = np.array([(1.0, 0.5, 4.0, 0.25)[t % 4] for t in range(STEPS)])[:, None]
        grads = noise(STEPS, n, 51 + i) * scales
        if "skip" in life and i == 1:
            grads[2, 0], grads[5, 1] = np.inf, np.nan
        if "accumulate" in life:  # means that the dtype holds, of gradients that are far apart
            mean, half = noise(STEPS // 2, n, 61), noise(STEPS // 2, n, 71) * 2
            grads = np.stack([mean + half, mean - half], axis=1).reshape(STEPS, n)
        return rounded(grads, dtype)

    def _eta(self, life: Mapping[str, Any]) -> Any:
        step, (waiting, _) = life.get("accumulate", 1), life.get("jump", (0, 0))
        # nothing moves before a count is set: corrections of the first steps are for other cases
        return np.array([slopes(t // step + 1) if t >= waiting else 0.0 for t in range(STEPS)])

    def _groups(self, count: int) -> tuple[dict[str, float], ...]:
        rows = zip((0.3, 0.1, 0.2), (0.4, 0.1, 0.2), strict=True)
        return tuple({"learning_rate": a, "weight_decay": lam} for a, lam in rows)[:count]
