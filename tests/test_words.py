"""The words of each program are those of the installed one: names, defaults, constructors."""

import inspect
import os
import warnings

import pytest
from programs import needed

import wdref
from wdref.rules import registry
from wdref.words import find, table

INSTALLED = ("paper", "pytorch", "optax", "keras", "paddle", "mlx", "tinygrad", "thinc")
HYPER = {"learning_rate": 0.125, "momentum": 0.5, "weight_decay": 0.25}
ROWS = [(c, claim) for c in INSTALLED for claim in table()[c]]


def module(convention):
    names = {"paper": "wdref", "pytorch": "torch", "mlx": "mlx.optimizers",
             "tinygrad": "tinygrad.nn.optim", "thinc": "thinc.api"}  # fmt: skip
    name = names.get(convention, convention)
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the frameworks import
        pytest.importorskip(name, reason="the extra `frameworks` brings it")
        return __import__(name)


def params(convention, root):
    if convention == "pytorch":
        return [root.ones(2, requires_grad=True)]
    if convention == "paddle":
        return [root.create_parameter([2], "float32")]
    if convention == "tinygrad":
        return [root.Tensor([1.0, 2.0])]
    return None


def hyper(claim, convention):
    words = find(claim, convention)
    own = {name: x for name, x in HYPER.items() if name in words.names}
    return own | {s.name: True for s in words.switches}


@pytest.mark.parametrize(("convention", "claim"), ROWS)
def test_a_line_can_be_pasted(convention, claim):
    root = module(convention)
    if convention == "tinygrad":
        needed("clang")  # its CPU compiles with it
    line = wdref.convert(claim, convention, convention, **hyper(claim, convention)).line
    names = {root.__name__: root, "wdref": wdref, "params": params(convention, root)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = eval(line, names)
    assert made is not None


# what optax's SGDW and SignSGD are made of has no defaults
OTHERWISE = (("optax", "sgdw"), ("optax", "radamw"), ("optax", "signsgd"))


def alone(claim):
    """Optax' function of the claim, without the decay that is chained to it."""
    import optax

    return claim if hasattr(optax, claim) else claim.removesuffix("w")


@pytest.mark.parametrize(("convention", "claim"), [row for row in ROWS if row not in OTHERWISE])
def test_defaults_are_the_program_s(convention, claim):
    root, words = module(convention), find(claim, convention)
    call = f"optax.{alone(claim)}" if "chain" in words.line else words.optimizer
    given = {}
    for name, x in inspect.signature(eval(call, {root.__name__: root})).parameters.items():
        if x.default is not inspect.Parameter.empty:
            given[name] = x.default
    for name, theirs in words.names.items():
        ours = ("beta1", "beta2") if name == "betas" else (name,)
        expected = tuple(words.defaults.get(x) for x in ours)
        if f"{{{name}}}" in words.line:  # an argument of another call
            continue
        if theirs not in given:
            assert expected == (None,)
            continue
        default = given[theirs]
        off = default is None and name != "learning_rate"  # of a rate None says that there is none
        default = tuple(default) if name == "betas" else (0.0 if off else default,)
        if convention == "paper" and name == "weight_decay":
            default = (None,) if registry.claim(claim).decays else (0.0,)
        assert expected == default, name


def test_every_switch_is_in_the_signature():
    for convention, claim in ROWS:
        words, root = find(claim, convention), module(convention)
        if "chain" not in words.line and convention != "paper":
            known = inspect.signature(eval(words.optimizer, {root.__name__: root})).parameters
            assert {s.theirs for s in words.switches} <= set(known)
