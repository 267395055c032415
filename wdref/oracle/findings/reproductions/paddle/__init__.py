"""Deviations found in paddle, one file each: see the parent."""
