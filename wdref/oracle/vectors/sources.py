"""Where the recurrence of each file of vectors is written down."""

from collections.abc import Mapping
from typing import NamedTuple

from ...rules.derived import derived
from ...rules.programs import programs
from ...rules.registry import families

DTYPES = ("float64", "float32")  # of the groups, in their order


class Source(NamedTuple):
    """Where a recurrence is written down."""

    name: str
    reference: str
    where: str


PROGRAMS = {
    "authors_code": (
        "the authors' program", "github.com/loshchil/AdamW-and-SGDW, commit 0ae5185",
    ),
    "pytorch": ("PyTorch", "github.com/pytorch/pytorch, version 2.13"),
    "keras": ("Keras", "github.com/keras-team/keras, version 3"),
    "sklearn": ("scikit-learn", "github.com/scikit-learn/scikit-learn, version 1.9"),
    "optax": ("optax", "github.com/google-deepmind/optax, version 0.2.8"),
    "paddle": ("Paddle", "github.com/PaddlePaddle/Paddle, version 3.3"),
    "mlx": ("MLX", "github.com/ml-explore/mlx, version 0.32"),
    "tinygrad": ("tinygrad", "github.com/tinygrad/tinygrad, version 0.14"),
    "dadaptation": ("dadaptation", "github.com/facebookresearch/dadaptation, version 3.2"),
    "prodigyopt": ("prodigyopt", "github.com/konstmish/prodigy, version 1.1"),
    "optimi": ("optimi", "github.com/warner-benjamin/optimi, version 0.3"),
    "pytorch_optimizer": (
        "pytorch_optimizer", "github.com/kozistr/pytorch_optimizer, version 4.1",
    ),
    "timm": ("timm", "github.com/huggingface/pytorch-image-models, version 1.0.31"),
    "zeta": ("zeta", "github.com/kyegomez/zeta"),
    "levanter": ("levanter", "github.com/marin-community/levanter"),
    "transformers": ("transformers", "github.com/huggingface/transformers, version 5.24"),
    "mlx_optimizers": ("mlx_optimizers", "github.com/stockeh/mlx-optimizers, version 0.4"),
    "c_optim": ("C-Optim", "github.com/kyleliang919/C-Optim, commit 2c0517c"),
    "grams": ("grams-pytorch", "github.com/Gunale0926/Grams, version 0.0.2"),
    "sophia": ("Sophia", "github.com/Liuhong99/Sophia"),
}  # fmt: skip


@derived
def sources() -> Mapping[tuple[str, str], Source]:
    """Return the source of every convention and claim that has one."""
    found: dict[tuple[str, str], Source] = {}
    for family in families().values():
        for convention, claims in programs(family).items():
            whose = family.source if convention == "paper" else PROGRAMS.get(convention)
            for claim, program in claims.items():
                if program.source:
                    found[convention, claim] = Source(*(whose or (convention, "")), program.source)
    return found
