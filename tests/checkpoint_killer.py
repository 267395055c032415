"""Writers killed at random moments: after each the file must be whole. Prints one JSON document.

A process of its own, so that the children are forked from one without threads. Each child writes
the versions after the last one seen, one over the other, until it is killed.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import wdref

OPT = wdref.AdamW(weight_decay=0.1)


def version(k):
    """Parameters and state after `k` steps, each number of which says k."""
    params = {"w": np.full(50_000, float(k), np.float32), "b": np.full(3, float(k))}
    slots = {name: {key: x + 1 for key, x in params.items()} for name in ("m", "v")}
    return params, wdref.State(k, slots, OPT.init(params).rule)


def write(path, first):
    """Write one version after the other, for ever."""
    for k in range(first, sys.maxsize):
        params, state = version(k)
        wdref.save(path, params, state, optimizer=OPT)


def seen(path):
    """The version in the file, all of whose numbers must be of it."""
    params, state = wdref.load(path, optimizer=OPT)
    want, _ = version(state.step)
    for key, x in want.items():
        np.testing.assert_array_equal(params[key], x)
        np.testing.assert_array_equal(state.slots["v"][key], x + 1)
    return state.step


def main(path, kills):
    """Kill `kills` writers."""
    moments, parts, versions = random.Random(7), 0, 0
    params, state = version(0)
    began = time.perf_counter()
    for _ in range(5):
        wdref.save(path, params, state, optimizer=OPT)
    longest, old = 3 * (time.perf_counter() - began) / 5, 0  # of three versions
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            write(path, old + 1)
        time.sleep(moments.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        new = seen(path)
        assert new >= old, f"version {new} after {old}"
        versions, old = versions + (new > old), new
        parts += bool([*path.parent.glob(".*.part")])
    wdref.save(path, params, state, optimizer=OPT)
    left = sorted(file.name for file in path.parent.iterdir())
    print(json.dumps({"kills": kills, "inside": parts, "moved": versions, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
