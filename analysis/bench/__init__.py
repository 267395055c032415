"""The benchmark: subjects that take turns, beside the streaming limit and their peers.

Nothing imports it.
"""
