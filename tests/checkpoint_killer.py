"""Writers killed at random moments: after each the file must be whole. Prints one JSON document.

A process of its own, so that the children are forked from one without threads. Each child writes
the versions after the last one seen, one over the other, until it is killed: at a random line of
the code that writes files, by itself, or by its parent, who is told of that line and kills it where
it is by then. Moments are counted in lines, because those of a clock depend on the machine.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np

import wdref
from wdref.checkpoint import file as checkpoint_file

OPT = wdref.AdamW(weight_decay=0.1)


def version(k):
    """Parameters and state after `k` steps, each number of which says k."""
    params = {"w": np.full(50_000, float(k), np.float32), "b": np.full(3, float(k))}
    slots = {name: {key: x + 1 for key, x in params.items()} for name in ("m", "v")}
    return params, wdref.State(k, slots, OPT.init(params).rule)


def save(path, k):
    """Write version `k`."""
    params, state = version(k)
    wdref.save(path, params, state, optimizer=OPT)


def at_each_line(action):
    """Call `action` before each line of the code that writes files."""

    def look(frame, event, _):
        if frame.f_code.co_filename != checkpoint_file.__file__:
            return None
        if event == "line":
            action()
        return look

    sys.settrace(look)


def write(path, first, moment, reached):
    """Write one version after the other, for ever; call `reached` at line number `moment`."""
    lines = iter(range(moment))
    at_each_line(lambda: next(lines, None) is None and reached())
    for k in range(first, sys.maxsize):
        save(path, k)


def killed(path, first, moment, alone):
    """Fork a writer, which is killed at `moment`, by itself if it is `alone`."""
    read, tell = os.pipe()
    child = os.fork()
    if child == 0:
        die = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731  # one of two actions
        write(path, first, moment, die if alone else lambda: os.write(tell, b"."))
    os.close(tell)
    os.read(read, 1)  # nothing comes from one that is dead
    os.close(read)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


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
    moments, parts, versions, old, lines = random.Random(7), 0, 0, 0, []
    at_each_line(lambda: lines.append(None))
    save(path, 0)
    sys.settrace(None)
    for i in range(kills):
        killed(path, old + 1, moments.randrange(3 * len(lines)), alone=i % 2 == 0)
        new = seen(path)
        assert new >= old, f"version {new} after {old}"
        versions, old = versions + (new > old), new
        parts += bool([*path.parent.glob(".*.part")])
    save(path, old)
    left = sorted(file.name for file in path.parent.iterdir())
    print(json.dumps({"kills": kills, "inside": parts, "moved": versions, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
