"""Conversions: the same training in another program, exactly, nearly, or refused with the reason.

Whatever the program, a step of Adam's family is θ ← (1 - k_t) θ - s_t m/(√v + e_t) with running
means m and v that start from 0, and a step of SGD's is θ ← (1 - k_t) θ - s_t m with m ← β_t m +
c_t g. Two trainings are the same when these numbers are, up to a constant that m may carry. What is
solved for are the other program's constants; with ``varying`` also functions of t.
"""

from .conversions import Conversion, NoConversion, Training, convert

__all__ = ["Conversion", "NoConversion", "Training", "convert"]
