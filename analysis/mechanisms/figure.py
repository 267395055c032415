"""The figure of the mechanisms: pulls by the gradient's scale, a network's steps over time."""

from typing import Any

import numpy as np
import xarray
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..report.figures import GREY, STYLE
from .parts import METHODS, TITLES

# Okabe & Ito: safe for colour-blind eyes; line and marker tell them apart in black and white
LOOKS: dict[str, dict[str, Any]] = {
    "AdamW": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "both": {"color": "#D55E00", "linestyle": "-", "marker": "s"},
    "m only": {"color": "#009E73", "linestyle": "--", "marker": "^"},
    "v only": {"color": "#CC79A7", "linestyle": "--", "marker": "D"},
    "neither": {"color": "#000000", "linestyle": ":", "marker": "v"},
}
PAIR = ("AdamW", "both")
PROBLEM_TITLES = {"digits": "plain", "digits-bn": "batch-normalised"}


def draw(scales: xarray.Dataset, network: xarray.Dataset) -> Figure:
    """Draw the scales on noise and a network's weights (top), its steps over time (bottom)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(10.0, 6.6), layout="constrained")
        FigureCanvasAgg(figure)
        top, bottom = figure.subplots(2, 3)
        _scales(top[0], scales, "decay", "effective decay d (per unit of α)")
        _scales(top[1], scales, "step", "gradient's own step, rms (units of α)")
        _weights(top[2], network)
        _course(bottom[0], network, "share", "share of L2 term or decay in the step")
        _course(bottom[1], network, "norm", "norm of the second layer's weights")
        _course(bottom[2], network, "angle", "angle a step turns them (degrees)")
        bottom[2].set_yscale("log")
        for problem, line in zip(PROBLEM_TITLES, ("-", "--"), strict=True):
            bottom[2].plot([], [], color=GREY, linestyle=line, label=PROBLEM_TITLES[problem])
        bottom[2].legend(frameon=False)
        handles, labels = top[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False)
        for letter, axes in zip("abcdef", (*top, *bottom), strict=True):
            axes.set_title(letter, loc="left", fontweight="bold", fontsize=9)
    return figure


def _scales(axes: Any, data: xarray.Dataset, name: str, label: str) -> None:
    """Mean over the replicas against σ; coinciding curves are told apart by staggered markers."""
    sigma = data["sigma"].values
    for i, method in enumerate(METHODS):
        mean = data[name].sel(rule=method).mean("replica").values
        axes.plot(sigma, mean, markevery=(2 * i, 10), markersize=4, linewidth=1.2,
                  label=TITLES[method], **LOOKS[method])  # fmt: skip
    axes.axvline(data.attrs["weight_decay"], color=GREY, linewidth=0.8, linestyle="-.",
                 label="σ = λ|θ|")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("standard deviation σ of the gradient, λ|θ| = 1")
    axes.set_ylabel(label)


def _weights(axes: Any, data: xarray.Dataset) -> None:
    """Every seventh weight of the batch-normalised network, from its first start."""
    own = data.sel(problem="digits-bn").isel(start=0, weight=slice(None, None, 7))
    for method in PAIR:
        look = {**LOOKS[method], "linestyle": "none"}
        x, y = (own[name].sel(rule=method).values for name in ("denominator", "decay"))
        axes.plot(x, y, markersize=2, alpha=0.6, rasterized=True, **look)
    ends = np.array([float(own["denominator"].min()), float(own["denominator"].max())])
    axes.plot(ends, data.attrs["l2"] / ends, color=GREY, linewidth=0.8, label="λ′/(√v̂ + ε)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("√v̂ + ε of a weight, last 100 steps")
    axes.set_ylabel("effective decay d of the weight")
    axes.legend(frameon=False)


def _course(axes: Any, data: xarray.Dataset, name: str, label: str) -> None:
    """Mean over the starts, second layer; plain networks solid, batch-normalised ones dashed."""
    for method in PAIR:
        for problem, line in zip(PROBLEM_TITLES, ("-", "--"), strict=True):
            mean = data[name].sel(problem=problem, rule=method, layer=2).mean("start").values
            axes.plot(data["step"].values, mean, color=LOOKS[method]["color"], linestyle=line,
                      marker=LOOKS[method]["marker"], markevery=8, markersize=4)  # fmt: skip
    axes.set_xlabel("step")
    axes.set_ylabel(label)
