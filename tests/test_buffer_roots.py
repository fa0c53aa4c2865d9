"""Buffers and bytes-like objects as input and output, several roots in one
buffer, and out-of-band bytes."""

import array
import mmap
from dataclasses import dataclass

import pytest

import pyfory
import support
from pyfory.error import ForyError

VALUES = [1, "text", [1, [2, {"k": None}]], {"a": 1.5}, None, b"blob", "x" * 3000, True]


@dataclass
class P:
    a: int = 1
    b: str = "b"


def test_serialize_returns_bytes():
    assert type(pyfory.Fory().serialize([1])) is bytes
    assert type(pyfory.Fory().dumps([1])) is bytes


def test_into_a_buffer():
    fory = pyfory.Fory()
    buffer = pyfory.Buffer.allocate(8)
    assert fory.serialize([1, 2], buffer) is buffer
    assert buffer.to_bytes(0, buffer.get_writer_index()) == fory.serialize([1, 2])
    before = buffer.get_writer_index()
    assert fory.serialize("x" * 1000, buffer=buffer) is buffer
    assert buffer.to_bytes(before, buffer.get_writer_index() - before) == fory.serialize("x" * 1000)


def test_into_a_buffer_that_holds_other_things():
    fory = pyfory.Fory()
    buffer = pyfory.Buffer.allocate(4)
    buffer.write_int32(-7)
    fory.serialize({"k": [1]}, buffer)
    buffer.write_int32(9)
    assert buffer.read_int32() == -7
    assert fory.deserialize(buffer) == {"k": [1]}
    assert buffer.read_int32() == 9


def test_several_roots():
    fory = support.fory(P, ref=True)
    shared = [1]
    values = VALUES + [P(5, "q"), [P(), P(), shared, shared, 1], P(6, "r")]
    buffer = pyfory.Buffer.allocate(16)
    for value in values:
        fory.serialize(value, buffer)
    end = buffer.get_writer_index()
    reader = support.fory(P, ref=True)
    for value in values:
        support.assert_same(value, reader.deserialize(buffer))
    assert buffer.get_reader_index() == end
    # each root stands alone: it can be read without the ones before it
    whole = buffer.to_bytes(0, end)
    assert whole == b"".join(fory.serialize(v) for v in values)


def test_roots_in_read_only_memory():
    fory = support.fory(P)
    data = b"".join(fory.serialize(v) for v in VALUES + [P()])
    buffer = pyfory.Buffer(data)
    for value in VALUES + [P()]:
        support.assert_same(value, fory.deserialize(buffer))
    assert buffer.get_reader_index() == len(data)
    with pytest.raises(ForyError):
        fory.deserialize(buffer)


def test_failed_write_leaves_the_buffer_usable():
    fory = pyfory.Fory()
    buffer = pyfory.Buffer.allocate(4)
    fory.serialize(1, buffer)
    before = buffer.get_writer_index()
    with pytest.raises(ForyError):
        fory.serialize([1, "abc", object()], buffer)
    buffer.set_writer_index(before)
    fory.serialize("after", buffer)
    assert [fory.deserialize(buffer), fory.deserialize(buffer)] == [1, "after"]


@pytest.mark.parametrize("wrap", [
    bytes, bytearray, memoryview, lambda b: memoryview(bytearray(b)), lambda b: array.array("B", b), pyfory.Buffer,
    lambda b: memoryview(b"xx" + b)[2:], lambda b: pyfory.Buffer(b"xxx" + b + b"yy", 3, len(b)),
    lambda b: memoryview(b).cast("c"),
], ids=["bytes", "bytearray", "memoryview", "memoryview(bytearray)", "array", "Buffer", "offset view", "Buffer part", "chars"])
def test_input_types(wrap):
    fory = support.fory(P)
    for value in VALUES + [P(2, "c")]:
        support.assert_same(value, fory.deserialize(wrap(fory.serialize(value))))


def test_mapped_file(tmp_path):
    fory = pyfory.Fory()
    path = tmp_path / "payload"
    path.write_bytes(fory.serialize({"k": list(range(1000))}))
    with open(str(path), "rb") as f:
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert fory.deserialize(mapped) == {"k": list(range(1000))}
            assert fory.deserialize(memoryview(mapped)) == {"k": list(range(1000))}


def test_the_input_is_released():
    fory = pyfory.Fory()
    data = bytearray(fory.serialize([1, "a", b"bytes", "x" * 500]))
    fory.deserialize(data)
    data.append(0)  # would raise BufferError while an export lives
    with pytest.raises(ForyError):
        fory.deserialize(data[:5])
    data.append(0)


def test_results_do_not_depend_on_the_input():
    fory = pyfory.Fory()
    data = bytearray(fory.serialize([b"bytes", "text" * 100, pyfory.Int32Array([1, 2])]))
    result = fory.deserialize(data)
    data[:] = b"\0" * len(data)
    support.assert_same([b"bytes", "text" * 100, pyfory.Int32Array([1, 2])], result)


def test_words_wider_than_bytes_are_read_as_bytes():
    fory = pyfory.Fory()
    data = fory.serialize("abcd" * 8)
    data += b"\0" * (-len(data) % 8)
    assert fory.deserialize(memoryview(data).cast("Q")) == "abcd" * 8


@pytest.mark.parametrize("bad", [
    None, memoryview(b"\x01\xff\x07\x02")[::2], memoryview(b"\x01\xff\x07\x02")[::-1], "01", 1, [1],
], ids=["None", "strided", "reversed", "str", "int", "list"])
def test_refused_input(bad):
    with pytest.raises(TypeError):
        pyfory.Fory().deserialize(bad)


def test_non_contiguous_arrays_are_refused():
    np = pytest.importorskip("numpy")
    with pytest.raises(TypeError):
        pyfory.Fory().deserialize(np.zeros((4, 4), dtype=np.uint8)[:, 1])
    data = np.frombuffer(pyfory.Fory().serialize([1]), dtype=np.uint8)
    assert pyfory.Fory().deserialize(data) == [1]


def test_bytearray_is_no_output():
    with pytest.raises(TypeError):
        pyfory.Fory().serialize(1, bytearray())


def test_empty_input():
    for empty in (b"", bytearray(), memoryview(b""), pyfory.Buffer(b"")):
        with pytest.raises(pyfory.error.ForyBufferOutOfBoundError):
            pyfory.Fory().deserialize(empty)


# ---- out-of-band bytes (wire-format.md, section 16) --------------------------------------

@pytest.mark.parametrize("value, out, into", [
    (b"abc", "03ff 29 00", "03ff 29 01 03616263"),
    ([b"a", b"bc"], "03ff 16 02 08 29 00 00", "03ff 16 02 08 29 010161 01026263"),
    ({"k": b"v"}, "03ff 18 01 00 01 15 29 046b 00", "03ff 18 01 00 01 15 29 046b 010176"),
], ids=["bytes", "list", "dict"])
def test_out_of_band(value, out, into):
    fory = pyfory.Fory()
    collected = []
    data = fory.serialize(value, buffer_callback=collected.append)
    assert data == support.unhex(out)
    buffers = [o.getbuffer() for o in collected]
    assert all(isinstance(b, memoryview) for b in buffers)
    assert fory.deserialize(data, buffers=buffers) == value
    assert fory.deserialize(data, buffers=[bytes(b) for b in buffers]) == value
    assert fory.deserialize(data, buffers=iter([pyfory.Buffer(bytes(b)) for b in buffers])) == value
    data = fory.serialize(value, buffer_callback=lambda o: True)
    assert data == support.unhex(into)
    assert fory.deserialize(data, buffers=[]) == value


def test_out_of_band_objects():
    collected = []
    pyfory.Fory().serialize(b"payload", buffer_callback=collected.append)
    buffer_object = collected[0]
    assert buffer_object.total_bytes() == 7 and bytes(buffer_object.raw()) == b"payload"
    import io

    sink = io.BytesIO()
    buffer_object.write_to(sink)
    assert sink.getvalue() == b"payload"
    out = pyfory.Buffer.allocate(4)
    buffer_object.write_to(out)
    assert out.to_bytes(0, out.get_writer_index()) == b"payload"


def test_out_of_band_mistakes():
    fory = pyfory.Fory()
    collected = []
    data = fory.serialize([b"a", b"b"], buffer_callback=collected.append)
    with pytest.raises(ForyError):
        fory.deserialize(data)
    with pytest.raises(ForyError):
        fory.deserialize(data, buffers=[])
    with pytest.raises(ForyError):
        fory.deserialize(data, buffers=[b"a"])
    assert fory.deserialize(data, buffers=[b"a", b"b", b"surplus"]) == [b"a", b"b"]
    with pytest.raises(ForyError):
        fory.deserialize(fory.serialize(1), buffers=[])
    with pytest.raises(ZeroDivisionError):
        fory.serialize(b"a", buffer_callback=lambda o: 1 // 0)
    assert fory.deserialize(fory.serialize(b"a")) == b"a"


def test_the_header_bit_is_set_without_any_buffer():
    data = pyfory.Fory().serialize(1, buffer_callback=lambda o: False)
    assert data == support.unhex("03ff0702")
    assert pyfory.Fory().deserialize(data, buffers=()) == 1


def test_arrays_stay_in_band():
    collected = []
    data = pyfory.Fory().serialize([pyfory.Int32Array([1]), array.array("i", [1]), 1], buffer_callback=collected.append)
    assert collected == []
    assert pyfory.Fory().deserialize(data, buffers=[])[2] == 1


@pytest.mark.parametrize("most", [1, 3, 100])
def test_write_to_offers_a_raw_stream_the_rest(most):
    class Raw:
        def __init__(self):
            self.taken = b""

        def write(self, data):
            part = bytes(data)[:most]
            self.taken += part
            return len(part)

    collected = []
    pyfory.Fory().serialize([b"abcdefg", b""], buffer_callback=collected.append)
    sink = Raw()
    collected[0].write_to(sink)
    assert sink.taken == b"abcdefg"


def test_write_to_refuses_a_stream_that_takes_nothing():
    class Full:
        def write(self, data):
            return 0

    collected = []
    pyfory.Fory().serialize(b"abc", buffer_callback=collected.append)
    with pytest.raises(ValueError, match="answers 0 for 3 bytes"):
        collected[0].write_to(Full())
