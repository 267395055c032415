"""What a dialect answers to the questions that people look up, in words."""

from typing import Any

from ...dialects import AdamDialect, Dialect, MomentumDialect

# form -> the term, whether the learning rate and the schedule multiply it; None: in the gradient
DECAYS: dict[str, tuple[str, bool | None, bool | None]] = {
    "none": ("none", None, None),
    "l2": ("g + λ θ", None, None),
    "scaled_l2": ("g + (λ/α) s θ", None, None),
    "lr": ("η α λ θ", True, True),
    "paper": ("η λ θ", False, True),
    "fixed": ("λ θ", False, False),
    "initial_lr": ("α λ θ", True, False),
}
EPS = {
    "outside": "√v̂ + ε",
    "hat": "√v̂ + ε/√(1-β2^t)",
    "inside": "√(v̂ + ε)",
    "both": "√(v̂ + ε) + ε",
    "clamp": "max(√v̂, ε)",
}
BIAS = {
    "both": "both moments",
    "none": "none",
    "first": "first moment only",
    "ahead": "both, t one ahead",
    "behind": "both, t one behind",
    "in_place": "both, stored back",
}

_FURTHER = {
    "twice": " twice (Nesterov)",
    "reread": " (Nesterov), and the buffer keeps the L2 term of the new parameter",
}


def answers(rule: Dialect) -> dict[str, Any]:
    """Return the columns that say what the rule is; None where a question does not arise."""
    adam = isinstance(rule, AdamDialect)
    return {
        "rule": rule.family,
        "form": rule.form,
        "order": rule.order,
        "eps": rule.eps if isinstance(rule, AdamDialect) else None,
        "bias_correction": rule.bias if isinstance(rule, AdamDialect) else None,
        "amsgrad": rule.amsgrad if isinstance(rule, AdamDialect) else None,
        "momentum": None if adam else momentum(rule),
        "recurrence": list(rule.recurrence()),
        "words": words(rule),
    }


def momentum(rule: Any) -> str:
    """Where the learning rate stands, what damps the gradient, and Nesterov's step."""
    if not rule.buffer:
        return "no momentum"
    damped = {"none": "g", "dampening": "(1-τ) g", "ema": "(1-β1) g"}[rule.damping]
    gain = f"η α {damped}" if rule.lr == "inside" else damped
    first = ", first m ← g" if rule.first == "gradient" and rule.damping != "none" else ""
    ahead = {False: "", True: ", Nesterov"}.get(rule.nesterov, f", Nesterov {rule.nesterov}")
    return f"m ← β1 m + {gain}{first}{ahead}"


def words(rule: Dialect) -> str:
    """Describe the rule in a few English sentences.

    >>> words(AdamDialect(form="l2"))
    'L2: λ θ is added to the gradient, before the moments. ε is added to √v̂. Bias corrected: both \
moments.'
    """
    said = [_decay(rule)]
    if rule.clip != "none":
        what = "with the L2 term" if rule.clip == "sum" else "without the L2 term"
        said.append(f"The gradient is clipped, {what}.")
    said += _adam(rule) if isinstance(rule, AdamDialect) else _momentum(rule)
    if rule.schedule == "late":
        said.append("The schedule is read one step late.")
    return " ".join(said)


def _decay(rule: Dialect) -> str:
    if rule.form == "none":
        return "No decay."
    if rule.form == "l2":
        place = "moments" if isinstance(rule, AdamDialect) else "momentum"
        return f"L2: λ θ is added to the gradient, before the {place}."
    if rule.form == "scaled_l2":
        return "L2 scaled by the denominator of the step before."
    factors = {
        "lr": "times learning rate and schedule",
        "paper": "times the schedule, not the learning rate",
        "fixed": "times neither learning rate nor schedule",
        "initial_lr": "times the initial learning rate, not the schedule",
    }[rule.form]
    after = rule.order == "after"
    reads = "after the step, from the stepped θ" if after else "from the θ before the step"
    return f"Decoupled: λ θ {factors}, taken {reads}."


def _adam(rule: AdamDialect) -> list[str]:
    at = {
        "outside": "ε is added to √v̂.",
        "hat": "ε is added to √v before the bias correction.",
        "inside": "ε is added inside the root.",
        "both": "ε is added inside the root and outside.",
        "clamp": "ε bounds √v̂ from below.",
    }[rule.eps]
    if rule.eps == "hat" and rule.bias in ("none", "first"):
        at = "ε is added to √v."
    said = [at, f"Bias corrected: {BIAS[rule.bias]}."]
    if rule.amsgrad != "none":
        of = "v, corrected afterwards" if rule.amsgrad == "raw" else "the corrected v̂"
        said.append(f"AMSGrad: the maximum of {of}.")
    return said


def _momentum(rule: MomentumDialect) -> list[str]:
    if not rule.buffer:
        return ["No momentum."]
    said = [f"The learning rate stands {rule.lr} the momentum buffer."]
    if rule.damping != "none":
        factor = "1-τ" if rule.damping == "dampening" else "1-β1"
        but = ", but for the first" if rule.first == "gradient" else ""
        said.append(f"Gradients enter it times {factor}{but}.")
    if rule.nesterov:
        said.append(f"The step looks ahead{_FURTHER.get(str(rule.nesterov), ' (Nesterov)')}.")
    return said
