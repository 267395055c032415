"""The text of a dialect says what it computes: known texts, and none stands for two functions."""

from collections import defaultdict

import numpy as np
import pytest

from wdref.conventions import CONVENTIONS, dialect
from wdref.dialects import AdamDialect, LionDialect, MomentumDialect, RpropDialect
from wdref.rules.registry import claims

HYPER = {"learning_rate": 0.3, "momentum": 0.8, "dampening": 0.4, "beta1": 0.8, "beta2": 0.7,
         "eps": 0.2, "weight_decay": 0.4, "clip": 0.3, "shrink": 0.6, "grow": 1.5, "smallest": 0.05,
         "largest": 0.25}  # fmt: skip
MOMENTS = ("m ← β1 m + (1-β1) g", "v ← β2 v + (1-β2) g²")
CORRECTED = (*MOMENTS, "m̂ ← m/(1-β1^t)", "v̂ ← v/(1-β2^t)")
TEXTS = {
    ("sgd", "paper"): ("g ← ∇f(θ) + λ θ", "m ← β1 m + η α g", "θ ← θ - m"),
    ("sgdw", "paper"): ("g ← ∇f(θ)", "m ← β1 m + η α g", "θ ← θ - m - η λ θ"),
    ("adam", "paper"): ("g ← ∇f(θ) + λ θ", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε)"),
    ("adamw", "paper"): ("g ← ∇f(θ)", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε) - η λ θ"),
    ("sgdw", "authors_code"): ("g ← ∇f(θ)", "m ← β1 m + g", "θ ← θ - η α m - η λ θ"),
    ("adamw", "authors_code"):
        ("g ← ∇f(θ)", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε/√(1-β2^t)) - η λ θ"),
    ("sgd", "pytorch"):
        ("g ← ∇f(θ) + λ θ", "m ← β1 m + (1-τ) g   (first step: m ← g)", "θ ← θ - η α m"),
    ("adamw", "pytorch"): ("g ← ∇f(θ)", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε) - η α λ θ"),
    ("adam", "keras"):
        ("g ← ∇f(θ)", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε/√(1-β2^t)) - η α λ θ"),
    ("adam", "sklearn"): ("g ← ∇f(θ) + λ θ", *CORRECTED, "θ ← θ - η α m̂/(√v̂ + ε/√(1-β2^t))"),
}  # fmt: skip


@pytest.mark.parametrize(("claim", "convention"), TEXTS)
def test_of_a_convention(claim, convention):
    assert dialect(claim, convention).recurrence() == TEXTS[claim, convention]


def test_of_other_answers():
    assert dialect("adamw", order="after").recurrence()[-2:] == (
        "θ ← θ - η α m̂/(√v̂ + ε)",
        "θ ← θ - η λ θ",
    )
    assert dialect("adamw", form="fixed").recurrence()[-1] == "θ ← θ - η α m̂/(√v̂ + ε) - λ θ"
    assert dialect("adam", amsgrad="raw").recurrence()[3:6] == (
        "m̂ ← m/(1-β1^t)",
        "v_max ← max(v_max, v)",
        "v̂ ← v_max/(1-β2^t)",
    )
    assert dialect("sgd", nesterov=True).recurrence()[-1] == "θ ← θ - (β1 m + η α g)"
    twice = dialect("sgd", nesterov="twice").recurrence()
    assert twice[-1] == "θ ← θ - (β1 (β1 m + η α g) + η α g)"
    assert dialect("sgd", nesterov="reread").recurrence()[1:] == (
        "m ← β1 m + η α g   (kept with the new θ in g)",
        "θ ← θ - (β1 m + η α g)",
    )
    assert AdamDialect(bias="in_place").recurrence()[3] == "m ← m/(1-β1^t), v ← v/(1-β2^t)"
    scaled = AdamDialect(form="scaled_l2").recurrence()[0]
    assert scaled == "g ← ∇f(θ) + (λ/α) s θ   (s: the denominator of the step before)"


def test_of_clipping_and_a_late_schedule():
    assert dialect("adam", clip="sum").recurrence()[0] == "g ← clip(∇f(θ) + λ θ)"
    assert dialect("adam", clip="gradient").recurrence()[0] == "g ← clip(∇f(θ)) + λ θ"
    late = dialect("sgdw", schedule="late", form="initial_lr").recurrence()
    assert late[1:] == ("m ← β1 m + η_{t-1} α g", "θ ← θ - m - α λ θ")


def every(family):
    return [d for clip in (False, True) for d in family.every(clip=clip, twins=True)]


def run(d):
    theta, rng = np.array([1.0, -0.5]), np.random.default_rng(1)
    slots = [np.full(2, x) for x in d.starts(HYPER)]
    path = (1.0, 0.5, 0.7, 0.9)
    for t, eta in enumerate(path, start=1):
        s = d.scalars(HYPER, t, eta, before=path[t - 2] if t > 1 else None)
        theta, slots = d.apply(theta, rng.normal(size=2) / t**2, slots, s)
    return theta


@pytest.mark.parametrize("family", [AdamDialect, MomentumDialect, LionDialect, RpropDialect])
def test_one_text_is_one_function(family):
    # the state of an optimizer is known by its text: two functions must not share one
    groups = defaultdict(list)
    for d in every(family):
        groups[d.recurrence()].append(run(d))
    assert len(groups) > 100
    for same in groups.values():
        np.testing.assert_allclose(same, np.broadcast_to(same[0], np.shape(same)), rtol=1e-12)


def test_conventions_are_dialects_of_their_claim():
    for rules in CONVENTIONS.values():
        for claim, d in rules.items():
            assert claims()[claim].name == d.family
