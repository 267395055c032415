"""A training of Paddle: the parameters of a case, their optimizer, and what befalls them.

Every event happens as Paddle's users have it: `state_dict` in a file, `set_lr`, `grad_clip`,
gradients that add up, a parameter that is frozen. The names of parameters begin anew with each
optimizer, as in a new process: by them a state is found again.
"""

import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle.utils import unique_name

from wdref.oracle import Unsupported

from .events import changed, changes, waits

# no count: Paddle keeps β^t, tensor by tensor
SUPPORTS = ("tensors", "groups", "late", "none", "resume", "change", "scheduler", "skip",
            "accumulate", "clip", "order", "mixed")  # fmt: skip


class Training:
    """One case: `make` makes the optimizer, `words` say what its keywords mean.

    `keys` are those that a group may have.
    """

    def __init__(
        self, make: Callable[..., Any], words: Any, case: Any, keys: tuple[str, ...]
    ) -> None:
        self.make, self.words, self.case, self.keys = make, words, case, keys
        self.life, self.rate = case.life, case.hyper["learning_rate"]
        self.many = "tensors" in case.flags
        self.grads = case.grads if self.many else [case.grads]
        self._check()
        self.thetas = case.theta0 if self.many else [case.theta0]

    def run(self) -> Any:
        """Return the parameters after each step."""
        case = self.case
        path: list[list[Any]] = [[] for _ in self.thetas]
        ends = [*([self.life["resume"]] if "resume" in self.life else []), len(case.eta)]
        saved, first = None, 1
        for end in ends:  # one training, or one for each process
            with unique_name.guard():
                self._begin(saved)
                for t in range(first, end + 1):
                    self._step(t)
                    for p, steps in zip(self.params, path, strict=True):
                        steps.append(p.numpy().astype(np.float64))
                saved, first = self._saved() if end < len(case.eta) else None, end + 1
        return [np.array(steps) for steps in path] if self.many else np.array(path[0])

    def _check(self) -> None:
        """Refuse what Paddle has no notion of."""
        options, case = self.words.fixed, self.case
        name = getattr(self.make, "__name__", "the factory")
        if case.dtype not in ("float32", "float64"):
            raise Unsupported(f"paddle has no kernel of {name} for {case.dtype} on the CPU")
        if options.get("use_multi_tensor") and case.dtype == "float64":
            raise Unsupported("paddle's use_multi_tensor refuses float64")
        if options.get("use_multi_tensor") and (case.starts or case.gaps or "remove" in case.life):
            # "The size of Input(grad) must be equal to Input(param)"
            raise Unsupported("paddle's use_multi_tensor fails where a tensor has no gradient")
        if "skip" in case.life and not paddle.amp.GradScaler().is_enable():
            raise Unsupported("paddle.amp.GradScaler is off on the CPU")
        if "add" in case.life:
            raise Unsupported("paddle's optimizers take in no parameter later")
        if "clip" in case.life and "grad_clip" not in inspect.signature(self.make).parameters:
            raise Unsupported(f"{name} has no grad_clip")

    # -- the optimizer ----------------------------------------------------------------------------

    def _begin(self, saved: Any) -> None:
        """Make the parameters and their optimizer, from what was saved if there is any."""
        fresh = [self._tensor(i, x) for i, x in enumerate(self.thetas)]
        values = paddle.load(saved[0]) if saved else fresh
        self.params = [paddle.base.framework.EagerParamBase.from_tensor(x) for x in values]
        self.opt = self._made()
        if saved:
            self.opt.set_state_dict(paddle.load(saved[1]))

    def _saved(self) -> Any:
        """Return files of the parameters and of the optimizer's state."""
        files = io.BytesIO(), io.BytesIO()
        for what, file in zip((self.params, self.opt.state_dict()), files, strict=True):
            paddle.save(what, file)
            file.seek(0)
        return files

    def _made(self) -> Any:
        """Return the optimizer; with groups their rates are factors of a rate of 1."""
        case, words = self.case, self.words
        hyper = {**words(case.hyper), **self._schedule(), **self._clip(), **words.fixed}
        if case.groups is None:
            return self.make(parameters=self.params, **hyper)
        own = [words.among(self.keys, {**case.hyper, **group}, case.hyper) for group in case.groups]
        groups = [{"params": [p], **h} for p, h in zip(self.params, own, strict=True)]
        return self.make(parameters=groups, **{**hyper, words.rate: 1.0})

    def _schedule(self) -> dict[str, Any]:
        """Return Paddle's own scheduler in place of the learning rate, where that is asked."""
        self.scheduler, eta = None, self.case.eta.tolist()
        if "scheduler" not in self.life:
            return {}
        factor = [*eta, eta[-1]].__getitem__  # the last one is read, and no step has it
        self.scheduler = paddle.optimizer.lr.LambdaDecay(self.rate, factor)
        return {self.words.rate: self.scheduler}

    def _clip(self) -> dict[str, Any]:
        bound = self.life.get("clip", {})
        if "value" in bound:
            return {"grad_clip": paddle.nn.ClipGradByValue(bound["value"])}
        return {"grad_clip": paddle.nn.ClipGradByGlobalNorm(bound["norm"])} if bound else {}

    def _tensor(self, i: int, x: Any) -> Any:
        kind = self.life["mixed"][i] if "mixed" in self.life else self.case.dtype
        return paddle.to_tensor(x, dtype=kind)

    # -- a step -----------------------------------------------------------------------------------

    def _step(self, t: int) -> None:
        self._before(t)
        k, eta = self.life.get("accumulate", 1), float(self.case.eta[t - 1])
        if self.scheduler is None:
            self.opt.set_lr(eta if self.case.groups else self.rate * eta)
        for i, p in enumerate(self.params):
            if waits(self.case, i, t):
                p.grad = None
                continue
            g = self._tensor(i, self.grads[i][t - 1]) / k
            p.grad = g if k == 1 or t % k == 1 else p.grad + g
        if t % k == 0:
            self._take()
        if self.scheduler is not None:
            self.scheduler.step()
        self._after(t)

    def _take(self) -> None:
        try:
            self.opt.step()
        except ValueError as error:
            if "mixed" not in self.life:
                raise
            why = str(error).strip().splitlines()[0]
            raise Unsupported(f"paddle trains no parameters of two dtypes: {why}") from error

    def _before(self, t: int) -> None:
        new = changes(self.case, t)
        self.rate = new.get("learning_rate", self.rate)
        for name, value in changed(self.words, self.case.hyper, new).items() if new else ():
            if not hasattr(self.opt, name):
                what = f"{type(self.opt).__name__} has no public attribute {name}"
                raise Unsupported(f"{what}: only the learning rate is set by a method")
            setattr(self.opt, name, value)

    def _after(self, t: int) -> None:
        left, last = self.life.get("remove", (None, 0))
        if last == t:
            self.params[left].stop_gradient = True  # frozen: the optimizer passes it by
