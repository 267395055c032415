"""Backends of wdref: other ways to run the rules, found through entry points."""

from pathlib import Path

__path__.append(str(Path(__file__).with_name("former")))  # names that pages once gave
