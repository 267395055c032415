"""Deviations found in optimi, one file each: see the parent."""
