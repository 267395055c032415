"""The process in which reproductions run. One file, needs the standard library alone.

``python try_findings.py RESULTS FILE…`` appends one JSON line a file to RESULTS, as soon as it is
known. What a framework prints stays on its own streams.
"""

import json
import runpy
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main(results: str, *files: str) -> None:
    """Run the reproductions in turn."""
    for file in files:
        start = time.perf_counter()
        try:
            evidence, present = runpy.run_path(file)["reproduce"]()
            answer: dict[str, Any] = {"evidence": evidence, "present": bool(present)}
        except Exception as error:  # whatever a framework raises is this finding's answer
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer |= {"name": Path(file).stem, "seconds": round(time.perf_counter() - start, 3)}
        with Path(results).open("a", encoding="utf-8") as out:
            out.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
