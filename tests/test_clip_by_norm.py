"""Clipping by a norm, that of a tensor or of the tree: enclosed, judged, told apart, refused.

The truth is that of tests/by_hand/clip.py, in 50 digits.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from by_hand.clip import by_hand
from by_hand.trees import check

import wdref
from wdref.conventions import dialect
from wdref.frameworks.loopback import OPTIMIZERS
from wdref.oracle.bugs.tensor_bugs import simulate
from wdref.oracle.cases.shapes import tensors
from wdref.oracle.cases.suite import brief
from wdref.oracle.identify.identify import identify
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge, judge_all, overall
from wdref.oracle.proof.detection import simulated
from wdref.oracle.targets.targets import parse, start
from wdref.rules.clip import NORMS

pytest.importorskip("flint", reason="needs wdref[oracle]")
SEVERAL = ("tensors-empty-last", "groups", "late", "gaps", "groups-own")
# (claim, its form): the norm of the sum is another one where the decay is in the gradient
RULES = [("adamw", "paper"), ("adam", "l2"), ("sgd", "l2"), ("sgdw", "paper")]


def several(claim, d, dtype="float64", bound=None):
    """Return the cases of several tensors, with other bounds in place of their own."""
    found = [c for c in tensors(claim, d, dtype) if c.id.partition("/")[0] in SEVERAL]
    if bound is None:
        return found
    return [replace(c, hyper={**c.hyper, "clip": bound},
                    groups=c.groups and tuple({**own, "clip": bound} for own in c.groups))
            for c in found]  # fmt: skip


@pytest.mark.parametrize("clip", NORMS)
@pytest.mark.parametrize(("claim", "form"), RULES)
def test_by_hand(claim, form, clip):
    d = dialect(claim, form=form, clip=clip)
    found = several(claim, d)
    assert len(found) == len(SEVERAL)
    check(d, by_hand, found)


@pytest.mark.parametrize("clip", NORMS)
@pytest.mark.parametrize("bound", [2.0, 6.0, 1e3])
def test_by_hand_where_some_steps_are_clipped_and_some_are_not(clip, bound):
    d = dialect("adam", form="l2", clip=clip)
    check(d, by_hand, several("adam", d, "float32", bound))


def test_a_bound_beyond_every_norm_changes_nothing():
    for claim, form in RULES:
        without = dialect(claim, form=form)
        for clip in NORMS:
            d = dialect(claim, form=form, clip=clip)
            for case in several(claim, d, bound=1e3):
                for got, want in zip(simulate(d, case), simulate(without, case), strict=True):
                    assert got.tobytes() == want.tobytes()


def updated(params, grads, **options):
    """Return θ_0 - θ_1 of plain SGD at the rate 1: what is left of the gradients."""
    opt = wdref.SGD(learning_rate=1.0, momentum=0.0, **{"weight_decay": 0.0, **options})
    new, _ = opt.update(params, grads, opt.init(params))
    return {name: (params[name] - new[name]).tolist() for name in params}


def test_what_is_left_of_a_gradient():
    """By hand: 3, 4 and 12 have the norm 13; 3 and 4 alone have 5."""
    params = {"a": np.zeros(2), "b": np.zeros(1)}
    grads = {"a": np.array([3.0, 4.0]), "b": np.array([12.0])}
    assert updated(params, grads, clip=2.5, clip_by="tensor") == {"a": [1.5, 2.0], "b": [2.5]}
    assert updated(params, grads, clip=6.5, clip_by="tree") == {"a": [1.5, 2.0], "b": [6.0]}
    for at in (13.0, 14.0):  # at the bound it is as long as it may be
        assert updated(params, grads, clip=at, clip_by="tree") == {"a": [3.0, 4.0], "b": [12.0]}
    still = {name: np.zeros_like(g) for name, g in grads.items()}
    assert updated(params, still, clip=1.0, clip_by="tree") == {"a": [0.0, 0.0], "b": [0.0]}


def test_an_l2_term_is_part_of_the_norm_or_is_not():
    """By hand: g = (3, 0) and λ θ = (0, 4), whose sum is 5 long."""
    params, grads = {"a": np.array([0.0, 8.0])}, {"a": np.array([3.0, 0.0])}
    given = {"clip": 1.0, "weight_decay": 0.5}
    for where in ("tensor", "tree"):
        assert updated(params, grads, **given, clip_by=where) == {"a": [1.0, 4.0]}
        left = updated(params, grads, **given, clip_by=f"{where}_sum")["a"]
        np.testing.assert_allclose(left, [0.6, 0.8], rtol=1e-15)


def test_a_norm_of_the_tree_is_that_of_all_tensors():
    """The columns of one tensor go another way than alone."""
    d = dialect("adamw", clip="tree")
    case = next(c for c in several("adamw", d) if c.id.startswith("gaps"))
    part = case.parts()[0]
    one, both = enclose(d, replace(part, whole=None)), enclose(d, part)
    assert np.max(np.abs(one.high - both.high) / both.radius) > 1e6


# -- verdicts --------------------------------------------------------------------------------------

ROWS = {"AdamW[clip_by=tree]": "adamw[clip=tree]", "SGD[clip_by=tensor_sum]":
        "sgd[clip=tensor_sum]"}  # fmt: skip


def asked(d, claim):
    """Return cases of one tensor and of several that say most in little time."""
    some = [c for c in brief(claim, d, "float64") if not {"long", "shape"} & set(c.flags)]
    assert any("tensors" in c.flags for c in some)
    return some


@pytest.mark.parametrize("row", ROWS)
def test_wdref_itself_conforms(row):
    claim, _, clip = ROWS[row].partition("[clip=")
    d = dialect(claim, clip=clip[:-1])
    some = asked(d, claim)
    results = start(parse(f"loopback:{row}"), some).results()
    assert overall(judge_all(d, some, results, {})) == "conforms"
    assert OPTIMIZERS[row] == ROWS[row]


def test_a_target_that_clips_each_tensor_is_told_so():
    claim = dialect("adamw", clip="tree")
    some = [*asked(claim, "adamw"), *several("adamw", claim)]
    results = start(parse("loopback:AdamW[clip_by=tensor]"), some).results()
    assert overall(judge_all(claim, some, results, {})) == "deviates"
    identity = identify(some, results, "adam", claim=claim)
    assert identity.certified
    assert identity.nearest.rule == claim.answered(clip="tensor")


@pytest.mark.parametrize("clip", ["tensor", "tensor_sum", "tree_sum"])
def test_another_norm_deviates_and_is_named(clip):
    """Of one tensor the norm is that of its tree: a case of several tells them apart."""
    claim, wrong = (dialect("adam", form="l2", clip=name) for name in ("tree", clip))
    some = [*(c for c in asked(claim, "adam") if not c.life), *several("adam", claim)]
    results = [simulated(wrong, case) for case in some]
    assert overall(judge_all(claim, some, results, {})) == "deviates"
    alone = [c for c in some if "tensors" not in c.flags]
    if clip == "tensor":
        verdicts = {judge(claim, c, simulated(wrong, c)).verdict for c in alone}
        assert verdicts == {"conforms"}
    identity = identify(some, results, "adam", claim=claim)
    assert identity.certified
    assert identity.nearest.rule == wrong


# -- words -----------------------------------------------------------------------------------------


KNOWN = "give a bound, and one of sum, gradient, tensor, tensor_sum, tree, tree_sum"


@pytest.mark.parametrize(("given", "text"), [
    ({"clip_by": "tree"}, f"clip_by='tree' with clip=None: {KNOWN}"),
    ({"clip_by": "norm", "clip": 1.0}, f"clip_by='norm' with clip=1.0: {KNOWN}"),
])  # fmt: skip
@pytest.mark.parametrize("method", [wdref.AdamW, wdref.SGD])
def test_what_cannot_be_is_refused(method, given, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        method(learning_rate=0.1, weight_decay=0.1, **given)


@pytest.mark.parametrize(("by", "line"), [
    ("tensor", "g ← clip(∇f(θ), ‖·‖) + λ θ"), ("tensor_sum", "g ← clip(∇f(θ) + λ θ, ‖·‖)"),
    ("tree", "g ← clip(∇f(θ), ‖·‖ of the tree) + λ θ"),
    ("tree_sum", "g ← clip(∇f(θ) + λ θ, ‖·‖ of the tree)"),
])  # fmt: skip
def test_the_recurrence_says_what_the_norm_is_of(by, line):
    opt = wdref.Adam(learning_rate=0.1, weight_decay=0.1, clip=1.0, clip_by=by)
    assert opt.dialect.recurrence()[0] == line
