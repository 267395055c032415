"""The former name of `wdref.analysis.sweep.jobs`."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("wdref.analysis.sweep.jobs")
