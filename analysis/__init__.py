"""Analyses: the paper's propositions, demonstrated with certified bounds."""

from pathlib import Path

__path__.append(str(Path(__file__).with_name("former")))  # names that pages once gave
