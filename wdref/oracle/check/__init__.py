"""``wdref check`` and ``identify``: what is asked of a target, and how the answer is shown.

Stands on identification. Vectors, the matrix and `wdref.testing` may import it.
"""
