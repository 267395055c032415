"""What is wrong with a family's record: one line that names the field, or nothing."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from .contract import Dialect, Family
from .programs import Program, programs
from .tables import TableError


def faults(family: Family) -> str:
    """Return the first fault of a record and of its tables, with the field that has it."""
    try:
        return next(_faults(family), "")
    except TableError as error:
        return str(error)
    except Exception as error:  # a family's own code
        return f"it raises {type(error).__name__}: {error}"


def _faults(family: Family) -> Iterator[str]:
    d = family.dialect
    if not (isinstance(d, type) and issubclass(d, Dialect) and is_dataclass(d)):
        yield "dialect: expected a frozen dataclass derived from wdref.rules.contract.Dialect"
    if "form" not in {f.name for f in fields(d)}:
        yield "dialect: it has no question 'form', the form of the decay"
    if d.family != family.name:
        yield f"dialect: its family is {d.family!r}, not {family.name!r}"
    if not family.claims:
        yield "claims: there is none"
    yield from _of_questions(family)
    for convention, of_claims in programs(family).items():
        for claim, program in of_claims.items():
            yield from _of_program(family, f"programs.toml, {convention}.{claim}", claim, program)
    if not any(set(of_claims) >= {c.name for c in family.claims}
               for name, of_claims in programs(family).items() if name == "paper"):  # fmt: skip
        yield "programs.toml: 'paper' lacks a claim, of " + ", ".join(c.name for c in family.claims)
    yield from _of_dialects(family)


def _of_questions(family: Family) -> Iterator[str]:
    questions, hyper = family.dialect.questions(), {h.name for h in family.hyper}
    for name, answers in questions.items():
        if not answers:
            yield f"dialect: {name} has no Literal type that says what may be answered"
    for name in family.keeps:
        if name not in questions:
            yield f"keeps: no question {name!r}"
    for name in family.options:
        if name not in (*questions, *hyper, "betas"):
            yield f"options: {name!r} is neither a question nor a hyperparameter"
    for needed in ("learning_rate", "weight_decay"):
        if needed not in hyper:
            yield f"hyper: {needed} is missing"


def _of_dialects(family: Family) -> Iterator[str]:
    hyper, slots = {h.name for h in family.hyper}, {s.name for s in family.slots}
    for claims in programs(family).values():
        for program in claims.values():
            d = family.dialect(**program.answers)
            if unknown := set(d.hyper) - hyper:
                yield f"hyper: {', '.join(sorted(unknown))} is read and not described"
            if unknown := set(d.slots) - slots:
                yield f"slots: {', '.join(sorted(unknown))} is kept and not described"
            if unknown := set(d.inputs) - {x.name for x in family.inputs}:
                yield f"inputs: {', '.join(sorted(unknown))} is given and not described"
            if len(d.starts(dict.fromkeys(d.hyper, 0.5))) != len(d.slots):
                yield "dialect: starts does not give one number a slot"


def _of_program(family: Family, where: str, claim: str, program: Program) -> Iterator[str]:
    if claim not in {c.name for c in family.claims}:
        yield f"{where}: no such claim"
    for name, answer in program.answers.items():
        if problem := answer_fault(family.dialect, name, answer):
            yield f"{where}: answers: {problem}"
    slots = family.dialect(**program.answers).slots
    if program.slots and (missing := [s for s in slots if s not in program.slots]):
        yield f"{where}: slots: it has no name of {', '.join(missing)}"
    for switch in program.switches:
        if switch.name not in family.switches and switch.name not in family.dialect.questions():
            yield f"{where}: switches: {switch.name!r} is not among the family's"


def answer_fault(dialect: Any, name: str, answer: Any) -> str:
    """Return why `answer` cannot be given to a question, or nothing."""
    questions = dialect.questions()
    if name not in questions:
        return f"{dialect.family} has no option {name!r}: its options are {', '.join(questions)}"
    if answer not in questions[name]:
        return f"{name}={answer!r}: expected one of {', '.join(map(repr, questions[name]))}"
    return ""
