"""C99: a function that any C or C++ compiler takes, one loop over the elements."""

from .expression import SIGNS, Tree, Writing
from .listing import Line, Listing
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
    /* once a step, in double and rounded once */
{scalars}

    for (size_t i = 0; i < n; i++) {{
{lines}
    }}
}}
"""


def print_c(listing: Listing, words: Words, /) -> str:
    """Return a C translation unit with the function ``{rule}(n, theta, g, slots, …, h)``."""
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    arrays = ("const real *g" if x == "g" else f"real *{x}" for x in listing.arrays)
    clock = {"t": "unsigned t, ", "eta": "double eta, ", "eta_before": "double eta_before, "}
    clock |= {r.name: f"double {r.name}, " for r in listing.running}
    return HEAD.format(
        about="\n".join(f" * {line}".rstrip() for line in about(listing, words))[3:],
        type=TYPE[listing.dtype],
        name=words.name,
        hyper=", ".join(listing.hyper),
        helpers="".join(f"\n{text}" for text in helpers) + ("\n" if helpers else ""),
        arrays=", ".join(arrays),
        indent=" " * (len(words.name) + 6),
        clock="".join(text for key, text in clock.items() if key in listing.inputs),
        scalars="\n".join(_scalar(listing, *pair) for pair in listing.scalars),
        lines="\n".join(f"        {_line(listing, line)}" for line in listing.lines),
    )


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, "power": "pow({}, {})", "real_power": "pow({}, {})",
         "sqrt": "sqrt({})", "select": "{} ? {} : {}",
         "first": "t == 1 ? {} : {}", "round": "(real){}"},
        names=lambda key: f"h->{key}" if key in listing.hyper else key,
        numbers=lambda x: repr(float(x)),
        tight=frozenset({"round"}),
    )  # fmt: skip
    return f"    const real {own} = {host(Tree('round', (tree,)))};"


def _line(listing: Listing, line: Line) -> str:
    own = SUFFIX[listing.dtype]
    element = Writing(
        {**SIGNS, "sqrt": f"sqrt{own}({{}})", "abs": f"fabs{own}({{}})", "where": "{} ? {} : {}",
         "maximum": "maximum({}, {})", "minimum": "minimum({}, {})", "sign": "sign({})",
         "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
    )  # fmt: skip
    target = f"{line.target}[i]" if line.array else f"const real {line.target}"
    return f"{target} = {element(line.tree)};"
