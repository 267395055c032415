"""The demonstration, ``python -m wdref.analysis.demo``: Adam with L2 against AdamW on digits.

Nothing imports it.
"""
