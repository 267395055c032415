"""LAMB among its programs: their verdicts, a run that goes on here, what is told."""

import numpy as np
import pytest

import wdref
from wdref.conventions import CONVENTIONS, dialect
from wdref.dialects import LambDialect
from wdref.oracle.cases.shapes import tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.verdict import judge, judge_all, overall
from wdref.oracle.targets.targets import parse, start

pytest.importorskip("flint", reason="needs wdref[oracle]")
SHORT = ("exaggerated", "sparse", "no-decay")
# (target, module, verdict in float64): paddle and tinygrad hold the host's numbers in float32
ROWS = [
    ("optax:lamb", "optax", "conforms"),
    ("keras:Lamb[backend=jax]", "keras", "conforms"),
    ("paddle:Lamb", "paddle", "imprecise"),
    ("tinygrad:LAMB", "tinygrad", "imprecise"),
]


def judged(target, d, dtype, names=SHORT):
    """Return the cases of these names, and what the target makes of them."""
    some = [c for c in regimes("lamb", d, dtype) if c.id.partition("/")[0] in names]
    return some, start(parse(target), some).results()


@pytest.mark.parametrize(("target", "module", "verdict"), ROWS, ids=lambda x: x)
def test_each_program_is_its_dialect(target, module, verdict):
    pytest.importorskip(module, reason="extra `frameworks`")
    d = dialect("lamb", module)
    for dtype, word in (("float32", "conforms"), ("float64", verdict)):
        some, results = judged(target, d, dtype)
        assert len(some) == len(SHORT)
        assert overall(judge_all(d, some, results, {})) == word


@pytest.mark.parametrize(("target", "undecayed", "other"), [
    ("paddle:Lamb", "adam", "ratio"), ("paddle:Lamb[always_adapt=True]", "ratio", "adam"),
])  # fmt: skip
def test_in_paddle_a_switch_says_what_no_decay_means(target, undecayed, other):
    pytest.importorskip("paddle", reason="extra `frameworks`")
    right, wrong = (dialect("lamb", "paddle", undecayed=word) for word in (undecayed, other))
    (case,), (result,) = judged(target, right, "float32", ("no-decay",))
    assert judge(right, case, result).verdict == "conforms"
    assert judge(wrong, case, result).verdict == "deviates"


def test_in_keras_the_decay_stands_outside():
    pytest.importorskip("keras", reason="extra `frameworks`")
    (case,), (result,) = judged("keras:Lamb[backend=jax]", LambDialect(), "float32", SHORT[:1])
    assert judge(LambDialect(), case, result).verdict == "deviates"
    assert judge(dialect("lamb", "keras"), case, result).verdict == "conforms"


def test_each_tensor_of_optax_has_its_own_ratio():
    pytest.importorskip("optax", reason="extra `frameworks`")
    d = dialect("lamb", "optax")
    some = [c for c in tensors("lamb", d, "float32") if c.id.startswith("tensors-empty")]
    (result,) = start(parse("optax:lamb"), some).results()
    assert judge(d, some[0], result).verdict == "conforms"
    joined = np.concatenate(result.values[::-1], axis=1)  # the tensors in another order: others
    parts = np.split(joined, np.cumsum([x.shape[1] for x in result.values])[:-1], axis=1)
    assert judge(d, some[0], type(result)("ok", parts)).verdict == "deviates"


def test_the_programs_are_three_functions():
    known = [claims["lamb"] for claims in CONVENTIONS.values() if "lamb" in claims]
    assert len(known) == 5
    assert set(known) == {LambDialect(), LambDialect("lr", "before"),
                          LambDialect(undecayed="adam")}  # fmt: skip


def test_a_run_begun_in_optax_goes_on_here():
    jax, optax = (pytest.importorskip(x, reason="extra `frameworks`") for x in ("jax", "optax"))
    grads = np.random.default_rng(0).normal(size=(9, 2, 3))
    given = {"learning_rate": 0.125, "weight_decay": 0.25}
    with jax.enable_x64(True):
        there, params = optax.lamb(**given), jax.numpy.ones((2, 3))
        state, opt = there.init(params), wdref.LAMB.like("optax", **given)
        mine, own = None, None
        for t, g in enumerate(grads):
            if t == 4:
                mine = np.array(params)
                own = wdref.states.load(opt, mine, state, "optax")
            updates, state = there.update(jax.numpy.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            if own is not None:
                mine, own = opt.update(mine, g, own)
        np.testing.assert_allclose(mine, params, rtol=1e-14)


@pytest.mark.parametrize(("program", "eps"), [("optax", 1e-6), ("keras", 1e-7), ("paddle", 1e-6),
                                              ("tinygrad", 1e-6)])  # fmt: skip
def test_a_method_bought_by_a_name_is_the_program_s(program, eps):
    given = {"learning_rate": 0.5, "weight_decay": 0.25}
    opt = wdref.LAMB.like(program, **given)
    assert opt.dialect == CONVENTIONS[program]["lamb"]
    assert {**opt.hyper, **given} == {**given, "beta1": 0.9, "beta2": 0.999, "eps": eps}


def test_what_is_other_is_in_the_recurrence():
    moments = ("g ← ∇f(θ)", "m ← β1 m + (1-β1) g", "v ← β2 v + (1-β2) g²", "m̂ ← m/(1-β1^t)",
               "v̂ ← v/(1-β2^t)")  # fmt: skip
    free = "r ← ‖θ‖/‖u‖   (1 where a norm is 0)"
    assert LambDialect().recurrence() == (
        *moments, "u ← m̂/(√v̂ + ε) + λ θ", free, "θ ← θ - η α r u")  # fmt: skip
    assert LambDialect("lr", "before").recurrence() == (
        "θ ← θ - η α λ θ", *moments, "u ← m̂/(√v̂ + ε)", free, "θ ← θ - η α r u")  # fmt: skip
    adam = LambDialect(undecayed="adam", trust="bounded", eps="hat").recurrence()
    assert adam[5:7] == ("u ← m̂/(√v̂ + ε/√(1-β2^t)) + λ θ",
                         "r ← min(‖θ‖/‖u‖, 1)   (1 where a norm or λ is 0)")  # fmt: skip
