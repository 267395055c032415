"""Tracing: a rule run once on symbols, as programs that backends and printers run.

Stands on the rules alone: a graph, its phases where the rule asks for sums, and what a program does
to one element.
"""
