"""Objects and dicts to rows, and rows to objects."""

import array
import collections
import dataclasses
import datetime
import decimal
import gc
import mmap
import struct
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

import pytest

import pyfory
from pyfory import format as rows
from pyfory.error import (
    ForyError,
    ForyInvalidDataError,
    ForyInvalidError,
    ForyOverflowError,
    ForySchemaHashError,
    ForyTypeError,
    TypeNotCompatibleError,
)
from pyfory.format import Encoder, RowData

UTC = datetime.timezone.utc


@dataclass
class Address:
    street: str
    zip: pyfory.Int32


@dataclass
class Everything:
    flag: bool
    tiny: pyfory.Int8
    small: pyfory.Int16
    medium: pyfory.Int32
    large: int
    half: pyfory.Float16
    single: pyfory.Float32
    double: float
    text: str
    raw: bytes
    day: datetime.date
    moment: datetime.datetime
    span: datetime.timedelta
    money: decimal.Decimal
    items: List[int]
    unique: Set[str]
    frozen: FrozenSet[int]
    pair: Tuple[float, ...]
    sequence: Sequence[str]
    mapping: Dict[str, List[int]]
    address: Address
    addresses: List[Address]
    by_name: Dict[str, Address]
    nothing: Optional[Address] = None


FULL = Everything(
    True, -128, 32767, -(2**31), 2**63 - 1, 0.5, 1.5, 0.1, "grüße\U0001f600", b"\0\x01", datetime.date(9999, 12, 31),
    datetime.datetime(2024, 7, 1, 12, 30, 0, 123456), datetime.timedelta(days=-5, microseconds=3),
    decimal.Decimal("-12345.678000000000000000"), [1, 2, 2**40], {"a", "b"}, frozenset([7]), (1.0, 2.5), ["x", "y"],
    {"k": [1], "none": None}, Address("Main", 5), [Address("", 0), Address("z", -1)], {"home": Address("h", 1)},
)  # fmt: skip


def encoder_of(*fields):
    return rows.create_row_encoder(rows.schema([rows.field(*f) for f in fields]))


def row_bytes(dtype, value):
    return encoder_of(("a", dtype)).to_row({"a": value}).to_bytes()


# ---- whole objects ----------------------------------------------------------------


def test_everything_comes_back():
    encoder = pyfory.encoder(Everything)
    for source in (encoder.to_row(FULL), encoder.to_row(FULL).to_bytes()):
        back = encoder.from_row(source)
        assert back == FULL
        for f in dataclasses.fields(Everything):
            assert type(getattr(back, f.name)) is type(getattr(FULL, f.name)), f.name
        assert type(back.addresses[0]) is type(back.by_name["home"]) is Address
        assert list(vars(back)) == [f.name for f in dataclasses.fields(Everything)]
    assert encoder.decode(encoder.encode(FULL)) == FULL


def test_sources_of_rows(tmp_path):
    encoder = pyfory.encoder(Address)
    data = encoder.to_row(Address("s", 5)).to_bytes()
    path = tmp_path / "row"
    path.write_bytes(data)
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for source in (data, bytearray(data), memoryview(data), pyfory.Buffer(data), mapped, RowData(encoder.schema, data)):
        assert encoder.from_row(source) == Address("s", 5)
    mapped.close()
    with pytest.raises(ForyTypeError):
        encoder.from_row(None)


def test_bytes_of_a_row():
    row = pyfory.encoder(Address).to_row(Address("hi", -2))
    assert row.to_bytes() == struct.pack("<QIIQ8s", 0, 2, 24, 0xFFFFFFFE, b"hi")


def test_encode_is_hash_and_row():
    encoder = pyfory.encoder(Address)
    address = Address("hi", 7)
    assert encoder.schema_hash == ((17 * 31) + 21) * 31 + 4 == rows.compute_schema_hash(encoder.schema)
    assert encoder.encode(address) == struct.pack("<q", encoder.schema_hash) + encoder.to_row(address).to_bytes()


def test_decode_of_another_schema():
    data = pyfory.encoder(Address).encode(Address("hi", 7))
    with pytest.raises(ForySchemaHashError) as info:
        pyfory.encoder(Everything).decode(data)
    assert isinstance(info.value, (AssertionError, TypeNotCompatibleError))
    with pytest.raises(EOFError):
        pyfory.encoder(Address).decode(b"1234567")


def test_row_of_another_schema():
    row = pyfory.encoder(Address).to_row(Address("hi", 7))
    with pytest.raises(ForySchemaHashError):
        pyfory.encoder(Everything).from_row(row)


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 130, 300])
def test_numbers_of_fields(count):
    """Null bitmaps of several words; more fields than are kept on the stack."""
    cls = dataclasses.make_dataclass("Wide", [("f%03d" % i, Optional[int], None) for i in range(count)])
    encoder = pyfory.encoder(cls)
    value = cls(*[None if i % 3 == 0 else i for i in range(count)])
    row = encoder.to_row(value)
    assert row.size_bytes() == 8 * ((count + 63) // 64) + 8 * count
    assert encoder.from_row(row.to_bytes()) == value
    assert list(row) == [getattr(value, "f%03d" % i) for i in range(count)]


def test_slots_frozen_and_derived_classes():
    class Base:
        __slots__ = ("a",)
        a: int

    class Slotted(Base):
        __slots__ = ("b",)
        b: str

    @dataclass(frozen=True)
    class Frozen:
        a: int
        b: str = "x"

    @dataclass
    class Derived(Address):
        city: str = ""

    slotted = Slotted()
    slotted.a, slotted.b = 5, "t"
    for value in (slotted, Frozen(5, "t"), Derived("s", 1, "c")):
        encoder = pyfory.encoder(type(value))
        back = encoder.from_row(encoder.to_row(value))
        assert type(back) is type(value)
        for name in encoder.schema.names:
            assert getattr(back, name) == getattr(value, name)


def test_plain_classes_and_subclasses_and_namespaces():
    class Point:
        x: int
        y: float

        def __init__(self, x, y):
            self.x, self.y = x, y

    class Sub(Point):
        pass

    encoder = pyfory.encoder(Point)
    expected = encoder.to_row(Point(1, 2.0))
    for source in (Sub(1, 2.0), types.SimpleNamespace(y=2.0, x=1), {"y": 2.0, "x": 1}, expected):
        assert encoder.to_row(source) == expected
    back = encoder.from_row(expected)
    assert type(back) is Point and (back.x, back.y) == (1, 2.0)


def test_init_does_not_run():
    @dataclass
    class Loud:
        a: int

        def __post_init__(self):
            raise RuntimeError

    value = Loud.__new__(Loud)
    value.a = 3
    encoder = pyfory.encoder(Loud)
    assert encoder.from_row(encoder.to_row(value)).a == 3


def test_properties_and_class_defaults_are_read():
    class Computed:
        area: int
        unit: str = "m"

        @property
        def area(self):
            return 6

    row = pyfory.encoder(Computed).to_row(Computed())
    assert row.area == 6 and row.unit == "m"


def test_reading_attributes_does_not_make_a_dict():
    """Objects keep their attributes inline, as CPython made them."""

    class Plain:
        a: int
        b: str

    value = Plain()
    value.a, value.b = 1, "x"
    before = sys.getsizeof(value)
    encoder = pyfory.encoder(Plain)
    for _ in range(3):
        encoder.to_row(value)
    assert sys.getsizeof(value) == before
    value.__dict__["a"] = 9  # materialised now
    assert encoder.to_row(value).a == 9
    del value.a
    with pytest.raises(ForyTypeError, match=r"no value for field 'a' \(at \$\.a\)"):
        encoder.to_row(value)


def test_classes_that_change():
    class Plain:
        a: int

    encoder = pyfory.encoder(Plain)
    value = Plain()
    value.a = 1
    assert encoder.to_row(value).a == 1
    Plain.a = property(lambda self: 42)
    assert encoder.to_row(value).a == 42
    del Plain.a
    assert encoder.to_row(value).a == 1


def test_many_classes_for_one_schema():
    encoder = encoder_of(("a", rows.int64()))
    for i in range(50):
        cls = type("C%d" % i, (), {})
        value = cls()
        value.a = i
        assert encoder.to_row(value).a == i


def test_fields_left_out_of_the_schema_get_their_defaults():
    @dataclass
    class Partial:
        a: int
        cache: Dict[str, int] = pyfory.field(default_factory=dict, ignore=True)
        note: str = pyfory.field(default="n", ignore=True)

    encoder = pyfory.encoder(Partial)
    assert encoder.schema.names == ["a"]
    back = encoder.from_row(encoder.to_row(Partial(3, {"x": 1}, "other")))
    assert back == Partial(3, {}, "n")
    assert encoder.from_row(encoder.to_row(Partial(3))).cache is not back.cache


def test_typed_dicts():
    class Movie(typing.TypedDict):
        name: str
        address: Address

    encoder = pyfory.encoder(Movie)
    back = encoder.from_row(encoder.to_row({"name": "m", "address": Address("s", 1)}))
    assert back == {"name": "m", "address": Address("s", 1)}


class Step(typing.NamedTuple):
    y: int
    at: typing.Optional[Address] = None
    b: str = "b"

    @property
    def twice(self):
        return self.y * 2


class Walk(typing.NamedTuple):
    steps: typing.List[Step]
    best: typing.Dict[str, Step]


class Marked(Step):
    def __new__(cls, *args):
        raise AssertionError("not called")


def test_named_tuples():
    walk = Walk([Step(1), Step(2, Address("s", 3), "z")], {"first": Step(1)})
    encoder = pyfory.encoder(Walk)
    back = encoder.from_row(encoder.to_row(walk))
    assert back == walk and type(back) is Walk
    assert [type(step) for step in back.steps] == [Step, Step] and back.steps[1].twice == 4
    assert type(back.steps[1].at) is Address and type(back.best["first"]) is Step
    assert encoder.decode(encoder.encode(walk)) == walk
    assert encoder.from_batch(encoder.batch([walk] * 3)) == [walk] * 3
    marked = pyfory.encoder(Marked).from_row(pyfory.encoder(Marked).to_row(Step(1)))
    assert type(marked) is Marked and marked == (1, None, "b")


def test_named_tuples_and_other_schemas():
    with pytest.raises(ForyTypeError, match="Step is a tuple whose elements are not the fields of the schema"):
        pyfory.encoder(Step, rows.schema([rows.field("y", rows.int64())]))

    class Pair(tuple):
        a: int

    with pytest.raises(ForyTypeError, match="NamedTuples"):
        pyfory.encoder(Pair)


def test_records():
    schema = rows.schema([rows.field("b", rows.int64()), rows.field("s", rows.struct([rows.field("x", rows.utf8())]))])
    for encoder in (rows.create_row_encoder(schema), pyfory.encoder(schema=schema), Encoder(None, schema)):
        record = encoder.from_row(encoder.to_row({"b": 5, "s": {"x": "t"}}))
        assert record.b == 5 and record.s.x == "t"
        assert encoder.schema is schema


def test_attributes_of_encoders():
    encoder = pyfory.encoder(Address)
    assert type(encoder) is Encoder and encoder.clz is Address
    assert encoder.row_encoder.schema is encoder.schema
    assert encoder.row_encoder.from_row(encoder.to_row(Address("a", 1))) == Address("a", 1)
    assert repr(encoder).startswith("Encoder(Address, ")


def test_encoder_without_anything():
    with pytest.raises(ForyTypeError):
        pyfory.encoder()
    with pytest.raises(ForyInvalidError, match="__init__"):
        Encoder.__new__(Encoder).to_row(5)
    encoder = pyfory.encoder(Address)
    with pytest.raises(ForyInvalidError, match="once"):
        encoder._bind(encoder.schema, None, False, False)


# ---- nulls -----------------------------------------------------------------------


def test_null_slots_are_zero():
    encoder = encoder_of(("a", rows.int64()), ("b", rows.utf8()), ("c", rows.list_(rows.int64())))
    assert encoder.to_row({}).to_bytes() == struct.pack("<4Q", 7, 0, 0, 0)
    assert encoder.to_row({"a": None, "b": None, "c": None}).to_bytes() == struct.pack("<4Q", 7, 0, 0, 0)


def test_none_is_no_row():
    with pytest.raises(ForyInvalidError) as info:
        pyfory.encoder(Address).to_row(None)
    assert isinstance(info.value, ValueError)


def test_not_nullable():
    encoder = encoder_of(("a", rows.int64(), False), ("b", rows.struct([rows.field("c", rows.utf8(), False)])))
    with pytest.raises(ForyTypeError, match=r"not nullable \(at \$\.a\)"):
        encoder.to_row({})
    with pytest.raises(ForyTypeError, match=r"not nullable \(at \$\.b\.c\)"):
        encoder.to_row({"a": 1, "b": {}})
    with pytest.raises(ForyTypeError, match=r"\$\.m\[<NoneType>\]"):
        encoder_of(("m", rows.map_(rows.utf8(), rows.utf8()))).to_row({"m": {None: "x"}})


# ---- values of each type -----------------------------------------------------------

WORD = struct.Struct("<QQ")


@pytest.mark.parametrize(
    "dtype, value, slot",
    [
        (rows.boolean(), True, 1),
        (rows.int8(), -1, 0xFF),
        (rows.int16(), -2, 0xFFFE),
        (rows.int32(), -3, 0xFFFFFFFD),
        (rows.int64(), -4, 2**64 - 4),
        (rows.int64(), True, 1),
        (rows.int64(), -(2**63), 2**63),
        (rows.float16(), 1.5, 0x3E00),
        (rows.float16(), 1e9, 0x7C00),
        (rows.float32(), 1.5, 0x3FC00000),
        (rows.float64(), 2, 0x4000000000000000),
        (rows.date32(), datetime.date(1970, 1, 2), 1),
        (rows.date32(), datetime.date(1969, 12, 31), 0xFFFFFFFF),
        (rows.timestamp(), datetime.datetime(1970, 1, 1, 0, 0, 1, 5, UTC), 1000005),
        (rows.timestamp(), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), 2**64 - 1),
        (rows.duration(), datetime.timedelta(-1), 2**64 - 86400000000),
    ],
)
def test_slots(dtype, value, slot):
    assert row_bytes(dtype, value) == WORD.pack(0, slot)


def test_bytes_of_arrays_and_maps():
    reference = struct.Struct("<II").pack
    assert row_bytes(rows.list_(rows.int32()), [1, None, 3])[8:] == reference(32, 16) + struct.pack(
        "<QQiiii", 3, 2, 1, 0, 3, 0
    )
    assert row_bytes(rows.list_(rows.boolean()), [True, False, True])[16:] == struct.pack("<QQ8B", 3, 0, 1, 0, 1, *[0] * 5)
    assert row_bytes(rows.list_(rows.float16()), [1.0])[16:] == struct.pack("<QQHHHH", 1, 0, 0x3C00, 0, 0, 0)
    assert row_bytes(rows.list_(rows.int64()), [])[8:] == reference(8, 16) + bytes(8)
    keys = struct.pack("<QQIIII8s8s", 2, 0, 1, 32, 1, 40, b"x", b"y")
    values = struct.pack("<QQqq", 2, 2, 1, 0)
    assert row_bytes(rows.map_(rows.utf8(), rows.int64()), {"x": 1, "y": None})[8:] == (
        reference(8 + len(keys) + len(values), 16) + struct.pack("<Q", len(keys)) + keys + values
    )
    money = row_bytes(rows.decimal(10, 2), decimal.Decimal("-1.5"))
    assert money[8:] == reference(16, 16) + (-150).to_bytes(16, "little", signed=True)


@pytest.mark.parametrize(
    "dtype, value",
    [
        (rows.boolean(), 1),
        (rows.int32(), 1.0),
        (rows.int32(), "1"),
        (rows.float64(), "1"),
        (rows.float64(), b"1"),
        (rows.utf8(), b"x"),
        (rows.binary(), "x"),
        (rows.date32(), 5),
        (rows.date32(), datetime.datetime(2020, 1, 1)),
        (rows.timestamp(), datetime.date(2020, 1, 1)),
        (rows.duration(), 5),
        (rows.decimal(), 1.5),
        (rows.decimal(), True),
        (rows.list_(rows.int64()), 5),
        (rows.list_(rows.int64()), "12"),
        (rows.list_(rows.int64()), b"12"),
        (rows.list_(rows.int64()), {1: 2}),
        (rows.map_(rows.utf8(), rows.int64()), [("a", 1)]),
        (rows.map_(rows.utf8(), rows.int64()), "a"),
        (rows.struct([rows.field("x", rows.int64())]), 5),
        (rows.struct([rows.field("x", rows.int64())]), [5]),
        (rows.struct([rows.field("x", rows.int64())]), int),
    ],
)
def test_wrong_types(dtype, value):
    with pytest.raises(ForyTypeError) as info:
        row_bytes(dtype, value)
    assert info.value.path == "$.a"


@pytest.mark.parametrize(
    "dtype, value",
    [
        (rows.int8(), 128),
        (rows.int16(), -32769),
        (rows.int32(), 2**31),
        (rows.int64(), 2**63),
        (rows.int64(), 10**30),
        (rows.float64(), 10**400),
        (rows.duration(), datetime.timedelta.max),
        (rows.decimal(4, 2), decimal.Decimal("100")),
        (rows.decimal(), 10**20),
    ],
)
def test_overflow(dtype, value):
    for wrapped, path in ((dtype, "$.a"), (rows.list_(dtype), "$.a[0]")):
        with pytest.raises(ForyOverflowError) as info:
            row_bytes(wrapped, value if wrapped is dtype else [value])
        assert isinstance(info.value, OverflowError) and info.value.path == path


@pytest.mark.parametrize(
    "dtype, value",
    [
        (rows.utf8(), "a\ud800"),
        (rows.decimal(10, 2), decimal.Decimal("1.005")),
        (rows.decimal(), decimal.Decimal("NaN")),
        (rows.decimal(), decimal.Decimal("-Infinity")),
    ],
)
def test_values_without_a_form(dtype, value):
    with pytest.raises(ForyInvalidDataError) as info:
        row_bytes(dtype, value)
    assert info.value.path == "$.a"


@pytest.mark.parametrize(
    "precision, scale, text, expected",
    [
        (10, 2, "1.50", "1.50"),
        (10, 2, "1.5000", "1.50"),
        (10, 2, "1E+3", "1000.00"),
        (10, 2, "0E-30", "0.00"),
        (10, 2, "-0", "0.00"),
        (10, 2, "99999999.99", "99999999.99"),
        (38, 0, "9" * 38, "9" * 38),
        (38, 0, "-" + "9" * 38, "-" + "9" * 38),
        (38, 38, "0." + "1" * 38, "0." + "1" * 38),
    ],
)
def test_decimals(precision, scale, text, expected):
    encoder = encoder_of(("a", rows.decimal(precision, scale)))
    back = encoder.from_row(encoder.to_row({"a": decimal.Decimal(text)})).a
    assert str(back) == expected


def test_decimal_takes_ints():
    assert encoder_of(("a", rows.decimal(10, 2))).to_row({"a": -7}).a == decimal.Decimal("-7.00")


def test_binary_takes_buffers():
    encoder = encoder_of(("a", rows.binary()))
    for value in (b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("B", b"abc")):
        assert encoder.to_row({"a": value}).a == b"abc"
    assert encoder.to_row({"a": b""}).a == b""


def test_collections_of_other_types():
    encoder = encoder_of(("a", rows.list_(rows.int64())))
    Counter = collections.Counter
    for value in ([1, 2], (1, 2), {1: 0, 2: 0}.keys(), collections.deque([1, 2]), range(1, 3), {1, 2}):
        assert encoder.to_row({"a": value}).a == [1, 2]
    assert encoder.to_row({"a": encoder.to_row({"a": [1, 2]}).a}).a == [1, 2]
    encoder = encoder_of(("a", rows.map_(rows.utf8(), rows.int64())))
    expected = encoder.to_row({"a": {"x": 1}})
    for value in (Counter("x"), collections.OrderedDict(x=1), types.MappingProxyType({"x": 1}), expected.a):
        assert encoder.to_row({"a": value}) == expected


@pytest.mark.parametrize(
    "dtype, code, values",
    [
        (rows.int8(), "b", [-1, 2]),
        (rows.int16(), "h", [-1, 2]),
        (rows.int32(), "i", [-1, 2]),
        (rows.int64(), "q", [-1, 2]),
        (rows.float32(), "f", [0.5]),
        (rows.float64(), "d", [0.1]),
        (rows.int64(), "i", [1, 2]),
        (rows.float64(), "f", [0.5]),
        (rows.int64(), "Q", [1]),
    ],
)
def test_arrays_of_numbers(dtype, code, values):
    expected = row_bytes(rows.list_(dtype), values)
    assert row_bytes(rows.list_(dtype), array.array(code, values)) == expected
    assert row_bytes(rows.list_(dtype), memoryview(array.array(code, values))) == expected


def test_arrays_of_numbers_are_checked():
    with pytest.raises(ForyOverflowError):
        row_bytes(rows.list_(rows.int64()), array.array("Q", [2**63]))
    with pytest.raises(ForyOverflowError):
        row_bytes(rows.list_(rows.int8()), array.array("B", [200]))


def test_numpy_arrays_and_scalars():
    numpy = pytest.importorskip("numpy")
    dtype = rows.list_(rows.int32())
    values = numpy.arange(12, dtype="i4").reshape(3, 4)
    assert row_bytes(dtype, values[:, 1]) == row_bytes(dtype, [1, 5, 9])
    assert row_bytes(dtype, values[1][::-1]) == row_bytes(dtype, [7, 6, 5, 4])
    assert row_bytes(dtype, values[0].astype(">i4")) == row_bytes(dtype, [0, 1, 2, 3])
    with pytest.raises(TypeError):
        row_bytes(dtype, values)
    assert row_bytes(rows.list_(rows.boolean()), numpy.array([True, False])) == row_bytes(
        rows.list_(rows.boolean()), [True, False]
    )
    assert row_bytes(rows.boolean(), numpy.True_) == row_bytes(rows.boolean(), True)
    assert row_bytes(rows.int8(), numpy.int64(5)) == row_bytes(rows.int8(), 5)
    assert row_bytes(rows.float64(), numpy.float32(0.5)) == row_bytes(rows.float64(), 0.5)


# ---- times ------------------------------------------------------------------------


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def zone(request, monkeypatch):
    import time

    if not hasattr(time, "tzset"):
        pytest.skip("this platform cannot change its time zone")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_naive_datetimes_are_local_time(zone):
    encoder = encoder_of(("a", rows.timestamp()))
    hour = datetime.timedelta(hours=1)
    for start in (datetime.datetime(2023, 3, 25), datetime.datetime(2023, 10, 28), datetime.datetime(2023, 11, 4),
                  datetime.datetime(1903, 1, 1), datetime.datetime(2500, 6, 1)):  # fmt: skip
        for i in range(60):
            stamp = (start.replace(tzinfo=UTC) + i * hour / 2).timestamp()
            local = datetime.datetime.fromtimestamp(stamp).replace(microsecond=7)
            row = encoder.to_row({"a": local})
            assert struct.unpack("<q", row.to_bytes()[8:])[0] == int(stamp) * 1000000 + 7
            assert row.a == local and row.a.fold == local.fold and row.a.tzinfo is None


def test_wall_times_that_occur_twice_or_never(zone):
    """Folds and gaps as datetime.timestamp() has them."""
    encoder = encoder_of(("a", rows.timestamp()))
    for day in ((2023, 3, 11), (2023, 3, 25), (2023, 10, 28), (2023, 11, 4), (2023, 3, 31), (2023, 9, 30), (1900, 1, 1)):
        start = datetime.datetime(*day)
        for i in range(4 * 48):
            for fold in (0, 1):
                local = (start + datetime.timedelta(minutes=15 * i)).replace(fold=fold)
                slot = struct.unpack("<q", encoder.to_row({"a": local}).to_bytes()[8:])[0]
                assert slot == int(local.timestamp()) * 1000000, local


def test_encoders_in_utc():
    @dataclass
    class Event:
        at: datetime.datetime
        log: List[datetime.datetime]

    moment = datetime.datetime(2024, 5, 6, 7, 8, 9, 10, UTC)
    encoder = pyfory.encoder(Event, utc=True)
    row = encoder.to_row(Event(moment, [moment]))
    assert row.at.tzinfo is row.log[0].tzinfo is UTC
    assert encoder.from_row(row.to_bytes()) == Event(moment, [moment])
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    assert encoder.to_row(Event(moment.astimezone(east), [])).at == moment
    assert encoder.row_encoder.from_row(row).at.tzinfo is UTC


@pytest.mark.parametrize("year", [1, 9999])
def test_ends_of_the_calendar(year):
    encoder = rows.RowEncoder(rows.schema([rows.field("a", rows.timestamp())]), utc=True)
    moment = datetime.datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=UTC)
    assert encoder.to_row({"a": moment}).a == moment
    east = datetime.timezone(datetime.timedelta(hours=12 if year == 1 else -12))
    with pytest.raises(ForyOverflowError):
        encoder.to_row({"a": moment.replace(hour=0 if year == 1 else 23, tzinfo=east)})


def test_time_zones_that_fail():
    class Broken(datetime.tzinfo):
        def utcoffset(self, when):
            raise RuntimeError("zone")

    with pytest.raises(RuntimeError, match="zone"):
        row_bytes(rows.timestamp(), datetime.datetime(2020, 1, 1, tzinfo=Broken()))


# ---- errors and user code -----------------------------------------------------------


def test_paths():
    encoder = pyfory.encoder(Everything)

    def path_of(**changes):
        with pytest.raises(ForyError) as info:
            encoder.to_row(dataclasses.replace(FULL, **changes))
        assert str(info.value).endswith("(at %s)" % info.value.path)
        return info.value.path

    assert path_of(text=5) == "$.text"
    assert path_of(address=Address("", 2**31)) == "$.address.zip"
    assert path_of(addresses=[Address("", 0), Address(5, 0)]) == "$.addresses[1].street"
    assert path_of(mapping={"k": [1, "x"]}) == "$.mapping.k[1]"
    assert path_of(mapping={"no name": 5}) == "$.mapping['no name']"
    assert path_of(by_name={"a": Address(None, None), "b": {"zip": "x"}}) == "$.by_name.b.zip"


def test_missing_attributes():
    class Empty:
        pass

    with pytest.raises(ForyTypeError, match=r"Empty object has no value for field 'street' \(at \$\.street\)"):
        pyfory.encoder(Address).to_row(Empty())


def test_row_encoders_take_missing_attributes_as_null():
    schema = rows.schema([rows.field("a", rows.int64()), rows.field("b", rows.int64()), rows.field("c", rows.int8(), False)])
    encoder = rows.create_row_encoder(schema)
    assert list(encoder.to_row(types.SimpleNamespace(b=5, c=1))) == [None, 5, 1]
    with pytest.raises(ForyTypeError, match=r"not nullable \(at \$\.c\)"):
        encoder.to_row(types.SimpleNamespace(b=5))

    class Failing:
        b, c = 1, 2

        @property
        def a(self):
            raise AttributeError("mine")

    with pytest.raises(AttributeError, match="mine"):
        encoder.to_row(Failing())


def test_errors_of_user_code_pass():
    class Odd:
        street = "x"

        @property
        def zip(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as info:
        pyfory.encoder(Address).to_row(Odd())
    if sys.version_info >= (3, 11):
        assert info.value.__notes__ == ["while writing $.zip"]

    class Index:
        def __index__(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        row_bytes(rows.int32(), Index())


def test_values_that_change_while_they_are_written():
    class Evil:
        def __init__(self, act):
            self.act = act

        def __index__(self):
            self.act()
            return 1

        def __hash__(self):
            return 5

    values = [1.5]
    values[:] = [1, Evil(lambda: values.clear()), 3]
    with pytest.raises(ForyTypeError, match="changed its size"):
        row_bytes(rows.list_(rows.int64()), values)
    table = {}
    table.update({"a": Evil(lambda: table.update({str(i): 1 for i in range(100)})), "b": 2})
    with pytest.raises(ForyTypeError, match="changed its size"):
        row_bytes(rows.map_(rows.utf8(), rows.int64()), table)
    keys = {}
    keys.update({Evil(lambda: keys.clear()): 1})
    with pytest.raises(ForyTypeError, match="changed its size"):
        row_bytes(rows.map_(rows.int64(), rows.int64()), keys)


def test_encoders_used_within_encoders():
    encoder = pyfory.encoder(Address)

    class Nested:
        zip = 5

        @property
        def street(self):
            return encoder.to_row(Address("inner " * 1000, 1)).street[:5]

    assert encoder.to_row(Nested()).street == "inner"


def test_large_rows():
    encoder = pyfory.encoder(Everything)
    big = dataclasses.replace(FULL, text="x" * 3000000, addresses=[Address("s%d" % i, i) for i in range(20000)])
    back = encoder.from_row(encoder.to_row(big))
    assert back == big and gc.isenabled()


def test_collector_is_not_switched_on():
    encoder = encoder_of(("a", rows.list_(rows.int64())))
    row = encoder.to_row({"a": list(range(100000))})
    gc.disable()
    try:
        encoder.from_row(row)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_guide_example():
    @dataclass
    class Bar:
        f1: str
        f2: List[int]

    @dataclass
    class Foo:
        f1: pyfory.Int32
        f2: List[pyfory.Int32]
        f3: Dict[str, pyfory.Int32]
        f4: List[Bar]

    n = 20000
    encoder = pyfory.encoder(Foo)
    foo = Foo(10, list(range(n)), {"k%d" % i: i for i in range(n)}, [Bar("s%d" % i, list(range(10))) for i in range(n)])
    binary: bytes = encoder.to_row(foo).to_bytes()
    foo_row = pyfory.RowData(encoder.schema, binary)
    assert foo_row.f2[n // 10] == n // 10
    assert foo_row.f4[n // 10].f1 == "s%d" % (n // 10)
    assert foo_row.f4[n // 5].f2[5] == 5
    assert foo_row.f3["k%d" % (n - 1)] == n - 1


def test_any_is_refused():
    @dataclass
    class Loose:
        a: Any = field(default=None)

    with pytest.raises(ForyTypeError):
        pyfory.encoder(Loose)
