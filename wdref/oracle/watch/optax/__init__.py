"""The watch over an optax transformation: what takes its place, and where its state is."""

from .transformation import OptaxWatch, Shadowed, shadowed

__all__ = ["OptaxWatch", "Shadowed", "shadowed"]
