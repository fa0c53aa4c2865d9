"""Rows against upstream's rows, pickle and pyarrow:

    python -m benchmarks.rows [--quick] [--only PART] [--gigabytes N]

Each side runs in a process of its own and both are asked in turns. The table
goes to standard output and, with --save, to results/rows.md.
"""

import argparse
import gc
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
CLOCK = getattr(time, "thread_time_ns", time.process_time_ns)

# ---------------------------------------------------------------- the data


@dataclass
class Trade:
    id: int
    price: float
    size: int
    symbol: str
    open: bool


@dataclass
class Address:
    street: str
    zip: int
    city: str


@dataclass
class Person:
    name: str
    age: int
    address: Address
    tags: List[str]
    scores: List[float]
    stock: Dict[str, int]


@dataclass
class Bar:
    f1: str
    f2: List[int]


@dataclass
class Foo:
    f1: int
    f2: List[int]
    f3: Dict[str, int]
    f4: List[Bar]


def trade(i: int) -> Trade:
    return Trade(i, i * 0.25, i % 1000, "SYM%d" % (i % 500), i % 2 == 0)


def person(i: int) -> Person:
    return Person(
        "person %d" % i, i % 90, Address("street %d" % i, i, "city"), ["a", "tag%d" % i, "c"],
        [0.5 * k for k in range(10)], {"k%d" % k: k for k in range(5)},
    )  # fmt: skip


def foo(n: int) -> Foo:
    return Foo(
        10, list(range(n)), {"k%d" % i: i for i in range(n)},
        [Bar("s%d" % i, list(range(10))) for i in range(n)],
    )  # fmt: skip


# ---------------------------------------------------------------- the worker


class Cases:
    """What one side can be asked to time. Every case is (prepared call, items per call)."""

    def __init__(self, quick: bool) -> None:
        import pyfory

        self.pyfory = pyfory
        self.n = 100_000
        self.guide = 100_000 if quick else 1_000_000
        # upstream has no batches; its loops stand for what they would do
        self.ours = hasattr(pyfory.format, "RowBatch")
        self.trade = pyfory.encoder(Trade)
        self.person = pyfory.encoder(Person)
        self.cache: Dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.cache:
            self.cache[name] = make()
        return self.cache[name]

    def encode_flat(self):
        to_row, one = self.trade.to_row, trade(7)
        return lambda: to_row(one), 1

    def encode_flat_bytes(self):
        to_row, one = self.trade.to_row, trade(7)
        return lambda: to_row(one).to_bytes(), 1

    def encode_nested(self):
        to_row, one = self.person.to_row, person(7)
        return lambda: to_row(one), 1

    def read_field(self):
        row = self.trade.to_row(trade(7))
        return lambda: row.price, 1

    def read_nested_field(self):
        row = self.person.to_row(person(7))
        return lambda: row.address.zip, 1

    def read_nested_item(self):
        row = self.guide_row()
        return lambda: row.f4[99_999].f2[5], 1

    def open_and_read(self):
        make, schema = self.pyfory.RowData, self.person.schema
        data = self.person.to_row(person(7)).to_bytes()
        return lambda: make(schema, data).address.zip, 1

    def decode_nested(self):
        data = self.person.encode(person(7))
        decode = self.person.decode
        return lambda: decode(data), 1

    def pickle_decode_nested(self):
        data = pickle.dumps(person(7), 5)
        return lambda: pickle.loads(data), 1

    def decode_flat(self):
        data = self.trade.encode(trade(7))
        decode = self.trade.decode
        return lambda: decode(data), 1

    def pickle_decode_flat(self):
        data = pickle.dumps(trade(7), 5)
        return lambda: pickle.loads(data), 1

    def many(self) -> List[Trade]:
        return self.once("many", lambda: [trade(i) for i in range(self.n)])

    def people(self) -> List[Person]:
        return self.once("people", lambda: [person(i) for i in range(self.n // 10)])

    def batch(self) -> Any:
        return self.once("batch", lambda: self.trade.batch(self.many()))

    def people_batch(self) -> Any:
        return self.once("people batch", lambda: self.person.batch(self.people()))

    def decode_many(self):
        if self.ours:
            batch = self.people_batch()
            return lambda: self.person.from_batch(batch), 1
        datas = self.once("datas", lambda: [self.person.encode(one) for one in self.people()])
        decode = self.person.decode
        return lambda: [decode(data) for data in datas], 1

    def pickle_decode_many(self):
        data = pickle.dumps(self.people(), 5)
        return lambda: pickle.loads(data), 1

    def batch_encode(self):
        if not self.ours:
            to_row, many = self.trade.to_row, self.many()
            return lambda: [to_row(one).to_bytes() for one in many], 1
        return lambda: self.trade.batch(self.many()), 1

    def _column(self, name: str):
        if self.ours:
            batch = self.batch()
            return lambda: batch.column(name), 1
        datas = self.once("flat rows", lambda: [self.trade.to_row(one).to_bytes() for one in self.many()])
        make, schema = self.pyfory.RowData, self.trade.schema
        return lambda: [getattr(make(schema, data), name) for data in datas], 1

    def column_float(self):
        return self._column("price")

    def column_text(self):
        return self._column("symbol")

    def column_nested(self):
        if self.ours:
            batch = self.people_batch()
            return lambda: batch.column("address.zip"), 1
        datas = self.once("people rows", lambda: [self.person.to_row(one).to_bytes() for one in self.people()])
        make, schema = self.pyfory.RowData, self.person.schema
        return lambda: [make(schema, data).address.zip for data in datas], 1

    def arrow(self):
        return lambda: self.trade.to_arrow_record_batch(self.many()), 1

    def arrow_pylist(self):
        import pyarrow

        rows = [vars(trade(i)) for i in range(self.n)]
        schema = self.pyfory.format.to_arrow_schema(self.trade.schema, "UTC")
        return lambda: pyarrow.RecordBatch.from_pylist(rows, schema=schema), 1

    def arrow_nested(self):
        return lambda: self.person.to_arrow_record_batch(self.people()), 1

    def _dicts(self) -> List[Dict[str, Any]]:
        # of objects of their own: vars() changes for good how CPython stores attributes
        people = self.once("people for dicts", lambda: [person(i) for i in range(self.n // 10)])
        return [dict(vars(one), address=vars(one.address), stock=list(one.stock.items())) for one in people]

    def arrow_nested_pylist(self):
        import pyarrow

        rows = self._dicts()
        schema = self.pyfory.format.to_arrow_schema(self.person.schema, "UTC")
        return lambda: pyarrow.RecordBatch.from_pylist(rows, schema=schema), 1

    def arrow_nested_objects(self):
        import pyarrow

        schema = self.pyfory.format.to_arrow_schema(self.person.schema, "UTC")
        return lambda: pyarrow.RecordBatch.from_pylist(self._dicts(), schema=schema), 1

    def arrow_objects(self):
        import pyarrow

        many = [trade(i) for i in range(self.n)]
        schema = self.pyfory.format.to_arrow_schema(self.trade.schema, "UTC")
        return lambda: pyarrow.RecordBatch.from_pylist([vars(one) for one in many], schema=schema), 1

    def guide_object(self) -> Foo:
        return self.once("guide", lambda: foo(self.guide))

    def guide_row(self) -> Any:
        return self.once("guide row", lambda: self.pyfory.encoder(Foo).to_row(self.guide_object()))

    def guide_encode(self):
        encoder, value = self.pyfory.encoder(Foo), self.guide_object()
        return lambda: encoder.to_row(value).to_bytes(), 1

    def guide_reads(self):
        data, schema, make = self.guide_row().to_bytes(), self.pyfory.encoder(Foo).schema, self.pyfory.RowData
        n = self.guide

        def reads():
            row = make(schema, data)
            return row.f2[n // 10], row.f4[n // 10].f1, row.f4[n // 5].f2[5]

        return reads, 1

    def guide_pickle(self):
        data = pickle.dumps(self.guide_object(), 5)

        def reads():
            value = pickle.loads(data)
            return value.f2[10], value.f4[10].f1

        return reads, 1


def time_case(call: Callable[[], Any], min_time: float) -> float:
    """Nanoseconds per call, the best of three."""
    count = 1
    while True:
        best = float("inf")
        for _ in range(3):
            gc.collect()
            steps = range(count)
            start = CLOCK()
            for _ in steps:
                call()
            best = min(best, (CLOCK() - start) / count)
            if best * count > 1e9:
                break
        if best * count >= min_time * 1e9:
            return best
        count = max(count * 2, int(min_time * 1.2e9 / max(best, 1)))


def resident() -> int:
    """Bytes of memory that belong to this process and to files that it maps."""
    with open("/proc/self/smaps_rollup") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    return 0


def write_big_file(path: str, size: int) -> int:
    """A batch file of about `size` bytes; the number of rows."""
    from pyfory.format import RowBatch

    import pyfory

    schema = pyfory.encoder(Person).schema
    batch = RowBatch(schema)
    block = pyfory.encoder(Person).batch(person(i) for i in range(20_000))
    while batch.nbytes < size:
        batch.extend(block)
    batch.save(path)
    return len(batch)


def read_big_file(path: str) -> Dict[str, Any]:
    """Looks at every row of a batch file and at one column; the most memory that took."""
    from pyfory.format import RowBatch

    before = resident()
    start = time.perf_counter()
    batch = RowBatch.open(path)
    total, peak = 0, 0
    for i, row in enumerate(batch):
        total += row.address.zip
        if i % 20_000 == 0:
            peak = max(peak, resident())
    rows_seconds = time.perf_counter() - start
    start = time.perf_counter()
    column = batch.column("age")
    peak = max(peak, resident())
    return {
        "rows": len(batch), "total": total, "peak": peak - before, "seconds": rows_seconds,
        "column seconds": time.perf_counter() - start, "column": int(column.values.sum()),
    }  # fmt: skip


def worker(arguments: List[str]) -> None:
    # the sources beside this file are not to be measured, the installed package is
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") not in (_HERE, os.path.dirname(_HERE))]
    sys.modules["rows_bench"] = sys.modules["__main__"]
    if arguments[0] == "write":
        print(json.dumps(write_big_file(arguments[1], int(arguments[2]))))
        return
    if arguments[0] == "read":
        print(json.dumps(read_big_file(arguments[1])))
        return
    cases = Cases(arguments[0] == "quick")
    out, sys.stdout = sys.stdout, sys.stderr
    ready: Dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["case"]
        try:
            if name not in ready:
                ready[name] = getattr(cases, name)()
            call, items = ready[name]
            answer = {"ns": time_case(call, request["min_time"]) / items}
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        out.write(json.dumps(answer) + "\n")
        out.flush()


# ---------------------------------------------------------------- the parent


#: name in the table, case of ours, contender, case of the contender, asked for, most ns
TABLE = [
    ("write a flat row (5 fields)", "encode_flat", "upstream", "encode_flat", 5, None),
    ("... and its bytes", "encode_flat_bytes", "upstream", "encode_flat_bytes", 5, None),
    ("write a nested row", "encode_nested", "upstream", "encode_nested", 5, None),
    ("write 100,000 rows", "batch_encode", "upstream", "batch_encode", 5, None),
    ("read one field", "read_field", "upstream", "read_field", None, None),
    ("read one nested field", "read_nested_field", "upstream", "read_nested_field", 15, 400),
    ("read an item of a list of structs of lists", "read_nested_item", "upstream", "read_nested_item", 15, None),
    ("open bytes, read one nested field", "open_and_read", "upstream", "open_and_read", None, None),
    ("column of floats, 100,000 rows", "column_float", "upstream", "column_float", 100, 3e6),
    ("column of texts, 100,000 rows", "column_text", "upstream", "column_text", None, None),
    ("column of a nested field, 10,000 rows", "column_nested", "upstream", "column_nested", 100, None),
    ("decode a flat row", "decode_flat", "upstream", "decode_flat", None, None),
    ("decode a flat row", "decode_flat", "pickle", "pickle_decode_flat", 3, None),
    ("decode a nested row", "decode_nested", "upstream", "decode_nested", None, None),
    ("decode a nested row", "decode_nested", "pickle", "pickle_decode_nested", 3, None),
    ("decode 10,000 nested rows", "decode_many", "upstream", "decode_many", None, None),
    ("decode 10,000 nested rows", "decode_many", "pickle", "pickle_decode_many", 3, None),
    ("to_arrow_record_batch, 100,000 flat objects", "arrow", "from_pylist of dicts", "arrow_pylist", 3, None),
    ("... of the same objects", "arrow", "from_pylist with vars()", "arrow_objects", None, None),
    ("to_arrow_record_batch, 10,000 nested objects", "arrow_nested", "from_pylist of dicts", "arrow_nested_pylist", 3, None),
    ("... of the same objects", "arrow_nested", "from_pylist with vars()", "arrow_nested_objects", None, None),
    ("guide: write the large object", "guide_encode", "upstream", "guide_encode", None, None),
    ("guide: open it and read three values", "guide_reads", "upstream", "guide_reads", 15, None),
    ("guide: the same from a pickle", "guide_reads", "pickle", "guide_pickle", None, None),
]


class Side:
    """One worker process."""

    def __init__(self, name: str, python: str, size: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") or k in ("PYTHONHOME", "PYTHONPATH")}
        environment.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", TZ="UTC", PYTHONWARNINGS="ignore")
        if name == "upstream":
            environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [python, "-s", os.path.abspath(__file__), "--worker", size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            universal_newlines=True,
        )  # fmt: skip

    def ask(self, case: str, min_time: float) -> Dict[str, Any]:
        self.process.stdin.write(json.dumps({"case": case, "min_time": min_time}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended with %s" % self.process.wait()}


def shown(ns: Optional[float]) -> str:
    if ns is None:
        return "-"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("\u00b5s", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit)
    return "%.3g ns" % ns


def measure(options: argparse.Namespace, python: Dict[str, str]) -> List[str]:
    sides = {name: Side(name, python[name], "quick" if options.quick else "full") for name in ("ours", "upstream")}
    lines = ["| | ours | against | | times faster | asked |", "|---|---|---|---|---|---|"]
    for title, ours, contender, theirs, asked, most in TABLE:
        if options.only and not any(part in ours + " " + theirs for part in options.only.split(",")):
            continue
        best: List[Optional[float]] = [None, None]
        note = ""
        for _ in range(options.rounds):
            pair = ((0, "ours", ours), (1, "upstream" if contender == "upstream" else "ours", theirs))
            for i, side, case in pair:
                answer = sides[side].ask(case, options.min_time)
                if "error" in answer:
                    note = " (%s)" % answer["error"]
                    continue
                best[i] = answer["ns"] if best[i] is None else min(best[i], answer["ns"])
        ratio = best[1] / best[0] if best[0] and best[1] else None
        wanted = []
        if asked:
            wanted.append("\u2265 %d%s" % (asked, "" if ratio is None or ratio >= asked else " **missed**"))
        if most:
            wanted.append("\u2264 %s%s" % (shown(most), "" if best[0] is None or best[0] <= most else " **missed**"))
        lines.append("| %s | %s | %s | %s | %s | %s |" % (
            title, shown(best[0]), contender, shown(best[1]) + note, "-" if ratio is None else "%.1f" % ratio, ", ".join(wanted),
        ))  # fmt: skip
        print(lines[-1], file=sys.stderr)
    for side in sides.values():
        side.process.stdin.close()
        side.process.wait()
    return lines


def big_file(options: argparse.Namespace, python: Dict[str, str]) -> List[str]:
    size = int(options.gigabytes * 1e9)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        path = os.path.join(folder, "rows.bin")
        command = [python["ours"], "-s", os.path.abspath(__file__), "--worker"]
        subprocess.run([*command, "write", path, str(size)], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([*command, "read", path], check=True, stdout=subprocess.PIPE, universal_newlines=True)
        size = os.path.getsize(path)
    result = json.loads(done.stdout)
    megabytes = result["peak"] / 1e6
    return [
        "A mapped file of %.2f GB, %d rows: one nested field of every row in %.1f s, one column in %.2f s, at most %.0f MB "
        "resident (asked: < 100%s)." % (
            size / 1e9, result["rows"], result["seconds"], result["column seconds"], megabytes,
            "" if megabytes < 100 else " **missed**",
        )
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="smaller data, fewer rounds")
    parser.add_argument("--only", metavar="PART", help="cases whose name has this in it, separated by commas; big for the file")
    parser.add_argument("--rounds", type=int, help="turns of each side (default 5; quick 2)")
    parser.add_argument("--min-time", type=float, default=0.05, help="seconds that a sample takes at least (default 0.05)")
    parser.add_argument("--gigabytes", type=float, help="size of the mapped file (default 1; quick 0.1)")
    parser.add_argument("--directory", help="where the mapped file goes (default: the temporary folder)")
    parser.add_argument("--ours", metavar="PYTHON", default=sys.executable, help="interpreter whose installed pyfory is measured")
    parser.add_argument("--save", action="store_true", help="write results/rows.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.gigabytes = options.gigabytes or (0.1 if options.quick else 1.0)

    from . import envs

    upstream = envs.ensure("upstream", options.ours, lambda text: print(text, file=sys.stderr))
    python = {"ours": options.ours, "upstream": upstream}
    lines = measure(options, python)
    if not options.only or "big" in options.only:
        lines += ["", *big_file(options, python)]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.save:
        head = "# Rows\n\nPython %s, CPU time of the measuring thread, best of %d turns of each side; `python -m benchmarks.rows%s`.\n\n" % (
            sys.version.split()[0], options.rounds, " --quick" if options.quick else "",
        )  # fmt: skip
        with open(os.path.join(_HERE, "results", "rows.md"), "w", encoding="utf-8") as file:
            file.write(head + text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2:])
    else:
        main()
