"""Deviations found in thinc, one file each: see the parent."""
