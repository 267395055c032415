"""The update rules: a folder a family, with all that wdref knows of it.

`rule.py` is the paper's, a pure function ``(theta, g, slots, s) -> (theta, slots)``; `dialect.py`
has the same phases under all answers, and the step's scalars, computed on the host in float64. A
scalar that is None means that its line is absent. `family.py` says the rest, as `contract` asks,
`programs.toml` what each program means, `bugs.toml` what went wrong. Nothing here knows the
optimizer, a backend or the oracle.
"""
