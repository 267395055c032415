"""Deviations found in drjit, one file each: see the parent."""
