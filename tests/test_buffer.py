"""pyfory.Buffer: typed access, ranges, growth, streams, export."""

from __future__ import annotations

import array as stdlib_array
import gc
import io
import math
import os
import pickle
import socket
import struct
import sys
import threading
import tracemalloc

import pytest

from pyfory import Buffer
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyInvalidDataError,
    ForyOverflowError,
    ForyTypeError,
    ForyUnsupportedError,
)

FIXED = [
    ("bool", "?", [True, False]),
    ("int8", "b", [-128, -1, 127]),
    ("uint8", "B", [0, 255]),
    ("int16", "h", [-(2**15), 2**15 - 1]),
    ("uint16", "H", [0, 2**16 - 1]),
    ("int32", "i", [-(2**31), 2**31 - 1]),
    ("uint32", "I", [0, 2**32 - 1]),
    ("int64", "q", [-(2**63), 2**63 - 1]),
    ("uint64", "Q", [0, 2**64 - 1]),
    ("float", "f", [0.5, -math.inf]),
    ("float32", "f", [0.5, 0.0]),
    ("double", "d", [1 / 3, 1e300]),
    ("float64", "d", [1 / 3, -0.0]),
]
VARINTS = [
    ("var_uint32", 0, "00"), ("var_uint32", 127, "7f"), ("var_uint32", 128, "8001"), ("var_uint32", 16384, "808001"),
    ("var_uint32", 268435456, "8080808001"), ("var_uint32", 2**32 - 1, "ffffffff0f"),
    ("varint32", -1, "01"), ("varint32", 64, "8001"), ("varint32", 2**31 - 1, "feffffff0f"),
    ("varint32", -(2**31), "ffffffff0f"),
    ("var_uint64", 2**56 - 1, "ffffffffffffff7f"), ("var_uint64", 2**56, "808080808080808001"),
    ("var_uint64", 2**63, "808080808080808080"), ("var_uint64", 2**64 - 1, "ffffffffffffffffff"),
    ("varint64", 2**55, "808080808080808001"), ("varint64", -(2**63), "ffffffffffffffffff"),
    ("varint64", 2**63 - 1, "feffffffffffffffff"), ("varint64", 0, "00"),
    ("tagged_int64", 1, "02000000"), ("tagged_int64", -1, "feffffff"), ("tagged_int64", 2**30 - 1, "feffff7f"),
    ("tagged_int64", -(2**30), "00000080"), ("tagged_int64", 2**30, "010000004000000000"),
    ("tagged_int64", -(2**30) - 1, "01ffffffbfffffffff"),
    ("tagged_uint64", 2**31 - 1, "feffffff"), ("tagged_uint64", 2**31, "010000008000000000"),
    ("tagged_uint64", 2**64 - 1, "01ffffffffffffffff"),
]  # fmt: skip
STRINGS = [
    ("", "00"), ("a", "0461"), ("\u00e9", "04e9"), ("\u0100", "090001"), ("a\u4f60", "116100604f"),
    ("\U0001f600", "12f09f9880"), ("a\U0001f600", "1661f09f9880"), ("a" * 32, "8001" + "61" * 32),
]  # fmt: skip


def written(buffer):
    return buffer.get_bytes(0, buffer.get_writer_index())


# ---- typed access ---------------------------------------------------------------


@pytest.mark.parametrize("name, fmt, values", FIXED)
def test_fixed(name, fmt, values):
    buffer = Buffer.allocate(4)
    for value in values:
        assert getattr(buffer, "write_" + name)(value) is None
    packed = struct.pack("<%d%s" % (len(values), fmt), *values)
    assert written(buffer) == packed
    reader = Buffer(packed)
    for i, value in enumerate(values):
        assert getattr(reader, "get_" + name)(i * struct.calcsize(fmt)) == value
        result = getattr(reader, "read_" + name)()
        assert result == value and type(result) is type(value)
    assert reader.get_reader_index() == len(packed)
    with pytest.raises(ForyBufferOutOfBoundError, match=r"Buffer out of bound: %d \+ " % len(packed)):
        getattr(reader, "read_" + name)()
    assert reader.get_reader_index() == len(packed)
    writer = Buffer(bytearray(16))
    getattr(writer, "put_" + name)(3, values[0])
    assert getattr(writer, "get_" + name)(3) == values[0] and writer.get_writer_index() == 0
    for offset in (-1, 17 - struct.calcsize(fmt), 2**62):
        with pytest.raises(ForyBufferOutOfBoundError):
            getattr(writer, "put_" + name)(offset, values[0])
        with pytest.raises(ForyBufferOutOfBoundError):
            getattr(writer, "get_" + name)(offset)


@pytest.mark.parametrize("name, fmt, values", [f for f in FIXED if "int" in f[0]])
def test_integer_limits(name, fmt, values):
    buffer = Buffer.allocate(16)
    for bad in (min(values) - 1 if min(values) < -1 else -1, max(values) + 1, 10**30, -(10**30)):
        with pytest.raises(ForyOverflowError, match=name):
            getattr(buffer, "write_" + name)(bad)
        with pytest.raises(OverflowError):
            getattr(buffer, "put_" + name)(0, bad)
    for bad in (1.0, "1", None):
        with pytest.raises(ForyTypeError):
            getattr(buffer, "write_" + name)(bad)

    class Index:
        def __index__(self):
            return 5

    getattr(buffer, "write_" + name)(Index())
    getattr(buffer, "write_" + name)(True)
    assert getattr(buffer, "read_" + name)() == 5 and getattr(buffer, "read_" + name)() == 1


def test_int24():
    buffer = Buffer.allocate(0)
    for value in (0, 1, -1, 2**23 - 1, -(2**23), 0x123456):
        buffer.write_int24(value)
    assert written(buffer).hex() == "000000" "010000" "ffffff" "ffff7f" "000080" "563412"
    assert [buffer.read_int24() for _ in range(6)] == [0, 1, -1, 2**23 - 1, -(2**23), 0x123456]
    for bad in (2**23, -(2**23) - 1):
        with pytest.raises(OverflowError):
            buffer.write_int24(bad)
    buffer.put_int24(3, -2)
    assert buffer.get_int24(3) == -2


def test_floats():
    buffer = Buffer.allocate(0)
    buffer.write_float(1e39)
    buffer.write_float(math.nan)
    buffer.write_double(7)
    assert written(buffer).hex() == "0000807f" "0000c07f" + struct.pack("<d", 7).hex()
    for bad in ("1", None, 1j):
        with pytest.raises(ForyTypeError):
            buffer.write_float(bad)
        with pytest.raises(ForyTypeError):
            buffer.write_double(bad)
    with pytest.raises(OverflowError):
        buffer.write_double(10**400)


def test_bool_reads_any_byte():
    assert [Buffer(b"\x00\x01\xff").get_bool(i) for i in range(3)] == [False, True, True]


@pytest.mark.parametrize("name, value, text", VARINTS)
def test_varints(name, value, text):
    data = bytes.fromhex(text)
    buffer = Buffer.allocate(0)
    count = getattr(buffer, "write_" + name)(value)
    assert count == (None if name.startswith("tagged") else len(data))
    assert written(buffer) == data
    for source in (Buffer(data), Buffer(data + b"\xff" * 9), Buffer.from_stream(Dribble(data))):
        assert getattr(source, "read_" + name)() == value
        assert source.get_reader_index() == len(data)
    for end in range(len(data)):
        cut = Buffer(data[:end])
        with pytest.raises(ForyBufferOutOfBoundError):
            getattr(cut, "read_" + name)()
        assert cut.get_reader_index() == 0


def test_varint_limits():
    buffer = Buffer.allocate(0)
    for name, low, high in (
        ("varint32", -(2**31), 2**31 - 1),
        ("var_uint32", 0, 2**32 - 1),
        ("varint64", -(2**63), 2**63 - 1),
        ("var_uint64", 0, 2**64 - 1),
        ("tagged_int64", -(2**63), 2**63 - 1),
        ("tagged_uint64", 0, 2**64 - 1),
    ):
        for bad in (low - 1, high + 1):
            with pytest.raises(ForyOverflowError, match=name):
                getattr(buffer, "write_" + name)(bad)
        with pytest.raises(ForyTypeError):
            getattr(buffer, "write_" + name)(1.5)
    assert buffer.get_writer_index() == 0
    with pytest.raises(ForyInvalidDataError):
        Buffer(b"\xff\xff\xff\xff\x10").read_var_uint32()
    assert Buffer(b"\x80\x00").read_var_uint32() == 0


@pytest.mark.parametrize("text, expected", STRINGS)
def test_strings(text, expected):
    buffer = Buffer.allocate(1)
    buffer.write_string(text)
    assert written(buffer).hex() == expected
    assert buffer.read_string() == text
    assert Buffer.from_stream(Dribble(bytes.fromhex(expected))).read_string() == text
    cut = Buffer(bytes.fromhex(expected)[:-1])
    with pytest.raises(ForyBufferOutOfBoundError):
        cut.read_string()
    assert cut.get_reader_index() == 0


def test_string_errors():
    buffer = Buffer.allocate(8)
    for text in ("\ud800", "\ud83d\ude00", "\U0001f600\ud800"):
        with pytest.raises(ForyUnsupportedError, match="surrogate"):
            buffer.write_string(text)
    for bad in (b"a", None, 1):
        with pytest.raises(ForyTypeError):
            buffer.write_string(bad)
    assert buffer.get_writer_index() == 0
    for data in ("0561", "0461"[:2], "0762", "07", "0aff80", "1611111111"[:4], "fcffffffffffffff7f"):
        with pytest.raises(ValueError) as info:
            Buffer(bytes.fromhex(data)).read_string()
        assert isinstance(info.value, ForyInvalidDataError) and not isinstance(info.value, UnicodeError)
    assert Buffer(bytes.fromhex("0900d8")).read_string() == "\ud800"
    assert Buffer(bytes.fromhex("113dd800de")).read_string() == "\U0001f600"
    assert Buffer(bytes.fromhex("0eeda080")).read_string() == "\ud800"
    assert Buffer(bytes.fromhex("096100")).read_string() == "a"


def test_bytes():
    buffer = Buffer.allocate(0)
    buffer.write_bytes(b"abc")
    buffer.write_bytes_and_size(b"x" * 200)
    assert buffer.write(memoryview(b"yz")) == 2
    buffer.write_buffer(b"0123456", 2)
    buffer.write_buffer(bytearray(b"0123456"), src_index=1, length_=2)
    buffer.write_buffer(stdlib_array.array("H", [0x4241]))
    expected = b"abc" + b"\xc8\x01" + b"x" * 200 + b"yz" + b"23456" + b"12" + struct.pack("H", 0x4241)
    assert written(buffer) == expected
    assert buffer.read_bytes(3) == b"abc" and buffer.read_bytes_and_size() == b"x" * 200
    assert buffer.read(2) == b"yz" and buffer.read_bytes(0) == b""
    assert Buffer(b"\x01\x02\x03").read_bytes_as_int64(3) == 0x030201
    assert Buffer(b"\xff" * 8).read_bytes_as_int64(8) == -1 and Buffer(b"").read_bytes_as_int64(0) == 0
    for bad in (9, -1):
        with pytest.raises(ValueError):
            Buffer(b"\xff" * 9).read_bytes_as_int64(bad)
    for bad in (None, "abc", 5):
        for method in (buffer.write_bytes, buffer.write, buffer.write_bytes_and_size, buffer.write_buffer):
            with pytest.raises(TypeError):
                method(bad)
    for args in ((b"abc", 4), (b"abc", -1), (b"abc", 1, 3), (b"abc", 0, -1)):
        with pytest.raises(ValueError):
            buffer.write_buffer(*args)


def test_read_bytes_errors():
    buffer = Buffer(b"abc")
    for method in (buffer.read_bytes, buffer.read, buffer.skip, buffer.ensure_readable):
        with pytest.raises(ForyInvalidDataError, match="negative"):
            method(-1)
        with pytest.raises(ForyBufferOutOfBoundError, match=r"0 \+ 4 > 3"):
            method(4)
        with pytest.raises(ForyBufferOutOfBoundError):
            method(sys.maxsize)
        with pytest.raises(TypeError):
            method("1")
    assert buffer.get_reader_index() == 0
    sized = Buffer(b"\x05abc")
    with pytest.raises(EOFError):
        sized.read_bytes_and_size()
    assert sized.get_reader_index() == 0


def test_put_and_get_bytes():
    buffer = Buffer(bytearray(8))
    buffer.put_bytes(1, b"abc")
    buffer.put_buffer(5, b"0123456", 3, 2)
    buffer.put_buffer(7, b"xyz", 2)
    assert buffer.to_bytes() == b"\0abc\x0034z" and buffer.get_bytes(1, 3) == b"abc" and buffer.get_bytes(8, 0) == b""
    for call in (
        lambda: buffer.put_bytes(6, b"abc"),
        lambda: buffer.put_bytes(-1, b"a"),
        lambda: buffer.put_buffer(0, b"abc", 2, 2),
        lambda: buffer.put_buffer(0, b"abc", -1),
        lambda: buffer.get_bytes(6, 3),
        lambda: buffer.get_bytes(-1, 1),
        lambda: buffer.get_bytes(0, -1),
        lambda: buffer.check_bound(0, 9),
        lambda: buffer.check_bound(-1, 1),
    ):
        with pytest.raises(ForyInvalidDataError):
            call()
    buffer.check_bound(0, 8)
    assert buffer.to_bytes() == b"\0abc\x0034z"


def test_readline():
    buffer = Buffer(b"one\n\ntwo")
    assert [buffer.readline() for _ in range(4)] == [b"one", b"", b"two", b""]
    with pytest.raises(ValueError):
        buffer.readline(3)
    stream = Buffer.from_stream(Dribble(b"one\ntwo"))
    assert [stream.readline(-1) for _ in range(3)] == [b"one", b"two", b""]


def test_pickle_through_a_buffer():
    value = {"a": [1, 2.5, "x" * 500], "b": (None, b"bytes"), "c": bytearray(b"1"), "d": len}
    buffer = Buffer.allocate(8)
    pickle.Pickler(buffer, 4).dump(value)
    pickle.Pickler(buffer, 5).dump([1]) if pickle.HIGHEST_PROTOCOL >= 5 else pickle.Pickler(buffer).dump([1])
    reader = Buffer(written(buffer))
    assert pickle.Unpickler(reader).load() == value and pickle.Unpickler(reader).load() == [1]


# ---- construction and ranges ------------------------------------------------------


def test_construction():
    for data in (b"abcdef", bytearray(b"abcdef"), memoryview(b"abcdef"), stdlib_array.array("b", b"abcdef")):
        buffer = Buffer(data)
        assert len(buffer) == buffer.size() == 6 and not buffer.own_data() and not buffer.has_input_stream()
        assert buffer.get_reader_index() == buffer.get_writer_index() == 0
        assert Buffer(data, 2).to_bytes() == b"cdef" and Buffer(data, 2, 3).to_bytes() == b"cde"
        assert Buffer(data, offset=6).to_bytes() == b"" and Buffer(data, length=0).to_bytes() == b""
        for args in ((7,), (-1,), (0, 7), (3, 4), (0, -1), (2**62, 2**62)):
            with pytest.raises(ValueError, match="Wrong offset"):
                Buffer(data, *args)
    for bad in (None, 5, "abc", [1]):
        with pytest.raises(TypeError):
            Buffer(bad)
    with pytest.raises(TypeError):
        Buffer(memoryview(b"abcdef")[::2])
    with pytest.raises(TypeError):
        Buffer()
    raw = Buffer.__new__(Buffer)
    assert len(raw) == 0 and raw.to_bytes() == b""
    with pytest.raises(ForyBufferOutOfBoundError):
        raw.read_int8()


def test_empty():
    for buffer in (Buffer(b""), Buffer(bytearray()), Buffer.allocate(0), Buffer(b"abc").slice(1, 0)):
        assert buffer.to_bytes() == buffer.to_pybytes() == b"" and buffer.hex() == "" and buffer.slice().size() == 0
        assert bytes(buffer) == b"" and not buffer
    with pytest.raises(ValueError):
        Buffer.allocate(-1)
    with pytest.raises((OverflowError, MemoryError)):
        Buffer.allocate(2**80)


def test_view_is_not_a_copy():
    data = bytearray(8)
    buffer = Buffer(data)
    buffer.write_int32(-1)
    assert data == b"\xff" * 4 + b"\0" * 4
    data[4] = 7
    assert buffer.get_int8(4) == 7
    with pytest.raises(BufferError):
        data.append(1)
    del buffer
    data.append(1)


def test_indices():
    buffer = Buffer.allocate(8)
    buffer.set_reader_index(8)
    buffer.set_writer_index(8)
    for bad in (-1, 9):
        with pytest.raises(ValueError):
            buffer.set_writer_index(bad)
        with pytest.raises(ValueError):
            buffer.set_reader_index(bad)
    with pytest.raises(ForyBufferOutOfBoundError):
        buffer.set_reader_index(9)
    assert buffer.get_reader_index() == buffer.get_writer_index() == 8
    buffer.set_reader_index(0)
    buffer.skip(8)
    assert repr(buffer) == "Buffer(reader_index=8, writer_index=8, size=8)"


def test_growth():
    buffer = Buffer.allocate(0)
    for i in range(1000):
        buffer.write_int32(i)
    assert buffer.own_data() and buffer.size() >= 4000
    assert [buffer.read_int32() for _ in range(1000)] == list(range(1000))
    assert buffer.to_bytes(4000) == b"\0" * (buffer.size() - 4000)  # never old memory
    buffer = Buffer.allocate(4)
    buffer.reserve(2)
    assert buffer.size() == 4
    buffer.reserve(10)
    assert buffer.size() == 10
    buffer.ensure(11)
    assert buffer.size() >= 11
    buffer.set_writer_index(5)
    size = buffer.size()
    buffer.grow(size)
    assert buffer.size() >= size + 5 and buffer.get_writer_index() == 5
    for method in (buffer.grow, buffer.reserve):
        with pytest.raises(ValueError):
            method(-1)
        with pytest.raises(MemoryError):
            method(sys.maxsize)


def test_writing_past_the_end_of_borrowed_memory():
    data = bytearray(b"abcd")
    buffer = Buffer(data)
    buffer.write_bytes(b"1234")
    assert data == b"1234" and not buffer.own_data()
    buffer.write_bytes(b"56")
    assert buffer.own_data() and data == b"1234" and written(buffer) == b"123456"
    data.append(1)  # no longer held


def test_read_only():
    for data in (b"abcd", memoryview(b"abcd")):
        buffer = Buffer(data)
        for call in (
            lambda: buffer.write_int8(1),
            lambda: buffer.write_bytes(b""),
            lambda: buffer.write_string("a"),
            lambda: buffer.put_int8(0, 1),
            lambda: buffer.put_bytes(0, b"a"),
            lambda: buffer.grow(1),
            lambda: buffer.reserve(9),
        ):
            with pytest.raises(ForyTypeError, match="cannot modify read-only Buffer"):
                call()
        assert buffer.to_bytes() == b"abcd" and memoryview(buffer).readonly
        assert memoryview(buffer.slice(1)).readonly


def test_slices_share_memory():
    buffer = Buffer(bytearray(b"abcdef"))
    part = buffer.slice(2, 3)
    assert type(part) is Buffer and part.to_bytes() == b"cde" and part.get_reader_index() == 0
    part.put_int8(0, 0x7A)
    assert buffer.to_bytes() == b"abzdef" and buffer[2] == 0x7A
    assert part.slice(1).to_bytes() == b"de" and buffer[1:4].to_bytes() == b"bzd" and buffer[-2:].to_bytes() == b"ef"
    assert buffer[4:2].to_bytes() == b"" and buffer[:].to_bytes() == buffer.to_bytes()
    for args in ((7,), (-1,), (0, 7), (3, -1)):
        with pytest.raises(ValueError):
            buffer.slice(*args)
    del buffer
    gc.collect()
    assert part.to_bytes() == b"zde"


def test_slice_survives_growth():
    buffer = Buffer.allocate(4)
    buffer.write_bytes(b"abcd")
    part = buffer.slice(0, 4)
    for _ in range(100):
        buffer.write_bytes(b"x" * 100)
    assert part.to_bytes() == b"abcd"
    part.write_bytes(b"0123456789")
    assert written(part) == b"0123456789" and buffer.get_bytes(0, 4) == b"abcd"


def test_indexing():
    buffer = Buffer(b"abc")
    assert [buffer[i] for i in range(-3, 3)] == list(b"abcabc") and list(buffer) == list(b"abc")
    for bad in (3, -4, 2**70):
        with pytest.raises(IndexError):
            buffer[bad]
    for key in (slice(None, None, 2), slice(None, None, -1)):
        with pytest.raises(IndexError):
            buffer[key]
    with pytest.raises(TypeError):
        buffer["a"]
    with pytest.raises(TypeError):
        buffer[0] = 1


def test_export_to_bytes():
    buffer = Buffer(b"\x00\xffabc")
    assert buffer.hex() == "00ff616263" and buffer.to_pybytes() == b"\x00\xffabc"
    assert buffer.to_bytes(1) == buffer.to_bytes(1, 0) == b"\xffabc" and buffer.to_bytes(2, 2) == b"ab"
    assert buffer.to_bytes(offset=5) == b"" and buffer.to_bytes(length=1) == b"\x00"
    with pytest.raises(ValueError, match="offset 6 out of bound"):
        buffer.to_bytes(6)
    with pytest.raises(ValueError, match="Address range"):
        buffer.to_bytes(2, 4)
    with pytest.raises(ValueError):
        buffer.to_bytes(-1)
    with pytest.raises(ValueError):
        buffer.to_bytes(0, -1)


def test_identity_semantics():
    a, b = Buffer(b"a"), Buffer(b"a")
    assert a == a and a != b and hash(a) == hash(a)


def test_subclass():
    class Mine(Buffer):
        def __init__(self, data, tag):
            super().__init__(data)
            self.tag = tag

    mine = Mine(b"ab", tag=1)
    assert mine.tag == 1 and mine.read_int8() == 97
    assert type(Mine.allocate(3)) is Mine and type(Mine.from_stream(io.BytesIO(b"a"))) is Mine
    assert type(mine.slice()) is Buffer
    mine.me = mine
    del mine
    gc.collect()


# ---- buffer protocol --------------------------------------------------------------


def test_buffer_protocol():
    buffer = Buffer.allocate(4)
    view = memoryview(buffer)
    assert (view.format, view.ndim, view.shape, view.readonly) == ("B", 1, (4,), False)
    buffer.write_int16(258)
    assert bytes(view) == b"\x02\x01\0\0"
    view[3] = 9
    assert buffer.get_int8(3) == 9
    with pytest.raises(BufferError):
        buffer.write_bytes(b"12345")
    with pytest.raises(BufferError):
        buffer.__init__(b"other")
    assert buffer.get_writer_index() == 2
    view.release()
    buffer.write_bytes(b"12345")
    assert Buffer(buffer).get_bytes(2, 5) == b"12345"
    assert bytearray(buffer)[:2] == b"\x02\x01" and b"".join([buffer])[:2] == b"\x02\x01"


def test_write_into_itself():
    buffer = Buffer.allocate(16)
    buffer.write_bytes(b"abcdefgh")
    buffer.put_buffer(2, buffer, 0, 8)
    assert buffer.get_bytes(0, 10) == b"ababcdefgh"
    with pytest.raises(BufferError):
        buffer.write_bytes(buffer)
    buffer.write_buffer(buffer, 0, 8)
    assert buffer.get_bytes(8, 8) == b"ababcdef"


def test_index_that_resizes_the_buffer():
    class Evil:
        def __index__(self):
            buffer.reserve(100_000)
            return 7

    buffer = Buffer.allocate(8)
    buffer.write_int64(Evil())
    buffer.put_int8(Evil(), Evil())
    assert buffer.get_int8(0) == 7 and buffer.get_int8(7) == 7


# ---- input streams ----------------------------------------------------------------


class Dribble:
    """readinto() that gives a byte or two at a time."""

    def __init__(self, data, step=1):
        self.data, self.step, self.calls = memoryview(data), step, 0

    def readinto(self, room):
        self.calls += 1
        n = min(self.step, len(room), len(self.data))
        room[:n] = self.data[:n]
        self.data = self.data[n:]
        return n


def test_from_stream_short_reads():
    writer = Buffer.allocate(0)
    for i in range(300):
        writer.write_varint64(-(i**5))
        writer.write_string("text %d \u4f60" % i)
        writer.write_double(i)
        writer.write_bytes_and_size(b"z" * i)
    data = written(writer)
    for step, size in ((1, 1), (3, 16), (7, 4096), (10**6, 4096), (10**6, 5)):
        reader = Buffer.from_stream(Dribble(data, step), size)
        assert reader.has_input_stream()
        for i in range(300):
            assert reader.read_varint64() == -(i**5) and reader.read_string() == "text %d \u4f60" % i
            assert reader.read_double() == i and reader.read_bytes_and_size() == b"z" * i
            if i % 7 == 0:
                reader.shrink_input_buffer()
        with pytest.raises(ForyBufferOutOfBoundError):
            reader.read_int8()
        with pytest.raises(EOFError):
            reader.read_bytes(10)


def test_from_stream_kinds():
    class RecvInto:
        def recv_into(self, room, size):
            assert size == len(room) > 0
            room[:1] = b"r"
            return 1

    class Recvinto:
        def recvinto(self, room, size):
            room[:1] = b"s"
            return 1

    class All(RecvInto, Recvinto):
        def readinto(self, room):
            room[:1] = b"t"
            return 1

    assert Buffer.from_stream(RecvInto()).read_bytes(3) == b"rrr"
    assert Buffer.from_stream(Recvinto()).read_bytes(3) == b"sss"
    assert Buffer.from_stream(All(), buffer_size=8).read_bytes(3) == b"ttt"
    assert Buffer.from_stream(io.BytesIO(b"abc")).read_bytes(3) == b"abc"
    for bad in (None, 5, object(), b"abc"):
        with pytest.raises(ValueError, match="readinto"):
            Buffer.from_stream(bad)
    for size in (0, -1):
        with pytest.raises(ValueError):
            Buffer.from_stream(io.BytesIO(), size)


def test_from_socket_and_pipe():
    left, right = socket.socketpair()
    with left, right:
        thread = threading.Thread(target=lambda: [right.sendall(b"abcdefgh" * 1000), right.close()])
        thread.start()
        assert Buffer.from_stream(left).read_bytes(8000) == b"abcdefgh" * 1000
        thread.join()
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as reader, os.fdopen(write_end, "wb", buffering=0) as writer:
        buffer = Buffer.from_stream(reader)
        for word in (b"one", b"two"):
            writer.write(word)
            assert buffer.read_bytes(3) == word  # does not wait for a full block


def test_stream_buffer_is_neither_writable_nor_exported():
    buffer = Buffer.from_stream(io.BytesIO(b"abc"))
    with pytest.raises(ForyTypeError):
        buffer.write_int8(1)
    with pytest.raises(BufferError):
        memoryview(buffer)
    assert buffer.read_bytes(3) == b"abc"


def test_stream_indices_and_shrinking():
    buffer = Buffer.from_stream(Dribble(bytes(range(256)), 50), 32)
    buffer.set_reader_index(100)
    assert buffer.read_uint8() == 100
    buffer.set_reader_index(0)
    assert buffer.read_uint8() == 0
    buffer.shrink_input_buffer()
    assert buffer.get_reader_index() == 1  # too little to bother
    buffer.skip(99)
    part = buffer.slice(90, 5)
    data = buffer.get_bytes(90, 5)
    buffer.shrink_input_buffer()
    assert buffer.get_reader_index() == 0 and buffer.read_uint8() == 100
    assert buffer.read_bytes(155) == bytes(range(101, 256))
    assert part.to_bytes() == data == bytes(range(90, 95))
    with pytest.raises(ForyBufferOutOfBoundError):
        buffer.set_reader_index(buffer.size() + 1)
    with pytest.raises(ForyBufferOutOfBoundError):
        buffer.ensure_readable(1)


def test_huge_length_is_not_believed():
    tracemalloc.start()
    try:
        buffer = Buffer.from_stream(Dribble(b"\xff\xff\xff\xff\x0f" + b"x" * 100, 1000))
        with pytest.raises(ForyBufferOutOfBoundError):
            buffer.read_bytes_and_size()
        with pytest.raises(ForyBufferOutOfBoundError):
            Buffer.from_stream(Dribble(b"")).ensure_readable(2**60)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert buffer.get_reader_index() == 0 and buffer.read_bytes(105)[-1:] == b"x"


def test_stream_exception_loses_nothing():
    class Flaky(Dribble):
        def readinto(self, room):
            if self.calls % 2:
                self.calls += 1
                raise TimeoutError("later")
            return super().readinto(room)

    buffer = Buffer.from_stream(Flaky(bytes(range(40)), 3))
    got, errors = [], 0
    while len(got) < 10:
        try:
            got.append(buffer.read_int32())
        except TimeoutError as error:
            assert str(error) == "later"
            errors += 1
    assert got == list(struct.unpack("<10i", bytes(range(40)))) and errors > 5


@pytest.mark.parametrize("result, error", [(None, BlockingIOError), (-1, ValueError), (10**6, ValueError),
                                           ("1", TypeError), (10**30, OverflowError)])  # fmt: skip
def test_stream_that_lies(result, error):
    class Stream:
        def readinto(self, room):
            return result

    with pytest.raises(error):
        Buffer.from_stream(Stream()).read_int8()


def test_stream_that_keeps_its_room():
    kept = []

    class Stream(Dribble):
        def readinto(self, room):
            kept.append(room)
            return super().readinto(room)

    buffer = Buffer.from_stream(Stream(b"abcdefghij" * 100, 10), 16)
    assert buffer.read_bytes(1000) == b"abcdefghij" * 100
    buffer.shrink_input_buffer()
    for room in kept:
        room[:] = b"!" * len(room)


def test_stream_that_uses_the_buffer_it_fills():
    class Stream:
        def readinto(self, room):
            return use()

    for use in (lambda: buffer.read_int64(), lambda: buffer.__init__(b"abcdefgh")):
        buffer = Buffer.from_stream(Stream())
        with pytest.raises(RuntimeError):
            buffer.read_int32()
        assert buffer.has_input_stream()

    buffer = Buffer.from_stream(Stream())
    use = lambda: buffer.shrink_input_buffer() or 1  # noqa: E731
    assert buffer.read_bytes(2) == b"\0\0"


# ---- output streams ---------------------------------------------------------------


class Sink:
    def __init__(self, results=None):
        self.chunks, self.flushes, self.results = [], 0, results

    def write(self, data):
        if self.results:
            result = self.results.pop(0)
            if isinstance(result, Exception):
                raise result
            if result is not None and result > 0:
                data = data[:result]
            self.chunks.append(data)
            return result
        self.chunks.append(data)
        return None

    def flush(self):
        self.flushes += 1


def test_output_stream():
    sink = Sink()
    out = Buffer.wrap_output_stream(sink)
    assert out.get_output_stream() is sink
    buffer = Buffer.allocate(16)
    assert buffer.get_output_stream() is None
    buffer.bind_output_stream(out)
    assert buffer.get_output_stream() is out
    buffer.write_bytes(b"a" * 4095)
    out.try_flush()
    assert sink.chunks == []
    out.enter_flush_barrier()
    buffer.write_bytes(b"b")
    out.try_flush()
    with pytest.raises(ValueError):
        out.force_flush()
    assert sink.chunks == []
    out.exit_flush_barrier()
    out.try_flush()
    assert sink.chunks == [b"a" * 4095 + b"b"] and buffer.get_writer_index() == 0 and sink.flushes == 0
    buffer.write_bytes(b"cd")
    assert sink.chunks[0][:1] == b"a"
    out.force_flush()
    assert sink.chunks[1] == b"cd" and sink.flushes == 1
    buffer.write_bytes(b"ef")
    out.reset()
    out.force_flush()
    assert len(sink.chunks) == 2 and buffer.get_writer_index() == 0
    with pytest.raises(ValueError):
        out.exit_flush_barrier()
    buffer.bind_output_stream(None)
    assert buffer.get_output_stream() is None
    buffer.write_bytes(b"x" * 5000)
    out.force_flush()
    assert len(sink.chunks) == 2
    with pytest.raises(ValueError, match="write"):
        Buffer.wrap_output_stream(object())
    with pytest.raises(ValueError):
        buffer.bind_output_stream(5)
    buffer.bind_output_stream(io.BytesIO())  # bare streams are wrapped
    buffer.get_output_stream().force_flush()
    assert buffer.get_output_stream().get_output_stream().getvalue() == b"x" * 5000


def test_output_short_writes_and_errors():
    sink = Sink([2, 1, None])
    buffer = Buffer.allocate(0)
    buffer.bind_output_stream(Buffer.wrap_output_stream(sink))
    buffer.write_bytes(b"abcdef")
    buffer.get_output_stream().force_flush()
    assert sink.chunks == [b"ab", b"c", b"def"]
    for bad in (0, -1, 100):
        sink.results = [bad]
        buffer.write_bytes(b"xy")
        with pytest.raises(ValueError):
            buffer.get_output_stream().force_flush()
        assert written(buffer) == b"xy"
        buffer.set_writer_index(0)
    sink.results, sink.chunks = [1, OSError("disk")], []
    buffer.write_bytes(b"xyz")
    with pytest.raises(OSError, match="disk"):
        buffer.get_output_stream().force_flush()
    assert written(buffer) == b"yz"
    buffer.get_output_stream().force_flush()
    assert b"".join(sink.chunks) == b"xyz"


def test_output_cycle_is_collected():
    import weakref

    class Tracked(Sink):
        pass

    sink = Tracked()
    seen = weakref.ref(sink)
    buffer = Buffer.allocate(0)
    buffer.bind_output_stream(Buffer.wrap_output_stream(sink))
    sink.buffer = buffer
    del sink, buffer
    gc.collect()
    assert seen() is None


# ---- leaks ------------------------------------------------------------------------


# The interpreter's cache of type attributes keeps the names that were looked up.
clear_type_cache = getattr(sys, "_clear_type_cache", gc.collect)


def exercise():
    buffer = Buffer.allocate(4)
    for i in range(50):
        buffer.write_varint64(i)
        buffer.write_string("abc\u4f60")
        buffer.write_bytes_and_size(b"abc")
        buffer.write_double(1.5)
    reader = Buffer.from_stream(Dribble(written(buffer), 100), 64)
    for _ in range(50):
        reader.read_varint64(), reader.read_string(), reader.read_bytes_and_size(), reader.read_double()
        reader.shrink_input_buffer()
    part = buffer.slice(1, 5)[1:]
    memoryview(part), buffer.hex(), repr(buffer), list(part), bytes(part)
    buffer.bind_output_stream(Sink())
    buffer.get_output_stream().force_flush()
    buffer.bind_output_stream(None)
    for bad in (lambda: Buffer(None), lambda: Buffer(b"a", 5), lambda: reader.read_int8(), lambda: reader.write_int8(1),
                lambda: buffer.write_int8(1000), lambda: buffer.write_string("\ud800"), lambda: part.read_bytes(99),
                lambda: Buffer(b"\x12\xffbcd").read_string(), lambda: memoryview(reader)):  # fmt: skip
        with pytest.raises(Exception):
            bad()


def test_no_leaks():
    for _ in range(10):
        exercise()
    clear_type_cache()
    refs = sys.getrefcount(Buffer), sys.getrefcount(None)
    tracemalloc.start()
    try:
        exercise()
        gc.collect()
        clear_type_cache()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            exercise()
        gc.collect()
        clear_type_cache()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 2500
    assert abs(sys.getrefcount(Buffer) - refs[0]) < 20 and abs(sys.getrefcount(None) - refs[1]) < 100
