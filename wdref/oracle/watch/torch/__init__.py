"""The watch over a torch optimizer: its hooks, groups and state, and how they are read."""

from .hooks import TorchWatch

__all__ = ["TorchWatch"]
