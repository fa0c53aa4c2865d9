"""Arrays of numbers in native mode: NumPy's, array.array's and pyfory's own, in-band and out-of-band."""

from __future__ import annotations

import array
import gc
import json
import os
import sys
import weakref
from pickle import PickleBuffer
from typing import Any, List

import pytest
import support

import pyfory
from pyfory import pickle
from pyfory.error import ForyInvalidDataError

np = pytest.importorskip("numpy")

PLAIN = "? b B h H i I l L q Q e f d F D".split()
PUBLIC = os.environ.get("PYFORY_PUBLIC_ATTRIBUTES") == "1"
OTHERS = [">i4", ">f8", "S3", "U2", "M8[ns]", "M8[D]", "m8[h]", "g", "G"]


def native(**options: Any) -> Any:
    return pyfory.Fory(**dict(dict(xlang=False, ref=True, strict=False), **options))


def travel(value: Any, **options: Any) -> Any:
    return native(**options).loads(native(**options).dumps(value))


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# ---- NumPy arrays --------------------------------------------------------------------------


@pytest.mark.parametrize("code", PLAIN)
def test_builtin_dtypes_come_back_as_their_one_object(code: str) -> None:
    dtype = np.dtype(code)
    value = (np.arange(5) % 2).astype(dtype)
    back = travel(value)
    assert same(back, value) and back.flags.writeable and back.flags.owndata and back.flags.aligned
    assert back.dtype is np.dtype(dtype.str)
    many = np.tile(value, 100)
    assert same(travel(many), many) and len(native().dumps(many)) == 5 + many.nbytes


def test_small_arrays_are_as_narrow_as_their_elements() -> None:
    edges = [0, 1, -1, 127, 128, 255, 256, -128, -129, 2**15 - 1, 2**15, 2**16 - 1, 2**16, -(2**15), -(2**15) - 1,
             2**31 - 1, 2**31, 2**32 - 1, 2**32, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63), 2**64 - 1]  # fmt: skip
    for code in "bBhHiIqQ":
        info = np.iinfo(code)
        for edge in edges:
            if info.min <= edge <= info.max:
                for made in ([edge], [0, edge], [edge] * 64, [edge] * 65, [[edge, 1], [2, 3]]):
                    value = np.array(made, code)
                    assert same(travel(value), value)
                width = next(w for w in (1, 2, 4, 8) if -(info.min < 0) << 8 * w - 1 <= edge < 1 << 8 * w - (info.min < 0))
                assert len(native().dumps(np.array([edge], code))) == 4 + width
                carrier = array.array(code, [edge, 0])
                assert travel(carrier) == carrier
                dense = getattr(pyfory, ("U" if info.min == 0 else "") + "Int%dArray" % info.bits)([edge, 0])
                assert travel(dense) == dense
    for numbers, width in (
        ([0.5, -0.0, float("inf")], 4), ([0.1], 8), ([2.0**-149], 4), ([2.0**-150], 8), ([1e300], 8), ([2.0**128], 8), ([0.5] * 64, 4), ([0.5] * 65, 8),
    ):  # fmt: skip
        value = np.array(numbers)
        assert travel(value).tobytes() == value.tobytes() and len(native().dumps(value)) == 4 + width * len(numbers)
        assert travel(array.array("d", numbers)) == array.array("d", numbers)
    nan = np.array([0x7FF0000000000001, 0x7FF8000000000000, 0xFFF8000000000001], "u8").view("f8")
    assert travel(nan).tobytes() == nan.tobytes() and travel(nan[1:2]).tobytes() == nan[1:2].tobytes()
    assert travel(np.array([1, 2], "i4")[::-1]).tolist() == [2, 1]
    unaligned = np.frombuffer(b"x" + np.arange(3, dtype="i8").tobytes(), "i8", offset=1)
    assert travel(unaligned).tolist() == [0, 1, 2]


@pytest.mark.parametrize("code", OTHERS)
def test_other_dtypes(code: str) -> None:
    value = np.zeros(3, code)
    assert same(travel(value), value) and same(travel(value, strict=True), value)


@pytest.mark.parametrize("make", [
    "np.array(5.5)", "np.array(True)", "np.zeros(0)", "np.zeros((0, 3), 'f4')", "np.zeros((3, 0, 2), 'i2', order='F')", "np.arange(24).reshape(2, 3, 4)",
    "np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))", "np.arange(6).reshape(1, 6)", "np.arange(6).reshape(6, 1)", "np.ones((1,) * 32, 'u1')",
    "np.arange(4, dtype='c8')",
])  # fmt: skip
def test_shapes_and_orders(make: str) -> None:
    value = eval(make)
    for strict in (False, True):
        back = travel(value, strict=strict)
        assert same(back, value) and back.flags.writeable
        assert back.flags.c_contiguous == value.flags.c_contiguous and back.flags.f_contiguous == value.flags.f_contiguous
        assert back.strides == value.strides or value.size == 0 or 1 in value.shape


def test_more_dimensions_than_older_numpys_have() -> None:
    try:
        value = np.ones((1,) * 64, "u1")
    except ValueError:
        pytest.skip("this NumPy has 32 dimensions")
    assert travel(value).shape == value.shape


@pytest.mark.parametrize("make", [
    "np.arange(20)[::2]", "np.arange(20)[::-1]", "np.arange(20).reshape(4, 5)[1:3, 1:4]", "np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2)",
    "np.broadcast_to(np.arange(3), (2, 3))",
])  # fmt: skip
def test_strided_arrays_are_compacted(make: str) -> None:
    value = eval(make)
    back = travel(value)
    assert back.tolist() == value.tolist() and back.flags.c_contiguous and back.flags.writeable and back.base is None
    assert len(native().dumps(value)) < value.size * value.itemsize + 10


def test_views_of_a_part_and_unaligned_memory() -> None:
    whole = np.arange(100, dtype="i4")
    assert travel(whole[10:20]).tolist() == list(range(10, 20))
    unaligned = np.frombuffer(bytearray(b"x" + np.arange(3, dtype="f8").tobytes()), "f8", offset=1)
    back = travel(unaligned)
    assert back.tolist() == [0, 1, 2] and back.flags.aligned


def test_read_only_arrays_are_copies_that_can_be_written() -> None:
    value = np.arange(3)
    value.flags.writeable = False
    assert travel(value).flags.writeable


def test_the_same_array_is_the_same_array() -> None:
    value = np.arange(3)
    one, two, three = travel([value, [value], np.arange(3)])
    assert one is two[0] and one is not three
    assert travel({"a": value, "b": (value,)})["b"][0].tolist() == [0, 1, 2]
    strided = np.arange(6)[::2]
    one, two = travel([strided, strided])
    assert one is two


def test_without_references() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    value = np.arange(3)
    one, two = fory.loads(fory.dumps([value, value]))
    assert one is not two and one.tolist() == two.tolist() == [0, 1, 2]


def test_a_pickler_remembers_arrays() -> None:
    import io

    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    value = np.arange(4.0)
    pickler.dump([value])
    pickler.dump(value)
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    assert unpickler.load()[0] is unpickler.load()


def test_subclasses_and_their_attributes_take_the_protocol() -> None:
    value = np.ma.array([1, 2, 3], mask=[0, 1, 0])
    back = travel(value)
    assert type(back) is np.ma.MaskedArray and back.tolist() == [1, None, 3]
    matrix = np.arange(4).reshape(2, 2).view(np.recarray)
    assert type(travel(matrix)) is np.recarray


def test_dtypes_that_only_look_plain() -> None:
    for dtype in (np.dtype("f8", metadata={"unit": "m"}), np.dtype("i4").newbyteorder(">"), np.dtype([("a", "f8")])):
        value = np.zeros(2, dtype)
        assert travel(value).dtype == dtype


def test_bools_are_bools_whatever_the_bytes() -> None:
    data = bytearray(native().dumps(np.array([True, False, True])))
    assert data[-3:] == b"\x01\x00\x01"
    data[-1] = 0xFF
    assert native().loads(data).tobytes() == b"\x01\x00\x01"


def test_policies_and_find_class_are_not_asked_for_numbers() -> None:
    from pyfory.policy import DeserializationPolicy

    class Nothing(DeserializationPolicy):
        def validate_class(self, cls: Any, **kwargs: Any) -> Any:
            raise AssertionError(cls)

        def authorize_instantiation(self, cls: Any, **kwargs: Any) -> Any:
            raise AssertionError(cls)

    value = [np.arange(3), np.float32(1.5), array.array("i", [1]), pyfory.Int8Array([1])]
    back = pyfory.Fory(xlang=False, strict=False, policy=Nothing()).loads(native().dumps(value))
    assert back[0].tolist() == [0, 1, 2] and back[1] == 1.5 and list(back[2]) == [1] and list(back[3]) == [1]


# ---- scalars --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", PLAIN)
def test_scalars(code: str) -> None:
    kind = np.dtype(code).type
    for number in (0, 1):
        value = kind(number)
        for strict in (False, True):
            back = travel(value, strict=strict)
            # long and long long of the same size are one, as for pickle
            assert type(back) is np.dtype(value.dtype.str).type and back == value and back.tobytes() == value.tobytes()


def test_scalars_of_all_kinds() -> None:
    for value in (
        np.float64("nan"), np.float64(-0.0), np.int64(-(2**63)), np.uint64(2**64 - 1), np.complex128(1 - 2j), np.float16(0.1),
        np.datetime64("2024-01-01", "ns"), np.timedelta64(5, "h"), np.str_("x"), np.bytes_(b"x"), np.longdouble(1) / 3,
        np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])[0],
    ):  # fmt: skip
        back = travel(value)
        assert type(back) is type(value) and back.tobytes() == value.tobytes() and back.dtype == value.dtype
    assert travel(np.bool_(True)) is np.bool_(True)
    assert len(native().dumps(np.float64(1.5))) == 11
    value = np.float64(1.5)
    one, two = travel([value, value])
    assert one is two


# ---- other carriers --------------------------------------------------------------------------


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_python_arrays(code: str) -> None:
    for n in (0, 3, 5000):
        value = array.array(code, [i % 100 for i in range(n)])
        for strict in (False, True):
            back = travel(value, strict=strict)
            assert type(back) is array.array and back.typecode == code and back == value
        assert len(native().dumps(value)) < n * value.itemsize + 10
    one, two = travel([value, value])
    assert one is two
    one.append(1)


def test_python_arrays_of_text() -> None:
    value = array.array("w" if sys.version_info >= (3, 13) else "u", "a\u20ac")
    assert travel(value) == value and travel(value).typecode == value.typecode


def test_long_of_another_machine() -> None:
    """Codes of long by size: one of them is the long of this machine."""
    long = array.array("l").itemsize
    for code, size, typecode in ((0x50, 4, "l"), (0x51, 8, "l"), (0x52, 4, "L"), (0x53, 8, "L")):
        back = native().loads(b"\x04\xf8" + bytes([code, 1]) + b"\x05" + bytes(size - 1))
        assert list(back) == [5] and back.itemsize == size
        assert (back.typecode == typecode) == (size == long)


# ---- out-of-band -------------------------------------------------------------------------------


def out(value: Any, keep: Any = None) -> Any:
    buffers: List[Any] = []

    def callback(buffer: Any) -> Any:
        if keep is not None and keep(len(buffers)):
            return True
        buffers.append(buffer)

    return native().dumps(value, buffer_callback=callback), buffers


def test_out_of_band_arrays_lie_over_the_buffer() -> None:
    value = np.arange(12.0).reshape(3, 4)
    data, (buffer,) = out(value)
    view = buffer.getbuffer()
    assert len(data) < 10 and view.nbytes == value.nbytes == buffer.total_bytes() and not view.readonly
    back = native().loads(data, buffers=[view])
    assert same(back, value) and np.shares_memory(back, value) and back.flags.writeable and not back.flags.owndata
    back[0, 0] = 7
    assert value[0, 0] == 7
    assert bytes(buffer.raw()) == value.tobytes()
    assert same(native().loads(data, buffers=[buffer]), value)


@pytest.mark.parametrize("make", ["np.arange(3, dtype='u2')", "np.array(1.5)", "np.zeros((0, 2))", "np.asfortranarray(np.arange(6).reshape(2, 3))",
                                  "np.arange(12).reshape(3, 4)[:, 1:3]", "np.arange(3).astype('M8[s]')", "np.arange(3, dtype='>i4')"])  # fmt: skip
def test_out_of_band_shapes(make: str) -> None:
    value = eval(make)
    data, (buffer,) = out([value, value])
    one, two = native().loads(data, buffers=[bytearray(buffer.getbuffer())])
    assert one is two and one.tolist() == value.tolist() and one.dtype == value.dtype and one.shape == value.shape
    assert one.flags.f_contiguous == value.flags.f_contiguous


def test_read_only_buffers_make_read_only_arrays() -> None:
    value = np.arange(3)
    data, (buffer,) = out(value)
    assert not native().loads(data, buffers=[bytes(buffer.getbuffer())]).flags.writeable
    assert native().loads(data, buffers=[bytearray(buffer.getbuffer())]).flags.writeable
    value.flags.writeable = False
    data, (buffer,) = out(value)
    assert buffer.getbuffer().readonly
    assert not native().loads(data, buffers=[buffer.getbuffer()]).flags.writeable


@pytest.mark.skipif(PUBLIC, reason="by NumPy's own call: it does not hold the buffer")
def test_the_buffer_stays_in_place_while_the_array_lives() -> None:
    memory = bytearray(np.arange(4.0).tobytes())
    data, _ = out(np.arange(4.0))
    back = native().loads(data, buffers=[memory])
    with pytest.raises(BufferError):
        memory.extend(b"more")
    view = memoryview(memory)
    again = native().loads(data, buffers=[view])
    view.release()
    assert again.tolist() == back.tolist() == [0, 1, 2, 3]
    del back, again
    memory.extend(b"more")


def test_the_array_stays_while_its_buffer_lives() -> None:
    value = np.arange(1000.0)
    data, (buffer,) = out(value)
    view = buffer.getbuffer()
    gone = weakref.ref(value)
    del value, buffer
    gc.collect()
    assert gone() is not None and np.frombuffer(view, "f8")[999] == 999
    back = native().loads(data, buffers=[view])
    del view
    gc.collect()
    assert back[999] == 999 and gone() is not None
    del back
    gc.collect()
    assert gone() is None


def test_misaligned_buffers() -> None:
    data, _ = out(np.arange(3.0))
    memory = bytearray(b"x" + np.arange(3.0).tobytes())
    back = native().loads(data, buffers=[memoryview(memory)[1:]])
    assert back.tolist() == [0, 1, 2] and not back.flags.aligned


@pytest.mark.parametrize("buffer", [b"", b"short", 5, None, memoryview(bytes(100))[::2]], ids=lambda b: type(b).__name__)
def test_buffers_that_do_not_fit(buffer: Any) -> None:
    for value in (np.arange(3.0), np.arange(3, dtype=">i8"), pyfory.Float64Array([1.0, 2.0, 3.0]), array.array("d", [1, 2, 3])):
        data, _ = out(value)
        with pytest.raises(ForyInvalidDataError):
            native().loads(data, buffers=[buffer])


def test_some_stay_in_band() -> None:
    value = [np.arange(3), np.arange(4), np.arange(6).reshape(2, 3)]
    data, buffers = out(value, keep=lambda n: n == 1)
    assert len(buffers) == 1
    assert [a.tolist() for a in native().loads(data, buffers=buffers)] == [a.tolist() for a in value]


def test_other_carriers_are_copied_from_the_buffer() -> None:
    value = [pyfory.Int32Array([1, -2]), array.array("h", [3, 4]), pyfory.BoolArray([]), array.array("d", [0.5] * 1000)]
    data, buffers = out(value)
    assert len(data) < 40 and [b.total_bytes() for b in buffers] == [8, 4, 0, 8000]
    assert native().loads(data, buffers=[b.getbuffer() for b in buffers]) == value
    assert native().loads(data, buffers=[bytes(b.getbuffer()) for b in buffers]) == value
    with pytest.raises(BufferError):
        value[0].append(5)
    del buffers
    gc.collect()
    value[0].append(5)


@pytest.mark.skipif(PUBLIC, reason="a view keeps the array from being resized")
def test_a_callback_that_changes_the_array() -> None:
    value = np.arange(6)

    def callback(buffer: Any) -> bool:
        value.resize((2, 3), refcheck=False)
        return True

    with pytest.raises(RuntimeError, match="changed while it was serialized"):
        native().dumps(value, buffer_callback=callback)


def test_the_pickle_interface_hands_out_pickle_buffers() -> None:
    value = [np.arange(3.0), np.asfortranarray(np.ones((2, 3))), array.array("i", [1]), pyfory.Int8Array([1]), b"bytes"]
    buffers: List[Any] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    assert [type(b) for b in buffers] == [PickleBuffer] * 2 and [b.raw().nbytes for b in buffers] == [24, 48]
    back = pickle.loads(data, buffers=buffers)
    assert np.shares_memory(back[0], value[0]) and back[1].flags.f_contiguous and back[2:] == value[2:]


def test_pickle_buffers_out_of_band() -> None:
    memory = bytearray(b"0123")
    for source, readonly in ((b"0123", True), (memory, False), (memoryview(b"x0123x")[1:5], True), (np.arange(4, dtype="u1").reshape(2, 2).T, False)):
        wanted = PickleBuffer(source)
        data, (buffer,) = out(wanted)
        view = buffer.getbuffer()
        assert view.readonly == readonly and bytes(view) == bytes(wanted.raw()) and view.format == "B" and view.ndim == 1
        wanted.release()
        assert view.nbytes == 4 and buffer.total_bytes() == 4
        assert bytes(native().loads(data, buffers=[view])) == bytes(view)


# ---- with and without NumPy's C interface -----------------------------------------------------------

BOTH = """
    import array, json, sys
    import numpy as np
    import pyfory

    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    values = [np.arange(5), np.array(1.5), np.zeros((0, 3), "f4"), np.asfortranarray(np.arange(6, dtype="u1").reshape(2, 3)),
              np.arange(10)[::3], np.array([True, False]), np.arange(3, dtype=">i4"), np.arange(3).astype("M8[ns]"), np.arange(2, dtype="q"),
              np.arange(2, dtype="D"), array.array("d", [1]), pyfory.Int8Array([1]), np.arange(200000.0)]
    messages = [fory.dumps(value).hex() for value in values]
    for value in values:
        back = fory.loads(fory.dumps(value))
        assert type(back) is type(value) and np.array_equal(np.asarray(back), np.asarray(value)) and np.asarray(back).dtype == np.asarray(value).dtype
        buffers = []
        data = fory.dumps(value, buffer_callback=buffers.append)
        messages.append(data.hex())
        back = fory.loads(data, buffers=[one.getbuffer() for one in buffers])
        assert np.array_equal(np.asarray(back), np.asarray(value))
    given = sys.argv[1:]
    for number in (np.float64(1.5), np.int8(-3), np.bool_(True)):
        back = fory.loads(fory.dumps(number))
        assert type(back) is type(number) and back == number
    for text, kind in (("04f86b0000003f", np.float32), ("04f86105", np.bool_)):
        back = fory.loads(bytes.fromhex(text))
        assert type(back) is kind and back in (0.5, True)
    import zlib
    print(json.dumps([len(message) // 2 for message in messages] + [zlib.crc32("".join(messages).encode())]))
"""


def test_the_public_way_writes_the_same_bytes() -> None:
    results = [json.loads(support.check_python(BOTH, env=dict(PYFORY_PUBLIC_ATTRIBUTES=way)).splitlines()[-1]) for way in ("0", "1")]
    assert results[0] == results[1]


def test_numpy_is_not_imported_for_other_values() -> None:
    support.check_python("""
        import array, sys
        import pyfory
        fory = pyfory.Fory(xlang=False, ref=True, strict=False)
        value = [array.array("d", [1]), pyfory.Int8Array([1]), [1.5, "a"], {}]
        assert fory.loads(fory.dumps(value)) == value
        assert "numpy" not in sys.modules
    """)


def test_reading_imports_numpy() -> None:
    data = native().dumps([np.float32(0.5), np.arange(3)]).hex()
    support.check_python("""
        import sys
        import pyfory
        fory = pyfory.Fory(xlang=False, ref=True, strict=True)
        assert "numpy" not in sys.modules
        number, array = fory.loads(bytes.fromhex(sys.argv[1]))
        import numpy
        assert array.tolist() == [0, 1, 2] and array.dtype is numpy.dtype("i8") and type(number) is numpy.float32
    """, args=[data])  # fmt: skip
