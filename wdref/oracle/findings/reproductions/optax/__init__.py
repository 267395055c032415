"""Deviations found in optax, one file each: see the parent."""
