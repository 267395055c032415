"""How verdicts and identities are said to people, and what was not asked of a target.

Stands on identification. The commands, vectors and `wdref.testing` may import it.
"""
