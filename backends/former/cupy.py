"""The former name of `wdref.backends.cuda.cupy`."""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("wdref.backends.cuda.cupy")
