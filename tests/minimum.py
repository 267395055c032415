"""Print the smallest supported version of each dependency, as pip takes it.

python tests/minimum.py oracle fast
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8"))


def minimum(extras: list[str]) -> list[str]:
    """Return ``name==version`` of the core's dependencies and of those that `extras` add."""
    project = PROJECT["project"]
    wanted = project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    found = [re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", line) for line in wanted]
    if None in found:
        raise SystemExit(f"no lower bound: {wanted[found.index(None)]}")
    return [f"{match[1]}=={match[2]}" for match in found]


if __name__ == "__main__":
    print("\n".join(minimum(sys.argv[1:])))
