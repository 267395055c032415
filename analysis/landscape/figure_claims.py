"""The figure of `wdref claims`: loss against error, error over time, decay against budget."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from ..report.figures import COLOURS, MARKERS, STYLE
from .claims import at_best_rate
from .ridge import SHARE, Ridge

CURVES = {
    "Adam + L2, cosine": ("#D55E00", "--"),
    "AdamW, cosine": ("#0072B2", "-"),
    "AdamWR, warm restarts": ("#009E73", "-."),
}


def claims_figure(
    grids: Mapping[str, Any],
    curves: Mapping[str, Any],
    budgets: Mapping[int, Any],
    ridge: Ridge,
    note: str,
) -> Figure:
    """Draw three panels: after the paper's Figure 3, its Figure 4, and Supplementary Figure 3."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.3), layout="constrained")
        FigureCanvasAgg(figure)
        left, middle, right = figure.subplots(1, 3)
        _losses(left, grids)
        _times(middle, curves)
        _budgets(right, budgets, ridge)
        figure.supxlabel(note, fontsize=7, color="0.35")
    return figure


def _plain(axis: Any) -> None:
    """Write 1, 2, 5, 10 on a logarithmic axis, not powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _losses(axes: Any, grids: Mapping[str, Any]) -> None:
    for name, result in grids.items():
        pairs = at_best_rate(result)
        loss, error = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
        axes.plot(np.exp(loss), 100 * error, marker=MARKERS[name], color=COLOURS[name],
                  linestyle="none", markersize=4, alpha=0.6, label=name)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.set_xlabel("training loss (nats)")
    axes.set_ylabel("test error (%)")
    axes.set_title("equal training loss, a dot a run", loc="left", fontsize=9)
    axes.legend(frameon=False)


def _times(axes: Any, curves: Mapping[str, Any]) -> None:
    for name, result in curves.items():
        colour, line = CURVES[name]
        errors = 100 * result["test_error"].squeeze(drop=True)
        mean, times = errors.mean("seed"), result["time"].values
        axes.plot(times, mean, color=colour, linestyle=line, label=name)
        axes.fill_between(times, errors.min("seed"), errors.max("seed"), color=colour, alpha=0.12,
                          linewidth=0)  # fmt: skip
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_xlabel("updates")
    axes.set_ylabel("test error (%)")
    axes.set_title("error over time, range of seeds", loc="left", fontsize=9)
    axes.legend(frameon=False)


def _budgets(axes: Any, budgets: Mapping[int, Any], ridge: Ridge) -> None:
    shades = np.linspace(0.75, 0.0, len(budgets))
    for shade, (steps, result) in zip(shades, budgets.items(), strict=True):
        losses = result["test_loss"].mean("seed").values[0]
        axes.plot(result["weight_decay"].values, losses, color=str(shade), label=f"{steps}")
    for row in ridge.rows:
        if row.weight_decay is not None and row.weight >= SHARE:
            own = budgets[round(row.learning_rate)]
            losses = np.log(own["test_loss"].mean("seed").values[0])
            at = np.log(own["weight_decay"].values)
            height = np.exp(np.interp(np.log(row.weight_decay), at, losses))
            axes.plot(row.weight_decay, height, marker="v", color="#D55E00", linestyle="none")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_xlabel("weight decay λ (paper's form)")
    axes.set_ylabel("test loss (nats)")
    axes.set_title("budgets in updates; ▾ best decay", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=7)
