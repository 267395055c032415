"""A constructor's words and the hyperparameters that they are, and what an object is."""

import functools

import pytest

from wdref.oracle import Unsupported
from wdref.oracle.targets.constructor import Constructor, Words
from wdref.oracle.targets.pointing import Pointing
from wdref.oracle.targets.recognise import framework_of, is_factory, made_already
from wdref.oracle.targets.synonyms import synonyms

ADAM = {"learning_rate": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "weight_decay": 0.4}
RMSPROP = {"learning_rate": 0.3, "rho": 0.7, "momentum": 0.8, "eps": 0.2, "weight_decay": 0.4}
SGD = {"learning_rate": 0.3, "momentum": 0.8, "weight_decay": 0.4}


def words(make, claim="", convention="", **own):
    request = Pointing(claim, convention, **own).request(own.get("options", {}), {})
    return Words(Constructor(make, ("params",)), synonyms=request["synonyms"],
                 chosen=request["words"], fixed=request["options"],
                 unread=request["unread"])  # fmt: skip


@pytest.mark.parametrize(
    ("make", "hyper", "given"),
    [
        (lambda params, lr, betas, eps, wd: 0, ADAM,
         {"lr": 0.3, "betas": (0.8, 0.7), "eps": 0.2, "wd": 0.4}),
        (lambda step_size, b1, b2, epsilon, L2: 0, ADAM,
         {"step_size": 0.3, "b1": 0.8, "b2": 0.7, "epsilon": 0.2, "L2": 0.4}),
        (lambda learningRate, beta_1, beta_2, adam_epsilon, weightDecay: 0, ADAM,
         {"learningRate": 0.3, "beta_1": 0.8, "beta_2": 0.7, "adam_epsilon": 0.2,
          "weightDecay": 0.4}),
        (lambda alpha, beta1, beta2, eps, lam: 0, ADAM,
         {"alpha": 0.3, "beta1": 0.8, "beta2": 0.7, "eps": 0.2, "lam": 0.4}),
        (lambda lr, alpha, momentum, eps, weight_decay: 0, RMSPROP,
         {"lr": 0.3, "alpha": 0.7, "momentum": 0.8, "eps": 0.2, "weight_decay": 0.4}),
        (lambda lr, beta, decay: 0, SGD, {"lr": 0.3, "beta": 0.8, "decay": 0.4}),
    ],
)  # fmt: skip
def test_common_words_need_no_flag(make, hyper, given):
    found = words(make)
    assert found(hyper) == given
    assert found.refusal([hyper]) == ""


def test_the_claim_s_own_words_come_first():
    """optax's rmsprop calls ρ decay, which elsewhere is the weight decay."""
    make = lambda learning_rate, decay, momentum, eps, l2: 0  # noqa: E731  # a signature
    assert words(make, "rmsprop", "optax")(RMSPROP)["decay"] == 0.7
    plain = lambda lr, decay, momentum: 0  # noqa: E731  # a signature
    assert words(plain, "sgd", "pytorch")(SGD)["decay"] == 0.4


def test_what_is_chosen_comes_before_all():
    make = lambda lr, wd, weight_decay, momentum: 0  # noqa: E731  # a signature
    found = words(make, words={"wd": ("momentum",), "momentum": ("weight_decay",)})
    assert found(SGD) == {"lr": 0.3, "wd": 0.8, "momentum": 0.4}


def test_an_option_is_given_as_it_is_and_not_the_case_s():
    make = lambda lr, momentum, weight_decay=0.0: 0  # noqa: E731  # a signature
    found = words(make, options={"weight_decay": 0.1})
    assert found(SGD) == {"lr": 0.3, "momentum": 0.8}
    assert found.refusal([SGD]) == ""


def test_what_a_rule_does_not_read_needs_no_word():
    make = lambda lr, momentum: 0  # noqa: E731  # a signature
    assert words(make, unread=("weight_decay",)).refusal([SGD]) == ""
    assert "known to be weight_decay" in words(make).refusal([SGD])
    plain = lambda lr, weight_decay: 0  # noqa: E731  # a signature
    assert words(plain).refusal([{**SGD, "momentum": 0.0}]) == ""


def test_a_neutral_value_needs_no_word_and_others_are_unsupported():
    make = lambda lr, momentum, weight_decay: 0  # noqa: E731  # a signature
    damped = {**SGD, "dampening": 0.3}
    found = words(make)
    assert found.refusal([damped, {**SGD, "dampening": 0.0}]) == ""
    assert found({**SGD, "dampening": 0.0}) == {"lr": 0.3, "momentum": 0.8, "weight_decay": 0.4}
    with pytest.raises(Unsupported, match="known to be dampening"):
        found(damped)


class Base:
    def __init__(self, params, lr=1.0, **kwargs):
        pass


class Child(Base):
    def __init__(self, params, momentum=0.9, **kwargs):
        super().__init__(params, **kwargs)


def test_keywords_are_followed_to_the_base_classes():
    assert Constructor(Child, ("params",)).names == ["lr", "momentum"]
    assert Constructor(functools.partial(Child, momentum=0.5)).name == "Child"


def case_of_options(case, lr=0.1):
    pass


def any_name(c, eps=1):
    pass


def from_config(config, learning_rate, eps):
    pass


@pytest.mark.parametrize(
    ("thing", "makes"),
    [
        (case_of_options, False),
        (any_name, False),
        (lambda c: c, False),
        (lambda *cases: 0, False),
        (lambda: 0, False),
        (lambda lr: 0, True),
        (lambda params, speed: 0, True),
        (from_config, True),
        (functools.partial(from_config, None), True),
    ],
)
def test_a_factory_is_known_by_its_parameters(thing, makes):
    known = {word.replace("_", "").lower() for word, _ in synonyms()}
    assert is_factory(thing, known) == makes


class Transformation:
    def __init__(self, learning_rate):
        pass

    def init(self, params):
        pass

    def update(self, grads, state, params=None):
        pass


def test_a_class_is_known_by_its_bases_or_its_protocol():
    import wdref

    assert framework_of(wdref.AdamW) == "loopback"
    assert framework_of(Transformation) == "optax"
    assert made_already(Transformation(0.1)) == "optax"
    assert framework_of(Child) is None
    assert made_already(Child([])) is None
