"""Printers: rules in other languages, from the trace.

Stand on the trace. Reached by ``wdref print``.
"""
