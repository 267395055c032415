"""Printed rules of whole trees: a job has the arrays of several tensors, and the tree's numbers."""

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
from wdref.engine.half_precision import Kernel
from wdref.rules.shapes import inputs_of


class Job(NamedTuple):
    """A step of `program`: arrays by name for each tensor, numbers of the tree by name."""

    program: Program
    tensors: list[dict[str, np.ndarray]]
    shared: dict[str, np.ndarray]
    hyper: dict[str, float]
    times: dict[str, Any]

    def expected(self) -> tuple[list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
        """What NumPy makes of them, by the rule as it is written."""
        d = self.program.listing.dialect
        before = self.times["eta_before"] if self.times["t"] > 1 else None
        hyper = {**self.hyper, **self.times}
        scalars = d.scalars(hyper, self.times["t"], self.times["eta"], before=before)
        names, leaves = (*d.slots, *inputs_of(d)), []
        kinds = dict(zip(d.slots, d.shapes, strict=True))
        for own in self.tensors:
            known = {**own, **self.shared}
            slots = [known[x].reshape(()) if kinds.get(x) == "scalar" else known[x] for x in names]
            leaves.append(Leaf(Kernel(d), own["theta"], own["g"], tuple(slots), scalars))
        with np.errstate(all="ignore"):
            results = PLAIN.update(leaves)
        after = [{"theta": new, "g": own["g"], **dict(zip(names, kept, strict=True))}
                 for own, (new, kept) in zip(self.tensors, results, strict=True)]  # fmt: skip
        shared = {x: after[0][x].reshape(1) for x in self.shared}
        fields = self.program.listing.fields
        return [{x: own[x].reshape(-1) for x in fields} for own in after], shared

    def copies(self):
        """Copies of the arrays that a program may write."""
        fields = self.program.listing.fields
        own = [{x: tensor[x].reshape(-1).copy() for x in fields} for tensor in self.tensors]
        return own, {x: value.copy() for x, value in self.shared.items()}


def record(program: Program) -> type[ctypes.Structure]:
    """The struct of a tensor."""
    pointer = ctypes.POINTER(C[program.listing.dtype])
    fields = [("n", ctypes.c_size_t), *((x, pointer) for x in program.listing.fields)]
    return type("Tensor", (ctypes.Structure,), {"_fields_": fields})


def call(library: ctypes.CDLL, job: Job):
    """Step copies of the arrays through a compiled library."""
    listing = job.program.listing
    pointer, tensor = ctypes.POINTER(C[listing.dtype]), record(job.program)
    tensors, shared = job.copies()
    given = (tensor * max(1, len(tensors)))()
    for place, own in zip(given, tensors, strict=False):
        place.n = own["theta"].size
        for x, array in own.items():
            setattr(place, x, array.ctypes.data_as(pointer))
    h = (ctypes.c_double * max(1, len(listing.hyper)))(*(job.hyper[key] for key in listing.hyper))
    clock = [ctypes.c_uint(job.times[x]) if x == "t" else ctypes.c_double(job.times[x])
             for x in job.program.times]  # fmt: skip
    function = getattr(library, job.program.name)
    function.restype = None
    numbers = [shared[x].ctypes.data_as(pointer) for x in listing.shared]
    function(ctypes.c_size_t(len(tensors)), given, *numbers, *clock, h)
    return tensors, shared


def door(program: Program) -> str:
    """The door for C of a Rust module that steps a tree."""
    listing, name = program.listing, program.name
    kind = {"float32": "f32", "float64": "f64"}[listing.dtype]
    length = {x: "1" if x in program.numbers else "x.n" for x in listing.fields}
    fields = "".join(f"{x}: *mut {kind}, " for x in listing.fields)
    made = ", ".join(
        f"{x}: std::slice::from_raw_parts{'' if x == 'g' else '_mut'}(x.{x}, {length[x]})"
        for x in listing.fields
    )
    numbers = "".join(f"{x}: *mut {kind}, " for x in listing.shared)
    times = "".join(f"{x}: {'u32' if x == 't' else 'f64'}, " for x in program.times)
    hyper = ", ".join(f"{key}: *h.add({i})" for i, key in enumerate(listing.hyper))
    slices = (f"std::slice::from_raw_parts_mut({x}, 1)" for x in listing.shared)
    passed = ", ".join([*slices, *program.times, f"&{name}::Hyper {{ {hyper} }}"])
    return f"""mod {name};
#[allow(non_snake_case)]
#[repr(C)]
pub struct Raw{name} {{ n: usize, {fields} }}
/// # Safety
/// Arrays of n elements.
#[allow(non_snake_case)]
#[no_mangle]
pub unsafe extern "C" fn {name}(
    count: usize, raw: *const Raw{name}, {numbers}{times}h: *const f64,
) {{
    let raw = std::slice::from_raw_parts(raw, count);
    let mut tensors: Vec<_> = raw.iter().map(|x| {name}::Tensor {{ {made} }}).collect();
    {name}::{name}(&mut tensors, {passed})
}}"""


def compile_rust(programs, folder: Path) -> ctypes.CDLL:
    """Compile a library of modules that step trees."""
    return printed_runs.compile_rust(programs, folder, door)


RUN = """
import { readFileSync } from "node:fs";
const read = (x, kind) => new kind(new Uint8Array(Buffer.from(x, "hex")).buffer);
const written = (x) => Buffer.from(x.buffer).toString("hex");
const each = (x, f) => Object.fromEntries(Object.entries(x).map(([key, y]) => [key, f(y)]));
const results = [];
const jobs = JSON.parse(readFileSync("jobs.json"));
for (const { name, dtype, tensors, shared, times, hyper } of jobs) {
  const rule = (await import(`./${name}.mjs`))[name];
  const kind = dtype === "float32" ? Float32Array : Float64Array;
  const own = tensors.map((x) => each(x, (y) => read(y, kind)));
  const numbers = each(shared, (y) => read(y, kind));
  rule(own, ...Object.values(numbers), ...times, hyper);
  results.push([own.map((x) => each(x, written)), each(numbers, written)]);
}
console.log(JSON.stringify(results));
"""


def run_node(jobs, folder: Path):
    """Run the jobs in one Node.js process."""
    for program in {job.program.name: job.program for job in jobs}.values():
        (folder / f"{program.name}.mjs").write_text(program.text(print_javascript), "utf-8")
    (folder / "jobs.json").write_text(json.dumps([_listed(job) for job in jobs]))
    (folder / "run.mjs").write_text(RUN)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, check=True, capture_output=True)
    for job, (tensors, shared) in zip(jobs, json.loads(done.stdout), strict=True):
        yield [_read(own, job) for own in tensors], _read(shared, job)


def _listed(job: Job) -> dict[str, Any]:
    tensors, shared = job.copies()
    listing = job.program.listing
    return {"name": job.program.name, "dtype": listing.dtype,
            "tensors": [_hex(own) for own in tensors],
            "shared": _hex({x: shared[x] for x in listing.shared}),
            "times": [job.times[x] for x in job.program.times],
            "hyper": {key: job.hyper[key] for key in listing.hyper}}  # fmt: skip


def _hex(arrays):
    return {x: array.tobytes().hex() for x, array in arrays.items()}


def _read(arrays, job: Job):
    dtype = job.program.listing.dtype
    return {x: np.frombuffer(bytes.fromhex(text), dtype) for x, text in arrays.items()}
