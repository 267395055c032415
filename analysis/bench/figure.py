"""The figure of the benchmark: cost of a parameter against their number, the limit drawn in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ..report.figures import STYLE
from .cases import DTYPES, SIZES
from .show import NAMES, duration
from .subjects import LIMIT

if TYPE_CHECKING:
    from .measure import Row


class Look(NamedTuple):
    """Colour by family (Okabe & Ito: safe for colour-blind eyes), marker and dash by member."""

    colour: str
    marker: str
    line: str = "-"


OWN, TORCH, OTHER, THIRD = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
LOOKS = {
    "wdref cupy": Look(OWN, "D"),
    "wdref numba": Look(OWN, "o"),
    "wdref numpy": Look(OWN, "s", "--"),
    "wdref plain": Look(OWN, "^", ":"),
    "torch fused": Look(TORCH, "o"),
    "torch fused, 1 thread": Look(TORCH, "v", "-."),
    "torch foreach": Look(TORCH, "s", "--"),
    "torch loop": Look(TORCH, "^", ":"),
    "optax": Look(OTHER, "D"),
    "thinc": Look(THIRD, "P"),
}


def draw(rows: Sequence["Row"], note: str, path: Path, form: str) -> None:
    """Draw a panel a dtype, of one rule and device: AdamW on the CPU where it was measured."""
    sized = [row for row in rows if row.layout in SIZES and row.seconds]
    if sized:
        best = min(sized, key=lambda row: (row.device != "cpu", (*NAMES, row.rule).index(row.rule)))
        sized = [row for row in sized if (row.rule, row.device) == (best.rule, best.device)]
    dtypes = [dtype for dtype in DTYPES if any(row.dtype == dtype for row in sized)]
    with rc_context({**STYLE, "svg.hashsalt": "wdref"}):
        figure = Figure(figsize=(3.6 * max(1, len(dtypes)) + 2.0, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, max(1, len(dtypes)), sharey=True, squeeze=False)[0]
        handles: dict[str, Any] = {}
        for dtype, axes in zip(dtypes, panels, strict=False):
            handles |= _panel(axes, [row for row in sized if row.dtype == dtype])
            axes.set_title(
                f"{NAMES.get(best.rule, best.rule)}, {dtype} parameters", loc="left", fontsize=9
            )
        panels[0].set_ylabel("time of a step, per parameter")
        order = [name for name in (*LOOKS, LIMIT) if name in handles]
        labels = ["streaming limit" if name == LIMIT else name for name in order]
        figure.legend([handles[name] for name in order], labels, loc="outside right upper",
                      frameon=False)  # fmt: skip
        figure.supxlabel(note, fontsize=7, color="0.35")
        figure.savefig(path, format=form, dpi=200, metadata={"Date": None} if form == "svg" else {})


def _panel(axes: Any, rows: Sequence["Row"]) -> dict[str, Any]:
    handles = {}
    for name in dict.fromkeys(row.what for row in rows):
        own = sorted((row for row in rows if row.what == name), key=lambda row: row.parameters)
        x = [row.parameters for row in own]
        y = [(row.seconds or 0.0) / row.parameters for row in own]
        if name == LIMIT:
            (handles[name],) = axes.plot(x, y, color="black", linewidth=2.5, zorder=3)
            continue
        look = LOOKS[name]
        spread = [[q / row.parameters for q in row.quartiles or ()] for row in own]
        low, high = zip(*spread, strict=True)
        axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)
        width = 2.0 if name.startswith("wdref") else 1.2
        (handles[name],) = axes.plot(x, y, color=look.colour, marker=look.marker, markersize=4.5,
                                     linestyle=look.line, linewidth=width)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: duration(y)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("parameters in one tensor")
    return handles
