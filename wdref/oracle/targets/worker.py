"""The process in which an implementation under test runs: it and ``driver.py`` need NumPy alone.

``python worker.py DIRECTORY`` reads ``request.json`` and ``request.bin`` there, and writes
``load.json`` and then ``answers``: a line of JSON a case, with the arrays' bytes behind it, each as
soon as it is known, so that a crash costs no case before it. What the target prints goes to stderr.
With ``-`` for DIRECTORY one target after another is run, a directory on each line of stdin, which
imports their framework once; ``done.json`` comes last in each.

A target says what it can do beyond one contiguous tensor in an attribute: ``run.supports`` is a
collection of the words ``tensors``, ``groups``, ``late``, ``none``, ``layout``. Cases that may be
refused are asked of all: an exception there counts as unsupported. `run.shards` says into how many
chunks of the first dimension, the last the shorter, ranks divide each tensor. Its module may offer
``primitives(dtype)``, functions on NumPy arrays whose rounding is then measured, and an adapter for
the matrix ``version()`` and ``defaults(optimizer, **options)``.
"""

import importlib
import importlib.util
import inspect
import json
import math
import os
import sys
import time
import traceback
import types
from collections.abc import Iterable, Sequence
from copy import deepcopy
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

LIFE = ("resume", "change", "scheduler", "skip", "accumulate", "maximize", "clip", "order",
        "mixed", "complex", "count")  # fmt: skip
NEEDS = ("tensors", "groups", "late", "none", "layout", *LIFE)  # what a target says it supports
REFUSABLE = ("shaped", "bound", "nonfinite")  # flags of cases that a right target may refuse
LACKS = "run.supports has no "
TARGET = "a target is a function run(case) that returns the parameters after each step"


def main(place: str) -> None:
    """Run the request in the directory `place`, or with ``-`` those that stdin names."""
    if place != "-":
        run_request(Path(place))
        return
    directories = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # stdin belongs to the oracle
    for line in iter(directories.readline, ""):
        directory, began = Path(line.rstrip("\n")), spent()
        run_request(directory)
        answer(directory, "done", seconds=spent() - began)


def spent() -> float:
    """Return the processor's time of this process and of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def run_request(directory: Path) -> None:
    """Run the request in `directory`."""
    os.dup2(2, 1)  # stdout belongs to the oracle
    # Python put this file's folder first: the oracle's modules are none of the target's
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    request = json.loads((directory / "request.json").read_text())
    limit_memory(request["memory"])
    owner = os.getpid()
    try:
        run, module = load_target(request["target"], request["cases"])
        dtypes = sorted({case["dtype"] for case in request["cases"]})
        measured = sibling("measure").probe_all(module, dtypes)
    except BaseException as error:  # also a target that exits: the oracle must hear of it
        end_child(owner)
        answer(directory, "load", status="unloadable", **describe(error))
        return
    end_child(owner)
    answer(directory, "load", status="ok", primitives=measured, supports=sorted(supported(run)),
           shards=int(getattr(run, "shards", 1)),
           about=described(module, request["target"]))  # fmt: skip
    first: tuple[int, int, Any] | None = None
    with (directory / "request.bin").open("rb") as arrays:
        for index, case in enumerate(request["cases"]):
            place, outcome = arrays.tell(), outcome_of(run, given(case, arrays))
            end_child(owner)
            append(directory / "answers", index, outcome)
            if first is None and outcome.status == "ok":
                first = index, place, pack(outcome.arrays)
        if first is not None and request["target"]["kind"] != "adapter":
            arrays.seek(first[1])
            again = outcome_of(run, given(request["cases"][first[0]], arrays))
            end_child(owner)
            answer(directory, "again", case=first[0], same=pack(again.arrays) == first[2])


def end_child(owner: int) -> None:
    """End a process that the target has forked and that came back from it: it answers nothing."""
    if os.getpid() != owner:
        os._exit(0)


def given(case: dict[str, Any], arrays: BinaryIO) -> Any:
    """Return a case as its target sees it; its arrays are read from where the last one ended."""
    case = deepcopy(case)  # a target may write into its own, and may be asked twice
    return types.SimpleNamespace(**case | columns(case, unpack(arrays, case.pop("arrays"))))


def columns(case: dict[str, Any], arrays: Sequence[Any]) -> dict[str, Any]:
    """Return the arrays of a case by their names: lists of them, where it has several tensors."""
    count, many = case["tensors"], "tensors" in case["flags"]
    listed = [list(arrays[k : k + count]) for k in range(1, len(arrays), count)]
    theta0, grads, *inputs = listed if many else [own[0] for own in listed]
    return {"eta": arrays[0], "theta0": theta0, "grads": grads,
            "inputs": dict(zip(case["inputs"], inputs, strict=True))}  # fmt: skip


def pack(arrays: Iterable[Any]) -> tuple[list[Any], bytes]:
    """Return the dtypes and shapes of arrays, and their bytes one after another."""
    whole = [np.asarray(x, order="C") for x in arrays]
    return [[x.dtype.str, x.shape] for x in whole], b"".join(x.tobytes() for x in whole)


def unpack(stream: BinaryIO, kinds: Sequence[Any]) -> list[Any]:
    """Return what was packed; each array is writable and has memory of its own."""
    empty = [np.empty(shape, dtype) for dtype, shape in kinds]
    return [np.frombuffer(stream.read(x.nbytes), x.dtype).reshape(x.shape).copy() for x in empty]


def limit_memory(gigabytes: float) -> None:
    """Bound what the process may allocate, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 2**30),) * 2)


class Outcome(NamedTuple):
    """What came of one case: ``ok`` with arrays, ``unsupported`` or ``error`` with why."""

    status: str
    arrays: Sequence[Any] = ()
    message: str = ""
    error: BaseException | None = None


def outcome_of(run: Any, case: Any) -> Outcome:
    """Run one case. Here it is decided what is unsupported and what is an error."""
    refused = refusal(supported(run), case.flags)
    if refused:
        return Outcome("unsupported", message=refused)
    try:
        return Outcome("ok", arrays_of(run, case))
    except BaseException as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        may_refuse = isinstance(error, Exception) and set(case.flags) & set(REFUSABLE)
        status = "unsupported" if "Unsupported" in names or may_refuse else "error"
        return Outcome(status, message=describe(error)["message"], error=error)


def supported(run: Any) -> set[str]:
    """Return the words in ``run.supports``."""
    words = getattr(run, "supports", ())
    return {words} if isinstance(words, str) else set(words)


def refusal(supports: Iterable[str], flags: Iterable[str]) -> str:
    """Return why a case is not asked, or nothing; tensors may be run one by one."""
    missing = set(flags) & set(NEEDS) - set(supports)
    if not missing or ("apart" in flags and missing == {"tensors"}):
        return ""
    return LACKS + ", ".join(map(repr, sorted(missing)))


def arrays_of(run: Any, case: Any) -> list[Any]:
    """Run a case and return its trajectories, (T, n), one a tensor."""
    if "tensors" not in case.flags:
        return [flat(run(case), case.grads.shape)]
    whole = run(case) if "tensors" in supported(run) else one_by_one(run, case)
    if not isinstance(whole, Sequence) or len(whole) != len(case.grads):
        raise ValueError("run returned no list of one array a tensor")
    return [flat(x, g.shape) for x, g in zip(whole, case.grads, strict=True)]


def one_by_one(run: Any, case: Any) -> list[Any]:
    """Run a case of several tensors as one case a tensor."""
    flags = [flag for flag in case.flags if flag != "tensors"]
    return [run(types.SimpleNamespace(**{**vars(case), "theta0": theta0, "grads": case.grads[i],
                                         "inputs": {k: x[i] for k, x in case.inputs.items()},
                                         "flags": flags}))
            for i, theta0 in enumerate(case.theta0)]  # fmt: skip


def flat(result: Any, shape: tuple[int, ...]) -> Any:
    """Return a result as float64, (T, n), if it has the right shape and holds real numbers."""
    array = np.asarray(result)
    rows = (shape[0], math.prod(shape[1:]))
    if array.shape not in (shape, rows):
        got = "None" if result is None else f"shape {in_letters(array.shape, *rows)}"
        raise ValueError(
            f"run returned {got}: expected (T, n), the parameters after each step, "
            "or (T, *theta0.shape)"
        )
    return array.reshape(rows).astype(np.float64, casting="same_kind")


def in_letters(shape: tuple[int, ...], T: int, n: int) -> str:
    """Write a shape in the letters of the contract: a mistake reads the same in every case."""
    letters = {T - 1: "T-1", T + 1: "T+1", n: "n", T: "T"}
    words = [letters.get(size, str(size)) for size in shape]
    return f"({words[0]},)" if len(words) == 1 else f"({', '.join(words)})"


def load_target(target: dict[str, Any], cases: Sequence[Any] = ()) -> tuple[Any, Any]:
    """Return the function `run(case)` that `target` names, and its module.

    For a class or a factory ``driver.py`` makes it, by an adapter whose primitives are measured.
    """
    provide_unsupported()
    if target["kind"] == "adapter":
        module = load_file(Path(target["file"]), adapter=True)
        return runnable(module.load(target["optimizer"], **target["options"])), module
    driver = sibling("driver")
    driver.prepare(target["driver"]["options"])
    if target["kind"] == "module":
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(target["module"])
    else:
        module = load_file(Path(target["file"]), adapter=False)
    named = attrgetter(target["function"])(module)
    run, adapter = driver.drive(named, target["driver"], cases)
    return run, module if adapter is None or hasattr(module, "primitives") else adapter


def sibling(name: str) -> Any:
    """Return the module in a file beside this one, where wdref may not be installed."""
    return importlib.import_module(f"{folder_as_package(Path(__file__).parent)}.{name}")


def folder_as_package(folder: Path) -> str:
    """Return the name of a package made of a folder, whose modules can import each other."""
    package = types.ModuleType(f"wdref_files_{folder.name}")
    package.__path__ = [str(folder)]
    sys.modules.setdefault(package.__name__, package)
    return package.__name__


def load_file(path: Path, *, adapter: bool) -> Any:
    """Return the module in a file."""
    if not adapter:
        sys.path.append(str(path.parent))  # last: a target called torch.py must not shadow torch
    # for the same reason no name of a package; an adapter may import what lies beside it
    name = f"{folder_as_package(path.parent)}." if adapter else "wdref_target_"
    spec = importlib.util.spec_from_file_location(name + path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def runnable(target: Any) -> Any:
    """Return a target that can be called with a case, or raise TypeError."""
    if isinstance(target, type):
        raise TypeError(f"{target.__name__} is a class: {TARGET}")
    if not callable(target):
        raise TypeError(f"{type(target).__name__!r} object: {TARGET}")
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # of compiled code nothing is known
        return target
    try:
        signature.bind(None)
    except TypeError:
        name = getattr(target, "__name__", type(target).__name__)
        raise TypeError(f"{name}{signature} cannot be called with a case alone: {TARGET}") from None
    return target


def described(module: Any, target: dict[str, Any]) -> dict[str, Any]:
    """What an adapter says of its framework: version, and the optimizer's own defaults in words."""
    about: dict[str, Any] = {}
    if target["kind"] != "adapter":
        return about
    try:
        if hasattr(module, "version"):
            about["version"] = str(module.version())
        for name in {"defaults", "exported"} & set(dir(module)):
            about[name] = getattr(module, name)(target["optimizer"], **target["options"])
        about |= {"defaults": {str(k): repr(x) for k, x in about.get("defaults", {}).items()}}
    except Exception as error:  # the verdict does not depend on it
        about["problem"] = describe(error)["message"]
    return about


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


def answer(directory: Path, name: str, **content: Any) -> None:
    """Write an answer whole or not at all."""
    temporary = directory / f"{name}.json.part"
    temporary.write_text(json.dumps(content))
    temporary.replace(directory / f"{name}.json")


def append(file: Path, index: int, outcome: Outcome) -> None:
    """Write what came of a case behind the others; opened anew, for a target may close files."""
    kinds, content = pack(outcome.arrays)
    words = describe(outcome.error) if outcome.error else {"message": outcome.message}
    head = json.dumps({"case": index, "status": outcome.status, "arrays": kinds, **words})
    with file.open("ab") as stream:
        stream.write(head.encode() + b"\n" + content)


if __name__ == "__main__":
    main(sys.argv[1])
