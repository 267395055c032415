"""Propositions 1 to 3 of Loshchilov & Hutter (2019), with numbers that carry a proof.

Reads rules on balls. Nothing imports it.
"""
