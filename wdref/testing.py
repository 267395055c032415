"""Conformance tests for your own suite: the cases of ``wdref check`` as tests of pytest.

::

    from wdref.testing import conformance

    def run(case):
        ...  # the parameters after each step, (T, n)

    run.supports = ("tensors", "groups", "late", "none")  # as far as it does

    test_adamw = conformance(run, claim="adamw", convention="pytorch")

One test a case, and one for all sizes of a dtype, and for all lives that `run` does not support.
What ``run.supports`` does not list is skipped with that reason, and counted in the last line. A
failure says which formula was found, at which step and coordinate it departs, what was expected and
what came. Known failures live in a text file, one test a line with its reason after ``#``; they are
strict: one that passes after all fails the suite.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import pytest

from .conventions import dialect
from .oracle.cases.case import Case
from .oracle.cases.suite import cases
from .oracle.check.subject import Run, Subject
from .oracle.targets import worker
from .oracle.targets.targets import parse_options

# by the test's id; the sizes of a dtype are one test, and so are the lives that are not asked
Suite = Mapping[str, tuple[Case, ...]]
DTYPES = ("float64", "float32")
RIGHT = ("conforms", "undecided", "unsupported")


def conformance(
    run: Run,
    *,
    claim: str,
    convention: str = "paper",
    dtypes: Sequence[str] = DTYPES,
    known_failures: str | Path | None = None,
) -> Callable[..., None]:
    """Return a parametrised test function that judges `run` case by case.

    `claim` and `convention` as in ``wdref check``; options of the rule as in
    ``sgd[nesterov=True]``. `known_failures` is the path of the text file, relative to the file that
    defines `run`. Raises ValueError for an unknown claim, or a known failure that is no case.
    """
    worker.runnable(run)
    rule, answers = parse_options(claim)
    found = dialect(rule, convention, **answers)
    supports = worker.supported(run)
    suite = _suite((case for dtype in dtypes for case in cases(rule, found, dtype)), supports)
    known = _known(run, known_failures, suite)
    every = [case for group in suite.values() for case in group]
    subject = Subject(run, found, every, f"--claim {claim} --convention {convention}")

    @pytest.mark.wdref
    @pytest.mark.parametrize("case_id", [_parameter(id, known) for id in suite])
    def test(case_id: str, record_property: Callable[[str, object], None]) -> None:
        record_property("wdref_cases", len(suite[case_id]))  # also of a run that raises
        verdicts = {case: subject.judge(case) for case in suite[case_id]}
        ratios = [v.ratio for v in verdicts.values() if v.ratio is not None]
        record_property("wdref_ratio", max(ratios, default=None))
        if all(v.verdict == "unsupported" for v in verdicts.values()):
            why = next(iter(verdicts.values())).message
            record_property("wdref_not_asked", [v.message for v in verdicts.values()])
            pytest.skip(f"{case_id}: {why}")
        wrong = {c: v for c, v in verdicts.items() if v.verdict not in RIGHT}
        if wrong:
            case = next(iter(wrong))
            more = f"{len(wrong)} of {len(verdicts)} cases fail, the first: " * (len(verdicts) > 1)
            pytest.fail(more + subject.explain(case, wrong[case]), pytrace=False)

    return test


def _suite(every: Iterable[Case], supports: Iterable[str]) -> Suite:
    suite: dict[str, tuple[Case, ...]] = {}
    for case in every:
        name = f"sizes/{case.dtype}" if case.id.startswith("size-") else case.id
        if case.life and worker.refusal(supports, case.flags):
            name = f"lives/{case.dtype}"
        suite[name] = (*suite.get(name, ()), case)
    return suite


class Conformance:
    """The same as a class to derive from: set `claim`, write `run`.

    ::

        class TestAdamW(Conformance):
            claim, convention = "adamw", "pytorch"

            def run(self, case):
                ...
    """

    claim: str
    convention: str = "paper"
    dtypes: Sequence[str] = DTYPES
    supports: Sequence[str] = ()
    known_failures: str | Path | None = None

    def run(self, case: Any) -> Any:
        """Return the parameters after each step, (T, n)."""
        raise NotImplementedError("write run(self, case)")

    def __init_subclass__(cls, **options: Any) -> None:
        """Make the test of a class that has a claim."""
        super().__init_subclass__(**options)
        if hasattr(cls, "claim"):
            cls.test_case = staticmethod(  # type: ignore[attr-defined]  # collected by pytest
                conformance(
                    cls._run(),
                    claim=cls.claim,
                    convention=cls.convention,
                    dtypes=cls.dtypes,
                    known_failures=cls.known_failures and _beside(cls.run, cls.known_failures),
                )
            )

    @classmethod
    def _run(cls) -> Run:
        def run(case: Any) -> Any:
            return cls().run(case)

        run.__module__, run.__qualname__ = cls.__module__, cls.run.__qualname__
        run.supports = cls.supports  # type: ignore[attr-defined]  # the contract
        return run


def _known(run: Run, file: str | Path | None, suite: Suite) -> dict[str, str]:
    if file is None:
        return {}
    path = _beside(run, file)
    known = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        name, _, reason = line.partition("#")
        if not name.strip():
            continue
        if name.strip() not in suite:
            one = "; the sizes of a dtype are one, sizes/float32" * name.startswith("size-")
            raise ValueError(f"{path}:{number}: no case {name.strip()!r}{one}")
        if not reason.strip():
            raise ValueError(f"{path}:{number}: {name.strip()} needs a reason after #")
        known[name.strip()] = reason.strip()
    return known


def _parameter(id: str, known: Mapping[str, str]) -> Any:
    if id not in known:
        return pytest.param(id, id=id)
    return pytest.param(id, id=id, marks=pytest.mark.xfail(reason=known[id], strict=True))


def _beside(run: Callable[..., Any], file: str | Path) -> Path:
    return Path(getsourcefile(run) or ".").parent / file
