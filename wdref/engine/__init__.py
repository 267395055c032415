"""What an update runs on: checked numbers, trees of arrays, their memory, casts of half precision.

Knows no rule by name. Everything above `wdref.rules` may import it.
"""
