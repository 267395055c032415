"""Who is measured on a CUDA device: CuPy's plain path, wdref's kernel, PyTorch, a device copy."""

from functools import partial
from typing import Any

from wdref.common.optional import optional

from .cases import Arrays, Case, optimizer
from .peers import torch_step
from .subjects import LIMIT, Absent, Step, Subject, step_of


def device_name() -> str | None:
    """Name of the CUDA device, None where CuPy or a device is missing."""
    cupy = optional("cupy")
    if cupy is None:
        return None
    try:
        found = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    except cupy.cuda.runtime.CUDARuntimeError:
        return None
    return str(found.decode())


def _synchronize() -> None:
    import cupy

    cupy.cuda.Device().synchronize()


def _limit(case: Case, arrays: Arrays) -> Step:
    """Copy half the bytes on the device: it reads the one half and writes the other."""
    import cupy

    size = case.parameters * case.traffic() // 2
    source, target = cupy.zeros(size, cupy.uint8), cupy.empty(size, cupy.uint8)
    stream = cupy.cuda.get_current_stream()

    def run() -> None:
        target.data.copy_from_device_async(source.data, size, stream)

    return Step(run, finish=_synchronize)


def _on_device(own: list[Any]) -> list[Any]:
    import cupy

    return [cupy.asarray(x) for x in own]


def _cupy(case: Case, arrays: Arrays, backend: str) -> Step:
    params, grads = _on_device(arrays.params), _on_device(arrays.grads)
    slots = {name: _on_device(own) for name, own in arrays.slots.items()}
    return Step(
        step_of(optimizer(case.rule, backend), params, grads, slots).run, finish=_synchronize
    )


def _torch(case: Case, arrays: Arrays, mode: str) -> Step:
    import torch

    if not torch.cuda.is_available():
        raise Absent("this PyTorch has no CUDA")

    def moved(own: list[Any]) -> list[Any]:
        return [torch.from_dlpack(x) for x in _on_device(own)]

    slots = {name: moved(own) for name, own in arrays.slots.items()}
    step = torch_step(case, moved(arrays.params), moved(arrays.grads), slots, mode)
    return Step(step.run, finish=torch.cuda.synchronize, traffic=step.traffic, note=step.note)


SUBJECTS = (
    Subject(LIMIT, "cupy", _limit),
    Subject("wdref cupy", "cupy", partial(_cupy, backend="cupy")),
    Subject("wdref plain", "cupy", partial(_cupy, backend="plain")),
    *(
        Subject(f"torch {mode}", "bench", partial(_torch, mode=mode))
        for mode in ("fused", "foreach", "loop")
    ),
)
