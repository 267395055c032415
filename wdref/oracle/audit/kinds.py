"""What a parameter is, by its module where that is known, else by its name and its shape."""

import re
from collections.abc import Sequence

NORM = re.compile(r"norm|^ln(_|\d|f|$)|^bn\d*$|^rms|layernorm")
EMBEDDING = re.compile(r"embed|^emb$|^w[tp]e$|^wpe$")
BIAS = re.compile(r"^(bias|b)\d*$|_bias$|^bias_|bias$")


def kind(names: Sequence[str], shape: Sequence[int], module: str = "") -> str:
    """Return ``norm``, ``embedding``, ``bias``, ``vector`` or ``weight``.

    A vector has one axis and no name that says more. `module` is the name of its module's class.

    >>> kind(["h.0.ln_1.weight"], (8,)), kind(["h.0.gain"], (8,)), kind(["wte.weight"], (9, 8))
    ('norm', 'vector', 'embedding')
    """
    words = [w for name in names for w in re.split(r"[./\[\]'\"]+", name.lower()) if w]
    module = module.lower()
    if "norm" in module or any(NORM.search(w) for w in words):
        return "norm"
    if "embed" in module or any(EMBEDDING.search(w) for w in words):
        return "embedding" if len(shape) > 1 else "vector"
    if any(BIAS.search(name.lower().rpartition(".")[2].rpartition("/")[2]) for name in names):
        return "bias"
    return "vector" if len(shape) < 2 else "weight"
