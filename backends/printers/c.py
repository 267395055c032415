"""C99: a function that any C or C++ compiler takes, one loop over the elements."""

from .expression import ATOM, LEVEL, SIGNS, Tree, Writing
from .listing import Line, Listing, Summing
from .words import Words, about

SUFFIX = {"float32": "f", "float64": ""}
TYPE = {"float32": "float", "float64": "double"}
HELPERS = {
    "maximum": "static real maximum(real x, real y) { return x > y || x != x ? x : y; }",
    "minimum": "static real minimum(real x, real y) { return x < y || x != x ? x : y; }",
    "sign": "static real sign(real x) { return x == x ? (real)((x > 0) - (x < 0)) : x; }",
}
HEAD = """\
/* {about}
 *
 * Every operation is rounded once and in this order. For these bits: no -ffast-math, and
 * -ffp-contract=off, since GCC does not heed the pragma.
 */
#include <math.h>
#include <stddef.h>

#pragma STDC FP_CONTRACT OFF

typedef {type} real;

typedef struct {{
    double {hyper};
}} {name}_hyper;
{helpers}
void {name}(size_t n, {arrays},
{indent}{clock}const {name}_hyper *h)
{{
{rounds}    /* once a step, in double and rounded once */
{scalars}

    for (size_t i = 0; i < n; i++) {{
{lines}
    }}
{numbers}}}
"""
ROUND = """\
    {declared}
    {{
{scalars}
        for (size_t i = 0; i < n; i++) {{
{lines}
        }}
    }}
{totals}

"""
EXACT = """
/* the exact sum of what is added, as parts that do not overlap (Shewchuk 1997) */
typedef struct {
    double part[48], special;
    int count;
} exact_sum;

static void add(exact_sum *s, double x)
{
    int kept = 0;
    if (x - x != 0) {  /* infinite, or no number */
        s->special += x;
        return;
    }
    for (int k = 0; k < s->count; k++) {
        const double y = s->part[k], high = x + y;
        const double low = fabs(x) < fabs(y) ? x - (high - y) : y - (high - x);
        if (low != 0) s->part[kept++] = low;
        x = high;
    }
    s->part[kept++] = x;
    s->count = kept;
}

/* rounded once, ties to even */
static double total(const exact_sum *s)
{
    int n = s->count;
    double high = n ? s->part[--n] : 0, low = 0;
    if (s->special != 0) return s->special;
    while (n > 0 && low == 0) {
        const double x = high, y = s->part[--n];
        high = x + y;
        low = y - (high - x);
    }
    if (n > 0 && (low < 0 ? s->part[n - 1] < 0 : low > 0 && s->part[n - 1] > 0)) {
        const double twice = 2 * low, away = high + twice;
        if (away - high == twice) high = away;
    }
    return high;
}
"""


def print_c(listing: Listing, words: Words, /) -> str:
    """Return a C translation unit with the function ``{rule}(n, theta, g, slots, …, h)``."""
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    arrays = (f"const real *{x}" if x in listing.read else f"real *{x}" for x in listing.arrays)
    clock = {"t": "unsigned t, ", "eta": "double eta, ", "eta_before": "double eta_before, "}
    clock |= {r.name: f"double {r.name}, " for r in listing.running}
    return HEAD.format(
        about="\n".join(f" * {line}".rstrip() for line in about(listing, words))[3:],
        type=TYPE[listing.dtype],
        name=words.name,
        hyper=", ".join(listing.hyper),
        helpers="".join(f"\n{text}" for text in helpers)
        + ("\n" if helpers else "")
        + (EXACT if listing.rounds else ""),
        rounds="".join(_round(listing, each) for each in listing.rounds),
        numbers="".join(f"    *{x} = {x}_new;\n" for x, _ in listing.numbers),
        arrays=", ".join([*arrays, *(f"real *{x}" for x, _ in listing.numbers)]),
        indent=" " * (len(words.name) + 6),
        clock="".join(text for key, text in clock.items() if key in listing.inputs),
        scalars="\n".join(
            _scalar(listing, *pair)
            for pair in (*listing.scalars, *((f"{x}_new", tree) for x, tree in listing.numbers))
        ),
        lines="\n".join(f"        {_line(listing, line)}" for line in listing.lines),
    )


def _round(listing: Listing, each: Summing) -> str:
    """The loop that adds up a round's terms, and its sums."""
    lines = [_line(listing, line) for line in each.lines]
    write = _element(listing)
    lines += [f"add(&exact_{own}, {write(tree)});" for own, tree in each.sums]
    parts = ", ".join(f"exact_{own} = {{{{0}}, 0, 0}}" for own, _ in each.sums)
    return ROUND.format(
        declared=f"exact_sum {parts};",
        scalars="\n".join(f"    {_scalar(listing, *pair)}" for pair in each.scalars),
        lines="\n".join(f"            {line}" for line in lines),
        totals="\n".join(
            [
                *(f"    const double {own} = total(&exact_{own});" for own, _ in each.sums),
                *(f"    const double {own} = (double)n;" for own in each.counts),
            ]
        ),
    )


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, "power": "pow({}, {})", "real_power": "pow({}, {})",
         "sqrt": "sqrt({})", "select": "{} ? {} : {}",
         "first": "t == 1 ? {} : {}", "round": "(real){}", "remainder": "fmod({}, {})"},
        names=lambda key: f"h->{key}" if key in listing.hyper else _read(listing, key),
        numbers=lambda x: repr(float(x)),
        tight=frozenset({"round"}),
        level={**LEVEL, "remainder": ATOM},
    )  # fmt: skip
    return f"    const real {own} = {host(Tree('round', (tree,)))};"


def _read(listing: Listing, key: str) -> str:
    return f"*{key}" if key in dict(listing.numbers) else key


def _line(listing: Listing, line: Line) -> str:
    target = f"{line.target}[i]" if line.array else f"const real {line.target}"
    return f"{target} = {_element(listing)(line.tree)};"


def _element(listing: Listing) -> Writing:
    own = SUFFIX[listing.dtype]
    return Writing(
        {**SIGNS, "sqrt": f"sqrt{own}({{}})", "abs": f"fabs{own}({{}})", "where": "{} ? {} : {}",
         "maximum": "maximum({}, {})", "minimum": "minimum({}, {})", "sign": "sign({})",
         "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
    )  # fmt: skip
