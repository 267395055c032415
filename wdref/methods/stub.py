"""The types of the constructors, for editors and type checkers: ``methods/__init__.pyi``.

``python -m wdref.methods.stub`` writes the file anew; a test compares it with the families.
"""

from importlib.resources import files
from pathlib import Path

from ..rules.contract import Claim, Family
from ..rules.registry import families
from .method import signature

HEAD = '''"""Written by `python -m wdref.methods.stub`; do not edit."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from ..decay import WeightDecay
from ..optimizer import Optimizer, Predicate, Tree
from ..rules.contract import Claim, Family
from ..rules.decay import Clip, Form, Order
from ..schedules import Schedule

class Method(Optimizer):
    family: ClassVar[Family]
    record: ClassVar[Claim]
    claim: ClassVar[str]
    def replace(self, **arguments: Any) -> Self: ...
    @classmethod
    def like(cls, convention: str, /, **options: Any) -> Self: ...

def methods() -> dict[str, type[Method]]: ...
'''
TYPES = {
    "weight_decay": "WeightDecay | None", "betas": "tuple[float, float]",
    "schedule": "Schedule | None", "variant": "str", "form": "Form | None",
    "order": "Order | None", "answers": "Mapping[str, Any] | None", "clip": "float | None",
    "clip_by": "Clip | None",
    "decay_mask": "Predicate | Tree | None",
    "groups": "Mapping[str | Predicate, Mapping[str, Any]] | None",
    "state_dtype": 'Literal["float32", "params"]', "master_weights": "bool",
    "backend": "str | None",
}  # fmt: skip


def stub() -> str:
    """Return the text of the file: the classes of wdref's own families."""
    own = [f for f in families().values() if f.package.startswith("wdref.")]
    return HEAD + "".join(_class(f, c) for f in own for c in f.claims)


def _class(family: Family, record: Claim) -> str:
    lines = [f"        {word}: {_type(family, word)}{_default(p)}," for word, p
             in signature(family, record).parameters.items()]  # fmt: skip
    head = f"\nclass {record.method}(Method):\n    def __init__(\n        self,\n        *,\n"
    return head + "\n".join(lines) + "\n    ) -> None: ...\n"


def _default(parameter: object) -> str:
    default = getattr(parameter, "default", None)
    return "" if default is type(parameter).empty else " = ..."  # type: ignore[attr-defined]  # of a Parameter


def _type(family: Family, word: str) -> str:
    if word in TYPES:
        return TYPES[word]
    if word not in family.asked:
        optional = any(h.name == word and h.sets for h in family.hyper)
        return "float | None" if optional else "float"
    answers = family.dialect.questions()[word]
    if answers == (False, True):
        return "bool | None"
    return f"Literal[{', '.join(map(_literal, answers))}] | None"


def _literal(answer: object) -> str:
    return f'"{answer}"' if isinstance(answer, str) else repr(answer)


def main() -> None:
    """Write the file."""
    package = files(__package__)
    Path(str(package.joinpath("__init__.pyi"))).write_text(stub(), "utf-8")


if __name__ == "__main__":
    main()
