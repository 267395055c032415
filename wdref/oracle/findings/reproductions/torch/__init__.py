"""Deviations found in torch, one file each: see the parent."""
