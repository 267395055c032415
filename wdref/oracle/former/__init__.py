"""Modules of `wdref.oracle` under the names that pages of the documentation once gave them."""
