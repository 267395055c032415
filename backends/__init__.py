"""Backends of wdref: other ways to run the rules, found through entry points."""
