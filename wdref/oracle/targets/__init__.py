"""Targets: what an implementation under test is called, and the process in which it runs.

Reads cases. Everything that judges may import it.
"""
