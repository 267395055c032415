"""Deviations found in timm, one file each: see the parent."""
