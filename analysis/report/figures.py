"""Figures, drawn without a display and never left half-written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wdref.common.whole import whole

FORMATS = (".png", ".pdf", ".svg")
COLOURS = {"Adam + L2": "#D55E00", "AdamW": "#0072B2"}  # Okabe & Ito: safe for colour-blind eyes
MARKERS = {"Adam + L2": "s", "AdamW": "o"}  # and for black-and-white print
AXES = {"Adam + L2": "L2 coefficient λ′", "AdamW": "weight decay λ/α (PyTorch's weight_decay)"}
GREY = "0.45"
STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


@contextmanager
def write(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[Path]:
    """Yield a temporary name beside `path`, and rename it to `path` when all went well.

    Raises OSError at once where the file cannot be written.
    """
    if path.suffix not in formats:
        raise OSError(f"expected a name that ends in {', '.join(formats)}")
    if path.is_dir():
        raise OSError("is a folder")
    with whole(path) as part:
        part.touch()
        yield part
