"""The former name of `wdref.oracle.judge.enclosure`."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("wdref.oracle.judge.enclosure")
