"""The figure of the demonstration: test error, and how fast weights decay, against the decay."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from ..report.figures import AXES, COLOURS, GREY, MARKERS, STYLE

if TYPE_CHECKING:
    from .demo import Row


def draw_demo(rows: Sequence["Row"], note: str, path: Path, form: str) -> None:
    """Draw test error (top) and the weights' rates of decay (bottom) against weight decay."""
    with rc_context(STYLE):
        figure = Figure(figsize=(6.8, 5.2), layout="constrained")
        FigureCanvasAgg(figure)
        top, bottom = figure.subplots(2, 2, sharey="row", sharex="col", height_ratios=(3, 2))
        none, *rest = rows
        for method, errors, rates in zip(COLOURS, top, bottom, strict=True):
            own = [row for row in rest if row.method == method]
            _errors(errors, own, none.error)
            _rates(rates, own)
            errors.set_title(method, color=COLOURS[method], fontweight="bold", loc="left")
            rates.set_xlabel(AXES[method])
        top[0].set_ylabel("test error (%)")
        top[0].legend(frameon=False, loc="upper left")
        bottom[0].set_ylabel("decay of a weight\n(fraction per unit of ηα)")
        figure.suptitle(f"Digits, 500 training images, 30 % random labels; {note}", fontsize=9)
        figure.savefig(path, format=form, dpi=200)


def _errors(axes: Any, rows: Sequence["Row"], without: float) -> None:
    """Mean and range over the seeds; the axis is logarithmic, its ticks are plain numbers."""
    colour, x = COLOURS[rows[0].method], [row.weight_decay for row in rows]
    low, high = [row.lowest for row in rows], [row.highest for row in rows]
    axes.axhline(without, color=GREY, linestyle="--", linewidth=1, label="no decay (mean)")
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, label="range of seeds")
    axes.plot(x, [row.error for row in rows], marker=MARKERS[rows[0].method], color=colour,
              label="mean")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([5, 7, 10, 15, 20, 30, 40, 60, 90]))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _rates(axes: Any, rows: Sequence["Row"]) -> None:
    """Median over the weights, with the middle half of them."""
    colour, x = COLOURS[rows[0].method], [row.weight_decay for row in rows]
    low, mid, high = zip(*(row.decay for row in rows), strict=True)
    alike = low == high
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0,
                      label=None if alike else "middle half of the weights")  # fmt: skip
    axes.plot(x, mid, marker=MARKERS[rows[0].method], color=colour,
              label="all weights alike" if alike else "median weight")  # fmt: skip
    axes.set_yscale("log")
    axes.legend(frameon=False, loc="upper left")
