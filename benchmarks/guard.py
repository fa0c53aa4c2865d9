"""Fails when a hot path needs more instructions than it did.

    python benchmarks/guard.py              # compare with benchmarks/guard.json
    python benchmarks/guard.py --record     # write it anew; say in the commit why

A fixed script runs under callgrind in the interpreter that runs this file. Only
instructions inside pyfory's own shared library are counted, so the interpreter's
work and the C library's (copies, allocations) are left out; what is left repeats
to a fraction of a per cent, whatever else the machine does. Exits with 1 when a
cell grew by more than the limit, with 0 and a reason where there is no valgrind.

Counts depend on the compiler and on the interpreter. They are kept beside the
figures; where they differ from those of the record, the limit is wider.
"""

from __future__ import annotations

import argparse
import glob
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from typing import Dict, List, Optional, Tuple

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guard.json")
LIMIT = 0.05
#: with another compiler, interpreter or vector tier than that of the record
FOREIGN_LIMIT = 0.30

# Runs under callgrind. getppid() marks the ends of what is counted: callgrind
# writes a file and begins anew whenever it is entered.
CHILD = r"""
import datetime, gc, json, os, pickle, sys
import pyfory
from dataclasses import dataclass
from typing import Dict, List, Optional

mark = os.getppid

@dataclass
class Twelve:
    f1: pyfory.Int32
    f2: pyfory.Int32
    f3: pyfory.Int32
    f4: pyfory.Int32
    f5: pyfory.Int32
    f6: pyfory.Int32
    f7: pyfory.Int32
    f8: pyfory.Int32
    f9: pyfory.Int32
    f10: pyfory.Int32
    f11: pyfory.Int32
    f12: pyfory.Int32

@dataclass
class Person:
    name: str
    age: pyfory.Int32
    email: Optional[str]

@dataclass
class Order:
    ident: int
    person: Person
    lines: List[Person]
    counts: Dict[str, int]
    paid: bool

class Slotted:
    __slots__ = ("a", "b", "c")

class Plain:
    def __init__(self, a, b, c):
        self.a = a
        self.b = b
        self.c = c

class Reduced(Plain):
    def __reduce__(self):
        return Reduced, (self.a, self.b, self.c)

class State(Plain):
    def __getstate__(self):
        return (self.a, self.b, self.c)
    def __setstate__(self, state):
        self.a, self.b, self.c = state

def slotted(i):
    made = Slotted()
    made.a, made.b, made.c = i, "name %d" % i, i * 0.5
    return made

def person(i):
    return Person("person %d" % i, i % 90, None if i % 3 else "p%d@example.org" % i)

document = {
    "id": "5f2b9c1e", "ok": True, "user": {"id": 88231, "name": "Mira Orchard", "roles": ["editor", "reviewer"], "geo": [51.5, -2.9]},
    "items": [{"sku": "A-%d" % i, "price": i * 1.5, "qty": i, "tags": ["wood", "oak"]} for i in range(8)], "next": None,
}
shared = [[i, i + 1] for i in range(20)]
start = datetime.datetime(2024, 5, 17, tzinfo=datetime.timezone.utc)
twelve = Twelve(*[(-3) ** i for i in range(12)])
order = Order(7, person(1), [person(i) for i in range(4)], {"a": 1, "b": 2}, True)
n = 400
both = {
    "int 42": (42, 20),
    "str": ("twelve chars", 20),
    "12-int dataclass": (twelve, 20),
    "order": (order, 20),
    "12-int dataclasses": ([Twelve(*[i * 37 % 5000 + k for k in range(12)]) for i in range(100)], 1),
    "persons": ([person(i) for i in range(n)], 1),
    "document": (document, 10),
    "small ints": ([i % 64 for i in range(n)], 1),
    "ints": ([(i * 2654435761) % 131072 for i in range(n)], 1),
    "wide ints": ([(i * 2654435761) ** (1 + i % 3) % (1 << 62) for i in range(n)], 1),
    "floats": ([i * 0.37 for i in range(n)], 1),
    "bools": ([i % 3 == 0 for i in range(n)], 1),
    "ASCII strings": (["value %d" % (i * 7919) for i in range(n)], 1),
    "Cyrillic strings": (["\u0436\u0443\u043a %d" % (i * 7919) for i in range(n)], 1),
    "CJK strings": (["\u6570\u636e\u5e93" + chr(0x4e00 + i) for i in range(n)], 1),
    "mixed list": ([(i, i * 0.5, "s%d" % i, None, i % 2 == 0)[i % 5] for i in range(n)], 1),
    "dict str str": ({"key_%06d" % i: "value %d" % i for i in range(n)}, 1),
    "dict int float": ({i * 7: i * 0.25 for i in range(n)}, 1),
    "set of ints": ({i * 2654435761 % (1 << 30) for i in range(n)}, 1),
    "datetimes": ([start + datetime.timedelta(seconds=i * 977) for i in range(n)], 1),
    "bytes": (bytes(1000), 10),
}
native = {
    "plain objects": ([Plain(i, "name %d" % i, i * 0.5) for i in range(n)], 1),
    "slotted objects": ([slotted(i) for i in range(n)], 1),
    "__getstate__ objects": ([State(i, "name %d" % i, i * 0.5) for i in range(100)], 1),
    "__reduce__ objects": ([Reduced(i, "name %d" % i, i * 0.5) for i in range(100)], 1),
    "tuples": ([(i, "name %d" % i, i * 0.5) for i in range(n)], 1),
    "lambdas": ([(lambda x, k=i: x + k) for i in range(5)], 1),
}
with_refs = {"shared lists": ([shared[i * 7 % 20] for i in range(n)], 1), "shared persons": ([person(i % 5) for i in range(100)] * 2, 1)}

def xlang(**options):
    fory = pyfory.Fory(xlang=True, **options)
    for number, cls in enumerate((Twelve, Person, Order), 101):
        fory.register(cls, type_id=number)
    return fory

suites = [
    ("xlang", xlang(), both),
    ("consistent", xlang(compatible=False), {name: both[name] for name in ("12-int dataclass", "order", "12-int dataclasses", "persons")}),
    ("refs", xlang(ref=True), with_refs),
    ("native", pyfory.Fory(xlang=False, ref=True, strict=False), {**both, **native, **with_refs}),
]
gc.collect()
gc.disable()
cells = []
for suite, fory, table in suites:
    for name, (value, count) in table.items():
        write, read = fory.dumps, fory.loads
        # Tables of objects hash addresses: equal values in several places even that out.
        values = [value if count == 1 else pickle.loads(pickle.dumps(value)) for _ in range(count)]
        for _ in range(3):
            data = write(value)
            read(data)
        turns = range(count)
        mark()
        for value in values:
            write(value)
        mark()
        for _ in turns:
            read(data)
        mark()
        cells += [None, ("%s write %s" % (suite, name), count), ("%s read %s" % (suite, name), count)]
with open(sys.argv[1], "w") as file:
    json.dump(cells, file)
"""


def library(python: str) -> str:
    """Return the path of the shared library that ``python`` imports. Raises CalledProcessError when there is none."""
    code = "import pyfory._core as core; print(core.__file__)"
    return subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, cwd=os.path.sep).stdout.decode().strip()


def identity(python: str) -> Dict[str, str]:
    """Say what else than the sources the counts depend on."""
    code = "import pyfory._core as core; print(core.simd_tier())"
    tier = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, cwd=os.path.sep).stdout.decode().strip()
    compiler = subprocess.run([os.environ.get("CC", "cc"), "-dumpfullversion"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {
        "python": platform.python_version(),
        "compiler": compiler.stdout.decode().strip() or "?",
        "machine": platform.machine(),
        "tier": tier,
    }


def own_instructions(path: str, library_name: str) -> int:
    """Sum the instructions that one file of callgrind gives to one shared library, without what it calls elsewhere."""
    total, inside, called = 0, False, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("ob="):
                inside = os.path.basename(line[3:].strip()) == library_name
            elif line.startswith("calls="):
                called = True  # the next line is the cost of the called function
            elif line[:1].isdigit() or line[:1] in "+-*":
                if called:
                    called = False
                elif inside:
                    total += int(line.split()[1])
    return total


def measure(python: str) -> Dict[str, int]:
    """Return the instructions of one call of each cell. Raises CalledProcessError, or RuntimeError when the files do not fit."""
    name = os.path.basename(library(python))
    with tempfile.TemporaryDirectory() as folder:
        # A module, not a script: native mode writes the classes of __main__ out in full.
        answer = os.path.join(folder, "cells.json")
        start = "import sys; sys.path.insert(0, %r); import guard_cells" % folder
        with open(os.path.join(folder, "guard_cells.py"), "w", encoding="utf-8") as file:
            file.write(CHILD)
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHOME")}
        environment.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8", TZ="UTC")
        command = [
            "valgrind", "--tool=callgrind", "--quiet", "--compress-strings=no", "--compress-pos=no",
            "--dump-before=getppid", "--callgrind-out-file=" + os.path.join(folder, "out"), python, "-c", start, answer,
        ]  # fmt: skip
        subprocess.run(command, check=True, env=environment, cwd=folder)
        with open(answer, encoding="utf-8") as file:
            cells = json.load(file)
        files = sorted(glob.glob(os.path.join(folder, "out.*")), key=lambda path: int(path.rsplit(".", 1)[1]))
        if len(files) < len(cells):
            raise RuntimeError("callgrind wrote %d files for %d cells" % (len(files), len(cells)))
        counts: Dict[str, int] = {}
        for path, cell in zip(files[-len(cells):], cells):
            if cell is not None:
                counts[cell[0]] = round(own_instructions(path, name) / cell[1])
        return counts


def compare(counts: Dict[str, int], known: Dict[str, int], limit: float) -> Tuple[List[str], List[str]]:
    """Return the lines of the table, and the cells that grew by more than the limit or are not in the record."""
    lines, failed = [], []
    for cell, count in counts.items():
        before: Optional[int] = known.get(cell)
        if before is None:
            verdict = "NOT RECORDED"
        else:
            # a few instructions of a tiny cell are no regression
            over = count > before * (1 + limit) and count - before > 8
            verdict = "%+.1f %%%s" % (100.0 * (count - before) / max(1, before), "  GREW" if over else "")
        if verdict.isupper() or verdict.endswith("GREW"):
            failed.append(cell)
        lines.append("%-40s %10s %10d  %s" % (cell, "-" if before is None else before, count, verdict))
    failed += [cell + " (gone)" for cell in known if cell not in counts]
    return lines, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", action="store_true", help="write benchmarks/guard.json")
    parser.add_argument("--limit", type=float, help="growth that is allowed (default: %.2f; %.2f elsewhere)" % (LIMIT, FOREIGN_LIMIT))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("NOT RUN: there is no valgrind on this machine")
        return 0
    if importlib.util.find_spec("pyfory") is None:
        print("this interpreter has no pyfory", file=sys.stderr)
        return 2
    here = identity(sys.executable)
    counts = measure(sys.executable)
    if options.record:
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump({"measured with": here, "instructions": counts}, file, indent=1)
            file.write("\n")
        print("%d cells recorded" % len(counts))
        return 0
    with open(RECORD, encoding="utf-8") as file:
        record = json.load(file)
    foreign = record["measured with"] != here
    limit = options.limit if options.limit is not None else FOREIGN_LIMIT if foreign else LIMIT
    lines, failed = compare(counts, record["instructions"], limit)
    print("%-40s %10s %10s  instructions in pyfory's library per call" % ("", "recorded", "now"))
    print("\n".join(lines))
    if foreign:
        print("recorded with %s, here %s: up to %.0f %% more is allowed" % (record["measured with"], here, 100 * limit))
    if failed:
        print("%d cells need more than %.0f %% more instructions than recorded: %s" % (len(failed), 100 * limit, ", ".join(failed)))
        return 1
    print("no cell needs more than %.0f %% more instructions than recorded" % (100 * limit))
    return 0


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: its modules are no top-level ones
    sys.exit(main())
