"""`like` and `convert` mean the same by an option, or both refuse it."""

import re
from inspect import signature
from itertools import product

import numpy as np
import pytest

import wdref
from wdref.conventions import CONVENTIONS
from wdref.methods import methods
from wdref.oracle.cases.trajectory import begun
from wdref.rules import registry
from wdref.words import table

METHODS = {method.claim: method for method in methods().values()}
RATE, GIVEN = {"learning_rate": 0.125}, {"weight_decay": 0.25}
OPTIONS = {
    "sgd": [RATE, {"momentum": 0.5}, {"dampening": 0.75}, {"nesterov": True}, GIVEN],
    "adam": [RATE, {"amsgrad": "raw"}, {"amsgrad": "hat"}, {"betas": (0.5, 0.75)}, {"eps": 0.5},
             GIVEN],
}  # fmt: skip
SHARED = {"betas": (0.5, 0.75), "eps": 0.5, "rho": 0.5}  # what other families may have
# options of another constructor of the program, of which `convert` has no words
BESIDE = {("optax", "hat")}
GRADS = np.array([[1.0, -2.0], [0.5, 0.25], [-0.125, 4.0]])
ROWS = [(convention, claim) for convention in table() for claim in table()[convention]]


def asked(claim):
    """Every choice of options; a decay that the class asks for is always given."""
    family, parameters = registry.claims()[claim], signature(METHODS[claim]).parameters
    shared = [{name: x} for name, x in SHARED.items() if name in parameters]
    pool = OPTIONS.get(family.name, [RATE, *shared, GIVEN])
    for chosen in product((False, True), repeat=len(pool)):
        if METHODS[claim].record.decays and not chosen[-1]:
            continue
        yield {name: x for own, on in zip(pool, chosen, strict=True) if on
               for name, x in own.items()}  # fmt: skip


def converted(claim, convention, options):
    """The training that `convert` reads from the same words, None where it refuses."""
    own = dict(options)
    if "amsgrad" in own:
        if convention != "paper" and own["amsgrad"] != "raw":
            return None  # the switch of every program that has one
        own["amsgrad"] = True
    try:
        return wdref.convert(claim, convention, convention, **own).before
    except ValueError:
        return None


def path(dialect, hyper):
    """Parameters after three steps by the rule itself."""
    hyper = {"dampening": 0.0, **hyper}
    theta = np.ones(2)
    slots = begun(dialect, theta, hyper)
    for t, g in enumerate(GRADS, start=1):
        given = (*slots, *(g for _ in dialect.inputs))
        theta, slots = dialect.apply(theta, g, given, dialect.scalars(hyper, t, 1.0))
        yield theta


@pytest.mark.parametrize(("convention", "claim"), ROWS)
def test_an_option_means_what_convert_says_or_both_refuse_it(convention, claim):
    for options in asked(claim):
        there = converted(claim, convention, options)
        # of wdref's own constructors `convert` has the words that the paper has
        optional = {h.name for h in METHODS[claim].family.hyper if h.sets}
        own = convention == "paper" and {"amsgrad", *optional} & set(options)
        beside = own or (convention, options.get("amsgrad")) in BESIDE
        try:
            here = METHODS[claim].like(convention, **options)
        except (ValueError, TypeError):
            assert there is None or beside, options
            continue
        assert there is not None or beside, options
        if there is not None and not beside:
            got = path(here.dialect, {**here.hyper, "weight_decay": here.weight_decay})
            for mine, theirs in zip(got, path(there.dialect, there.hyper), strict=True):
                np.testing.assert_array_equal(mine, theirs, err_msg=str(options))


NESTEROV = {
    "paper", "pytorch", "keras", "sklearn", "optax", "paddle", "mlx", "tinygrad", "tf_addons",
    "tensorflow", "onnx",
}  # fmt: skip
AMSGRAD = {
    "paper": {"raw", "hat"}, "pytorch": {"raw"}, "keras": {"raw"}, "paddle": {"raw"},
    "tf_addons": {"raw"}, "optax": {"hat"}, "tensorflow": {"raw"},
}  # fmt: skip
DAMPENING = {"paper", "pytorch", "mlx", "onnx"}


def takes(claim, convention, **options):
    own = {**RATE, "weight_decay": 0.0, **options}
    try:
        METHODS[claim].like(convention, **own)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_options_are_those_of_the_program(convention):
    """By its documentation, also where `convert` has no words."""
    for claim in CONVENTIONS[convention]:
        if "amsgrad" in METHODS[claim].family.options:
            found = {x for x in ("raw", "hat") if takes(claim, convention, amsgrad=x)}
            assert found == AMSGRAD.get(convention, set()), claim
        elif "dampening" in METHODS[claim].family.options:
            heavy = {} if convention == "thinc" else {"momentum": 0.5}
            found = takes(claim, convention, **heavy, nesterov=True)
            assert found == (convention in NESTEROV), claim
            found = takes(claim, convention, **heavy, nesterov=False, dampening=0.5)
            assert found == (convention in DAMPENING), claim


def test_what_is_off_is_no_option():
    off = {"nesterov": False, "dampening": 0.0, "momentum": 0.0, "weight_decay": 0.0}
    pairs = [(wdref.SGD.like("thinc", **RATE, **off), wdref.SGD.like("thinc", **RATE)),
             (wdref.Adam.like("mlx", **RATE, amsgrad="none", weight_decay=0.0),
              wdref.Adam.like("mlx", **RATE))]  # fmt: skip
    for got, plain in pairs:
        rows = [path(opt.dialect, {**opt.hyper, "weight_decay": 0.0}) for opt in (got, plain)]
        np.testing.assert_array_equal(*map(list, rows))


def test_an_answer_says_that_another_rule_is_meant():
    opt = wdref.SGD.like("chainer", answers={"nesterov": True})
    assert opt.dialect.nesterov


def test_defaults_of_programs_that_convert_does_not_know():
    assert wdref.Adam.like("onnx", **RATE).hyper["eps"] == 1e-6
    assert wdref.SGD.like("sklearn", **RATE).dialect.nesterov
    assert wdref.Adam.like("tensorflow").hyper["learning_rate"] == 1e-3


REFUSED = [
    (lambda: wdref.SGD.like("chainer", nesterov=True),
     "chainer has no nesterov=True in its sgd that wdref knows: leave it out, or say that another "
     "rule is meant, answers={'nesterov': True}"),
    (lambda: wdref.SGD(variant="chainer", **RATE, nesterov=True),
     "chainer has no nesterov=True in its sgd that wdref knows: leave it out, or say that another "
     "rule is meant, answers={'nesterov': True}"),
    (lambda: wdref.SGD.like("chainer").replace(nesterov=True),
     "chainer has no nesterov=True in its sgd that wdref knows: leave it out, or say that another "
     "rule is meant, answers={'nesterov': True}"),
    (lambda: wdref.AdamW.like("pytorch", weight_decay=0.1, amsgrad="hat"),
     "pytorch has no amsgrad='hat' in its adamw that wdref knows, but 'raw': leave it out, or say "
     "that another rule is meant, answers={'amsgrad': 'hat'}"),
    (lambda: wdref.SGD.like("optax", **RATE, momentum=0.5, dampening=0.5),
     "optax has no dampening=0.5 in its sgd that wdref knows: leave it out, or say that another "
     "rule is meant, answers={'damping': 'dampening'}"),
    (lambda: wdref.SGD.like("pytorch", momentum=0.5, nesterov=True, dampening=0.5),
     "pytorch refuses nesterov with dampening: set one of them to 0"),
    (lambda: wdref.Adam(variant="mlx", weight_decay=0.1),
     "mlx has no weight decay in its adam: leave it out"),
    (lambda: wdref.Adam.like("mlx", **RATE, groups={"*": {"weight_decay": 0.1}}),
     "mlx has no weight decay in its adam: leave it out"),
    (lambda: wdref.SGD.like("thinc", **RATE, groups={"*": {"momentum": 0.5}}),
     "thinc has no momentum in its sgd: leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wdref.Adam.like("optax"), "optax has no default of learning_rate in its adam"),
        (lambda: wdref.SGD.like("tensorflow", **RATE),
         "tensorflow has no default of momentum in its sgd"),
    ],
)  # fmt: skip
def test_what_has_no_default_is_asked_for(call, message):
    with pytest.raises(TypeError, match=rf"\A{message}: give it\Z"):
        call()
