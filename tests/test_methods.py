"""The methods by name: what their options mean, and what their repr says."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import wdref
from wdref.conventions import CONVENTIONS, dialect
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.methods import methods
from wdref.methods.stub import stub
from wdref.rules import registry
from wdref.words import meant

METHODS = {method.claim: method for method in methods().values()}
RATE = {"learning_rate": 0.1}


def after_updates(opt, params, count=2):
    state = opt.init(params)
    for _ in range(count):
        grads = {name: 0.5 * np.ones_like(p) for name, p in params.items()}
        params, state = opt.update(params, grads, state)
    return params


PARAMS = {"enc.w": np.ones((2, 2)), "enc.b": np.ones(2), "dec.w": 2 * np.ones((2, 2))}


# -- no decay -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "plain"), [(wdref.SGDW, wdref.SGD), (wdref.AdamW, wdref.Adam)])
@pytest.mark.parametrize("asked", [{"form": "none"}, {"answers": {"form": "none"}}], ids=str)
def test_no_decay_needs_no_weight_decay(method, plain, asked, same_bits):
    for convention in ("paper", "pytorch"):
        got = after_updates(method.like(convention, **RATE, **asked), PARAMS)
        bare = after_updates(plain.like(convention, **RATE, weight_decay=0.0), PARAMS)
        for name in PARAMS:
            same_bits(got[name], bare[name])


# -- other arguments ----------------------------------------------------------------------------


REPLACED = [
    (wdref.AdamW, "keras", dict(weight_decay=0.5, groups={"*.b": {"eps": 0.5}}), dict(eps=0.25)),
    (wdref.AdamW, "paper", dict(weight_decay=0.5), dict(betas=(0.5, 0.75), form="lr")),
    (wdref.SGD, "pytorch", dict(**RATE, dampening=0.5), dict(momentum=0.0)),
    (wdref.SGD, "paper", dict(**RATE, momentum=0.0), dict(momentum=0.5)),
]


@pytest.mark.parametrize(("method", "convention", "given", "other"), REPLACED)
def test_replace_is_the_constructor_with_other_arguments(
    method, convention, given, other, same_bits
):
    opt = method.like(convention, **given)
    want = method.like(convention, **{**given, **other})
    for got in (opt.replace(**other), opt.__replace__(**other), copied(opt).replace(**other)):
        assert (type(got), repr(got)) == (method, repr(want))
        for name, p in after_updates(want, PARAMS).items():
            same_bits(after_updates(got, PARAMS)[name], p)
    assert repr(opt) == repr(method.like(convention, **given))


def copied(opt):
    return pickle.loads(pickle.dumps(copy.copy(opt)))


def test_a_state_goes_on_with_another_rate(same_bits):
    opt = wdref.AdamW(weight_decay=0.5)
    later = opt.replace(learning_rate=0.5)
    written, grads = {name: p.copy() for name, p in PARAMS.items()}, PARAMS
    state = later.step(written, grads, opt.step(written, grads, opt.init(written)))
    params, old = opt.update(PARAMS, grads, opt.init(PARAMS))
    params, new = later.update(params, grads, old)
    assert state.step == new.step == 2
    for name, p in params.items():
        same_bits(written[name], p)


def test_replace_refuses_what_the_constructor_refuses():
    with pytest.raises(ValueError, match=r"^eps=-1: expected a finite number >= 0$"):
        wdref.Adam().replace(eps=-1)
    with pytest.raises(TypeError, match="'lr'"):
        wdref.Adam().replace(lr=1e-3)


def test_an_optimizer_of_any_dialect_has_it_too(same_bits):
    hyper = {"learning_rate": 0.1, "momentum": 0.5}
    opt = wdref.Optimizer("mine", MomentumDialect(), hyper, 0.5, wdref.schedules.constant())
    got = opt.replace(hyper={**hyper, "learning_rate": 0.25})
    want = wdref.SGDW(learning_rate=0.25, momentum=0.5, weight_decay=0.5)
    for name, p in after_updates(want, PARAMS).items():
        same_bits(after_updates(got, PARAMS)[name], p)


# -- decay mask ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [wdref.AdamW, wdref.SGD])
@pytest.mark.parametrize(
    "mask",
    [lambda path, leaf: leaf.ndim > 1, lambda path, leaf: not path.endswith(".b"),
     {"enc.w": True, "enc.b": False, "dec.w": True}],
    ids=["by leaf", "by path", "tree"],
)  # fmt: skip
def test_a_masked_leaf_has_no_decay_term(mask, method, same_bits):
    got = after_updates(method(**RATE, weight_decay=0.5, decay_mask=mask), PARAMS)
    decayed = after_updates(method(**RATE, weight_decay=0.5), PARAMS)
    bare = after_updates(method(**RATE, weight_decay=0.5, form="none"), PARAMS)
    for name in PARAMS:
        same_bits(got[name], (bare if name == "enc.b" else decayed)[name])
    assert np.all(decayed["enc.b"] != bare["enc.b"])


# -- groups -------------------------------------------------------------------------------------


def test_groups_are_optimizers_of_their_own(same_bits):
    groups = {
        "enc.*": {"learning_rate": 0.25, "betas": (0.5, 0.75)},
        lambda path, leaf: path == "dec.w": {"weight_decay": 0.0, "eps": 0.5, "beta1": 0.0},
    }
    got = after_updates(wdref.AdamW(weight_decay=0.125, groups=groups), PARAMS)
    one = wdref.AdamW(learning_rate=0.25, betas=(0.5, 0.75), weight_decay=0.125)
    other = wdref.AdamW(weight_decay=0.0, eps=0.5, betas=(0.0, 0.999))
    for name in PARAMS:
        alone = one if name.startswith("enc") else other
        same_bits(got[name], after_updates(alone, PARAMS)[name])


def test_the_first_group_that_matches_wins(same_bits):
    groups = {"*.b": {"learning_rate": 0.5}, "enc.*": {"learning_rate": 0.25}}
    got = after_updates(wdref.SGDW(**RATE, weight_decay=0.0, groups=groups), PARAMS)
    for name, rate in {"enc.b": 0.5, "enc.w": 0.25, "dec.w": 0.1}.items():
        same_bits(
            got[name], after_updates(wdref.SGDW(weight_decay=0.0, learning_rate=rate), PARAMS)[name]
        )


def test_groups_and_mask_together(same_bits):
    groups = {"enc.*": {"weight_decay": 0.5}}
    opt = wdref.AdamW(weight_decay=0.25, groups=groups, decay_mask=lambda path, p: p.ndim > 1)
    got = after_updates(opt, PARAMS)
    for name, lam in {"enc.w": 0.5, "enc.b": 0.0, "dec.w": 0.25}.items():
        same_bits(got[name], after_updates(wdref.AdamW(weight_decay=lam), PARAMS)[name])


def test_a_group_with_a_decay_that_varies():
    opt = wdref.AdamW(weight_decay=0.0, groups={"*": {"weight_decay": lambda t: 1.0 / t}})
    assert [opt.scalars(t)[2].decay for t in (1, 2, 4)] == [1.0, 0.5, 0.25]


def test_a_group_with_momentum_keeps_the_buffer():
    opt = wdref.SGD(**RATE, momentum=0, groups={"enc.*": {"momentum": 0.5}})
    assert opt.dialect.slots == ("m",)
    path = after_updates(opt, PARAMS)
    np.testing.assert_allclose(path["enc.b"], 1 - 0.1 * (0.5 + 0.5 + 0.25))
    np.testing.assert_allclose(path["dec.w"], 2 - 0.1 * (0.5 + 0.5))


@pytest.mark.parametrize("groups", [{"encoder.*": {}}, {lambda path, leaf: False: {}}])
def test_a_group_without_a_leaf_is_an_error(groups):
    opt, state = (
        wdref.AdamW(weight_decay=0.0, groups=groups),
        wdref.AdamW(weight_decay=0.0).init(PARAMS),
    )
    for call in (lambda: opt.init(PARAMS), lambda: opt.update(PARAMS, PARAMS, state)):
        with pytest.raises(ValueError, match=r"^groups: .* matches no leaf of dec.w, enc.b"):
            call()


# -- conventions and dialects -------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_like_means_what_the_convention_says(convention):
    for claim in CONVENTIONS[convention]:
        found = dialect(claim, convention)
        own = {"weight_decay": 0.0 if found.form == "none" else 0.1, "learning_rate": 0.1}
        if getattr(found, "buffer", False):
            own |= {"momentum": 0.5, "nesterov": False}  # on by default in scikit-learn
        if "eps" in found.hyper and "eps" not in meant(claim, convention).defaults:
            own |= {"eps": 0.5}  # of an operator, which has no defaults
        if claim == "lars" and "momentum" not in meant(claim, convention).defaults:
            own |= {"momentum": 0.5}
        for name in (convention, convention.replace("_", "-")):
            opt = METHODS[claim].like(name, **own)
            assert opt.dialect == found
            assert isinstance(opt, METHODS[claim])


def test_like_has_the_convention_s_defaults():
    assert wdref.AdamW.like("keras", weight_decay=0.1).hyper["eps"] == 1e-7
    assert wdref.Adam.like("mlx", learning_rate=0.1, betas=(0.5, 0.75)).hyper["beta2"] == 0.75
    assert wdref.SGD.like("pytorch").hyper == {"learning_rate": 1e-3, "momentum": 0.0}
    assert wdref.SGD.like("chainer").hyper == {"learning_rate": 1e-2, "momentum": 0.9}
    assert wdref.SGD.like("thinc", learning_rate=0.1).hyper["momentum"] == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wdref.Adam.like("mlx", learning_rate=0.1, weight_decay=0.1),
         "mlx has no weight decay in its adam: leave it out"),
        (lambda: wdref.SGD.like("thinc", learning_rate=0.1, momentum=0.9),
         "thinc has no momentum in its sgd: leave it out"),
    ],
)  # fmt: skip
def test_like_refuses_what_the_convention_has_not(call, message):
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        call()


def test_options_are_answers():
    assert wdref.AdamW(
        weight_decay=0.0, form="lr", order="after", amsgrad="raw"
    ).dialect == AdamDialect("lr", "after", amsgrad="raw")
    assert wdref.SGD.like("pytorch", **RATE, momentum=0.9, nesterov=True).dialect == (
        MomentumDialect("l2", lr="outside", damping="dampening", first="gradient", nesterov=True)
    )
    assert wdref.SGD(**RATE, dampening=0.5).hyper["dampening"] == 0.5
    assert wdref.SGD.like("pytorch", **RATE, momentum=0.9).hyper["dampening"] == 0.0


def test_numbers_become_python_floats():
    # NumPy's scalars would widen float32
    opt = wdref.AdamW(
        weight_decay=0.0, learning_rate=np.float64(0.1), betas=np.array([0.5, 0.75]), eps=1
    )
    assert {type(value) for value in opt.hyper.values()} == {float}
    new, _ = opt.update([np.ones(2, "f4")], [np.ones(2, "f4")], opt.init([np.ones(2, "f4")]))
    assert new[0].dtype == np.float32


def test_answers_of_every_axis():
    answers = {"eps": "hat", "bias": "none", "schedule": "late"}
    opt = wdref.AdamW(weight_decay=0.1, answers=answers, clip=0.5)
    assert opt.dialect == AdamDialect("paper", clip="sum", **answers)
    assert opt.hyper["clip"] == 0.5
    new, _ = opt.update(np.zeros(1), np.array([9.0]), opt.init(np.zeros(1)))
    clipped, _ = opt.update(np.zeros(1), np.array([0.5]), opt.init(np.zeros(1)))
    assert new == clipped != 0
    before_l2 = wdref.SGD(**RATE, clip=0.5, answers={"clip": "gradient"})
    assert before_l2.dialect.recurrence()[0] == "g ← clip(∇f(θ)) + λ θ"


def test_an_optimizer_of_any_dialect():
    # a schedule read late: η_t is the multiplier of the step before
    hyper = {"learning_rate": 0.5, "momentum": 0.5, "clip": 0.25}
    d = MomentumDialect("none", schedule="late", clip="gradient")
    opt = wdref.Optimizer("mine", d, hyper, 0.0, wdref.schedules.step_drop((1, 2), 0.5))
    theta, state, path = np.array([1.0]), opt.init(np.array([1.0])), []
    for _ in range(3):
        theta, state = opt.update(theta, np.array([9.0]), state)
        path.append(theta.item())
    assert [opt.schedule(t) for t in (1, 2, 3)] == [1.0, 0.5, 0.25]
    m1 = 0.5 * 0.25
    m2 = 0.5 * m1 + 1.0 * 0.5 * 0.25
    m3 = 0.5 * m2 + 0.5 * 0.5 * 0.25
    assert path == [1 - m1, 1 - m1 - m2, 1 - m1 - m2 - m3]


# -- in words -----------------------------------------------------------------------------------

REPRS = {
    wdref.SGD(learning_rate=0.1): """\
SGD(learning_rate=0.1, momentum=0.9, weight_decay=0.0, schedule=Constant(value=1.0))
  g ← ∇f(θ) + λ θ
  m ← β1 m + η α g
  θ ← θ - m""",
    wdref.SGD.like("pytorch", learning_rate=0.1, momentum=0.9, nesterov=True): """\
SGD(learning_rate=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, schedule=Constant(value=1.0))
  g ← ∇f(θ) + λ θ
  m ← β1 m + (1-τ) g   (first step: m ← g)
  θ ← θ - η α (β1 m + g)""",
    wdref.SGDW(learning_rate=0.1, momentum=0, weight_decay=1e-4): """\
SGDW(learning_rate=0.1, momentum=0.0, weight_decay=0.0001, schedule=Constant(value=1.0))
  g ← ∇f(θ)
  m ← η α g
  θ ← θ - m - η λ θ""",
    wdref.Adam(weight_decay=0.5, amsgrad="hat"): """\
Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.5, \
schedule=Constant(value=1.0))
  g ← ∇f(θ) + λ θ
  m ← β1 m + (1-β1) g
  v ← β2 v + (1-β2) g²
  m̂ ← m/(1-β1^t)
  v_max ← max(v_max, v/(1-β2^t))
  v̂ ← v_max
  θ ← θ - η α m̂/(√v̂ + ε)""",
    wdref.AdamW(weight_decay=0.5, schedule=wdref.schedules.cosine(9)): """\
AdamW(learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.5, \
schedule=WarmRestarts(T_0=9.0, T_mult=1.0, eta_min=0.0, eta_max=1.0, steps_per_epoch=1, last=True))
  g ← ∇f(θ)
  m ← β1 m + (1-β1) g
  v ← β2 v + (1-β2) g²
  m̂ ← m/(1-β1^t)
  v̂ ← v/(1-β2^t)
  θ ← θ - η α m̂/(√v̂ + ε) - η λ θ""",
}


@pytest.mark.parametrize(("opt", "text"), REPRS.items(), ids=lambda x: type(x).__name__)
def test_repr_spells_out_the_recurrence(opt, text):
    assert repr(opt) == text


# -- what families are made into -------------------------------------------------------------------


def test_the_types_of_the_constructors_are_those_of_the_families():
    """`python -m wdref.methods.stub` writes them."""
    file = Path(wdref.methods.__file__).with_suffix(".pyi")
    assert file.read_text("utf-8") == stub()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("lr", "it is called learning_rate here"),
        ("wd", "it is called weight_decay here"),
        ("beta_1", "it is called betas here"),
        ("epsilon", "it is called eps here"),
        ("no_such", "it has learning_rate, weight_decay, betas, eps, amsgrad, schedule"),
    ],
)
def test_another_program_s_word_is_called_something_here(word, message):
    with pytest.raises(TypeError, match=rf"^AdamW\(\) got .* argument '{word}': {message}"):
        wdref.AdamW(**{word: 0.1})


@pytest.mark.parametrize("name", ["torch", "Torch", "scikit-learn", "jax"])
def test_another_name_of_a_convention_is_told(name):
    with pytest.raises(ValueError, match=rf"^no convention '{name}': it is called \w+ here$"):
        wdref.AdamW.like(name, weight_decay=0.1)


def test_classes_stay_the_same_when_families_are_looked_for_anew():
    opt = wdref.AdamW(weight_decay=0.1)
    registry.forget()
    assert type(copied(opt)) is type(opt) is wdref.AdamW
