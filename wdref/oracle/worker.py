"""The process in which an implementation under test runs. One file, needs NumPy alone.

``python worker.py DIRECTORY`` reads ``request.json`` and ``request.npz`` there and writes one
``<index>.json`` a case, with ``<index>.npy`` where there is a result, each as soon as it is known,
so that a crash costs no case before it. What the target prints goes to stderr.
"""

import importlib
import importlib.util
import json
import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import numpy as np


def main(directory: Path) -> None:
    """Run the request in `directory`."""
    os.dup2(2, 1)  # stdout belongs to the oracle
    # Python put this file's folder first: the oracle's modules are none of the target's
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    request = json.loads((directory / "request.json").read_text())
    arrays = np.load(directory / "request.npz", allow_pickle=False)
    try:
        run = load_target(request["target"])
    except BaseException as error:  # also a target that exits: the oracle must hear of it
        answer(directory, "load", status="unloadable", **describe(error))
        return
    answer(directory, "load", status="ok")
    for index, case in enumerate(request["cases"]):
        case["theta0"], case["grads"] = arrays[f"theta0_{index}"], arrays[f"grads_{index}"]
        case["eta"] = arrays[f"eta_{index}"]
        run_case(directory, index, run, types.SimpleNamespace(**case))


def run_case(directory: Path, index: int, run: Any, case: Any) -> None:
    """Run one case and write what came of it."""
    shape = case.grads.shape
    try:
        result = np.asarray(run(case))
        if result.shape != shape:
            raise ValueError(f"run returned shape {result.shape}: expected {shape}, (T, n)")
        np.save(directory / f"{index}.npy", result.astype(np.float64, casting="same_kind"))
    except BaseException as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        status = "unsupported" if "Unsupported" in names else "error"
        answer(directory, index, status=status, **describe(error))
    else:
        answer(directory, index, status="ok")


def load_target(target: dict[str, Any]) -> Any:
    """Return the function `run(case)` that `target` names."""
    provide_unsupported()
    if target["kind"] == "module":
        sys.path.insert(0, str(Path.cwd()))
        return getattr(importlib.import_module(target["module"]), target["function"])
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
        return module.load(target["optimizer"], **target["options"])
    return getattr(module, target["function"])


def provide_unsupported() -> None:
    """Let targets import wdref.oracle.Unsupported where wdref is not installed."""
    if importlib.util.find_spec("wdref") is not None:
        return
    package, module = types.ModuleType("wdref"), types.ModuleType("wdref.oracle")
    module.Unsupported = type("Unsupported", (Exception,), {})  # type: ignore[attr-defined]  # made here
    sys.modules |= {"wdref": package, "wdref.oracle": module}


def describe(error: BaseException) -> dict[str, str]:
    """One line for people, and the traceback for those who ask."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return {"message": text, "traceback": "".join(traceback.format_exception(error))}


def answer(directory: Path, name: object, **content: str) -> None:
    """Write an answer whole or not at all."""
    temporary = directory / f"{name}.json.part"
    temporary.write_text(json.dumps(content))
    temporary.replace(directory / f"{name}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
