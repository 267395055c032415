"""Modules of `wdref.backends` under the names that pages of the documentation once gave them."""
