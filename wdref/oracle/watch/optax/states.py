"""Where an optax state has the slots of a rule, its counter, and injected hyperparameters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ....rules.contract import Dialect
from ....states.slots import words_of

SLOTS = {"m": "mu trace", "v": "nu", "v_max": "nu_max", "t": "count"}
WORDS = {"b1": "beta1", "b2": "beta2"}  # optax's, where they are not wdref's
Fields = Mapping[str, Sequence[str]]  # what optax calls a slot, - before it where it is negated


def fields_of(d: Dialect) -> Fields:
    """What optax calls the slots of a rule, where it has it."""
    known = {name: tuple(words.split()) for name, words in SLOTS.items()}
    theirs = words_of(d, "optax").slots if d.slots else {}
    return known | {name: (word,) for name, word in theirs.items()}


def slots_in(fields: Fields, state: Any) -> dict[str, Any]:
    """Return the slots in optax's own states, whatever they are wrapped in; of groups, several."""
    trees: dict[str, Any] = {}
    for part in _parts(fields, state):
        if isinstance(getattr(part, "slots", None), Mapping):  # wdref's own transformation
            return {**part.slots, "t": part.count}
        for name, words in fields.items():
            for word in words:
                field = word.removeprefix("-")
                if field in part._fields and (name != "t" or "mu" in part._fields):
                    tree = getattr(part, field)
                    tree = jax.tree.map(jnp.negative, tree) if word != field else tree
                    trees.setdefault(name, []).append(tree)
    return trees


def _parts(fields: Fields, state: Any) -> Iterator[Any]:
    """Yield the named tuples in `state` that hold slots."""
    names = {word.removeprefix("-") for name, words in fields.items() if name != "t"
             for word in words}  # fmt: skip
    if (names | {"slots"}) & set(getattr(state, "_fields", ())):
        yield state
    elif isinstance(state, tuple | list):
        for child in state:
            yield from _parts(fields, child)
    elif isinstance(state, Mapping):
        for child in state.values():
            yield from _parts(fields, child)


def slots_of(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """One mapping of leaves a slot; a counter is a leaf without a name."""
    joined: dict[str, dict[str, Any]] = {}
    for name, trees in given.items():
        for tree in trees if isinstance(trees, list) else [trees]:
            joined.setdefault(name, {}).update(leaves_of(tree))
    return joined


def injected(state: Any) -> dict[str, Any]:
    """Return what optax.inject_hyperparams keeps in its state, in wdref's words."""
    said: dict[str, Any] = {}
    if isinstance(getattr(state, "hyperparams", None), Mapping):
        said = {WORDS.get(name, name): x for name, x in state.hyperparams.items()}
        state = state.inner_state
    if isinstance(state, tuple | list):
        for child in state:
            said = {**injected(child), **said}
    return said


def leaves_of(tree: Any) -> dict[str, Any]:
    """Return the leaves of a tree by their paths."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in pairs}
