"""Deviations found in tinygrad, one file each: see the parent."""
