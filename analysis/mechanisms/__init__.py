"""Mechanisms: how hard the L2 term pulls, against the scale of the gradient.

Stands on the theory's walks and the problems. Nothing imports it.
"""
