"""Figures of landscapes, as functions on what was found; cividis reads in grey and without red."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

from ..report.figures import GREY, STYLE
from .landscape import Found, Method
from .ridge import SHARE, Array, Ridge

TITLES = {"sgd": "SGD, L2", "sgdw": "SGDW", "adam": "Adam, L2", "adamw": "AdamW"}
FORMULAS = {
    "l2": "L2 coefficient λ\n(g ← g + λθ)",
    "paper": "weight decay λ\n(θ ← … − ηλθ)",
    "lr": "weight decay λ\n(θ ← … − ηαλθ)",
}
LABELS = {"test_loss": "test loss (nats)", "test_error": "test error (share)"}
TOP = 3.0  # colours end at so many times the best, above which it does not matter how bad it is


def title(method: Method) -> str:
    """Return ``AdamW, lr`` and the like."""
    form = "" if method.form == "l2" else f", {method.form} form"
    return TITLES[method.optimizer] + form


def save(figure: Figure, path: Path, form: str) -> None:
    """Write a figure; the same figure is the same SVG."""
    metadata = {"Date": None} if form == "svg" else {}
    with rc_context({**STYLE, "svg.hashsalt": "wdref"}):
        figure.savefig(path, format=form, dpi=200, metadata=metadata)


def heat_maps(found: Sequence[Found], metric: str, note: str) -> Figure:
    """Draw a panel a method: the mean over the seeds, its ridge, and the interval of the slope."""
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(2.5 * columns + 0.9, 3.0 * rows + 0.5), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        norm = _norm([one.result[metric].mean("seed").values for one in found])
        images = [_panel(axes, one, metric, norm)
                  for axes, one in zip(panels, found, strict=False)]  # fmt: skip
        for axes in panels[len(found) :]:
            axes.set_axis_off()
        bar = figure.colorbar(
            images[0], ax=list(panels), label=LABELS[metric], shrink=0.8, extend="max"
        )
        bar.ax.yaxis.set_major_formatter(ScalarFormatter())
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        figure.supxlabel(note, fontsize=7, color="0.35")
    return figure


def _norm(means: Sequence[Array]) -> LogNorm:
    finite = np.concatenate([mean[np.isfinite(mean)] for mean in means])
    low = max(float(finite.min()), 1e-9) if finite.size else 1.0
    return LogNorm(low, low * TOP, clip=True)


def _panel(axes: Any, found: Found, metric: str, norm: LogNorm) -> Any:
    rates, decays = (found.result[name].values for name in ("learning_rate", "weight_decay"))
    mean = found.result[metric].mean("seed", skipna=False).values
    axes.set_facecolor("0.85")  # diverged
    image = axes.pcolormesh(_sides(rates), _sides(decays), mean.T, norm=norm, rasterized=True,
                            cmap=colormaps["cividis"])  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_aspect("equal")  # a decade is as long on both axes: ±45° is one to one
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("initial learning rate α")
    axes.set_ylabel(FORMULAS[found.method.form])
    _ridge(axes, found.ridge)
    axes.set_xlim(_sides(rates)[[0, -1]])
    axes.set_ylim(_sides(decays)[[0, -1]])
    if found.best is not None:
        axes.plot(found.best.learning_rate, found.best.weight_decay, marker="*", markersize=10,
                  color="white", markeredgecolor="black", linestyle="none")  # fmt: skip
    axes.set_title(f"{title(found.method)}, {found.method.schedule}\n{slope(found.ridge)}",
                   loc="left", fontsize=8)  # fmt: skip
    return image


def _sides(centres: Array) -> Array:
    """Return the borders between grid points, halfway in the logarithm."""
    logs = np.log(centres)
    middle = (logs[1:] + logs[:-1]) / 2
    ends = 2 * logs[:1] - middle[:1], 2 * logs[-1:] - middle[-1:]
    borders: Array = np.exp(np.concatenate([ends[0], middle, ends[1]]))
    return borders


def _ridge(axes: Any, found: Ridge) -> None:
    """Dots are the rows' best decays, as large as they count; the wedge is the interval."""
    rows = [(r.learning_rate, r.weight_decay, r.weight) for r in found.rows if r.weight_decay]
    kept = np.array([row for row in rows if row[2] >= SHARE]).reshape(-1, 3)
    if not kept.size:
        return
    look = {"color": "white", "edgecolors": "black", "linewidths": 0.8, "zorder": 4}
    axes.scatter(kept[:, 0], kept[:, 1], s=8 + 32 * kept[:, 2], **look)
    if found.slope is None or found.interval is None:
        return
    u, v, weight = np.log(kept[:, 0]), np.log(kept[:, 1]), kept[:, 2]
    at, up = np.average(u, weights=weight), np.average(v, weights=weight)
    x = np.linspace(u.min() - 0.6, u.max() + 0.6, 41)
    low, high = (np.exp(up + s * (x - at)) for s in found.interval)
    axes.fill_between(np.exp(x), np.minimum(low, high), np.maximum(low, high), color="white",
                      alpha=0.3, linewidth=0)  # fmt: skip
    axes.plot(np.exp(x), np.exp(up + found.slope * (x - at)), color="white", linewidth=1.5)


def slope(found: Ridge) -> str:
    """Return the slope and its interval in words.

    >>> slope(Ridge(-0.98, (-1.1, -0.86), None, None, (), ()))
    'slope −0.98 [−1.10, −0.86]'
    """
    if found.slope is None or found.interval is None:
        return "no slope: " + ("optimum at the edge" if found.edges else "too few rows")
    low, high = found.interval
    return f"slope {found.slope:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


CELLS = (("sgd", "l2"), ("sgdw", "paper"), ("sgdw", "lr"),
         ("adam", "l2"), ("adamw", "paper"), ("adamw", "lr"))  # fmt: skip
LOOKS = ("o", "s", "^", "D")  # a marker a problem, also for black-and-white print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe & Ito


def table_figure(rows: Mapping[str, Sequence[Mapping[str, Any]]], note: str) -> Figure:
    """Draw measured slopes with intervals beside the predicted ones.

    `rows` has, for each kind of weights, dictionaries with optimizer, form, problem, coupling,
    interval and predicted.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(6.8, 2.6 * len(rows)), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(rows), 1, squeeze=False, sharex=True)[:, 0]
        for axes, (kind, cells) in zip(panels, rows.items(), strict=True):
            _cells(axes, cells)
            axes.legend(frameon=False, fontsize=7, ncols=4, loc="upper left")
            axes.set_title(kind, loc="left", fontsize=9)
            axes.set_ylabel("slope d log λ* / d log α")
        labels = [f"{TITLES[o]}" + ("" if f == "l2" else f"\n{f} form") for o, f in CELLS]
        panels[-1].set_xticks(range(len(CELLS)), labels)
        figure.supxlabel(note, fontsize=7, color="0.35")
    return figure


def _cells(axes: Any, cells: Sequence[Mapping[str, Any]]) -> None:
    problems = list(dict.fromkeys(cell["problem"] for cell in cells))
    for k, (o, f) in enumerate(CELLS):
        own = [cell for cell in cells if (cell["optimizer"], cell["form"]) == (o, f)]
        if own:
            axes.hlines(own[0]["predicted"], k - 0.4, k + 0.4, color="black", linewidth=2.5,
                        label="predicted" if k == 0 else None)  # fmt: skip
        for cell in own:
            i = problems.index(cell["problem"])
            x, label = k + 0.18 * (i - (len(problems) - 1) / 2), cell["problem"] if k == 0 else None
            if cell["coupling"] is None:
                axes.text(x, 0, "no slope", rotation=90, fontsize=6, ha="center", va="center")
                continue
            low, high = cell["interval"]
            errors = [[cell["coupling"] - low], [high - cell["coupling"]]]
            axes.errorbar(x, cell["coupling"], errors, marker=LOOKS[i % 4], color=COLOURS[i % 4],
                          markersize=4, capsize=2, linestyle="none", label=label)  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    known = [x for cell in cells for x in (cell["predicted"], cell["coupling"]) if x is not None]
    axes.set_ylim(min(known) - 1, max(known) + 1.2)  # an interval that is wider leaves the panel
