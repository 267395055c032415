"""Printed rules that sum along rows and columns: a job has a tensor of any shape."""

import ctypes
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import printed_runs
from printed_runs import C, Program

from wdref.backend import PLAIN, Leaf
from wdref.backends.printers.languages.javascript import print_javascript
from wdref.backends.printers.listing import Listing
from wdref.engine.half_precision import Kernel
from wdref.rules.shapes import slot_shape


class Job(NamedTuple):
    """A step of `program` on a tensor: its arrays by name, those that it has."""

    program: Program
    arrays: dict[str, np.ndarray]
    hyper: dict[str, float]
    times: dict[str, Any]

    @property
    def listing(self) -> Listing:
        """That of matrices, or of vectors."""
        return self.program.listing.functions[self.arrays["theta"].ndim < 2]

    @property
    def name(self) -> str:
        return self.program.name + ("_vector" if self.arrays["theta"].ndim < 2 else "")

    @property
    def sizes(self) -> list[int]:
        """How many matrices there are, of how many rows and columns."""
        shape = self.arrays["theta"].shape
        return [int(np.prod(shape[:-2])), *shape[-2:]] if len(shape) > 1 else []

    @property
    def clock(self) -> list[str]:
        known = ("t", "eta", "eta_before", *(r.name for r in self.listing.running))
        return [x for x in known if x in self.listing.inputs]

    def expected(self) -> dict[str, np.ndarray]:
        """What NumPy makes of it, by the rule as it is written."""
        d, times = self.listing.dialect, self.times
        before = times["eta_before"] if times["t"] > 1 else None
        scalars = d.scalars({**self.hyper, **times}, times["t"], times["eta"], before=before)
        theta, g = self.arrays["theta"], self.arrays["g"]
        slots = tuple(self.arrays.get(x, np.zeros(0, theta.dtype)) for x in d.slots)
        with np.errstate(all="ignore"):
            ((new, kept),) = PLAIN.update([Leaf(Kernel(d), theta, g, slots, scalars)])
        after = {"theta": new, "g": g, **dict(zip(d.slots, kept, strict=True))}
        return {x: after[x].reshape(-1) for x in self.listing.fields}


def shapes(dialect, shape) -> dict[str, tuple[int, ...]]:
    """The arrays that a tensor of this shape has, with their shapes."""
    kinds = zip(dialect.slots, dialect.shapes, strict=True)
    own = {x: slot_shape(kind, shape) for x, kind in kinds
           if not (kind == "vector" if len(shape) > 1 else kind in ("row", "column"))}  # fmt: skip
    return {"theta": shape, "g": shape, **own}


def call(library: ctypes.CDLL, job: Job) -> dict[str, np.ndarray]:
    """Step copies of the arrays through a compiled library."""
    own = job.program.listing
    copies = {x: job.arrays[x].reshape(-1).copy() for x in job.listing.fields}
    pointer = ctypes.POINTER(C[own.dtype])
    h = (ctypes.c_double * max(1, len(own.hyper)))(*(job.hyper[key] for key in own.hyper))
    clock = [ctypes.c_uint(job.times[x]) if x == "t" else ctypes.c_double(job.times[x])
             for x in job.clock]  # fmt: skip
    sizes = map(ctypes.c_size_t, job.sizes or [copies["theta"].size])
    function = getattr(library, job.name)
    function.restype = None
    function(*sizes, *(x.ctypes.data_as(pointer) for x in copies.values()), *clock, h)
    return copies


def door(program: Program) -> str:
    """The doors for C of a Rust module that steps matrices and vectors."""
    return f"mod {program.name};\n" + "\n".join(
        _door(program, listing, f"{program.name}{suffix}")
        for listing, suffix in zip(program.listing.functions, ("", "_vector"), strict=True)
    )


def _door(program: Program, listing: Listing, name: str) -> str:
    kind = {"float32": "f32", "float64": "f64"}[listing.dtype]
    own = listing.matrices
    single = [x for x, _ in listing.numbers]
    sizes = ["n"] if own is None else ["batch", "rows", "columns"]

    def length(x):
        if x in single:
            return "1"
        if own is None:
            return "n"
        rows, columns = x not in own.columns, x not in own.rows
        return "batch" + " * rows" * rows + " * columns" * columns

    fields = "".join(f"{x}: *mut {kind}, " for x in listing.fields)
    slices = [f"std::slice::from_raw_parts{'' if x == 'g' else '_mut'}({x}, {length(x)})"
              for x in listing.fields]  # fmt: skip
    clock = [x for x in ("t", "eta", "eta_before") if x in listing.inputs]
    times = "".join(f"{x}: {'u32' if x == 't' else 'f64'}, " for x in clock)
    hyper = ", ".join(f"{key}: *h.add({i})" for i, key in enumerate(program.listing.hyper))
    passed = [*(() if own is None else sizes), *slices, *clock,
              f"&{program.name}::Hyper {{ {hyper} }}"]  # fmt: skip
    return f"""/// # Safety
/// Arrays of as many elements.
#[no_mangle]
pub unsafe extern "C" fn {name}(
    {"".join(f"{x}: usize, " for x in sizes)}{fields}{times}h: *const f64,
) {{
    {program.name}::{name}({", ".join(passed)})
}}"""


def compile_rust(programs, folder: Path) -> ctypes.CDLL:
    """Compile a library of modules that step matrices and vectors."""
    return printed_runs.compile_rust(programs, folder, door)


RUN = """
import { readFileSync } from "node:fs";
const results = [];
for (const { module, name, dtype, sizes, arrays, times, hyper }
     of JSON.parse(readFileSync("jobs.json"))) {
  const rule = (await import(`./${module}.mjs`))[name];
  const kind = dtype === "float32" ? Float32Array : Float64Array;
  const own = arrays.map((x) => new kind(new Uint8Array(Buffer.from(x, "hex")).buffer));
  rule(...sizes, ...own, ...times, hyper);
  results.push(own.map((x) => Buffer.from(x.buffer).toString("hex")));
}
console.log(JSON.stringify(results));
"""


def run_node(jobs, folder: Path):
    """Run the jobs in one Node.js process."""
    for program in {job.program.name: job.program for job in jobs}.values():
        (folder / f"{program.name}.mjs").write_text(program.text(print_javascript), "utf-8")
    listed = [
        {"module": job.program.name, "name": job.name, "dtype": job.listing.dtype,
         "sizes": job.sizes, "times": [job.times[x] for x in job.clock],
         "arrays": [job.arrays[x].tobytes().hex() for x in job.listing.fields],
         "hyper": {key: job.hyper[key] for key in job.program.listing.hyper}}
        for job in jobs
    ]  # fmt: skip
    (folder / "jobs.json").write_text(json.dumps(listed))
    (folder / "run.mjs").write_text(RUN)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, check=True, capture_output=True)
    for job, own in zip(jobs, json.loads(done.stdout), strict=True):
        arrays = (np.frombuffer(bytes.fromhex(x), job.listing.dtype) for x in own)
        yield dict(zip(job.listing.fields, arrays, strict=True))
