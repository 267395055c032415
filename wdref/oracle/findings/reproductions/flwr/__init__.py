"""Deviations found in flwr, one file each: see the parent."""
