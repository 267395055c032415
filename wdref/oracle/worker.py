"""The process in which an implementation under test runs. One file, needs NumPy alone.

``python worker.py DIRECTORY`` reads ``request.json`` and ``request.npz`` there and writes one
``<index>.json`` a case, with ``<index>.npz`` where there is a result, each as soon as it is known,
so that a crash costs no case before it. What the target prints goes to stderr. With ``-`` for
DIRECTORY one target after another is run, a directory on each line of stdin, which imports their
framework once; ``done.json`` comes last in each.

A target says what it can do beyond one contiguous tensor in an attribute: ``run.supports`` is a
collection of the words ``tensors``, ``groups``, ``late``, ``none``, ``layout``. Cases that may be
refused are asked of all: an exception there counts as unsupported. An adapter may offer
``primitives(dtype)``, functions on NumPy arrays whose rounding is then measured, and for the matrix
``version()`` and ``defaults(optimizer, **options)``.
"""

import contextlib
import importlib
import importlib.util
import json
import math
import os
import sys
import time
import traceback
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

NEEDS = ("tensors", "groups", "late", "none", "layout")  # flags that a target says it supports
REFUSABLE = ("shaped", "bound", "nonfinite")  # flags of cases that a right target may refuse


def main(place: str) -> None:
    """Run the request in the directory `place`, or with ``-`` those that stdin names."""
    if place != "-":
        run_request(Path(place))
        return
    directories = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # stdin belongs to the oracle
    for line in iter(directories.readline, ""):
        directory, began = Path(line.rstrip("\n")), time.process_time()
        run_request(directory)
        answer(directory, "done", seconds=time.process_time() - began)


def run_request(directory: Path) -> None:
    """Run the request in `directory`."""
    os.dup2(2, 1)  # stdout belongs to the oracle
    # Python put this file's folder first: the oracle's modules are none of the target's
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    request = json.loads((directory / "request.json").read_text())
    arrays = np.load(directory / "request.npz", allow_pickle=False)
    limit_memory(request["memory"])
    try:
        run, module = load_target(request["target"])
    except BaseException as error:  # also a target that exits: the oracle must hear of it
        answer(directory, "load", status="unloadable", **describe(error))
        return
    dtypes = sorted({case["dtype"] for case in request["cases"]})
    about = described(module, request["target"])
    answer(directory, "load", status="ok", primitives=probe_all(module, dtypes), about=about)
    for index, case in enumerate(request["cases"]):
        case["eta"] = arrays[f"eta_{index}"]
        for name in ("theta0", "grads"):
            case[name] = [arrays[f"{name}_{index}_{i}"] for i in range(case["tensors"])]
        if "tensors" not in case["flags"]:
            case["theta0"], case["grads"] = case["theta0"][0], case["grads"][0]
        run_case(directory, index, run, types.SimpleNamespace(**case))


def limit_memory(gigabytes: float) -> None:
    """Bound what the process may allocate, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 2**30),) * 2)


def run_case(directory: Path, index: int, run: Any, case: Any) -> None:
    """Run one case and write what came of it."""
    supports = set(getattr(run, "supports", ()))
    missing = set(case.flags) & set(NEEDS) - supports
    apart = "apart" in case.flags and missing == {"tensors"}
    if missing and not apart:
        words = ", ".join(map(repr, sorted(missing)))
        answer(directory, index, status="unsupported", message=f"run.supports has no {words}")
        return
    try:
        many = "tensors" in case.flags
        whole = one_by_one(run, case) if apart else run(case)
        results, grads = (whole, case.grads) if many else ([whole], [case.grads])
        arrays = [flat(x, g.shape) for x, g in zip(results, grads, strict=True)]
        np.savez(directory / f"{index}.npz", *arrays)
    except BaseException as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        refused = isinstance(error, Exception) and set(case.flags) & set(REFUSABLE)
        status = "unsupported" if "Unsupported" in names or refused else "error"
        answer(directory, index, status=status, **describe(error))
    else:
        answer(directory, index, status="ok")


def one_by_one(run: Any, case: Any) -> list[Any]:
    """Run a case of several tensors as one case a tensor."""
    both = zip(case.theta0, case.grads, strict=True)
    flags = [flag for flag in case.flags if flag != "tensors"]
    return [run(types.SimpleNamespace(**{**vars(case), "theta0": theta0, "grads": grads,
                                         "flags": flags})) for theta0, grads in both]  # fmt: skip


def flat(result: Any, shape: tuple[int, ...]) -> Any:
    """Return a result as float64, (T, n), if it has the right shape and holds real numbers."""
    result = np.asarray(result)
    rows = (shape[0], math.prod(shape[1:]))
    if result.shape not in (shape, rows):
        words = "(T, n)" if len(shape) == 2 else "(T, *shape of theta0)"
        raise ValueError(f"run returned shape {result.shape}: expected {shape}, {words}")
    return result.reshape(rows).astype(np.float64, casting="same_kind")


def load_target(target: dict[str, Any]) -> tuple[Any, Any]:
    """Return the function `run(case)` that `target` names, and its module."""
    provide_unsupported()
    if target["kind"] == "module":
        sys.path.insert(0, str(Path.cwd()))
        found = importlib.import_module(target["module"])
        return getattr(found, target["function"]), found
    path = Path(target["file"])
    if target["kind"] == "file":
        sys.path.append(str(path.parent))  # last: a target called torch.py must not shadow torch
    # for the same reason no name of a package
    spec = importlib.util.spec_from_file_location(f"wdref_target_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if target["kind"] == "adapter":
        return module.load(target["optimizer"], **target["options"]), module
    return getattr(module, target["function"]), module


def described(module: Any, target: dict[str, Any]) -> dict[str, Any]:
    """What an adapter says of its framework: version, and the optimizer's own defaults in words."""
    about: dict[str, Any] = {}
    if target["kind"] != "adapter":
        return about
    try:
        if hasattr(module, "version"):
            about["version"] = str(module.version())
        if hasattr(module, "defaults"):
            given = module.defaults(target["optimizer"], **target["options"])
            about["defaults"] = {str(key): repr(value) for key, value in given.items()}
    except Exception as error:  # the verdict does not depend on it
        about["problem"] = describe(error)["message"]
    return about


def probe_all(module: Any, dtypes: list[str]) -> dict[str, Any]:
    """Measure the module's primitives in each dtype that NumPy and the module have."""
    measured: dict[str, Any] = {}
    if not hasattr(module, "primitives"):
        return measured
    for dtype in dtypes:
        if dtype != "bfloat16":
            with contextlib.suppress(Exception):  # it lacks the dtype: its cases will say so
                measured[dtype] = probe(module.primitives(dtype), dtype)
    return measured


def probe(f: dict[str, Any], dtype: str) -> dict[str, Any]:
    """What √, ÷ do in halves of a unit in the last place, the share that is not nearest, and more.

    `f` has ``sqrt(x)``, ``divide(x, y)``, ``multiply(x, y)`` and ``fused(x, y, z)`` = x y + z.
    """
    kind = np.dtype(dtype).type
    rng = np.random.default_rng(0)
    x = (rng.uniform(1, 4, 20_000) * 2.0 ** rng.integers(-8, 8, 20_000)).astype(dtype)
    y = rng.uniform(1, 2, 20_000).astype(dtype)
    wide = np.longdouble if dtype == "float64" else np.float64
    roots, quotients = np.sqrt(x.astype(wide)), x.astype(wide) / y.astype(wide)
    least, ulp = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).eps
    near, far = np.full(8, 1 + ulp, dtype), np.full(8, -(1 + 2 * ulp), dtype)
    return {
        "sqrt": halves(f["sqrt"](x), roots, dtype),
        "sqrt_not_nearest": float(np.mean(f["sqrt"](x) != roots.astype(dtype))),
        "divide": halves(f["divide"](x, y), quotients, dtype),
        "divide_not_nearest": float(np.mean(f["divide"](x, y) != quotients.astype(dtype))),
        "power": host_power(),
        "flush": bool(np.any(f["multiply"](np.full(8, least), np.ones(8, dtype)) == kind(0))),
        "contracts": bool(np.any(f["fused"](near, near, far) != kind(0))),
    }


def host_power() -> float:
    """Worst error of Python's β^t in float64, in halves of a unit in the last place."""
    worst = 1.0
    for beta in (0.7, 0.8, 0.9, 0.95, 0.99, 0.999):
        for t in range(2, 101):
            got = beta**t
            error = abs(Fraction(got) - Fraction(beta) ** t) / Fraction(math.ulp(got) / 2)
            worst = max(worst, float(error))
    return round(worst, 3)


def halves(got: Any, exact: Any, dtype: str) -> float:
    """Worst error in halves of a unit in the last place; 1 for what is correctly rounded."""
    unit = np.spacing(exact.astype(dtype)).astype(exact.dtype) / 2
    return round(max(1.0, float(np.max(np.abs(got.astype(exact.dtype) - exact) / unit))), 3)


def provide_unsupported() -> None:
    """Let targets import wdref.oracle.Unsupported where wdref is not installed."""
    spec = importlib.util.find_spec("wdref")
    if spec is not None and spec.origin is not None:  # none: a mere folder of that name
        return
    package, module = types.ModuleType("wdref"), types.ModuleType("wdref.oracle")
    module.Unsupported = type("Unsupported", (Exception,), {})  # type: ignore[attr-defined]  # made here
    sys.modules |= {"wdref": package, "wdref.oracle": module}


def describe(error: BaseException) -> dict[str, str]:
    """One line for people, and the traceback for those who ask."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return {"message": text, "traceback": "".join(traceback.format_exception(error))}


def answer(directory: Path, name: object, **content: Any) -> None:
    """Write an answer whole or not at all."""
    temporary = directory / f"{name}.json.part"
    temporary.write_text(json.dumps(content))
    temporary.replace(directory / f"{name}.json")


if __name__ == "__main__":
    main(sys.argv[1])
