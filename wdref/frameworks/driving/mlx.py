"""A training of MLX: the tree of a case's tensors, its optimizer, and what befalls them.

Every event happens as MLX's users have it: the flattened `state` in a file, attributes,
`clip_grad_norm`, `init` of a larger tree and gradients of a smaller one, ``state["step"]``.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import optimizers
from mlx.utils import tree_flatten, tree_unflatten

from wdref.oracle import Unsupported

from .events import COUNTS, changed, changes, waits

SUPPORTS = ("tensors", "groups", "late", "none", "resume", "change", "scheduler", "clip", "order",
            "mixed", "count")  # fmt: skip
ONE_T = "MLX counts one t for all parameters of an optimizer"


class Training:
    """One case: `make` makes the optimizer, `words` say what its keywords mean."""

    def __init__(
        self, make: Callable[..., Any], words: Any, case: Any, own: Mapping[str, Any]
    ) -> None:
        self.make, self.words, self.case, self.life = make, words, case, case.life
        self.matrices = own.get("matrices", False)
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        if own.get("counts", True) and (case.starts or case.gaps or "add" in self.life):
            raise Unsupported(ONE_T)
        if "value" in self.life.get("clip", ()):
            raise Unsupported("MLX clips by the norm alone")
        self.params = {f"p{i}": self._array(i, x) for i, x in enumerate(thetas)}
        self.hyper = [{**case.hyper, **group} for group in case.groups or [{}]]
        self._make()
        joined, _ = self.life.get("add", (None, 0))
        self.opt.init({name: p for name, p in self.params.items() if name != f"p{joined}"})

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.params]
        for t, eta in enumerate(self.case.eta.tolist(), start=1):
            self._before(t)
            if "scheduler" not in self.life:
                for each, h in zip(self.each, self.hyper, strict=True):
                    each.learning_rate = h["learning_rate"] * eta
            self._step(t)
            self._after(t)
            for steps, p in zip(path, self.params.values(), strict=True):
                steps.append(np.array(p.astype(mx.float64)).ravel())
        return [np.array(steps) for steps in path] if self.many else np.array(path[0])

    def _make(self) -> None:
        """Make an optimizer for each set of hyperparameters, and one of them all."""
        given = [{**self.words(h), **self._schedule(h)} for h in self.hyper]
        self.each = [self.make(**{**h, **self.words.fixed}) for h in given]
        grouped = self.case.groups is not None
        self.opt = (
            optimizers.MultiOptimizer(self.each, _filters(self.each)) if grouped else self.each[0]
        )

    def _schedule(self, h: Mapping[str, float]) -> dict[str, Any]:
        """Return the learning rate as a function of the steps made, where that is asked."""
        if "scheduler" not in self.life:
            return {}
        rates = mx.array([h["learning_rate"] * eta for eta in self.case.eta.tolist()])
        return {self.words.rate: lambda step: rates[step]}

    def _array(self, i: int, x: Any) -> Any:
        name = self.life["mixed"][i] if "mixed" in self.life else self.case.dtype
        array = mx.array(x, dtype=getattr(mx, name))
        return array.reshape(1, -1) if self.matrices and array.ndim < 2 else array

    def _step(self, t: int) -> None:
        grads = {f"p{i}": self._array(i, g[t - 1]) for i, g in enumerate(self.grads)
                 if not waits(self.case, i, t)}  # fmt: skip
        if "clip" in self.life:
            grads, _ = optimizers.clip_grad_norm(grads, self.life["clip"]["norm"])
        self.params |= self.opt.apply_gradients(grads, self.params)
        mx.eval(self.params, self.opt.state)

    # -- what befalls it --------------------------------------------------------------------------

    def _before(self, t: int) -> None:
        new = changes(self.case, t)
        for name, value in changed(self.words, self.case.hyper, new).items() if new else ():
            if not hasattr(self.opt, name):
                raise Unsupported(f"{type(self.opt).__name__} has no attribute {name} to change")
            setattr(self.opt, name, value)
        self.hyper = [{**h, **new} for h in self.hyper]
        if self.life.get("add", (None, 0))[1] == t:
            self.opt.init(self.params)  # which leaves the state that is there

    def _after(self, t: int) -> None:
        if self.life.get("resume") == t:
            self._resume()
        if self.life.get("jump", (0, 0))[0] == t:
            for place, name in _counts(self.opt):
                kind = place[name]
                steps = self.life["jump"][1] - 1
                place[name] = mx.array(steps, kind.dtype) if isinstance(kind, mx.array) else steps

    def _resume(self) -> None:
        """Save the flattened trees, and load them into a new optimizer of new parameters."""
        with tempfile.TemporaryDirectory(prefix="wdref-") as folder:
            files = [f"{folder}/{name}.npz" for name in ("state", "params")]
            for file, tree in zip(files, (self.opt.state, self.params), strict=True):
                mx.savez(file, **dict(tree_flatten(tree)))  # safetensors have no float64 here
            load: Any = mx.load  # of several kinds of files: here arrays by name
            state, params = map(load, files)
            mx.eval(state, params)
        self._make()
        self.opt.state = tree_unflatten(list(state.items()))
        self.params = {name: params[name] for name in self.params}


def _filters(opts: Sequence[Any]) -> list[Callable[..., bool]]:
    """For each optimizer but the last, whether a tensor is its own."""
    return [lambda path, _, i=i: path == f"p{i}" for i in range(len(opts) - 1)]


def _counts(opt: Any) -> Iterator[tuple[Any, str]]:
    """Yield every place and name under which an optimizer keeps a count."""
    states = [state for state in opt.state.values() if isinstance(state, dict)]
    for place in (opt.state, *states, vars(opt)):
        yield from ((place, name) for name, x in place.items() if name in COUNTS and _is_number(x))


def _is_number(x: Any) -> bool:
    alone = isinstance(x, mx.array) and x.size == 1
    return alone or (isinstance(x, int | float) and not isinstance(x, bool))
