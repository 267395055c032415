"""Networks, many at once: one more axis in front of every array, gradients written by hand.

Problems and sweeps may import it.
"""
