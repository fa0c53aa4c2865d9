"""Columns straight from objects equal those of their rows, or are left to the rows;
many decoded rows share what repeats."""

import datetime
import enum
import gc
import math
import struct
import sys
from dataclasses import dataclass
from typing import Dict, List, Optional

import pytest

import pyfory
from pyfory import format as rows
from pyfory.error import ForyOverflowError, ForyTypeError
from pyfory.format import RowBatch

UTC = datetime.timezone.utc


@dataclass
class Point:
    x: pyfory.Int32
    y: Optional[float]


@dataclass
class Thing:
    id: int
    name: Optional[str]
    ok: Optional[bool]
    at: Optional[Point]
    tags: Optional[List[Optional[str]]]
    flags: List[bool]
    points: List[Optional[Point]]
    stock: Optional[Dict[str, Optional[int]]]
    rows: List[Optional[List[int]]]
    raw: Optional[bytes]
    small: pyfory.Int8
    half: pyfory.Float16
    single: pyfory.Float32
    day: Optional[datetime.date]
    when: Optional[datetime.datetime]
    took: Optional[datetime.timedelta]


def thing(i):
    return Thing(
        i * 10**12 * (-1) ** i, None if i % 3 == 0 else "n\u00e9\u4e2d\U0001f600%d" % i, (True, False, None)[i % 3],
        None if i % 5 == 0 else Point(i, None if i % 4 == 0 else i / 3),
        None if i % 7 == 0 else [None if k % 3 == 1 else "t%d" % k for k in range(i % 5)],
        [k % 2 == 0 for k in range(i % 11)], [None if k == 1 else Point(k, 0.5) for k in range(i % 4)],
        None if i % 6 == 0 else {"k%d" % k: (None if k == 2 else k * i) for k in range(i % 8)},
        [None if k == 1 else list(range(k)) for k in range(i % 4)], None if i % 9 == 0 else b"\0" * (i % 70),
        i % 256 - 128, i % 100 / 4, i * 0.5, None if i % 8 == 0 else datetime.date(1969, 1, 1 + i % 28),
        None if i % 10 == 0 else datetime.datetime(1960 + i % 80, 1, 1, i % 24, microsecond=i, tzinfo=UTC if i % 2 else None),
        None if i % 4 == 0 else datetime.timedelta(days=-i, microseconds=i),
    )  # fmt: skip


THING = pyfory.encoder(Thing)


def as_bytes(column):
    length, nulls, validity, offsets, data, children = column
    parts = [None if part is None else bytes(part) for part in (validity, offsets, data)]
    return (length, nulls, *parts, [as_bytes(child) for child in children])


def direct(encoder, objects):
    column = encoder._object_columns(objects, 0, len(objects))
    return None if column is None else as_bytes(column)


def through_rows(encoder, objects):
    columns = [as_bytes(column) for column in encoder.batch(objects)._columns()]
    return (len(objects), 0, None, None, None, columns)


def has_layout():
    """Whether ordinary instances can be looked at without running Python code."""
    return direct(pyfory.encoder(Point), [Point(1, 2.0)]) is not None


needs_layout = pytest.mark.skipif("not has_layout()", reason="instances are reached through the public API only")


@needs_layout
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 64, 500])
def test_equal_to_rows(n):
    things = [thing(i) for i in range(n)]
    for objects in (things, tuple(things)):
        assert direct(THING, objects) == through_rows(THING, objects)


@needs_layout
@pytest.mark.skipif(sys.version_info < (3, 11), reason="instances have a dict anyway")
def test_instances_are_left_as_they_are():
    before = [sys.getsizeof(Point(1, None)), Point(1, None)]
    points = [Point(i, None) for i in range(10)]

    def dicts():
        return sum(type(o) is dict for point in points for o in gc.get_referents(point))

    assert dicts() == 0 and direct(pyfory.encoder(Point), points) is not None
    assert dicts() == 0 and sys.getsizeof(points[0]) == before[0]


@needs_layout
def test_instances_with_a_dict():
    things = [thing(i) for i in range(50)]
    for one in things:
        assert one.__dict__["id"] == one.id
        one.__dict__["extra"] = 5
        if one.at is not None:
            one.at.__dict__ = {"y": None, "z": 1, "x": 7}
    assert direct(THING, things) == through_rows(THING, things)


@needs_layout
def test_strange_keys_are_not_compared():
    class Key(str):
        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = str.__hash__

    points = [Point(1, 2.0)]
    points[0].__dict__ = {"y": 1.5, Key("w"): 2, 5: 6, "x": 3}
    column = direct(pyfory.encoder(Point), points)
    assert column[5][0][4] == struct.pack("<i", 3) and column[5][1][4] == struct.pack("<d", 1.5)


class Slotted:
    __slots__ = ("a", "b")
    __annotations__ = {"a": int, "b": str}

    def __init__(self, a, b):
        self.a = a
        self.b = b


class Sub(Slotted):
    """Slots and a dict."""

    __annotations__ = {"a": int, "b": str, "c": int}

    def __init__(self, a, b, c):
        super().__init__(a, b)
        self.c = c


@needs_layout
def test_slots_and_many_classes():
    encoder = pyfory.encoder(Slotted)
    objects = [Slotted(i, "s%d" % i) for i in range(20)]
    assert direct(encoder, objects) == through_rows(encoder, objects)
    classes = [type("C%d" % k, (Slotted,), {"__slots__": ()}) for k in range(5)]
    objects = [classes[i % 5](i, "x") for i in range(20)]
    assert direct(encoder, objects) == through_rows(encoder, objects)
    schema = rows.schema([rows.field("a", rows.int64()), rows.field("c", rows.int64())])
    subs = [Sub(i, "", i * 2) for i in range(9)]
    for sub in subs:
        sub.__dict__
    # CPython 3.13 lays such instances out differently: then it may be left to the rows
    assert direct(rows.Encoder(schema=schema), subs) in (None, through_rows(rows.Encoder(schema=schema), subs))


class Color(enum.IntEnum):
    RED = 1


class Named:
    __annotations__ = {"x": int}

    @property
    def x(self):
        return 5


class Index:
    def __index__(self):
        return 4


def test_left_to_rows():
    encoder = pyfory.encoder(Point)
    for one in ({"x": 1, "y": 2.0}, encoder.to_row(Point(1, 2.0)), Point(Color.RED, 2.0), Point(Index(), 2.0),
                Point("1", 2.0), Point(2**31, 0.0), Point(2**70, 0.0), None, 5, "text", Slotted(1, "b")):  # fmt: skip
        assert encoder._object_columns([Point(0, 0.0), one], 0, 2) is None
    missing = Point(1, 2.0)
    del missing.x
    assert encoder._object_columns([missing], 0, 1) is None
    assert encoder._object_columns([Point(0, 0.0)], 0, 2) is None
    assert pyfory.encoder(Named)._object_columns([Named()], 0, 1) is None
    for change in ({"name": "\ud800"}, {"tags": {"a"}}, {"tags": "ab"}, {"stock": [1]}, {"stock": {None: 1}}, {"raw": bytearray(b"1")},
                   {"flags": [1]}, {"when": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))},
                   {"day": datetime.datetime(2024, 1, 1)}, {"small": 128}, {"at": {"x": 1, "y": None}}):  # fmt: skip
        one = thing(1)
        for name, value in change.items():
            setattr(one, name, value)
        assert THING._object_columns([one], 0, 1) is None, change
    strict = rows.Encoder(Point, rows.schema([rows.field("x", rows.int64(), nullable=False), rows.field("y", rows.float64())]))
    if has_layout():
        assert direct(strict, [Point(1, None)]) == through_rows(strict, [Point(1, None)])
    assert strict._object_columns([Point(None, None)], 0, 1) is None
    with pytest.raises(TypeError):
        encoder._object_columns(iter(()), 0, 0)
    with pytest.raises(TypeError):
        encoder._object_columns([], -1, 0)


def test_arrow_errors_are_those_of_rows():
    pytest.importorskip("pyarrow")
    encoder = pyfory.encoder(Point)
    for make in (encoder.to_arrow_record_batch, encoder.to_arrow_table):
        with pytest.raises(ForyTypeError, match=r"\$\.x"):
            make([Point(1, 2.0), Point("1", 2.0)])
        with pytest.raises(ForyOverflowError, match=r"\$\.x"):
            make([Point(2**31, 2.0)])
        assert make([Point(1, 2.0), {"x": 2}]).to_pylist() == [{"x": 1, "y": 2.0}, {"x": 2, "y": None}]
        assert make(Point(i, None) for i in range(3)).to_pylist() == [{"x": i, "y": None} for i in range(3)]
        assert make([]).num_rows == 0 and make([]).schema == rows.to_arrow_schema(encoder.schema, "UTC")


def test_arrow_equals_that_of_rows(monkeypatch):
    pytest.importorskip("pyarrow")
    from pyfory.format import arrow

    things = [thing(i) for i in range(300)]
    made, wanted = THING.to_arrow_record_batch(things), THING.batch(things).to_arrow()
    made.validate(full=True)
    assert made.schema == wanted.schema and made.to_pylist() == wanted.to_pylist()
    monkeypatch.setattr(arrow, "ROWS_PER_BATCH", 128)
    table = THING.to_arrow_table(things)
    table.validate(full=True)
    assert [batch.num_rows for batch in table.to_batches()] == [128, 128, 44]
    assert table.to_pylist() == wanted.to_pylist()


# ---- many rows at once


@dataclass
class Sample:
    text: str
    value: float
    values: List[float]
    counts: Dict[str, int]


SAMPLE = pyfory.encoder(Sample)


def test_what_repeats_is_shared():
    texts = ["", "a", "ab", "abc", "abcd", "\u00e9t\u00e9", "a" * 7, "a" * 8, "a" * 15 + "b", "a" * 16, "a" * 17]
    samples = [Sample(texts[i % len(texts)], float(i % 4), [0.5, -0.0, 0.0, math.inf], {"key": i, texts[i % 11]: 1}) for i in range(500)]
    got = SAMPLE.from_batch(SAMPLE.batch(samples))
    assert got == samples
    assert all(math.copysign(1, one.values[1]) == -1 and math.copysign(1, one.values[2]) == 1 for one in got)
    assert len({id(next(iter(one.counts))) for one in got}) == 1
    assert len({id(one.values[0]) for one in got}) == 1


def test_nothing_repeats():
    samples = [Sample("t%d" % i, i / 7, [i * 1.1 + k for k in range(5)], {"key%d" % i: i}) for i in range(3000)]
    samples += [Sample("same", 1.0, [1.0], {"k": 1})] * 10
    got = SAMPLE.from_batch(SAMPLE.batch(samples))
    assert got == samples


def test_nan_bits_survive():
    bits = [0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000]
    samples = [Sample("", struct.unpack("<d", struct.pack("<Q", bits[i % 3]))[0], [], {}) for i in range(300)]
    got = SAMPLE.from_batch(SAMPLE.batch(samples))
    assert [struct.unpack("<Q", struct.pack("<d", one.value))[0] for one in got] == [bits[i % 3] for i in range(300)]


def test_user_code_appends_meanwhile():
    class Noisy:
        __annotations__ = {"a": int}

        def __new__(cls):
            if growing:
                batch.append({"a": 99})
                batch.extend({"a": 98} for _ in range(50))
            return super().__new__(cls)

    growing = False
    encoder = pyfory.encoder(Noisy)
    batch = encoder.batch({"a": i} for i in range(200))
    growing = True
    got = encoder.from_batch(batch)
    assert [one.a for one in got] == list(range(200))
    assert len(batch) == 200 + 200 * 51


def test_other_iterables_and_subclasses():
    class Reversed(RowBatch):
        def __iter__(self):
            return (self[i] for i in range(len(self) - 1, -1, -1))

    samples = [Sample(str(i), 0.0, [], {}) for i in range(100)]
    batch = Reversed(SAMPLE.schema, samples)
    assert SAMPLE.from_batch(batch) == samples[::-1]
    assert SAMPLE.from_batch(iter(SAMPLE.batch(samples))) == samples
    assert SAMPLE.from_batch(list(SAMPLE.batch(samples))) == samples
