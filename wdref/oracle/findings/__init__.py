"""Findings: deviations of installed frameworks, each with a program that shows it.

Stands on nothing of the oracle. Nothing imports it.
"""
