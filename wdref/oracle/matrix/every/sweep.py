"""The sweep: every optimizer is probed, and then asked the suite of the rule that it seems to be.

Processes run the optimizers and this one judges meanwhile, as for the matrix. What hangs or
crashes costs its own row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ....conventions import dialect
from ...identify.identify import Identity, identify
from ...targets.exchange import STATE
from ...targets.target_pool import Job, Outcome
from ..matrix import suite
from ..pool import Settings, run_groups
from . import guess
from .entries import Entry
from .record import Record, answered, unanswered

NONE = "which is no optimizer"  # what the driver says of a function that seemed to make one
SHARE = 8  # optimizers that begin together: a core is not left waiting for a long group
NEAR = 0.5  # of the parameters' size: what is further from every rule is not asked a suite

Said = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Probed:
    """An optimizer, the claims that are nearest to it, and the seconds that the probes took."""

    entry: Entry
    claims: Sequence[guess.Nearest]
    seconds: float


def sweep(entries: Sequence[Entry], settings: Settings, said: Said) -> Iterator[Record]:
    """Yield the record of each optimizer; what turns out to be none has none.

    `said` is told what is being done, how much of it is done, and how much there is.
    """
    near: list[Probed] = []
    every = run_groups(_groups(entries), _probing, settings)
    for done, (entry, _, outcome) in enumerate(every, start=1):
        said("probed", done, len(entries))
        found = _probed(entry, outcome)
        if isinstance(found, Probed):
            near.append(found)
        elif found is not None:
            yield found
    asking = partial(_asking, dtypes=settings.dtypes)
    for done, (probed, job, outcome) in enumerate(run_groups(_groups(near), asking, settings), 1):
        said("judged", done, len(near))
        yield _judged_or_why_not(probed, job, outcome)


def _groups(items: Sequence[Any]) -> list[Sequence[Any]]:
    """Items of one package share a process: its framework is imported once."""
    found: dict[str, list[Any]] = {}
    for item in items:
        entry = item.entry if isinstance(item, Probed) else item
        found.setdefault(entry.package.name, []).append(item)
    return [own[i : i + SHARE] for own in found.values() for i in range(0, len(own), SHARE)]


def _probing(entry: Entry) -> Job:
    return Job(entry.target(*entry.claim), [case for each in guess.probes() for case in each])


def _probed(entry: Entry, outcome: Outcome) -> Probed | Record | None:
    seconds = outcome.seconds or 0.0
    if outcome.error:
        none = NONE in outcome.error
        return None if none else unanswered(entry, _kind(outcome.error), outcome.error, seconds)
    results = outcome.results
    late = next((r for r in results if r.status == "timeout"), None)
    if late is not None:
        return unanswered(entry, "timeout", late.message, seconds)
    if any(r.message == STATE for r in results):
        return unanswered(entry, "unknown", STATE, seconds)
    found = guess.nearest(entry.name, results)
    if not found:
        verdict, why = guess.why_not(results)
        return unanswered(entry, _kind(why, verdict), why, seconds)
    if found[0].residual > NEAR:
        called = f", though it is called {entry.name}" if entry.claim[0] else ""
        nothing = f"no rule that is known here is near{called}"
        return unanswered(entry, "unknown", nothing, seconds, found[0])
    return Probed(entry, found, seconds)


def _kind(message: str, verdict: str = "not made") -> str:
    if "still running" in message:
        return "timeout"
    return "error" if "its process" in message else verdict


def _asking(probed: Probed, dtypes: tuple[str, ...]) -> Job:
    best = probed.claims[0]
    cases = suite(best.guess[0], best.rule, dtypes)
    return Job(probed.entry.target(*best.guess), cases)


def _judged_or_why_not(probed: Probed, job: Job, outcome: Outcome) -> Record:
    """What cannot be judged costs no other its answer."""
    entry, best = probed.entry, probed.claims[0]
    seconds = probed.seconds + (outcome.seconds or 0.0)
    if outcome.error:
        return unanswered(entry, _kind(outcome.error), outcome.error, seconds)
    late = next((r for r in outcome.results if r.status == "timeout"), None)
    if late is not None:
        return unanswered(entry, "timeout", late.message, seconds)
    try:
        identity = _identity(entry, best, job, outcome)
        if identity is not None:
            return answered(entry, identity, job.cases, outcome, best, seconds)
    except Exception as error:
        why = f"judging it: {type(error).__name__}: {error}"
        return unanswered(entry, "error", why, seconds)
    return unanswered(entry, "unknown", "no probe gave a finite result", seconds)


def _identity(
    entry: Entry, best: guess.Nearest, job: Job, outcome: Outcome
) -> Identity | None:  # fmt: skip
    """What it is, as a change from the claim of its own name where that is of the family."""
    claim, convention = entry.claim
    named = dialect(claim, convention) if claim else None
    if named is not None and named.family != best.rule.family:
        named = None
    return identify(job.cases, outcome.results, best.rule.family, claim=named,
                    measured=outcome.primitives)  # fmt: skip
