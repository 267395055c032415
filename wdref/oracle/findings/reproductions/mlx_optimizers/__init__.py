"""Deviations found in mlx_optimizers, one file each: see the parent."""
