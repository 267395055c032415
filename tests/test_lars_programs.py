"""LARS among its programs: a run that goes on here, one that is bought by a name, what is told."""

import numpy as np
import pytest

import wdref
from wdref.conventions import CONVENTIONS
from wdref.decay import NoConversion
from wdref.dialects import LarsDialect


def test_the_programs_are_four_functions():
    dialects = [claims["lars"] for claims in CONVENTIONS.values() if "lars" in claims]
    assert len(dialects) == len({d.plain() for d in dialects}) == 4


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_run_begun_in_optax_goes_on_here(nesterov):
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    grads = np.random.default_rng(0).normal(size=(9, 4))
    given = {"learning_rate": 0.125, "weight_decay": 0.25, "trust_coefficient": 0.5,
             "nesterov": nesterov}  # fmt: skip
    with jax.enable_x64(True):
        there, params = optax.lars(**given), jax.numpy.ones(4)
        state, opt = there.init(params), wdref.LARS.like("optax", **given)
        mine, own = None, None
        for t, g in enumerate(grads):
            if t == 4:
                mine = np.array(params)
                own = wdref.states.load(opt, mine, state, "optax", step=4)
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            if own is not None:
                mine, own = opt.update(mine, g, own)
        np.testing.assert_allclose(mine, params, rtol=1e-14)


def test_a_constructor_line_is_each_program_s():
    given = {"learning_rate": 0.5, "weight_decay": 0.25}
    for program, rest in {"optax": {"eps": 0.0, "momentum": 0.9}, "tinygrad": {"momentum": 0.9},
                          "paddle": {"eps": 0.0, "momentum": 0.5}}.items():  # fmt: skip
        own = {"momentum": 0.5} if program == "paddle" else {}  # it has no default
        opt = wdref.LARS.like(program, **given, **own)
        assert opt.dialect == CONVENTIONS[program]["lars"]
        assert {**opt.hyper, **given} == {**given, **rest, "trust_coefficient": 1e-3}


def test_what_is_other_is_in_the_recurrence():
    lines = {d: LarsDialect(**answers).recurrence() for d, answers in {
        "paper": {}, "sum": {"norms": "sum"}, "gradient": {"kept": "gradient"},
        "before": {"form": "lr", "order": "before", "guard": "none", "eps": "outside"},
    }.items()}  # fmt: skip
    assert lines["paper"] == (
        "g ← ∇f(θ)", "u ← g + λ θ", "ℓ ← κ ‖θ‖/(‖g‖ + λ ‖θ‖)   (1 where a norm is 0)",
        "m ← β1 m + η α ℓ u", "θ ← θ - m",
    )  # fmt: skip
    assert lines["sum"][2] == "ℓ ← κ ‖θ‖/‖u‖   (1 where a norm is 0)"
    assert lines["gradient"][3:] == ("m ← β1 m + u", "θ ← θ - η α ℓ m")
    assert lines["before"] == (
        "θ ← θ - η α λ θ", "g ← ∇f(θ)", "u ← g", "ℓ ← κ ‖θ‖/(‖g‖ + ε)", "m ← β1 m + η α ℓ u",
        "θ ← θ - m",
    )  # fmt: skip


def test_what_has_one_rule_converts_and_what_has_not_is_refused():
    given = {"learning_rate": 0.5, "weight_decay": 0.25, "momentum": 0.5}
    same = wdref.convert("lars", "optax", "optax", **given)
    assert same.exact
    assert same.line == (
        "optax.lars(learning_rate=0.5, momentum=0.5, trust_coefficient=0.001, eps=0.0, "
        "weight_decay=0.25)"
    )
    with pytest.raises(NoConversion, match="norms is 'parts' here and 'sum' there"):
        wdref.convert("lars", "paper", "optax", **given)
    with pytest.raises(NoConversion, match="stands elsewhere there"):
        wdref.convert("lamb", "optax", "keras", learning_rate=0.5, weight_decay=0.25)
