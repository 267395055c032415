"""What is asked of a target, from Python: does it conform, and what is it?

The commands ``wdref check`` and ``wdref identify`` ask the same.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ...common.optional import installed
from ...conventions import dialect
from ...rules.contract import Dialect
from ..cases.case import Case
from ..cases.suite import cases as suite
from ..cases.suite import regimes
from ..identify.diagnosis import Diagnosis, diagnose
from ..identify.guesses import Guess, others, usual
from ..identify.identify import Identity
from ..identify.identify import identify as find
from ..identify.ranking import PROBES
from ..judge.against import compared
from ..judge.enclosure import enclose
from ..judge.verdict import arithmetic_in, primitives_in
from ..targets.exchange import STATE, Result
from ..targets.here import located, run_here
from ..targets.pointing import Pointing, word
from ..targets.targets import MEMORY, TIMEOUT, Target, TargetError, parse, parse_options, start
from .dtypes import DTYPES
from .report import Identification, Report

Answers = tuple[Sequence[Case], Sequence[Result], dict[str, Any]]
Waiting = Callable[[str], AbstractContextManager[Any]]


class NoAnswer(TargetError):
    """Nothing that a target gave can be identified."""


@dataclass(frozen=True)
class Inquiry:
    """A target, where it runs, and with what limits."""

    target: Any  # a text, or the thing itself
    dtype: str = "full"
    timeout: float = TIMEOUT
    memory: float = MEMORY
    python: str | None = None
    apart: bool = False
    words: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    waiting: Waiting = lambda _: nullcontext()

    @property
    def name(self) -> str:
        """What it is called."""
        if isinstance(self.target, str):
            return self.target
        return str(getattr(self.target, "__qualname__", type(self.target).__qualname__))

    def answers(
        self, found: Dialect | None, table: Callable[[str], Any], claim: Guess = ("", ""), *,
        lenient: bool = False,
    ) -> Answers:  # fmt: skip
        """Run the cases of `table`, a function of the dtype; `found` is judged meanwhile."""
        if not installed("flint"):
            raise ImportError("this needs python-flint: pip install 'wdref[oracle]'")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r}: expected one of {', '.join(DTYPES)}")
        cases = [case for each in DTYPES[self.dtype] for case in table(each)]
        pointing = self._pointing(found, claim, lenient=lenient)
        if not (isinstance(self.target, str) or self.apart):
            return cases, *run_here(self.target, cases, pointing)
        return self._apart(found, cases, pointing)

    def _pointing(self, found: Dialect | None, claim: Guess, *, lenient: bool) -> Pointing:
        rule = parse_options(claim[0])[0] if claim[0] else ""
        words = dict(
            word(f"{theirs}={ours if isinstance(ours, str) else ','.join(ours)}")
            for theirs, ours in self.words.items()
        )
        unread = ("weight_decay",) if found is not None and found.form == "none" else ()
        return Pointing(rule, claim[1], words, self.options, unread, lenient)

    def _apart(self, found: Dialect | None, cases: Sequence[Case], pointing: Pointing) -> Answers:
        """In a process of its own; the enclosures of `found` are computed meanwhile."""
        options = {"timeout": self.timeout, "memory": self.memory}
        python = self.python or sys.executable
        with (
            start(self._parsed(pointing), cases, python=python, **options) as running,
            self.waiting(f"{self.name}: {len(cases)} cases"),
        ):
            measured = running.measured()
            for case in cases if found is not None else ():
                for part in case.parts():
                    primitives = primitives_in(case.dtype, measured)
                    enclose(found, part, arithmetic=arithmetic_in(part.dtype, primitives))
            return cases, *running.answers()

    def _parsed(self, pointing: Pointing) -> Target:
        text = self.target if isinstance(self.target, str) else located(self.target)
        return parse(text, elsewhere=self.python is not None, pointing=pointing)


def claimed(claim: str, convention: str) -> Dialect:
    """Return the dialect of a claim like ``sgd[nesterov=True]``. Raises ValueError."""
    try:
        name, answers = parse_options(claim)
    except TargetError as error:
        raise ValueError(str(error)) from None
    return dialect(name, convention, **answers)


def check(
    target: Any,
    *,
    claim: str,
    convention: str = "paper",
    dtype: str = "full",
    views: bool = False,
    against: Any = None,
    **where: Any,
) -> Report:
    """Does `target` compute what it is said to compute?

    `target` is an optimizer's class, a factory of one, a function ``run(case)``, or a text as on
    the command line (``"torch:AdamW[fused=True]"``, ``"my_optimizer.py:MyAdamW"``). A thing runs in
    this process, or with ``apart=True`` in one of its own, where it may crash or hang; a text
    always does. `words` says which hyperparameter a constructor's parameter is, where its name does
    not (``{"wdecay": "weight_decay"}``), `options` what every object gets beside them. `dtype` is
    ``full`` (float64 and float32), ``half``, ``all`` or one dtype; `timeout` is in seconds,
    `memory` in GiB, `python` another interpreter.

    With `against` another target, on another device say, the two are compared with each other: they
    conform where no more than rounding of the claimed rule is between them.

    Raises ValueError for an unknown claim, TargetError where the target cannot be asked.

    >>> import wdref
    >>> def run(case):
    ...     theta, path = case.theta0, []
    ...     for g, eta in zip(case.grads, case.eta.tolist()):
    ...         theta = theta - eta * case.hyper["learning_rate"] * g  # the decay is forgotten
    ...         path.append(theta)
    ...     return path
    >>> report = wdref.check(run, claim="sgd[buffer=False]", dtype="float64")
    >>> report.verdict
    'deviates'
    >>> report.document["diagnosis"][0]
    'the weight decay is not applied'
    """
    found = claimed(claim, convention)
    inquiry = Inquiry(target, dtype=dtype, **where)
    table = partial(_suite, parse_options(claim)[0], found, views)
    cases, results, primitives = inquiry.answers(found, table, (claim, convention))
    if against is None:
        diagnosis = diagnose(found, cases, results, primitives)
        other = None
    else:
        beside = replace(inquiry, target=against)
        _, others, _ = beside.answers(found, table, (claim, convention))
        diagnosis = Diagnosis(tuple(compared(found, cases, results, others, primitives)))
        other = beside.name
    return Report(inquiry.name, claim, convention, dtype, diagnosis, tuple(cases),
                  tuple(results), primitives, other)  # fmt: skip


def _suite(rule: str, found: Dialect, views: bool, dtype: str) -> Iterator[Case]:
    return suite(rule, found, dtype, with_views=views)


def identify(
    target: Any,
    *,
    claim: str | None = None,
    convention: str = "pytorch",
    dtype: str = "full",
    **where: Any,
) -> Identification:
    """What is `target`: which rule, in which dialect, and which known bug?

    The arguments are those of `check`. Without a `claim` the families' usual claims are tried.
    Raises ValueError for an unknown claim, TargetError where no case gave numbers.

    >>> import wdref
    >>> wdref.identify("loopback:SGDW", dtype="float64").rule.form
    'paper'
    """
    inquiry = Inquiry(target, dtype=dtype, **where)
    search = _Search(inquiry, None if claim is None else claimed(claim, convention))
    if claim is not None:
        search.tried((claim, convention))
    elif not any(map(search.tried, usual())):
        search.tried_likely()
    if not search.answers or search.unsteady:
        raise NoAnswer(f"{inquiry.name}: nothing to identify: {search.why()}", search.traceback())
    return Identification(inquiry.name, min(search.answers, key=_rank))


def _rank(answer: Identity) -> Any:
    return not answer.named, answer.nearest.residual


class _Search:
    """One claim after the other, until the target has a name."""

    def __init__(self, inquiry: Inquiry, claim: Dialect | None) -> None:
        self.inquiry, self.claim = inquiry, claim
        self.answers: list[Identity] = []
        self.ran: list[Result] = []

    def tried(self, guess: tuple[str, str]) -> bool:
        """Ask the cases of a claim; whether the target is named."""
        found = claimed(*guess)
        table = partial(_suite, parse_options(guess[0])[0], found, False)
        lenient = self.claim is None
        cases, results, measured = self.inquiry.answers(found, table, guess, lenient=lenient)
        identity = find(cases, results, found.family, claim=self.claim, measured=measured)
        self.answers += [identity] if identity else []
        self.ran += results
        return identity is not None and identity.named

    def tried_likely(self) -> None:
        """Ask the claim of another family that the target fits on the probing cases, if any."""
        rules = [(guess, claimed(*guess)) for family in others() for guess in family]

        def probes(dtype: str) -> list[Case]:
            return [case for (claim, _), rule in rules for case in regimes(claim, rule, dtype)
                    if case.id.partition("/")[0] in PROBES]  # fmt: skip

        cases, results, _ = self.inquiry.answers(None, probes, lenient=True)
        for guess, rule in rules:
            mine = [(c, r) for c, r in zip(cases, results, strict=True)
                    if (c.rule, tuple(c.hyper)) == (guess[0], rule.hyper)]  # fmt: skip
            identity = find([c for c, _ in mine], [r for _, r in mine], rule.family)
            if identity and identity.named:
                self.tried(guess)
                return

    @property
    def unsteady(self) -> bool:
        """Whether the target's results are of its past, too: then they are no rule's."""
        return any(result.message == STATE for result in self.ran)

    def why(self) -> str:
        """Why there is no answer; another family's hyperparameters the target need not know."""
        if self.unsteady:
            return STATE
        said = [r.message for r in sorted(self.ran, key=lambda r: r.status != "error") if r.message]
        none = any(r.status == "ok" for r in self.ran) or not said
        return "no probe gave a finite result" if none else said[0]

    def traceback(self) -> str:
        """The first traceback of the target's own."""
        return next((r.traceback for r in self.ran if r.traceback), "")
