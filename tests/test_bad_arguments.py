"""Bad arguments of the constructors: one error that names the argument and what was expected."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

import wdref
from wdref.common.checks import check_count, check_number
from wdref.conventions import CONVENTIONS

FORMS = (
    "'none', 'l2', 'paper', 'lr', 'fixed', 'initial_lr', 'scaled_l2', "
    "'proximal', 'corrected', 'masked'"
)
SGD, ADAM = {"learning_rate": 0.1}, {}
UNIT, POSITIVE = "expected a finite number >= 0 and < 1", "expected a finite number >= 0"


def exactly(text):
    return rf"\A{re.escape(text)}\Z"


VALUES = [
    (wdref.AdamW, dict(learning_rate=-1e-3), f"learning_rate=-0.001: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=math.nan), f"learning_rate=nan: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=math.inf), f"learning_rate=inf: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate="1e-3"), f"learning_rate='1e-3': {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=True), f"learning_rate=True: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=np.True_), f"learning_rate=True: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=None), f"learning_rate=None: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=1j), f"learning_rate=1j: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=np.ones(2)), f"learning_rate=[1.0, 1.0]: {POSITIVE}"),
    (wdref.AdamW, dict(learning_rate=np.float32(-1)), f"learning_rate=-1.0: {POSITIVE}"),
    (wdref.AdamW, dict(weight_decay=-0.1), f"weight_decay=-0.1: {POSITIVE}"),
    (wdref.AdamW, dict(weight_decay="0.1"), f"weight_decay='0.1': {POSITIVE}"),
    (wdref.AdamW, dict(eps=-1e-8), f"eps=-1e-08: {POSITIVE}"),
    (wdref.AdamW, dict(betas=(1.0, 0.9)), f"beta1=1.0: {UNIT}"),
    (wdref.AdamW, dict(betas=(0.9, -0.1)), f"beta2=-0.1: {UNIT}"),
    (wdref.AdamW, dict(betas=(0.9, math.nan)), f"beta2=nan: {UNIT}"),
    (wdref.AdamW, dict(betas=(0.9, True)), f"beta2=True: {UNIT}"),
    (wdref.AdamW, dict(betas=0.9), "betas=0.9: expected a pair of numbers"),
    (wdref.AdamW, dict(betas=(0.9,)), "betas=(0.9,): expected a pair of numbers"),
    (wdref.SGD, dict(learning_rate=0.1, momentum=1.0), f"momentum=1.0: {UNIT}"),
    (wdref.SGD, dict(learning_rate=0.1, momentum=False), f"momentum=False: {UNIT}"),
    (wdref.SGD, dict(learning_rate=0.1, dampening=-1), f"dampening=-1: {POSITIVE}"),
    (wdref.SGDW, dict(learning_rate=-0.1), f"learning_rate=-0.1: {POSITIVE}"),
]  # fmt: skip

NAMES = [
    (wdref.AdamW, dict(variant="torch"), "no convention 'torch': it is called pytorch here"),
    (wdref.AdamW, dict(variant="flax"),
     "no convention 'flax': wdref knows " + ", ".join(sorted(CONVENTIONS))),
    (wdref.AdamW, dict(variant="sklearn"), "convention 'sklearn' has no 'adamw': it has sgd, adam"),
    (wdref.AdamW, dict(form="decoupled"), f"form='decoupled': expected one of {FORMS}"),
    (wdref.AdamW, dict(order="before"), "order='before': expected one of 'together', 'after'"),
    (wdref.AdamW, dict(amsgrad=True), "amsgrad=True: expected one of 'none', 'raw', 'hat'"),
    (wdref.SGD, dict(**SGD, nesterov="yes"),
     "nesterov='yes': expected one of False, True, 'twice', 'reread'"),
    (wdref.AdamW, dict(answers={"epsilon": "hat"}),
     "adam has no option 'epsilon': its options are form, order, eps, bias, amsgrad, schedule, "
     "clip"),
    (wdref.AdamW, dict(answers={"bias": "off"}),
     "bias='off': expected one of 'both', 'none', 'first', 'ahead', 'behind', 'in_place'"),
    (wdref.AdamW, dict(answers={"clip": "sum"}),
     "clip=None with answers clip='sum': give both or none"),
    (wdref.AdamW, dict(clip=-1.0), f"clip=-1.0: {POSITIVE}"),
    (wdref.AdamW, dict(backend="cuda"), "no backend 'cuda': wdref knows plain, "),
    (wdref.AdamW, dict(state_dtype="float64"),
     "state_dtype='float64': expected 'float32' or 'params'"),
    (wdref.AdamW, dict(schedule=0.1),
     "schedule=0.1: expected a callable of the step t = 1, 2, …"),
    (wdref.AdamW, dict(form="scaled_l2", learning_rate=0.0),
     "form='scaled_l2' divides by learning_rate: expected a number > 0"),
    (wdref.AdamW, dict(form="scaled_l2", groups={"*": {"learning_rate": 0}}),
     "form='scaled_l2' divides by learning_rate: expected a number > 0"),
]  # fmt: skip

GROUPS = [
    (wdref.AdamW, dict(groups={"*.b": {"momentum": 0.9}}),
     "groups['*.b']: no hyperparameter momentum here, only learning_rate, beta1, beta2, eps, "
     "weight_decay"),
    (wdref.SGD, dict(**SGD, groups={"*": {"betas": (0.9, 0.9), "lr": 1}}),
     "groups['*']: no hyperparameter betas, lr here, only learning_rate, momentum, weight_decay"),
    (wdref.AdamW, dict(groups={"*": {"betas": (0.9, 1.0)}}), f"groups['*']: beta2=1.0: {UNIT}"),
    (wdref.AdamW, dict(groups={"*": {"betas": 1}}),
     "groups['*']: betas=1: expected a pair of numbers"),
    (wdref.AdamW, dict(groups={"*": {"weight_decay": -1}}),
     f"groups['*']: weight_decay=-1: {POSITIVE}"),
    (wdref.AdamW, dict(groups={"*": 0.1}),
     "groups['*']=0.1: expected a mapping of hyperparameters"),
    (wdref.AdamW, dict(groups=[{"params": "*"}]),
     "groups=[{'params': '*'}]: expected a mapping from patterns to hyperparameters"),
    (wdref.AdamW, dict(groups={3: {}}),
     "groups[3]: expected a glob pattern or a callable as the key"),
]  # fmt: skip

CASES = VALUES + NAMES + GROUPS


@pytest.mark.parametrize(
    ("method", "arguments", "text"),
    CASES,
    ids=[f"{i}-{case[2][:30]}" for i, case in enumerate(CASES)],
)
def test_constructors(method, arguments, text):
    exact = exactly(text) if not text.endswith(", ") else re.escape(text)
    with pytest.raises((ValueError, TypeError), match=exact):
        method(**{"weight_decay": 0.1, **arguments})


@pytest.mark.parametrize(("method", "rest"), [(wdref.SGDW, SGD), (wdref.AdamW, ADAM)])
def test_decoupled_methods_want_to_be_told_the_decay(method, rest):
    name = method.__name__
    text = f"{name} needs weight_decay: its meaning differs by form, so that no default is right"
    for call in (method, lambda **options: method.like("pytorch", **options)):
        with pytest.raises(TypeError, match=exactly(text)):
            call(**rest)


@pytest.mark.parametrize(
    "call",
    [lambda: wdref.Adam(1e-3), lambda: wdref.Adam(lr=1e-3), lambda: wdref.SGD(),
     lambda: wdref.SGD.like("optax")],
)  # fmt: skip
def test_arguments_have_names(call):
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize(
    ("mask", "text"),
    [({"w": True}, "decay_mask lacks: b (compared with params)"),
     (True, "decay_mask lacks: b, w (compared with params)")],
)  # fmt: skip
def test_a_mask_of_another_tree(mask, text):
    params = {"w": np.ones(2), "b": np.ones(2)}
    with pytest.raises(ValueError, match=re.escape(text)):
        wdref.AdamW(weight_decay=0.0, decay_mask=mask).init(params)


def test_numbers_of_any_real_type():
    for value in (1, 1.0, Fraction(1), np.float32(1), np.int8(1), np.array(1.0)):
        assert type(check_number("x", value)) is float
    for value in (3, 3.0, np.int64(3), np.float32(3), Fraction(3)):
        assert type(check_count("n", value)) is int


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_too_large_for_a_float(value):
    with pytest.raises(ValueError, match="expected a finite number"):
        check_number("x", value)
    assert check_count("n", 10**400) == 10**400


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, math.inf, "3", True, None, 2j])
def test_counts(value):
    text = f"n={value!r}: expected a whole number >= 1"
    with pytest.raises(ValueError, match=exactly(text)):
        check_count("n", value)
