"""Deviations found in pytorch_optimizer, one file each: see the parent."""
