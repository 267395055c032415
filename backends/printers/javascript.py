"""JavaScript: a module for browsers and Node.js, on typed arrays.

JavaScript computes in float64. Rounding each result to float32 gives float32 arithmetic's bits for
+ - × ÷ √: a double holds more than twice the digits, so that rounding twice is rounding once.
"""

from .expression import SIGNS, Tree, Writing, ops
from .listing import Line, Listing, Summing
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
{rounds}  // once a step, in float64{rounded}
{scalars}

  for (let i = 0; i < theta.length; i++) {{
{lines}
  }}
{numbers}}}
"""
ROUND = """\
{declared}
  {{
{scalars}
    for (let i = 0; i < theta.length; i++) {{
{lines}
    }}
  }}
{totals}

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
    """Return an ES module with the function ``{rule}(theta, g, slots, …, h)``."""
    powers = any("power" in ops(tree) for _, tree in listing.hosted)
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    if listing.dtype == "float32":
        helpers.append("const f = Math.fround;")
    clock = ("t", "eta", "eta_before", *(r.name for r in listing.running))
    times = [key for key in clock if key in listing.inputs]
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        helpers="".join(f"\n{text}\n" for text in helpers)
        + (POWER if powers else "")
        + (EXACT if listing.rounds else ""),
        rounds="".join(_round(listing, each) for each in listing.rounds),
        numbers="".join(f"  {x}[0] = {x}New;\n" for x, _ in listing.numbers),
        name=words.name,
        arguments=", ".join([*listing.arrays, *(x for x, _ in listing.numbers), *times, "h"]),
        rounded=" and rounded once" if listing.dtype == "float32" else "",
        scalars="\n".join(
            _scalar(listing, *pair)
            for pair in (*listing.scalars, *((f"{x}New", tree) for x, tree in listing.numbers))
        ),
        lines="\n".join(f"    {_line(listing, line)}" for line in listing.lines),
    )


def _round(listing: Listing, each: Summing) -> str:
    """The loop that adds up a round's terms, and its sums."""
    lines = [_line(listing, line) for line in each.lines]
    write = _element(listing)
    lines += [f"exact_{own}.add({write(tree)});" for own, tree in each.sums]
    return ROUND.format(
        declared="\n".join(f"  const exact_{own} = new ExactSum();" for own, _ in each.sums),
        scalars="\n".join(f"  {_scalar(listing, *pair)}" for pair in each.scalars),
        lines="\n".join(f"      {line}" for line in lines),
        totals="\n".join(
            [
                *(f"  const {own} = exact_{own}.total();" for own, _ in each.sums),
                *(f"  const {own} = theta.length;" for own in each.counts),
            ]
        ),
    )


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, **COMPARED, "power": "power({}, {})", "real_power": "Math.pow({}, {})",
         "sqrt": "Math.sqrt({})", "remainder": "{} % {}", "select": "{} ? {} : {}",
         "first": "t === 1 ? {} : {}"},
        names=lambda key: f"h.{key}" if key in listing.hyper else _read(listing, key),
    )  # fmt: skip
    text = host(tree)
    return f"  const {own} = {f'f({text})' if listing.dtype == 'float32' else text};"


def _read(listing: Listing, key: str) -> str:
    return f"{key}[0]" if key in dict(listing.numbers) else key


def _line(listing: Listing, line: Line) -> str:
    target = f"{line.target}[i]" if line.array else f"const {line.target}"
    return f"{target} = {_element(listing)(line.tree)};"


def _element(listing: Listing) -> Writing:
    narrow = listing.dtype == "float32"
    return Writing(
        {**SIGNS, **COMPARED, "sqrt": "f(Math.sqrt({}))" if narrow else "Math.sqrt({})",
         "abs": "Math.abs({})", "where": "{} ? {} : {}", "maximum": "maximum({}, {})",
         "minimum": "minimum({}, {})", "sign": "sign({})", "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
        wrap="f({})" if narrow else None,
    )  # fmt: skip
