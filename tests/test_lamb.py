"""LAMB: enclosed, the same bits everywhere, told apart; what a norm of 0 and a λ of 0 mean.

The truth is that of tests/by_hand/lamb.py, in 50 digits.
"""

import numpy as np
import pytest
from by_hand.lamb import by_hand
from family_runs import CASES, cases, check_bits, check_contains, dialects, leaves
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref.backend import Leaf
from wdref.conventions import dialect
from wdref.dialects import LambDialect
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases.together import trajectories
from wdref.oracle.identify.candidates import candidates
from wdref.oracle.judge.enclosure import enclose
from wdref.rules.lamb import lamb, lamb_dialect
from wdref.sums import alone

pytest.importorskip("flint", reason="needs wdref[oracle]")
DIALECTS = dialects("lamb")
PLANS = (*CASES, "no-decay", "overshoot", "origin", "rate-2")
H = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}
OTHERS = (
    LambDialect("lr", "before", eps="hat", trust="bounded"),
    LambDialect("l2", eps="inside", bias="none"),
    LambDialect("paper", "after", undecayed="adam"),
    LambDialect("none", undecayed="adam"),
)


def test_every_program_is_here():
    programs = ("paper", "optax", "keras", "paddle", "tinygrad")
    assert set(DIALECTS) == {f"{name}.lamb" for name in programs}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("d", list(dict.fromkeys([*DIALECTS.values(), *OTHERS])), ids=str)
def test_by_hand(d, dtype):
    found = cases(d, dtype, names=PLANS)
    assert len(found) == len(PLANS)
    for case in found:
        check_contains(d, case, by_hand)
        assert not enclose(d, case).doubt.any()


@pytest.mark.parametrize("name", ["exaggerated", "sparse", "no-decay", "origin"])
def test_every_answer_by_hand(name):
    some = candidates("lamb")[::7]
    for question, answers in LambDialect.questions().items():
        assert {getattr(d, question) for d in some} == set(answers)
    for d in some:
        (case,) = cases(d, names=(name,))
        check_contains(d, case, by_hand)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", list(dict.fromkeys([*DIALECTS.values(), *OTHERS])), ids=str)
def test_same_bits(d, dtype, same_bits):
    pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300, 40_000):
        for zero in (1.0, 0.0):
            for lam in (0.4, 0.0):
                check_bits(leaf(d, zero * rng.normal(size=(4, size)).astype(dtype), lam), same_bits)


def leaf(d, arrays, lam=0.4):
    """Return a leaf of these: θ, g, m and the root of v."""
    theta, g, m, v = arrays
    return Leaf(Kernel(d), theta, g, (m, v * v), d.scalars({**H, "weight_decay": lam}, 3, 0.5))


@settings(max_examples=15)
@given(data=st.data())
def test_same_bits_of_any_values(data, same_bits):
    pytest.importorskip("numba", reason="the extra `fast` installs it")
    d = data.draw(st.sampled_from([LambDialect(), *OTHERS]))
    check_bits(data.draw(leaves(d, "float32")), same_bits)


@pytest.mark.parametrize("form", ["ratio", "none"])
@pytest.mark.parametrize("eps", ["outside", "hat"])
def test_the_paper_s_lines_are_the_dialect_s(form, eps, same_bits):
    d = LambDialect(form=form, eps=eps)
    assert d.rounds is lamb
    theta, g, m, v = np.random.default_rng(0).normal(size=(4, 50))
    for lam in (0.4, 0.0, None):  # None: a mask
        s = d.scalars({**H, "weight_decay": lam}, 2, 0.5)
        for x in (theta, 0 * theta):
            new, kept = alone(lamb, x, g, (m, v * v), s)
            other, others = alone(lamb_dialect, d, x, g, (m, v * v), s)
            for mine, theirs in zip((new, *kept), (other, *others), strict=True):
                same_bits(mine, theirs)


@pytest.mark.parametrize(("dtype", "apart"), [("float32", 1e3), ("float64", 1e5)])
def test_answers_are_apart(dtype, apart):
    """Any two functions differ on some case by far more than roundings allow of the one."""
    every = candidates("lamb")
    some = range(0, len(every), 23)
    nearest = {i: np.zeros(len(every)) for i in some}
    # the ratio takes away again what scales u whole, as a correction of both moments does with ε in
    # it ("hat"); but not at θ = 0
    for case in cases(LambDialect(), dtype, names=("exaggerated", "bursts", "no-decay", "origin")):
        values = trajectories(every, case).reshape(len(every), -1)
        for i in some:
            radius = enclose(every[i], case).radius.ravel()
            known = np.isfinite(radius) & (radius > 0)
            with np.errstate(all="ignore"):
                far = np.max(np.abs(values - values[i])[:, known] / radius[known], axis=1)
            np.maximum(nearest[i], far, out=nearest[i])
    for i, far in nearest.items():
        far[i] = np.inf
        assert far.min() >= apart, (every[i], every[int(far.argmin())])


def stepped(theta, g, **options):
    numbers = {"learning_rate": 0.5, "weight_decay": 0.0, "eps": 0.0, **options}
    opt, params = wdref.LAMB(**numbers), {"w": np.array(theta)}
    return opt.update(params, {"w": np.array(g)}, opt.init(params))[0]["w"].tolist()


def test_a_tensor_of_zeros_moves_by_adam_s_step():
    """‖θ‖ = 0: the ratio is 1, with a decay and without."""
    assert stepped([0.0, 0.0], [3.0, -2.0]) == [-0.5, 0.5]
    assert stepped([0.0, 0.0], [3.0, -2.0], weight_decay=0.5) == [-0.5, 0.5]


def test_an_update_of_zeros_moves_nothing():
    """‖u‖ = 0: the ratio is 1 and not ‖θ‖/0, whose product with 0 is no number."""
    assert stepped([4.0, 8.0], [0.0, 0.0], eps=0.5) == [4.0, 8.0]
    # 0/0 is no number in Adam either: without ε there is no direction
    assert np.isnan(stepped([4.0, 8.0], [0.0, 0.0])).all()


def test_a_tensor_without_a_gradient_decays_by_its_ratio():
    """u = λ θ: the ratio is 1/λ, and the step η α θ, whatever λ is."""
    for lam in (0.5, 0.25):
        assert stepped([4.0, 8.0], [0.0, 0.0], eps=0.5, weight_decay=lam) == [2.0, 4.0]


def test_the_first_step_is_as_long_as_alpha_times_theta():
    new = stepped([3.0, 4.0, 12.0], [5.0, -1.0, 0.5], weight_decay=0.75)
    moved = np.subtract([3.0, 4.0, 12.0], new)
    assert np.linalg.norm(moved) == pytest.approx(0.5 * 13.0, rel=1e-15)


MASKED = {"weight_decay": 0.5, "decay_mask": {"w": False}}


@pytest.mark.parametrize("masked", [{"weight_decay": 0.0}, MASKED], ids=str)
def test_a_tensor_without_decay_has_a_ratio_but_in_paddle(masked):
    """By hand: u = ±1, ‖θ‖ = 5 and ‖u‖ = √2."""
    ratio = 5.0 / np.sqrt(2.0)
    want = [3.0 - 0.5 * ratio, 4.0 + 0.5 * ratio]
    np.testing.assert_allclose(stepped([3.0, 4.0], [9.0, -2.0], **masked), want, rtol=1e-15)
    adam = {"answers": {"undecayed": "adam"}}
    assert stepped([3.0, 4.0], [9.0, -2.0], **masked, **adam) == [2.5, 4.5]
    assert stepped([3.0, 4.0], [9.0, -2.0], **masked, variant="paddle") == [2.5, 4.5]


def test_a_bounded_ratio_is_at_most_1():
    assert stepped([3.0, 4.0], [9.0, -2.0], trust="bounded") == [2.5, 4.5]
    short = [0.03, 0.04]
    assert stepped(short, [9.0, -2.0], trust="bounded") == stepped(short, [9.0, -2.0])


def test_a_rule_without_decay_is_adam_where_that_is_the_answer():
    """So that no word may be dropped of it."""
    d = LambDialect("none", undecayed="adam", trust="bounded")
    assert d.plain() == LambDialect("none", undecayed="adam")
    assert dialect("lamb", form="none").plain() == LambDialect("none")
