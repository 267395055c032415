"""Right implementations by the hundred: none may be accused, and how near they come is measured.

Of Adam and SGD formulas in other orders (`orders`); of every family its own rule on arrays and sums
that compute otherwise (`ways`), and a few written anew (`by_hand`).
"""
