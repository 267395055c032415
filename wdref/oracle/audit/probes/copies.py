"""Copies of a torch optimizer, whole or of blocks of its tensors, and their steps."""

import copy
import inspect
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ...watch.tensors import local
from ..measure import Start, Walk
from ..record import AuditError
from .blocks import GIB, block, bytes_of, looked_at, note
from .guard import apart, reason, stepped

CHUNK = 2**22  # elements that are looked through at once
COUNTER = "step"  # kept in its dtype, which kernels ask for
INSTEAD = 1e-3  # where a rate is 0 and nothing says what it will be


class TorchCopies:
    """Copies of one optimizer. `tensors` are what is walked, `left` says why others are not."""

    def __init__(self, optimizer: Any, *, sample: int, memory: float) -> None:
        self.optimizer, self.sample = optimizer, sample
        self.who = type(optimizer).__name__
        groups = optimizer.param_groups
        unique = {id(p): p for group in groups for p in group["params"]}
        self.tensors, self.left = list(unique.values()), dict[int, str]()
        self.notes: list[str] = []
        self._ends = {id(p): _ends(p) for p in self.tensors}
        self._blocks = self._chosen(memory)
        self.tensors = [p for p in self.tensors if id(p) not in self.left]
        self._zeroed = False  # where a fresh state cannot be made by the step
        self._closure = _asks_closure(optimizer)
        if self._closure:
            self.notes.append(f"{self.who} steps with a closure: it got one whose loss is 0")
        if any(not float(group.get("lr", 1.0)) for group in groups):
            self.notes.append("a rate is 0 now: its form is measured at a rate that is not")

    @property
    def begun(self) -> bool:
        """Whether there is a state."""
        return any(len(own) for own in self.optimizer.state.values())

    # -- how much of each tensor -------------------------------------------------------------

    def _chosen(self, memory: float) -> Mapping[int, Any]:
        sizes = {id(p): p.numel() for p in self.tensors}
        slots = {id(p): self._slots(p) for p in self.tensors}
        most = sum(bytes_of(sizes[key], slots[key]) for key in sizes)
        if most <= memory * GIB:
            return dict.fromkeys(sizes)
        blocks, whole, left = {}, 0, memory * GIB
        for p in self.tensors:
            key, part = id(p), block(local(p).shape, self.sample, self._ends[id(p)])
            if part is not None and not self._fits(p):
                left -= bytes_of(sizes[key], slots[key])
                part, whole = None, whole + 1
                if left < 0:
                    self.left[key] = ("not measured: its state has another shape, which asks for "
                                      f"a whole copy of more than {memory:g} GiB: give more "
                                      "memory")  # fmt: skip
            blocks[key] = part
        self.notes.append(note(list(blocks.values()), most, self.sample, memory))
        return blocks

    def _slots(self, p: Any) -> int:
        own = self.optimizer.state.get(p)
        return 2 * p.numel() if not own else sum(t.numel() for t in _tensors(own))

    def _fits(self, p: Any) -> bool:
        """Whether each slot is of the parameter's shape, of one of its axes, or one number."""
        for t in _tensors(self.optimizer.state.get(p, {})):
            axes = zip(t.shape, p.shape, strict=False)
            alike = t.dim() == p.dim() and all(a in (1, b) for a, b in axes)
            if not (alike or t.numel() == 1):
                return False
        return True

    # -- a walk ------------------------------------------------------------------------------

    def walk(self, start: Start, steps: int) -> list[Walk]:
        """Walk a copy; where a fresh state cannot be made by the step, one of zeros is."""
        before = self._versions()
        try:
            with apart(), _torch_draws():
                return self._walk(start, steps)
        except AuditError:
            if not start.fresh or self._zeroed or not self.begun:
                raise
            self._zeroed = True
            return self.walk(start, steps)
        finally:
            if self._versions() != before:
                raise AuditError(
                    f"{self.who}: a copy's step wrote to the optimizer itself, through something "
                    "that no copy replaces: audit it before training, or on a copy of yours"
                )

    def _versions(self) -> list[int]:
        state = (t for own in self.optimizer.state.values() for t in _tensors(own))
        return [t._version for t in (*self.tensors, *state) if not t.is_inference()]

    def _walk(self, start: Start, steps: int) -> list[Walk]:
        clone, params = self._clone(start)
        places = [self._looked(p, x) for p, x in zip(self.tensors, params, strict=True)]
        paths = [[_read(x, at)] for x, at in zip(params, places, strict=True)]
        states: list[Any] = []
        step = _bare(type(self.optimizer).step)
        given = (lambda: torch.zeros((), dtype=torch.float64),) if self._closure else ()
        for _ in range(steps):
            stepped(self.who, lambda: step(clone, *given))
            for path, x, at in zip(paths, params, places, strict=True):
                path.append(_read(x, at))
            states = states or [_state(clone.state.get(x), x, at)
                                for x, at in zip(params, places, strict=True)]  # fmt: skip
        own = [_unit(x) for x in params]
        return [Walk(path, state, {"": unit, **units})
                for path, unit, (state, units) in zip(paths, own, states, strict=True)]  # fmt: skip

    def _looked(self, p: Any, x: Any) -> Any:
        size = local(x).numel()
        whole = self._blocks[id(p)] is None
        return torch.from_numpy(looked_at(size, self.sample, self._ends[id(p)] if whole else ()))

    # -- a copy ------------------------------------------------------------------------------

    def _clone(self, start: Start) -> tuple[Any, list[Any]]:
        memo: dict[int, Any] = {}
        params = []
        for i, p in enumerate(self.tensors):
            x = memo[id(p)] = self._parameter(p, start)
            params.append(x)
            follow = start.follow[i] if start.follow else frozenset()
            for name, t in _slots_of(self.optimizer.state.get(p, {})):
                held = name in follow
                memo[id(t)] = x.detach().clone() if held else self._slot(name, t, p, start)
        clone = self._bare_copy(memo)
        for group, theirs in zip(clone.param_groups, self.optimizer.param_groups, strict=True):
            kept = [p for p in theirs["params"] if id(p) not in self.left]
            group["params"] = [memo[id(p)] for p in kept]
            _wake(group, self.optimizer)
        if start.fresh and not self._zeroed:
            clone.state = defaultdict(dict)
        return clone, params

    def _bare_copy(self, memo: dict[int, Any]) -> Any:
        """Copy the optimizer without its hooks, nor a step that a scheduler bound to it."""
        optimizer = self.optimizer
        if hasattr(type(optimizer), "__deepcopy__"):
            return self._copied("it", optimizer, memo)
        clone = object.__new__(type(optimizer))
        memo[id(optimizer)] = clone
        for name, value in vars(optimizer).items():
            if name.startswith("_optimizer_"):
                vars(clone)[name] = OrderedDict()
            elif name != "step":
                vars(clone)[name] = self._copied(f"its attribute {name!r}", value, memo)
        return clone

    def _copied(self, what: str, value: Any, memo: dict[int, Any]) -> Any:
        try:
            return copy.deepcopy(value, memo)
        except Exception as error:
            raise AuditError(
                f"{self.who} cannot be copied, {what} refuses copy.deepcopy: {reason(error)}; "
                "audit an optimizer without it, or give its class a __deepcopy__"
            ) from error

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _parameter(self, p: Any, start: Start) -> Any:
        x = _filled(_wide(self._part(p, p), start)) * start.scale
        new = torch.nn.Parameter(x, requires_grad=bool(p.requires_grad))
        marks = {k: v for k, v in vars(p).items() if isinstance(v, bool | int | float | str)}
        vars(new).update(marks)  # some optimizers ask a parameter what it is
        if p.requires_grad:
            new.grad = torch.zeros_like(x)
        return new

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not followed
    def _slot(self, name: str, t: Any, p: Any, start: Start) -> Any:
        x = self._part(t, p)
        if name.rpartition(".")[2] != COUNTER:
            x = _wide(x, start)
        if start.fresh and t.dim() == p.dim() and t.dim():
            x = torch.zeros_like(x)
        return x

    def _part(self, t: Any, p: Any) -> Any:
        """Copy a tensor, or the part of it that stands for the block of `p`."""
        x = t.to_local() if hasattr(t, "to_local") else t.detach()
        blocks = self._blocks[id(p)]
        if blocks is None or x.dim() != len(blocks):
            return x.clone()
        order = sorted(range(x.dim()), key=lambda a: len(blocks[a]) / x.shape[a])
        for axis in order:
            if x.shape[axis] > 1:
                at = torch.from_numpy(blocks[axis]).to(x.device)
                x = x.index_select(axis, at)
        return x.clone()


def _ends(p: Any) -> tuple[int, ...]:
    """Flat places of the largest and the smallest number, looked for a piece at a time."""
    x = local(p)
    if not x.is_contiguous() or not x.numel():
        return ()
    tops, lows = [], []
    for i, piece in enumerate(x.reshape(-1).split(CHUNK)):
        size = piece.abs()
        tops.append((float(size.max()), int(size.argmax()) + i * CHUNK))
        lows.append((float(size.min()), int(size.argmin()) + i * CHUNK))
    return max(tops)[1], min(lows)[1]


def _wide(x: Any, start: Start) -> Any:
    if start.native or not (x.is_floating_point() or x.is_complex()):
        return x
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def _filled(x: Any) -> Any:
    """Put numbers in place of 0, whose decay nobody sees, and of what is not finite."""
    bad = (x == 0) | ~torch.isfinite(x)
    if not bool(bad.any()):
        return x
    size = x[~bad].abs().mean() if bool((~bad).any()) else torch.ones((), device=x.device)
    ramp = 1 + torch.arange(x.numel(), device=x.device).reshape(x.shape) / x.numel()
    return torch.where(bad, (size * ramp).to(x.dtype), x)


def _read(x: Any, at: Any) -> Any:
    flat = local(x).reshape(-1)
    return torch.take(flat, at.to(flat.device)).to(torch.float64).cpu().numpy()


def _unit(x: Any) -> float:
    return float(torch.finfo(x.dtype).eps)


def _state(own: Any, x: Any, at: Any) -> tuple[Mapping[str, Any], Mapping[str, float]]:
    """The slots of a copy's parameter after a step: those of its shape, and small ones."""
    values, units = {}, {}
    for name, t in _slots_of(own or {}):
        if name.rpartition(".")[2] == COUNTER or not (t.is_floating_point() or t.is_complex()):
            continue
        alike = t.shape == x.shape
        values[name] = _read(t, at) if alike else _read(t, torch.arange(min(t.numel(), len(at))))
        units[name] = _unit(t)
    return values, units


def _slots_of(own: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each tensor in a state, with its path."""
    if isinstance(own, torch.Tensor):
        yield path, own
        return
    items: Any = ()
    if isinstance(own, Mapping):
        items = own.items()
    elif isinstance(own, list | tuple):
        items = enumerate(own)
    for key, value in items:
        yield from _slots_of(value, f"{path}.{key}" if path else str(key))


def _tensors(own: Any) -> Sequence[Any]:
    return [t for _, t in _slots_of(own)]


def _bare(step: Any) -> Any:
    """The step without torch's hooks, of which some are global and belong to the training."""
    return step.__wrapped__ if getattr(step, "hooked", False) else step


def _asks_closure(optimizer: Any) -> bool:
    asked = list(inspect.signature(type(optimizer).step).parameters.values())[1:2]
    named = [x for x in asked if x.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return any(x.default is inspect.Parameter.empty for x in named)


def _wake(group: dict[str, Any], optimizer: Any) -> None:
    """Give a group a rate, where its own is 0."""
    if float(group.get("lr", 1.0)):
        return
    known = (group.get("initial_lr"), optimizer.defaults.get("lr"), INSTEAD)
    rate = next(float(x) for x in known if x is not None and float(x))
    group["lr"] = torch.full_like(group["lr"], rate) if torch.is_tensor(group["lr"]) else rate


@contextmanager
def _torch_draws() -> Iterator[None]:
    """Keep torch's random numbers as they are."""
    host = torch.random.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.random.set_rng_state(host)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
