"""Lint: whether exported vectors are what they say, each expected value computed anew.

Files of the first version are read too: their suite is no more, but what they say can be computed.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...rules.shapes import inputs_of, scope_of
from .entry import case_of, results, steps_stored, whole
from .files import Suite, suite
from .flags import flags_of
from .format import each, short_hex
from .read import VECTORS_SCHEMA, VECTORS_SCHEMAS, VectorsError, read, shown


def lint(path: Path) -> list[str]:
    """Return what is wrong with a file, a line each; none for a good one."""
    try:
        document = read(path, VECTORS_SCHEMAS)
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
    T, n, stored = test["steps"], test.get("columns", test["size"]), len(test["at"])
    if not test["id"].endswith(f"/{dtype}"):
        yield f"its group has dtype {dtype}"
    yield from _about_tensors(test)
    given = {f"inputs.{name}": rows for name, rows in test.get("inputs", {}).items()}
    shapes = {"eta": (T,), "theta0": (n,), "grads": (T, n), "expected": (stored, n)}
    shapes |= dict.fromkeys(given, (T, n))
    numbers = {**test, **given}
    for key, shape in shapes.items():
        yield from (f"{key}.{form}: {problem}" for form in ("hex", "dec")
                    for problem in _shape(numbers[key][form], shape))  # fmt: skip
    yield from (f"tolerance: {problem}" for problem in _shape(test["tolerance"], (stored, n)))
    pairs = {**test["hyper"], **{key: numbers[key] for key in shapes}}
    for i, own in enumerate(test.get("groups", ())):
        pairs |= {f"groups[{i}].{name}": pair for name, pair in own.items()}
    for key, pair in pairs.items():
        if each(lambda x: short_hex(float(x)), pair["dec"]) != pair["hex"]:
            yield f"{key}: hex and dec are different numbers"
    rows = {"theta0": [test["theta0"]["dec"]], "grads": test["grads"]["dec"]}
    rows |= {key: x["dec"] for key, x in given.items()}
    for key, table in rows.items():
        arrays = [np.array([float(x) for x in row if x is not None]) for row in table]
        with np.errstate(over="ignore"):
            if not all(np.array_equal(x.astype(dtype), x, equal_nan=True) for x in arrays):
                yield f"{key}: not every number is one of {dtype}"


def _about_tensors(test: dict[str, Any]) -> Iterator[str]:
    n, lengths = test["size"], test["tensors"]
    if sum(lengths) != n:
        yield f"the lengths of its tensors add up to {sum(lengths)}: size is {n}"
    if "shapes" not in test:  # of the first version
        return
    if [math.prod(shape) for shape in test["shapes"]] != lengths:
        yield "shapes and tensors differ"
    for key in ("groups", "starts", "gaps"):
        if len(test[key]) != len(lengths):
            yield f"{key}: {len(test[key])} entries: expected one for each tensor, {len(lengths)}"
    if max(test["starts"]) > test["steps"]:
        yield f"starts: {max(test['starts'])} is beyond the last step"
    if len(lengths) > 1 and "tensors" not in test["flags"]:
        yield "several tensors without the flag 'tensors'"
    if test["columns"] > n or (test["columns"] < n and len(lengths) > 1):
        yield f"columns is {test['columns']}: expected {n}, or fewer for one tensor"


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
    recurrence = found.dialect.recurrence()
    if document["recurrence"] != list(recurrence):
        yield f"recurrence: that of {convention} {claim} is {'; '.join(recurrence)}"
    if document["schema"] == VECTORS_SCHEMA:
        yield from _missing(document, found)
    for group in document["groups"]:
        for test in group["tests"]:
            for problem in _recomputed(test, group["dtype"], found):
                yield f"test {test['tcId']} ({test['id']}): {problem}"


def _missing(document: dict[str, Any], found: Suite) -> Iterator[str]:
    if document["suite"] != found.digest:
        yield f"suite {document['suite']}: that of this wdref is {found.digest}; export again"
    for group in document["groups"]:
        wanted = {(v.tc_id, v.case.id): v.case for v in found.of([group["dtype"]])}
        given = {(test["tcId"], test["id"]): test for test in group["tests"]}
        for tc_id, name in sorted(wanted.keys() ^ given.keys()):
            word = "missing" if (tc_id, name) in wanted else "not in the suite"
            yield f"test {tc_id} ({name}) is {word}"
        for key in wanted.keys() & given.keys():
            flags = flags_of(found.dialect, wanted[key])
            if given[key]["flags"] != list(flags):
                yield f"test {key[0]} ({key[1]}): flags: expected {', '.join(flags)}"


def _recomputed(test: dict[str, Any], dtype: str, found: Suite) -> Iterator[str]:
    """Compare the results of a test with those of its own data."""
    dialect, known = found.dialect, set(found.dialect.hyper)
    own = [set(group) for group in test.get("groups", ())]
    if set(test["hyper"]) != known or not all(names <= known for names in own):
        yield f"hyper: expected {', '.join(dialect.hyper)}"
        return
    if set(test.get("inputs", ())) != set(inputs_of(dialect)):
        yield f"inputs: expected {', '.join(inputs_of(dialect)) or 'none'}"
        return
    if test["at"] != steps_stored(test["steps"]):
        yield "at: expected the steps up to 64, then every 50th, and the last"
        return
    mine = results(_whole(test, dtype, found))
    for key, form in (("expected", "dec"), ("tolerance", None), ("error", None)):
        theirs, ours = (
            (test[key], mine[key]) if form is None else (test[key][form], mine[key][form])
        )
        if theirs != ours:
            yield f"{key}{_first_difference(theirs, ours)}"


def _whole(test: dict[str, Any], dtype: str, found: Suite) -> Any:
    """The enclosure of the columns that a test holds."""
    narrow, columns = case_of(_narrowed(test), dtype, found.claim), test.get("columns")
    if scope_of(found.dialect) == "element" or columns in (None, test["size"]):
        return whole(found.dialect, narrow)
    case = case_of(test, dtype, found.claim)  # whose sums are of all columns
    return whole(found.dialect, replace(case, template=narrow), columns)


def _narrowed(test: dict[str, Any]) -> dict[str, Any]:
    """Return a test of one tensor with the columns alone that it holds."""
    n = test.get("columns", test["size"])
    return test if n == test["size"] else test | {"size": n, "tensors": [n], "shapes": [[n]]}


def _first_difference(theirs: Any, ours: Any, place: str = "") -> str:
    if isinstance(theirs, dict):
        return _first_difference(theirs["dec"], ours["dec"], place)
    if not isinstance(theirs, list):
        return f"{place} is {theirs}: computed anew it is {ours}"
    i = next(i for i, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    return _first_difference(theirs[i], ours[i], f"{place}[{i}]")
