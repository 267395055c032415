"""Guesses of what a step was that looked at whole tensors: other dialects, and other sums.

Each is computed in plain floats from the tensors that the step was given, which are kept where they
are few numbers, and looked at where the watch looks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...conventions import conventions
from ...rules.clip import NORMS, clipped_first
from ...rules.remembering import Remembering
from ...rules.shapes import scope_of
from ...sums import Count, Cover, answered, together
from ..bugs.gallery import gallery
from ..bugs.mutants import Twisted
from ..cases.case import rounded
from .step import Array, Before, Rule

KEPT = 1 << 20  # numbers of a step that are kept; those of more are not named
LEFT_OUT = 16  # tensors of which it is tried whether a sum was made without them
Other = Callable[[Any, Any], Any]  # (what is asked, its answers) -> other answers


class Kept(NamedTuple):
    """A tensor as a step was given it, whole."""

    name: str
    rule: Rule
    before: Before


class Told(NamedTuple):
    """What may have been computed: in words or as a rule, how many changes, and its arrays."""

    words: Any
    size: float
    arrays: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Tree:
    """All tensors of a step, and the places of one of them that are looked at."""

    tensors: Sequence[Kept]
    index: int
    places: Any

    def run(
        self,
        d: Any,
        change: Callable[[Kept], Kept] = lambda kept: kept,
        alter: Callable[[Any], Any] = answered,
    ) -> tuple[Array, ...]:
        """Evaluate `d` in floats, at the places; a slot that the state has not begins at 0."""
        alone = scope_of(d) != "tree"
        tensors = [self.tensors[self.index]] if alone else self.tensors
        given = [_given(d, change(kept)) for kept in tensors]
        if scope_of(d) == "element":
            theta, new = d.apply(*given[0])
        else:
            beside = tensors[0].rule.beside if d.clip in NORMS else None
            rounds = partial(clipped_first, d, beside=beside) if beside else d.rounds
            results = together([rounds(*inputs) for inputs in given], alter)
            theta, new = results[0 if alone else self.index]
        mine = dict(zip(d.slots, new, strict=True))
        claim, before = self.tensors[self.index].rule.dialect, self.tensors[self.index].before
        have = zip(claim.slots, before.slots, strict=True)
        return tuple(map(self.at, (theta, *(mine.get(name, old) for name, old in have))))

    def at(self, x: Any) -> Array:
        """The numbers at the places; one of the tensor stands at each."""
        x = np.asarray(x, dtype=np.float64).reshape(-1)
        return np.broadcast_to(x, len(self.places)) if x.size == 1 else x[self.places]


def _given(d: Any, kept: Kept) -> tuple[Any, ...]:
    """θ, g, the slots of `d` and its scalars."""
    rule, before = kept.rule, kept.before
    s = Remembering(d).scalars(rule.hyper, rule.t, rule.eta, before=rule.before)
    have = dict(zip(rule.dialect.slots, before.slots, strict=True))
    kinds = getattr(d, "shapes", ())
    arrays = [have.get(name, np.zeros_like(before.theta)) for name in d.slots]
    slots = [float(x[0]) if kind == "scalar" else x for x, kind in zip(arrays, kinds, strict=True)]
    return before.theta, before.g / rule.scale, tuple(slots), s


def guesses(
    tree: Tree, counts: Sequence[int], apart: Callable[[Rule], Rule], size: Callable[..., float]
) -> Iterator[Told]:
    """Yield what may have been computed; `apart` and `size` are those of all rules."""
    kept = tree.tensors[tree.index]
    rule, d = kept.rule, kept.rule.dialect
    before = tuple(map(tree.at, (kept.before.theta, *kept.before.slots)))
    right = tree.run(d)
    yield Told("no step was made", 0.5, before)
    yield Told("the parameters did not move", 0.5, (before[0], *right[1:]))
    for other in _dialects(d, frozenset(rule.hyper)):
        changed = tree.run(other, lambda k: k._replace(rule=apart(k.rule)))
        yield Told(other, size(d, other), changed)
    for t in sorted(set(counts) - {rule.t})[:8]:
        words = f"the step counter of another leaf, t={t} for {rule.t}"
        yield Told(words, 0.9, tree.run(d, partial(_at_t, t=t)))
    if rule.hyper.get("weight_decay") and d.form != "none":
        yield Told("decay applied twice", 0.9, tree.run(d, _twice))
    if rule.other is not None:
        yield Told("as its group says", 0.4, tree.run(d, lambda k: k._replace(rule=_said(k.rule))))
    for dtype in ("bfloat16", "float16"):
        if dtype != rule.compute:
            yield Told(f"gradient cast to {dtype}", 0.8, tree.run(d, partial(_cast, dtype=dtype)))
    yield from _of_sums(tree, d)


def _said(rule: Rule) -> Rule:
    return rule.other or rule


def _at_t(kept: Kept, t: int) -> Kept:
    return kept._replace(rule=replace(kept.rule, t=t))


def _twice(kept: Kept) -> Kept:
    hyper = {**kept.rule.hyper, "weight_decay": 2 * kept.rule.hyper["weight_decay"]}
    return kept._replace(rule=replace(kept.rule, hyper=hyper))


def _cast(kept: Kept, dtype: str) -> Kept:
    g = rounded(kept.before.g, dtype).astype(np.float64)
    return kept._replace(before=replace(kept.before, g=g))


@cache
def _dialects(claim: Any, given: frozenset[str]) -> tuple[Any, ...]:
    """The claim with one answer changed, with its clip by another norm, and what programs ship."""
    near = [claim.answered(**{name: answer}).plain() for name, answers in claim.questions().items()
            for answer in answers if name != "clip"]  # fmt: skip
    near += [claim.answered(clip=clip) for clip in ("none", *NORMS) if claim.clip != "none"]
    shipped = [d for rules in conventions().values() for d in rules.values()]
    if claim.clip != "none":
        shipped = [d.answered(clip=claim.clip) for d in shipped if d.family == claim.family]
    twisted = [m.rule for m in gallery() if isinstance(m.rule, Twisted)]
    every = dict.fromkeys((*near, *shipped, *twisted))
    return tuple(d for d in every if d.family == claim.family and given >= set(d.hyper))


# -- other sums -----------------------------------------------------------------------------------


def _of_sums(tree: Tree, d: Any) -> Iterator[Told]:
    """Yield the claim with one of its sums made otherwise."""
    rounds: list[list[str]] = []
    tree.run(d, alter=partial(_noted, rounds))
    for i, kinds in enumerate(rounds):
        for words, other in _otherwise(tree, kinds):
            yield Told(words, 1.1, tree.run(d, alter=partial(_altered, [i], other)))


def _noted(into: list[list[str]], asked: Any) -> Any:
    into.append(["" if isinstance(x, Count | Cover) else x.over for x in asked[0]])
    return answered(asked)


def _altered(left: list[int], other: Other, asked: Any) -> Any:
    """Answer as it ought to be, but for the round after `left` ones."""
    left[0] -= 1
    return other(asked, answered(asked)) if left[0] == -1 else answered(asked)


def _otherwise(tree: Tree, kinds: Sequence[str]) -> Iterator[tuple[str, Other]]:
    """Yield in words what a round may answer instead; `kinds` are what it sums over."""
    sums = [k for k, over in enumerate(kinds) if over in ("tensor", "tree")]
    if len(sums) == 2:
        yield "a ratio of 1", partial(_taken, (1, 1))
        yield "a ratio upside down", partial(_taken, (1, 0))
    for k in sums:
        which = f" in sum {k + 1} of {len(kinds)}" if len(sums) > 1 else ""
        for words, other in OTHER.items():
            yield words + which, partial(_each, other, k)
        for words, array in (("the gradient's norm", "g"), ("the parameters' norm", "theta")):
            yield words + which, partial(_of_array, tree, array, k)
        for i, kept in enumerate(tree.tensors[:LEFT_OUT] if kinds[k] == "tree" else ()):
            yield f"a sum over the tree without {kept.name}", partial(_without, i, k)


def _put(answers: Any, k: int, column: Sequence[float]) -> list[list[Any]]:
    return [[new if j == k else x for j, x in enumerate(row)]
            for row, new in zip(answers, column, strict=True)]  # fmt: skip


def _taken(order: tuple[int, int], asked: Any, answers: Any) -> Any:
    return [[row[i] for i in order] for row in answers]


def _each(other: Callable[[Array], float], k: int, asked: Any, answers: Any) -> Any:
    terms = [np.asarray(row[k].terms).reshape(-1) for row in asked]
    if asked[0][k].over == "tree":
        terms = [np.concatenate(terms)] * len(terms)
    return _put(answers, k, [other(x) for x in terms])


def _of_array(tree: Tree, name: str, k: int, asked: Any, answers: Any) -> Any:
    tensors = tree.tensors if len(asked) > 1 else [tree.tensors[tree.index]]
    squares = [float(np.sum(getattr(kept.before, name) ** 2)) for kept in tensors]
    whole = asked[0][k].over == "tree"
    return _put(answers, k, [sum(squares)] * len(asked) if whole else squares)


def _without(i: int, k: int, asked: Any, answers: Any) -> Any:
    kept = sum(float(np.sum(row[k].terms)) for j, row in enumerate(asked) if j != i)
    return _put(answers, k, [kept] * len(asked))


OTHER: dict[str, Callable[[Array], float]] = {
    "a mean in place of a sum": lambda x: float(np.mean(x)),
    "a norm of absolute values": lambda x: float(np.sum(np.sqrt(np.abs(x))) ** 2),
    "a norm that is the largest number": lambda x: float(np.max(x)),
    "a norm that is not squared": lambda x: float(np.sqrt(np.sum(x))),
    "a norm that is squared": lambda x: float(np.sum(x) ** 2),
}
