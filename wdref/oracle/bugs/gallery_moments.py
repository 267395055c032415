"""Known bugs of Adam's moments, their correction, ε, and the count of steps."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...conventions import dialect
from . import twists
from .mutants import Mutant, Twisted


def moments(convention: str) -> Iterator[Mutant]:
    """The moments, their correction and ε."""
    adamw: Any = dialect("adamw", convention, eps="outside")
    raw: Any = replace(adamw, amsgrad="raw")

    def mutant(
        id: str, title: str, reference: str, rule: Any, claim: Any = adamw, *, late: bool = False
    ) -> Mutant:
        return Mutant(id, title, reference, claim, rule, late)

    def twisted(words: str, *twist: Any) -> Twisted:
        return Twisted(adamw, words, *twist)

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
        twisted("v̂ is v/β2^t", twists.inverted_bias),
    )
    yield mutant(
        "M25-constant",
        "second correction is 1 - β2 at every step",
        "ufal/npfl114#79",
        twisted("v̂ is v/(1-β2)", twists.frozen_bias2),
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
        "M39",
        "the step never counts",
        "allenai/OLMo-core#317",
        twisted("t stays 1", twists.frozen_step),
    )
    yield mutant(
        "M40",
        "the step counts twice",
        "geoopt/geoopt#164",
        twisted("t counts by two", twists.counted_twice),
    )
    yield mutant(
        "M49",
        "moments multiplied by their corrections",
        "karpathy/convnetjs#70",
        twisted("m̂ is m (1-β1^t), v̂ is v (1-β2^t)", twists.multiplied_bias),
    )
    yield mutant(
        "M50",
        "both moments divided by the product of the corrections",
        "no public report known",
        twisted("m̂ and v̂ are m and v over (1-β1^t)(1-β2^t)", twists.product_of_biases),
    )
    yield mutant(
        "M51",
        "the step counts to 256 and stays there",
        "pytorch/ao#4915",
        twisted("t is at most 256", twists.stuck_step),
        late=True,
    )
    yield mutant(
        "M52",
        "the moments are forgotten after each step",
        "raskr/rust-autograd#16",
        twisted("m and v are 0 before each step", None, twists.forgotten_state),
    )
    yield mutant(
        "M53",
        "the schedule is read one step ahead",
        "facebookresearch/ParlAI#2042",
        twisted("η is η_{t+1}", None, None, twists.early),
    )
