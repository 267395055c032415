"""Peak memory of a subject, in a process of its own.

Measured is the resident memory of the process at its highest while the second step runs, above
what was resident before the arrays were made: parameters, gradients, slots and every temporary,
whichever allocator they come from. Code is compiled on a small case before. Linux alone resets
the mark of the highest; elsewhere there is no figure.
"""

import gc
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from .cases import Case, arrays
from .peers import PEERS
from .subjects import LIMIT, OWN, Subject

STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
LEAST = 10_000_000  # parameters below which the libraries' own needs hide the arrays


def wanted(case: Case) -> bool:
    """Whether memory is measured: all large cases of AdamW in float32, one of the others."""
    if case.device != "cpu" or case.parameters < LEAST:
        return False
    return case.layout == "1e7" or (case.rule, case.dtype) == ("adamw", "float32")


def peak(case: Case, what: str) -> int | None:
    """Measure in a new process; None where that cannot be."""
    if what == LIMIT or not REFERENCES.exists():
        return None
    request = json.dumps([case.rule, case.dtype, case.layout, what])
    command = [sys.executable, "-m", "wdref.analysis.bench.memory", request]
    done = subprocess.run(command, capture_output=True, text=True)
    return int(done.stdout) if done.returncode == 0 else None


def _peak(case: Case, subject: Subject) -> int:
    small = replace(case, layout="1e3")
    warm = subject.start(small, arrays(small))
    for _ in range(2):
        warm.before()
        warm.run()
    gc.collect()
    base = int(psutil.Process().memory_info().rss)
    step = subject.start(case, arrays(case))  # it holds no array that it does not need
    step.before()
    step.run()
    gc.collect()
    REFERENCES.write_text("5")  # forget the highest so far
    step.run()
    highest = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert highest, "every Linux has the line"
    return 1024 * int(highest[1]) - base


def main(arguments: Sequence[str]) -> None:
    """Print the peak in bytes of what a JSON list names: rule, dtype, layout, subject."""
    rule, dtype, layout, what = json.loads(arguments[0])
    subject = next(s for s in (*OWN, *PEERS) if s.name == what)
    print(_peak(Case(rule, dtype, layout), subject))


if __name__ == "__main__":
    main(sys.argv[1:])
