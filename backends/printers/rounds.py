"""Rules that ask for sums, as listings: of one tensor, or of all tensors of a tree."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from wdref.rules.contract import Rule
from wdref.sums import Over

from ..tracing.element import element
from ..tracing.phases import Phases, Round, needed, sum_name, sum_names
from .expression import Tree, name, names
from .lister import Lister
from .parts import Listing, Summing


def in_rounds(
    dialect: Rule, dtype: str, plan: Phases, kinds: Mapping[str, str], formulas: dict[str, Tree],
    *, idle: bool = False,
) -> Listing:  # fmt: skip
    """Return the listing of what was traced in phases; `kinds` says what each slot is.

    With `idle` sums are made that are asked for and not read.
    """
    single = [x for x, kind in kinds.items() if kind == "scalar"]
    arrays = ("theta", "g", *(x for x, kind in kinds.items() if kind == "like"))
    exact = (*single, *sum_names(plan))
    formulas = {**formulas, **{x: name(x) for x in exact}}
    rounds = _read(
        plan, sum_names(plan) if idle else (), lambda *part: _summing(part, arrays, formulas, exact)
    )
    scalars, lines = Lister(element(plan.last), arrays, formulas, exact).run()
    own = Lister(element(plan.numbers), arrays, formulas, exact)
    numbers = tuple((x, own.weak(i)) for x, i in zip(single, plan.numbers.outputs, strict=True))
    return Listing(dialect, dtype, arrays, scalars, lines, rounds, numbers)


def _read(
    plan: Phases, idle: Iterable[str], summing: Callable[..., Summing]
) -> tuple[Summing, ...]:
    """The rounds, from the last to the first: of each what is read after it."""
    read = {*idle, *(x.name for program in (plan.last, plan.numbers) for x in program.nodes)}
    found: list[Summing] = []
    for i, each in reversed([*enumerate(plan.rounds)]):
        own = [summing(i, each, over, read) for over in dict.fromkeys(each.over)]
        found = [*(x for x in own if x.sums or x.counts), *found]
        read |= {x for part in own for _, tree in part.scalars for x in names(tree)}
    return tuple(found)


def _summing(
    part: tuple[int, Round, Over, Container[str]], arrays: Sequence[str],
    formulas: dict[str, Tree], exact: Sequence[str],
) -> Summing:  # fmt: skip
    """What a round sums over one of its extents, of that which is read."""
    i, each, over, read = part
    own = [k for k, x in enumerate(each.over) if x == over and sum_name(i, k) in read]
    summed = [k for k, counted in enumerate(each.counts) if not counted]
    outputs = [x for k, x in zip(summed, each.program.outputs, strict=True) if k in own]
    program = needed(each.program.nodes, outputs, each.program.fields, terms=True)
    scalars, lines, terms = Lister(element(program), arrays, formulas, exact).terms()
    sums = zip((sum_name(i, k) for k in summed if k in own), terms, strict=True)
    counts = tuple(sum_name(i, k) for k in own if each.counts[k])
    return Summing(scalars, lines, tuple(sums), counts, over)
