"""Identification: which rule a target computes, where it leaves it, and what explains that.

Stands on the judge and the bugs. Commands, vectors, the matrix and the watch may import it.
"""
