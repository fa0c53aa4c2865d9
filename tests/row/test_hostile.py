"""Damaged rows: every offset, size and count is checked; nothing crashes, loops or blows up."""

import datetime
import decimal
import json
import os
import random
import struct
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from typing import Dict, List

import pytest

import pyfory
from pyfory import format as rows
from pyfory._core import RowSchema
from pyfory.error import ForyBufferOutOfBoundError, ForyError, ForyInvalidDataError
from pyfory.format import RowBatch, RowData

ROUNDS = int(os.environ.get("PYFORY_ROW_MUTATIONS", "3000"))
HUGE = [2**63, 2**64 - 1, 2**62, 2**61, 2**61 + 1, 2**60, 2**33, 2**32, 2**32 - 1, 2**31, 100, 65, 64, 9]


def schema_of(dtype):
    return rows.schema([rows.field("a", dtype)])


def reference(offset, size):
    return struct.pack("<II", size, offset)


def view(dtype, *parts):
    """A row with one field whose slot is the first part."""
    return RowData(schema_of(dtype), bytes(8) + b"".join(parts))


def everything(row):
    """Reads a row in every way; the errors that came up."""
    errors = []

    def attempt(act):
        try:
            return act()
        except ForyError as error:
            errors.append(error)
            str(error)
        return None

    for act in (lambda: str(row), lambda: repr(row), lambda: row.to_dict(), lambda: list(row), lambda: row == row):
        attempt(act)
    codec = rows.create_row_encoder(row.schema)
    attempt(lambda: codec.from_row(row))
    attempt(lambda: codec.to_row(row))
    batch = RowBatch(row.schema)
    attempt(lambda: batch.append(row))
    attempt(batch._columns)
    for i in range(len(row)):
        value = attempt(lambda: row[i])  # noqa: B023
        attempt(lambda: row.is_null_at(i))  # noqa: B023
        for method in ("to_list", "to_dict", "items"):
            if hasattr(type(value), method):
                attempt(getattr(value, method))
        if isinstance(value, rows.MapData):
            attempt(lambda: value.get("k"))  # noqa: B023
            attempt(lambda: value.get(1))  # noqa: B023
        if isinstance(value, rows.ArrayData):
            attempt(lambda: memoryview(value).tobytes())  # noqa: B023
            attempt(lambda: value[:3])  # noqa: B023
            attempt(lambda: value.null_count)  # noqa: B023
    return errors


# ---- what each check says ------------------------------------------------------------


@pytest.mark.parametrize("dtype", [rows.utf8(), rows.binary(), rows.decimal(), rows.list_(rows.int8()),
                                   rows.map_(rows.int8(), rows.int8()), rows.struct([rows.field("x", rows.int8())])])  # fmt: skip
@pytest.mark.parametrize("offset, size", [(17, 0), (16, 1), (0, 17), (2**32 - 1, 2**32 - 1), (2**31, 2**31), (8, 9)])
def test_references_out_of_the_row(dtype, offset, size):
    row = view(dtype, reference(offset, size))
    for read in (lambda: row.a, lambda: row[0], row.to_dict, lambda: str(row), lambda: repr(row)):
        with pytest.raises(ForyInvalidDataError, match="at offset %d, %d bytes long" % (offset, size)):
            read()
    batch = RowBatch(row.schema)
    batch.append(row)
    with pytest.raises(ForyInvalidDataError, match="does not lie within"):
        batch._columns()


@pytest.mark.parametrize("element", [rows.boolean(), rows.int16(), rows.int64(), rows.utf8()])
@pytest.mark.parametrize("count", HUGE)
def test_counts(element, count):
    row = view(rows.list_(element), reference(16, 24), struct.pack("<QQQ", count, 0, 0))
    for read in (lambda: row.a, row.to_dict, lambda: str(row)):
        with pytest.raises(ForyInvalidDataError):
            read()
    key = rows.int8()
    for keys, values in ((count, 0), (0, count)):
        row = view(rows.map_(key, element), reference(16, 40), struct.pack("<QQQQQ", 16, keys, 0, values, 0))
        for read in (lambda: row.a, row.to_dict, lambda: str(row)):
            with pytest.raises(ForyInvalidDataError):
                read()


@pytest.mark.parametrize("size", [0, 7])
def test_arrays_and_maps_that_are_too_short(size):
    for dtype in (rows.list_(rows.int8()), rows.map_(rows.int8(), rows.int8())):
        with pytest.raises(ForyInvalidDataError, match="too short|do not fit"):
            view(dtype, reference(16, size), bytes(8)).a  # noqa: B018


@pytest.mark.parametrize("key_bytes", [*HUGE, 0, 7, 17, 24])
def test_sizes_of_keys(key_bytes):
    row = view(rows.map_(rows.int8(), rows.int8()), reference(16, 24), struct.pack("<QQQ", key_bytes, 0, 0))
    with pytest.raises(ForyInvalidDataError, match="do not fit"):
        row.a  # noqa: B018


def test_keys_and_values_of_different_number():
    one, two = struct.pack("<QQQ", 1, 0, 1), struct.pack("<QQQ", 2, 0, 0)
    row = view(rows.map_(rows.int8(), rows.int8()), reference(16, 56), struct.pack("<Q", 24), one, two)
    with pytest.raises(ForyInvalidDataError):
        row.a  # noqa: B018


def test_nested_row_that_is_too_short():
    row = view(rows.struct([rows.field("x", rows.int64())]), reference(16, 8), bytes(8))
    with pytest.raises(ForyBufferOutOfBoundError, match="too short for its 1 fields"):
        row.a  # noqa: B018


def test_path_and_message():
    schema = rows.schema([rows.field("list", rows.list_(rows.struct([rows.field("text", rows.utf8())])))])
    data = bytearray(rows.create_row_encoder(schema).to_row({"list": [{"text": "a"}, {"text": "b"}]}).to_bytes())
    data[data.index(b"b\0") - 8] = 200
    row = RowData(schema, data)
    assert row.list[0].text == "a"
    for read in (row.to_dict, lambda: rows.create_row_encoder(schema).from_row(row)):
        with pytest.raises(ForyInvalidDataError) as info:
            read()
        assert info.value.path == "$.list[1].text"


@pytest.mark.parametrize("text", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"x" * 50 + b"\x80"])
def test_text_that_is_not_utf8(text):
    row = view(rows.utf8(), reference(16, len(text)), text)
    for read in (lambda: row.a, row.to_dict, lambda: str(row)):
        with pytest.raises(ForyInvalidDataError, match="not UTF-8"):
            read()


@pytest.mark.parametrize(
    "dtype, bits",
    [(rows.timestamp(), 2**63 - 1), (rows.timestamp(), 2**63), (rows.date32(), 2**31 - 1), (rows.date32(), 2**31)],
)
def test_times_out_of_the_calendar(dtype, bits):
    with pytest.raises(ForyInvalidDataError, match="years 1 to 9999"):
        view(dtype, struct.pack("<Q", bits)).a  # noqa: B018


@pytest.mark.parametrize("bits", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_every_duration_and_decimal_is_readable(bits):
    assert isinstance(view(rows.duration(), struct.pack("<Q", bits)).a, datetime.timedelta)
    value = view(rows.decimal(10, 2), reference(16, 16), struct.pack("<QQ", bits, bits)).a
    assert isinstance(value, decimal.Decimal)


def test_decimals_of_another_size():
    with pytest.raises(ForyInvalidDataError):
        view(rows.decimal(), reference(16, 8), bytes(8)).a  # noqa: B018


# ---- overlapping values ------------------------------------------------------------------


def bomb(depth, width):
    """`width` references to one array, `depth` times: width ** depth elements."""
    dtype = rows.int8()
    for _ in range(depth):
        dtype = rows.list_(dtype)
    inner = struct.pack("<QQ", width, 0) + bytes(-(-width // 8) * 8)
    for _ in range(depth - 1):
        start = 16 + width * 8
        inner = struct.pack("<QQ", width, 0) + reference(start, len(inner)) * width + inner
    return view(dtype, reference(16, len(inner)), inner)


def test_overlapping_values_do_not_multiply():
    row = bomb(12, 60)
    before = time.time()
    for read in (row.to_dict, lambda: str(row), lambda: row == RowData(row.schema, bytes(16) + row.to_bytes()[16:]),
                 lambda: rows.create_row_encoder(row.schema).from_row(row)):  # fmt: skip
        with pytest.raises(ForyInvalidDataError, match="overlap"):
            read()
    batch = RowBatch(row.schema, [row])
    with pytest.raises(ForyInvalidDataError):
        batch._columns()
    assert time.time() - before < 5
    # each step on its own is allowed
    value = row.a
    for _ in range(11):
        value = value[59]
    assert value[59] == 0


def test_trusted_rows_may_overlap():
    shared = view(rows.list_(rows.utf8()), reference(16, 40), struct.pack("<QQ", 2, 0), reference(32, 8) * 2, b"overlaps")
    with pytest.raises(ForyInvalidDataError, match="overlap"):
        shared.to_dict()
    assert list(shared.a) == ["overlaps"] * 2
    trusted = RowData(shared.schema, shared.to_bytes(), trusted=True)
    assert trusted.to_dict() == {"a": ["overlaps"] * 2}
    assert rows.create_row_encoder(shared.schema).from_row(trusted).a == ["overlaps"] * 2
    # the bounds are checked nevertheless
    with pytest.raises(ForyInvalidDataError):
        RowData(shared.schema, bytes(8) + reference(100, 5), trusted=True).a  # noqa: B018


def test_schemas_of_the_greatest_depth():
    spec = (2, "x", True, (), ())
    for _ in range(62):
        spec = (22, "x", True, (spec,), ())
    plan = RowSchema((27, "", False, (spec,), ()))
    inner = struct.pack("<QQQ", 1, 0, 7)
    for _ in range(61):
        inner = struct.pack("<QQ", 1, 0) + reference(24, len(inner)) + inner
    row = RowData(plan, bytes(8) + reference(16, len(inner)) + inner)
    value = row.x
    while isinstance(value, rows.ArrayData):
        value = value[0]
    assert value == 7
    assert str(row.to_dict()).count("[") == 62


# ---- random damage ----------------------------------------------------------------------------


@dataclass
class Inner:
    a: pyfory.Int32
    b: str
    c: List[pyfory.Int16]


@dataclass
class Outer:
    flag: bool
    day: datetime.date
    moment: datetime.datetime
    money: decimal.Decimal
    raw: bytes
    text: str
    inner: Inner
    inners: List[Inner]
    names: List[str]
    nested: List[List[float]]
    table: Dict[str, Inner]
    counts: Dict[int, List[int]]


def outer():
    inner = Inner(1, "text", [1, 2, 3])
    return Outer(True, datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), decimal.Decimal(5), b"raw", "é",
                 inner, [inner, inner], ["a", "bb", "c" * 20], [[1.0], [], [2.0, 3.0]], {"k": inner}, {1: [2], 3: []})  # fmt: skip


def mutated(data, rng):
    copy = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(copy))
        what = rng.randrange(6)
        if what == 0:
            copy[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            copy[at] = rng.choice((0, 1, 7, 8, 16, 127, 128, 255))
        elif what == 2:
            word = at & ~7
            copy[word : word + 8] = struct.pack("<Q", rng.choice(HUGE))[: len(copy) - word]
        elif what == 3:
            word = at & ~3
            copy[word : word + 4] = struct.pack("<I", rng.randrange(len(copy) + 9))[: len(copy) - word]
        elif what == 4:
            del copy[at & ~7 :]
        else:
            source = rng.randrange(len(copy)) & ~7
            word = at & ~7
            copy[word : word + 8] = copy[source : source + 8].ljust(8, b"\0")[: len(copy) - word]
        if not copy:
            break
    return bytes(copy)


def test_random_damage():
    encoder = pyfory.encoder(Outer)
    data = encoder.to_row(outer()).to_bytes()
    rng = random.Random(11)
    found = 0
    for _ in range(ROUNDS):
        try:
            row = RowData(encoder.schema, mutated(data, rng))
            found += bool(everything(row))
            encoder.from_row(row)
        except ForyError:
            found += 1
    assert found > ROUNDS // 4
    assert encoder.from_row(data) == outer()


def test_every_truncation():
    encoder = pyfory.encoder(Outer)
    data = encoder.to_row(outer()).to_bytes()
    for size in range(len(data)):
        try:
            everything(RowData(encoder.schema, data[:size]))
        except ForyError:
            assert size < 104  # what every row of 12 fields has


def test_a_buffer_that_changes_under_the_views():
    encoder = pyfory.encoder(Outer)
    data = encoder.to_row(outer()).to_bytes()
    buffer = bytearray(data)
    row = RowData(encoder.schema, buffer)
    views = [row, row.inner, row.inners, row.names, row.nested, row.table, row.counts, row.inners[1].c, row.nested[2]]
    rng = random.Random(12)
    for _ in range(300):
        for _ in range(rng.randrange(20)):
            buffer[rng.randrange(len(buffer))] = rng.randrange(256)
        for one in views:
            for read in (str, list, lambda v: v.to_bytes(), lambda v: v == v, lambda v: [v[i] for i in range(len(v))]):
                try:
                    read(one)
                except (ForyError, KeyError):
                    pass
        buffer[:] = data if rng.random() < 0.5 else buffer
    buffer[:] = data
    assert encoder.from_row(row) == outer()


def test_damaged_batches():
    encoder = pyfory.encoder(Outer)
    data = bytes(encoder.batch([outer()] * 3))
    rng = random.Random(13)
    refused = 0
    for n in range(ROUNDS // 3 + 200):
        # the header and the index more often than the rows
        copy = bytearray(data)
        if n % 3 == 0:
            at = rng.randrange(8) * 8
            copy[at : at + 8] = struct.pack("<Q", rng.choice([*HUGE, rng.randrange(len(data))]))
        elif n % 3 == 1:
            at = len(data) - 32 + rng.randrange(4) * 8
            copy[at : at + 8] = struct.pack("<Q", rng.choice([*HUGE, rng.randrange(len(data))]))
        else:
            copy[:] = mutated(data, rng)
        try:
            batch = RowBatch.from_bytes(copy)
        except ForyError:
            refused += 1
            continue
        reads = [batch._columns, lambda: encoder.from_batch(batch), batch.to_list, lambda: batch.nbytes, batch.to_bytes,
                 lambda: [batch[i] for i in range(min(len(batch), 10))], lambda: batch[1:].to_bytes(),
                 lambda: batch[::-1], lambda: batch._column("inner.a"), lambda: batch.append(outer())]  # fmt: skip
        for read in reads:
            try:
                read()
            except (ForyError, IndexError):
                refused += 1
    assert refused > 100
    for size in range(0, len(data), 7):
        with pytest.raises(ForyError):
            RowBatch.from_bytes(data[:size])


# ---- memory ----------------------------------------------------------------------------------------


def test_nothing_leaks():
    """Success and failure leave the number of allocated blocks as it was."""
    script = """
        import gc, json, random, sys
        from row import test_hostile as t
        from pyfory.error import ForyError
        from pyfory.format import RowBatch, RowData
        import pyfory

        encoder = pyfory.encoder(t.Outer)
        value = t.outer()
        row = encoder.to_row(value)
        data, hashed = row.to_bytes(), encoder.encode(value)
        broken = [t.mutated(data, random.Random(n)) for n in range(12)]
        bad = t.outer()
        bad.inners[1].c = [1, 2, 2**20]
        image = bytes(encoder.batch([value] * 20))
        broken_images = [t.mutated(image, random.Random(n)) for n in range(20)]

        def damaged():
            for one in broken:
                t.everything(RowData(encoder.schema, one)) if len(one) >= 104 else None

        def images():
            for one in broken_images:
                try:
                    RowBatch.from_bytes(one)._columns()
                except ForyError:
                    pass

        def failing(act):
            def run():
                try:
                    act()
                except (ForyError, KeyError, IndexError, TypeError):
                    return
                raise AssertionError
            return run

        def batches():
            batch = encoder.batch([value] * 20)
            parts = batch[3:], batch[::2], memoryview(batch), batch[1]
            batch.append(value)
            columns = batch._columns()
            twin = RowBatch(encoder.schema)
            twin._append_columns(len(batch), columns)
            encoder.from_batch(twin)

        scenarios = {
            "write": lambda: encoder.to_row(value), "encode": lambda: encoder.encode(value),
            "write fails": failing(lambda: encoder.to_row(bad)), "read": lambda: encoder.from_row(data),
            "decode": lambda: encoder.decode(hashed), "decode fails": failing(lambda: encoder.decode(data)),
            "views": lambda: t.everything(row), "damaged": damaged, "images": images, "batches": batches,
            "no field": failing(lambda: row.nothing), "no index": failing(lambda: row[99]),
            "range": failing(lambda: RowData(encoder.schema, data, 5000)),
            "attributes": lambda: (row.inner.b, row.inners[1].c[0], row.table["k"].a, row.names[:], list(row.counts)),
            "new encoder": lambda: pyfory.encoder(t.Inner).to_row(t.Inner(1, "x", [])),
            "slices": lambda: encoder.from_batch(RowBatch.from_bytes(image)[2:5]),
            "bad columns": failing(lambda: RowBatch(encoder.schema)._append_columns(1, (1,) * 12)),
        }
        result = {}
        for name, act in scenarios.items():
            heavy = name in ("damaged", "images")
            rounds = 10 if heavy else 100
            grown = []
            for _ in range(7):  # free lists and caches fill at first
                before = sys.getallocatedblocks()
                for _ in range(rounds):
                    act()
                gc.collect()
                grown.append(sys.getallocatedblocks() - before)
            result[name] = min(grown[2:])
        print(json.dumps(result))
    """
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=env, stdout=subprocess.PIPE, check=True)
    grown = json.loads(out.stdout.decode())
    assert {name: n for name, n in grown.items() if n > 40} == {}
