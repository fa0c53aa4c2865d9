"""Bytes of every kind of value at a dynamic position (wire-format.md, sections
1 to 7), and what comes back."""

import array
import collections
import collections.abc
import datetime
import decimal
import math
import struct
import types
from datetime import date, timedelta, timezone
from decimal import Decimal

import pytest

import pyfory
import support
from pyfory.error import ForyError
from support import unhex

UTC = timezone.utc
NAN = float("nan")
dt = datetime.datetime


def write(value, **config):
    return pyfory.Fory(**config).serialize(value)


def read(data, **config):
    return pyfory.Fory(**config).deserialize(unhex(data) if isinstance(data, str) else data)


def check(value, body, expected=..., ref=False):
    """`body` is the hex behind the root byte and the flag."""
    prefix = "0100" if ref else "01ff"
    data = write(value, ref=ref)
    assert data == unhex(prefix + body), data.hex()
    support.assert_same(value if expected is ... else expected, read(data, ref=ref))


# ---- 1. root and references ------------------------------------------------------

@pytest.mark.parametrize("value, off, on", [
    (None, "01fd", "01fd"),
    (True, "01ff0101", "01000101"),
    (1, "01ff0702", "01000702"),
    ("a", "01ff150461", "0100150461"),
    ([], "01ff1600", "01001600"),
    ([1, 2], "01ff160208070204", "0100160208070204"),
    ({"a": 1}, "01ff180100011507046102", "0100180100011507046102"),
], ids=repr)
def test_root(value, off, on):
    assert write(value).hex() == off
    assert write(value, ref=True).hex() == on
    support.assert_same(value, read(off))
    support.assert_same(value, read(on, ref=True))
    # a reader without references takes what a writer with references sent
    support.assert_same(value, read(on))
    support.assert_same(value, read(off, ref=True))


def test_bytes_behind_the_value_are_ignored():
    assert read("01ff0702aabb") == 1


@pytest.mark.parametrize("data, error", [
    ("", EOFError), ("01", EOFError), ("01ff", EOFError), ("01ff07", EOFError), ("01ff1505", EOFError),
    ("05ff0702", ValueError), ("81ff0702", ValueError), ("00ff0702", ValueError), ("03ff0702", ValueError),
], ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_damaged_root(data, error):
    with pytest.raises(ForyError) as caught:
        read(data)
    assert isinstance(caught.value, error)


def test_truncation_is_an_eof_and_a_value_error():
    with pytest.raises(pyfory.error.ForyBufferOutOfBoundError) as caught:
        read("01ff15107879")
    assert isinstance(caught.value, EOFError) and isinstance(caught.value, ValueError)


def test_buffers_must_match_the_header():
    fory = pyfory.Fory()
    with pytest.raises(ForyError):
        fory.deserialize(unhex("03ff2900"))
    with pytest.raises(ForyError):
        fory.deserialize(unhex("01ff0702"), buffers=[])


@pytest.mark.parametrize("data", ["01010702", "01fb0702", "01800702"])
def test_unknown_flags_are_refused(data):
    for ref in (False, True):
        with pytest.raises(ForyError):
            read(data, ref=ref)


def reference_tables():
    """(value, body with references on, same objects in the result)"""
    s = "xy"
    yield "strings are not shared", [s, s], "16 02 08 15 087879 087879", []
    yield "strings in a mixed list", [s, s, 1], "160301 ff15087879 ff15087879 ff0702", []
    x = [1]
    yield "same-type list", [x, x], "16 02 09 16 00 01080702 fe01", [(0, 1)]
    x = [1]
    yield "mixed list", [x, x, 1], "160301 00 16 01080702 fe01 ff0702", [(0, 1)]
    b = bytes([97, 98])
    yield "bytes", [b, b], "16 02 09 29 00 026162 fe01", [(0, 1)]
    d = date(1970, 1, 2)
    yield "dates", [d, d], "160209 27 00 02 fe01", [(0, 1)]
    c = Decimal("1.5")
    yield "decimals of one type", [c, c], "16020828 023c 023c", []
    yield "decimals in a mixed list", [1, c, c], "160301ff0702 0028023c fe01", [(1, 2)]
    a = pyfory.Int32Array([1])
    yield "wrapper in a mixed list", [a, 1, a], "160301 002e0401000000 ff0702 fe01", [(0, 2)]
    yield "wrappers of one type", [a, a], "160208 2e 0401000000 0401000000", []
    e, d = [], {}
    yield "empty containers", [e, e, d, d], "16 04 01 001600 fe01 001800 fe02", [(0, 1), (2, 3)]


@pytest.mark.parametrize("value, body, shared", [pytest.param(*row[1:], id=row[0]) for row in reference_tables()])
def test_reference_table(value, body, shared):
    data = write(value, ref=True)
    assert data.hex() == "0100" + unhex(body).hex()
    result = read(data, ref=True)
    support.assert_same(value, result)
    for i, j in shared:
        assert result[i] is result[j]


def test_deque_shares_scalars():
    # the generic sequence tracks small numbers and strings too
    x, s = [1], "xy"
    value = collections.deque([s, s, 1, 1, True, 1.5, x, x])
    data = write(value, ref=True)
    assert data.hex().startswith(unhex("0100 16 08 01 0015087879 fe01 000702 fe02 00010100").hex()[:-2])
    result = read(data, ref=True)
    assert result == ["xy", "xy", 1, 1, True, 1.5, [1], [1]] and result[6] is result[7]


def test_cyclic_roots():
    a = [1]
    a.append(a)
    assert write(a, ref=True) == unhex("0100 16 02 01 ff0702 fe00")
    b = []
    b.append(b)
    assert write(b, ref=True) == unhex("0100 16 01 09 16 fe00")
    d = {}
    d["self"] = d
    assert write(d, ref=True) == unhex("0100 18 01 08 01 15 18 10 73656c66 fe00")


@pytest.mark.parametrize("data", ["0100 16 01 01 fe05", "0100 16 01 01 fe01", "01fe00", "0100 16 01 01 feffffffff0f"])
def test_invalid_reference(data):
    with pytest.raises(ValueError):
        read(data, ref=True)


def test_scalars_take_the_ids_the_wire_gives_them():
    # `00` before an int makes it reference 1
    assert read("0100 16 03 01 000702 fe01 ff0704", ref=True) == [1, 1, 2]


# ---- 2. numbers --------------------------------------------------------------------

@pytest.mark.parametrize("value, body", [
    (0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (-64, "7f"), (64, "8001"), (-65, "8101"),
    (2**31 - 1, "feffffff0f"), (-(2**31), "ffffffff0f"),
    (2**55 - 1, "feffffffffffff7f"), (2**55, "808080808080808001"), (-(2**55), "ffffffffffffff7f"),
    (-(2**55) - 1, "818080808080808001"), (2**63 - 1, "feffffffffffffffff"), (-(2**63), "ffffffffffffffffff"),
])
def test_int(value, body):
    check(value, "07" + body)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**30])
def test_int_out_of_range(value):
    with pytest.raises(OverflowError) as caught:
        write([1, value])
    assert isinstance(caught.value, ForyError)


def test_bool_is_not_int():
    check(True, "0101")
    check(False, "0100")
    support.assert_same([1, True], support.roundtrip([1, True]))
    assert read("01ff0102") is True


def test_overlong_varint_is_accepted():
    assert read("01ff078000") == 0


def test_float():
    check(0.0, "14" + "00" * 8)
    check(-0.0, "14" + "00" * 7 + "80")
    check(1.5, "14" + struct.pack("<d", 1.5).hex())
    check(NAN, "14" + "000000000000f87f")
    check(math.inf, "14" + "000000000000f07f")


@pytest.mark.parametrize("body, value", [
    ("01 01", True), ("02 ff", -1), ("03 00ff", -256), ("04 ffffffff", -1), ("05 0a", 5), ("06 ffffffffffffffff", -1),
    ("07 0a", 5), ("08 feffffff", -1), ("08 010000004000000000", 2**30), ("09 ff", 255), ("0a ffff", 65535),
    ("0b ffffffff", 2**32 - 1), ("0c ffffffff0f", 2**32 - 1), ("0d ffffffffffffffff", 2**64 - 1),
    ("0e ffffffffffffffffff", 2**64 - 1), ("0f feffffff", 2**31 - 1), ("0f 010000008000000000", 2**31),
    ("11 003e", 1.5), ("12 c03f", 1.5), ("13 0000c03f", 1.5), ("14 000000000000f83f", 1.5),
    ("11 0080", -0.0), ("11 0100", 2.0**-24), ("12 807f", math.inf),
])
def test_every_number_id_is_readable(body, value):
    support.assert_same(value, read("01ff" + body))


# ---- 3. strings ------------------------------------------------------------------------

@pytest.mark.parametrize("value, body", [
    ("", "00"), ("a", "0461"), ("\xe9", "04e9"), ("\xff", "04ff"), ("\u0100", "090001"), ("a\u4f60", "11 6100 604f"),
    ("\U0001f600", "12 f09f9880"), ("a\U0001f600", "16 61 f09f9880"),
    ("a" * 31, "7c" + "61" * 31), ("a" * 32, "8001" + "61" * 32), ("\x00", "0400"),
], ids=ascii)
def test_str(value, body):
    check(value, "15" + body)


@pytest.mark.parametrize("data, value", [
    ("01ff15 0661", "a"), ("01ff15 02", ""), ("01ff15 01", ""), ("01ff15 09 6100", "a"), ("01ff15 0a c3a9", "\xe9"),
    ("01ff15 11 3dd800de", "\U0001f600"), ("01ff15 09 00d8", "\ud800"), ("01ff15 0e eda080", "\ud800"), ("01ff15 19 6100 00d8 6200", "a\ud800b"),
])
def test_any_encoding_is_readable(data, value):
    assert read(data) == value


@pytest.mark.parametrize("data", [
    "01ff15 05 61",  # odd UTF-16 length
    "01ff15 0761",  # encoding 3
    "01ff15 06c3", "01ff15 06ff", "01ff15 0ac080", "01ff15 0ee4bd", "01ff15 12f5808080",  # not UTF-8
    "01ff15 fcffffffff7f",  # 2**40 bytes
])
def test_bad_text(data):
    with pytest.raises(ForyError) as caught:
        read(data)
    assert isinstance(caught.value, ValueError) and not isinstance(caught.value, UnicodeDecodeError)


@pytest.mark.parametrize("value", ["\ud800", "a\udc00b", "\U0001f600\ud800", "\u4f60\udfff", "x" * 5000 + "\ud83d"], ids=ascii)
def test_lone_surrogates_are_not_written(value):
    for shape in (value, [value], {"k": value}, {value: 1}, [1, value]):
        with pytest.raises(ForyError):
            write(shape)


# ---- 4. temporal, decimal, bytes -----------------------------------------------------------

@pytest.mark.parametrize("value, body", [
    (date(1970, 1, 1), "00"), (date(1970, 1, 2), "02"), (date(1969, 12, 31), "01"), (date(2021, 11, 23), "94a802"),
    (date(1, 1, 1), "f3e457"), (date(9999, 12, 31), "c082e602"),
])
def test_date(value, body):
    check(value, "27" + body)


@pytest.mark.parametrize("value, body", [
    (dt(1970, 1, 1, tzinfo=UTC), "0000000000000000 00000000"),
    (dt(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC), "ffffffffffffffff 0065cd1d"),
    (dt(1969, 12, 31, 23, 59, 58, 999999, tzinfo=UTC), "feffffffffffffff 18c69a3b"),
    (dt(2021, 11, 23, 12, 34, 56, 789012, tzinfo=UTC), "f0df9c6100000000 205e072f"),
    (dt(2021, 11, 23, 12, 34, 56, tzinfo=timezone(timedelta(hours=8))), "706f9c6100000000 00000000"),
    (dt(2262, 4, 12, 1, 2, 3, 999999, tzinfo=UTC), "8b8ec12502000000 18c69a3b"),
    (dt(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "7f41f4ff3a000000 18c69a3b"),
    (dt(1, 1, 1, tzinfo=UTC), "00096e88f1ffffff 00000000"),
    (dt(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC), "00096e88f1ffffff e8030000"),
    (dt(2021, 11, 23, 12, 34, 56, 789012), "f0df9c6100000000 205e072f"),
])
def test_datetime(value, body):
    check(value, "26" + body, expected=support.utc(value))
    assert read(write(value)).tzinfo is UTC


def test_naive_datetime_is_local_time():
    out = support.check_python(
        """
        import datetime, pyfory
        value = datetime.datetime(2021, 7, 1, 12, 30, 0, 5)
        result = pyfory.Fory().deserialize(pyfory.Fory().serialize(value))
        print(result.isoformat(), result == value.astimezone())
        """,
        env={"TZ": "Asia/Kolkata"},
    )
    assert out.split() == ["2021-07-01T07:00:00.000005+00:00", "True"]


@pytest.mark.parametrize("body", ["26 ffffffffffffff7f 00000000", "26 00000000000000c0 00000000", "27 ffffffff0f"])
def test_instants_outside_the_calendar(body):
    with pytest.raises(ForyError):
        read("01ff" + body)


@pytest.mark.parametrize("value, body", [
    (timedelta(), "00 00000000"), (timedelta(seconds=1), "02 00000000"), (timedelta(microseconds=1), "00 e8030000"),
    (timedelta(microseconds=-1), "01 18c69a3b"), (timedelta(seconds=-0.5), "01 0065cd1d"),
    (timedelta(seconds=-1), "01 00000000"), (timedelta(days=1), "80c60a 00000000"),
    (timedelta.max, "fefff79492a527 18c69a3b"), (timedelta.min, "ffb9ed9492a527 00000000"),
])
def test_timedelta(value, body):
    check(value, "25" + body)


@pytest.mark.parametrize("body", ["25 00 ffffffff", "25 00 00ca9a3b"])
def test_nanoseconds_out_of_range(body):
    with pytest.raises(ValueError):
        read("01ff" + body)


@pytest.mark.parametrize("text, body", [
    ("0", "00 00"), ("0.000", "06 00"), ("1", "00 04"), ("-1", "00 02"), ("1.5", "02 3c"), ("-0.5", "02 12"),
    ("123.45", "04 e48103"), ("1E+5", "09 04"), ("4611686018427387903", "00 fcffffffffffffffff"),
    ("-4611686018427387904", "00 feffffffffffffffff"), ("4611686018427387904", "00 21 0000000000000040"),
    ("-4611686018427387905", "00 23 0100000000000040"), ("18446744073709551616", "00 25 000000000000000001"),
    ("1E-10000", "a09c01 04"), ("1E+10000", "9f9c01 04"),
])
def test_decimal(text, body):
    check(Decimal(text), "28" + body)


def test_decimal_zero_has_no_sign():
    check(Decimal("-0.00"), "28 04 00", expected=Decimal("0.00"))


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E-10001", "1E+10001"])
def test_decimal_refused(text):
    with pytest.raises(ValueError) as caught:
        write(Decimal(text))
    assert isinstance(caught.value, ForyError)


def test_decimal_with_many_digits():
    with decimal.localcontext() as context:
        context.prec = 30000
        value = Decimal(10) ** 20000 - 1
        support.assert_same(value, support.roundtrip(value))
        support.assert_same(-value, support.roundtrip(-value))
        with pytest.raises(ValueError):
            write(Decimal(10) ** 24090 + 1)


@pytest.mark.parametrize("body", ["28 00 01", "28 00 09 0100", "28 00 05 00", "28 c29c01 04", "28 00 a5f101 00"])
def test_bad_decimal(body):
    with pytest.raises(ForyError):
        read("01ff" + body)


def test_bytes():
    check(b"ab", "29 02 6162")
    check(b"", "29 00")
    check(bytes(range(256)), "29 8002" + bytes(range(256)).hex())


# ---- 5. dispatch ------------------------------------------------------------------------------

class SequenceOfTwo(collections.abc.Sequence):
    def __getitem__(self, i):
        return (1, 2)[i]

    def __len__(self):
        return 2


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("value", [
    (1, 2), range(1, 3), collections.deque([1, 2]), Point(1, 2), memoryview(b"\1\2"), SequenceOfTwo(),
    type("MyList", (list,), {})([1, 2]), collections.UserList([1, 2]),
], ids=lambda v: type(v).__name__)
def test_sequences_become_lists(value):
    check(value, "16 02 08 07 02 04", expected=[1, 2])


@pytest.mark.parametrize("value", [frozenset({1}), {1: 2}.keys(), {1}, type("MySet", (set,), {})({1})],
                         ids=lambda v: type(v).__name__)
def test_sets(value):
    check(value, "17 01 08 07 02", expected={1})


def test_items_view_is_refused_as_a_set_of_tuples():
    with pytest.raises(ForyError):
        write({1: 2}.items())


@pytest.mark.parametrize("value", [
    collections.OrderedDict({1: 2}), collections.defaultdict(int, {1: 2}), collections.Counter({1: 2}),
    collections.ChainMap({1: 2}), types.MappingProxyType({1: 2}), type("MyDict", (dict,), {})({1: 2}),
], ids=lambda v: type(v).__name__)
def test_mappings_become_dicts(value):
    check(value, "18 01 00 01 07 07 02 04", expected={1: 2})


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyDate(date):
    pass


@pytest.mark.parametrize("value", [
    bytearray(b"x"), 1j, slice(1), iter([1]), (i for i in ()), {}.values(), datetime.time(), object(), int, len,
    MyStr("x"), MyInt(1), MyDate(2020, 1, 1), types.SimpleNamespace(a=1), Ellipsis, NotImplemented,
], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("strict", [True, False])
def test_unregistered(value, strict):
    with pytest.raises(pyfory.error.TypeUnregisteredError):
        write([value], strict=strict)


@pytest.mark.parametrize("type_id", [0, 16, 33, 42, 52] + list(range(57, 256, 9)))
def test_unknown_type_ids(type_id):
    with pytest.raises(ValueError) as caught:
        read(bytes([1, 0xFF, type_id, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    assert isinstance(caught.value, ForyError)


# ---- 7. dense arrays ------------------------------------------------------------------------------

ARRAYS = [
    ("Bool", [True, False, True], "2b 03 010001"), ("Int8", [1, -1], "2c 02 01ff"), ("UInt8", [0, 255], "30 02 00ff"),
    ("Int16", [1, -1], "2d 04 0100ffff"), ("UInt16", [1, 65535], "31 04 0100ffff"),
    ("Int32", [1, -1], "2e 08 01000000ffffffff"), ("UInt32", [1, 2**32 - 1], "32 08 01000000ffffffff"),
    ("Int64", [1, -1], "2f 10 0100000000000000 ffffffffffffffff"),
    ("UInt64", [1, 2**64 - 1], "33 10 0100000000000000 ffffffffffffffff"),
    ("Float16", [1.0, -0.5, 65504.0], "35 06 003c 00b8 ff7b"), ("BFloat16", [1.0, -0.5, 3.0], "36 06 803f 00bf 4040"),
    ("Float32", [1.0, -0.5], "37 08 0000803f 000000bf"),
    ("Float64", [1.0, -0.5], "38 10 000000000000f03f 000000000000e0bf"),
]


@pytest.mark.parametrize("name, values, body", ARRAYS, ids=[a[0] for a in ARRAYS])
def test_array_carrier(name, values, body):
    cls = getattr(pyfory, name + "Array")
    check(cls(values), body)
    check(cls(), body[:2] + "00")


@pytest.mark.parametrize("typecode, name", [
    ("b", "Int8"), ("B", "UInt8"), ("h", "Int16"), ("H", "UInt16"), ("i", "Int32"), ("I", "UInt32"), ("q", "Int64"),
    ("Q", "UInt64"), ("f", "Float32"), ("d", "Float64"), ("l", None), ("L", None),
])
def test_array_array(typecode, name):
    values = array.array(typecode, [1, 2])
    if name is None:
        name = ("U" if typecode == "L" else "") + "Int%d" % (8 * values.itemsize)
    carrier = getattr(pyfory, name + "Array")(list(values))
    assert write(values) == write(carrier)
    support.assert_same(carrier, read(write(values)))


def test_numpy_arrays():
    np = pytest.importorskip("numpy")
    for name, values, body in ARRAYS:
        if name == "BFloat16":
            continue
        dtype = {"Bool": "bool_"}.get(name, name.lower())
        value = np.array(values, dtype=getattr(np, dtype))
        check(value, body, expected=getattr(pyfory, name + "Array")(values))
        check(np.repeat(value, 2)[::2], body, expected=getattr(pyfory, name + "Array")(values))
    for bad in (np.array(5), np.zeros((2, 2)), np.array([1], dtype=">i4"), np.array([1j]), np.array(["a"]),
                np.array(["2020"], dtype="datetime64[D]"), np.array([object()], dtype=object)):
        with pytest.raises(NotImplementedError):
            write(bad)
    for scalar in (np.int32(3), np.float64(1.5), np.bool_(True)):
        with pytest.raises(pyfory.error.TypeUnregisteredError):
            write([scalar])


def test_uniform_containers_of_arrays_name_the_type_once():
    value = [array.array("i", [1]), array.array("i", [2])]
    check(value, "16 02 08 2e 04 01000000 04 02000000", expected=[pyfory.Int32Array([1]), pyfory.Int32Array([2])])
    check({"a": value[0], "b": value[1]}, "18 02 00 02 15 2e 0461 04 01000000 0462 04 02000000",
          expected={"a": pyfory.Int32Array([1]), "b": pyfory.Int32Array([2])})


@pytest.mark.parametrize("body", ["2e 03 000000", "2f 04 00000000", "2e 08 00000000", "2e ffffffff0f", "2a 00", "34 00"])
def test_bad_arrays(body):
    with pytest.raises(ForyError):
        read("01ff" + body)


@pytest.mark.parametrize("value, bits", [
    (65519.99, "ff7b"), (65520.0, "007c"), (1e9, "007c"), (2049.0, "0068"), (2051.0, "0268"), (1 / 3, "5535"),
    (2.0**-24, "0100"), (2.0**-25, "0000"), (2.0**-25 * 1.0001, "0100"), (3 * 2.0**-25, "0200"), (6.1e-5, "ff03"),
    (-0.0, "0080"), (math.inf, "007c"), (-math.inf, "00fc"), (NAN, "007e"), (5e-324, "0000"), (-(2.0**-24), "0180"),
    # halfway between two halves in float32, but not as a double
    (1 + 2.0**-11 + 2.0**-40, "013c"), (1 + 2.0**-11 - 2.0**-40, "003c"), (1 + 2.0**-11, "003c"),
])
def test_float16_rounding(value, bits):
    assert write(pyfory.Float16Array([value])).hex() == "01ff3502" + bits


@pytest.mark.parametrize("value, bits", [
    (1.0, "803f"), (1 / 3, "ab3e"), (3.3961775292304957e38, "807f"), (1.00390625, "803f"), (1.01171875, "823f"),
    (1e-40, "0100"), (1e308, "807f"), (-0.0, "0080"), (1 + 2.0**-8 + 2.0**-40, "813f"), (1 + 2.0**-8 - 2.0**-40, "803f"),
])
def test_bfloat16_rounding(value, bits):
    assert write(pyfory.BFloat16Array([value])).hex() == "01ff3602" + bits


def test_user_strings_are_no_sequences_of_themselves():
    import collections

    with pytest.raises(pyfory.error.TypeUnregisteredError, match="UserString"):
        pyfory.Fory().dumps(collections.UserString("x"))
    assert pyfory.Fory().loads(pyfory.Fory().dumps(collections.UserList([1]))) == [1]
