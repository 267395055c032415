"""Checkpoints: parameters and state in one safetensors file, to go on as if nothing had happened.

`save` writes a file whole or not at all; `load` gives back what was saved, or refuses the file with
one error and loads nothing. Nothing is pickled. The file's metadata hold a JSON document:

- ``wdref``: the version that wrote it; ``optimizer``: the method's name.
- ``rule``: the recurrence and the slots. A state of another rule is refused.
- ``settings``: hyperparameters, schedule and groups; null for functions, which no file can hold.
- ``step``: the updates made, which is the position in the schedule.
- ``scalars``: the numbers that the rule took last (or would take first), in hexadecimal.
- ``leaves``: path, and index into the scalars (its group, with or without decay) of each leaf.
- ``tree``: how the leaves are nested; null where only ``like`` can say it.

Tensors are called ``params.PATH`` and ``slots.NAME.PATH``.
"""

from .checkpoint import CheckpointError, describe, load, save

__all__ = ["CheckpointError", "describe", "load", "save"]
