"""The watch over a training: every step of a framework's optimizer, judged as it is taken.

Stands on identification. Reached as `wdref.oracle.shadow`.
"""
