"""Faults of a life: what programs do wrong when a training is resumed, changed, skipped, …

Each is seen in cases of its event alone: the first steps of a fresh object are right.
"""

from typing import Any

import numpy as np

from .lives import Fault, Tensor, Training


def _restart(self: Training, tensor: Tensor) -> None:
    tensor.t = 0


def _one_ahead(self: Training, tensor: Tensor) -> None:
    tensor.t += bool(tensor.t)


def _lose_slots(self: Training, tensor: Tensor) -> None:
    fresh = self.tensor(self.tensors.index(tensor), tensor.theta)
    tensor.slots = fresh.slots


def _lose_last_slot(self: Training, tensor: Tensor) -> None:
    fresh = self.tensor(self.tensors.index(tensor), tensor.theta)
    tensor.slots = (*tensor.slots[:-1], *fresh.slots[-1:])


def _in_half(self: Training, tensor: Tensor) -> None:
    tensor.slots = tuple(x.astype(np.float16).astype(x.dtype) for x in tensor.slots)


def _first_group(self: Training, tensor: Tensor) -> None:
    tensor.hyper = dict(self.tensors[0].hyper)


def _all_began(self: Training, tensor: Tensor) -> None:
    tensor.t = self.tensors[0].t


def _ignore(name: str) -> Any:
    def change(self: Training, new: Any) -> None:
        kept = {key: value for key, value in new.items() if not key.startswith(name)}
        for tensor in self.tensors:
            tensor.hyper |= kept

    return change


def _begin_anew(self: Training, new: Any) -> None:
    for tensor in self.tensors:
        tensor.hyper |= new
        tensor.t = 0


def _one_late(self: Training, t: int, eta: float, grads: Any) -> None:
    late = self.case.eta[max(t - 2, 0)] if "scheduler" in self.life else eta
    Training.advance(self, t, float(late), grads)


def _count_cancelled(self: Training, eta: float, grads: Any) -> None:
    for tensor in self.tensors:
        tensor.t += 1


def _step_by_zero(self: Training, eta: float, grads: Any) -> None:
    for tensor, g in zip(self.tensors, grads, strict=True):
        tensor.step(np.zeros_like(g), eta)


def _cancel_each(self: Training, eta: float, grads: Any) -> None:
    for tensor, g in zip(self.tensors, grads, strict=True):
        if np.all(np.isfinite(g)):
            tensor.step(g, eta)


def _sum(self: Training, i: int, t: int, g: Any) -> Any:
    k = self.life.get("accumulate", 1)
    self.sums[i] = self.sums.get(i, 0) + g
    return self.sums.pop(i) if t % k == 0 else None


def _last_alone(self: Training, i: int, t: int, g: Any) -> Any:
    return g if t % self.life.get("accumulate", 1) == 0 else None


def _each(self: Training, i: int, t: int, g: Any) -> Any:
    return g


def _downhill(self: Training, g: Any) -> Any:
    return g


def _real_alone(self: Training, g: Any) -> Any:
    imaginary = np.arange(g.size) % 2 == 1 if "complex" in self.life else False
    return np.where(imaginary, np.zeros_like(g), Training.signed(self, g))


def _unclipped(self: Training, grads: Any) -> Any:
    return grads


def _each_tensor(self: Training, grads: Any) -> Any:
    bound = self.life.get("clip", {})
    if "norm" not in bound:
        return Training.clipped(self, grads)
    norms = [float(np.sqrt(np.sum(g.astype(float) ** 2))) for g in grads]
    factors = [min(1.0, bound["norm"] / norm) if norm else 1.0 for norm in norms]
    return [g * g.dtype.type(factor) for g, factor in zip(grads, factors, strict=True)]


def _never_leaves(self: Training, i: int, t: int) -> bool:
    left, last = self.life.get("remove", (None, 0))
    return (i == left and t > last) or Training.present(self, i, t)


def _by_place(self: Training, t: int) -> None:
    Training.after(self, t)
    left, last = self.life.get("remove", (None, 0))
    if last == t:  # the state is a list by place: it stays where it was when a tensor leaves
        moved = self.tensors[left + 1 :]
        states = [x.slots for x in self.tensors[left:-1]]
        for tensor, slots in zip(moved, states, strict=True):
            tensor.slots = slots


def _of_the_first(self: Training, t: int) -> None:
    Training.before(self, t)
    for tensor in self.tensors:
        dtype = tensor.theta.dtype
        tensor.theta = tensor.theta.astype(self.tensors[0].theta.dtype).astype(dtype)


def _saturated(bits: int) -> Any:
    return lambda self, t: min(t, 2**bits)


FAULTS = (
    Fault("L01", "the count of steps begins anew when the state is loaded", "resume",
          {"restore": _restart}, "MaximumEntropy/TrenTorch#187"),
    Fault("L02", "the count of steps is one ahead after the state is loaded", "resume",
          {"restore": _one_ahead}, "goodfire-ai/spd#649"),
    Fault("L03", "the state is not loaded", "resume", {"restore": _lose_slots}),
    Fault("L04", "one state array is not loaded", "resume", {"restore": _lose_last_slot}),
    Fault("L05", "the state is saved in half precision", "resume", {"restore": _in_half}),
    Fault("L06", "the first group's hyperparameters are loaded for all", "resume",
          {"restore": _first_group}),
    Fault("L07", "a tensor without a state is given the count of another", "resume",
          {"restore": _all_began}),
    Fault("L08", "a rate that is changed is not read", "change", {"change": _ignore("learning")}),
    Fault("L09", "a decay that is changed is not read", "change", {"change": _ignore("weight")}),
    Fault("L10", "a beta that is changed is not read", "change", {"change": _ignore("beta")}),
    Fault("L11", "a change begins the count anew", "change", {"change": _begin_anew}),
    Fault("L12", "a step that is cancelled counts", "skip", {"cancelled": _count_cancelled}),
    Fault("L13", "a step that is cancelled is taken with gradient 0", "skip",
          {"cancelled": _step_by_zero}),
    Fault("L14", "only the tensor whose gradient is not finite is skipped", "skip",
          {"cancelled": _cancel_each}),
    Fault("L15", "gradients are added up, not averaged", "accumulate", {"averaged": _sum}),
    Fault("L16", "the last gradient alone is read", "accumulate", {"averaged": _last_alone}),
    Fault("L17", "every gradient is a step", "accumulate", {"averaged": _each}),
    Fault("L18", "maximize is not read", "maximize", {"signed": _downhill}),
    Fault("L19", "gradients are not clipped", "clip", {"clipped": _unclipped}),
    Fault("L20", "each tensor is clipped by its own norm", "clip", {"clipped": _each_tensor}),
    Fault("L21", "a tensor that has left is stepped", "order", {"present": _never_leaves}),
    Fault("L22", "the state goes by place: when a tensor leaves, the others take its state",
          "order", {"after": _by_place}),
    Fault("L23", "all tensors take the dtype of the first", "mixed", {"before": _of_the_first},
          grade="imprecise"),
    Fault("L26", "the scheduler is one step late", "scheduler", {"advance": _one_late}),
    Fault("L27", "the imaginary part of a gradient is dropped", "complex",
          {"signed": _real_alone}),
    Fault("L24", "a count that saturates at 2^11", "count", {"count": _saturated(11)}),
    Fault("L25", "a count that saturates at 2^16", "count", {"count": _saturated(16)}),
)  # fmt: skip
