"""Known bugs of decay and L2 in the Adam family."""

from collections.abc import Iterator
from dataclasses import replace

from ...conventions import dialect
from . import twists
from .mutants import Mutant, Twisted


def decays(convention: str) -> Iterator[Mutant]:
    """Decay and L2 of the Adam family."""
    adamw, adam = (dialect(name, convention) for name in ("adamw", "adam"))
    lr, l2 = replace(adamw, form="lr"), replace(adam, form="l2")
    paper = replace(adamw, form="paper")

    yield Mutant(
        "M01",
        "L2 with the wrong sign",
        "chainer/chainer#261",
        l2,
        Twisted(l2, "g is ∇f(θ) - λ θ", twists.negate_l2),
    )
    yield Mutant(
        "M02",
        "keeps what should be taken away",
        "keras-team/keras#16274",
        lr,
        Twisted(lr, "θ keeps η α λ θ alone", twists.keep_only_decayed),
    )
    yield Mutant(
        "M03",
        "takes the decay itself, not times θ",
        "e-sensing/torchopt#14",
        lr,
        Twisted(lr, "the decay is η α λ, without θ", step=twists.constant_decay),
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
        "an L2 term that is never used, or joins g after the moments",
        "kozistr/pytorch_optimizer#517, #518",
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
        "M47",
        "the decay is made twice",
        "dylanyunlon/Neuron_SP#13",
        lr,
        Twisted(lr, "θ becomes (1-η α λ)² θ", twists.double_decay),
    )
    yield Mutant(
        "M48",
        "the rate counts twice in the decay",
        "dholzmueller/pytabkit#40",
        lr,
        Twisted(lr, "the decay is η² α² λ θ", twists.rate_twice),
    )
    yield Mutant(
        "M14",
        "ε and λ exchanged",
        "FluxML/Optimisers.jl#198",
        lr,
        Twisted(lr, "ε and λ have changed places", twists.swap_eps_and_decay),
    )
    yield Mutant(
        "M15",
        "normalised decay off by √b (here b = 64)",
        "shaoanlu/keras-adamw#52",
        lr,
        Twisted(lr, "λ is 8 λ", twists.scale_decay),
    )
    yield Mutant(
        "M16",
        "L2 divided by the batch (here 32)",
        "scikit-learn/scikit-learn#10477",
        l2,
        Twisted(l2, "g is ∇f(θ) + λ θ / 32", twists.divide_l2),
    )
    yield Mutant(
        "M30",
        "L2 in the step and not in the moments",
        "apache/mxnet#9881",
        l2,
        Twisted(l2, "λ θ joins after the moments", step=twists.l2_in_step_only),
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
        Twisted(lr, "the decay is of θ²", step=twists.squared_decay),
    )
    yield Mutant(
        "M38",
        "L1 for L2",
        "shaoanlu/keras-adamw#39",
        lr,
        Twisted(lr, "the decay is of sign(θ)", step=twists.sign_decay),
    )
    yield Mutant(
        "skip-zeros",
        "no step where the gradient is 0, no decay either",
        "bitsandbytes-foundation/bitsandbytes: skip_zeros",
        lr,
        Twisted(lr, "where g is 0 nothing happens", step=twists.skipped_zeros),
    )
