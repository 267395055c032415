"""The optimizers of packages, each with what is needed to run it; nothing of theirs is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....conventions import conventions
from ...targets import listing
from ...targets.constructor import bare
from ...targets.pointing import Pointing
from ...targets.synonyms import COMMON, synonyms
from ...targets.target_pool import Job, Outcome, run_all
from ...targets.targets import Target, adapter_files
from ..pool import Settings

FILE = ".py"


@dataclass(frozen=True)
class Package:
    """What was asked for, its version, and the optimizers in it; or the `problem` with it.

    With each optimizer stands whether its constructor has a weight decay.
    """

    name: str
    version: str = ""
    optimizers: Mapping[str, bool] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Entry:
    """An optimizer that a package exports."""

    package: Package
    name: str
    decays: bool = True

    @property
    def text(self) -> str:
        """The TARGET of ``wdref check``."""
        return f"{self.package.name}:{self.name}"

    @property
    def claim(self) -> tuple[str, str]:
        """The rule that it is called by, and in whose words; nothing where it is called otherwise.

        >>> Entry(Package("acme"), "AdamW").claim
        ('adamw', 'pytorch')
        """
        word = self.name.lower()
        tables = conventions()
        own = (convention for convention in ("pytorch", "paper") if word in tables[convention])
        return next(((word, convention) for convention in own), ("", ""))

    def target(self, claim: str, convention: str) -> Target:
        """Return what a process runs, its words those of a claim first.

        One without a weight decay is asked as any rule, and does not read it.
        """
        unread = () if self.decays else ("weight_decay",)
        name = claim.partition("[")[0]  # an answer changes no word
        pointing = Pointing(name, convention, unread=unread, lenient=True)
        place = _place(self.package.name)
        driver = pointing.request({}, adapter_files())
        return Target(self.text, {**place, "function": self.name, "driver": driver})


def packages(names: Sequence[str], settings: Settings) -> list[Package]:
    """Return what each of `names` exports: modules, or Python files."""
    return [_package(name, settings) for name in dict.fromkeys(names)]


def _package(name: str, settings: Settings) -> Package:
    """Imported in a process of its own, which it may end."""
    (outcome,) = run_all([_listing(name)], timeout=settings.timeout, memory=settings.memory)
    problem = _problem(name, outcome)
    if problem:
        return Package(name, problem=problem)
    found = outcome.about["exported"]
    known = Package(name, found["version"], found["names"])
    nothing = "" if known.optimizers else f"{name}: no optimizer is exported by it"
    return replace(known, problem=nothing)


def _listing(name: str) -> Job:
    words = {bare(word): list(ours) for word, ours in reversed(synonyms())}
    options = {
        "words": sorted(words),
        "rates": [bare(word) for word in COMMON["learning_rate"].split()],
        "decays": [word for word, ours in words.items() if ours == ["weight_decay"]],
    }
    spec = {"kind": "adapter", "file": listing.__file__, "optimizer": name, "options": options}
    return Job(Target(name, spec), [])


def _problem(name: str, outcome: Outcome) -> str:
    error = outcome.error or outcome.about.get("problem", "")
    if not error:
        return ""
    kind, _, why = error.partition(": ")
    if kind == "ModuleNotFoundError" and why == f"No module named {name.partition('.')[0]!r}":
        return f"{name}: not installed"
    if kind == "FileNotFoundError":
        return f"{name}: no such file"
    return f"{name}: cannot be imported: {error}"


def _place(name: str) -> dict[str, Any]:
    return {"kind": "file", "file": name} if name.endswith(FILE) else {
        "kind": "module", "module": name}  # fmt: skip
