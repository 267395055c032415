"""JavaScript: a module for browsers and Node.js, on typed arrays.

JavaScript computes in float64. Rounding each result to float32 gives float32 arithmetic's bits for
+ - × ÷ √: a double holds more than twice the digits, so that rounding twice is rounding once.
"""

from .expression import SIGNS, Tree, Writing, ops
from .listing import Line, Listing
from .words import Words, about

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
export function {name}({arguments}) {{
  // once a step, in float64{rounded}
{scalars}

  for (let i = 0; i < theta.length; i++) {{
{lines}
  }}
}}
"""


def print_javascript(listing: Listing, words: Words, /) -> str:
    """Return an ES module with the function ``{rule}(theta, g, slots, …, h)``."""
    powers = any("power" in ops(tree) for _, tree in listing.scalars)
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    if listing.dtype == "float32":
        helpers.append("const f = Math.fround;")
    clock = ("t", "eta", "eta_before", *(r.name for r in listing.running))
    times = [key for key in clock if key in listing.inputs]
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        helpers="".join(f"\n{text}\n" for text in helpers) + (POWER if powers else ""),
        name=words.name,
        arguments=", ".join([*listing.arrays, *times, "h"]),
        rounded=" and rounded once" if listing.dtype == "float32" else "",
        scalars="\n".join(_scalar(listing, *pair) for pair in listing.scalars),
        lines="\n".join(f"    {_line(listing, line)}" for line in listing.lines),
    )


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, **COMPARED, "power": "power({}, {})", "real_power": "Math.pow({}, {})",
         "sqrt": "Math.sqrt({})",         "select": "{} ? {} : {}", "first": "t === 1 ? {} : {}"},
        names=lambda key: f"h.{key}" if key in listing.hyper else key,
    )  # fmt: skip
    text = host(tree)
    return f"  const {own} = {f'f({text})' if listing.dtype == 'float32' else text};"


def _line(listing: Listing, line: Line) -> str:
    narrow = listing.dtype == "float32"
    element = Writing(
        {**SIGNS, **COMPARED, "sqrt": "f(Math.sqrt({}))" if narrow else "Math.sqrt({})",
         "abs": "Math.abs({})", "where": "{} ? {} : {}", "maximum": "maximum({}, {})",
         "minimum": "minimum({}, {})", "sign": "sign({})", "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
        wrap="f({})" if narrow else None,
    )  # fmt: skip
    target = f"{line.target}[i]" if line.array else f"const {line.target}"
    return f"{target} = {element(line.tree)};"
