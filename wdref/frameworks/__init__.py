"""Adapters: each file lets the oracle run one framework's optimizers, ``load(name, **options)``.

An adapter imports its framework and NumPy alone, and runs in a process of its own. Others add
theirs through the entry-point group ``wdref.frameworks``.
"""
