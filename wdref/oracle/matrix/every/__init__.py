"""Every optimizer that a package exports: which are there, what each is, and how that is said.

Reads the matrix's pool and the identification.
"""
