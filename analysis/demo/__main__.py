"""``python -m wdref.analysis.demo``."""

from .demo import main

main()
