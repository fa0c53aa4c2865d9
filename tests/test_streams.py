"""Fory.dump and Fory.load on streams of all kinds, and pyfory.Reader."""

from __future__ import annotations

import bz2
import dataclasses
import datetime
import decimal
import enum
import gzip
import io
import mmap
import os
import random
import socket
import threading
import tracemalloc
from typing import Any, Dict, List, Optional

import pytest

import pyfory
from pyfory import Buffer
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyError,
    ForyInvalidDataError,
    ForyLimitError,
    ForyTypeError,
)


class Color(enum.Enum):
    RED = 1
    BLUE = 1000


@dataclasses.dataclass
class Point:
    x: pyfory.Int32 = 0
    y: float = 0.0


@dataclasses.dataclass
class Order:
    name: str = ""
    points: List[Point] = dataclasses.field(default_factory=list)
    by_name: Dict[str, Point] = dataclasses.field(default_factory=dict)
    color: Color = Color.RED
    note: Optional[str] = None
    nested: Optional[Point] = None
    anything: Any = None


class Celsius:
    reads = 0

    def __init__(self, degrees):
        self.degrees = degrees

    def __eq__(self, other):
        return isinstance(other, Celsius) and other.degrees == self.degrees


class CelsiusSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_float64(value.degrees)
        write_context.write_string("C")

    def read(self, read_context):
        Celsius.reads += 1
        degrees = read_context.read_float64()
        assert read_context.read_string() == "C"
        return Celsius(degrees)


def make(**options):
    fory = pyfory.Fory(**options)
    fory.register(Point, name="test.Point")
    fory.register(Order, name="test.Order")
    fory.register(Color, name="test.Color")
    fory.register(Celsius, name="test.Celsius", serializer=CelsiusSerializer(fory, Celsius))
    return fory


ORDER = Order(
    "first",
    [Point(i * 1000003 % 2**31, i / 3) for i in range(20)],
    {"k%d" % i: Point(i, -i) for i in range(5)},
    Color.BLUE,
    "größer",
    Point(-1, 1e300),
    [1, "two", None, 3.0, {"k": [True, b"bytes"]}, Point(7, 7.0)],
)
SHARED = [1, 2]
VALUES = [
    None, True, 0, -1, 2**62, -(2**63), 1.5, "", "text", "日本語" * 50, "x" * 300, b"", b"b" * 100000,
    [], [1, 2, 3], list(range(-3000, 3000)), [10**k for k in range(18)], [1.5] * 1000, [True, False] * 40,
    ["s%d" % i for i in range(500)], [1, None, "x", 2.5], (1, 2), {1, 2, 3}, {}, {"a": 1, "b": [1, {"c": 2}]},
    {i: str(i) for i in range(20000)}, {None: 1, "x": None, 3: 4}, [None] * 100, [[], [[]], [[[]]]],
    datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.timezone.utc), datetime.date(2024, 2, 29),
    datetime.timedelta(days=-3, microseconds=7), decimal.Decimal("3.14"), decimal.Decimal(10) ** 60,
    pyfory.Int32Array(range(1000)), pyfory.Float64Array([1.5, 2.5]), [SHARED, SHARED],
    Color.BLUE, Point(3, 4.0), ORDER, [ORDER, Point(), ORDER], Celsius(21.5), [Celsius(i) for i in range(5)],
]  # fmt: skip


def back(value):
    """What value looks like after a round trip (tuples are lists)."""
    return list(value) if isinstance(value, tuple) else value


class Unseekable:
    """readinto only; at most `step` bytes at a time; counts what was asked for."""

    def __init__(self, data, step=None):
        self.data = memoryview(bytes(data))
        self.position = 0
        self.step = step
        self.calls = 0

    def readinto(self, room):
        self.calls += 1
        n = len(room) if self.step is None else min(len(room), self.step)
        piece = self.data[self.position : self.position + n]
        room[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)


class ReadOnly(Unseekable):
    """read only."""

    readinto = property()

    def read(self, n):
        room = bytearray(n)
        count = Unseekable.readinto(self, room)
        return bytes(room[:count])


class Receiver(Unseekable):
    readinto = property()

    def recv_into(self, room, size):
        assert len(room) == size
        return Unseekable.readinto(self, room)


class Peekable(ReadOnly):
    def peek(self, n=0):
        return bytes(self.data[self.position : self.position + (self.step or 100)])


class Seekable(io.RawIOBase):
    def __init__(self, data, step=None):
        self.inner = io.BytesIO(data)
        self.step = step

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        return self.inner.seek(offset, whence)

    def tell(self):
        return self.inner.tell()

    def readinto(self, room):
        return self.inner.readinto(memoryview(room)[: self.step or len(room)])


KINDS = [Unseekable, ReadOnly, Receiver, Peekable, Seekable]


def where(stream):
    return stream.tell() if hasattr(stream, "tell") else stream.position


OPTIONS = [{}, {"ref": True}, {"compatible": False}, {"compatible": False, "ref": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_value_ends_exactly(kind, step, options):
    fory = make(**options)
    values = VALUES if step is None else [v for v in VALUES if not isinstance(v, (bytes, dict)) or len(v) < 1000]
    data = io.BytesIO()
    ends = []
    for value in values:
        fory.dump(value, data)
        ends.append(data.tell())
    assert data.getvalue() == b"".join(fory.dumps(v) for v in values)
    stream = kind(data.getvalue() + b"tail", step)
    for value, end in zip(values, ends):
        assert fory.load(stream) == back(value)
        assert where(stream) == end


def test_references_survive():
    fory = make(ref=True)
    ring = [1]
    ring.append(ring)
    stream = Unseekable(fory.dumps([SHARED, SHARED]) + fory.dumps(ring), 3)
    first = fory.load(stream)
    assert first[0] is first[1]
    again = fory.load(stream)
    assert again[1] is again


def test_many_messages_in_a_file(tmp_path):
    fory = make()
    path = tmp_path / "messages"
    with open(path, "wb") as f:
        for i in range(3000):
            fory.dump({"n": i, "text": "x" * (i % 50)}, f)
    for buffering in (0, -1, 16):
        with open(path, "rb", buffering=buffering) as f:
            for i in range(3000):
                assert fory.load(f)["n"] == i
            with pytest.raises(EOFError):
                fory.load(f)
        with open(path, "rb", buffering=buffering) as f:
            assert [m["n"] for m in pyfory.Reader(f, fory)] == list(range(3000))
    with open(path, "r+b") as f:
        assert fory.load(f)["n"] == 0
        assert f.tell() == len(fory.dumps({"n": 0, "text": ""}))
    with open(path) as f, pytest.raises((TypeError, ValueError)):
        fory.load(f)


def test_bytesio_position_and_empty():
    fory = make()
    stream = io.BytesIO(b"head" + fory.dumps("value") + b"tail")
    stream.seek(4)
    assert fory.load(stream) == "value"
    assert stream.read() == b"tail"
    with pytest.raises(ForyBufferOutOfBoundError):
        fory.load(stream)


@pytest.mark.parametrize("opener", [gzip.open, bz2.open])
def test_compressed(opener, tmp_path):
    fory = make()
    path = tmp_path / "packed"
    with opener(path, "wb") as f:
        for value in VALUES:
            fory.dump(value, f)
    with opener(path, "rb") as f:
        assert [fory.load(f) for _ in VALUES] == [back(v) for v in VALUES]
        assert f.read() == b""
    with opener(path, "rb") as f:
        assert list(pyfory.Reader(f, fory)) == [back(v) for v in VALUES]


@pytest.mark.parametrize("buffering", [0, -1])
def test_pipe_answers(buffering):
    """A message is complete when its last byte came: load waits for nothing behind it."""
    fory = make()
    ask, answer = os.pipe(), os.pipe()

    def serve():
        with os.fdopen(ask[0], "rb", buffering) as source, os.fdopen(answer[1], "wb", 0) as sink:
            for _ in range(200):
                fory.dump(fory.load(source), sink)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with os.fdopen(answer[0], "rb", buffering) as source, os.fdopen(ask[1], "wb", 0) as sink:
        for i in range(200):
            value = [i, ORDER, {"k": Celsius(i)}, "x" * i]
            fory.dump(value, sink)
            assert fory.load(source) == value
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("how", ["load", "reader", "makefile"])
def test_sockets(how):
    fory = pyfory.ThreadSafeFory()
    fory.register(Point, name="test.Point")
    left, right = socket.socketpair()
    big = list(range(300000))

    def serve():
        source = left.makefile("rb") if how == "makefile" else left
        reader = pyfory.Reader(left, fory)
        for _ in range(51):
            value = reader.read() if how == "reader" else fory.load(source)
            left.sendall(fory.dumps(value))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with right.makefile("wb") as sink:
        for value in [[Point(i, i / 2), "é" * i] for i in range(50)] + [big]:
            fory.dump(value, sink)
            assert fory.load(right) == value
    thread.join(30)
    assert not thread.is_alive()
    left.close()
    right.close()


def test_reader_on_a_closed_socket():
    left, right = socket.socketpair()
    fory = make()
    left.sendall(fory.dumps(1) + fory.dumps("two") + fory.dumps("three")[:-2])
    left.close()
    reader = pyfory.Reader(right, fory)
    assert next(reader) == 1
    assert next(reader) == "two"
    with pytest.raises(ForyBufferOutOfBoundError):
        next(reader)
    with pytest.raises(ForyInvalidDataError, match="earlier message"):
        next(reader)
    right.close()


def test_timeouts_lose_nothing_in_a_reader():
    left, right = socket.socketpair()
    fory = make()
    data = fory.dumps(ORDER)
    reader = pyfory.Reader(right, fory)
    right.settimeout(0.01)
    for i in range(0, len(data) - 40, 40):
        left.sendall(data[i : i + 40])
        with pytest.raises(socket.timeout):
            reader.read()
    left.sendall(data[i + 40 :] + fory.dumps("next"))
    assert reader.read() == ORDER
    assert reader.read() == "next"
    right.setblocking(False)
    with pytest.raises(BlockingIOError):
        next(reader)
    left.close()
    with pytest.raises(StopIteration):
        next(reader)
    right.close()


def large_values():
    rng = random.Random(5)
    return [
        "y" * 5_000_000,
        "ü€" * 1_500_000,
        os.urandom(5_000_000),
        [rng.getrandbits(62) for _ in range(600000)],
        ["%d" % rng.getrandbits(rng.choice([8, 64, 400])) for _ in range(100000)],
        [Point(i, float(i)) for i in range(100000)],
        {"key%d" % i: [i, str(i)] for i in range(60000)},
        pyfory.Float64Array([0.5] * 600000),
    ]


def test_large_messages():
    fory = make(max_graph_memory_bytes=2**40)
    values = large_values()
    data = b"".join(fory.dumps(v) for v in values)
    for kind, step in ((Unseekable, 60000), (Peekable, 50000), (Seekable, None)):
        stream = kind(data + b"!", step)
        for value in values:
            assert fory.load(stream) == value
        assert where(stream) == len(data)
    assert list(pyfory.Reader(Unseekable(data, 9999), fory)) == values


def test_cost_is_linear():
    """No byte is asked for twice, and user code runs once per value."""
    fory = make()
    values = [Celsius(i) for i in range(2000)]
    data = fory.dumps(values)
    Celsius.reads = 0
    stream = Unseekable(data)
    assert fory.load(stream) == values
    assert Celsius.reads == 2000
    assert stream.calls < 10000
    Celsius.reads = 0
    assert fory.deserialize(Buffer.from_stream(Unseekable(data, 100), 16)) == values
    assert Celsius.reads == 2000


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_is_an_eof(kind):
    fory = make()
    data = fory.dumps(ORDER)
    for n in range(len(data)):
        with pytest.raises(ForyBufferOutOfBoundError):
            fory.load(kind(data[:n]))
        reader = pyfory.Reader(kind(data + data[:n], 50), fory, buffer_size=64)
        assert next(reader) == ORDER
        with pytest.raises(StopIteration if n == 0 else ForyBufferOutOfBoundError):
            next(reader)


@pytest.mark.parametrize("options", [{}, {"compatible": False, "ref": True}], ids=str)
def test_damage_is_reported_as_for_bytes(options):
    fory = make(**options)
    data = fory.dumps([ORDER, {"k": [1, 2.5, "x", b"y"]}, ORDER])
    rng = random.Random(1)
    for _ in range(3000):
        bad = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        bad = bytes(bad)
        results = []
        for source in (bad, Unseekable(bad), Buffer.from_stream(Unseekable(bad, 9), 16)):
            try:
                results.append(repr(fory.load(source) if isinstance(source, Unseekable) else fory.loads(source)))
            except (ForyError, AssertionError) as e:
                results.append(e)
        if isinstance(results[0], ForyLimitError):
            # how much is left is not known of a stream: other damage may be found first
            assert all(isinstance(e, ForyError) for e in results)
        elif isinstance(results[0], Exception):
            assert [(type(e), str(e)) for e in results[1:]] == [(type(results[0]), str(results[0]))] * 2, bad.hex()
        else:
            assert results[1] == results[0] and results[2] == results[0], bad.hex()


def test_announced_sizes_are_not_believed():
    fory = make()
    huge = bytes([1, 0xFF, pyfory.TypeId.BINARY]) + b"\xff\xff\xff\xff\x0f"
    many = bytes([1, 0xFF, pyfory.TypeId.INT64_ARRAY]) + b"\xf8\xff\xff\xff\x0f"
    text = fory.dumps("x" * 200)
    head = text[: text.index(b"x")]
    for data in (huge, many, head):
        stream = Unseekable(data + b"z" * 100)
        tracemalloc.start()
        try:
            with pytest.raises(ForyBufferOutOfBoundError):
                fory.load(stream)
            assert tracemalloc.get_traced_memory()[1] < 2**21
        finally:
            tracemalloc.stop()


def test_failed_load_leaves_seekable_streams_where_it_stopped():
    fory = make()
    good = fory.dumps("good")
    stream = io.BytesIO(b"\xfe" + good)
    with pytest.raises(ForyInvalidDataError):
        fory.load(stream)
    assert stream.tell() <= 1


class Failure(Exception):
    pass


class Failing(Unseekable):
    def readinto(self, room):
        if self.position >= 100:
            raise Failure("disk on fire")
        return Unseekable.readinto(self, room)


class FailingRead(Failing):
    readinto = property()

    def read(self, n):
        room = bytearray(n)
        return bytes(room[: Failing.readinto(self, room)])


@pytest.mark.parametrize("kind", [Failing, FailingRead])
def test_stream_exceptions_pass_unchanged(kind):
    fory = make()
    data = fory.dumps(["x" * 50, ORDER, {"k": ORDER}])
    for call in (fory.load, lambda s: pyfory.Reader(s, fory, 32).read(), lambda s: next(pyfory.Reader(s, fory, 32))):
        with pytest.raises(Failure, match="^disk on fire") as caught:
            call(kind(data, 30))
        assert type(caught.value) is Failure
    if kind is Failing:
        buffer = Buffer.from_stream(kind(data, 30), 16)
        with pytest.raises(Failure):
            fory.deserialize(buffer)
        assert buffer.get_reader_index() == 0
    with pytest.raises(KeyboardInterrupt):

        class Stop(Unseekable):
            def readinto(self, room):
                raise KeyboardInterrupt

        fory.load(Stop(b""))


def test_what_is_not_a_stream():
    fory = make()
    for bad in (object(), 3, None, b"bytes"):
        with pytest.raises(ValueError):
            fory.load(bad)
        with pytest.raises(ValueError):
            pyfory.Reader(bad, fory)
    with pytest.raises(TypeError):
        fory.load(io.StringIO("text"))
    with pytest.raises(TypeError):
        pyfory.Reader(io.BytesIO(), 5)
    with pytest.raises(ValueError):
        pyfory.Reader(io.BytesIO(), fory, buffer_size=0)


class Odd(Unseekable):
    answer: Any = None

    def readinto(self, room):
        return self.answer


def test_odd_answers():
    fory = make()
    for answer, error in ((None, BlockingIOError), (-1, ValueError), (10**6, ValueError), ("x", TypeError)):
        stream = Odd(b"")
        stream.answer = answer
        with pytest.raises(error):
            fory.load(stream)
        with pytest.raises(error):
            pyfory.Reader(stream, fory).read()

    class Generous(ReadOnly):
        def read(self, n):
            return b"x" * (n + 1)

    with pytest.raises(ValueError):
        fory.load(Generous(b""))
    assert isinstance(pytest.raises(ForyTypeError, fory.load, io.StringIO("x")).value, TypeError)


class Partial(io.RawIOBase):
    def __init__(self, step, answer=True):
        self.got = bytearray()
        self.step = step
        self.flushed = 0

    def write(self, data):
        taken = bytes(data[: self.step])
        self.got += taken
        return len(taken)

    def flush(self):
        self.flushed += 1


@pytest.mark.parametrize("step", [1, 13, 10**9])
def test_partial_writes(step):
    fory = make()
    stream = Partial(step)
    fory.dump(ORDER, stream)
    assert bytes(stream.got) == fory.dumps(ORDER)
    assert stream.flushed == 1


def test_failing_writes():
    class Full:
        def write(self, data):
            raise Failure("full")

    fory = make()
    with pytest.raises(Failure):
        fory.dump(1, Full())
    with pytest.raises(ValueError):
        fory.dump(1, Partial(0))
    with pytest.raises(ValueError):
        fory.dump(1, object())


def test_mmap(tmp_path):
    fory = make()
    path = tmp_path / "mapped"
    with open(path, "wb") as f:
        for value in VALUES:
            fory.dump(value, f)
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert fory.loads(mapped) == VALUES[0]
        buffer = Buffer(mapped)
        assert [fory.loads(buffer) for _ in VALUES] == [back(v) for v in VALUES]
        assert buffer.get_reader_index() == len(mapped)
        del buffer
        assert [fory.load(mapped) for _ in VALUES] == [back(v) for v in VALUES]
        assert mapped.tell() == len(mapped)
        with pytest.raises(EOFError) as caught:
            fory.load(mapped)
        # closing the file works although the traceback is still alive
        mapped.close()
        del caught


def test_a_mapped_file_is_not_copied(tmp_path):
    path = tmp_path / "large"
    fory = make()
    size = 256 * 1024 * 1024
    with open(path, "wb") as f:
        fory.dump([1, "x"], f)
        end = f.tell()
        f.truncate(size)  # a hole
    with open(path, "r+b") as f, mmap.mmap(f.fileno(), 0) as mapped:
        tracemalloc.start()
        try:
            assert fory.loads(mapped) == [1, "x"] == fory.load(mapped) and mapped.tell() == end
            buffer = Buffer(mapped)
            assert fory.loads(buffer) == [1, "x"]
            view = memoryview(buffer)
            mapped[end] = 77
            assert view[end] == 77 and buffer.get_int8(end) == 77 and len(buffer) == size
            assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
        finally:
            tracemalloc.stop()
        with pytest.raises(BufferError):
            mapped.close()
        view.release()
        del buffer


def test_out_of_band():
    fory = make()
    buffers: List[Any] = []

    def callback(o):
        buffers.append(o)
        return False

    data = fory.serialize([b"a" * 100, "x"], buffer_callback=callback)
    views = [b.getbuffer() for b in buffers]
    assert fory.load(Unseekable(data, 1), views) == [b"a" * 100, "x"]
    assert fory.load(io.BytesIO(data), buffers=views) == [b"a" * 100, "x"]
    assert pyfory.Reader(Unseekable(data), fory).read(buffers=views) == [b"a" * 100, "x"]


def test_reader_defaults_and_memory():
    assert list(pyfory.Reader(io.BytesIO())) == []
    fory = pyfory.Fory()
    reader = pyfory.Reader(Unseekable(fory.dumps("x" * 5000) * 2000), buffer_size=10000)
    assert iter(reader) is reader
    assert sum(len(v) for v in reader) == 5000 * 2000
    assert reader._buffer.size() < 100000
    with pytest.raises(EOFError):
        reader.read()
    with pytest.raises(EOFError):
        reader.read()


def test_reader_follows_a_growing_stream():
    fory = pyfory.Fory()
    stream = io.BytesIO()
    reader = pyfory.Reader(stream, fory)
    for i in range(5):
        assert list(reader) == []
        end = stream.tell()
        fory.dump(i, stream)
        stream.seek(end)
        assert next(reader) == i


def test_a_serializer_may_read_another_stream():
    fory = pyfory.Fory()
    other = Unseekable(pyfory.Fory().dumps("inner") * 10, 1)

    class Box:
        def __init__(self, v):
            self.v = v

    class BoxSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_varint64(value.v)

        def read(self, read_context):
            assert fory.load(other) == "inner"
            return Box(read_context.read_varint64())

    fory.register(Box, name="test.Box", serializer=BoxSerializer(fory, Box))
    data = fory.dumps([Box(1), Box(2**40)])
    assert [b.v for b in fory.load(Unseekable(data, 1))] == [1, 2**40]


def test_a_stream_that_reads_its_own_buffer():
    fory = pyfory.Fory()
    data = fory.dumps(["x" * 40] * 40)

    class Meddling(Unseekable):
        buffer: Any = None

        def readinto(self, room):
            for attempt in (self.buffer.shrink_input_buffer, lambda: self.buffer.set_reader_index(0)):
                try:
                    attempt()
                except Exception:
                    pass
            return Unseekable.readinto(self, room)

    stream = Meddling(data, 10)
    stream.buffer = Buffer.from_stream(stream, 8)
    assert fory.deserialize(stream.buffer) == ["x" * 40] * 40


def test_exact_buffers_never_read_ahead():
    stream = Unseekable(bytes(range(100)))
    buffer = Buffer.from_stream(stream, exact=True)
    for i in range(100):
        assert buffer.read_uint8() == i
        assert stream.position == i + 1


def test_compatible_readers_of_an_older_schema():
    @dataclasses.dataclass
    class Old:
        x: pyfory.Int32 = 0

    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(Point, name="a.P")
    reader.register(Old, name="a.P")
    stream = Unseekable(writer.dumps([Point(1, 2.0), Point(3, 4.0)]) + writer.dumps(Point(5, 6.0)), 1)
    assert reader.load(stream) == [Old(1), Old(3)]
    assert reader.load(stream) == Old(5)
    strict = pyfory.Fory(max_type_meta_bytes=4)
    strict.register(Old, name="a.P")
    with pytest.raises(ForyLimitError, match="max_type_meta_bytes"):
        strict.load(Unseekable(writer.dumps(Point(1, 2.0))))


def test_unbacked_budget_holds_on_streams():
    """Elements without bytes are charged as they come: what a stream still holds is not known."""
    count = 10000
    data = bytes([1, 0xFF, pyfory.TypeId.LIST, count & 0x7F | 0x80, count >> 7, 8, pyfory.TypeId.NONE])
    strict = pyfory.Fory(max_unbacked_container_items=100)
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        strict.load(Unseekable(data))
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        strict.load(io.BytesIO(data + bytes(100000)))
    stream = Unseekable(data + b"x")
    assert pyfory.Fory(max_unbacked_container_items=count).load(stream) == [None] * count
    assert stream.position == len(data)


def test_serializers_move_in_the_message():
    """The reader index of a context counts from the start of the message, however it came in."""

    class Twice:
        def __init__(self, v):
            self.v = v

    class TwiceSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_string(value.v)
            write_context.write_bytes(b"abc")

        def read(self, read_context):
            start = read_context.get_reader_index()
            text = read_context.read_string()
            end = read_context.get_reader_index()
            read_context.set_reader_index(start)
            assert read_context.read_string() == text
            read_context.set_reader_index(end + 2)
            assert read_context.read_bytes(1) == b"c"
            read_context.set_reader_index(end)
            read_context.check_readable_bytes(3)
            assert read_context.read_bytes(3) == b"abc"
            return Twice(text)

    fory = pyfory.Fory()
    fory.register(Twice, name="test.Twice", serializer=TwiceSerializer(fory, Twice))
    data = fory.dumps([Twice("x" * 10000), Twice("y")])
    for kind in KINDS:
        stream = kind(data + b"tail", 3)
        assert [t.v for t in fory.load(stream)] == ["x" * 10000, "y"]
        assert where(stream) == len(data)
