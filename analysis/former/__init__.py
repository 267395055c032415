"""Modules of `wdref.analysis` under the names that pages of the documentation once gave them."""
