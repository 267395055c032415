"""The driver: leaves become tables of pointers, and each table one launch.

What a GPU does is behind `Device` and `Library`, a few functions each, so that a test runs the
same driver on a CPU. Nothing waits for the device and nothing is copied to or from the host.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from wdref.backend import PLAIN, Leaf, asks, write
from wdref.engine.tree import dtype_name

from ..tracing.element import element
from ..tracing.trace import TraceError, trace
from .kernel import DEFAULT, Printed, Tuning
from .tables import Batch

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


class Key(NamedTuple):
    """What the tensors of a launch share."""

    printed: Printed
    library: Library
    ordinal: int


class Driver:
    """`wdref.backend.Backend` for arrays on CUDA devices."""

    name = "cupy"

    def __init__(self, device: Device, tuning: Tuning = DEFAULT) -> None:
        self.device, self.tuning = device, tuning
        self._modules: dict[tuple[Printed, int], Module] = {}
        self._recorded: list[Leaf] | None = None

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
        launches = [
            (
                key,
                self.module(key),
                [(t, batch.values(batch.scalars, b)) for b, t in batch.tables()],
            )
            for key, batch in work.batches.items()
        ]
        for key in work.batches:
            if self.device.capturing(key.library.stream(key.ordinal)):
                raise RuntimeError(
                    "a step recorded into a CUDA graph would repeat this step's scalars for ever: "
                    "use wdref.backends.cupy.capture, whose steps count on"
                )
        for key, module, tables in launches:
            with self.device.use(key.ordinal):
                stream = key.library.stream(key.ordinal)
                for arguments in tables:
                    self.launch(module, "step", arguments, key.printed, stream)
        work.finish()

    def module(self, key: Key) -> Module:
        """Compile and load what `key` needs, once a device."""
        found = self._modules.get((key.printed, key.ordinal))
        if found is None:
            with self.device.use(key.ordinal):
                found = self.device.load(key.printed.source)
            self._modules[key.printed, key.ordinal] = found
        return found

    @staticmethod
    def launch(
        module: Module, name: str, arguments: Sequence[Argument], printed: Printed, stream: Stream
    ) -> None:
        """Launch on no more blocks than run at once; each takes many chunks."""
        block = printed.tuning.block
        grid = min(int(arguments[0]["chunks"][0]), module.resident(name, block))
        module.launch(name, grid, block, arguments, stream)


class Work:
    """The leaves of one step, sorted by kernel and device, and what is left to do after it.

    The new values go to the arrays of `fresh`, a row a leaf, or without it in place.
    """

    def __init__(
        self,
        tuning: Tuning,
        leaves: Sequence[Leaf],
        libraries: Sequence[Library],
        fresh: Sequence[Sequence[Array]] | None,
    ) -> None:
        self.tuning = tuning
        self.batches: dict[Key, Batch] = {}
        self.kept: list[Array] = []  # copies, alive until the launch is on its stream
        self.copies: list[tuple[Array, Array]] = []  # a place, and what the kernel wrote for it
        self.plain: list[tuple[Leaf, Any, Sequence[Array]]] = []
        self.touched: dict[Library, list[Array]] = {}
        self.asking: list[tuple[Leaf, Sequence[Array]]] = []  # for sums: evaluated together
        self._known: dict[tuple[int, ...], Printed | None] = {}
        for i, (leaf, library) in enumerate(zip(leaves, libraries, strict=True)):
            outputs = fresh[i] if fresh else (leaf.theta, *leaf.slots)
            if fresh is None:
                self.touched.setdefault(library, []).extend(outputs)
            size = math.prod(leaf.theta.shape)
            if asks(leaf):
                self.asking.append((leaf, outputs))
            elif size:
                self._leaf(leaf, library, outputs, size, in_place=fresh is None)
        results = PLAIN.update([leaf for leaf, _ in self.asking])
        self.plain += [
            (leaf, result, outputs)
            for (leaf, outputs), result in zip(self.asking, results, strict=True)
        ]

    def _leaf(
        self, leaf: Leaf, library: Library, outputs: Sequence[Array], size: int, *, in_place: bool
    ) -> None:
        inputs = [leaf.theta, leaf.g, *leaf.slots]
        kind = (id(leaf.kernel), id(leaf.scalars), *[id(x.dtype) for x in inputs])
        if kind not in self._known:
            self._known[kind] = _printed(leaf, inputs, self.tuning)
        printed = self._known[kind]
        if printed is None:
            self.plain.append((leaf, PLAIN.update([leaf])[0], outputs))
            return
        source = library.addresses(inputs)
        if in_place and source is not None:
            target = [source[0], *source[2:]]
        else:
            source = source or self._copied(library, inputs)
            target = library.addresses(outputs) or self._beside(library, outputs)
        key = Key(printed, library, library.ordinal(leaf.theta))
        batch = self.batches.get(key)
        if batch is None:
            batch = self.batches[key] = Batch(printed)
        batch.add([*[source[k] for k in printed.reads], *target], size, leaf.scalars)

    def _copied(self, library: Library, arrays: Sequence[Array]) -> list[int]:
        made = [library.flattened(x) for x in arrays]
        self.kept += made
        return library.addresses(made) or []

    def _beside(self, library: Library, arrays: Sequence[Array]) -> list[int]:
        made = [x if library.addresses([x]) else library.empty(x) for x in arrays]
        self.kept += made
        self.copies += [(x, y) for x, y in zip(arrays, made, strict=True) if x is not y]
        return library.addresses(made) or []

    def finish(self) -> None:
        """Write what no kernel could write in place."""
        for place, values in self.copies:
            place[...] = values
        for leaf, result, outputs in self.plain:
            write(leaf, result, outputs)
        for library, arrays in self.touched.items():
            library.written(arrays)


def _printed(leaf: Leaf, inputs: Sequence[Array], tuning: Tuning) -> Printed | None:
    dtypes = tuple(dtype_name(x) for x in inputs)
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _print(leaf.kernel, dtypes, scalars, present, tuning)


@cache
def _print(
    kernel: Any, dtypes: tuple[str, ...], scalars: Any, present: tuple[bool, ...], tuning: Tuning
) -> Printed | None:
    try:
        return Printed(element(trace(kernel, dtypes, scalars, present)), tuning)
    except TraceError:
        return None
