"""Lint: whether exported vectors are what they say, each expected value computed anew."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..conventions import dialect as look_up
from .case import Case
from .enclosure import enclose
from .vectors import Suite, results, steps_stored, suite
from .vectors_format import each, short_hex
from .vectors_read import VECTORS_SCHEMA, VectorsError, read, shown


def lint(path: Path) -> list[str]:
    """Return what is wrong with a file, a line each; none for a good one."""
    try:
        document = read(path, VECTORS_SCHEMA)
    except VectorsError as error:
        return [str(error).removeprefix(f"{path}: ")]
    return list(_about(document)) or list(_against_the_suite(document, path.name))


def _about(document: dict[str, Any]) -> Iterator[str]:
    """Say what contradicts itself: counts, ids, flags, shapes, the two forms of each number."""
    tests = [test for group in document["groups"] for test in group["tests"]]
    if document["numberOfTests"] != len(tests):
        yield f"numberOfTests is {document['numberOfTests']}: there are {len(tests)}"
    numbers = [test["tcId"] for test in tests]
    for before, after in pairwise(numbers):
        if before >= after:
            yield f"tcId {after} after {before}: expected increasing, unique numbers"
    names = [test["id"] for test in tests]
    yield from (f"id {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1)
    flags = {flag for test in tests for flag in test["flags"]}
    yield from (f"flag {shown(f)} has no note" for f in sorted(flags - set(document["notes"])))
    yield from (f"note {f!r}: no test has the flag" for f in sorted(set(document["notes"]) - flags))
    for group in document["groups"]:
        for test in group["tests"]:
            for problem in _about_test(test, group["dtype"]):
                yield f"test {test['tcId']} ({test['id']}): {problem}"


def _about_test(test: dict[str, Any], dtype: str) -> Iterator[str]:
    T, n, stored = test["steps"], test["size"], len(test["at"])
    if not test["id"].endswith(f"/{dtype}"):
        yield f"its group has dtype {dtype}"
    if sum(test["tensors"]) != n:
        yield f"the lengths of its tensors add up to {sum(test['tensors'])}: size is {n}"
    shapes = {"eta": (T,), "theta0": (n,), "grads": (T, n), "expected": (stored, n)}
    for key, shape in shapes.items():
        yield from (f"{key}.{form}: {problem}" for form in ("hex", "dec")
                    for problem in _shape(test[key][form], shape))  # fmt: skip
    yield from (f"tolerance: {problem}" for problem in _shape(test["tolerance"], (stored, n)))
    pairs = {**test["hyper"], **{key: test[key] for key in shapes}}
    for key, pair in pairs.items():
        if each(lambda x: short_hex(float(x)), pair["dec"]) != pair["hex"]:
            yield f"{key}: hex and dec are different numbers"
    for key, rows in (("theta0", [test["theta0"]["dec"]]), ("grads", test["grads"]["dec"])):
        with np.errstate(over="ignore"):
            if any(np.any(np.array(row, dtype) != np.array(row, np.float64)) for row in rows):
                yield f"{key}: not every number is one of {dtype}"


def _shape(values: Any, shape: tuple[int, ...]) -> Iterator[str]:
    if len(values) != shape[0]:
        yield f"{len(values)} entries: expected {shape[0]}"
    elif len(shape) == 2:
        lengths = [len(row) for row in values]
        yield from (f"row {i}: {length} entries: expected {shape[1]}"
                    for i, length in enumerate(lengths) if length != shape[1])  # fmt: skip


def _against_the_suite(document: dict[str, Any], name: str) -> Iterator[str]:
    """Compare with this wdref: the name, the suite, its tests, and every result."""
    claim, convention = document["algorithm"], document["convention"]
    try:
        found = suite(claim, convention)
    except ValueError as error:
        yield str(error)
        return
    if name != found.file:
        yield f"expected the name {found.file}"
    if document["recurrence"] != list(found.dialect.recurrence()):
        yield f"recurrence: that of {convention} {claim} is {'; '.join(found.dialect.recurrence())}"
    if document["suite"] != found.digest:
        yield f"suite {document['suite']}: that of this wdref is {found.digest}; export again"
    yield from _missing(document, found)
    for group in document["groups"]:
        for test in group["tests"]:
            for problem in _recomputed(test, group["dtype"], claim, convention):
                yield f"test {test['tcId']} ({test['id']}): {problem}"


def _missing(document: dict[str, Any], found: Suite) -> Iterator[str]:
    for group in document["groups"]:
        wanted = {(v.tc_id, v.case.id) for v in found.of([group["dtype"]])}
        given = {(test["tcId"], test["id"]) for test in group["tests"]}
        for tc_id, name in sorted(wanted ^ given):
            word = "missing" if (tc_id, name) in wanted else "not in the suite"
            yield f"test {tc_id} ({name}) is {word}"


def _recomputed(test: dict[str, Any], dtype: str, claim: str, convention: str) -> Iterator[str]:
    """Compare the results of a test with those of its own data."""
    dialect = look_up(claim, convention)
    if set(test["hyper"]) != set(dialect.hyper):
        yield f"hyper: expected {', '.join(dialect.hyper)}"
        return
    if test["at"] != steps_stored(test["steps"]):
        yield "at: expected the steps up to 64, then every 50th, and the last"
        return
    mine = results(enclose(dialect, case_of(test, dtype, claim)))
    for key, form in (("expected", "dec"), ("tolerance", None), ("error", None)):
        theirs, ours = (
            (test[key], mine[key]) if form is None else (test[key][form], mine[key][form])
        )
        if theirs != ours:
            yield f"{key}{_first_difference(theirs, ours)}"


def case_of(test: dict[str, Any], dtype: str, claim: str) -> Case:
    """Return the case that a test prescribes."""
    shape = (test["steps"], test["size"])
    hyper = {name: float(pair["dec"]) for name, pair in test["hyper"].items()}
    return Case(
        id=test["id"],
        rule=claim,
        dtype=dtype,
        theta0=np.array(test["theta0"]["dec"], dtype=dtype),
        grads=np.array(test["grads"]["dec"], dtype=dtype).reshape(shape),
        hyper=MappingProxyType(hyper),
        eta=np.array(test["eta"]["dec"], dtype=np.float64),
    )


def _first_difference(theirs: Any, ours: Any, place: str = "") -> str:
    if isinstance(theirs, dict):
        return _first_difference(theirs["dec"], ours["dec"], place)
    if not isinstance(theirs, list):
        return f"{place} is {theirs}: computed anew it is {ours}"
    i = next(i for i, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    return _first_difference(theirs[i], ours[i], f"{place}[{i}]")
