"""Deviations found in keras, one file each: see the parent."""
