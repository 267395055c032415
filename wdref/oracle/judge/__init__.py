"""The judge: enclosures of the exact result, and what a distance from them means.

Reads cases and results of targets. Identification and all that reports may import it.
"""
