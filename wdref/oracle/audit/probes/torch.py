"""Torch optimizers: parameters in and out of groups, and the audit of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from ...watch.tensors import dtype_of
from ..measure import measure
from ..record import Audit, AuditError
from ..rows import Parameter, made, of_group
from .copies import TorchCopies


def audited(
    optimizer: Any, *, names: Any, model: Any, sample: int, memory: float, **others: Any
) -> Audit:
    """Return the audit of a torch optimizer."""
    _refuse(others)
    known = _named(optimizer, names, model)
    grouped = _grouped(optimizer)
    modules = dict(_modules(model)) if model is not None else {}
    copies = TorchCopies(optimizer, sample=sample, memory=memory)
    measured = dict(zip(map(id, copies.tensors), measure(copies), strict=True))
    rows = []
    for key, (tensor, own) in known.items():
        groups = grouped.get(key, [])
        rate, coefficient = of_group(optimizer.param_groups[groups[0]]) if groups else (None, None)
        parameter = Parameter(
            tuple(own), tuple(tensor.shape), dtype_of(tensor), tuple(map(str, groups)), rate,
            coefficient, bool(tensor.requires_grad), modules.get(key, ""),
        )  # fmt: skip
        rows.append(parameter.row(measured.get(key), copies.left.get(key, "")))
    return made(optimizer, "torch", rows, copies.notes)


def _refuse(others: Mapping[str, Any]) -> None:
    given = ", ".join(name for name, value in others.items() if value is not None)
    if given:
        raise AuditError(f"{given} is for optax: a torch optimizer has its own")


def _grouped(optimizer: Any) -> Mapping[int, list[int]]:
    """The groups that each tensor is in, as often as it is."""
    found: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(optimizer.param_groups):
        for p in group["params"]:
            found[id(p)].append(i)
    return found


def _named(optimizer: Any, names: Any, model: Any) -> Mapping[int, tuple[Any, list[str]]]:
    """Each tensor with its names, in the order of the names; then what has none."""
    found: dict[int, tuple[Any, list[str]]] = {}
    for name, tensor in (*_pairs(names, model), *_positions(optimizer)):
        own = found.setdefault(id(tensor), (tensor, []))[1]
        if name is not None and name not in own:
            own.append(name)
    for i, group in enumerate(optimizer.param_groups):
        for j, p in enumerate(group["params"]):
            if not found[id(p)][1]:
                found[id(p)][1].append(f"param_groups[{i}]['params'][{j}]")
    return found


def _pairs(names: Any, model: Any) -> Iterator[tuple[str, Any]]:
    if model is not None:
        yield from model.named_parameters(remove_duplicate=False)
    for pair in names.items() if isinstance(names, Mapping) else names or ():
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], torch.Tensor)):
            raise AuditError("names: expected pairs of a name and a tensor, as of "
                             "model.named_parameters()")  # fmt: skip
        yield str(pair[0]), pair[1]


def _positions(optimizer: Any) -> Iterable[tuple[str | None, Any]]:
    for group in optimizer.param_groups:
        own = group.get("param_names") or [None] * len(group["params"])
        yield from zip(own, group["params"], strict=False)


def _modules(model: Any) -> Iterator[tuple[int, str]]:
    """The class of the module that has a tensor; of a tied one, the embedding's."""
    found = [(id(p), type(module).__name__) for module in model.modules()
             for p in module.parameters(recurse=False)]  # fmt: skip
    return iter(sorted(found, key=lambda pair: "embed" in pair[1].lower()))
