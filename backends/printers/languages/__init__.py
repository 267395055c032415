"""The languages that a listing is written in, and what their programs have in common."""
