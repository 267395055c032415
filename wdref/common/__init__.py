"""What every part may use: checks of single numbers, and whether an optional library is there.

Imports nothing of wdref.
"""
