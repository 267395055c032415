"""Driving: a case of one optimizer, step by step, by its framework's own means.

Read by the adapters beside it, in the process of a target, where wdref may be missing.
"""
