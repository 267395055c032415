"""Exact: rules on balls, which contain the real-number result and, widened, every rounding.

Stands on the rules alone. The oracle reaches it through its entry point.
"""
