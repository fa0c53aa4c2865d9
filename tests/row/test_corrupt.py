"""Damaged rows end in a ForyError or in some value, never in a crash, an
endless loop or memory out of proportion (issue 7, "Trust")."""

from __future__ import annotations

import os
import random
import struct

import pytest

from pyfory import format as rows
from pyfory.error import ForyError, ForyInvalidDataError
from row import pure_row as pure

#: random changes for each row; the default keeps a run short
MUTATIONS = int(os.environ.get("PYFORY_MUTATIONS", "200"))

INNER = rows.struct([rows.field("v", rows.int64()), rows.field("w", rows.utf8()), rows.field("x", rows.list_(rows.int16()))])
SCHEMA = rows.schema([
    rows.field("a", rows.int64()),
    rows.field("b", rows.utf8()),
    rows.field("c", rows.binary()),
    rows.field("d", rows.list_(rows.utf8())),
    rows.field("e", rows.list_(rows.boolean())),
    rows.field("f", rows.map_(rows.utf8(), rows.list_(rows.int32()))),
    rows.field("g", INNER),
    rows.field("h", rows.list_(INNER)),
    rows.field("i", rows.list_(rows.list_(rows.float64()))),
    rows.field("j", rows.decimal(20, 3)),
    rows.field("k", rows.timestamp()),
    rows.field("l", rows.date32()),
    rows.field("m", rows.duration()),
    rows.field("n", rows.float16()),
])  # fmt: skip
VALUE = (
    7, "h\u00e9llo", b"\0\xff", ["a", None, "bcdefghij"], [True, None, False], [("k", [1, None, 3]), ("l", None)],
    (1, "x", [1, 2, 3]), [(2, None, []), None, (3, "yy", [None])], [[1.5], None, []], -12345, 10**15, 20000, -5, 1.5,
)  # fmt: skip
ROW = pure.encode(SCHEMA.spec, VALUE)
ENCODER = rows.create_row_encoder(SCHEMA)


def walk(value, budget):
    """Looks at everything that a view leads to; the number of things seen is bounded."""
    budget[0] -= 1
    if budget[0] < 0:
        return
    if isinstance(value, rows.RowData):
        for i in range(value.num_fields):
            try:
                walk(value[i], budget)
            except ForyError:
                pass
    elif isinstance(value, rows.ArrayData):
        for i in range(min(value.num_elements, 50)):
            try:
                walk(value[i], budget)
            except ForyError:
                pass
    elif isinstance(value, rows.MapData):
        walk(value.keys_array(), budget)
        walk(value.values_array(), budget)


def outcome(action):
    try:
        return action()
    except ForyError as error:
        assert str(error)
        return None


def look_at(data):
    row = outcome(lambda: rows.RowData(SCHEMA, data))
    if row is not None:
        walk(row, [2000])
        outcome(lambda: str(row))
        outcome(lambda: repr(row))
        outcome(lambda: row == row)
        outcome(lambda: ENCODER.to_row(row))
        for i in range(row.num_fields):
            outcome(lambda: row[i].to_numpy() if hasattr(row[i], "to_numpy") else None)
    outcome(lambda: ENCODER.from_row(data))
    outcome(lambda: ENCODER.to_row(ENCODER.from_row(data)))


def test_the_row_itself_is_good():
    assert ENCODER.to_row(pure.to_python(SCHEMA.spec, VALUE)).to_bytes() == ROW
    look_at(ROW)


def test_truncated_everywhere():
    for size in range(len(ROW)):
        look_at(ROW[:size])


INTERESTING = (0x00, 0x01, 0x07, 0x08, 0x7F, 0x80, 0xFF)


def test_every_byte_changed():
    for i in range(len(ROW)):
        for value in INTERESTING:
            data = bytearray(ROW)
            data[i] = value
            look_at(data)


def test_every_word_changed():
    for i in range(0, len(ROW), 8):
        for word in (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, len(ROW) << 32,
                     (len(ROW) - 8) << 32 | 8, 8 << 32 | len(ROW), 0xFFFFFFF8 << 32 | 8):  # fmt: skip
            data = bytearray(ROW)
            struct.pack_into("<Q", data, i, word)
            look_at(data)


def test_random_changes():
    chance = random.Random(7)
    for _ in range(MUTATIONS):
        data = bytearray(ROW)
        for _ in range(chance.randint(1, 6)):
            i = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[i] = chance.randrange(256)
            elif kind == 1:
                struct.pack_into("<Q", data, i & ~7, chance.getrandbits(64) & chance.getrandbits(64))
            else:
                j = chance.randrange(len(data)) & ~7
                data[i & ~7 : (i & ~7) + 8] = data[j : j + 8]
        look_at(data)


def test_a_row_that_contains_itself_ends():
    """A nested row whose slot points at itself: depth is bounded by the schema, size by the bytes."""
    schema = rows.schema([rows.field("h", rows.list_(INNER))])
    data = bytearray(pure.encode(schema.spec, ([(1, "x", [1] * 8)] * 4,)))
    # all four structs are one
    first = struct.unpack_from("<Q", data, 16 + 16)[0]
    for i in range(4):
        struct.pack_into("<Q", data, 16 + 16 + 8 * i, first)
    record = rows.create_row_encoder(schema).from_row(bytes(data))
    assert len(record.h) == 4


def test_overlapping_values_do_not_multiply():
    """Every element of every list is the same large list: decoding all of it would take 64**6 values."""
    dtype = rows.int8()
    for _ in range(6):
        dtype = rows.list_(dtype)
    schema = rows.schema([rows.field("x", dtype)])
    value = [1] * 64
    for _ in range(5):
        value = [value] + [None] * 63
    data = bytearray(pure.encode(schema.spec, (value,)))
    base, size = struct.unpack_from("<II", data, 8)[::-1]
    for _ in range(5):
        slot = data[base + 16 : base + 24]
        data[base + 8 : base + 16] = bytes(8)
        data[base + 16 : base + 16 + 512] = bytes(slot) * 64
        base += struct.unpack("<II", slot)[1]
    with pytest.raises(ForyInvalidDataError):
        rows.create_row_encoder(schema).from_row(bytes(data))


@pytest.mark.parametrize("count", [1 << 20, 1 << 31, 1 << 40, (1 << 64) - 1])
def test_counts_beyond_the_bytes(count):
    schema = rows.schema([rows.field("x", rows.list_(rows.boolean()))])
    data = bytearray(pure.encode(schema.spec, ([True] * 8,)))
    struct.pack_into("<Q", data, 16, count)
    with pytest.raises(ForyInvalidDataError):
        rows.RowData(schema, data)["x"]
    with pytest.raises(ForyInvalidDataError):
        rows.create_row_encoder(schema).from_row(data)


def test_decode_checks_the_hash():
    encoder = rows.Encoder(schema=SCHEMA)
    data = encoder.encode(pure.to_python(SCHEMA.spec, VALUE))
    for i in range(8):
        changed = bytearray(data)
        changed[i] ^= 1
        with pytest.raises(ForyError):
            encoder.decode(changed)
    for size in range(8):
        with pytest.raises(ForyError):
            encoder.decode(data[:size])
