"""Documents of vectors and outputs: right ones, changed ones, and ones broken at random."""

import copy
import json
import subprocess
import sys
from pathlib import Path

from hypothesis import strategies as st

from wdref.oracle.proof.detection import plainly
from wdref.oracle.vectors import files as vectors

SMALL = ("exaggerated", "first")  # what the documents hold; the rest is left out


def right_outputs(claim="sgdw", convention="paper", dtype="float32"):
    """A valid document: two cases computed by the plain rule, the others unsupported."""
    found = vectors.suite(claim, convention)
    outputs = []
    for v in found.of([dtype]):
        if v.case.id.partition("/")[0] not in SMALL:
            outputs.append({"tcId": v.tc_id, "unsupported": "left out"})
            continue
        outputs.append({"tcId": v.tc_id, "theta": plainly(found.dialect, v.case).tolist()})
    return {
        "schema": "outputs_schema_v2.json",
        "algorithm": claim,
        "convention": convention,
        "suite": found.digest,
        "implementation": {"name": "plain", "version": "", "language": "Python"},
        "outputs": outputs,
    }


def right_vectors(claim="adamw", convention="paper", names=SMALL):
    """The exported document with few tests: its only problem is that the others are missing."""
    document = vectors.document(vectors.suite(claim, convention))
    for group in document["groups"]:
        group["tests"] = [x for x in group["tests"] if x["id"].partition("/")[0] in names]
    flags = {flag for group in document["groups"] for x in group["tests"] for flag in x["flags"]}
    document["notes"] = {f: note for f, note in document["notes"].items() if f in flags}
    document["omitted"] = []  # nobody reads them
    document["numberOfTests"] = sum(len(group["tests"]) for group in document["groups"])
    return document


def changed(document, *path, to):
    """A copy with one value replaced; `to` may be a function of the old value."""
    found = copy.deepcopy(document)
    *parents, last = path
    part = found
    for key in parents:
        part = part[key]
    part[last] = to(part[last]) if callable(to) else to
    return found


def written(folder, content, name="outputs.json"):
    path = Path(folder) / name
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def wdref(*args):
    command = [sys.executable, "-m", "wdref.cli", "vectors", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**7), st.floats(), st.text(max_size=3),
    st.sampled_from(["nan", "-inf", "0x1p+3", "0x1.8p-1074", 1e308, 5e-324, 10**400, [], {}]),
    st.lists(st.floats(width=16), max_size=6), st.just([[0.0] * 6] * 12),
)  # fmt: skip


@st.composite
def broken(draw, document):
    """Change, remove, add or repeat one to three parts of a document."""
    found = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        part = found
        while True:
            keys = sorted(part) if isinstance(part, dict) else list(range(len(part)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(part[key], dict | list) and draw(st.integers(0, 4)):
                part = part[key]
                continue
            _change(draw, part, key)
            break
    return found


def _change(draw, part, key):
    kind = draw(st.sampled_from(["replace", "remove", "add", "scale"]))
    if kind == "remove":
        del part[key]
    elif kind == "add" and isinstance(part, dict):
        part[draw(st.text(max_size=4))] = copy.deepcopy(draw(VALUES))
    elif kind == "add":
        part.insert(key, part[key])
    elif kind == "scale" and type(part[key]) is float:
        part[key] *= draw(st.floats(-3, 3))
    else:
        part[key] = copy.deepcopy(draw(VALUES))  # never a part of itself
