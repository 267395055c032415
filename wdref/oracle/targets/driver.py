"""Drive an optimizer as its users wrote it, by the adapter of its framework.

``drive(target, request, cases)`` makes a `run(case)` of a class, a factory or a partial of one.
Runs in a target's process, where wdref may be missing.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from wdref.oracle import Unsupported

from . import worker
from .constructor import Constructor, Words, bare, name_of, plain
from .recognise import TENSORS, framework_of, is_factory, made_already, taker_of


def prepare(options: Mapping[str, Any]) -> None:
    """Choose Keras' backend, before the target imports Keras."""
    if "backend" in options:
        os.environ["KERAS_BACKEND"] = str(options["backend"])


def drive(
    target: Any, request: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]
) -> tuple[Callable[[Any], Any], Any]:
    """Return `run(case)` for what a TARGET names, and the adapter's module, None for a function.

    Raises TypeError, in one line, for what is neither an optimizer nor a function of a case.
    """
    hypers = [{**case["hyper"], **group} for case in cases for group in case["groups"] or [{}]]
    framework = framework_of(plain(target))
    known = {bare(word) for word, _ in request["synonyms"]}
    made = None if framework else made_already(target)
    if made:
        raise TypeError(
            f"an optimizer of {made} that is made already: name its class or a factory, "
            "since cases have hyperparameters of their own"
        )
    if not framework and (isinstance(target, type) or not is_factory(target, known)):
        if request["options"] or request["words"]:
            what = ", ".join([*request["options"], *request["words"]])
            worker.runnable(target)
            raise TypeError(f"{name_of(target)} is a function of a case: it takes no {what}")
        return worker.runnable(target), None
    constructor = Constructor(target, TENSORS)
    words = _words(constructor, request)
    framework = framework or _factory_s(target, words, hypers, lenient=request["lenient"])
    module = worker.load_file(Path(request["adapters"][framework]), adapter=True)
    own = {name: value for name, value in request["options"].items()
           if name in module.OWN_OPTIONS}  # fmt: skip
    words.fixed = {k: x for k, x in request["options"].items() if k not in own}
    refused = words.refusal(hypers)
    if refused and not request["lenient"]:
        raise TypeError(refused)
    return _guarded(module.drive(target, words, **own), words, request), module


def _words(constructor: Constructor, request: Mapping[str, Any]) -> Words:
    return Words(
        constructor,
        synonyms=request["synonyms"],
        chosen=request["words"],
        fixed=request["options"],
        unread=request["unread"],
    )


def _factory_s(
    make: Any, words: Words, hypers: Sequence[Mapping[str, float]], *, lenient: bool
) -> str:
    """Return the framework of what a factory makes; it is called once where that must be seen."""
    if any(name in TENSORS for name in Constructor(make).names[:1]):
        taker = taker_of(make)
        if taker is None:
            raise TypeError(f"{name_of(make)} takes tensors, and its file imports no framework")
        return taker
    taken = words.constructor
    # what it does not take may be an option of the adapter's, which is not known yet
    words.fixed = {name: value for name, value in words.fixed.items()
                   if name in taken.names or taken.takes_any}  # fmt: skip
    if lenient:  # cases of several rules: any that it knows the words of
        hypers = [min(hypers, key=lambda h: (bool(words.refusal([h])), len(words.missing(h))))]
    refused = words.refusal(hypers)
    if refused:
        raise TypeError(refused)
    thing = make(**words(hypers[0]), **words.fixed)
    found = made_already(thing)
    if found is None:
        what = f"{name_of(make)} returned {type(thing).__name__!r}, which is no optimizer"
        raise TypeError(f"{what}: {worker.TARGET}")
    return found


def _guarded(
    run: Callable[[Any], Any], words: Words, request: Mapping[str, Any]
) -> Callable[[Any], Any]:
    """Return `run` for cases whose rule reads a schedule and for those whose rule does not."""

    def guarded(case: Any) -> Any:
        refused = words.refusal([{**case.hyper, **group} for group in case.groups or [{}]])
        if refused:
            raise Unsupported(refused)
        if case.rule in request["unscheduled"]:
            case = SimpleNamespace(**{**vars(case), "eta": np.ones_like(case.eta)})
        return run(case)

    guarded.supports = worker.supported(run)  # type: ignore[attr-defined]  # the contract
    guarded.shards = getattr(run, "shards", 1)  # type: ignore[attr-defined]  # likewise
    return guarded
