"""What another program's word is called here."""

from collections.abc import Collection

from ..rules.contract import Family
from ..rules.programs import programs

COMMON = {"lr": "learning_rate", "step_size": "learning_rate", "wd": "weight_decay",
          "l2": "weight_decay", "decay": "weight_decay", "epsilon": "eps", "b1": "betas",
          "b2": "betas", "beta": "betas", "beta1": "betas", "beta2": "betas", "params": "",
          "mask": "decay_mask", "param_groups": "groups", "convention": "variant"}  # fmt: skip


def called(name: str, family: Family, known: Collection[str]) -> str:
    """Return what `name` is called among the `known` words, for the end of an error."""
    here = {theirs: ours for claims in programs(family).values() for program in claims.values()
            for ours, theirs in program.names.items()}  # fmt: skip
    word = here.get(name, COMMON.get(name.lower(), ""))
    word = "betas" if word in ("beta1", "beta2") and "betas" in known else word
    if word in known:
        return f": it is called {word} here"
    return f": it has {', '.join(known)}"
