"""C99: a function that any C or C++ compiler takes, one loop over the elements."""

from collections.abc import Container, Sequence

from ..expression import ATOM, LEVEL, SIGNS, Tree, Writing
from ..parts import Line, Listing
from ..words import Words, about
from .body import Body
from .language import PLACE, Text, placed

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
{tensor}{functions}"""
FUNCTION = """\
void {name}({arguments},
{indent}{clock}const {record}_hyper *h)
{{
{body}}}
"""
TENSOR = """\
typedef struct {{
    size_t n;
{fields}
}} {name}_tensor;

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
    """Return a C translation unit with the function ``{rule}(n, theta, g, slots, …, h)``.

    Of a rule of the tree it is ``{rule}(count, tensors, …, h)``, of one by rows and columns
    ``{rule}(batch, rows, columns, theta, g, slots, …, h)``, with ``{rule}_vector(n, …)`` beside it.
    """
    helpers = [text for op, text in HELPERS.items() if op in listing.every_op]
    return HEAD.format(
        about="\n".join(f" * {line}".rstrip() for line in about(listing, words))[3:],
        type=TYPE[listing.dtype],
        name=words.name,
        hyper=", ".join(listing.hyper),
        helpers="".join(f"\n{text}" for text in helpers)
        + ("\n" if helpers else "")
        + (EXACT if listing.rounds else ""),
        tensor=_tensor(listing, words.name) if listing.tree else "",
        functions="\n".join(_function(each, words, own) for each, own in words.functions(listing)),
    )


def _function(listing: Listing, words: Words, name: str) -> str:
    clock = {"t": "unsigned t, ", "eta": "double eta, ", "eta_before": "double eta_before, "}
    clock |= {r.name: f"double {r.name}, " for r in listing.running}
    return FUNCTION.format(
        name=name,
        record=words.name,
        arguments=_arguments(listing, name),
        indent=" " * (len(name) + 6),
        clock="".join(text for key, text in clock.items() if key in listing.inputs),
        body=C(listing, name).text(),
    )


def _pointer(listing: Listing, x: str) -> str:
    return f"const real *{x}" if x in listing.read else f"real *{x}"


def _tensor(listing: Listing, name: str) -> str:
    fields = "\n".join(f"    {_pointer(listing, x)};" for x in listing.fields)
    return TENSOR.format(fields=fields, name=name)


def _arguments(listing: Listing, name: str) -> str:
    if listing.tree:
        first = f"size_t count, const {name}_tensor *tensors"
        return ", ".join([first, *(_pointer(listing, x) for x in listing.shared)])
    sizes = "size_t n" if listing.matrices is None else "size_t batch, size_t rows, size_t columns"
    return ", ".join([sizes, *(_pointer(listing, x) for x in listing.fields)])


class C(Body):
    """A step in C."""

    once = "/* once a step, in double and rounded once */"

    def __init__(self, listing: Listing, name: str) -> None:
        super().__init__(listing)
        self.name = name
        own = SUFFIX[listing.dtype]
        self.element = Writing(
            {**SIGNS, "sqrt": f"sqrt{own}({{}})", "abs": f"fabs{own}({{}})",
             "where": "{} ? {} : {}", "maximum": "maximum({}, {})",
             "minimum": "minimum({}, {})", "sign": "sign({})", "cast": "{}"},
            names=lambda key: placed(listing, key),
        )  # fmt: skip
        self.host = Writing(
            {**SIGNS, "power": "pow({}, {})", "real_power": "pow({}, {})",
             "sqrt": "sqrt({})", "select": "{} ? {} : {}",
             "first": "t == 1 ? {} : {}", "round": "(real){}", "remainder": "fmod({}, {})"},
            names=self._read_by_host,
            numbers=lambda x: repr(float(x)),
            tight=frozenset({"round"}),
            level={**LEVEL, "remainder": ATOM},
        )  # fmt: skip

    def _read_by_host(self, key: str) -> str:
        if key in self.listing.hyper:
            return f"h->{key}"
        single = dict(self.listing.numbers)
        if key not in single:
            return key
        # a product of two floats is one of float
        together = any(_meet(tree, single) for _, tree in self.listing.hosted)
        wide = self.listing.tree or together
        return f"(double)*{key}" if wide and self.listing.dtype == "float32" else f"*{key}"

    def sums(self, own: Sequence[str]) -> Text:
        """Declare exact sums of nothing yet."""
        return [f"exact_sum {', '.join(f'exact_{x} = {{{{0}}, 0, 0}}' for x in own)};"]

    def add(self, own: str, tree: Tree) -> str:
        """Add a term of one element."""
        return f"add(&exact_{own}, {self.element(tree)});"

    def total(self, own: str, zero: str = "") -> str:
        """Declare a sum, rounded; `zero` is added where all its terms may be -0."""
        return f"const double {own} = total(&exact_{own}){zero};"

    def along(self, own: str, zero: str = "") -> str:
        """Declare a sum along rows or columns, rounded to the arrays' dtype as well."""
        total = f"total(&exact_{own})"
        return f"const real {own} = (real){f'({total}{zero})' if zero else total};"

    def count(self, own: str) -> str:
        """Declare the number of a tensor's elements."""
        return f"const double {own} = (double)n;"

    def counting(self, own: str) -> tuple[str, str]:
        """Declare a count of nothing yet, and add a tensor's elements to it."""
        return f"double {own} = 0;", f"{own} += (double)n;"

    def scalar(self, own: str, tree: Tree) -> str:
        """Declare what the host computes, rounded once."""
        return f"const real {own} = {self.host(Tree('round', (tree,)))};"

    def line(self, line: Line) -> str:
        """Declare a name, or write an element of an array."""
        target = placed(self.listing, line.target) if line.array else f"const real {line.target}"
        return f"{target} = {self.element(line.tree)};"

    def elements(self) -> str:
        """Begin the loop over a tensor's elements."""
        return "for (size_t i = 0; i < n; i++) {"

    def loop(self, i: str, count: str) -> str:
        """Begin a loop over matrices, rows or columns."""
        return f"for (size_t {i} = 0; {i} < {count}; {i}++) {{"

    def elements_of_all(self) -> Text:
        """Declare how many elements all matrices have, where an array does not know it."""
        return ["const size_t n = batch * rows * columns;"]

    def place(self) -> str:
        """Declare the place `i` of the element in row y and column x of the matrix k."""
        return f"const size_t i = {PLACE};"

    def tensors(self, read: Sequence[str], *, step: bool) -> Text:
        """Begin the loop over a tree's tensors, with those of their arrays that are read."""
        written = {x.target for x in self.listing.lines if x.array} | {*self.listing.late}
        types = {x: "real" if step and x in written else "const real" for x in read}
        own = [f"{types[x]} *{x} = tensors[k].{x};" for x in read]
        return [
            "for (size_t k = 0; k < count; k++) {",
            *self._in(["const size_t n = tensors[k].n;", *own]),
        ]

    def kept(self, own: str) -> str:
        """Write the new value of a slot of one number."""
        return f"*{own} = {self.fresh(own)};"


def _meet(tree: Tree, numbers: Container[str]) -> bool:
    """Whether an operation has slots of one number alone as its operands."""
    alone = len(tree.args) > 1 and all(x.leaf in numbers for x in tree.args)
    return alone or any(_meet(x, numbers) for x in tree.args)
