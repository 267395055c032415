"""Names for a departure: the nearest of all dialects and of the faults that trainings have.

Each guess is computed from the same state in plain floats and measured in the claim's own radius.
Of those that explain every sampled coordinate the one with the fewest changes is told; if none
does, the one that explains those that departed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from ...rules.remembering import Remembering
from ...rules.shapes import scope_of
from ..bugs.gallery import gallery
from ..bugs.mutants import Twisted, changes
from ..cases.case import rounded
from ..identify.candidates import candidates
from ..identify.identify import known_bugs
from ..judge.verdict import LIMIT
from . import name_whole
from .bounds import FORMATS
from .name_whole import KEPT, Tree
from .name_whole import Told as Guess
from .step import Array, Before, Certified, Rule

MOST = 256  # coordinates that are looked at


def closest(
    rule: Rule,
    before: Before,
    after: Sequence[Array | None],
    certified: Sequence[Certified],
    *,
    counts: Iterable[int] = (),
    tree: Tree | None = None,
) -> str:
    """Say in words which rule or fault gave `after`: parameters, then slots.

    `counts` are the step counters of other leaves, one of which may have been taken. `tree` has the
    whole tensors, for a rule that looks at them; without it such a step has no name.
    """
    if scope_of(rule.dialect) != "element" and tree is None:
        return f"not named: more than {KEPT} numbers"
    departed = _departed(after, certified)
    chosen = np.argsort(~departed, kind="stable")[:MOST]  # those that departed first
    before = before.at(chosen)
    pairs = [(x[chosen], c, c.radius[chosen]) for x, c in zip(after, certified, strict=True)
             if x is not None]  # fmt: skip
    present = [x is not None for x in after]

    def far(guess: Guess) -> Array:
        arrays = [x for x, there in zip(guess.arrays, present, strict=False) if there]
        with np.errstate(all="ignore"):
            ratios = [
                np.where(got == mine, 0.0, np.abs(got - mine) / radius)
                for mine, (got, _, radius) in zip(arrays, pairs, strict=False)
            ]
        worst: Array = np.max([np.where(np.isnan(r), np.inf, r) for r in ratios], axis=0)
        return worst

    with np.errstate(all="ignore"):
        if tree is None:
            guesses = [*_faults(rule, before, after, chosen, counts), *_dialects(rule, before)]
        else:
            there = replace(tree, places=tree.places[chosen])
            guesses = list(name_whole.guesses(there, list(counts), _apart, _size))
    table = [(guess, far(guess)) for guess in guesses]
    told, note = _told(table, departed[chosen], int(departed.sum()), len(departed))
    words = told.words if isinstance(told.words, str) else _words(rule.dialect, told.words)
    return note.format(words)


def _departed(after: Sequence[Array | None], certified: Sequence[Certified]) -> Any:
    ratios = [c.ratio(x) for x, c in zip(after, certified, strict=True) if x is not None]
    return np.any([r > LIMIT for r in ratios], axis=0)


def _told(
    table: list[tuple[Guess, Array]], departed: Any, count: int, all_: int
) -> tuple[Guess, str]:
    """The guess that is told, and what is to be said around it."""
    all_over = [(g, float(np.max(ratio))) for g, ratio in table]
    part = [(g, float(np.max(ratio[departed]))) for g, ratio in table]
    for rows, note in ((all_over, "{}"), (part, f"{{}}, at {count} of {all_} coordinates")):
        held = [(g, ratio) for g, ratio in rows if ratio <= LIMIT]
        if held:  # what is within the radius comes before what is near it
            return min(held, key=lambda pair: (pair[1] > 1, pair[0].size))[0], note
    guess, ratio = min(part, key=lambda pair: (pair[1], pair[0].size))
    return guess, f"nothing known; nearest, at ratio {ratio:.3g}: {{}}"


# -- dialects -------------------------------------------------------------------------------------


def _dialects(rule: Rule, before: Before) -> Iterator[Guess]:
    scaled = replace(before, g=before.g / rule.scale)
    apart = _apart(rule)
    for d, size in _known(rule.dialect, frozenset(rule.hyper)):
        yield Guess(d, size, _run(d, apart, scaled))


@cache
def _known(claim: Any, given: frozenset[str]) -> tuple[tuple[Any, float], ...]:
    """Every rule that reads no more than is given, and how many changes from the claim it is."""
    twisted = [m.rule for m in gallery() if isinstance(m.rule, Twisted)]
    found = (*candidates(claim.family, clip="clip" in given), *twisted)
    known = [d for d in found if d.family == claim.family and given >= set(d.hyper)]
    return tuple((d, _size(claim, d)) for d in known)


def _apart(rule: Rule) -> Rule:
    """With α and η told apart, which the dialects' forms of decay read differently."""
    alpha = rule.initial or rule.hyper["learning_rate"]
    if not alpha:
        return rule
    factor = rule.hyper["learning_rate"] / alpha
    hyper = {**rule.hyper, "learning_rate": alpha}
    return replace(rule, hyper=hyper, eta=rule.eta * factor, before=rule.before * factor)


def _run(d: Any, rule: Rule, before: Before) -> tuple[Array, ...]:
    """Evaluate `d` in floats; a slot that the state does not have begins at 0."""
    s = Remembering(d).scalars(rule.hyper, rule.t, rule.eta, before=rule.before)
    have = dict(zip(rule.dialect.slots, before.slots, strict=True))
    slots = [have.get(name, np.zeros_like(before.theta)) for name in d.slots]
    theta, new = d.apply(before.theta, before.g, slots, s)
    mine = dict(zip(d.slots, new, strict=True))
    return (theta, *(mine.get(name, old) for name, old in have.items()))


def _size(claim: Any, d: Any) -> float:
    return 10.0 if isinstance(d, Twisted) else float(len(changes(claim, d)))


def _words(claim: Any, d: Any) -> str:
    if isinstance(d, Twisted):
        return d.words
    parts = []
    for name, answer in changes(claim, d).items():
        old, new = answer if name == "form" else (getattr(claim, name), answer)
        parts.append(f"{name}={new}, not {old}")
    bugs = known_bugs(d, claim) if parts else ()
    title = f" ({'; '.join(bug.title for bug in bugs)})" if bugs else ""
    return ", ".join(parts) + title if parts else "the claim itself"


# -- faults of trainings --------------------------------------------------------------------------


def _faults(
    rule: Rule, before: Before, after: Sequence[Array | None], chosen: Any, counts: Iterable[int]
) -> Iterator[Guess]:
    scaled = replace(before, g=before.g / rule.scale)
    run = partial(_run, rule.dialect)
    yield Guess("no step was made", 0.5, (before.theta, *before.slots))
    yield Guess("the parameters did not move", 0.5, (before.theta, *run(rule, scaled)[1:]))
    for t in sorted(set(counts) - {rule.t})[:8]:
        words = f"the step counter of another leaf, t={t} for {rule.t}"
        yield Guess(words, 0.9, run(replace(rule, t=t), scaled))
    if rule.other is not None:
        words = f"as its group says: {_differences(rule, rule.other)}"
        yield Guess(words, 0.4, run(rule.other, scaled))
    if rule.scale != 1:
        yield Guess("a gradient that is still scaled", 0.5, run(rule, before))
    if rule.hyper.get("weight_decay") and rule.dialect.form != "none":
        yield from _decayed_twice(rule, scaled)
    yield from _cast(rule, scaled, after, chosen)


def _differences(asked: Rule, said: Rule) -> str:
    """What a group says in other numbers than `hyper`; the learning rate times η."""
    pairs = {name: (said.hyper[name], x) for name, x in asked.hyper.items()}
    rates = [rule.eta * rule.hyper["learning_rate"] for rule in (said, asked)]
    pairs["learning_rate"] = (rates[0], rates[1])
    return ", ".join(f"{name}={x:g}, not {y:g}" for name, (x, y) in pairs.items() if x != y)


def _decayed_twice(rule: Rule, before: Before) -> Iterator[Guess]:
    double = {**rule.hyper, "weight_decay": 2 * rule.hyper["weight_decay"]}
    yield Guess("decay applied twice", 0.9, _run(rule.dialect, replace(rule, hyper=double), before))
    s = rule.dialect.scalars(rule.hyper, rule.t, rule.eta, before=rule.before)
    if s.decay is not None:
        theta = (1 - s.decay) * before.theta
        arrays = _run(rule.dialect, rule, replace(before, theta=theta))
        yield Guess("decay applied twice", 0.95, arrays)


def _cast(
    rule: Rule, before: Before, after: Sequence[Array | None], chosen: Any
) -> Iterator[Guess]:
    """Parameters or slots stored, or the gradient read, in half precision."""
    run = partial(_run, rule.dialect, rule)
    right = run(before)
    for dtype in ("bfloat16", "float16"):
        if dtype == rule.compute:
            continue
        half = partial(_half, dtype=dtype)
        yield Guess(f"gradient cast to {dtype}", 0.8, run(replace(before, g=half(before.g))))
        slots = tuple(map(half, before.slots))
        yield Guess(f"state cast to {dtype} as it is read", 0.8, run(replace(before, slots=slots)))
        names = ("parameters", *rule.dialect.slots)
        for i, (name, got) in enumerate(zip(names, after, strict=True)):
            if got is not None:
                stored = _snapped(right[i], got[chosen], dtype)
                arrays = (*right[:i], stored, *right[i + 1 :])
                yield Guess(f"{name} cast to {dtype}", 0.7, arrays)


def _half(x: Array, dtype: str) -> Array:
    values: Array = rounded(x, dtype).astype(np.float64)
    return values


def _snapped(x: Array, got: Array, dtype: str) -> Array:
    """`x` rounded to `dtype`; near the middle of two numbers the one that was got."""
    bits, lost, *_ = FORMATS[dtype]
    reach = np.abs(x) * 2.0**-bits * (1 + 2.0**-6) + 2.0**lost
    close = (_half(got, dtype) == got) & (np.abs(got - x) <= reach)
    return np.where(close, got, _half(x, dtype))
