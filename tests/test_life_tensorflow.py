"""Lives of TensorFlow's own classes: a subclass with one fault is found by its event alone."""

from types import SimpleNamespace

import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.lives import lives
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.exchange import Result

EVENTS = {"resume", "resume-tensors", "change-rate", "change-decay", "change-moments", "skip",
          "clip-value", "clip-norm", "million"}  # fmt: skip


@pytest.fixture(scope="module")
def tf():
    """TensorFlow, imported when a test needs it: not before Paddle (see conftest.py)."""
    return pytest.importorskip("tensorflow", reason="the extra `frameworks` installs it")


@pytest.fixture(scope="module")
def adapter(tf):
    return pytest.importorskip("wdref.frameworks.tensorflow", reason="it imports TensorFlow")


@pytest.fixture
def momentum_once(tf):
    class MomentumOnce(tf.compat.v1.train.MomentumOptimizer):
        """The momentum is read when the object is made."""

        def __init__(self, learning_rate, momentum, **options):
            value = float(momentum() if callable(momentum) else momentum)
            super().__init__(learning_rate, value, **options)

    return MomentumOnce


def words(hyper):
    """The keywords of a case, as the driver hands them."""
    return {"momentum": hyper["momentum"]}


def wrong(run):
    """The names of the cases that do not conform, and of all."""
    rule = dialect("sgd", "tensorflow", form="l2")
    every = [c for c in lives("sgd", rule, "float32") if set(c.flags) <= set(run.supports)]
    found = {c.id.partition("/")[0]: judge(rule, c, Result("ok", run(c))).verdict for c in every}
    return {name for name, verdict in found.items() if verdict != "conforms"}, set(found)


def driven(adapter, cls):
    given = SimpleNamespace(rate="learning_rate", fixed={})
    given = type("Words", (), {"__call__": lambda _, hyper: words(hyper), **vars(given)})()
    return adapter.drive(cls, given, decay="l2")


def test_its_own_class_conforms_in_every_event(adapter):
    assert wrong(adapter.load("MomentumOptimizer", decay="l2")) == (set(), EVENTS)


def test_a_subclass_is_driven_as_its_base(tf, adapter):
    found, names = wrong(driven(adapter, tf.compat.v1.train.MomentumOptimizer))
    assert (found, names) == (set(), EVENTS - {"resume-tensors"})


def test_a_momentum_that_is_read_once_is_seen_where_it_changes(adapter, momentum_once):
    assert wrong(driven(adapter, momentum_once))[0] == {"change-moments"}


def test_a_changed_beta_is_read_late(adapter):
    """Finding tensorflow_adam_changed_beta."""
    rule = dialect("adam", "tensorflow", form="l2")
    run = adapter.load("AdamOptimizer", decay="l2")
    found = {c.id: judge(rule, c, Result("ok", run(c))).verdict
             for c in lives("adam", rule, "float32") if "change" in c.life}  # fmt: skip
    assert {case for case, verdict in found.items() if verdict != "conforms"} == {
        "change-moments/float32"
    }
