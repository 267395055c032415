"""PyTorch's ``state_dict()``: {"state": {index: {slot: tensor}}, "param_groups": […]}."""

from collections.abc import Iterator, Mapping
from typing import Any

import optree
from array_api_compat import array_namespace

from ..engine import tree
from ..optimizer import Optimizer
from ..rules.contract import Rule
from .record import Columns, Found, Said, missing
from .slots import names as names_of
from .slots import words_of


def read(opt: Optimizer, found: Any, spec: optree.PyTreeSpec, *, whole: bool = True) -> Found:
    """Read slots, steps and settings; a slot that is not there is None unless `whole`."""
    d, theirs = opt.dialect, names_of(opt.dialect, "pytorch")
    names = {name: theirs[name] for name in d.slots}
    columns: Columns = {name: [] for name in names}
    steps, said = set(), []
    for (key, group), path in zip(_leaves(found, spec.num_leaves), tree.paths(spec), strict=True):
        own = found["state"].get(key, {})
        for name, column in columns.items():
            if whole and own.get(names[name]) is None:
                raise missing(f"{names[name]} of {path}", opt, own)
            column.append(own.get(names[name]))
        extra = sorted(set(own) - {"step", *names.values()})
        if any(own[name] is not None for name in extra):
            raise missing("place here for " + ", ".join(extra), opt, own)
        steps |= {int(own["step"])} if "step" in own else set()
        said.append(_said(d, group))
    return Found(steps, columns, said)


def _leaves(found: Any, count: int) -> list[tuple[Any, Mapping[str, Any]]]:
    """Key and group of each parameter."""
    if not (isinstance(found, Mapping) and {"state", "param_groups"} <= set(found)):
        raise ValueError("expected the dict of torch's optimizer.state_dict()")
    pairs = [(key, group) for group in found["param_groups"] for key in group["params"]]
    if len(pairs) != count:
        raise ValueError(f"the state is of {len(pairs)} parameters, params have {count} leaves")
    return pairs


def _said(d: Rule, group: Mapping[str, Any]) -> Said:
    hyper = dict(_hyper(d, group))
    switches = [s for s in words_of(d, "pytorch").switches if s.theirs in group]
    answers: dict[str, Any] = {name: bool(group[s.theirs]) for s in switches
                               for name, on in s.answers.items() if on is True}  # fmt: skip
    if hyper.get("weight_decay") and (not counts(d) or "decoupled_weight_decay" in group):
        answers["form"] = "lr" if group.get("decoupled_weight_decay") else "l2"
    on = {"maximize": True} if group.get("maximize") else {}
    return Said(hyper, group.get("initial_lr"), answers, on)


def _hyper(d: Rule, group: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for ours, theirs in words_of(d, "pytorch").names.items():
        if group.get(theirs) is not None:  # None: no decay at all
            pair = zip(("beta1", "beta2"), group[theirs], strict=True) if ours == "betas" else None
            yield from pair or [(ours, group[theirs])]


def counts(d: Rule) -> bool:
    """Whether PyTorch counts the steps of this optimizer: of all but SGD."""
    return bool(words_of(d, "pytorch").counter)


def write(opt: Optimizer, columns: Columns, into: Any, step: int, spec: optree.PyTreeSpec) -> Any:
    """Return `into` with the arrays of `columns`."""
    state = {}
    for i, (key, _) in enumerate(_leaves(into, spec.num_leaves)):
        names = names_of(opt.dialect, "pytorch")
        own = {names[name]: column[i] for name, column in columns.items()}
        if counts(opt.dialect):
            xp = array_namespace(next(iter(columns.values()))[i])
            own = {"step": xp.asarray(float(step), dtype=xp.float32), **own}
        state[key] = own
    return {**into, "state": state}
