"""Rust: a function on slices, without a crate."""

from collections.abc import Sequence

from ..expression import SIGNS, Tree, Writing
from ..parts import Line, Listing
from ..words import Words, about
from .body import Body
from .language import COUNT, PLACE, Text, placed

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
CLOCK = {"t": "f64::from(t)", "rows": "(rows as f64)", "columns": "(columns as f64)"}
HEAD = """\
{about}

type Real = {type};

pub struct Hyper {{
{hyper}
}}
{helpers}
{tensor}{functions}"""
FUNCTION = """\
#[allow(clippy::too_many_arguments{letters})]
pub fn {name}({arguments}) {{
{body}}}
"""
TENSOR = """\
{letters}pub struct Tensor<'a> {{
{fields}
}}

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
    """Return a Rust module with the function ``{rule}(theta, g, slots, …, h)``.

    Of a rule of the tree it is ``{rule}(tensors, …, h)``, of one by rows and columns
    ``{rule}(batch, rows, columns, theta, g, slots, …, h)``, with ``{rule}_vector(…)`` beside it.
    """
    helpers = [text for op, text in HELPERS.items() if op in listing.every_op]
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        type=TYPE[listing.dtype],
        hyper="\n".join(f"    pub {key}: f64," for key in listing.hyper),
        helpers="".join(f"\n{text}\n" for text in helpers) + (EXACT if listing.rounds else ""),
        tensor=_tensor(listing) if listing.tree else "",
        functions="\n".join(_function(each, own) for each, own in words.functions(listing)),
    )


def _function(listing: Listing, name: str) -> str:
    clock = {"t": "t: u32", "eta": "eta: f64", "eta_before": "eta_before: f64"}
    clock |= {r.name: f"{r.name}: f64" for r in listing.running}
    times = [text for key, text in clock.items() if key in listing.inputs]
    snake = _snake((*listing.fields, *listing.shared))
    return FUNCTION.format(
        letters="" if snake else ", non_snake_case",
        name=name,
        arguments=", ".join([*_arguments(listing), *times, "h: &Hyper"]),
        body=Rust(listing).text(),
    )


def _tensor(listing: Listing) -> str:
    fields = (f"    pub {x}: &'a {'' if x == 'g' else 'mut '}[Real]," for x in listing.fields)
    letters = "" if _snake(listing.fields) else "#[allow(non_snake_case)]\n"
    return TENSOR.format(fields="\n".join(fields), letters=letters)


def _snake(names: Sequence[str]) -> bool:
    return all(x == x.lower() for x in names)


def _arguments(listing: Listing) -> list[str]:
    slices = [f"{x}: &[Real]" if x in listing.read else f"{x}: &mut [Real]"
              for x in (listing.shared if listing.tree else listing.fields)]  # fmt: skip
    sizes = [] if listing.matrices is None else [f"{x}: usize" for x in COUNT.values()]
    return ["tensors: &mut [Tensor<'_>]", *slices] if listing.tree else [*sizes, *slices]


class Rust(Body):
    """A step in Rust."""

    once = "// once a step, in f64 and rounded once"

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.element = Writing(
            {**SIGNS, "sqrt": "{}.sqrt()", "abs": "{}.abs()",
             "where": "if {} {{ {} }} else {{ {} }}",
             "maximum": "maximum({}, {})", "minimum": "minimum({}, {})", "sign": "sign({})",
             "cast": "{}"},
            names=lambda key: placed(listing, key),
            tight=TIGHT,
            enclosed=CHOICES,
        )  # fmt: skip
        self.host = Writing(
            {**SIGNS, "power": "{}.powf({})", "real_power": "f64::powf({}, {})",
             "sqrt": "{}.sqrt()", "round": "{} as Real", "remainder": "{} % {}",
             "select": "if {} {{ {} }} else {{ {} }}",
             "first": "if t == 1 {{ {} }} else {{ {} }}"},
            names=self._read_by_host,
            numbers=_number,
            tight=TIGHT,
            enclosed=CHOICES,
        )  # fmt: skip

    def _read_by_host(self, key: str) -> str:
        if key in self.listing.hyper:
            return f"h.{key}"
        if key in dict(self.listing.numbers):
            return self._double(f"{key}[0]")
        return CLOCK.get(key, key)

    def _double(self, text: str) -> str:
        return text if self.listing.dtype == "float64" else f"f64::from({text})"

    def sums(self, own: Sequence[str]) -> Text:
        """Declare exact sums of nothing yet."""
        return [f"let mut exact_{x} = ExactSum::default();" for x in own]

    def add(self, own: str, tree: Tree) -> str:
        """Add a term of one element."""
        return f"exact_{own}.add({self._double(self.element(tree))});"

    def total(self, own: str, zero: str = "") -> str:
        """Declare a sum, rounded; `zero` is added where all its terms may be -0."""
        return f"let {own} = exact_{own}.total(){zero};"

    def along(self, own: str, zero: str = "") -> str:
        """Declare a sum along rows or columns, rounded to the arrays' dtype as well."""
        total = f"exact_{own}.total()"
        return f"let {own} = {f'({total}{zero})' if zero else total} as Real;"

    def count(self, own: str) -> str:
        """Declare the number of a tensor's elements."""
        return f"let {own} = theta.len() as f64;"

    def counting(self, own: str) -> tuple[str, str]:
        """Declare a count of nothing yet, and add a tensor's elements to it."""
        return f"let mut {own} = 0.0;", f"{own} += theta.len() as f64;"

    def scalar(self, own: str, tree: Tree) -> str:
        """Declare what the host computes, rounded once."""
        return f"let {own} = {self.host(Tree('round', (tree,)))};"

    def line(self, line: Line) -> str:
        """Declare a name, or write an element of an array."""
        target = placed(self.listing, line.target) if line.array else f"let {line.target}"
        return f"{target} = {self.element(line.tree)};"

    def elements(self) -> str:
        """Begin the loop over a tensor's elements."""
        return "for i in 0..theta.len() {"

    def loop(self, i: str, count: str) -> str:
        """Begin a loop over matrices, rows or columns."""
        return f"for {i} in 0..{count} {{"

    def place(self) -> str:
        """Declare the place `i` of the element in row y and column x of the matrix k."""
        return f"let i = {PLACE};"

    def tensors(self, read: Sequence[str], *, step: bool) -> Text:
        """Begin the loop over a tree's tensors, with those of their arrays that are read."""
        own = [x for x in self.listing.fields if x in read or x == "theta"]
        rest = [] if len(own) == len(self.listing.fields) else [".."]
        each = "tensors.iter_mut()" if step else "tensors.iter()"
        return [f"for Tensor {{ {', '.join([*own, *rest])} }} in {each} {{"]

    def kept(self, own: str) -> str:
        """Write the new value of a slot of one number."""
        return f"{own}[0] = {self.fresh(own)};"


def _number(x: float) -> str:
    """Whole numbers as they are; what may have a method called says its type."""
    return repr(float(x)) if float(x).is_integer() else f"{float(x)!r}_f64"
