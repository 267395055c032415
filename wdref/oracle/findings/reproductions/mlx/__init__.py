"""Deviations found in mlx, one file each: see the parent."""
