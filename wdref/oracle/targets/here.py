"""Targets in this process: what a notebook or a test hands over as it is."""

import sys
import traceback
from collections.abc import Sequence
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import numpy as np

from .. import Unsupported
from ..cases.case import Case
from . import driver, measure, worker
from .exchange import Result, handed, unsteady
from .pointing import Pointing
from .targets import TargetError, adapter_files


def run_here(
    target: Any, cases: Sequence[Case], pointing: Pointing
) -> tuple[list[Result], dict[str, Any]]:
    """Return one result a case, and what was measured of its module's primitives by dtype.

    Raises TargetError for what is no target. What it raises in a case is the case's error.
    """
    try:
        request = pointing.request(pointing.options, adapter_files())
        described = [{"hyper": dict(case.hyper), "groups": case.groups} for case in cases]
        run, adapter = driver.drive(target, request, described)
        module = sys.modules.get(getattr(target, "__module__", None) or "")
        module = module if adapter is None or hasattr(module, "primitives") else adapter
        measured = measure.probe_all(module, sorted({case.dtype for case in cases}))
    except (TypeError, ValueError, Unsupported) as error:
        raise TargetError(str(error)) from error
    with np.errstate(all="ignore"):  # as in a process of its own, where no one is warned
        results = [_result(run, case) for case in cases]
        first = next((i for i, result in enumerate(results) if result.status == "ok"), None)
        if first is None or _same(results[first], _result(run, cases[first])):
            return results, measured
        return unsteady(results, first), measured


def _same(one: Result, other: Result) -> bool:
    listed = [r.values if isinstance(r.values, list) else [r.values] for r in (one, other)]
    return worker.pack(listed[0]) == worker.pack(listed[1])


def _result(run: Any, case: Case) -> Result:
    outcome = worker.outcome_of(run, handed(case))
    if isinstance(outcome.error, KeyboardInterrupt | SystemExit):
        raise outcome.error
    if outcome.status == "ok":
        return Result("ok", outcome.arrays if "tensors" in case.flags else outcome.arrays[0])
    shown = "".join(traceback.format_exception(outcome.error)) if outcome.error else ""
    return Result(outcome.status, message=outcome.message, traceback=shown)


def located(target: Any) -> str:
    """Return the text of a target that another process can load: its file and its name.

    Raises TargetError for what is in no file, as what was typed into a notebook, or in a function.
    """
    name = getattr(target, "__qualname__", "")
    try:
        file = getsourcefile(target)
    except TypeError:
        file = None
    if not file or not Path(file).is_file() or not name.isidentifier():
        shown = name or repr(target)
        raise TargetError(f"{shown} is in no file that another process can load: leave apart out")
    return f"{file}:{name}"
