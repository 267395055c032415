"""What a family says of itself: frozen records."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Answers = Mapping[Any, Any]
NONE: Answers = MappingProxyType({})


@dataclass(frozen=True)
class Hyperparameter:
    """A number that a user sets: its word, its letter, its bounds, and what cases give it.

    `default` is that of wdref's own constructor: None where a user must give it, or, with `sets`,
    may leave it out; who gives it answers the questions in `sets`, unless the convention's dialect
    reads it already. `strong` makes its term visible
    in a step or two, `usual` is what people take, at `bounds` programs may branch. `latex` is its
    letter there. A `whole` number counts something, from 1.
    """

    name: str
    letter: str
    latex: str
    strong: float
    usual: float
    default: float | None = None
    below: float = math.inf
    bounds: tuple[float, ...] = (0.0,)
    sets: Answers = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True)
class Slot:
    """A state array: its name, its letter in LaTeX, and whether it holds squares, never below 0."""

    name: str
    latex: str
    square: bool = False


@dataclass(frozen=True)
class Claim:
    """What an optimizer says that it is: the claim's name and that of wdref's class.

    With `decays` the class asks for a decay, whose meaning differs by form. `twin` is the claim
    that differs in how the decay enters. `doc` is the class's docstring. `options` are the class's
    hyperparameters and questions by their defaults, where they are not the family's.
    """

    name: str
    method: str
    doc: str
    decays: bool = False
    twin: str = ""
    options: Answers | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Kept:
    """A question whose answer is what a slot holds: a program's state fits its own answer alone.

    `free` are answers that hold nothing; `text` is the error, of program, name, own and theirs.
    """

    text: str
    free: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """How a family's trainings are written elsewhere, where more than the decay can be rewritten.

    ``solve(before, goal, name, varying)`` returns the training under the dialect `goal`, and None
    or a bound of its error; ``prepare(dialect, hyper)`` puts what was read into its plainest words;
    ``reason(before, after)`` says why two dialects are not exactly the same.
    """

    solve: Callable[..., Any]
    prepare: Callable[..., Any] | None = None
    reason: Callable[..., str] | None = None


PRECONDITIONED = (
    "is divided by the preconditioner, which differs by coordinate and step, so that no λ' serves "
    "all (Proposition 2; Proposition 3 needs a fixed preconditioner)"
)


@dataclass(frozen=True, eq=False)  # hashed by identity
class Family:
    """All that wdref knows of a family; what stands in its tables is read from `package`.

    `options` are the constructors' arguments between ``weight_decay`` and what all have, in order:
    hyperparameters, ``betas`` for the pair, and questions. `switches` are answers that a program's
    option changes when it is on. `keeps` are the questions whose answer is what a slot holds.
    ``reduced(dialect, convention)`` simplifies a dialect whose momentum is 0; `columns` and `words`
    say what the matrix shows, `denominator` what is divided by, with ε in its place, `corrected`
    what the bias correction divides; `conversion` is for families of which more than the decay can
    be rewritten. `coupling` says why no decay is its L2 term, and is empty for SGD, where one is.
    `subjects` are the functions, by module, that mechanical mutants spoil. `inputs` are what a step
    is given beside the gradient, described as slots are.
    """

    name: str
    package: str
    title: str
    source: tuple[str, str]  # of the paper: its name, and authors, place and number
    cited: str  # in one line, with the algorithm
    dialect: type[Any]
    hyper: tuple[Hyperparameter, ...]
    slots: tuple[Slot, ...]
    claims: tuple[Claim, ...]
    options: tuple[str, ...]
    switches: Mapping[str, Answers] = field(default_factory=dict)
    keeps: Mapping[str, Kept] = field(default_factory=dict)
    enters: str = "moments"  # what an L2 term enters with the gradient
    coupling: str = PRECONDITIONED
    columns: Callable[[Any], dict[str, Any]] = lambda d: {}
    denominator: Callable[[Any], str] = lambda d: ""
    corrected: Callable[[Any], str] = lambda d: ""
    words: Callable[[Any], Sequence[str]] = lambda d: ()
    reduced: Callable[[Any, Any], Any] | None = None
    conversion: Conversion | None = None
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: tuple[Slot, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The options that are questions."""
        numbers = {"betas", *(h.name for h in self.hyper)}
        return tuple(name for name in self.options if name not in numbers)
