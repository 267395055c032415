"""Deviations found in tensorflow, one file each: see the parent."""
