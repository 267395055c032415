"""Printed rules, compiled and called (C and Rust through ctypes) or run by Node.js."""

import ctypes
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from wdref.backends.printers.languages.c import print_c
from wdref.backends.printers.languages.javascript import print_javascript
from wdref.backends.printers.languages.rust import print_rust
from wdref.backends.printers.listing import Listing, listing
from wdref.backends.printers.words import Words
from wdref.conventions import CONVENTIONS
from wdref.dialects import AdamDialect, MomentumDialect
from wdref.rules.registry import families

C = {"float32": ctypes.c_float, "float64": ctypes.c_double}
HYPER = {**{h.name: h.strong for family in families().values() for h in family.hyper},
         "learning_rate": 0.1, "momentum": 0.9, "dampening": 0.25, "beta1": 0.9, "beta2": 0.99,
         "eps": 1e-8, "weight_decay": 0.01, "clip": 1.5}  # fmt: skip
MORE = [
    AdamDialect("l2", "after", "clamp", "ahead", "hat"),
    AdamDialect("lr", eps="inside", amsgrad="raw", clip="sum"),
    AdamDialect("fixed", eps="both", bias="first", clip="gradient"),
    AdamDialect("initial_lr", bias="in_place"),
    AdamDialect("scaled_l2", eps="hat"),
    AdamDialect("paper", schedule="late"),
    *(AdamDialect(form) for form in ("proximal", "corrected", "masked")),
    MomentumDialect("lr", "after", nesterov=True),
    MomentumDialect("l2", lr="outside", damping="ema", nesterov=True, clip="sum"),
]


class OddScalars(NamedTuple):
    """Of `Odd`."""

    step: Any = None


@dataclass(frozen=True)
class Odd:
    """No optimizer: every operation that a trace can hold and no rule uses yet."""

    family = "sgd"
    hyper = ("learning_rate",)
    slots = ("m",)

    def scalars(self, h, t, eta, *, before=None, sqrt=None):
        return OddScalars(step=eta * h["learning_rate"])

    def starts(self, h):
        return (0.0,)

    def recurrence(self):
        return ("θ ← sign, |·|, choices, comparisons",)

    def apply(self, theta, g, slots, s):
        xp = array_namespace(theta, g)
        (m,) = slots
        m = xp.where(g < m, xp.abs(g), -m) + xp.where(g >= theta, xp.sign(theta), m)
        low = xp.where(theta == g, m, xp.where(theta != m, theta, g))
        high = xp.where(low <= m, low, xp.where(low > g, -(m - g), xp.sign(low - m)))
        return theta - s.step * (high - (low - m)), (m,)


# of trees, rows and columns: test_printed_trees.py; refused: test_every_program.py
UNPRINTED = ("prodigy", "dadapt", "dog", "adafactor", "sm3", "madgrad")
SHIPPED = [d for rules in CONVENTIONS.values() for d in rules.values() if d.family not in UNPRINTED]
DIALECTS = list(dict.fromkeys([*SHIPPED, *MORE, Odd()]))


@dataclass(frozen=True)
class Program:
    """A printed rule under a name that no other has."""

    name: str
    listing: Listing

    @classmethod
    def all(cls) -> "list[Program]":
        """Every convention's rules and some more answers, in both dtypes."""
        pairs = [(d, dtype) for dtype in C for d in DIALECTS]
        return [cls(f"rule{i}", listing(*pair)) for i, pair in enumerate(pairs)]

    def text(self, printer) -> str:
        return printer(self.listing, Words(self.name, "paper", "wdref print"))

    @property
    def numbers(self) -> list[str]:
        """Slots of one number, which come after the arrays."""
        return [name for name, _ in self.listing.numbers]

    @property
    def times(self) -> list[str]:
        clock = ("t", "eta", "eta_before", *(r.name for r in self.listing.running))
        return [key for key in clock if key in self.listing.inputs]


def compile_c(programs, folder: Path, compiler: str) -> ctypes.CDLL:
    """Compile each to an object of its own and link them."""
    for program in programs:
        (folder / f"{program.name}.c").write_text(program.text(print_c), "utf-8")
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fPIC"]
    flags.append("-Wno-unknown-pragmas")  # GCC does not know STDC FP_CONTRACT
    sources = [f"{program.name}.c" for program in programs]
    command = [compiler, *flags, "-shared", *sources, "-lm", "-o", "rules.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "rules.so"))


def compile_rust(programs, folder: Path, door=None) -> ctypes.CDLL:
    """Compile a library of modules, each with a door for C."""
    doors = []
    for program in programs:
        (folder / f"{program.name}.rs").write_text(program.text(print_rust), "utf-8")
        doors.append((door or _door)(program))
    (folder / "lib.rs").write_text("\n".join(["#![deny(warnings)]", *doors]), "utf-8")
    command = [
        "rustc",
        "--edition=2021",
        "-O",
        "--crate-type=cdylib",
        "lib.rs",
        "-o",
        "librules.so",
    ]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "librules.so"))


def _door(program: Program) -> str:
    kind = {"float32": "f32", "float64": "f64"}[program.listing.dtype]
    places = [*program.listing.arrays, *program.numbers]
    mutable = [x != "g" for x in places]
    length = ["1" if x in program.numbers else "n" for x in places]
    pointers = ", ".join(
        f"{x}: *{'mut' if own else 'const'} {kind}" for x, own in zip(places, mutable, strict=True)
    )
    slices = ", ".join(
        f"std::slice::from_raw_parts{'_mut' if own else ''}({x}, {n})"
        for x, own, n in zip(places, mutable, length, strict=True)
    )
    times = "".join(f"{x}: {'u32' if x == 't' else 'f64'}, " for x in program.times)
    hyper = ", ".join(f"{key}: *h.add({i})" for i, key in enumerate(program.listing.hyper))
    passed = ", ".join([slices, *program.times, f"&{program.name}::Hyper {{ {hyper} }}"])
    return f"""mod {program.name};
/// # Safety
/// Arrays of n elements.
#[no_mangle]
pub unsafe extern "C" fn {program.name}(n: usize, {pointers}, {times}h: *const f64) {{
    {program.name}::{program.name}({passed})
}}"""


def call(library, program: Program, arrays, hyper, times) -> list:
    """Step copies of `arrays` through a compiled library."""
    kind = C[program.listing.dtype]
    copies = [x.copy() for x in arrays]
    pointers = [x.ctypes.data_as(ctypes.POINTER(kind)) for x in copies]
    own = program.listing.hyper
    h = (ctypes.c_double * max(1, len(own)))(*(hyper[key] for key in own))
    clock = [ctypes.c_uint(times[x]) if x == "t" else ctypes.c_double(times[x])
             for x in program.times]  # fmt: skip
    function = getattr(library, program.name)
    function.restype = None
    function(ctypes.c_size_t(len(copies[0])), *pointers, *clock, h)
    return copies


RUN = """
import { readFileSync } from "node:fs";
const jobs = JSON.parse(readFileSync("jobs.json"));
const found = [];
for (const { name, dtype, arrays, times, hyper } of jobs) {
  const rule = (await import(`./${name}.mjs`))[name];
  const kind = dtype === "float32" ? Float32Array : Float64Array;
  const own = arrays.map((x) => new kind(new Uint8Array(Buffer.from(x, "hex")).buffer));
  rule(...own, ...times, hyper);
  found.push(own.map((x) => Buffer.from(x.buffer).toString("hex")));
}
console.log(JSON.stringify(found));
"""


def run_node(jobs, folder: Path) -> list[list]:
    """Run (program, arrays, hyper, times) each in one Node.js process."""
    for program in {job[0].name: job[0] for job in jobs}.values():
        (folder / f"{program.name}.mjs").write_text(program.text(print_javascript), "utf-8")
    listed = [
        {"name": p.name, "dtype": p.listing.dtype, "times": [times[x] for x in p.times],
         "arrays": [x.tobytes().hex() for x in arrays],
         "hyper": {key: hyper[key] for key in p.listing.hyper}}
        for p, arrays, hyper, times in jobs
    ]  # fmt: skip
    (folder / "jobs.json").write_text(json.dumps(listed))
    (folder / "run.mjs").write_text(RUN)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, check=True, capture_output=True)
    return [
        [np.frombuffer(bytes.fromhex(x), job[0].listing.dtype) for x in own]
        for job, own in zip(jobs, json.loads(done.stdout), strict=True)
    ]
