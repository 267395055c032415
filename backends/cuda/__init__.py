"""CUDA: the traced rule as one kernel over tables of tensors, its driver, and CuPy's backend.

Stands on the trace. Needs the extra `cupy`.
"""
