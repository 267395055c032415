"""A training of tinygrad: the tensors of a case, their optimizer, and what befalls them.

Every event happens as tinygrad's users have it: `get_state_dict` in a file of safetensors,
`lr.assign` and attributes, gradients that add up. A step is compiled, and with it its attributes:
where one is changed it is compiled again.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from tinygrad import Tensor, TinyJit, dtypes
from tinygrad.helpers import Context, getenv
from tinygrad.nn import optim
from tinygrad.nn.state import get_state_dict, load_state_dict, safe_load, safe_save

from wdref.oracle import Unsupported

from .events import changed, changes

# not "late" nor "none": a step without a gradient fails; no count: products of β are kept instead
SUPPORTS = ("tensors", "groups", "resume", "change", "accumulate", "mixed")
ATTRIBUTES = {"weight_decay": "wd"}  # of the constructor's words, where they are not the same


class Training:
    """One case: `make` makes the optimizer, `words` say what its keywords mean."""

    def __init__(
        self, make: Callable[..., Any], words: Any, case: Any, own: Mapping[str, Any]
    ) -> None:
        self.make, self.words, self.case, self.own, self.life = make, words, case, own, case.life
        self.device = own.get("device", "CPU")
        if case.dtype == "bfloat16" and self.device == "CPU":
            raise Unsupported("tinygrad's CPU has bfloat16 where the compiler has it")
        self.many = "tensors" in case.flags
        self.thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.full = [i for i, theta in enumerate(self.thetas) if theta.size]
        if not self.full:
            raise Unsupported("tinygrad's optimizers take no empty tensor")
        own_groups = [case.groups[i] for i in self.full] if case.groups else [{}]
        self.hyper = [{**case.hyper, **group} for group in own_groups]
        self.sums: list[Any] = []
        self.rates: list[float] = []  # as they were last assigned

    def run(self) -> Any:
        """Return the parameters after each step."""
        eta = self.case.eta
        path = [[np.empty(0)] * (len(eta) if theta.size == 0 else 0) for theta in self.thetas]
        with _environment("OPTIM_DTYPE", self.own.get("OPTIM_DTYPE")), Context(TRAINING=1):
            self._make()
            for t in range(1, len(eta) + 1):
                self._change(changes(self.case, t))
                self._rate(t)
                self._advance(t)
                if self.life.get("resume") == t:
                    self._resume()
                for i, p in zip(self.full, self.params, strict=True):
                    path[i].append(p.numpy().astype(np.float64))
        return [np.array(steps) for steps in path] if self.many else np.array(path[0])

    # -- the optimizer ----------------------------------------------------------------------------

    def _make(self) -> None:
        """Make the parameters, an optimizer for each set of hyperparameters, and the step."""
        self.params = [self._tensor(i, self.thetas[i]).is_param_(True) for i in self.full]
        members = [[p] for p in self.params] if self.case.groups else [self.params]
        self.each = [self.make(its, **{**self.words(h), **self.words.fixed})
                     for its, h in zip(members, self.hyper, strict=True)]  # fmt: skip
        self.opt = optim.OptimizerGroup(*self.each) if self.case.groups else self.each[0]
        self.step, self.rates = TinyJit(partial(_step, self.opt)), []

    def _tensor(self, i: int, x: Any) -> Any:
        made = Tensor(np.array(x), device=self.device)
        kind = getattr(dtypes, self.life["mixed"][i] if "mixed" in self.life else self.case.dtype)
        own = made.dtype == kind and made.ndim  # a number without axes is a constant
        return (made if own else made.cast(kind).clone()).realize()

    def _rate(self, t: int) -> None:
        eta, fixed = float(self.case.eta[t - 1]), self.words.fixed
        rates = [fixed.get("lr", h["learning_rate"]) * eta for h in self.hyper]
        if rates == self.rates:
            return
        self.rates = rates
        for opt, rate in zip(self.each, rates, strict=True):
            rate = Tensor([rate], dtype=opt.lr.dtype, device=self.device)
            opt.lr.assign(rate).realize()  # not realized it would not be read

    def _advance(self, t: int) -> None:
        k = self.life.get("accumulate", 1)
        grads = [self._tensor(i, self.grads[i][t - 1]) for i in self.full]
        if k > 1:  # as `(loss / k).backward()` leaves them
            parts = [g / k for g in grads]
            first = t % k == 1
            sums = parts if first else [a + b for a, b in zip(self.sums, parts, strict=True)]
            grads = self.sums = [g.realize() for g in sums]
        if t % k == 0:
            self.step(*grads)

    # -- what befalls it --------------------------------------------------------------------------

    def _change(self, new: Mapping[str, float]) -> None:
        if not new:
            return
        for word, value in changed(self.words, self.case.hyper, new).items():
            name = word if hasattr(self.opt, word) else ATTRIBUTES.get(word, word)
            if not hasattr(self.opt, name):
                raise Unsupported(f"{type(self.opt).__name__} has no attribute {name} to change")
            if hasattr(self.opt, f"{name}_t"):  # the product of all steps' is no power then
                raise Unsupported(f"tinygrad keeps the product of {name} over the steps")
            setattr(self.opt, name, value)
        self.hyper = [{**h, **new} for h in self.hyper]
        self.step = TinyJit(partial(_step, self.opt))

    def _resume(self) -> None:
        """Save by safe_save, and load into a new optimizer of new tensors."""
        with tempfile.TemporaryDirectory(prefix="wdref-") as folder:
            file = f"{folder}/state.safetensors"
            safe_save(get_state_dict(self.opt), file)  # the parameters are among it
            self._make()
            load_state_dict(self.opt, safe_load(file), verbose=False)


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set what tinygrad reads of the environment when it makes an optimizer, and put it back."""
    before = os.environ.get(name)
    try:
        if value is not None:
            os.environ[name] = value
        getenv.cache_clear()
        yield
    finally:
        if value is not None:
            os.environ.pop(name) if before is None else os.environ.update({name: before})
        getenv.cache_clear()


def _step(opt: Any, *grads: Any) -> None:
    for p, g in zip(opt.params, grads, strict=True):
        p.grad = g
    try:
        opt.step()
    except RuntimeError as error:
        if "assign dtype mismatch" not in str(error):
            raise
        if getattr(opt, "fused", False):
            raise Unsupported("tinygrad's fused step joins tensors of one dtype") from error
        reason = "its float32 buffer takes no float64; OPTIM_DTYPE=float64 helps"
        raise Unsupported(f"tinygrad's SGD with momentum: {reason}") from error
