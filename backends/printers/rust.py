"""Rust: a function on slices, without a crate."""

from .expression import SIGNS, Tree, Writing
from .listing import Line, Listing
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
    // once a step, in f64 and rounded once
{scalars}

    for i in 0..theta.len() {{
{lines}
    }}
}}
"""


def print_rust(listing: Listing, words: Words, /) -> str:
    """Return a Rust module with the function ``{rule}(theta, g, slots, …, h)``."""
    helpers = [text for op, text in HELPERS.items() if op in listing.ops]
    arrays = [f"{x}: &[Real]" if x == "g" else f"{x}: &mut [Real]" for x in listing.arrays]
    clock = {"t": "t: u32", "eta": "eta: f64", "eta_before": "eta_before: f64"}
    clock |= {r.name: f"{r.name}: f64" for r in listing.running}
    times = [text for key, text in clock.items() if key in listing.inputs]
    return HEAD.format(
        about="\n".join(f"// {line}".rstrip() for line in about(listing, words)),
        type=TYPE[listing.dtype],
        hyper="\n".join(f"    pub {key}: f64," for key in listing.hyper),
        helpers="".join(f"\n{text}\n" for text in helpers),
        name=words.name,
        arguments=", ".join([*arrays, *times, "h: &Hyper"]),
        scalars="\n".join(_scalar(listing, *pair) for pair in listing.scalars),
        lines="\n".join(f"        {_line(listing, line)}" for line in listing.lines),
    )


def _scalar(listing: Listing, own: str, tree: Tree) -> str:
    host = Writing(
        {**SIGNS, "power": "{}.powf({})", "real_power": "f64::powf({}, {})",
          "sqrt": "{}.sqrt()", "round": "{} as Real",
         "select": "if {} {{ {} }} else {{ {} }}", "first": "if t == 1 {{ {} }} else {{ {} }}"},
        names=lambda key: f"h.{key}" if key in listing.hyper else CLOCK.get(key, key),
        numbers=_number,
        tight=TIGHT,
        enclosed=CHOICES,
    )  # fmt: skip
    return f"    let {own} = {host(Tree('round', (tree,)))};"


def _number(x: float) -> str:
    """Whole numbers as they are; what may have a method called says its type."""
    return repr(float(x)) if float(x).is_integer() else f"{float(x)!r}_f64"


def _line(listing: Listing, line: Line) -> str:
    element = Writing(
        {**SIGNS, "sqrt": "{}.sqrt()", "abs": "{}.abs()",
         "where": "if {} {{ {} }} else {{ {} }}",
         "maximum": "maximum({}, {})", "minimum": "minimum({}, {})", "sign": "sign({})",
         "cast": "{}"},
        names=lambda key: f"{key}[i]" if key in listing.arrays else key,
        tight=TIGHT,
        enclosed=CHOICES,
    )  # fmt: skip
    target = f"{line.target}[i]" if line.array else f"let {line.target}"
    return f"{target} = {element(line.tree)};"
