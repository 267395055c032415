"""Proof of the suite: wrong turns, mutated rules and right orders, and what is said of them.

Stands on identification. Nothing but the command ``wdref mutants``, the flags of vectors and tests
imports it.
"""
