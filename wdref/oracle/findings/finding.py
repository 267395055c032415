"""Findings: what their files say, read without running them, and how they are tried."""

import ast
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "reproductions"
WORKER = Path(__file__).parent / "process.py"
# Where the distribution is not called what is imported.
DISTRIBUTIONS = {"mlx": "mlx[cpu]", "optimi": "torch-optimi", "paddle": "paddlepaddle",
                 "sklearn": "scikit-learn", "tensorflow": "tensorflow-cpu"}  # fmt: skip
# The findings were seen on the CPU, with JAX's own default precision.
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0",
               "TF_CPP_MIN_LOG_LEVEL": "3"}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What a file of ``findings/`` says of itself; `source` is its function ``reproduce``."""

    name: str
    title: str
    framework: str
    optimizer: str
    kind: str
    formula: str
    expected: str
    why: str
    issue: str
    seen: str
    source: str
    backend: str = ""


@dataclass(frozen=True)
class Answer:
    """What trying a finding gave: present, fixed, not installed, or error with a message."""

    name: str
    status: str
    version: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    seconds: float | None = None


def findings() -> tuple[Finding, ...]:
    """Return all findings, by name.

    >>> from wdref.oracle.findings.finding import findings
    >>> next(f.title for f in findings() if f.name == "thinc_radam_ignores_lr_scale")
    'RAdam ignores lr_scale.'
    """
    return tuple(
        read(path) for path in sorted(FOLDER.glob("*/[!_]*.py"), key=lambda path: path.name)
    )


def path_of(name: str) -> Path:
    """Return the file of a finding, in the folder of its framework, whose name may have a `_`."""
    usual = FOLDER / name.partition("_")[0] / f"{name}.py"
    return next(iter(FOLDER.glob(f"*/{name}.py")), usual)


def read(path: Path) -> Finding:
    """Read a file's literal constants and the source of ``reproduce``; nothing is run."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    said: dict[str, str] = {"title": ast.get_docstring(tree) or ""}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            said[node.targets[0].id.lower()] = ast.literal_eval(node.value)
        if isinstance(node, ast.FunctionDef) and node.name == "reproduce":
            said["source"] = ast.get_source_segment(text, node) or ""
    return Finding(name=path.stem, **said)


def installed(module: str) -> str | None:
    """Return the installed version of what is imported as `module`, None where it is missing."""
    if importlib.util.find_spec(module) is None:
        return None
    name = DISTRIBUTIONS.get(module, module).partition("[")[0]
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # another build: paddlepaddle-gpu
        others = importlib.metadata.packages_distributions().get(module)
        found = importlib.metadata.version(others[0]) if others else "unknown"
    return found.partition("+")[0]


def try_all(chosen: Sequence[Finding], *, timeout: float) -> list[Answer]:
    """Try each finding in a process of its own, `timeout` seconds each, as many as cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [answers[0] for answers in pool.map(lambda f: try_one_process([f], timeout), chosen)]


def try_one_process(chosen: Sequence[Finding], timeout: float) -> list[Answer]:
    """Try findings of one framework and backend in one process, `timeout` seconds in all."""
    first = chosen[0]
    version = installed(first.framework)
    missing = [m for m in (first.framework, first.backend) if m and installed(m) is None]
    if missing:
        names = " ".join(f"'{DISTRIBUTIONS.get(module, module)}'" for module in missing)
        message = f"pip install {names}"
        return [Answer(f.name, "not installed", version, message=message) for f in chosen]
    with tempfile.TemporaryDirectory(prefix="wdref-") as folder:
        results = Path(folder) / "results.jsonl"
        ended = _run(chosen, results, timeout)
        lines = results.read_text("utf-8").splitlines() if results.exists() else []
    known = {answer["name"]: answer for answer in map(json.loads, lines)}
    return [_answer(f.name, version, known.get(f.name, {"error": ended})) for f in chosen]


def _run(chosen: Sequence[Finding], results: Path, timeout: float) -> str:
    """Run the worker and return in words how it ended."""
    files = [str(path_of(finding.name)) for finding in chosen]
    backend = {"KERAS_BACKEND": chosen[0].backend} if chosen[0].backend else {}
    try:
        done = subprocess.run(
            # -P: the folder of the worker holds modules whose names are not the framework's
            [sys.executable, "-P", str(WORKER), str(results), *files],
            env={**os.environ, **ENVIRONMENT, **backend},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout:g} s"
    last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"the process ended with status {done.returncode}: {last}"


def _answer(name: str, version: str | None, known: dict[str, Any]) -> Answer:
    seconds = known.get("seconds")
    if "error" in known:
        return Answer(name, "error", version, message=known["error"], seconds=seconds)
    status = "present" if known["present"] else "fixed"
    return Answer(name, status, version, known["evidence"], seconds=seconds)
