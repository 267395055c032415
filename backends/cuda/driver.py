"""The driver: leaves become tables of pointers, and each table one launch.

What a GPU does is behind `Device` and `Library`, a few functions each, so that a test runs the
same driver on a CPU. Nothing waits for the device and nothing is copied to or from the host, but
for the sums of a rule that looks at a whole tensor (`Summing`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from wdref.backend import Leaf

from .kernel import DEFAULT, Printed, Tuning
from .summing import Scratch
from .work import Key, Work

Array = Any
Stream = Any
Argument = np.ndarray[Any, Any]  # of one element, which is passed by value


class Library(Protocol):
    """Arrays of one library, as memory of a device."""

    name: str

    def ordinal(self, x: Array) -> int:
        """Number of the device that holds `x`."""
        ...

    def addresses(self, arrays: Sequence[Array]) -> list[int] | None:
        """Where they begin; None if one is not one run of memory in C order."""
        ...

    def flattened(self, x: Array) -> Array:
        """`x` itself if it is one run of memory, or a copy that is."""
        ...

    def empty(self, x: Array) -> Array:
        """A new flat array of the shape, dtype and device of `x`."""
        ...

    def written(self, arrays: Sequence[Array]) -> None:
        """Tell the library that these were written behind its back."""
        ...

    def stream(self, ordinal: int) -> Stream:
        """The caller's current stream."""
        ...


class Module(Protocol):
    """A compiled kernel, loaded on one device."""

    def launch(
        self, name: str, grid: int, block: int, arguments: Sequence[Argument], stream: Stream
    ) -> None:
        """Put ``name(*arguments)`` on the stream."""
        ...

    def resident(self, name: str, block: int) -> int:
        """How many blocks of the function the device holds at once."""
        ...


class Device(Protocol):
    """What the driver needs of CUDA."""

    def check(self) -> None:
        """Raise RuntimeError where there is no device."""
        ...

    def library(self, kind: type) -> Library | None:
        """The library of arrays of type `kind`, None if they are no memory of a device."""
        ...

    def use(self, ordinal: int) -> AbstractContextManager[Any]:
        """Make a device current."""
        ...

    def load(self, source: str) -> Module:
        """Compile and load on the current device."""
        ...

    def capturing(self, stream: Stream) -> bool:
        """Whether a CUDA graph is being recorded from `stream`."""
        ...

    def graph(self, enqueue: Callable[[Stream], None]) -> Callable[[Stream], None]:
        """Record what `enqueue` puts on a stream; the result replays it on another."""
        ...

    def buffer(self, size: int) -> "Buffer":
        """Bytes on the current device, zero."""
        ...


class Buffer(Protocol):
    """Memory of the device that the host writes to without waiting."""

    address: int

    def write(self, offset: int, values: Argument, stream: Stream) -> None:
        """Copy `values` in the order of the stream. They may change as soon as this returns."""
        ...

    def read(self, size: int, stream: Stream) -> Array:
        """Return the first `size` bytes as NumPy's, after what is on the stream."""
        ...


class Driver:
    """`wdref.backend.Backend` for arrays on CUDA devices."""

    name = "cupy"

    def __init__(self, device: Device, tuning: Tuning = DEFAULT) -> None:
        self.device, self.tuning = device, tuning
        self._modules: dict[tuple[Printed, int], Module] = {}
        self._recorded: list[Leaf] | None = None
        self._scratch = Scratch()

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new arrays."""
        if self._recorded is not None:
            self._recorded += leaves
            return [(leaf.theta, leaf.slots) for leaf in leaves]
        libraries = self.check(leaves)
        fresh = [
            [library.empty(x) for x in (leaf.theta, *leaf.slots)]
            for leaf, library in zip(leaves, libraries, strict=True)
        ]
        self._run(leaves, libraries, fresh)
        return [(new[0], tuple(new[1:])) for new in fresh]

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write into the arrays given."""
        libraries = self.check(leaves)
        if self._recorded is not None:
            self._recorded += leaves
            return
        self._run(leaves, libraries, None)

    def check(self, leaves: Sequence[Leaf]) -> list[Library]:
        """Refuse arrays that are no memory of a device, or that nobody may write."""
        self.device.check()
        return [self._library(leaf.theta) for leaf in leaves]

    def _library(self, x: Array) -> Library:
        library = self.device.library(type(x))
        if library is None or library.ordinal(x) < 0:
            root = type(x).__module__.partition(".")[0]
            if root in ("jax", "jaxlib"):
                raise TypeError(
                    "backend 'cupy' writes no array of JAX, which are immutable and may share "
                    "memory: leave the backend out, and let jax.jit compile `apply`"
                )
            raise TypeError(
                f"backend 'cupy' runs CuPy arrays and CUDA tensors of PyTorch, not {root} arrays "
                "on the host: leave the backend out, and the arrays choose it"
            )
        return library

    @contextmanager
    def recording(self) -> Iterator[list[Leaf]]:
        """Keep the leaves of the steps and updates inside, and run nothing."""
        self._recorded = []
        try:
            yield self._recorded
        finally:
            self._recorded = None

    # -- one step -----------------------------------------------------------------------------

    def _run(
        self,
        leaves: Sequence[Leaf],
        libraries: Sequence[Library],
        fresh: Sequence[Sequence[Array]] | None,
    ) -> None:
        work = Work(self.tuning, leaves, libraries, fresh)
        work.sum(self)
        launches = [
            (
                key,
                self.module(key),
                [(t, batch.values(batch.scalars, b)) for b, t in batch.tables()],
            )
            for key, batch in work.batches.items()
        ]
        for key in work.batches:
            self.refuse_capture(key.library.stream(key.ordinal))
        for key, module, tables in launches:
            with self.device.use(key.ordinal):
                stream = key.library.stream(key.ordinal)
                for arguments in tables:
                    self.launch(module, "step", arguments, key.printed, stream)
        work.finish()

    def refuse_capture(self, stream: Stream) -> None:
        """Raise RuntimeError where a CUDA graph is being recorded from `stream`."""
        if self.device.capturing(stream):
            raise RuntimeError(
                "a step recorded into a CUDA graph would repeat this step's scalars for ever: "
                "use wdref.backends.cupy.capture, whose steps count on"
            )

    def module(self, key: Key) -> Module:
        """Compile and load what `key` needs, once a device."""
        return self.module_of(key.printed, key.ordinal)

    def module_of(self, printed: Printed, ordinal: int) -> Module:
        """Compile and load a kernel, once a device."""
        found = self._modules.get((printed, ordinal))
        if found is None:
            with self.device.use(ordinal):
                found = self.device.load(printed.source)
            self._modules[printed, ordinal] = found
        return found

    def scratch(self, ordinal: int, which: int, size: int) -> Buffer:
        """Return memory of the current device for totals."""
        buffer: Buffer = self._scratch.at((ordinal, which), size, self.device.buffer)
        return buffer

    @staticmethod
    def launch(
        module: Module, name: str, arguments: Sequence[Argument], printed: Printed, stream: Stream
    ) -> None:
        """Launch on no more blocks than run at once; each takes many chunks."""
        block = printed.tuning.block
        grid = min(int(arguments[0]["chunks"][0]), module.resident(name, block))
        module.launch(name, grid, block, arguments, stream)
