"""Vectors: the suite as JSON files for programs in any language, and what these make of it.

Stands on the judge and the flags of known bugs. Nothing imports it but `wdref.testing`'s kin.
"""
