"""Rust: a function on slices, without a crate."""

from .expression import SIGNS, Tree, Writing
from .listing import Line, Listing, Summing
from .words import Words, about

TYPE = {"float32": "f32", "float64": "f64"}
HELPERS = {
    op: f"fn {op}(x: Real, y: Real) -> Real {{\n"
    f"    if x {sign} y || x.is_nan() {{ x }} else {{ y }}\n}}"
    for op, sign in {"maximum": ">", "minimum": "<"}.items()
}
HELPERS["sign"] = """\
fn sign(x: Real) -> Real {
    if x.is_nan() { x } else { f32::from(i8::from(x > 0.0) - i8::from(x < 0.0)) as Real }
}"""
CHOICES = frozenset({"first", "select", "where"})
TIGHT = frozenset({"sqrt", "abs", "round"})
CLOCK = {"t": "f64::from(t)"}
HEAD = """\
{about}

type Real = {type};

pub struct Hyper {{
{hyper}
}}
{helpers}
#[allow(clippy::too_many_arguments)]
pub fn {name}({arguments}) {{
{rounds}    // once a step, in f64 and rounded once
{scalars}

    for i in 0..theta.len() {{
{lines}
    }}
{numbers}}}
"""
ROUND = """\
{declared}
    {{
{scalars}
        for i in 0..theta.len() {{
{lines}
        }}
    }}
{totals}

"""
EXACT = """
/// The exact sum of what is added, as parts that do not overlap (Shewchuk 1997).
#[derive(Default)]
struct ExactSum {
    parts: Vec<f64>,
    special: f64,
}

impl ExactSum {
    fn add(&mut self, term: f64) {
        if !term.is_finite() {
            self.special += term;
            return;
        }
        let (mut x, mut kept) = (term, 0);
        for k in 0..self.parts.len() {
            let y = self.parts[k];
            let high = x + y;
            let low = if x.abs() < y.abs() { x - (high - y) } else { y - (high - x) };
            if low != 0.0 {
                self.parts[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.parts.truncate(kept);
        self.parts.push(x);
    }

    /// Rounded once, ties to even.
    fn total(&self) -> f64 {
        if self.special != 0.0 {
            return self.special;
        }
        let mut rest = self.parts.iter().rev();
        let mut high = rest.next().copied().unwrap_or(0.0);
        let mut low = 0.0;
        while low == 0.0 {
            let Some(&y) = rest.next() else { return high };
            let x = high;
            high = x + y;
            low = y - (high - x);
        }
        let next = rest.next().copied().unwrap_or(0.0);
        if (low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0) {
            let twice = 2.0 * low;
            let away = high + twice;
            if away - high == twice {
                high = away;
            }
        }
        high
    }
}
"""


def print_rust(listing: Listing, words: Words, /) -> str:
    """Return a Rust module with the function ``{rule}(theta, g, slots, …, h)``."""
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    arrays = [f"{x}: &[Real]" if x in listing.read else f"{x}: &mut [Real]"
              for x in listing.arrays]  # fmt: skip
    arrays += [f"{x}: &mut [Real]" for x, _ in listing.numbers]
    clock = {"t": "t: u32", "eta": "eta: f64", "eta_before": "eta_before: f64"}
    clock |= {r.name: f"{r.name}: f64" for r in listing.running}
    times = [text for key, text in clock.items() if key in listing.inputs]
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        type=TYPE[listing.dtype],
        hyper="\n".join(f"    pub {key}: f64," for key in listing.hyper),
        helpers="".join(f"\n{text}\n" for text in helpers) + (EXACT if listing.rounds else ""),
        rounds="".join(_round(listing, each) for each in listing.rounds),
        numbers="".join(f"    {x}[0] = {x}_new;\n" for x, _ in listing.numbers),
        name=words.name,
        arguments=", ".join([*arrays, *times, "h: &Hyper"]),
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
    lines += [f"exact_{own}.add({_double(write(tree), listing)});" for own, tree in each.sums]
    return ROUND.format(
        declared="\n".join(f"    let mut exact_{x} = ExactSum::default();" for x, _ in each.sums),
        scalars="\n".join(f"    {_scalar(listing, *pair)}" for pair in each.scalars),
        lines="\n".join(f"            {line}" for line in lines),
        totals="\n".join(
            [
                *(f"    let {own} = exact_{own}.total();" for own, _ in each.sums),
                *(f"    let {own} = theta.len() as f64;" for own in each.counts),
            ]
        ),
    )


def _double(text: str, listing: Listing) -> str:
    return text if listing.dtype == "float64" else f"f64::from({text})"


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, "power": "{}.powf({})", "real_power": "f64::powf({}, {})",
          "sqrt": "{}.sqrt()", "round": "{} as Real", "remainder": "{} % {}",
         "select": "if {} {{ {} }} else {{ {} }}", "first": "if t == 1 {{ {} }} else {{ {} }}"},
        names=lambda key: f"h.{key}" if key in listing.hyper else _read(listing, key),
        numbers=_number,
        tight=TIGHT,
        enclosed=CHOICES,
    )  # fmt: skip
    return f"    let {own} = {host(Tree('round', (tree,)))};"


def _number(x: float) -> str:
    """Whole numbers as they are; what may have a method called says its type."""
    return repr(float(x)) if float(x).is_integer() else f"{float(x)!r}_f64"


def _read(listing: Listing, key: str) -> str:
    if key in dict(listing.numbers):
        return _double(f"{key}[0]", listing)
    return CLOCK.get(key, key)


def _line(listing: Listing, line: Line) -> str:
    target = f"{line.target}[i]" if line.array else f"let {line.target}"
    return f"{target} = {_element(listing)(line.tree)};"


def _element(listing: Listing) -> Writing:
    return Writing(
        {**SIGNS, "sqrt": "{}.sqrt()", "abs": "{}.abs()",
         "where": "if {} {{ {} }} else {{ {} }}",
         "maximum": "maximum({}, {})", "minimum": "minimum({}, {})", "sign": "sign({})",
         "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
        tight=TIGHT,
        enclosed=CHOICES,
    )  # fmt: skip
