"""wdref: the reference for weight decay.

The update rules of "Decoupled Weight Decay Regularization" (Loshchilov & Hutter, ICLR 2019) and
their relatives, written once against the Python Array API.
"""

from typing import TYPE_CHECKING, Any

from . import checkpoint as checkpoint
from . import decay as decay
from . import interchange as interchange
from . import schedules as schedules
from . import states as states
from .checkpoint import load as load
from .checkpoint import save as save
from .conversions import convert as convert
from .optimizer import Optimizer as Optimizer
from .optimizer import State as State

if TYPE_CHECKING:
    # a class for every claim: methods/__init__.pyi has them with their types
    from .methods import *  # noqa: F403  # whatever families there are
    from .oracle.audit import audit as audit
    from .oracle.check.ask import check as check
    from .oracle.check.ask import identify as identify

_NAMES = ("Optimizer", "State", "audit", "check", "checkpoint", "convert", "decay", "identify",
          "interchange", "load", "save", "schedules", "states")  # fmt: skip
_ASKED = {"audit": ".oracle.audit", "check": ".oracle.check.ask",
          "identify": ".oracle.check.ask"}  # fmt: skip  # imported when it is asked


def __getattr__(name: str) -> Any:
    if name == "__version__":  # read when asked for: importlib.metadata would slow the import
        from importlib.metadata import version

        return version("wdref")
    if name in _ASKED:
        from importlib import import_module

        return getattr(import_module(_ASKED[name], __name__), name)
    from .methods import methods

    if name == "__all__":
        return sorted([*_NAMES, *methods()])
    if not name.startswith("_") and name in methods():
        return methods()[name]
    raise AttributeError(f"module 'wdref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
