"""The matrix: every row is run and judged, one process a framework, several at once.

Processes run the frameworks and this one judges meanwhile, so that an enclosure is computed once
for all rows that need it, and so are the candidates' trajectories.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

from ...rules.contract import Dialect
from ..cases.case import DTYPES, Case
from ..cases.suite import brief
from ..identify.identify import identify
from ..judge.verdict import CaseVerdict, judge_all, overall, worst_ratio
from ..targets.target_pool import Job, Outcome
from ..targets.targets import parse_options
from .explanations import explain
from .pool import Settings as Settings
from .pool import run_groups
from .rows import Row
from .words import answers

ANSWERS = ("rule", "form", "order", "eps", "bias_correction", "amsgrad", "momentum", "denominator",
           "corrected", "further", "recurrence", "words")  # fmt: skip


def matrix(rows: Sequence[Row], settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the record of each row, as it is judged. A missing framework has one for all its rows.

    What crashes, hangs or cannot be read has the verdict ``error``, what is not installed
    ``missing``.
    """
    known = [row for row in rows if row.target is not None]
    yield from (_failed(row, "error", row.problem) for row in rows if row.target is None)
    missing = set()
    for row, suite, outcome in _run(known, settings):
        if outcome.error.startswith("ModuleNotFoundError"):
            if row.process not in missing:
                yield _failed(row, "missing", outcome.error.partition(": ")[2])
            missing.add(row.process)
        elif outcome.error:
            yield _failed(row, "error", outcome.error, outcome)
        else:
            yield _judged_or_why_not(row, suite, outcome)


def _run(rows: Sequence[Row], settings: Settings) -> Iterator[tuple[Row, Sequence[Case], Outcome]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.process].append(row)
    ran = run_groups(list(groups.values()), partial(_job, dtypes=settings.dtypes), settings)
    yield from ((row, job.cases, outcome) for row, job, outcome in ran)


def _job(row: Row, dtypes: tuple[str, ...]) -> Job:
    if row.rule is None or row.target is None:
        raise AssertionError("rows with a problem are not run")
    return Job(row.target, suite(row.claim, row.rule, dtypes, row.part))


@lru_cache(maxsize=256)
def suite(
    claim: str, rule: Dialect, dtypes: tuple[str, ...], part: tuple[int, int] = (0, 1)
) -> tuple[Case, ...]:
    """Return the cases of a row in `dtypes`, `part` of the sizes where rows share them."""
    name = parse_options(claim)[0]
    return tuple(case for dtype in dtypes for case in brief(name, rule, dtype, part))


def _judged_or_why_not(row: Row, suite: Sequence[Case], outcome: Outcome) -> dict[str, Any]:
    """A row that cannot be judged costs no other its answer."""
    try:
        return _judged(row, suite, outcome)
    except Exception as error:
        return _failed(row, "error", f"judging it: {type(error).__name__}: {error}", outcome)


def _judged(row: Row, suite: Sequence[Case], outcome: Outcome) -> dict[str, Any]:
    verdicts = judge_all(row.rule, suite, outcome.results, outcome.primitives)
    verdict = overall(verdicts)
    identity = None
    if verdict == "deviates":
        identity = identify(suite, outcome.results, _family(row), claim=row.rule,
                            measured=outcome.primitives)  # fmt: skip
    is_claim = verdict in ("conforms", "imprecise")
    match = identity.nearest.rule if identity and identity.named else None
    shown = row.rule if is_claim else getattr(match, "base", match)
    record = _record(row, verdict, outcome) | (answers(shown) if shown else {})
    record["worst_ratio"] = worst_ratio(verdicts)
    record["precision"] = _precision(verdicts, verdict)
    record["findings"] = list(dict.fromkeys(v.finding for v in verdicts if v.finding))
    record["identified"] = identity and identity.as_json()
    told = dict.fromkeys(v.message for v in verdicts if v.message and v.verdict == verdict)
    where = [v.id for v in verdicts if v.verdict == verdict and verdict == "deviates"]
    record["message"] = "; ".join(list(told)[:3]) or f"in {', '.join(where[:4])}" * bool(where)
    return record


def _family(row: Row) -> str:
    return row.rule.family if row.rule else ""


def _precision(verdicts: Sequence[CaseVerdict], verdict: str) -> dict[str, Any]:
    """For each dtype its grade, its worst case, and why it has none."""
    precision = {}
    for dtype in DTYPES:
        mine = [v for v in verdicts if v.id.endswith(f"/{dtype}")]
        if not mine:
            continue
        grade = overall(mine)
        rated = [v for v in mine if v.ratio is not None]
        worst = max(rated, key=lambda v: v.ratio or 0.0, default=None)
        why = next((v.message for v in mine if v.message and v.verdict == grade), "")
        precision[dtype] = {
            # where the formula is right in the widest dtype, a narrower one is imprecise
            "verdict": "imprecise" if (grade, verdict) == ("deviates", "imprecise") else grade,
            "worst_ratio": worst and worst.ratio,
            "case": worst and worst.id.partition("/")[0],
            "message": why.removeprefix("Unsupported: "),
            "supported": sum(v.verdict != "unsupported" for v in mine),
            "cases": len(mine),
        }
    return precision


def _failed(row: Row, verdict: str, message: str, outcome: Outcome | None = None) -> dict[str, Any]:
    return _record(row, verdict, outcome or Outcome()) | {"message": message}


def _record(row: Row, verdict: str, outcome: Outcome) -> dict[str, Any]:
    """Return what every row has, whatever came of it."""
    return {
        "framework": row.framework,
        "version": outcome.about.get("version"),
        "optimizer": row.optimizer if verdict != "missing" else "",
        "target": row.name if verdict != "missing" else row.framework,
        "claim": row.claim,
        "convention": row.convention,
        "verdict": verdict,
        **dict.fromkeys(ANSWERS),
        "worst_ratio": None,
        "precision": {},
        "seconds": outcome.seconds,
        "defaults": outcome.about.get("defaults", {}),
        "problem": outcome.about.get("problem", ""),
        "findings": [],
        "identified": None,
        "explanations": [asdict(found) for found in explain(row.name, verdict)],
        "install": row.install,
        "message": "",
    }
