"""The former name of `wdref.backends.printers.printing`."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("wdref.backends.printers.printing")
