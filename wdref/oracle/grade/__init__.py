"""Grades: points for each question that a rule answers, for teachers.

Stands on identification. The commands may import it.
"""
