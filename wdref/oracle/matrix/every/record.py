"""What came of an optimizer of a package, as a record of plain values."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ....conventions import conventions
from ....rules.contract import Dialect
from ...bugs.mutants import Twisted, changes
from ...cases.case import Case
from ...identify.identify import Identity, describe
from ...judge.verdict import judge_all, overall
from ...targets.target_pool import Outcome
from .entries import Entry
from .guess import Nearest, still

Record = dict[str, Any]
OPTIONS = ("buffer", "nesterov", "amsgrad", "centered")  # momentum=0 is buffer=False
NO_DECAY = "it takes no weight decay"
# in the order in which a page has them
VERDICTS = ("conforms", "imprecise", "deviates", "unknown", "not made", "timeout", "error")


def unanswered(
    entry: Entry, verdict: str, message: str, seconds: float, near: Nearest | None = None
) -> Record:
    """Return the record of an optimizer of which nothing is said but the message."""
    return _record(entry, verdict, message, seconds) | {"residual": near and near.residual}


def answered(
    entry: Entry, identity: Identity, cases: Sequence[Case], outcome: Outcome, near: Nearest,
    seconds: float,
) -> Record:  # fmt: skip
    """Return the record of an optimizer that ran: the rule that it is, or that no rule is known."""
    rule = identity.nearest.rule
    described = describe(rule)
    called = described["names"] or _with_option(rule)
    without = [] if called or entry.decays else _without_decay(rule)
    names = sorted([*called, *without], key=lambda name: _liking(name, entry.name))
    verdict, message = "deviates", ""
    if not identity.named:
        verdict, message = "unknown", "; ".join(_unknown(identity, names, entry))
    elif identity.certified and names:
        judged = judge_all(rule, cases, outcome.results, outcome.primitives)
        verdict, failed = overall(judged), next((v for v in judged if v.verdict == "error"), None)
        raised = f"but raises in case {failed.id}: {failed.message}" if failed else ""
        verdict = "deviates" if failed else verdict
        own = NO_DECAY if without else _misnamed(entry.name, names)
        message = "; ".join(filter(None, (*identity.remarks, own, raised)))
    else:
        message = "; ".join(_buts(rule, identity, names or _base(rule), exact=bool(names)))
        names = names or _base(rule)
    return _record(entry, verdict, message, seconds) | {
        "names": names if identity.named else [],
        "rule": described["rule"] if identity.named else None,
        "recurrence": described["recurrence"] if identity.named else [],
        "residual": identity.nearest.residual,
        "known_bug": identity.known_bug(),
        "claim": near.guess[0],
        "convention": near.guess[1],
    }


def _with_option(rule: Any) -> list[str]:
    """PyTorch's names of a rule with one of the options that its classes have themselves."""
    if isinstance(rule, Twisted):
        return []
    claims: dict[str, Any] = dict(conventions()["pytorch"])
    return [
        f"pytorch {claim}[{option}={getattr(rule, option)}]"
        for claim, d in claims.items()
        for option in OPTIONS
        if d.family == rule.family and hasattr(rule, option)
        and replace(d, **{option: getattr(rule, option)}).plain() == rule.plain()
    ]  # fmt: skip


def _without_decay(rule: Any) -> list[str]:
    """The programs' rules that it is but for a weight decay, which it does not take."""
    if isinstance(rule, Twisted):
        return []
    return [f"{convention} {claim}" for convention, rules in conventions().items()
            for claim, d in rules.items() if still(d).plain() == rule.plain()]  # fmt: skip


def _record(entry: Entry, verdict: str, message: str, seconds: float) -> Record:
    return {
        "package": entry.package.name,
        "version": entry.package.version,
        "optimizer": entry.name,
        "target": entry.text,
        "verdict": verdict,
        "names": [],
        "message": message,
        "rule": None,
        "recurrence": [],
        "residual": None,
        "known_bug": None,
        "claim": None,
        "convention": None,
        "seconds": round(seconds, 1),
    }


def _liking(name: str, own: str) -> tuple[int, bool, bool, str]:
    """A rule's name by the word that the optimizer has itself, then PyTorch's and the paper's."""
    convention, claim = name.partition("[")[0].split(" ", 1)
    liked = -len(claim) * (claim in own.lower())
    return liked, convention != "pytorch", convention != "paper", name


def _misnamed(own: str, names: Sequence[str]) -> str:
    """What to say of an optimizer that is called as another rule is."""
    mine = own.lower()
    called = {name.partition("[")[0].split(" ", 1)[1] for name in names}
    known = {claim for rules in conventions().values() for claim in rules}
    return f"though it is called {own}" if mine in known and mine not in called else ""


def _base(rule: Any) -> list[str]:
    """The name of the program's rule that is nearest to one that no program has."""
    base = rule.base if isinstance(rule, Twisted) else rule
    programs = [(f"{convention} {claim}", d) for convention, rules in conventions().items()
                for claim, d in rules.items() if d.family == base.family]  # fmt: skip
    ranked = sorted(programs, key=lambda p: (len(changes(p[1], base)), "pytorch" not in p[0]))
    return [ranked[0][0]] if ranked else []


def _buts(rule: Any, identity: Identity, names: Sequence[str], *, exact: bool) -> Iterator[str]:
    """What is other than in the rule that it is called by."""
    if isinstance(rule, Twisted):
        yield f"but {rule.words}"
    base = rule.base if isinstance(rule, Twisted) else rule
    answers = {} if exact else _other(base, names)
    if other := ", ".join(f"{question}={answer}" for question, answer in answers.items()):
        yield f"but {other}"
    bug = None if exact else identity.known_bug()
    if bug:
        yield f"known bug {bug['id']}: {bug['title']}"
    if identity.but:
        why = f": {identity.but.message}" if identity.but.message else ""
        yield f"but departs from that in {identity.but}{why}"


def _other(base: Dialect, names: Sequence[str]) -> dict[str, Any]:
    """The answers that are other than those of the rule that it is called by."""
    if not names:
        return {}
    convention, claim = names[0].split(" ", 1)
    named = conventions()[convention][claim]
    return {name: getattr(base, name) for name in base.questions()
            if getattr(base, name) != getattr(named, name)}  # fmt: skip


def _unknown(identity: Identity, names: Sequence[str], entry: Entry) -> Iterator[str]:
    called = f", though it is called {entry.name}" if entry.claim[0] else ""
    yield f"no rule that is known here{called}"
    if identity.helps:
        near = f"{names[0]}" if names else f"one like {_base(identity.nearest.rule)[0]}"
        yield f"the nearest is {near}, {identity.nearest.residual:.2g} away"
