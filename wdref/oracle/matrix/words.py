"""What a dialect answers to the questions that people look up, in words."""

from typing import Any

from ...rules import decay
from ...rules.contract import Dialect
from ...rules.registry import families

# form -> the term, whether the learning rate and the schedule multiply it; None: in the gradient
DECAYS: dict[str, tuple[str, bool | None, bool | None]] = {
    "none": ("none", None, None),
    "l2": ("g + λ θ", None, None),
    "scaled_l2": ("g + (λ/α) s θ", None, None),
    "lr": ("η α λ θ", True, True),
    "paper": ("η λ θ", False, True),
    "fixed": ("λ θ", False, False),
    "initial_lr": ("α λ θ", True, False),
    "proximal": ("θ/(1 + η α λ)", True, True),
    "corrected": ("η² α λ θ", True, True),
    "masked": ("η α λ θ, masked", True, True),
    "ratio": ("λ θ inside the trust ratio", True, True),
    "moment": ("λ θ beside the normalised g, in the moment", True, True),
    "adapted": ("λ θ times the estimated rate", True, True),
    "relative": ("λ θ times the step size, which θ sets", True, True),
}
COLUMNS = ("eps", "bias_correction", "amsgrad", "momentum")  # of the paper's families


def answers(rule: Dialect) -> dict[str, Any]:
    """Return the columns that say what the rule is; None where a question does not arise."""
    family = families()[rule.family]
    own = family.columns(rule)
    return {
        "rule": rule.family,
        "form": rule.form,
        "order": rule.order,
        **{name: own.get(name) for name in COLUMNS},
        "denominator": family.denominator(rule),
        "corrected": family.corrected(rule),
        "further": {name: value for name, value in own.items() if name not in COLUMNS},
        "recurrence": list(rule.recurrence()),
        "words": words(rule),
    }


def words(rule: Dialect) -> str:
    """Describe the rule in a few English sentences.

    >>> from wdref.conventions import dialect
    >>> words(dialect("adam"))
    'L2: λ θ is added to the gradient, before the moments. ε is added to √v̂. Bias corrected: both \
moments.'
    """
    family = families()[rule.family]
    said = [decay.words(rule.form, rule.order, family.enters)]
    if rule.clip != "none":
        what = "with the L2 term" if rule.clip.endswith("sum") else "without the L2 term"
        norm = {"tensor": " by the norm of its tensor", "tree": " by the norm of the tree"}
        by = norm.get(rule.clip.removesuffix("_sum"), "")
        said.append(f"The gradient is clipped{by}, {what}.")
    said += family.words(rule)
    if rule.schedule == "late":
        said.append("The schedule is read one step late.")
    return " ".join(said)
