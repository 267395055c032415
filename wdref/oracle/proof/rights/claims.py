"""What right implementations implement: the claims of formulas, and those of every family."""

from collections.abc import Iterator
from typing import Any

from ....conventions import conventions, dialect
from ....rules.clip import NORMS
from ....rules.derived import derived
from ....rules.registry import families
from ....rules.shapes import scope_of

# what formulas in other orders implement: every form, and the answers that programs differ in
CLAIMS = {
    "adam": (
        dialect("adamw", "pytorch"),
        dialect("adam", "pytorch"),
        dialect("adamw", "paper"),
        dialect("adamw", "keras"),
        dialect("adamw", "tf_addons"),
        dialect("adamw", "thinc"),
        dialect("adamw", "mlx"),
    ),
    "sgd": (
        dialect("sgd", "pytorch"),
        dialect("sgd", "pytorch", nesterov=True),
        dialect("sgd", "paper"),
        dialect("sgdw", "paper"),
        dialect("sgdw", "keras", nesterov=True),
        dialect("sgdw", "tf_addons"),
        dialect("sgdw", "paper", order="after"),
    ),
}


@derived
def claims_of(family: str) -> tuple[Any, ...]:
    """Return what the programs of a family compute, each function once, and what else is asked.

    Of a rule that sums also the paper's with one other answer; of Adam and SGD what clips by norms.
    """
    known: dict[Any, Any] = {}
    for claim in _asked(family):
        known.setdefault(claim.plain(), claim)
    return tuple(known.values())


def _asked(family: str) -> Iterator[Any]:
    own = [d for table in conventions().values() for d in table.values() if d.family == family]
    yield from own
    if own and scope_of(own[0]) != "element":
        for name, answers in own[0].questions().items():
            yield from (own[0].answered(**{name: answer}) for answer in answers)
    if family in CLAIMS:
        for clip in NORMS:
            coupled = clip.endswith("sum")  # of the sum with the L2 term
            yield from (d.answered(clip=clip) for d in CLAIMS[family][1:3] if
                        (d.form == "l2") is coupled)  # fmt: skip


def kind_of(claim: Any) -> str:
    """Return the family, and whether its gradient is clipped by a norm."""
    return f"{claim.family}, clipped by norm" if claim.clip in NORMS else str(claim.family)


def known_families() -> tuple[str, ...]:
    """Return the names of all families that have a claim."""
    return tuple(name for name in families() if claims_of(name))
