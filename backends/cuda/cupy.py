"""CuPy: the traced rule as one CUDA kernel over tables of tensors; registered as ``cupy``.

For arrays of CuPy, and in place for CUDA tensors of PyTorch, whose addresses are all it needs. The
kernels are compiled with NVRTC directly: CuPy's own way appends ``-ftz=true``, under which
subnormal numbers become 0, to whatever options it is given.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache
from typing import Any

import numpy as np

from wdref.optimizer import Optimizer, State

try:
    import cupy
    from cupy.cuda import driver, nvrtc, runtime
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "backend 'cupy' needs CuPy: pip install 'wdref[cupy]'", name=error.name
    ) from error

from .cubins import cached
from .driver import Argument, Driver, Library
from .kernel import OPTIONS
from .replay import Replay

Array = Any
Stream = Any
Tree = Any


def compiled(source: str, arch: str, /) -> bytes:
    """Compile CUDA C for an architecture (``sm_90``) to a cubin; this needs no device."""
    program = nvrtc.createProgram(source, "wdref.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*OPTIONS, f"--gpu-architecture={arch}"))
        cubin: bytes = nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program)
        raise RuntimeError(f"NVRTC did not compile for {arch}: {error}\n{log}") from error
    finally:
        nvrtc.destroyProgram(program)
    return cubin


class CuPyArrays:
    """`Library` of CuPy's arrays."""

    name = "cupy"

    def ordinal(self, x: Array) -> int:
        return int(x.data.device_id)

    def flattened(self, x: Array) -> Array:
        return cupy.ascontiguousarray(x)

    def addresses(self, arrays: Sequence[Array]) -> list[int] | None:
        for x in arrays:
            if not x.flags.c_contiguous:
                return None
        return [x.data.ptr for x in arrays]

    def empty(self, x: Array) -> Array:
        with cupy.cuda.Device(x.data.device_id):
            return cupy.empty(x.shape, x.dtype)

    def written(self, arrays: Sequence[Array]) -> None:
        pass

    def stream(self, ordinal: int) -> Stream:
        return cupy.cuda.get_current_stream(ordinal)


class TorchTensors:
    """`Library` of PyTorch's tensors; imports PyTorch only where there is one."""

    name = "torch"

    def ordinal(self, x: Array) -> int:
        if x.device.type != "cuda":
            return -1
        return int(x.device.index)

    def flattened(self, x: Array) -> Array:
        return x.contiguous()

    def addresses(self, arrays: Sequence[Array]) -> list[int] | None:
        for x in arrays:
            if not x.is_contiguous():
                return None
        return [x.data_ptr() for x in arrays]

    def empty(self, x: Array) -> Array:
        return x.new_empty(x.shape)

    def written(self, arrays: Sequence[Array]) -> None:
        import torch

        # autograd then refuses a backward pass through what was overwritten
        torch.autograd.graph.increment_version(list(arrays))

    def stream(self, ordinal: int) -> Stream:
        import torch

        return cupy.cuda.Stream.from_external(_Foreign(torch.cuda.current_stream(ordinal)))


class _Foreign:
    """A stream of PyTorch, which before release 2.10 does not speak the CUDA stream protocol."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.stream.cuda_stream


CUPY, TORCH = CuPyArrays(), TorchTensors()


class Loaded:
    """A cubin on one device; `Module` of the driver."""

    def __init__(self, cubin: bytes, ordinal: int) -> None:
        self._module = cupy.cuda.function.Module()
        self._module.load(cubin)
        self._functions: dict[str, Any] = {}
        self._processors = cupy.cuda.Device(ordinal).attributes["MultiProcessorCount"]
        self._resident: dict[tuple[str, int], int] = {}

    def launch(
        self, name: str, grid: int, block: int, arguments: Sequence[Argument], stream: Stream
    ) -> None:
        self._function(name)((grid,), (block,), arguments, stream=stream)

    def _function(self, name: str) -> Any:
        if name not in self._functions:
            self._functions[name] = self._module.get_function(name)
        return self._functions[name]

    def resident(self, name: str, block: int) -> int:
        found = self._resident.get((name, block))
        if found is None:
            each = driver.occupancyMaxActiveBlocksPerMultiprocessor(
                self._function(name).ptr, block, 0
            )
            found = self._resident[name, block] = max(1, each) * self._processors
        return found


class Cuda:
    """`Device` of the driver: CUDA through CuPy."""

    def check(self) -> None:
        _device_count()

    def library(self, kind: type) -> Library | None:
        if issubclass(kind, cupy.ndarray):
            return CUPY
        return TORCH if _is_torch(kind) else None

    def use(self, ordinal: int) -> AbstractContextManager[Any]:
        device: AbstractContextManager[Any] = cupy.cuda.Device(ordinal)
        return device

    def load(self, source: str) -> Loaded:
        ordinal = runtime.getDevice()
        arch = f"sm_{_architecture(int(cupy.cuda.Device(ordinal).compute_capability))}"
        version = ".".join(map(str, nvrtc.getVersion()))
        key = "\n".join([arch, version, *OPTIONS, source])
        return Loaded(cached(key, lambda: compiled(source, arch)), ordinal)

    def capturing(self, stream: Stream) -> bool:
        # the legacy default stream cannot be captured, and must not be asked while another is
        return bool(stream.ptr) and bool(stream.is_capturing())

    def graph(self, enqueue: Callable[[Stream], None]) -> Callable[[Stream], None]:
        stream = cupy.cuda.Stream(non_blocking=True)
        stream.begin_capture()
        try:
            enqueue(stream)
        except BaseException:
            with suppress(runtime.CUDARuntimeError):
                stream.end_capture()
            raise
        graph = stream.end_capture()
        return lambda on: graph.launch(on)

    def buffer(self, size: int) -> "DeviceBuffer":
        return DeviceBuffer(size)


class DeviceBuffer:
    """`Buffer` of the driver: bytes on the device, and page-locked ones that they come from."""

    def __init__(self, size: int) -> None:
        self._array = cupy.zeros(size, np.uint8)
        cupy.cuda.get_current_stream().synchronize()  # once: later writers have their own streams
        self.address = int(self._array.data.ptr)
        self._host = cupy.cuda.alloc_pinned_memory(size)
        self._sent = cupy.cuda.Event(disable_timing=True)

    def write(self, offset: int, values: Argument, stream: Stream) -> None:
        self._sent.synchronize()  # with the copy before this one; at once if there was none
        data = np.frombuffer(values.tobytes(), np.uint8)
        np.frombuffer(self._host, np.uint8, data.size)[:] = data
        place = self._array.data + offset
        place.copy_from_host_async(int(self._host.ptr), data.size, stream)
        self._sent.record(stream)

    def read(self, size: int, stream: Stream) -> Any:
        # waits for what is on the stream before it
        return self._array[:size].get(stream=stream)


def _architecture(capability: int) -> int:
    """What to compile for: the device itself, or what of its generation NVRTC knows."""
    known = nvrtc.getSupportedArchs()
    return max((a for a in known if a // 10 == capability // 10 and a <= capability),
               default=capability)  # fmt: skip


@cache
def _is_torch(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == "torch" for base in kind.__mro__)


@cache
def _device_count() -> int:
    try:
        count = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        raise RuntimeError(f"backend 'cupy' found no CUDA device: {error}") from error
    if count == 0:
        raise RuntimeError("backend 'cupy' found no CUDA device")
    return count


backend = Driver(Cuda())


def capture(
    opt: Optimizer, params: Tree, grads: Tree, state: State, /, *, steps: int = 1000
) -> Replay:
    """Record a step of `opt` as a CUDA graph; the replays update `params` and `state` in place.

    A graph is frozen: it always reads and writes the arrays given here, so that gradients must be
    written into `grads`. What changes from step to step, the scalars of the rule, waits on the
    device for `steps` steps at a time. Nothing is run now. The bits are those of `Optimizer.step`.

    Raises as `Optimizer.step` does, RuntimeError where there is no device, and ValueError for
    arrays that are not contiguous, a rule that cannot be traced, and arrays on several devices.

    ::

        replay = capture(opt, params, grads, state)
        for batch in batches:
            backward(params, batch, out=grads)
            state = replay.step()
    """
    return Replay(backend, opt, params, grads, state, steps)
