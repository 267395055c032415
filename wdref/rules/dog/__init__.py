"""Distance over gradients: the rate is how far the tree has gone, over what it has seen."""

from .dialect import DogDialect, DogScalars, dog_dialect
from .family import FAMILY
from .rule import dog
from .weighted import dowg

__all__ = ["FAMILY", "DogDialect", "DogScalars", "dog", "dog_dialect", "dowg"]
