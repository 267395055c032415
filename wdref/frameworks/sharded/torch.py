"""PyTorch's optimizers on several ranks: FSDP2's parameters, or ZeroRedundancyOptimizer.

Every rank is handed the whole case and steps its part of it. The gradient of a rank is the case's,
as it is after the ranks have reduced it: nothing is averaged. What a rank returns is the whole.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from .ranks import Beat, Ranks, Run, check

PATIENCE = 60.0  # seconds: the first step of eighty shapes takes three, on an idle machine


class Fsdp2:
    """Parameters are DTensors: of the first dimension each rank has a chunk, the last the rest."""

    shards = True

    def __init__(self, count: int, beat: Beat) -> None:
        from torch.distributed.device_mesh import init_device_mesh

        self._mesh, self._beat = init_device_mesh("cpu", (count,)), beat

    def params(self, views: Iterable[Any], *, watched: bool) -> list[Any]:
        """Return the parameters of a sharded module."""
        from torch.distributed.fsdp import fully_shard

        module = torch.nn.Module()
        whole = [torch.nn.Parameter(view, requires_grad=watched) for view in views]
        module.held = torch.nn.ParameterList(whole)
        fully_shard(module, mesh=self._mesh)
        return list(module.parameters())

    def optimizer(self, make: Callable[..., Any], params: Any, **defaults: Any) -> Any:
        """Return an optimizer as users make it of a sharded module."""
        return make(params, **defaults)

    def gradient(self, g: Any, p: Any) -> Any:
        """Return a gradient placed like its parameter; nothing is sent, each rank has the whole."""
        from torch.distributed.tensor import distribute_tensor

        self._beat()
        return distribute_tensor(g, p.device_mesh, p.placements, src_data_rank=None)

    def whole(self, p: Any) -> Any:
        """Return the values of all ranks."""
        self._beat()
        return p.detach().full_tensor()


class Zero:
    """Every rank has all parameters and steps some; ZeroRedundancyOptimizer sends them round."""

    shards = False

    def __init__(self, count: int, beat: Beat) -> None:
        self._count, self._beat = count, beat

    def params(self, views: Iterable[Any], *, watched: bool) -> list[Any]:
        """Return plain parameters."""
        return [torch.nn.Parameter(view, requires_grad=watched) for view in views]

    def optimizer(self, make: Callable[..., Any], params: Any, **defaults: Any) -> Any:
        """Return an optimizer that makes one of its own, by `make`, of this rank's parameters."""
        from torch.distributed.optim import ZeroRedundancyOptimizer

        return ZeroRedundancyOptimizer(params, optimizer_class=make, **defaults)

    def gradient(self, g: Any, p: Any) -> Any:
        """Return a gradient as it is."""
        self._beat()
        return g

    def whole(self, p: Any) -> Any:
        """Return the values, which this rank computed or was sent."""
        self._beat()
        return p.detach()


KINDS: dict[str, Any] = {"fsdp2": Fsdp2, "zero": Zero}


def spread(
    begin: Callable[[Any], Run], *, sharded: Any = None, ranks: int = 2, patience: float = PATIENCE
) -> Run:
    """Return a `run(case)` that `ranks` processes compute together; RuntimeError without gloo.

    `begin` makes the `run` of one rank, of what stands in the place of a plain training's
    parameters, gradients and values: `Fsdp2` or `Zero`.
    """
    if sharded not in KINDS:
        raise ValueError(f"sharded={sharded!r}; expected one of {', '.join(KINDS)}")
    check(ranks, patience)
    if not (distributed.is_available() and distributed.is_gloo_available()):
        raise RuntimeError(f"sharded={sharded} needs torch.distributed with gloo, which is not in "
                           f"this PyTorch {torch.__version__}")  # fmt: skip
    _import(sharded)
    kind = KINDS[sharded]

    def rank_of(rank: int, folder: Path, beat: Beat) -> Run:
        _join(rank, ranks, folder, timedelta(seconds=patience))
        return begin(kind(ranks, beat))

    together = Ranks(rank_of, ranks, patience=patience)

    def run(case: Any) -> Any:
        return together(case)

    run.supports = ("tensors", "groups", "late", "none")  # type: ignore[attr-defined]  # the contract
    if kind.shards:
        run.shards = ranks  # type: ignore[attr-defined]  # the contract
    return run


def _import(sharded: str) -> None:
    """Import what every rank needs once, before they part: it takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch scripts parts of its own
        for module in ("optim",) if sharded == "zero" else ("fsdp", "tensor"):
            importlib.import_module(f"torch.distributed.{module}")


def _join(rank: int, count: int, folder: Path, patience: timedelta) -> None:
    torch.set_num_threads(1)
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # no other machine is asked
    store = distributed.FileStore(str(folder / "ranks"), count)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=count,
                                   timeout=patience)  # fmt: skip
    distributed.barrier()
