"""The former name of `wdref.analysis.landscape.custom`."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("wdref.analysis.landscape.custom")
