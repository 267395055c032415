"""The update rules: one file, one pure function ``(theta, g, slots, s) -> (theta, slots)``.

Arrays come first and positionally; ``s`` holds the step's scalars, computed on the host in float64
by the rule's family (`wdref.dialects`). A scalar that is ``None`` means that its line is absent.
"""
