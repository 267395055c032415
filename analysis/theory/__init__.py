"""The theory that came after the paper, tried: predictions, what came out, how far off.

The mechanisms may import it.
"""
