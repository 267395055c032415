"""Flags: what a failing test means. One names the case; one more each known bug that fails in it.

A bug's flag stands on the tests that deviate where the rule is wrong in this way, and on no others:
the bug whose flag is on every failing test and on no passing one is the diagnosis.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...rules.derived import derived
from ...rules.shapes import inputs_of, scope_of
from ..bugs import tensor_bugs
from ..bugs.gallery import gallery
from ..bugs.mutants import Mutant, Twisted, changes
from ..cases.case import Case
from ..cases.plans import bound_plans
from ..cases.trajectory import begun, trajectory, widened
from ..judge.enclosure import CaseKey, Enclosure, enclose
from ..judge.verdict import LIMIT
from .notes import BOUND, NOTES, Note

BLOCK = 127  # from this size on a case is one of blocks
CHUNK = 64  # steps after which a long run is looked at
CLOSE = 4.0  # within this factor of the limit float64 does not decide
Far = NDArray[np.bool_]


@dataclass(frozen=True)
class Bug:
    """A known bug of one claim: its flag, what it says, and the rule or what it spoils."""

    flag: str
    note: Note
    rule: Any = None
    spoil: tensor_bugs.MultiMutant | None = None


def flags_of(dialect: Any, case: Case) -> tuple[str, ...]:
    """Return the flags of a case: its own, its name's, and those of the bugs that it catches."""
    caught = (bug.flag for bug in bugs_of(dialect) if shows(dialect, case, bug))
    return tuple(dict.fromkeys((name_of(case), *case.flags, *caught)))


def name_of(case: Case) -> str:
    """Return the flag that names a case: sizes share a few."""
    name = case.id.partition("/")[0]
    if not name.startswith("size-"):
        return name
    return "empty" if not case.theta0.size else "tail" if case.theta0.size < BLOCK else "block"


@derived
def bugs_of(dialect: Any) -> tuple[Bug, ...]:
    """Return the bugs of the gallery that a program with this claim can have."""
    return tuple(_bugs_of(dialect))


def _bugs_of(dialect: Any) -> Iterator[Bug]:
    for mutant in gallery("pytorch"):
        rule = transferred(mutant, dialect)
        if rule is not None:
            yield Bug(_flag(mutant), _note(mutant), rule=rule)
    for bug in tensor_bugs.GALLERY:
        yield Bug(_flag(bug), _note(bug), spoil=bug)


def transferred(mutant: Mutant, dialect: Any) -> Any:
    """Return `dialect` with the mutant's change, or None where it has no place for it."""
    if mutant.claim.family != dialect.family:
        return None
    if isinstance(mutant.rule, Twisted):
        twisted = replace(mutant.rule, base=dialect)
        return twisted if _has_place(twisted, dialect) else None
    changed = changes(mutant.claim, mutant.rule)
    if any(getattr(dialect, name) != getattr(mutant.claim, name) for name in changed):
        return None
    found = replace(dialect, **{name: getattr(mutant.rule, name) for name in changed})
    return None if found.recurrence() == dialect.recurrence() else found  # the same function


def _has_place(twisted: Twisted, dialect: Any) -> bool:
    # what is twisted is None in a rule that has no such term
    hyper, theta = dict.fromkeys(dialect.hyper, 0.5), np.ones(1)
    try:
        s = twisted.scalars(hyper, 1, 1.0, before=1.0)
        slots = begun(dialect, theta, hyper)
        twisted.apply(theta, theta, (*slots, *(theta for _ in inputs_of(dialect))), s)
    except (TypeError, AttributeError, ValueError):
        return False
    return True


def shows(dialect: Any, case: Case, bug: Bug) -> bool:
    """Whether a case deviates under a bug."""
    if bug.spoil is not None:
        return "tensors" in case.flags and _shows_spoiled(dialect, case, bug.spoil)
    source = case.template
    if source is not None and scope_of(dialect) == "element":  # its columns over and over
        return bool(np.any(_far(dialect, bug.rule, CaseKey(source))[: case.theta0.size]))
    return any(np.any(_far(dialect, bug.rule, CaseKey(part))) for part in case.parts())


def _shows_spoiled(dialect: Any, case: Case, spoil: tensor_bugs.MultiMutant) -> bool:
    with np.errstate(all="ignore"):
        paths = tensor_bugs.simulate(dialect, case, spoil)
    for i, (part, path) in enumerate(zip(case.parts(), paths, strict=True)):
        ratio = enclose(dialect, part).ratio(path[case.steps_taken(i)])
        if np.any(ratio > LIMIT):
            return True
    return False


@lru_cache(maxsize=16384)
def _far(dialect: Any, rule: Any, key: CaseKey) -> Far:
    """Columns that deviate under another rule, computed in float64; long runs to the first."""
    truth = enclose(dialect, key.case)
    wide = widened(key.case)
    worst = np.zeros(key.theta0.size)
    rows: list[Any] = []
    for t, (theta, _) in enumerate(trajectory(rule, wide), start=1):
        rows.append(theta)
        if len(rows) == CHUNK or t == len(key.eta):
            part = Enclosure(*(x[t - len(rows) : t] for x in vars(truth).values()))
            worst = np.fmax(worst, _worst(part, np.array(rows)))
            rows = []
            if t < len(key.eta) and np.any(worst > CLOSE * LIMIT):
                return np.asarray(worst > LIMIT)
    if np.any((worst > LIMIT / CLOSE) & (worst < CLOSE * LIMIT)):
        # a machine's powers may decide: the certified values are the same everywhere
        worst = _worst(truth, enclose(rule, key.case).high)
    return np.asarray(worst > LIMIT)


def _worst(truth: Enclosure, path: Any) -> Any:
    return np.fmax.reduce(truth.ratio(path), axis=0, initial=0.0)


def notes_of(flags: Iterable[str], dialect: Any) -> dict[str, Note]:
    """Return the note of each flag."""
    bounds = {plan.id: Note(f"{plan.purpose}.", BOUND) for plan in bound_plans(dialect)}
    known = {**NOTES, **bounds, **{bug.flag: bug.note for bug in bugs_of(dialect)}}
    return {flag: known[flag] for flag in sorted(flags)}


def _flag(mutant: Any) -> str:
    return str(mutant.id).replace(", ", "-")


def _note(mutant: Any) -> Note:
    return Note("A known bug makes this deviate.", f"{mutant.title} ({mutant.reference})")
