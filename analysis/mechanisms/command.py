"""The command ``wdref mechanisms``."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import xarray

    from .mechanisms import Slope


@click.command()
@click.option("--figure", metavar="FILE", type=Path, help="Draw them: .svg, .png or .pdf.")
@click.option("--out", "folder", metavar="DIR", type=Path, help="Write mechanisms.json, the data "
              "in mechanisms.nc, and mechanisms.svg, for `wdref report`.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def mechanisms(figure: Path | None, folder: Path | None, markdown: bool, as_json: bool) -> int:
    """How does the L2 term act inside Adam, and what does AdamW do instead?

    Effective decay against the gradient's scale, for L2 in both of Adam's buffers, in one, in
    neither, and for AdamW: slopes with intervals, on noise and on a network trained on digits.
    """
    from wdref.cli import emit_json, need, refuse

    for module in ("matplotlib", "rich", "scipy", "sklearn", "xarray"):
        need(module, "analysis")
    from ..report.figures import write
    from ..report.outputs import open_folder

    with ExitStack() as stack:
        if folder:
            open_folder("--out", folder)
        try:  # before the training, which a wrong path shall not cost
            target = stack.enter_context(write(figure)) if figure else None
        except OSError as error:
            refuse(f"--figure {figure}: {error.strerror or error}")
        document, found, scales, network = _measured()
        drawn = _draw(scales, network) if folder or figure else None
        if target and figure and drawn:
            drawn.savefig(target, format=figure.suffix[1:], dpi=200)
        if folder:
            _keep(folder, document, scales, network, drawn)
    if as_json:
        emit_json(document)
    else:
        _show(found, document, markdown)
    return 0 if all(slope.holds for slope in found) else 1


def _measured() -> "tuple[dict[str, Any], list[Slope], xarray.Dataset, xarray.Dataset]":
    from ..report.outputs import Clock, made_by
    from . import mechanisms as on_noise
    from . import network as on_digits

    clock = Clock()
    scales, network = on_noise.dataset(), on_digits.dataset()
    found = [*on_noise.slopes(scales), *on_digits.slopes(network)]
    document = {
        "slopes": [asdict(slope) for slope in found],
        "network": on_digits.summary(network),
        "settings": {
            "noise": scales.attrs | {"seed": 12, "replicas": on_noise.REPLICAS},
            "network": network.attrs
            | on_digits.SETTING
            | {"starts": on_digits.STARTS, "batch": on_digits.BATCH, "data": "seed 0"},
        },
        "made_by": made_by(["wdref", "mechanisms"], clock),
    }
    return document, found, scales, network


def _draw(scales: "xarray.Dataset", network: "xarray.Dataset") -> Any:
    from .figure import draw

    return draw(scales, network)


def _keep(
    folder: Path,
    document: dict[str, Any],
    scales: "xarray.Dataset",
    network: "xarray.Dataset",
    drawn: Any,
) -> None:
    from wdref.cli import refuse

    from ..report.outputs import keep

    ours = {name: f"noise_{name}" for name in scales.data_vars}
    # one file for both; "step" is a measure of the one and an axis of the other
    both = network.merge(scales.rename(ours), combine_attrs="override")
    both.attrs |= {f"noise_{key}": value for key, value in scales.attrs.items()}
    try:
        keep(folder, "mechanisms", document, both, drawn)
    except OSError as error:
        refuse(f"--out {folder}: {error.strerror or error}")


def _show(found: "Sequence[Slope]", document: dict[str, Any], markdown: bool) -> None:
    from .show import markdown as text
    from .show import print_slopes

    if markdown:
        click.echo(text(found, document))
    else:
        print_slopes(found, document)
