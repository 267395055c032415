"""A CPU in the place of the GPU: the generated CUDA through a C++ compiler, and a device of it.

Everything runs but the hardware: the text that NVRTC gets, less its first lines, and the driver
with its tables. Blocks and threads are loops. `run(leaves, in_place=…)` is a step on NumPy arrays.
"""

import ctypes
import hashlib
import subprocess
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from programs import needed

from wdref.backends.cuda.driver import Driver
from wdref.backends.cuda.kernel import Tuning
from wdref.backends.cuda.text import DEVICE

# What `DEVICE` says to a GPU, said to a CPU.
HOST = r"""
#include <cmath>
#include <cstring>
#define INLINE static inline
#define KERNEL static void
#define BY_VALUE(T) const T&
#define __launch_bounds__(n)
typedef unsigned short Half;
static struct { int x; } blockIdx, threadIdx, gridDim;

INLINE unsigned bits(float x) { unsigned b; memcpy(&b, &x, 4); return b; }
INLINE float single(unsigned b) { float x; memcpy(&x, &b, 4); return x; }
INLINE float root(float x) { return sqrtf(x); }
INLINE double root(double x) { return sqrt(x); }
INLINE float magnitude(float x) { return fabsf(x); }
INLINE double magnitude(double x) { return fabs(x); }
INLINE float from_float16(Half h) { _Float16 x; memcpy(&x, &h, 2); return (float)x; }
template <class T> INLINE Half to_float16(T x)
{
    const _Float16 y = (_Float16)x;
    Half h;
    memcpy(&h, &y, 2);
    return h;
}
"""

LOOPS = r"""
template <class F> static void each(int grid, int block, F body)
{
    gridDim.x = grid;
    for (blockIdx.x = 0; blockIdx.x < grid; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < block; ++threadIdx.x) body();
}

extern "C" void host_step(int grid, int block, void** a)
{
    each(grid, block, [=] { step(*(const Table*)a[0], *(const Groups*)a[1]); });
}

extern "C" void host_replay(int grid, int block, void** a)
{
    each(grid, block, [=] {
        replay(*(const Table*)a[0], *(const Groups**)a[1], *(const long long**)a[2],
               *(const long long*)a[3]);
    });
}

extern "C" void host_advance(int grid, int block, void** a)
{
    each(grid, block, [=] { advance(*(long long**)a[0]); });
}
"""

SUM_LOOPS = (
    LOOPS[: LOOPS.index('extern "C" void host_step')]
    + r"""
extern "C" void host_sums(int grid, int block, void** a)
{
    each(grid, block, [=] {
        sums(*(const Table*)a[0], *(const Groups*)a[1], *(Total**)a[2]);
    });
}

extern "C" void host_fold(int grid, int block, void** a)
{
    each(grid, block, [=] {
        fold(*(const Table*)a[0], *(const Total**)a[1], *(Total**)a[2]);
    });
}
"""
)

OBJECTS = Path(__file__).parents[1] / ".pytest_cache" / "cuda-shim"  # `make clean` removes it
# -O1: each kernel is compiled once and runs on little. Contraction is what gcc does on its own.
FLAGS = ("-std=c++17", "-O1", "-ffp-contract=off", "-fno-strict-aliasing", "-fPIC", "-shared")


def translated(source):
    """The text for a C++ compiler on the host."""
    assert source.startswith(DEVICE)
    loops = SUM_LOOPS if "struct Total" in source else LOOPS
    return HOST + source.removeprefix(DEVICE) + loops


@cache
def compiled(source, flags=FLAGS):
    """The shared object of a text, kept for later runs and shared with other processes."""
    compiler, text = needed("g++"), translated(source)
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(repr((text, flags, version)).encode()).hexdigest()[:20]
    library = OBJECTS / f"{key}.so"
    if not library.exists():
        OBJECTS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OBJECTS) as folder:
            made = Path(folder, library.name)
            command = [compiler, *flags, "-x", "c++", "-", "-o", str(made)]
            subprocess.run(command, input=text.encode(), check=True)
            made.replace(library)  # whole or not at all, whoever else compiles
    return ctypes.CDLL(str(library))


class HostModule:
    def __init__(self, source, device):
        self.library, self.device = compiled(source), device

    def launch(self, name, grid, block, arguments, stream):
        arguments = [x.copy() for x in arguments]  # by value, as of now
        assert all(x.size == 1 for x in arguments)

        def run():
            pointers = (ctypes.c_void_p * len(arguments))(*[x.ctypes.data for x in arguments])
            getattr(self.library, f"host_{name}")(grid, block, pointers)

        self.device.launches.append((name, grid, block))
        self.device.put(stream, run)

    def resident(self, name, block):
        return 3  # fewer than the chunks of most tables


class HostLibrary:
    """NumPy arrays as the memory of a device."""

    name = "host"

    def __init__(self):
        self.current = HostStream()
        self.seen = []

    def ordinal(self, x):
        return 0

    def flattened(self, x):
        return np.ascontiguousarray(x)

    def addresses(self, arrays):
        flat = all(x.flags.c_contiguous for x in arrays)
        return [x.ctypes.data for x in arrays] if flat else None

    def empty(self, x):
        return np.empty(x.shape, x.dtype)

    def written(self, arrays):
        self.seen.append(arrays)

    def stream(self, ordinal):
        return self.current


class HostStream:
    """Runs what it is given at once, or keeps it for a graph."""

    def __init__(self):
        self.graph = None


class HostBuffer:
    def __init__(self, size, device):
        self.bytes, self.device = np.zeros(size, np.uint8), device
        self.address = self.bytes.ctypes.data

    def write(self, offset, values, stream):
        held = np.frombuffer(values.tobytes(), np.uint8)
        self.device.writes.append(held.size)

        def run():
            self.bytes[offset : offset + held.size] = held

        self.device.put(stream, run)

    def read(self, size, stream):
        assert stream.graph is None, "nothing is read while a graph is recorded"
        return self.bytes[:size].copy()


class HostDevice:
    """`wdref.backends.cuda.driver.Device` on a CPU; it keeps a list of the launches."""

    def __init__(self):
        self.arrays, self.launches, self.writes, self.sources = HostLibrary(), [], [], []

    def check(self):
        pass

    def library(self, kind):
        return self.arrays if issubclass(kind, np.ndarray | np.generic) else None

    @contextmanager
    def use(self, ordinal):
        yield

    def load(self, source):
        self.sources.append(source)
        return HostModule(source, self)

    def capturing(self, stream):
        return stream.graph is not None

    def graph(self, enqueue):
        stream = HostStream()
        stream.graph = work = []
        enqueue(stream)

        def replay(on):
            self.put(on, lambda: [run() for run in work])

        return replay

    def buffer(self, size):
        return HostBuffer(size, self)

    def put(self, stream, run):
        if stream.graph is None:
            run()
        else:
            stream.graph.append(run)


SMALL = Tuning(block=2, chunk=16)  # so that short arrays have many chunks


def driver(tuning=SMALL):
    """The CuPy backend's driver on a CPU."""
    return Driver(HostDevice(), tuning)


@cache
def shared():
    return driver()


def run(leaves, *, in_place):
    """One step: new arrays as `Backend.update` gives them, or in place, and the arrays given."""
    if not in_place:
        return shared().update(leaves)
    shared().step(leaves)
    return [(leaf.theta, leaf.slots) for leaf in leaves]
