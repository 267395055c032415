"""The matrix: what every optimizer of every framework computes, as tables and pages.

Stands on identification. Nothing imports it.
"""
