"""The figure of the theory: every check and its control, in units of its tolerance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..report.figures import GREY, STYLE

if TYPE_CHECKING:
    from .check import Check

MEASURED, CONTROL = "#0072B2", "#D55E00"  # Okabe & Ito: safe for colour-blind eyes
FAR = 1e4  # tolerances; what is farther off is drawn there


def dataset(found: Sequence["Check"]) -> xarray.Dataset:
    """Return the checks as a dataset along ``check``; without a control, nan."""
    nan = float("nan")
    columns = {
        "predicted": [c.predicted for c in found],
        "measured": [c.measured for c in found],
        "tolerance": [c.tolerance for c in found],
        "control": [nan if c.control is None else c.control.measured for c in found],
        "holds": [int(c.holds) for c in found],
    }
    return xarray.Dataset(
        {name: ("check", np.asarray(values)) for name, values in columns.items()},
        coords={"check": [c.id for c in found],
                "relation": ("check", [c.relation for c in found])},
        attrs={"title": "Predictions about weight decay, measured", "command": "wdref theory"},
    )  # fmt: skip


def draw(data: xarray.Dataset) -> Figure:
    """Draw (measured - predicted)/tolerance of each check: it holds inside the band."""
    y = np.arange(data.sizes["check"])
    with rc_context(STYLE):
        figure = Figure(figsize=(6.8, 1.2 + 0.2 * len(y)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.axvspan(-1, 1, color="0.9", linewidth=0, label="within the tolerance")
        axes.axvline(0, color=GREY, linewidth=0.8)
        own, other = (_relative(data, name) for name in ("measured", "control"))
        axes.plot(other, y, "s", color=CONTROL, fillstyle="none", label="control: must be outside")
        axes.plot(own, y, "o", color=MEASURED, label="measured")
        axes.set_xscale("symlog", linthresh=1.0)
        axes.set_xlim(-2 * FAR, 2 * FAR)
        axes.set_yticks(y, [str(id) for id in data["check"].values])
        axes.set_ylim(len(y) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color="0.93", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(f"(measured − predicted) / tolerance; ±{FAR:g} or farther is drawn there")
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _relative(data: xarray.Dataset, name: str) -> Any:
    """Distance in tolerances; for a bound what is on its good side counts as 0."""
    off = (data[name] - data["predicted"]).values
    relation = data["relation"].values
    off = np.where(relation == "<=", np.maximum(off, 0.0), off)
    off = np.where(relation == ">=", np.minimum(off, 0.0), off)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(off == 0.0, 0.0, off / data["tolerance"].values)
    return np.clip(scaled, -FAR, FAR)
