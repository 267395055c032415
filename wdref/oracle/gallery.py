"""The gallery: real weight-decay bugs, each with its public reference, as mutants.

The oracle must catch each of them and name it. What is configuration and no mathematics (a default,
M36) is not here; M20 and M21 are properties of half precision (`wdref.oracle.half`), those of
several tensors (M12, M13, M33, M35, M40, M41) are in `wdref.oracle.multi`, and M37 needs an
orthogonalised rule that wdref does not have.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from ..conventions import dialect
from . import mutants as m
from .mutants import Mutant, Twist, Twisted


@cache
def gallery(convention: str = "pytorch") -> tuple[Mutant, ...]:
    """Every mutant of one tensor, of the rules of `convention`.

    The numbers are those of the project's collection of bugs; several numbers in one entry are
    several reports of the same deviation.
    """
    return (*_adam_mutants(convention), *_decay_mutants(convention), *_sgd_mutants(convention))


def _adam_mutants(convention: str) -> Iterator[Mutant]:
    """The moments, their correction and ε."""
    adamw: Any = dialect("adamw", convention, eps="outside")
    raw: Any = replace(adamw, amsgrad="raw")

    def mutant(id: str, title: str, reference: str, rule: Any, claim: Any = adamw) -> Mutant:
        return Mutant(id, title, reference, claim, rule)

    def twisted(words: str, twist: Twist) -> Twisted:
        return Twisted(adamw, words, twist)

    yield mutant(
        "M17",
        "ε added before the bias correction",
        "pytorch/pytorch#22628",
        replace(adamw, eps="hat"),
    )
    yield mutant(
        "M18", "ε inside the root", "google-deepmind/optax#532", replace(adamw, eps="inside")
    )
    yield mutant(
        "M19",
        "ε inside the root and outside",
        "kozistr/pytorch_optimizer#397",
        replace(adamw, eps="both"),
    )
    yield mutant(
        "M22", "no bias correction", "google-research/bert#153", replace(adamw, bias="none")
    )
    yield mutant("M23", "t one step ahead", "tracel-ai/burn#834", replace(adamw, bias="ahead"))
    yield mutant(
        "M23-behind", "t one step behind", "tracel-ai/burn#834", replace(adamw, bias="behind")
    )
    yield mutant(
        "M24", "corrected moments stored back", "frgfm/holocron#1", replace(adamw, bias="in_place")
    )
    yield mutant(
        "M25", "second moment not corrected", "pytorch/pytorch#23737", replace(adamw, bias="first")
    )
    yield mutant(
        "M25-inverted",
        "second correction is β2^t for 1 - β2^t",
        "kozistr/AdaBound-tensorflow#3",
        twisted("v̂ is v/β2^t", m.inverted_bias),
    )
    yield mutant(
        "M25-constant",
        "second correction is 1 - β2 at every step",
        "ufal/npfl114#79",
        twisted("v̂ is v/(1-β2)", m.frozen_bias2),
    )
    yield mutant(
        "M26",
        "AMSGrad's maximum over v̂ for v",
        "google-deepmind/optax#1389",
        replace(raw, amsgrad="hat"),
        raw,
    )
    yield mutant("M27", "AMSGrad's maximum not stored", "pytorch/pytorch#78807", adamw, raw)
    yield mutant(
        "M39", "the step never counts", "allenai/OLMo-core#317", twisted("t stays 1", m.frozen_step)
    )
    yield mutant(
        "M40",
        "the step counts twice",
        "geoopt/geoopt#164",
        twisted("t counts by two", m.counted_twice),
    )


def _decay_mutants(convention: str) -> Iterator[Mutant]:
    """Decay and L2 of the Adam family."""
    adamw, adam = (dialect(name, convention) for name in ("adamw", "adam"))
    lr, l2 = replace(adamw, form="lr"), replace(adam, form="l2")
    paper = replace(adamw, form="paper")

    yield Mutant(
        "M01",
        "L2 with the wrong sign",
        "chainer/chainer#261",
        l2,
        Twisted(l2, "g is ∇f(θ) - λ θ", m.negate_l2),
    )
    yield Mutant(
        "M02",
        "keeps what should be taken away",
        "keras-team/keras#16274",
        lr,
        Twisted(lr, "θ keeps η α λ θ alone", m.keep_only_decayed),
    )
    yield Mutant(
        "M03",
        "takes the decay itself, not times θ",
        "e-sensing/torchopt#14",
        lr,
        Twisted(lr, "the decay is η α λ, without θ", step=m.constant_decay),
    )
    yield Mutant(
        "M04, M34",
        "decay follows neither rate nor schedule",
        "tensorflow/addons#844",
        lr,
        replace(lr, form="fixed"),
    )
    yield Mutant(
        "M05",
        "the paper's decay multiplied by the learning rate",
        "pytorch/pytorch#38853",
        paper,
        lr,
    )
    yield Mutant(
        "M06", "L2 under the name of AdamW", "FlagOpen/FlagGems#4988", lr, replace(lr, form="l2")
    )
    yield Mutant(
        "M07",
        "decoupled decay under the name of Adam",
        "deepspeedai/DeepSpeed#8307",
        l2,
        replace(l2, form="lr"),
    )
    yield Mutant(
        "M08",
        "decay after the step",
        "huggingface/transformers#14539",
        lr,
        replace(lr, order="after"),
    )
    yield Mutant(
        "M09, M10", "no decay at all", "tinygrad/tinygrad#17709", lr, replace(lr, form="none")
    )
    yield Mutant(
        "M10",
        "an L2 term that is accepted and never used",
        "kozistr/pytorch_optimizer#517",
        l2,
        replace(l2, form="none"),
    )
    yield Mutant(
        "M11",
        "decay with the initial learning rate",
        "PaddlePaddle/Paddle#30130",
        lr,
        replace(lr, form="initial_lr"),
    )
    yield Mutant(
        "M14",
        "ε and λ exchanged",
        "FluxML/Optimisers.jl#198",
        lr,
        Twisted(lr, "ε and λ have changed places", m.swap_eps_and_decay),
    )
    yield Mutant(
        "M15",
        "normalised decay off by √b (here b = 64)",
        "shaoanlu/keras-adamw#52",
        lr,
        Twisted(lr, "λ is 8 λ", m.scale_decay),
    )
    yield Mutant(
        "M16",
        "L2 divided by the batch (here 32)",
        "scikit-learn/scikit-learn#10477",
        l2,
        Twisted(l2, "g is ∇f(θ) + λ θ / 32", m.divide_l2),
    )
    yield Mutant(
        "M30",
        "L2 in the step and not in the moments",
        "apache/mxnet#9881",
        l2,
        Twisted(l2, "λ θ joins after the moments", step=m.l2_in_step_only),
    )
    yield Mutant(
        "M31",
        "schedule not applied to the paper's decay",
        "tensorflow/tensorflow#22763",
        paper,
        replace(paper, form="fixed"),
    )
    yield Mutant(
        "M32",
        "the parameters squared",
        "pytorch/pytorch#3740",
        lr,
        Twisted(lr, "the decay is of θ²", step=m.squared_decay),
    )
    yield Mutant(
        "M38",
        "L1 for L2",
        "shaoanlu/keras-adamw#39",
        lr,
        Twisted(lr, "the decay is of sign(θ)", step=m.sign_decay),
    )
    yield Mutant(
        "skip-zeros",
        "no step where the gradient is 0, no decay either",
        "bitsandbytes-foundation/bitsandbytes: skip_zeros",
        lr,
        Twisted(lr, "where g is 0 nothing happens", step=m.skipped_zeros),
    )


def _sgd_mutants(convention: str) -> Iterator[Mutant]:
    """Momentum."""
    outside: Any = replace(dialect("sgd", "pytorch"), form="l2")
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
