"""Deviations found in bitsandbytes, one file each: see the parent."""
