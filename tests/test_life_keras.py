"""Lives of Keras' optimizers: one fault each, as people make it, which its event alone finds."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

for package in ("keras", "torch", "jax"):
    pytest.importorskip(package, reason="the extra `frameworks` installs it")

SCRIPT = Path(__file__).with_name("keras_lives.py")
RUNS = {
    "torch": ("MyAdamW", "KeepsItsMoments", "CountsItself", "CountsEveryCall", "AddsUp",
              "DecayOnce", "EpsilonOnce", "Unclipped", "ClipsEach", "FirstDtype"),
    "jax": ("MyAdamW", "MyAdamW+once", "PlainAttribute"),
}  # fmt: skip
EVENTS = ("resume", "change-rate", "change-decay", "change-moments", "change-eps", "skip", "mixed",
          "accumulate", "clip-value", "clip-norm", "million")  # fmt: skip
FAULTS = {
    "KeepsItsMoments": {"resume"},
    "CountsItself": {"resume", "million"},
    "CountsEveryCall": {"accumulate"},
    "AddsUp": {"accumulate"},
    "DecayOnce": {"change-decay"},
    "EpsilonOnce": {"change-eps"},
    "Unclipped": {"clip-value", "clip-norm"},
    "ClipsEach": {"clip-norm"},
    "FirstDtype": {"mixed"},
}


@cache
def ran(backend):
    """The verdicts of every class on a backend, from one process."""
    paths = os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "",
                   "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": backend}  # fmt: skip
    done = subprocess.run([sys.executable, SCRIPT, *RUNS[backend]], env=environment,
                          capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wrong(backend, name):
    """The cases, without their dtypes, that do not conform."""
    found = ran(backend)[name]
    return {case.partition("/")[0] for case, verdict in found.items()
            if verdict not in ("conforms", "unsupported")}  # fmt: skip


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_every_event_that_keras_has_is_gone_through(backend):
    judged = {case for case, verdict in ran(backend)["MyAdamW"].items() if verdict != "unsupported"}
    assert {case.partition("/")[0] for case in judged} == set(EVENTS)


def test_a_right_subclass_conforms():
    assert wrong("torch", "MyAdamW") == set()
    assert wrong("jax", "MyAdamW") == set()


def test_a_compiled_step_reads_no_changed_hyperparameter_but_the_rate():
    """As in Model.fit, whose step is compiled once: finding keras_compiled_hyperparameters."""
    assert wrong("jax", "MyAdamW+once") == {"change-decay", "change-moments", "change-eps"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_in_its_own_event_alone(name):
    assert wrong("torch", name) == FAULTS[name]


def test_what_a_scale_hides_from_the_optimizer_is_seen_where_a_step_is_cancelled():
    """And where its count is set: it has two."""
    found = ran("jax")["PlainAttribute"]
    assert wrong("jax", "PlainAttribute") == {"skip"}
    assert found["million/float32"] == "unsupported"
