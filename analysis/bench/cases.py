"""What is measured: rules, dtypes and shapes of parameters; their arrays and their bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

import wdref
from wdref.conventions import dialect
from wdref.rules.registry import claim
from wdref.rules.shapes import PARAMETERS

from .rounds import reads

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

RULES = ("adamw", "adam", "sgdw")  # that are measured unless others are named
DTYPES = ("float32", "bfloat16", "float16")  # of parameters and gradients; slots are float32
SIZES = ("1e2", "1e3", "1e4", "1e5", "1e6", "1e7", "2e7", "1e8")  # parameters, in one tensor
MODELS = ("400x256", "resnet50", "gpt2-small")
LAYOUTS = (*SIZES, *MODELS)
LEARNING_RATE, WEIGHT_DECAY = 1e-6, 1e-3  # small: thousands of steps do not run away
LINE = 64  # elements: a tensor begins at a line of the cache


CLIPPED = " clipped"  # how a rule's name ends whose gradients are clipped by the norm of all
BOUND = 1.0  # of that norm


def optimizer(rule: str, backend: str | None = None) -> Any:
    """Return wdref's optimizer of this name, with a decay where it has one."""
    record, settings = claim(rule.removesuffix(CLIPPED)), dict[str, Any]()
    if rule.endswith(CLIPPED):
        settings |= {"clip": BOUND, "clip_by": "tree"}
    if record.decays or dialect(record.name).form != "none":
        settings["weight_decay"] = WEIGHT_DECAY
    if record.decays:
        settings["form"] = "lr"
    return getattr(wdref, record.method)(learning_rate=LEARNING_RATE, **settings, backend=backend)


@dataclass(frozen=True)
class Case:
    """One step of `rule` on parameters of `dtype`, with the shapes of `layout`."""

    rule: str
    dtype: str
    layout: str
    device: str = "cpu"

    def __str__(self) -> str:
        """Name the case, as in ``adamw float32 1e6``."""
        place = "" if self.device == "cpu" else f" {self.device}"
        return f"{self.rule} {self.dtype} {self.layout}{place}"

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes of all tensors."""
        return shapes(self.layout)

    @property
    def parameters(self) -> int:
        """Number of parameters in all tensors."""
        return sum(map(prod, self.shapes))

    @property
    def half(self) -> bool:
        """Whether parameters and gradients have 16 bits."""
        return self.dtype != "float32"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the rule's slots."""
        slots: tuple[str, ...] = optimizer(self.rule).dialect.slots
        return slots

    @property
    def like(self) -> tuple[str, ...]:
        """Names of those that hold as many numbers as their parameters."""
        d = optimizer(self.rule).dialect
        return tuple(x for x, kind in zip(d.slots, d.shapes, strict=True) if kind == "like")

    @property
    def reads(self) -> tuple[tuple[str, ...], ...]:
        """Names of the arrays that are read before the step, a round of sums each."""
        return reads(optimizer(self.rule))

    def traffic(self, *, state: int = 4) -> int:
        """Bytes a parameter that a step cannot avoid, with slots of `state` bytes.

        It reads θ, g and the slots and writes θ and the slots: 28 for Adam in float32. Before, a
        rule that looks at a whole tensor reads what it sums.

        >>> Case("adamw", "float32", "1e2").traffic(), Case("sgdw", "bfloat16", "1e2").traffic()
        (28, 14)
        >>> Case("lamb", "float32", "1e2").traffic()
        44
        """
        short = 2 if self.half else 4
        sums = sum(state if name in self.like else short for each in self.reads for name in each)
        return 3 * short + 2 * state * len(self.like) + sums

    def held(self) -> int:
        """Bytes of parameters, gradients and slots."""
        return self.parameters * (2 * (2 if self.half else 4) + 4 * len(self.like))


@cache
def shapes(layout: str) -> tuple[Shape, ...]:
    """Shapes of the tensors of a layout; a number is that many parameters in one tensor.

    >>> shapes("1e3"), len(shapes("gpt2-small")), sum(map(prod, shapes("resnet50")))
    (((1000,),), 148, 25557032)
    """
    if layout == "400x256":
        return ((256,),) * 400
    if layout == "gpt2-small":
        return tuple(_gpt2(vocabulary=50257, context=1024, width=768, blocks=12))
    if layout == "resnet50":
        return tuple(_resnet((3, 4, 6, 3)))
    return ((int(float(layout)),),)


def _gpt2(*, vocabulary: int, context: int, width: int, blocks: int) -> Iterator[Shape]:
    """Yield the shapes of GPT-2, whose output layer is its token embedding."""
    norm = ((width,), (width,))
    yield from ((vocabulary, width), (context, width))
    for _ in range(blocks):
        yield from norm
        for fan_in, fan_out in ((width, 3 * width), (width, width)):  # attention
            yield from ((fan_in, fan_out), (fan_out,))
        yield from norm
        for fan_in, fan_out in ((width, 4 * width), (4 * width, width)):  # MLP
            yield from ((fan_in, fan_out), (fan_out,))
    yield from norm


def _resnet(blocks: tuple[int, ...], classes: int = 1000) -> Iterator[Shape]:
    """Yield the shapes of a ResNet of bottlenecks: convolutions without bias, batch norms."""
    yield from _convolution(3, 64, 7)
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            yield from _convolution(channels, width, 1)
            yield from _convolution(width, width, 3)
            yield from _convolution(width, 4 * width, 1)
            if block == 0:  # the shortcut changes the number of channels
                yield from _convolution(channels, 4 * width, 1)
            channels = 4 * width
    yield from ((classes, channels), (classes,))


def _convolution(fan_in: int, fan_out: int, kernel: int) -> tuple[Shape, ...]:
    return (fan_out, fan_in, kernel, kernel), (fan_out,), (fan_out,)


@dataclass(frozen=True)
class Arrays:
    """The memory of a case, in NumPy: one run for θ, g and each slot, and views of it a tensor.

    All subjects that can work in place share it. Gradients are constant and slots soon settle, so
    that no step meets subnormal numbers.
    """

    runs: dict[str, Array]
    params: list[Array]
    grads: list[Array]
    slots: dict[str, list[Array]]


def arrays(case: Case) -> Arrays:
    """Allocate and fill; an ImportError where bfloat16 needs ml_dtypes, which is not installed."""
    dtype = dtype_of(case.dtype)
    size = sum(map(_padded, case.shapes))
    runs = {"theta": _normal(size, dtype, 0), "g": _normal(size, dtype, 1)}
    opt = optimizer(case.rule)
    starts = opt.starts()
    runs |= {name: runs["theta"].astype(np.float32) if starts[name] == PARAMETERS
             else np.full(size, 0.0, np.float32) for name in case.like}  # fmt: skip
    views = {name: _views(run, case.shapes) for name, run in runs.items()}
    others = set(case.slots) - set(case.like)
    begun = opt.init(views["theta"]).slots if others else {}
    slots = {name: list(begun[name]) if name in others else views[name] for name in case.slots}
    return Arrays(runs, views["theta"], views["g"], slots)


def dtype_of(name: str) -> Any:
    """Return NumPy's dtype of that name."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def _padded(shape: Shape) -> int:
    return -(-prod(shape) // LINE) * LINE


def _normal(size: int, dtype: Any, seed: int) -> Array:
    """Return normal numbers, a block repeated: drawing 10^8 would take longer than the steps."""
    block = np.random.default_rng(seed).standard_normal(min(size, 1 << 20), dtype=np.float32)
    return np.resize(block.astype(dtype), size)


def _views(run: Array, shapes: tuple[Shape, ...]) -> list[Array]:
    views, start = [], 0
    for shape in shapes:
        views.append(run[start : start + prod(shape)].reshape(shape))
        start += _padded(shape)
    return views
