"""The examples of docs/row-format.md, the guide's large object, and a file that
is read without being held in memory. Sizes grow with PYFORY_ROW_ITEMS (the
guide's own size is 1000000) and PYFORY_ROW_FILE_MB (issue 7 asks for 1000)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap

import pytest

import pyfory

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ITEMS = int(os.environ.get("PYFORY_ROW_ITEMS", "20000"))
FILE_MB = int(os.environ.get("PYFORY_ROW_FILE_MB", "160"))


def blocks():
    with open(os.path.join(ROOT, "docs", "row-format.md"), encoding="utf-8") as file:
        return re.findall(r"^```python\n(.*?)^```", file.read(), re.S | re.M)


def test_examples_of_the_documentation(tmp_path, monkeypatch):
    """They build on one another; the last one needs pyarrow and pandas, those with columns NumPy."""
    found = blocks()
    assert len(found) == 5
    if sys.version_info < (3, 9):
        pytest.importorskip("typing_extensions")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    module = type(sys)("row_format_examples")
    sys.modules["row_format_examples"] = module
    try:
        for code in found:
            if ".column(" in code:
                pytest.importorskip("numpy")
            if "arrow" in code and not os.environ.get("PYFORY_ARROW_PEERS"):
                pytest.importorskip("pyarrow")
                pytest.importorskip("pandas")
            exec(compile(code, "docs/row-format.md", "exec", dont_inherit=True), module.__dict__)
    finally:
        del sys.modules["row_format_examples"]


GUIDE = """
from dataclasses import dataclass
from typing import Dict, List

import pyfory

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
"""


def test_the_large_object():
    module = type(sys)("row_guide")
    sys.modules["row_guide"] = module
    exec(GUIDE, module.__dict__)
    Foo, Bar = module.Foo, module.Bar
    encoder = pyfory.encoder(Foo)
    foo = Foo(
        f1=10,
        f2=list(range(ITEMS)),
        f3={"k%d" % i: i for i in range(ITEMS)},
        f4=[Bar(f1="s%d" % i, f2=list(range(10))) for i in range(ITEMS)],
    )
    binary = encoder.to_row(foo).to_bytes()
    row = pyfory.RowData(encoder.schema, binary)
    at = ITEMS // 10
    assert row.f2[at] == at
    assert row.f4[at].f1 == "s%d" % at
    assert row.f4[2 * at].f2[5] == 5
    assert row.f3["k%d" % (ITEMS - 1)] == ITEMS - 1
    assert len(row.f4) == len(row.f3) == ITEMS
    assert encoder.from_row(binary) == foo


READ_THROUGH = """
import json, sys
import pyfory.format as rows

def resident():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))

path, columns = sys.argv[1], sys.argv[2] == "columns"
if columns:
    import numpy
before = resident()
batch = rows.RowBatch.open(path)
peak = total = 0
for i, row in enumerate(batch):
    total += row.b.c
    if i % 5000 == 0:
        peak = max(peak, resident())
column = None
if columns:
    column = int(batch.column("a").values.sum())
    peak = max(peak, resident())
print(json.dumps({"rows": len(batch), "total": total, "column": column, "peak": peak - before}))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="needs Linux' account of resident memory")
@pytest.mark.skipif(bool(os.environ.get("PYFORY_SANITIZED")), reason="sanitizers keep memory of their own")
def test_a_file_larger_than_the_memory_it_takes(tmp_path):
    rows = pyfory.format
    inner = rows.struct([rows.field("c", rows.int64()), rows.field("d", rows.binary())])
    schema = rows.schema([rows.field("a", rows.int32()), rows.field("b", inner)])
    block = rows.RowBatch(schema, [{"a": i % 1000, "b": {"c": i, "d": b"x" * 1000}} for i in range(4000)])
    batch = rows.RowBatch(schema)
    blocks = 0
    while batch.nbytes < FILE_MB << 20:
        batch.extend(block)
        blocks += 1
    path = tmp_path / "big.rows"
    batch.save(path)
    del batch
    try:
        import numpy  # noqa: F401

        mode = "columns"
    except ImportError:
        mode = "rows"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(READ_THROUGH), str(path), mode],
        check=True, stdout=subprocess.PIPE, timeout=600, cwd=str(tmp_path),
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["rows"] == 4000 * blocks
    assert result["total"] == blocks * sum(range(4000))
    assert result["column"] in (None, blocks * 4 * sum(range(1000)))
    assert result["peak"] < 100 << 20, "%d MB resident" % (result["peak"] >> 20)
