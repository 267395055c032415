"""LaTeX: the formula in the paper's letters, from the same trace as the code."""

from collections.abc import Mapping
from dataclasses import replace

from wdref.rules.registry import families

from ..expression import ATOM, LEVEL, SIGNS, Tree, Writing, name
from ..parts import Listing, Summing
from ..words import Words

CLOCK = {"t": "t", "eta": r"\eta_t", "eta_before": r"\eta_{t-1}", "rows": "n", "columns": "m"}
COUNT = (r"n \, m", "n")  # of a matrix, of a tensor
OVER = {"tensor": "i", "tree": r"{\text{tree}}"}
NEW = {"theta": r"\theta_t", "m_hat": r"\hat m_t", "v_hat": r"\hat v_t", "gradient": "g_t"}
POWERS = ("power", "real_power")
TEMPLATES = {
    **SIGNS, "multiply": r"{} \, {}", "divide": r"\frac{{{}}}{{{}}}", "sqrt": r"\sqrt{{{}}}",
    **dict.fromkeys(POWERS, "{}^{{{}}}"), "abs": r"\left|{}\right|",
    "remainder": r"{} \bmod {}", "less_equal": r"{} \le {}",
    "greater_equal": r"{} \ge {}", "not_equal": r"{} \ne {}", "equal": "{} = {}",
    "maximum": r"\max({}, {})", "minimum": r"\min({}, {})", "cast": "{}",
    "sign": r"\operatorname{{sign}}({})",
    **dict.fromkeys(("where", "select"), r"\begin{{cases}} {1} & {0} \\ "
                    r"{2} & \text{{otherwise}} \end{{cases}}"),
    "first": r"\begin{{cases}} {} & t = 1 \\ {} & t > 1 \end{{cases}}",
}  # fmt: skip
DRAWN = dict.fromkeys(("divide", "sqrt", "abs", "first", "select", "where"), ATOM)  # they show ends
WRITE = Writing(
    TEMPLATES,
    numbers=lambda x: f"{x:g}",
    bracket=r"\left({}\right)",
    raised=frozenset(POWERS),
    level={**LEVEL, **DRAWN},
)


def print_latex(listing: Listing, _: Words, /) -> str:
    """Return an ``aligned`` environment, for a document or a page with MathJax."""
    family = families()[listing.dialect.family]
    letters = {**CLOCK, **{h.name: h.latex for h in family.hyper}}
    letters |= {r.name: f"{r.latex}_{{t-1}}" for r in listing.running}
    given = {key: name(text) for key, text in letters.items()}
    given |= {own: name(rf"\Sigma_{{{k + 1}}}") for k, own in enumerate(_sums(listing))}
    given |= {own: name(COUNT[listing.matrices is None]) for each in listing.rounds
              for own in each.counts}  # fmt: skip
    given |= {x: name(f"{s.latex}_{{t-1}}") for s in family.slots
              for x, _ in listing.numbers if x == s.name}  # fmt: skip
    scalars = {key: _replaced(tree, given) for key, tree in listing.step.hosted}
    slots = {s.name: s.latex for s in family.slots}
    given_now = {s.name: f"{s.latex}_t" for s in family.inputs}
    old = {"theta": r"\theta_{t-1}", "g": r"\nabla f_t(\theta_{t-1})",
           **{key: _at(text, "t-1") for key, text in slots.items()}, **given_now}  # fmt: skip
    names = {key: name(old[key]) for key in ("theta", "g", *listing.kept)}
    names |= {own: given[own] for own in _sums(listing)}
    lines = []
    if not any(line.target == "gradient" for line in listing.lines):
        lines.append(f"g_t &= {old['g']}")
        names["g"] = name("g_t")
    named = {**NEW, **{key: _at(text, "t") for key, text in slots.items()}}
    for each in listing.rounds:
        lines += [x for x in _round(each, names, given) if x not in lines]
        for line in each.lines if each.stores else ():
            own = {key: _replaced(tree, given) for key, tree in each.hosted}
            tree = _replaced(line.tree, {**own, **names})
            lines.append(f"{named[line.target]} &= {WRITE(_product(tree))}")
            names[line.target] = name(named[line.target])
    for key, tree in listing.numbers:
        lines.append(f"{named[key]} &= {WRITE(_product(_replaced(tree, given)))}")
    for line in listing.lines:
        new = named.get(line.target, f"x_{{{line.target[1:]}}}")
        lines.append(f"{new} &= {WRITE(_product(_replaced(line.tree, {**scalars, **names})))}")
        names[line.target] = name(new)
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"


def _at(text: str, step: str) -> str:
    """A slot's letter at a step: what has an index is the same at all."""
    if "_" in text:
        return text
    return f"{text}_t" if step == "t" else f"{text}_{{{step}}}"


def _sums(listing: Listing) -> list[str]:
    return list(dict.fromkeys(own for each in listing.parts for own, _ in each.sums))


def _round(each: Summing, names: Mapping[str, Tree], given: Mapping[str, Tree]) -> list[str]:
    """The sums of a round, each of its term with everything before it put in."""
    found = [line for own in each.within for line in _along(own, each, names, given)]
    return [*found, *_summed(each, names, given, OVER[each.over])]


def _along(
    each: Summing, outer: Summing, names: Mapping[str, Tree], given: Mapping[str, Tree]
) -> list[str]:
    """The sums along rows or columns that a round reads: of all columns j, or all rows i."""
    own = replace(each, scalars=outer.hosted)
    along_rows = each.kind == "column" or (each.kind == "like" and outer.kind == "row")
    return _summed(own, names, given, "j" if along_rows else "i")


def _summed(
    each: Summing, names: Mapping[str, Tree], given: Mapping[str, Tree], over: str
) -> list[str]:
    names, found = {**{key: _replaced(tree, given) for key, tree in each.scalars}, **names}, []
    for line in each.lines if each.sums else ():
        names[line.target] = _replaced(line.tree, names)
    for own, tree in each.sums:
        term = WRITE(_product(_replaced(tree, names)))
        place = "i" if over == OVER["tree"] else over
        found.append(rf"{given[own].leaf} &= \sum_{over} \left({term}\right)_{place}")
    return found


def _replaced(tree: Tree, names: Mapping[str, Tree]) -> Tree:
    if tree.op == "name":
        return names[tree.leaf]
    return Tree(tree.op, tuple(_replaced(x, names) for x in tree.args), tree.leaf)


def _product(tree: Tree) -> Tree:
    """Write g g as g²."""
    args = tuple(map(_product, tree.args))
    if tree.op == "multiply" and args[0] == args[1] and args[0].op == "name":
        return Tree("power", (args[0], Tree("number", leaf=2)))
    return Tree(tree.op, args, tree.leaf)
