"""What a package exports that is an optimizer. An adapter that has no rows: it lists, runs nothing.

Runs in a target's process and calls nothing of the package but its import.
"""

import importlib
import inspect
import sys
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from . import worker
from .constructor import Constructor, bare
from .recognise import BASES, TENSORS, framework_of, is_factory

MAKES = ("GradientTransformation", "Optimizer")  # what a factory says that it returns


def load(package: str, **_: Any) -> Any:
    """Import the package; nothing is run."""
    _imported(package)
    return _nothing


def _nothing(case: Any) -> Any:
    raise NotImplementedError("a list has no cases")


def exported(
    package: str, *, words: Collection[str], rates: Collection[str], decays: Collection[str]
) -> dict[str, Any]:
    """Return the version and the names of optimizers, aliases and what others made aside.

    `words` are those that hyperparameters go by, `rates` the learning rate's among them, `decays`
    the weight decay's: with each name stands whether its constructor has one.
    """
    module = _imported(package)
    names, seen = {}, set()
    for name, thing in _public(module):
        if id(thing) in seen or not _is_own(thing, module.__name__):
            continue
        if _is_class(thing) or _is_maker(thing, words, rates):
            known = Constructor(thing, TENSORS)
            names[name] = known.takes_any or not {*map(bare, known.names)}.isdisjoint(decays)
            seen.add(id(thing))
    return {"version": _version(package), "names": names}


def _imported(package: str) -> ModuleType:
    if package.endswith(".py"):
        found: ModuleType = worker.load_file(Path(package), adapter=False)
        return found
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(package)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield what the module says that it exports, else what it holds under no hidden name."""
    said = getattr(module, "__all__", None)
    names = sorted(said if said is not None else vars(module))
    for name in names:
        try:
            thing = getattr(module, name)
        except Exception:  # loaded when it is asked for, and lacking what it needs
            continue
        if said is not None or not name.startswith("_"):
            yield name, thing


def _is_own(thing: Any, package: str) -> bool:
    """Whether a thing was written in the package's own distribution."""
    root = str(getattr(thing, "__module__", None) or "").partition(".")[0]
    return root == package.partition(".")[0]


def _is_class(thing: Any) -> bool:
    if not isinstance(thing, type) or inspect.isabstract(thing):
        return False
    base = (thing.__module__.partition(".")[0], thing.__name__) in BASES
    return not base and framework_of(thing) is not None


def _is_maker(thing: Any, words: Collection[str], rates: Collection[str]) -> bool:
    """Whether a function's own signature says that it makes optimizers."""
    if not inspect.isfunction(thing) or not is_factory(thing, words):
        return False
    signature = inspect.signature(thing)
    names = list(signature.parameters)
    returns = signature.return_annotation
    if returns is not inspect.Signature.empty:
        said = returns if isinstance(returns, str) else getattr(returns, "__name__", str(returns))
        if not any(word in said for word in MAKES):
            return False
    return names[0] in TENSORS or not {*map(bare, names)}.isdisjoint(rates)


def _version(package: str) -> str:
    root = package.partition(".")[0]
    found = metadata.packages_distributions().get(root)
    return metadata.version(found[0]) if found else ""
