"""numba: the traced rule as one fused loop over all tensors, and its code on disk.

Stands on the trace; the batched analyses reach it through its entry point.
"""
