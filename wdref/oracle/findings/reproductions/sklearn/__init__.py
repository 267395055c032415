"""Deviations found in sklearn, one file each: see the parent."""
