"""Checks what pyfory costs before its first use.

    python benchmarks/startup.py

measures, in fresh processes, ``import pyfory``, the making of a ``Fory`` and
the registration of a dataclass with eight fields, prints the best and the
median process beside the limit, and exits with 1 when the best is over: what
else the machine does can only add to a time. Import time is what the import
adds to a bare interpreter's start, the time between two clock readings around
it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Dict, List

#: What may be spent: microseconds.
LIMITS = {"import pyfory": 20_000.0, "Fory()": 100.0, "register a dataclass": 200.0}

# Runs in a fresh process. The dataclasses differ from one another, as real ones
# do, so that nothing is served from a cache for equal definitions.
CHILD = r"""
import json, sys, time
clock = time.perf_counter
start = clock()
import pyfory
imported = clock() - start
numpy = "numpy" in sys.modules

made = []
for _ in range(200):
    start = clock()
    pyfory.Fory(xlang=True)
    made.append(clock() - start)

from dataclasses import make_dataclass
from typing import Dict, List, Optional
registered = []
for number in range(100):
    cls = make_dataclass("Class%d" % number, [
        ("id", int), ("name", str), ("score", float), ("active", bool), ("tags", List[str]),
        ("counts", Dict[str, int]), ("note", Optional[str]), ("size_%d" % number, pyfory.Int32),
    ])
    fory = pyfory.Fory(xlang=True)
    start = clock()
    fory.register(cls, name="startup.Class%d" % number)
    registered.append(clock() - start)

made.sort()
registered.sort()
print(json.dumps({
    "import pyfory": imported, "Fory()": made[len(made) // 2],
    "register a dataclass": registered[len(registered) // 2], "numpy": numpy,
}))
"""


def measure(processes: int) -> Dict[str, List[float]]:
    """Return each cost in each of some fresh processes, in microseconds.

    Raises AssertionError when importing pyfory imported NumPy.
    """
    results: Dict[str, List[float]] = {name: [] for name in LIMITS}
    # Not the folder of the sources, where pyfory/ has no compiled module.
    elsewhere = os.path.expanduser("~")
    for number in range(processes + 1):
        output = subprocess.run(
            [sys.executable, "-c", CHILD], check=True, stdout=subprocess.PIPE, cwd=elsewhere
        ).stdout
        values = json.loads(output)
        assert not values["numpy"], "import pyfory imported numpy"
        if number == 0:
            continue  # reads the files from the disk for the first time
        for name in LIMITS:
            results[name].append(values[name] * 1e6)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--processes", type=int, default=9, help="fresh processes to measure (default: %(default)s)")
    options = parser.parse_args()
    over = 0
    print("{:<24}{:>12}{:>12}{:>12}  us".format("", "best", "median", "limit"))
    for name, values in measure(options.processes).items():
        best, limit = min(values), LIMITS[name]
        over += best > limit
        verdict = "OVER" if best > limit else "ok"
        print("{:<24}{:>12,.1f}{:>12,.1f}{:>12,.0f}  {}".format(name, best, statistics.median(values), limit, verdict))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
