"""A training of PyTorch: the tensors of a case, their optimizer, and what befalls them.

Every event happens as PyTorch's users have it: `state_dict`, `param_groups`, `GradScaler`,
`clip_grad_norm_`, `add_param_group`.
"""

import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from wdref.oracle import Unsupported

from .events import COUNTS, changes, waits


class Whole:
    """Parameters of one process; what shards them (`sharded/torch.py`) stands in its place."""

    def params(self, views: Iterable[Any], *, watched: bool) -> list[Any]:
        """Return the parameters that are optimized."""
        return [torch.nn.Parameter(view, requires_grad=watched) for view in views]

    def optimizer(self, make: Callable[..., Any], params: Any, **defaults: Any) -> Any:
        """Return the optimizer that users make of parameters or groups."""
        return make(params, **defaults)

    def gradient(self, g: Any, p: Any) -> Any:
        """Return a gradient as its parameter `p` has it."""
        return g

    def whole(self, p: Any) -> Any:
        """Return the values of a parameter, all of them."""
        return p.detach()


WHOLE = Whole()


class Training:
    """One case: `make` makes the optimizer, `words` say what its keywords mean.

    The parameters are `there`: whole, or sharded.
    """

    def __init__(
        self, make: Callable[..., Any], words: Any, case: Any, own: Mapping[str, Any],
        there: Any = WHOLE,
    ) -> None:  # fmt: skip
        self.make, self.words, self.case, self.own, self.there = make, words, case, own, there
        self.life, self.fixed = case.life, words.fixed
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        # a step that is differentiated changes no leaf that autograd watches
        watched = not self.fixed.get("differentiable")
        views = [self._view(i, theta) for i, theta in enumerate(thetas)]
        self.params = there.params(views, watched=watched)
        own_groups = case.groups or [{}] * len(self.params)
        self.hyper = [{**case.hyper, **group} for group in own_groups]
        joined, _ = self.life.get("add", (None, 0))
        self.opt = self._made([p for i, p in enumerate(self.params) if i != joined])
        self.scaler = _scaler() if "skip" in self.life else None
        self.scheduler = self._scheduled() if "scheduler" in self.life else None
        self.step = _compiled(self.opt, own.get("compiled"))

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.params]
        for t, eta in enumerate(self.case.eta.tolist(), start=1):
            self._before(t)
            if self.scheduler is None:
                self._set_rates(eta)
            self._advance(t)
            self._after(t)
            for p, steps in zip(self.params, path, strict=True):
                values = self.there.whole(p).to("cpu")
                values = torch.view_as_real(values) if values.is_complex() else values
                steps.append(values.to(torch.float64).numpy().ravel().copy())
        return [np.array(steps) for steps in path] if self.many else np.array(path[0])

    # -- the optimizer ----------------------------------------------------------------------------

    def _made(self, params: Any) -> Any:
        """Return the optimizer, with a group for each tensor where they differ."""
        fixed = {**self.fixed, **({"maximize": True} if "maximize" in self.life else {})}
        if "maximize" in self.life and not _takes(self.make, "maximize"):
            raise Unsupported("its constructor has no maximize")
        # the constructor checks its own arguments, also where every group has others
        defaults = {**self._given(self.words(self.case.hyper)), **fixed}
        opt = self.there.optimizer(self.make, params, **defaults)
        if self.case.groups:
            keys = list(_groups_of(opt)[0])
            entries = [self.words.among(keys, h, self.case.hyper) for h in self.hyper]
            pairs = zip(params, map(self._given, entries), strict=True)
            groups = [{"params": [p], **h} for p, h in pairs]
            opt = self.there.optimizer(self.make, groups, **defaults)
        if callable(getattr(opt, "train", None)):  # where a training has another point than its end
            opt.train()
        for p in inspect.signature(opt.step).parameters.values():
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise TypeError(
                    f"{type(opt).__name__}.step needs {p.name}: a case has gradients, and no loss "
                    "to evaluate"
                )
        return opt

    def _given(self, entries: dict[str, Any]) -> dict[str, Any]:
        """Entries as tensors, where the adapter's options ask for that."""
        tensors = {name.removeprefix("tensor_") for name in self.own
                   if name.startswith("tensor_") and self.own[name]}  # fmt: skip
        names = {self.words.rate_among(entries) if name == "lr" else name for name in tensors}
        return {k: _tensor(x) if k in names else x for k, x in entries.items()}

    def _places(self) -> Any:
        """Return where the learning rate is set: the groups, or the object's own attributes."""
        groups = getattr(self.opt, "param_groups", None) or [{}]
        for places in (groups, [vars(self.opt)]):
            if self.words.rate_among(places[0]):
                return places
        known = ", ".join(name for name in groups[0] if name != "params")
        raise TypeError(
            f"{type(self.opt).__name__} has no learning rate that a schedule could set: its groups "
            f"have {known or 'nothing'}; --word NAME=learning_rate says which one is"
        )

    def _set_rates(self, eta: float) -> None:
        for place, h in zip(self._places(), self.hyper, strict=False):  # one group, or one each
            _set_rate(place, self.words.rate_among(place), h["learning_rate"] * eta)

    def _scheduled(self) -> Any:
        """Return PyTorch's own scheduler, which begins with the multiplier of the first step."""
        if "lr" not in _groups_of(self.opt)[0] or not isinstance(self.opt, torch.optim.Optimizer):
            raise Unsupported("torch.optim.lr_scheduler sets 'lr' in the groups of an Optimizer")
        eta = self.case.eta.tolist()
        return torch.optim.lr_scheduler.LambdaLR(self.opt, lambda t: eta[min(t, len(eta) - 1)])

    # -- a step -----------------------------------------------------------------------------------

    def _advance(self, t: int) -> None:
        k = self.life.get("accumulate", 1)
        for i, p in enumerate(self.params):
            if waits(self.case, i, t):
                p.grad = None
                continue
            g = self._view(i, self._sign() * self.grads[i][t - 1]) / k
            g = self.there.gradient(g, p)
            if k == 1 or p.grad is None:
                p.grad = g
            else:  # as `backward` adds, in place, after `zero_grad(set_to_none=False)`
                p.grad.mul_(t % k != 1).add_(g)
        if t % k == 0:
            self._clip()
            self._step()

    def _step(self) -> None:
        if self.scaler is None:
            self.step()
            if self.scheduler is not None:
                self.scheduler.step()
            return
        for p in self.params:  # as `scaler.scale(loss).backward()` leaves them
            p.grad = None if p.grad is None else self.scaler.scale(p.grad)
        try:
            self.scaler.step(self.opt)
        except ValueError as error:  # it refuses float16 parameters
            raise Unsupported(f"torch.amp.GradScaler: {error}") from error
        self.scaler.update()

    def _sign(self) -> int:
        """Negated gradients go up: the same step as gradients that go down."""
        return -1 if self.fixed.get("maximize") and "maximize" not in self.life else 1

    def _clip(self) -> None:
        bound = self.life.get("clip", {})
        if "value" in bound:
            torch.nn.utils.clip_grad_value_(self.params, bound["value"])
        if "norm" in bound:
            torch.nn.utils.clip_grad_norm_(self.params, bound["norm"])

    # -- what befalls it --------------------------------------------------------------------------

    def _before(self, t: int) -> None:
        if new := changes(self.case, t):
            self._change(new)
        joined, first = self.life.get("add", (None, 0))
        if first == t:
            self.opt.add_param_group({"params": [self.params[joined]]})

    def _after(self, t: int) -> None:
        if self.life.get("resume") == t:
            self._resume()
        if self.life.get("jump", (0, 0))[0] == t:
            self._count(self.life["jump"][1] - 1)
        left, last = self.life.get("remove", (None, 0))
        if last == t:
            gone = self.params[left]
            for group in _groups_of(self.opt):
                group["params"] = [p for p in group["params"] if p is not gone]
            self.opt.state.pop(gone, None)

    def _resume(self) -> None:
        """Save by torch.save, and load into a new optimizer of new tensors."""
        file = io.BytesIO()
        torch.save({"opt": self.opt.state_dict(), "params": self.params}, file)
        file.seek(0)
        saved = torch.load(file, weights_only=False)
        self.params = saved["params"]
        self.opt = self._made(self.params)
        self.opt.load_state_dict(saved["opt"])
        self.step = _compiled(self.opt, self.own.get("compiled"))

    def _change(self, new: Mapping[str, float]) -> None:
        for i, h in enumerate(self.hyper):
            self.hyper[i] = {**h, **new}
        for group in _groups_of(self.opt):
            before = self.case.hyper
            entries = self.words.among(list(group), {**before, **new}, before)
            group |= {k: x for k, x in self._given(entries).items() if k not in self.fixed}

    def _count(self, steps: int) -> None:
        """Set every count of steps, wherever it is kept."""
        places = [*self.opt.state.values(), *_groups_of(self.opt), vars(self.opt)]
        found = [pair for each in places for pair in _counts(each)]
        if not found:
            raise Unsupported("it keeps no count of steps that can be set")
        for place, name in found:
            if isinstance(place[name], torch.Tensor):
                place[name].fill_(steps)
            else:
                place[name] = steps
        others = {name for state in self.opt.state.values() for name, x in state.items()
                  if name not in COUNTS and _is_number(x)}  # fmt: skip
        if others:
            raise Unsupported(f"its state has {', '.join(sorted(others))} beside the count")

    def _view(self, i: int, x: Any) -> Any:
        """Return a tensor with the values of `x`: its own, every other element, or one off."""
        name = self.life["mixed"][i] if "mixed" in self.life else self.case.dtype
        dtype, layout = getattr(torch, name), self.case.layout
        values = torch.tensor(x, dtype=dtype, device=self.own.get("device", "cpu"))
        if layout == "strided":
            return torch.zeros(2 * len(x), dtype=dtype, device=values.device)[::2].copy_(values)
        if layout == "offset":
            return torch.zeros(len(x) + 1, dtype=dtype, device=values.device)[1:].copy_(values)
        if "complex" in self.life:
            return torch.view_as_complex(values.reshape(-1, 2))
        alone = self.own.get("matrices") and values.ndim != 2
        return values.reshape(1, -1) if alone else values


def _groups_of(opt: Any) -> Any:
    groups = getattr(opt, "param_groups", None)
    if not groups:
        raise Unsupported(f"{type(opt).__name__} has no param_groups")
    return groups


def _set_rate(place: Any, name: str, rate: float) -> None:
    if isinstance(place[name], torch.Tensor):
        place[name].fill_(rate)
    else:
        place[name] = rate


def _tensor(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(torch.tensor(x) for x in value)
    return torch.tensor(value)


def _takes(make: Any, name: str) -> bool:
    return name in inspect.signature(make).parameters


def _scaler() -> Any:
    """A scaler that begins at 1: its factors are powers of 2, which change no bit."""
    return torch.amp.GradScaler("cpu", init_scale=1.0, growth_interval=2**30)


def _compiled(opt: Any, backend: Any) -> Callable[[], Any]:
    """The step, compiled by a backend of torch.compile, where that is asked."""
    if not backend:
        return opt.step  # type: ignore[no-any-return]  # torch is untyped here
    options = {} if backend is True else {"backend": backend}
    return torch.compile(opt.step, **options)  # type: ignore[no-any-return]  # likewise


def _counts(place: Any) -> Iterator[tuple[Any, str]]:
    yield from ((place, name) for name, x in place.items() if name in COUNTS and _is_number(x))


def _is_number(x: Any) -> bool:
    alone = isinstance(x, torch.Tensor) and x.ndim == 0
    return alone or (isinstance(x, int | float) and not isinstance(x, bool))
