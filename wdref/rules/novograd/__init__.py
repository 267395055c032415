"""NovoGrad: a gradient divided by its tensor's norm, with the decay in the moment."""

from .dialect import NovogradDialect, NovogradScalars, novograd_dialect
from .family import FAMILY
from .rule import novograd

__all__ = ["FAMILY", "NovogradDialect", "NovogradScalars", "novograd", "novograd_dialect"]
