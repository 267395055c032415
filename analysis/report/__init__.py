"""What analyses leave behind: figures, tables and one page of them all.

Imported by every analysis.
"""
