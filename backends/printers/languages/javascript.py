"""JavaScript: a module for browsers and Node.js, on typed arrays.

JavaScript computes in float64. Rounding each result to float32 gives float32 arithmetic's bits for
+ - × ÷ √: a double holds more than twice the digits, so that rounding twice is rounding once.
"""

from collections.abc import Sequence

from ..expression import SIGNS, Tree, Writing, ops
from ..parts import Line, Listing
from ..words import Words, about
from .body import Body
from .language import COUNT, PLACE, Text, placed

POWER = """
// x^n for whole n in doubled precision: browsers' own ** differ in the last bit
function power(x, n) {
  let result = [1, 0];
  for (let base = [x, 0]; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = times(result, base);
    base = times(base, base);
  }
  return result[0] + result[1];
}

function times([a, aLow], [b, bLow]) {
  const [product, error] = exactly(a, b);
  const low = error + (a * bLow + aLow * b);
  const sum = product + low;
  return [sum, low - (sum - product)];
}

// a b as a sum of two doubles (Dekker 1971)
function exactly(a, b) {
  const [aHigh, aLow] = halves(a);
  const [bHigh, bLow] = halves(b);
  const product = a * b;
  const error = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  return [product, error];
}

function halves(a) {
  const shifted = 134217729 * a; // 2^27 + 1
  const high = shifted - (shifted - a);
  return [high, a - high];
}
"""
HELPERS = {
    "maximum": "const maximum = (x, y) => (x > y || x !== x ? x : y);",
    "minimum": "const minimum = (x, y) => (x < y || x !== x ? x : y);",
    "sign": "const sign = (x) => (x === x ? (x > 0) - (x < 0) : x);",
}
COMPARED = {"equal": "{} === {}", "not_equal": "{} !== {}"}
HEAD = """\
{about}
{helpers}
{functions}"""
FUNCTION = """\
export function {name}({arguments}) {{
{body}}}
"""
EXACT = """
// the exact sum of what is added, as parts that do not overlap (Shewchuk 1997)
class ExactSum {
  parts = [];
  special = 0;

  add(x) {
    if (!Number.isFinite(x)) {
      this.special += x;
      return;
    }
    let kept = 0;
    for (const y of this.parts) {
      const high = x + y;
      const low = Math.abs(x) < Math.abs(y) ? x - (high - y) : y - (high - x);
      if (low !== 0) this.parts[kept++] = low;
      x = high;
    }
    this.parts.length = kept;
    this.parts.push(x);
  }

  // rounded once, ties to even
  total() {
    if (this.special !== 0) return this.special;
    let n = this.parts.length;
    let high = n > 0 ? this.parts[--n] : 0;
    let low = 0;
    while (n > 0 && low === 0) {
      const x = high;
      const y = this.parts[--n];
      high = x + y;
      low = y - (high - x);
    }
    if (n > 0 && low * this.parts[n - 1] !== 0 && low < 0 === this.parts[n - 1] < 0) {
      const twice = 2 * low;
      const away = high + twice;
      if (away - high === twice) high = away;
    }
    return high;
  }
}
"""


def print_javascript(listing: Listing, words: Words, /) -> str:
    """Return an ES module with the function ``{rule}(theta, g, slots, …, h)``.

    Of a rule of the tree it is ``{rule}(tensors, …, h)``, of one by rows and columns
    ``{rule}(batch, rows, columns, theta, g, slots, …, h)``, with ``{rule}_vector(…)`` beside it.
    """
    powers = any("power" in ops(tree) for each in listing.functions for _, tree in each.hosted)
    helpers = [text for op, text in HELPERS.items() if op in listing.every_op]
    if listing.dtype == "float32":
        helpers.append("const f = Math.fround;")
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        helpers="".join(f"\n{text}\n" for text in helpers)
        + (POWER if powers else "")
        + (EXACT if listing.rounds else ""),
        functions="\n".join(_function(each, own) for each, own in words.functions(listing)),
    )


def _function(listing: Listing, name: str) -> str:
    clock = ("t", "eta", "eta_before", *(r.name for r in listing.running))
    times = [key for key in clock if key in listing.inputs]
    sizes = [] if listing.matrices is None else [*COUNT.values()]
    arrays = ["tensors", *listing.shared] if listing.tree else [*sizes, *listing.fields]
    arguments = ", ".join([*arrays, *times, "h"])
    return FUNCTION.format(name=name, arguments=arguments, body=JavaScript(listing).text())


class JavaScript(Body):
    """A step in JavaScript."""

    indent = "  "

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.narrow = listing.dtype == "float32"
        self.once = f"// once a step, in float64{' and rounded once' if self.narrow else ''}"
        self.element = Writing(
            {**SIGNS, **COMPARED, "sqrt": "f(Math.sqrt({}))" if self.narrow else "Math.sqrt({})",
             "abs": "Math.abs({})", "where": "{} ? {} : {}", "maximum": "maximum({}, {})",
             "minimum": "minimum({}, {})", "sign": "sign({})", "cast": "{}"},
            names=lambda key: placed(listing, key),
            wrap="f({})" if self.narrow else None,
        )  # fmt: skip
        self.host = Writing(
            {**SIGNS, **COMPARED, "power": "power({}, {})", "real_power": "Math.pow({}, {})",
             "sqrt": "Math.sqrt({})", "remainder": "{} % {}", "select": "{} ? {} : {}",
             "first": "t === 1 ? {} : {}"},
            names=self._read_by_host,
        )  # fmt: skip

    def _read_by_host(self, key: str) -> str:
        if key in self.listing.hyper:
            return f"h.{key}"
        return f"{key}[0]" if key in dict(self.listing.numbers) else key

    def sums(self, own: Sequence[str]) -> Text:
        """Declare exact sums of nothing yet."""
        return [f"const exact_{x} = new ExactSum();" for x in own]

    def add(self, own: str, tree: Tree) -> str:
        """Add a term of one element."""
        return f"exact_{own}.add({self.element(tree)});"

    def total(self, own: str, zero: str = "") -> str:
        """Declare a sum, rounded; `zero` is added where all its terms may be -0."""
        return f"const {own} = exact_{own}.total(){zero};"

    def along(self, own: str, zero: str = "") -> str:
        """Declare a sum along rows or columns, rounded to the arrays' dtype as well."""
        total = f"exact_{own}.total(){zero}"
        return f"const {own} = {f'f({total})' if self.narrow else total};"

    def count(self, own: str) -> str:
        """Declare the number of a tensor's elements."""
        return f"const {own} = theta.length;"

    def counting(self, own: str) -> tuple[str, str]:
        """Declare a count of nothing yet, and add a tensor's elements to it."""
        return f"let {own} = 0;", f"{own} += theta.length;"

    def scalar(self, own: str, tree: Tree) -> str:
        """Declare what the host computes, rounded once."""
        text = self.host(tree)
        return f"const {own} = {f'f({text})' if self.narrow else text};"

    def line(self, line: Line) -> str:
        """Declare a name, or write an element of an array."""
        target = placed(self.listing, line.target) if line.array else f"const {line.target}"
        return f"{target} = {self.element(line.tree)};"

    def elements(self) -> str:
        """Begin the loop over a tensor's elements."""
        return "for (let i = 0; i < theta.length; i++) {"

    def loop(self, i: str, count: str) -> str:
        """Begin a loop over matrices, rows or columns."""
        return f"for (let {i} = 0; {i} < {count}; {i}++) {{"

    def place(self) -> str:
        """Declare the place `i` of the element in row y and column x of the matrix k."""
        return f"const i = {PLACE};"

    def tensors(self, read: Sequence[str], *, step: bool) -> Text:
        """Begin the loop over a tree's tensors, with those of their arrays that are read."""
        own = [x for x in self.listing.fields if x in read or x == "theta"]
        return [f"for (const {{ {', '.join(own)} }} of tensors) {{"]

    def fresh(self, own: str) -> str:
        """Name of the new value of a slot of one number."""
        return f"{own}New"

    def kept(self, own: str) -> str:
        """Write the new value of a slot of one number."""
        return f"{own}[0] = {self.fresh(own)};"
