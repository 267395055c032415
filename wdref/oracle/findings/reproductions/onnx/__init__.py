"""Deviations found in onnx, one file each: see the parent."""
