"""Rows that upstream pyfory 1.7.7 and Java wrote: we read them and write the
same bytes. tests/peers/test_peer_rows.py asks the live ones."""

from __future__ import annotations

import struct

import pytest

import support
from pyfory import format as rows
from row import pure_row as pure
from row.recorded import JAVA, check_java

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
    encoder = rows.create_row_encoder(schema)
    record = encoder.from_row(row)
    assert (str(record.a), record.b) == ("-1234567890.000000000000000001", None)
    written = encoder.to_row(record).to_bytes()
    assert written == pure.encode(schema.spec, (-1234567890000000000000000001, None))
    again = rows.RowBatch.from_arrow(rows.RowBatch(schema, [row, record]))
    assert [one.to_bytes() for one in again] == [written, written]


@pytest.mark.parametrize("changed", [16, 23, 24, 31])
def test_decimals_beyond_16_bytes(changed):
    schema = rows.schema([rows.field("a", rows.decimal(38, 0))])
    number = bytearray(pure.encode(schema.spec, (5,))[16:] + bytes(16))
    number[changed] = 1
    data = support.unhex("0000000000000000 2000000010000000") + bytes(number)
    with pytest.raises(ValueError):
        rows.RowData(schema, data)["a"]
    with pytest.raises(ValueError):
        rows.create_row_encoder(schema).from_row(data)
