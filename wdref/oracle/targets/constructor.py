"""A constructor's parameters, and the hyperparameter that each of them is.

Runs in a target's process, where wdref may be missing: it needs Python alone.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from wdref.oracle import Unsupported

# a hyperparameter that a rule does not read is 0 in it
NEUTRAL = ("dampening", "annealing", "initial")
TORCH = "torch.optim.optimizer"  # whose base takes no hyperparameter


class Constructor:
    """A class or a factory with the parameters that it takes.

    `given` are those that the framework's adapter fills in: the tensors.
    """

    def __init__(self, make: Callable[..., Any], given: Sequence[str] = ()) -> None:
        self.make, self.name = make, name_of(make)
        found, self.takes_any = _parameters(make)
        self.names = [name for name in found if name not in given]
        self.required = [name for name in self.names if found[name].default is inspect._empty]

    @property
    def listed(self) -> str:
        """The parameters, for an error."""
        return ", ".join([*self.names, *["**"] * self.takes_any]) or "none"


def name_of(make: Any) -> str:
    """Return what a person calls a class or a function."""
    return str(getattr(plain(make), "__qualname__", type(make).__name__))


def plain(make: Any) -> Any:
    """Return what a partial is of."""
    while isinstance(make, partial):
        make = make.func
    return make


def first_parameter(make: Any) -> str:
    """Return the name of the first parameter, or nothing."""
    return next(iter(_parameters(make)[0]), "")


def _parameters(make: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters by name, ``**`` followed to the base classes, and whether it ends."""
    found: dict[str, inspect.Parameter] = {}
    positional = True
    for part in _parts(make):
        try:
            own = list(inspect.signature(part).parameters.values())
        except (TypeError, ValueError):  # of compiled code nothing is known
            return found, True
        own = own[1:] if inspect.isfunction(part) and part is not make else own
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        named = [p for p in own if p.kind not in variable]
        found = {p.name: p if positional else _given_by_the_class(p) for p in named} | found
        kinds = {p.kind for p in own}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return found, False
        positional = positional and inspect.Parameter.VAR_POSITIONAL in kinds
    return found, True


def _given_by_the_class(p: inspect.Parameter) -> inspect.Parameter:
    """A base's parameter where no ``*`` passes it on: what has no default the class itself gives.

    So ``super().__init__(params, defaults, **rest)`` does.
    """
    return p.replace(default=None) if p.default is p.empty else p


def _parts(make: Any) -> list[Any]:
    """Return the callables that arguments may pass through, the class's own first."""
    if not isinstance(make, type) or hasattr(make, "__signature__"):
        return [make]
    kinds = [k for k in make.__mro__ if k is not object and k.__module__ != TORCH]
    return [vars(k)["__init__"] for k in kinds if "__init__" in vars(k)] or [make]


class Words:
    """What a constructor's words mean: called with hyperparameters, it returns the keywords.

    `synonyms` are pairs of a word and the hyperparameters that it is, the likeliest first;
    `chosen` comes before them. `fixed` are arguments that every object gets. A word and a synonym
    are the same in any case and with any underscores.
    """

    def __init__(
        self,
        constructor: Constructor,
        *,
        synonyms: Iterable[tuple[str, Sequence[str]]],
        chosen: Mapping[str, Sequence[str]],
        fixed: Mapping[str, Any],
        unread: Sequence[str] = (),
    ) -> None:
        self.constructor, self.chosen, self.fixed, self.unread = constructor, chosen, fixed, unread
        self.synonyms = [(bare(word), tuple(ours)) for word, ours in synonyms]
        self._matched: dict[Any, dict[str, tuple[str, ...]]] = {}

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Return the keywords of a case, or raise Unsupported."""
        found = self.matched(self._names(), hyper)
        missing = self.missing(hyper)
        if any(hyper[name] != 0 for name in missing):
            raise Unsupported(self.unmatched(missing))
        return _values(found, hyper, self.fixed)

    def among(
        self, keys: Iterable[str], hyper: Mapping[str, float], default: Mapping[str, float]
    ) -> dict[str, Any]:
        """Return the entries of a group that has these keys, or raise Unsupported.

        What it has in common with `default`, the constructor's, needs no entry.
        """
        still = {x for word, ours in self.matched(self._names(), hyper).items()
                 if word in self.fixed for x in ours} | set(self.unread)  # fmt: skip
        rest = {name: value for name, value in hyper.items() if name not in still}
        found = self.matched(keys, rest)
        known = {x for ours in found.values() for x in ours}
        for name, value in rest.items():
            if name not in known and value != default.get(name):
                raise Unsupported(f"{self.constructor.name} keeps no {name} in its groups")
        return _values(found, rest, {})

    def rate_among(self, names: Iterable[str]) -> str | None:
        """Return the one of `names` that is the learning rate."""
        return next(iter(self.matched(names, {"learning_rate": 0.0})), None)

    @cached_property
    def rate(self) -> str:
        """The constructor's word for the learning rate."""
        return self.rate_among(self._names()) or "learning_rate"

    def missing(self, hyper: Mapping[str, float]) -> list[str]:
        """Return the hyperparameters of a case that no parameter takes, but for those not read."""
        taken = {x for ours in self.matched(self._names(), hyper).values() for x in ours}
        return [name for name in hyper if name not in taken and name not in self.unread]

    def matched(
        self, names: Iterable[str], hyper: Mapping[str, float]
    ) -> dict[str, tuple[str, ...]]:
        """Return which of `names` is which of the hyperparameters."""
        found: dict[str, tuple[str, ...]] = {}
        names = tuple(names)
        key = (names, tuple(hyper))
        if key in self._matched:
            return self._matched[key]
        known, open_ = {bare(name): name for name in names}, set(hyper)
        chosen = [(bare(word), tuple(ours)) for word, ours in self.chosen.items()]
        for word, ours in [*chosen, *self.synonyms]:
            if word in known and known[word] not in found and open_.issuperset(ours):
                found[known[word]] = ours
                open_ -= set(ours)
        self._matched[key] = found
        return found

    def refusal(self, hypers: Sequence[Mapping[str, float]]) -> str:
        """Return why the constructor cannot be called with these, or nothing."""
        made, known = self.constructor, self._names()
        for what, given in (("parameter", self.chosen), ("option", self.fixed)):
            unknown = [name for name in given if name not in known]
            if unknown:
                return f"{made.name} has no {what} {unknown[0]!r}; it has {made.listed}"
        hyper = {name: value for each in hypers for name, value in each.items()}
        gone = [name for name in self.missing(hyper) if self._needed(name, hypers)]
        if gone:
            return self.unmatched(gone)
        found = self.matched(known, hyper)
        needs = [name for name in made.required if name not in found and name not in self.fixed]
        if needs:
            return (
                f"{made.name} needs {', '.join(needs)}, which nobody can guess: "
                f"--option {needs[0]}=VALUE gives it"
            )
        return ""

    def unmatched(self, missing: Sequence[str]) -> str:
        """Say that there is no word for some hyperparameters, and which flag settles it."""
        found = self.matched(self._names(), dict.fromkeys(missing, 0.0))
        taken = {*found, *self.fixed}
        made = self.constructor
        free = [name for name in made.names if name not in taken and not self._is_word(name)]
        return (
            f"no parameter of {made.name} is known to be {', '.join(missing)}; it has "
            f"{made.listed}: --word {(free or ['NAME'])[0]}={missing[0]} says which it is"
        )

    def _is_word(self, name: str) -> bool:
        return any(bare(name) == word for word, _ in self.synonyms)

    def _needed(self, name: str, hypers: Sequence[Mapping[str, float]]) -> bool:
        """Whether cases without `name` are not enough: there are none, or it is no neutral one."""
        return name not in NEUTRAL and any(hyper.get(name, 0) != 0 for hyper in hypers)

    def _names(self) -> list[str]:
        made = self.constructor
        return [*made.names, *[x for x in (*self.chosen, *self.fixed)
                               if made.takes_any and x not in made.names]]  # fmt: skip


def _values(
    found: Mapping[str, Sequence[str]], hyper: Mapping[str, float], but: Mapping[str, Any]
) -> dict[str, Any]:
    return {word: tuple(hyper[x] for x in ours) if len(ours) > 1 else hyper[ours[0]]
            for word, ours in found.items() if word not in but}  # fmt: skip


def bare(word: str) -> str:
    """Return a word as words are compared: in small letters, without underscores."""
    return word.replace("_", "").lower()
