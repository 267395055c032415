"""One file for each result of the literature that is tried.

Imported by `theory` and the mechanisms.
"""
