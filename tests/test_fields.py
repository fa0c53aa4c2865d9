"""Bytes of struct fields, TypeDefs, field order and schema hashes
(wire-format.md, sections 11 to 13)."""

import array
import dataclasses
import datetime
import enum
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Dict, List, Optional, Set, Tuple, Union

import pytest

import pyfory
import support
from pyfory.error import ForyError
from support import unhex


class Color(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass
class In:
    v: int = 0


def one(annotation, value=dataclasses.MISSING, **field_options):
    """A class with the single field f."""
    if field_options:
        return dataclasses.make_dataclass("P", [("f", annotation, pyfory.field(**field_options))])
    return dataclasses.make_dataclass("P", [("f", annotation)])


def write(cls, value, compatible=True, ref=False, **options):
    fory = pyfory.Fory(compatible=compatible, ref=ref, **options)
    reader = pyfory.Fory(compatible=compatible, ref=ref, **options)
    for instance in (fory, reader):
        instance.register(cls, type_id=1)
        instance.register(In, type_id=2)
        instance.register(Color, type_id=3)
    data = fory.serialize(value)
    return data, reader.deserialize(data)


def compatible_parts(data):
    """(TypeDef hex, body hex) of a root struct by id."""
    assert data[2:4] == b"\x1c\x00"
    end = 12 + data[4]
    return data[4:end].hex(), data[end:].hex()


SCALARS = [
    # annotation, type id, value, body
    (bool, 1, True, "01"), (int, 7, 1, "02"), (float, 20, 1.5, "000000000000f83f"), (str, 21, "a", "0461"),
    (bytes, 41, b"ab", "026162"), (pyfory.Bool, 1, False, "00"),
    (pyfory.Int8, 2, -128, "80"), (pyfory.Int16, 3, -2, "feff"), (pyfory.Int32, 5, -65, "8101"),
    (pyfory.Int64, 7, 2**63 - 1, "feffffffffffffffff"), (pyfory.FixedInt32, 4, -2, "feffffff"),
    (pyfory.FixedInt64, 6, -2, "feffffffffffffff"), (pyfory.TaggedInt64, 8, 2**30, "010000004000000000"),
    (pyfory.TaggedInt64, 8, -(2**30), "00000080"),
    (pyfory.UInt8, 9, 255, "ff"), (pyfory.UInt16, 10, 65535, "ffff"), (pyfory.UInt32, 12, 2**32 - 1, "ffffffff0f"),
    (pyfory.UInt32, 12, 16384, "808001"), (pyfory.UInt64, 14, 2**64 - 1, "ffffffffffffffffff"),
    (pyfory.UInt64, 14, 2**56, "808080808080808001"), (pyfory.UInt64, 14, 2**56 - 1, "ffffffffffffff7f"),
    (pyfory.FixedUInt32, 11, 2**32 - 1, "ffffffff"), (pyfory.FixedUInt64, 13, 2**64 - 1, "ffffffffffffffff"),
    (pyfory.TaggedUInt64, 15, 2**31 - 1, "feffffff"), (pyfory.TaggedUInt64, 15, 2**31, "010000008000000000"),
    (pyfory.Float16, 17, 1.5, "003e"), (pyfory.BFloat16, 18, 1.5, "c03f"), (pyfory.Float32, 19, 1.5, "0000c03f"),
    (pyfory.Float64, 20, -0.0, "0000000000000080"),
    (date, 39, date(1970, 1, 2), "02"), (timedelta, 37, timedelta(seconds=1), "0200000000"),
    (datetime.datetime, 38, datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc), "00" * 12),
    (Decimal, 40, Decimal("1.5"), "023c"),
    (List[int], 22, [1], "010c02"), (Set[int], 23, {1}, "010c02"), (Dict[str, int], 24, {"a": 1}, "0124010461" + "02"),
    (Tuple[int, ...], 22, (1,), "010c02"),
    (pyfory.Array[pyfory.Int32], 46, pyfory.Int32Array([1]), "0401000000"),
    (pyfory.PyArray[pyfory.Int32], 46, array.array("i", [1]), "0401000000"),
    (pyfory.Array[bool], 43, pyfory.BoolArray([True]), "0101"),
    (pyfory.Int32Array, 46, pyfory.Int32Array([1]), "0401000000"),
    (Color, 25, Color.GREEN, "02"),
    (Any, 0, 1, "0702"), (Any, 0, "a", "150461"), (Any, 0, [1], "1601080702"), (object, 0, 1, "0702"),
    (list, 0, [1], "1601080702"), (dict, 0, {"a": 1}, "180100011507046102"), (set, 0, {1}, "1701080702"),
    (tuple, 0, (), None), (Union[int, str], 0, "a", "150461"), (Union[int, str], 0, 1, "0702"),
]


@pytest.mark.parametrize("annotation, type_id, value, body", SCALARS, ids=lambda x: None if isinstance(x, str) else str(x)[:30])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_field(annotation, type_id, value, body, compatible):
    if body is None:
        pytest.skip("checked by the round trip elsewhere")
    cls = one(annotation)
    data, result = write(cls, cls(value), compatible)
    if compatible:
        type_def, actual = compatible_parts(data)
        # struct, compatible, by id, one field; user id 1; not nullable, one name byte; the type
        assert type_def[16:24] == "c10140%02x" % type_id
        assert type_def.endswith("14")
    else:
        actual = data.hex()[16:]
    assert actual == body
    support.assert_same(cls(value), result)


@pytest.mark.parametrize("annotation, type_id, value, body", SCALARS, ids=lambda x: None if isinstance(x, str) else str(x)[:30])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_optional_field(annotation, type_id, value, body, compatible):
    if body is None or annotation in (Any, object):
        pytest.skip("None is an ordinary value of Any")
    cls = one(Optional[annotation])
    for given, expected in ((value, "ff" + body), (None, "fd")):
        data, result = write(cls, cls(given), compatible)
        if compatible:
            type_def, actual = compatible_parts(data)
            assert type_def[16:24] == "c10142%02x" % type_id
        else:
            actual = data.hex()[16:]
        assert actual == expected
        support.assert_same(cls(given), result)


@pytest.mark.parametrize("annotation, type_id, value, body", SCALARS, ids=lambda x: None if isinstance(x, str) else str(x)[:30])
def test_field_with_ref(annotation, type_id, value, body):
    """ref=True in a reader and writer with references on (13.1)."""
    if body is None:
        pytest.skip("checked by the round trip elsewhere")
    basic = type_id in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21)
    carrier = annotation == pyfory.PyArray[pyfory.Int32]
    never = type_id in (17, 18, 25, 40) or (40 < type_id < 57 and type_id != 41 and not carrier)
    expected = ("" if basic else "ff" if never else "00") + body
    cls = one(annotation, ref=True)
    for compatible in support.BOTH_MODES:
        data, result = write(cls, cls(value), compatible, ref=True)
        actual = compatible_parts(data)[1] if compatible else data.hex()[16:]
        if type_id in (22, 23, 24):
            assert actual.startswith("00") or never
        else:
            assert actual == expected
        support.assert_same(cls(value), result)


@pytest.mark.parametrize("annotation, value", [
    (int, None), (int, "x"), (int, 1.5), (str, None), (str, 5), (str, b"x"), (float, None), (float, "x"),
    (bool, None), (bool, "x"), (bool, 1), (bytes, None), (bytes, bytearray(b"x")), (bytes, "x"),
    (date, datetime.datetime(2020, 1, 1)), (date, 5), (date, None), (datetime.datetime, date(2020, 1, 1)),
    (timedelta, 5), (Decimal, 1.5), (Color, 2), (Color, None), (In, 5), (In, Color.RED),
    (pyfory.Array[pyfory.Int32], "x"), (pyfory.Array[pyfory.Int32], None), (pyfory.Array[pyfory.Int32], ["x"]),
    (pyfory.Array[pyfory.Int32], array.array("h", [1])), (pyfory.PyArray[pyfory.Int32], [1]),
    (pyfory.Array[pyfory.Int32], pyfory.Int16Array([1])),
], ids=str)
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_wrong_type(annotation, value, compatible):
    cls = one(annotation)
    with pytest.raises(ForyError) as caught:
        write(cls, cls(value), compatible)
    assert isinstance(caught.value, TypeError)
    assert "f" in caught.value.path


@pytest.mark.parametrize("annotation, low, high", [
    (pyfory.Int8, -(2**7), 2**7 - 1), (pyfory.Int16, -(2**15), 2**15 - 1), (pyfory.Int32, -(2**31), 2**31 - 1),
    (pyfory.Int64, -(2**63), 2**63 - 1), (int, -(2**63), 2**63 - 1), (pyfory.FixedInt32, -(2**31), 2**31 - 1),
    (pyfory.FixedInt64, -(2**63), 2**63 - 1), (pyfory.TaggedInt64, -(2**63), 2**63 - 1), (pyfory.UInt8, 0, 2**8 - 1),
    (pyfory.UInt16, 0, 2**16 - 1), (pyfory.UInt32, 0, 2**32 - 1), (pyfory.UInt64, 0, 2**64 - 1),
    (pyfory.FixedUInt32, 0, 2**32 - 1), (pyfory.FixedUInt64, 0, 2**64 - 1), (pyfory.TaggedUInt64, 0, 2**64 - 1),
], ids=str)
def test_integer_range(annotation, low, high):
    cls = one(annotation)
    for compatible in support.BOTH_MODES:
        for value in (low, high, True):
            assert write(cls, cls(value), compatible)[1] == cls(value)
        for value in (low - 1, high + 1, 2**70, -(2**70)):
            with pytest.raises(OverflowError) as caught:
                write(cls, cls(value), compatible)
            assert isinstance(caught.value, ForyError)


def test_lenient_numbers():
    class Index:
        def __index__(self):
            return 7

    cls = one(pyfory.Int32)
    support.assert_same(7, write(cls, cls(Index()))[1].f)
    cls = one(float)
    support.assert_same(3.0, write(cls, cls(3))[1].f)
    np = pytest.importorskip("numpy")
    cls = one(pyfory.Int16)
    support.assert_same(7, write(cls, cls(np.int8(7)))[1].f)
    cls = one(float)
    support.assert_same(0.5, write(cls, cls(np.float32(0.5)))[1].f)


def test_float_overflow_is_infinity():
    for annotation in (pyfory.Float32, pyfory.Float16, pyfory.BFloat16):
        cls = one(annotation)
        assert write(cls, cls(1e300))[1].f == float("inf")
        assert write(cls, cls(-1e300))[1].f == float("-inf")


@dataclass
class P:
    name: str
    age: int


def test_worked_example_by_id():
    fory = pyfory.Fory()
    fory.register(P, type_id=1)
    assert fory.serialize(P("Al", 30)) == unhex("01ff 1c 00 0bd06d13be517737 c201 440700c4 4815340c20 3c 08416c")


def test_worked_example_by_name():
    fory = pyfory.Fory()
    fory.register(P, name="demo.P")
    assert fory.serialize(P("Al", 30)) == unhex(
        "01ff 1e 00 10a0e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20 3c08416c")
    fory = pyfory.Fory()
    fory.register(P, name="P")
    assert fory.serialize(P("Al", 30)).hex().startswith(unhex("01ff 1e 00 0dd04c8b540d904b e2 00 073c").hex())


@pytest.mark.parametrize("annotation, type_def", [
    (Optional[int], "05d04232495d7925 c101 42 07 14"),
    (List[List[int]], "07a074de69887305 c101 40 16 58 1c 14"),
    (Dict[str, Optional[int]], "... c101 40 18 54 1e 14"),
    (List[bytes], "... c101 40 16 a401 14"),
    (Any, "0590d8ae9c6f0979 c101 40 00 14"),
    (Color, "05d0ea006f809f04 c101 40 19 14"),
    (In, "0530d7dd553db204 c101 40 1c 14"),
    (pyfory.Array[pyfory.Int32], "057070339aa22529 c101 40 2e 14"),
], ids=str)
def test_type_def(annotation, type_def):
    cls = one(annotation)
    values = {Color: Color.RED, In: In(1), Any: 1}
    value = values.get(annotation, [] if "List" in str(annotation) or "Array" in str(annotation) else {} if "Dict" in str(annotation) else 1)
    actual = compatible_parts(write(cls, cls(value))[0])[0]
    expected = type_def.replace(" ", "")
    if expected.startswith("..."):
        assert actual[16:] == expected[3:]
    else:
        assert actual == expected


def test_type_def_with_tags():
    cls = dataclasses.make_dataclass("Tag", [
        ("a", int, pyfory.field(id=3)), ("b", str, pyfory.field(id=0)), ("c", Optional[int], pyfory.field(id=14, nullable=True)),
        ("d", bool, pyfory.field(id=15)), ("e", List[int], pyfory.field(id=300)), ("zz", int),
    ])
    fory = pyfory.Fory()
    fory.register(cls, type_id=200)
    data = fory.serialize(cls(1, "b", None, True, [2], 5))
    assert compatible_parts(data)[0] == unhex(
        "150067b79a48d23d c6 c801 | fc00 01 | cc 07 | 44 07 e720 | fa 07 | c0 15 | fc9d02 16 1c").hex()
    assert fory.deserialize(data) == cls(1, "b", None, True, [2], 5)


@pytest.mark.parametrize("count, start", [(30, "de07"), (31, "df0007"), (32, "df0107"), (40, "df0907")])
def test_type_def_with_many_fields(count, start):
    cls = dataclasses.make_dataclass("Many", [("f%d" % i, int, dataclasses.field(default=i)) for i in range(count)])
    fory, reader = pyfory.Fory(), pyfory.Fory()
    for f in (fory, reader):
        f.register(cls, type_id=7)
    data = fory.serialize(cls())
    offset = 12 if data[4] < 255 else 13 if data[12] < 128 else 14
    assert data[offset:].hex().startswith(start)
    assert reader.deserialize(data) == cls()


def test_long_field_names():
    for length, prefix in ((40, "7c0a07"), (24, "7807"[:0])):
        name = "a" * length
        cls = dataclasses.make_dataclass("Long", [(name, int)])
        data, result = write(cls, cls(5))
        assert getattr(result, name) == 5
        if prefix:
            assert prefix in compatible_parts(data)[0]


def test_camel_case_names_stay():
    @dataclass
    class Camel:
        firstName: str
        URL: int
        x_y: bool

    fory = pyfory.Fory()
    fory.register(Camel, type_id=9)
    data = fory.serialize(Camel("a", 1, True))
    assert data == unhex("01ff1c00 1430cb24e5abcd5c c309 | 44015f78 | 88075d5ca0 | 5815951194fad03080 | 01 02 0461")


def test_field_order():
    kinds = [
        ("bool", bool, True), ("i8", pyfory.Int8, 1), ("i16", pyfory.Int16, 1), ("i32", pyfory.Int32, 1),
        ("fi32", pyfory.FixedInt32, 1), ("i64", pyfory.Int64, 1), ("fi64", pyfory.FixedInt64, 1),
        ("ti64", pyfory.TaggedInt64, 1), ("u8", pyfory.UInt8, 1), ("u16", pyfory.UInt16, 1), ("u32", pyfory.UInt32, 1),
        ("fu32", pyfory.FixedUInt32, 1), ("u64", pyfory.UInt64, 1), ("fu64", pyfory.FixedUInt64, 1),
        ("tu64", pyfory.TaggedUInt64, 1), ("f16", pyfory.Float16, 1.0), ("bf16", pyfory.BFloat16, 1.0),
        ("f32", pyfory.Float32, 1.0), ("f64", pyfory.Float64, 1.0), ("pint", int, 1), ("pfloat", float, 1.0),
    ]
    fields = [("n_" + n, Optional[t], dataclasses.field(default=v)) for n, t, v in kinds]
    fields += [("p_" + n, t, dataclasses.field(default=v)) for n, t, v in kinds]
    fields += [
        ("zstr", str, dataclasses.field(default="")), ("zEd", str, dataclasses.field(default="")),
        ("camelCase", str, dataclasses.field(default="")), ("camel_b", str, dataclasses.field(default="")),
        ("astr", Optional[str], dataclasses.field(default=None)), ("de", Decimal, dataclasses.field(default=Decimal(1))),
        ("an", Any, dataclasses.field(default=1)), ("sub", In, dataclasses.field(default_factory=In)),
    ]
    cls = dataclasses.make_dataclass("Order", fields)
    fory = pyfory.Fory()
    fory.register(cls, type_id=5)
    fory.register(In, type_id=2)
    # what an instance that does not know the class sees is in wire order
    unknown = pyfory.Fory().deserialize(fory.serialize(cls()))
    numbers = ("fi64 fu64 f64 pfloat fi32 fu32 f32 i16 u16 f16 bf16 bool i8 u8 i64 pint ti64 u64 tu64 i32 u32").split()
    assert list(unknown.keys()) == ["p_" + n for n in numbers] + ["n_" + n for n in numbers] + [
        "an", "astr", "camel_b", "camelCase", "de", "sub", "zEd", "zstr"]


@pytest.mark.parametrize("fields, expected", [
    ([("x", int)], "c03ec01d"),
    ([("name", str), ("age", int)], "bbeb8193"),
    ([("firstName", str), ("URL", int), ("x_y", bool)], "6fb1001e"),
    ([("o", Optional[int]), ("l", List[Optional[str]]), ("m", Dict[str, List[int]]), ("s", Set[int]),
      ("t", Tuple[int, ...]), ("a", Any), ("ar", pyfory.Array[pyfory.Int32])], "6a253470"),
    ([("a", int, pyfory.field(id=3)), ("b", str, pyfory.field(id=0)), ("c", List[int], pyfory.field(id=10, ref=True)),
      ("d", int)], "78467130"),
    ([("c", Color), ("i", In), ("e", Optional[In])], "54baa198"),
    ([("u", Union[int, str]), ("f", float), ("ll", list), ("tt", tuple), ("d", dict), ("ss", set)], "c65e3800"),
    ([("f16", pyfory.Float16), ("by", bytes), ("d", date), ("ts", datetime.datetime), ("du", timedelta),
      ("de", Decimal)], "9635b08a"),
    ([("n", List[List[Optional[pyfory.FixedInt32]]]), ("r", List[pyfory.Ref[In]])], "b2f030f5"),
    ([], "3aa1e90b"),
], ids=lambda x: x if isinstance(x, str) else None)
def test_schema_hash(fields, expected):
    values = {int: 1, str: "a", bool: True, float: 1.0, bytes: b"", date: date(1970, 1, 1), timedelta: timedelta(),
              Decimal: Decimal(1), datetime.datetime: datetime.datetime(1970, 1, 1), Color: Color.RED, list: [],
              dict: {}, set: set(), tuple: (), Any: 1, pyfory.Float16: 1.0}
    cls = dataclasses.make_dataclass("H", fields)
    given = []
    for f in fields:
        text = str(f[1])
        given.append(
            values[f[1]] if f[1] in values else In(1) if f[1] is In else None if "Optional[" == text[7:16] else
            {} if "Dict" in text else [] if "List" in text or "Array" in text else set() if "Set" in text else
            () if "Tuple" in text else None if "None" in text[-10:] else 1)
    data, result = write(cls, cls(*given), compatible=False)
    assert data.hex()[8:16] == expected


def test_schema_hash_with_field_nullable():
    cls = one(int)
    cls = dataclasses.make_dataclass("H", [("x", int)])
    data, result = write(cls, cls(1), compatible=False, field_nullable=True)
    assert data.hex()[8:] == "39a60817" + "ff02"


@pytest.mark.parametrize("value, consistent, compatible", [
    (In(5), "9131d7e7 0a", "1c02 05a0e168cce8de69c10240 0754 0a"),
])
def test_nested_struct_by_id(value, consistent, compatible):
    cls = one(In)
    data, result = write(cls, cls(value), False)
    assert data.hex()[8:] == unhex("b22889fb" + consistent).hex() and result == cls(value)
    data, result = write(cls, cls(value), True)
    assert compatible_parts(data)[1] == unhex(compatible).hex() and result == cls(value)
    cls = one(Optional[In])
    data, result = write(cls, cls(value), False)
    assert data.hex()[8:] == unhex("957137db ff" + consistent).hex() and result == cls(value)
    assert write(cls, cls(None), False)[0].hex()[8:] == "957137dbfd"
    assert compatible_parts(write(cls, cls(None), True)[0])[1] == "fd"


def test_nested_struct_by_name():
    cls = one(In)
    for compatible, body in ((True, "1e 02 0a50cf11ee7cb963 e10d0c8c70075c400754 0a"), (False, "b22889fb 9131d7e7 0a")):
        fory, reader = pyfory.Fory(compatible=compatible), pyfory.Fory(compatible=compatible)
        for f in (fory, reader):
            f.register(cls, type_id=1)
            f.register(In, name="demo.X")
        data = fory.serialize(cls(In(5)))
        assert data.hex().endswith(unhex(body).hex())
        assert reader.deserialize(data) == cls(In(5))


def test_nested_struct_by_name_in_the_form_of_pyfory_1_7_7():
    cls = one(In)
    fory = pyfory.Fory(compatible=False)
    fory.register(cls, type_id=1)
    fory.register(In, name="demo.X")
    assert fory.deserialize(unhex("01ff 1b01 b22889fb 1d 06010c8c70 02035c 9131d7e7 0a")) == cls(In(5))


def test_any_field_none():
    cls = one(Any)
    assert compatible_parts(write(cls, cls(None))[0])[1] == "24"
    assert write(cls, cls(None), False)[0].hex().endswith("32fcbeee24"[-2:])


def test_dynamic_option_in_consistent_mode():
    cls = one(int, dynamic=True)
    assert write(cls, cls(1), False)[0].hex()[16:] == "0702"
    cls = one(In, dynamic=True)
    assert write(cls, cls(In(1)), False)[0].hex()[16:] == unhex("1b02 9131d7e7 02").hex()
    cls = one(int, dynamic=True)
    assert compatible_parts(write(cls, cls(1))[0])[1] == "02"


def test_masked_arrays_do_not_lose_their_mask():
    np = pytest.importorskip("numpy")
    holder = dataclasses.make_dataclass("Holder", [("a", pyfory.NDArray[pyfory.Int32]), ("b", pyfory.Array[pyfory.Int32])])
    fory = pyfory.Fory()
    fory.register(holder, name="h.Holder")
    masked = np.ma.array([1, 2], mask=[0, 1], dtype="i4")
    plain = masked.filled(-1)
    for a, b, path in ((masked, plain, "$.a"), (plain, masked, "$.b")):
        with pytest.raises(TypeError, match="mask of a MaskedArray would be lost") as info:
            fory.dumps(holder(a, b))
        assert info.value.path == path
    result = fory.loads(fory.dumps(holder(plain, plain)))
    assert result.a.tolist() == list(result.b) == [1, -1]
