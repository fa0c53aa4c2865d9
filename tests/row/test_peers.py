"""The row formats of upstream pyfory 1.7.7 and of Java read what we write, and
we write the bytes that they write.

Decision 32: upstream leaves the slots of nulls as they were in memory; ours are
zero. Its rows are compared with zeros there.
"""

from __future__ import annotations

import glob
import os
import struct
import sys
import typing
from typing import Any, Dict, List

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

import pyfory
import support
from peers import peer
from pyfory import format as rows
from row import pure_row as pure
from row import row_strategies as strategies

HERE = os.path.dirname(os.path.abspath(__file__))

# ---- recorded -------------------------------------------------------------------

IN = rows.struct([rows.field("v", rows.int64())])
MIXED = list(zip("abcdefg", [
    rows.boolean(), rows.int8(), rows.int16(), rows.int32(), rows.int64(), rows.float32(), rows.float64(),
]))  # fmt: skip

# the lines of wire-format 17.3, as upstream wrote them
RECORDED = [
    ("flat", [("a", rows.utf8()), ("b", rows.int64())], {"b": 1, "a": "hi"},
     "0000000000000000 0200000018000000 0100000000000000 6869000000000000"),
    ("widths", MIXED, dict(a=True, b=-1, c=-2, d=-3, e=-4, f=1.5, g=2.5),
     "0000000000000000 0100000000000000 ff00000000000000 feff000000000000 fdffffff00000000 fcffffffffffffff"
     "0000c03f00000000 0000000000000440"),
    ("nulls", [("a", rows.int64()), ("b", rows.utf8()), ("c", rows.list_(rows.int64()))], dict(a=None, b=None, c=None),
     "0700000000000000 0000000000000000 0000000000000000 0000000000000000"),
    ("list", [("a", rows.list_(rows.int32()))], {"a": [1, None, 3]},
     "0000000000000000 2000000010000000 0300000000000000 0200000000000000 0100000000000000 0300000000000000"),
    ("bools", [("a", rows.list_(rows.boolean()))], {"a": [True, False, True]},
     "0000000000000000 1800000010000000 0300000000000000 0000000000000000 0100010000000000"),
    ("shorts", [("a", rows.list_(rows.int16()))], {"a": [1, 2, 3]},
     "0000000000000000 1800000010000000 0300000000000000 0000000000000000 0100020003000000"),
    ("texts", [("a", rows.list_(rows.utf8()))], {"a": ["a", "bcdefghij", None]},
     "0000000000000000 4000000010000000 0300000000000000 0400000000000000 0100000028000000 0900000030000000"
     "0000000000000000 6100000000000000 6263646566676869 6a00000000000000"),
    ("empty list", [("a", rows.list_(rows.int64()))], {"a": []},
     "0000000000000000 0800000010000000 0000000000000000"),
    ("map", [("a", rows.map_(rows.utf8(), rows.int64()))], {"a": {"x": 1, "y": None}},
     "0000000000000000 5800000010000000 3000000000000000"
     "0200000000000000 0000000000000000 0100000020000000 0100000028000000 7800000000000000 7900000000000000"
     "0200000000000000 0200000000000000 0100000000000000 0000000000000000"),
    ("empty map", [("a", rows.map_(rows.utf8(), rows.int64()))], {"a": {}},
     "0000000000000000 1800000010000000 0800000000000000 0000000000000000 0000000000000000"),
    ("struct", [("a", IN), ("b", rows.int64())], {"a": {"v": 7}, "b": 9},
     "0000000000000000 1000000018000000 0900000000000000 0000000000000000 0700000000000000"),
    ("structs", [("a", rows.list_(IN))], {"a": [{"v": 7}, {"v": 8}]},
     "0000000000000000 4000000010000000 0200000000000000 0000000000000000 1000000020000000 1000000030000000"
     "0000000000000000 0700000000000000 0000000000000000 0800000000000000"),
    ("times", [("a", rows.date32()), ("b", rows.timestamp())],
     {"a": pure.to_python((39,) + ("", True, (), ()), 1), "b": pure.to_python((38, "", True, (), ()), 1000005)},
     "0000000000000000 0100000000000000 45420f0000000000"),
    ("empty text", [("a", rows.utf8()), ("b", rows.int8())], {"a": "", "b": 1},
     "0000000000000000 0000000018000000 0100000000000000"),
]  # fmt: skip


@pytest.mark.parametrize("fields,value,expected", [case[1:] for case in RECORDED], ids=[case[0] for case in RECORDED])
def test_recorded_rows(fields, value, expected):
    schema = rows.schema([rows.field(name, dtype) for name, dtype in fields])
    encoder = rows.create_row_encoder(schema)
    assert encoder.to_row(value).to_bytes() == support.unhex(expected)


def test_recorded_row_of_65_fields():
    schema = rows.schema([rows.field("f%02d" % i, rows.int64()) for i in range(65)])
    row = rows.create_row_encoder(schema).to_row({"f%02d" % i: i or None for i in range(65)})
    assert row.to_bytes() == support.unhex("01" + "00" * 15) + struct.pack("<65q", *range(65))


# Java fory-format 0.16.0: hash, schema and row of the beans of RowPeer.java
JAVA = [
    ("Numbers", 468662097972, "0107010001010402010803010c04011006011413011814",
     "0000000000000000 0100000000000000 ff00000000000000 feff000000000000 fdffffff00000000 fcffffffffffffff"
     "0000c03f00000000 0000000000000440",
     dict(a=True, b=-1, c=-2, d=-3, e=-4, f=1.5, g=2.5)),
    ("Boxes", 490588289, "0105410004410406410814410c15411015",
     "0600000000000000 0700000000000000 0000000000000000 0000000000000000 1500000030000000 0000000048000000"
     "68c3a96c6c6f2c20 77c3b6726c6420e6 97a5e69cac000000",
     dict(a=7, b=None, c=None, d="h\u00e9llo, w\u00f6rld \u65e5\u672c", e="")),
    ("Containers", 468834606845595,
     "010441001649226460154104164922646004410818052898154dd40ba10006410c164922646006",
     "0000000000000000 4000000028000000 2000000068000000 5800000088000000 08000000e0000000"
     "0300000000000000 0400000000000000 0100000028000000 0900000030000000 0000000000000000 6100000000000000"
     "6263646566676869 6a00000000000000 0300000000000000 0200000000000000 0100000000000000 0300000000000000"
     "3000000000000000 0200000000000000 0000000000000000 0100000020000000 0100000028000000 7800000000000000"
     "7900000000000000 0200000000000000 0200000000000000 0100000000000000 0000000000000000 0000000000000000",
     dict(a=["a", "bcdefghij", None], b=[1, None, 3], c={"x": 1, "y": None}, d=[])),
    ("Nested", 6351116577883265159,
     "0104410016492264601b0201540641581541041b02015406415815410818052898154dd40ba1001b02015406415815410c"
     "1649226460164922646004",
     "0000000000000000 5800000028000000 2000000080000000 60000000a0000000 5000000000010000"
     "0200000000000000 0000000000000000 2000000020000000 1800000040000000 0000000000000000 0700000000000000"
     "0500000018000000 736576656e000000 0200000000000000 0800000000000000 0000000000000000 0000000000000000"
     "0900000000000000 0400000018000000 6e696e6500000000 2000000000000000 0100000000000000 0000000000000000"
     "0100000018000000 6b00000000000000 0100000000000000 0000000000000000 2000000018000000 0000000000000000"
     "0a00000000000000 0300000018000000 74656e0000000000 0200000000000000 0000000000000000 1800000020000000"
     "1800000038000000 0200000000000000 0000000000000000 0100000002000000 0100000000000000 0000000000000000"
     "0300000000000000",
     dict(a=[dict(v=7, w="seven"), dict(v=8, w=None)], b=dict(v=9, w="nine"), c={"k": dict(v=10, w="ten")},
          d=[[1, 2], [3]])),
    ("Times", 17584, "0102410027410426", "0000000000000000 ffffffff00000000 45420f0000000000",
     dict(a=pure.to_python((39, "", True, (), ()), -1), b=pure.to_python((38, "", True, (), ()), 1000005))),
]  # fmt: skip


def check_java(number, schema_bytes, row_bytes, value):
    schema = rows.Schema.from_bytes(schema_bytes)
    assert schema.to_bytes() == schema_bytes
    assert rows.compute_schema_hash(schema) == number
    encoder = rows.create_row_encoder(schema)
    assert encoder.to_row(value).to_bytes() == row_bytes
    # null decimals keep room in Java's rows; what is read is the same
    assert encoder.to_row(rows.RowData(schema, row_bytes)).to_bytes() == row_bytes


@pytest.mark.parametrize("number,schema,row,value", [case[1:] for case in JAVA], ids=[case[0] for case in JAVA])
def test_recorded_rows_of_java(number, schema, row, value):
    check_java(number, support.unhex(schema), support.unhex(row), value)


def test_recorded_decimals_of_java():
    """Java gives a decimal 32 bytes, and a null one as many unused ones."""
    schema = rows.Schema.from_bytes(support.unhex("010241002826124104282612"))
    row = rows.RowData(schema, support.unhex(
        "0200000000000000 2000000018000000 0000000000000000"
        "fffff7e7b9203d94 14ca02fcffffffff ffffffffffffffff ffffffffffffffff"
    ))  # fmt: skip
    assert str(row.a) == "-1234567890.000000000000000001"
    assert row.b is None


# ---- live: upstream ------------------------------------------------------------------


@pytest.fixture(scope="module")
def upstream():
    python = peer.require("PYFORY_UPSTREAM_PYTHON")
    process = peer.Peer([python, "-u", os.path.join(HERE, "upstream_rows.py")])
    assert process.ask(version=True) == {"version": "1.7.7"}
    yield process
    process.close()


def ask(process: peer.Peer, **request: Any) -> Dict[str, Any]:
    answer = process.ask(**request)
    assert "error" not in answer, answer
    return answer


# Python source of a class, and expressions of instances
CLASSES = [
    ("A", "@dataclass\nclass A:\n    b: int\n    a: str\n", ["A(1, 'hi')", "A(None, '')", "A(-2**63, '\\u65e5' * 9)"]),
    ("B", "@dataclass\nclass In:\n    v: int\n    w: Optional[str] = None\n"
          "@dataclass\nclass B:\n    z: List[In]\n    y: Dict[str, In]\n    x: Optional[In]\n    u: Tuple[float, ...]\n",
     ["B([In(1), In(2, 'two'), None], {'k': In(3)}, In(4, 'x'), (1.0, 2.5))", "B([], {}, None, ())"]),
    ("C", "class C:\n    p: pyfory.Int8\n    q: pyfory.Int16\n    r: pyfory.Int32\n    s: pyfory.Int64\n"
          "    t: pyfory.FixedInt32\n    u: pyfory.TaggedInt64\n    v: pyfory.Float32\n    w: pyfory.Float64\n    x: bool\n"
          "def c(*v):\n    o = C()\n    o.__dict__.update(zip('pqrstuvwx', v))\n    return o\n",
     ["c(-128, -2**15, -2**31, -2**63, 1, 2, 0.1, 0.1, True)", "c(*[None] * 9)"]),
    ("D", "@dataclass\nclass D:\n    a: bytes\n    b: datetime.date\n    c: datetime.datetime\n    d: Set[int]\n"
          "    e: Dict[int, bool]\n",
     ["D(b'\\0\\xff', datetime.date(1999, 12, 31), datetime.datetime(2024, 2, 29, 12, 30), {1}, {7: True, 8: None})"]),
]  # fmt: skip


@pytest.mark.parametrize("name,source,expressions", CLASSES, ids=[case[0] for case in CLASSES])
def test_classes_of_upstream(upstream, name, source, expressions):
    import types

    module = types.ModuleType("row_classes_" + name)
    sys.modules[module.__name__] = module
    module.__dict__.update((n, getattr(typing, n)) for n in ("Dict", "List", "Optional", "Set", "Tuple"))
    exec("import dataclasses, datetime, pyfory\nfrom dataclasses import dataclass\n" + source, module.__dict__)
    encoder = pyfory.encoder(getattr(module, name))
    for expression in expressions:
        theirs = ask(upstream, source=source, name=name, expression=expression)
        assert encoder.schema.to_bytes().hex() == theirs["schema"]
        assert encoder.schema_hash == theirs["hash"]
        row = encoder.to_row(eval(expression, module.__dict__)).to_bytes()
        expected = pure.scrub(encoder.schema.spec, bytes.fromhex(theirs["row"]))
        assert row.hex() == expected.hex()
        assert ask(upstream, source=source, name=name, row=row.hex())["value"] == theirs["value"]


@settings(max_examples=80)
@given(case=strategies.schemas_with_rows(upstream=True))
def test_random_rows_of_upstream(upstream, case):
    schema, value = case
    source = pure.to_python(schema.spec, value)
    theirs = ask(upstream, schema=schema.to_bytes().hex(), expression=repr(source))
    assert theirs["schema"] == schema.to_bytes().hex()
    assert theirs["hash"] == rows.compute_schema_hash(schema)
    ours = rows.create_row_encoder(schema).to_row(source).to_bytes()
    assert ours == pure.scrub(schema.spec, bytes.fromhex(theirs["row"]))
    assert ask(upstream, schema=schema.to_bytes().hex(), row=ours.hex())["value"] == theirs["value"]


# ---- live: Java --------------------------------------------------------------------------


class JavaPeer:
    def __init__(self, home: str) -> None:
        import subprocess

        jars = sorted(glob.glob(os.path.join(home, "lib", "*.jar")))
        self.process = subprocess.Popen(
            ["java", "-cp", os.pathsep.join([os.path.join(home, "classes"), *jars]), "rowpeer.RowPeer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
        )  # fmt: skip

    def ask(self, *words: str) -> List[str]:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        status, _, answer = self.process.stdout.readline().rstrip("\n").partition(" ")
        assert status == "ok", answer
        return answer.split(" ")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def java():
    process = JavaPeer(peer.require("PYFORY_JAVA_ROW_PEER"))
    yield process
    process.close()


@pytest.mark.parametrize("name,value", [(case[0], case[4]) for case in JAVA], ids=[case[0] for case in JAVA])
def test_beans_of_java(java, name, value):
    number, schema, row = java.ask("bean", name)
    check_java(int(number), bytes.fromhex(schema), bytes.fromhex(row), value)


def _java_knows(dtype) -> bool:
    # float16 and duration have no reader in Java, decimals take 32 bytes there
    return dtype.id not in (pure.FLOAT16, pure.DURATION, pure.DECIMAL) and all(_java_knows(f.type) for f in dtype.fields())


@settings(max_examples=80)
@given(case=strategies.schemas_with_rows(upstream=True).filter(lambda case: all(map(_java_knows, case[0].types))))
def test_random_rows_read_by_java(java, case):
    schema, value = case
    row = rows.create_row_encoder(schema).to_row(pure.to_python(schema.spec, value)).to_bytes()
    number, schema_bytes, text = java.ask("read", schema.to_bytes().hex(), row.hex())
    assert int(number) == rows.compute_schema_hash(schema)
    assert schema_bytes == schema.to_bytes().hex()
    assert text == pure.java_text(schema.spec, value)
