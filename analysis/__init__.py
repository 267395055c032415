"""Analyses: the paper's propositions, demonstrated with certified bounds."""
