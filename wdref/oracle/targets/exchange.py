"""What the oracle and the process of a target write for each other, in files.

A request is written whole. Answers come one by one, so that a crash costs no case before it: the
last may be cut off.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..cases.case import Case
from . import worker

STATE = (
    "the same case gave another result the second time: the target keeps state between objects, "
    "or draws random numbers"
)


@dataclass(frozen=True)
class Result:
    """What came of one case: ``ok`` with values (T, n), or why there are none.

    That is ``unsupported``, ``timeout`` or ``error``. `shards` is into how many chunks of the first
    dimension each tensor was divided.
    """

    status: str
    values: Any = None  # for several tensors a list of arrays
    message: str = ""
    traceback: str = field(default="", repr=False)
    shards: int = 1


@dataclass(frozen=True)
class Loaded:
    """What came of loading a target: ``ok``, what it supports, what was measured of it."""

    status: str
    message: str = ""
    traceback: str = field(default="", repr=False)
    supports: Sequence[str] = ()
    primitives: dict[str, Any] = field(default_factory=dict, repr=False)
    about: dict[str, Any] = field(default_factory=dict, repr=False)
    shards: int = 1


def write_request(path: Path, spec: dict[str, Any], cases: Sequence[Case], memory: float) -> None:
    """Write what the worker reads in `path`."""
    described = []
    with (path / "request.bin").open("wb") as stream:
        for case in cases:
            kinds, content = worker.pack(_arrays(case))
            described.append({**_described(case), "arrays": kinds})
            stream.write(content)
    request = {"target": spec, "memory": memory, "cases": described}
    (path / "request.json").write_text(json.dumps(request))


def handed(case: Case) -> SimpleNamespace:
    """Return a case as a target sees it, for one that runs in this process."""
    copies = [x.copy() for x in _arrays(case)]
    described = json.loads(json.dumps(_described(case)))
    return SimpleNamespace(**described | worker.columns(described, copies))


def _arrays(case: Case) -> list[Any]:
    columns = (case.theta0, case.grads, *case.inputs.values())
    listed = columns if "tensors" in case.flags else ([x] for x in columns)
    return [case.eta, *(x for part in listed for x in part)]


def _described(case: Case) -> dict[str, Any]:
    names = ("id", "rule", "dtype", "flags", "starts", "gaps", "layout")
    groups = case.groups and [dict(own) for own in case.groups]
    tensors = len(case.theta0) if "tensors" in case.flags else 1
    fields = {name: getattr(case, name) for name in names}
    return {**fields, "hyper": dict(case.hyper), "groups": groups, "tensors": tensors,
            "life": dict(case.life), "inputs": list(case.inputs)}  # fmt: skip


def read_loaded(path: Path, ending: Result, *, stderr: Path | None = None) -> Loaded:
    """Return how the target was loaded; where that is unknown, `ending` says why."""
    file = path / "load.json"
    if file.exists():
        return Loaded(**json.loads(file.read_text()))
    why = f"{ending.message} while it was loaded"
    return Loaded(ending.status, why, _tail(stderr or path / "stderr"))


def read_results(
    path: Path, cases: Sequence[Case], loaded: Loaded, ending: Result, *, stderr: Path | None = None
) -> list[Result]:
    """Return a result for each case.

    Where the worker did not come to a case, that is `ending`, or ``unsupported`` if it would have
    been. Where a case gave another result when it was asked again, those after it are errors.
    """
    answers = dict(_answers(path / "answers"))
    last = replace(ending, traceback=_tail(stderr or path / "stderr"))
    results = [
        _result(answers[i], case, loaded) if i in answers else _unanswered(case, loaded, last)
        for i, case in enumerate(cases)
    ]
    again = path / "again.json"
    asked = json.loads(again.read_text()) if again.exists() else {"same": True}
    return results if asked["same"] else unsteady(results, asked["case"])


def unsteady(results: Sequence[Result], first: int) -> list[Result]:
    """Return the results of a target that keeps state: those after the `first` are no rule's."""
    return [Result("error", message=STATE) if r.status == "ok" and i != first else r
            for i, r in enumerate(results)]  # fmt: skip


def _answers(file: Path) -> Iterator[tuple[int, Any]]:
    """Yield what was answered whole, by the case's number."""
    if not file.exists():
        return
    with file.open("rb") as stream:
        while head := stream.readline():
            try:
                content = json.loads(head)
                content["arrays"] = worker.unpack(stream, content["arrays"])
            except ValueError:  # cut off
                return
            yield content.pop("case"), content


def _result(content: dict[str, Any], case: Case, loaded: Loaded) -> Result:
    arrays = content.pop("arrays")
    values = None if content["status"] != "ok" else arrays
    whole = values[0] if values and "tensors" not in case.flags else values
    return Result(values=whole, shards=loaded.shards, **content)


def _unanswered(case: Case, loaded: Loaded, ending: Result) -> Result:
    refused = worker.refusal(loaded.supports, case.flags)
    return Result("unsupported", message=refused) if refused else ending


def _tail(file: Path, size: int = 4000) -> str:
    with file.open("rb") as stream:
        stream.seek(max(file.stat().st_size - size, 0))
        return stream.read().decode(errors="replace")
