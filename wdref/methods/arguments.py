"""The arguments of the constructors: numbers, groups, and what a program has."""

import math
from collections.abc import Mapping
from typing import Any

from ..common.checks import check_count, check_number
from ..conventions import dialect
from ..decay import WeightDecay
from ..rules.registry import families
from ..words import meant


def check_program(opt: Any, variant: str, own: Mapping[str, Any]) -> None:
    """Refuse options that the program `variant` has not, or means otherwise.

    `own` are options that stand for an answer of the dialect. Who gives `answers` themselves says
    that another rule is meant; wdref's own words, the paper's, are free.
    """
    claim = opt.claim
    if variant == "paper" and dialect(claim).form != "none":
        return
    found, known = dialect(claim, variant), meant(claim, variant)
    _check_answers(opt, variant, own)
    if known.line and own.get("nesterov") and _given(opt, "dampening", own):
        raise ValueError(f"{variant} refuses nesterov with dampening: set one of them to 0")
    if found.form == opt.dialect.form == "none" and _most(opt, "weight_decay"):
        raise ValueError(f"{variant} has no weight decay in its {claim}: leave it out")
    if not getattr(found, "buffer", True) and any(over.get("momentum") for _, over in opt.groups):
        raise ValueError(f"{variant} has no momentum in its {claim}: leave it out")


def check_named(claim: str, convention: str, numbers: set[str], options: Mapping[str, Any]) -> None:
    """Refuse another number than its own for what a program has no word for.

    `numbers` are the hyperparameters that stand for no answer of the dialect.
    """
    known = meant(claim, convention)
    for name in numbers & set(options) - set(known.names) - {"weight_decay"}:
        fixed = known.defaults.get(name)
        if fixed is not None and options[name] != fixed:
            raise ValueError(
                f"{convention} has no word for {name} in its {claim}, which is {fixed:g} there: "
                f"leave it out, or say variant={convention!r} in the constructor"
            )


def _check_answers(opt: Any, variant: str, own: Mapping[str, Any]) -> None:
    known = meant(opt.claim, variant).allowed
    options = [(name, own.get(name), name, own.get(name)) for name in opt.family.asked]
    read = dialect(opt.claim, variant).hyper
    for h in opt.family.hyper:
        unread = h.name in opt.family.options and h.name not in read
        if unread and (number := _given(opt, h.name, own)):
            options += [(name, value, h.name, number) for name, value in h.sets.items()]
    for name, value, word, shown in options:
        if value in (None, False, "none", known.get(name)):
            continue
        other = f", but {known[name]!r}" if name in known else ""
        raise ValueError(
            f"{variant} has no {word}={shown!r} in its {opt.claim} that wdref knows{other}: leave "
            f"it out, or say that another rule is meant, answers={{{name!r}: {value!r}}}"
        )


def _given(opt: Any, name: str, own: Mapping[str, Any]) -> Any:
    return own.get(name) or _most(opt, name)


def _most(opt: Any, name: str) -> Any:
    """The value that is on, of the optimizer or of a group."""
    values = [{**opt.hyper, "weight_decay": opt.weight_decay}, *(over for _, over in opt.groups)]
    return next((own[name] for own in values if own.get(name)), 0)


# -- numbers and groups ---------------------------------------------------------------------------


def decay_number(value: Any, where: str = "") -> WeightDecay:
    """Check a weight decay: a number >= 0, or a function of t."""
    if callable(value):
        return value  # type: ignore[no-any-return]  # any callable
    return check_number(f"{where}weight_decay", value, low=0.0)


def hyper_numbers(hyper: Mapping[str, Any], family: str, where: str = "") -> dict[str, float]:
    """Check hyperparameters of `family`, and make them Python floats."""
    known = families().get(family)
    below = {h.name: h.below for h in known.hyper} if known else {}
    whole = {h.name for h in known.hyper if h.whole} if known else set()
    return {
        name: float(check_count(where + name, value))
        if name in whole
        else check_number(where + name, value, low=0.0, below=below.get(name, math.inf))
        for name, value in hyper.items()
    }


def pair(betas: Any, where: str = "") -> tuple[Any, Any]:
    """Return the two betas."""
    try:
        beta1, beta2 = betas
    except (TypeError, ValueError):
        raise ValueError(f"{where}betas={betas!r}: expected a pair of numbers") from None
    return beta1, beta2


def items(groups: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """Check `groups` and return its pairs."""
    if groups is None:
        return []
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups={groups!r}: expected a mapping from patterns to hyperparameters")
    for key, over in groups.items():
        if not (isinstance(key, str) or callable(key)):
            raise TypeError(f"groups[{key!r}]: expected a glob pattern or a callable as the key")
        if not isinstance(over, Mapping):
            raise TypeError(f"groups[{key!r}]={over!r}: expected a mapping of hyperparameters")
    return list(groups.items())


def overrides(
    groups: Any, hyper: Mapping[str, Any], family: str
) -> tuple[tuple[Any, dict[str, Any]], ...]:
    """Check and return the hyperparameters of every group."""
    return tuple((key, _override(key, over, hyper, family)) for key, over in items(groups))


def _override(
    key: Any, over: Mapping[str, Any], hyper: Mapping[str, Any], family: str
) -> dict[str, Any]:
    """Check the hyperparameters of one group."""
    given, where = dict(over), f"groups[{key!r}]: "
    if "betas" in given and "beta1" in hyper:
        given["beta1"], given["beta2"] = pair(given.pop("betas"), where)
    unknown = set(given) - set(hyper) - {"weight_decay"}
    if unknown:
        allowed = ", ".join([*hyper, "weight_decay"])
        raise ValueError(
            f"{where}no hyperparameter {', '.join(sorted(unknown))} here, only {allowed}"
        )
    decays = "weight_decay" in given
    decay = {"weight_decay": decay_number(given.pop("weight_decay"), where)} if decays else {}
    return {**hyper_numbers(given, family, where), **decay}
