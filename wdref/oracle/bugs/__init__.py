"""Bugs: known deviations of programs as wrong rules, each with its public reference.

Reads cases. Judges, identification and the proofs of the suite may import it.
"""
