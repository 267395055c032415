"""Programs that some tests need beside Python, make and a C compiler, and how to get them."""

import re
import shutil
from collections import Counter

import pytest

# Debian's names, where they differ.
PACKAGES = {"chromedriver": "chromium-driver", "node": "nodejs"}
WANTED = re.compile(r"for want of (\S+) \(install [\w+-]+\)")


def needed(name):
    """Return the path of a program; a test that cannot have it is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"for want of {name} (install {PACKAGES.get(name, name)})")
    return path


def summary(reasons):
    """Return one line for each program that was wanted: how many tests were skipped without it."""
    found = Counter(match[0] for reason in reasons if (match := WANTED.search(reason)))
    return [f"skipped {words}: {count}" for words, count in sorted(found.items())]
