"""Known bugs of momentum: the buffer, its first step, Nesterov's, and decay among them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...conventions import dialect
from . import twists
from .mutants import Mutant, Twisted


def momenta(convention: str) -> Iterator[Mutant]:
    """The buffer, Nesterov's step, and what decay does in them."""
    outside: Any = replace(dialect("sgd", "pytorch"), form="l2")
    nesterov: Any = replace(outside, nesterov=True)
    inside: Any = replace(outside, lr="inside", damping="none", first="damped")
    ahead: Any = replace(inside, nesterov=True)
    sgdw: Any = replace(dialect("sgdw", convention), form="lr")
    clipped: Any = replace(outside, clip="sum")
    yield Mutant(
        "M28",
        "learning rate inside the buffer",
        "apache/mxnet#15533",
        outside,
        replace(outside, lr="inside"),
    )
    yield Mutant(
        "M28-ema",
        "the buffer is an average",
        "HIPS/autograd#289",
        outside,
        replace(outside, damping="ema", first="damped"),
    )
    yield Mutant(
        "M29", "L2 after clipping", "apache/mxnet#9881", clipped, replace(clipped, clip="gradient")
    )
    yield Mutant(
        "M30-sgd",
        "L2 in the step and not in the buffer",
        "apache/mxnet#9881",
        outside,
        replace(outside, form="lr"),
    )
    yield Mutant(
        "M10-sgd",
        "an L2 term of momentum that is never used",
        "kozistr/pytorch_optimizer#517",
        outside,
        replace(outside, form="none"),
    )
    yield Mutant(
        "M03-sgd",
        "takes the decay itself, not times θ, after momentum",
        "jettify/pytorch-optimizer#454",
        sgdw,
        Twisted(sgdw, "the decay is η α λ, without θ", step=twists.constant_decay),
    )
    yield Mutant(
        "M42",
        "the buffer is emptied before each step",
        "kozistr/pytorch_optimizer#516",
        outside,
        Twisted(outside, "m is 0 before each step", twists.zeroed_buffer),
    )
    yield Mutant(
        "M43",
        "Nesterov's direction stored as the buffer",
        "google-research/google-research#1711",
        nesterov,
        Twisted(nesterov, "what it steps along is kept as m", step=twists.stored_nesterov),
    )
    yield Mutant(
        "M44",
        "the first gradient enters without the rate",
        "zc911/MatrixSlow#17",
        inside,
        Twisted(inside, "m is g at the first step", twists.naked_first),
    )
    yield Mutant(
        "M45",
        "Nesterov's β1² m reads the m just made",
        "chainer/chainer#4274",
        ahead,
        replace(ahead, nesterov="twice"),
    )
    yield Mutant(
        "M46",
        "the buffer's L2 term reads the θ just made",
        "apache/mxnet: NAGMomKernel",
        ahead,
        replace(ahead, nesterov="reread"),
    )
