"""strict=True in native mode: only registered classes and builtins, on both
sides, and no builtin that could be turned against the reader."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import os
import pathlib
import subprocess
import sys
import types
import uuid
from typing import Any, List

import pytest
from native import messages
from native.messages import HEAD, NONE, TAGS, named, number, reference, string, tag, tuple_of, values

import pyfory
from pyfory.error import ForyError, ForyInvalidDataError, TypeUnregisteredError

numpy = pytest.importorskip("numpy")

HERE = __name__


class Point:
    def __init__(self, x: Any = 0, y: Any = 0) -> None:
        self.x = x
        self.y = y


class Slots:
    __slots__ = ("a", "__dict__")
    level = 1


class Stateful:
    def __getstate__(self) -> Any:
        return (1, 2)

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Reduced:
    def __init__(self, *args: Any) -> None:
        self.args = args

    def __reduce__(self) -> Any:
        return Reduced, self.args


class Calls:
    """Reduces to whatever it is told."""

    def __init__(self, reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


class Bytes(bytes):
    pass


class Numbers(list):
    pass


class Colour(enum.Enum):
    RED = 1


class Doubling(pyfory.Serializer):
    def write(self, context: Any, value: Any) -> None:
        context.write_ref(value.x)

    def read(self, context: Any) -> Any:
        return Point(context.read_ref() * 2)


def strict(*classes: type, **options: Any) -> pyfory.Fory:
    fory = pyfory.Fory(xlang=False, ref=True, strict=True, **options)
    for cls in classes:
        fory.register(cls)
    return fory


BUILTINS: List[Any] = [
    None, True, 2 ** 100, 1.5, 1j, "text", b"bytes", bytearray(b"x"), [1], (1,), {1: 2}, {3}, frozenset([4]), range(10 ** 20),
    slice(1, None), Ellipsis, NotImplemented, datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc),
    datetime.time(1, 2), datetime.timedelta(3), datetime.timezone(datetime.timedelta(hours=2)), decimal.Decimal("1.50"),
    decimal.Decimal("1E+999999"), fractions.Fraction(1, 3), uuid.UUID(int=7), collections.OrderedDict(a=1),
    collections.Counter("aab"), collections.defaultdict(list, a=[1]), collections.deque([1, 2], 3), collections.ChainMap({1: 2}),
    pathlib.PurePosixPath("/a/b"), ipaddress.ip_address("::1"), array.array("d", [1.5]), types.MappingProxyType({1: 2}),
    types.SimpleNamespace(a=1), ValueError("x", 1), int, dict,
    numpy.float64(2.5), numpy.int8(-3), numpy.bool_(True), numpy.str_("abc"), numpy.datetime64("2020-01-01"),
    numpy.dtype("<i4"), numpy.dtype([("a", "i4"), ("b", "f8", (2,))]), numpy.dtype({"names": ["a"], "formats": ["i2"], "offsets": [2], "itemsize": 8}),
]  # fmt: skip


@pytest.mark.parametrize("value", BUILTINS, ids=lambda value: type(value).__name__ + " " + repr(value)[:20])
def test_builtins_need_no_registration(value: Any) -> None:
    data = strict().dumps(value)
    read = strict().loads(data)
    assert type(read) is type(value)
    if isinstance(value, Exception):
        assert read.args == value.args
    elif isinstance(value, collections.abc.KeysView):
        assert list(read) == list(value)
    else:
        assert read == value


@pytest.mark.parametrize("array_", [
    numpy.arange(6).reshape(2, 3),
    numpy.array([1, "a", None, [2]], dtype=object),
    numpy.asfortranarray(numpy.array([[1, "a"], [None, ("b",)]], dtype=object)),
    numpy.array([(1, "x"), (2, None)], dtype=[("a", "i4"), ("b", "O")]),
    numpy.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    numpy.array(["2020-01-01"], dtype="M8[ns]"),
    numpy.array(["a", "bc"]), numpy.zeros((0, 3), dtype=object), numpy.array(7, dtype=object),
    numpy.arange(4, dtype=">u2"), numpy.zeros(2, dtype="V5"),
], ids=lambda a: str(a.dtype))  # fmt: skip
def test_arrays(array_: Any) -> None:
    for fory in (strict(), pyfory.Fory(xlang=False, ref=True, strict=False)):
        read = fory.loads(fory.dumps(array_))
        assert read.dtype == array_.dtype and read.shape == array_.shape
        assert read.flags.f_contiguous == array_.flags.f_contiguous
        assert read.tolist() == array_.tolist()


def test_array_of_objects_that_holds_itself() -> None:
    value = numpy.empty(2, dtype=object)
    value[0], value[1] = value, [value]
    read = strict().loads(strict().dumps(value))
    assert read[0] is read and read[1][0] is read


# ---- registration -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"type_id": 17}, {"name": "shop.Point"}, {"typename": "Point", "namespace": "shop"}])
def test_registered_on_both_sides(options: Any) -> None:
    writer, reader = strict(), strict()
    writer.register(Point, **options)
    data = writer.dumps(Point(1, [2]))
    with pytest.raises(TypeUnregisteredError):
        reader.loads(data)
    reader.register(Point, **options)
    assert vars(reader.loads(data)) == {"x": 1, "y": [2]}


def test_registration_of_another_id_is_none() -> None:
    writer, reader = strict(), strict()
    writer.register(Point, type_id=17)
    reader.register(Point, type_id=18)
    with pytest.raises(TypeUnregisteredError, match="type_id=17"):
        reader.loads(writer.dumps(Point()))


def test_every_kind_of_class() -> None:
    slots = Slots()
    slots.a, slots.b = 1, 2
    fory = strict(Point, Slots, Stateful, Reduced, Colour, Bytes, Numbers)
    value = [Point(1, 2), slots, Stateful(), Reduced(3), Colour.RED, Bytes(b"abc"), Numbers([1, 2])]
    point, slots, stateful, reduced, colour, data, numbers = fory.loads(fory.dumps(value))
    assert (point.x, slots.a, slots.b, stateful.state, reduced.args, colour) == (1, 1, 2, (1, 2), (3,), Colour.RED)
    assert (type(data), data, type(numbers), numbers) == (Bytes, b"abc", Numbers, [1, 2])


def test_serializer() -> None:
    writer, reader = strict(), strict()
    writer.register(Point, type_id=5, serializer=Doubling(writer.type_resolver, Point))
    reader.register(Point, type_id=5, serializer=Doubling(reader.type_resolver, Point))
    assert reader.loads(writer.dumps(Point(4))).x == 8


@pytest.mark.parametrize("value", [
    Point(), Slots(), Stateful(), Reduced(), Colour.RED, Bytes(b"a"), Numbers(), Point, len, os.getpid, lambda: 1, sys,
    Point().__init__, iter([1]), type("Local", (), {}), enumerate([]),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_nothing_else_is_written(value: Any) -> None:
    fory = strict()
    with pytest.raises(ForyError) as raised:
        fory.dumps([value])
    assert isinstance(raised.value, TypeUnregisteredError)
    assert fory.loads(fory.dumps([1])) == [1]


@pytest.mark.parametrize("value", [
    Point(), Slots(), Stateful(), Reduced(), Colour.RED, Bytes(b"a"), Numbers(), Point, len, os.getpid, lambda: 1, sys,
    iter([1]), type("Local", (), {}),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_nothing_else_is_read(value: Any) -> None:
    data = pyfory.Fory(xlang=False, ref=True, strict=False).dumps([value])
    with pytest.raises(TypeUnregisteredError):
        strict().loads(data)


@pytest.mark.parametrize("reduced", [
    (bytes, (10,)), (bytearray, (10,)), (list, (range(5),)), (collections.deque, (range(5),)), (Bytes, (10,)),
    (Numbers, (range(3),)), (fractions.Fraction, ("1e9",)), (os.getpid, ()), (memoryview, (b"a",)), (numpy.ndarray, ((3,),)),
    (numpy.dtype, ("i4",)), (numpy.zeros(1).__reduce__()[0], (numpy.ndarray, (0,), b"b")),
    (eval, ("1",)), (getattr, ("a", "upper")), (Point, (), 1, None, None, setattr),
], ids=lambda reduced: reduced[0].__name__)  # fmt: skip
def test_calls_that_strict_readers_refuse_are_not_written(reduced: Any) -> None:
    fory = strict(Calls, Bytes, Numbers, Point)
    with pytest.raises(TypeUnregisteredError):
        fory.dumps(Calls(reduced))


def test_environment_forces_strict_mode() -> None:
    script = "import pyfory; print(pyfory.Fory(xlang=False, strict=False).strict, pyfory.Fory(strict=False).strict)"
    for value, expected in (("1", "True True"), ("true", "True True"), ("0", "False False"), ("", "False False")):
        env = dict(os.environ, ENABLE_TYPE_REGISTRATION_FORCIBLY=value)
        out = subprocess.run([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, check=True, timeout=60)
        assert out.stdout.decode().strip() == expected


# ---- what a hostile message could do with builtins ------------------------------------------------------


def reduce(callable_: bytes, *args: bytes) -> bytes:
    return tag("REDUCE") + callable_ + values(*args)


def reduce_x(bits: int, callable_: bytes, args: List[bytes], rest: bytes) -> bytes:
    return tag("REDUCE_X") + bytes([bits]) + callable_ + values(*args) + rest


HUGE = tag("INT_64") + (10 ** 15).to_bytes(8, "little")
DICT_1 = TAGS["FORY_N_DICT"] + 1
EMPTY_DICT = bytes([TAGS["FORY_N_DICT"]])


def builtin(name: str) -> bytes:
    return reference(name, "builtins")


HUGE_RANGE = messages.ext("RANGE") + number(0) + HUGE + number(1)
DTYPE = reference("dtype", "numpy")
NDARRAY = reference("ndarray", "numpy")

HOSTILE = {
    "bytes of a size": reduce(builtin("bytes"), HUGE),
    "bytearray of a size": reduce(builtin("bytearray"), HUGE),
    "list of a range": reduce(builtin("list"), HUGE_RANGE),
    "tuple of a range": reduce(builtin("tuple"), HUGE_RANGE),
    "deque of a range": reduce(reference("deque", "collections"), HUGE_RANGE),
    "Counter of a range": reduce(reference("Counter", "collections"), HUGE_RANGE),
    "registered bytes of a size": reduce(reference("Bytes", HERE), HUGE),
    "registered bytes of a size, by __new__": tag("NEWOBJ") + named("Bytes", HERE) + values(HUGE),
    "registered list of a range": reduce(reference("Numbers", HERE), HUGE_RANGE),
    "registered bytes through copyreg": reduce(reference("__newobj__", "copyreg"), reference("Bytes", HERE), HUGE),
    "Fraction of a huge exponent": reduce(reference("Fraction", "fractions"), string("1e999999999")),
    "array of a range": reduce(reference("array", "array"), string("d"), HUGE_RANGE),
    "uninitialised array": reduce(NDARRAY, tuple_of(HUGE)),
    "uninitialised array, by __new__": tag("NEWOBJ") + named("ndarray", "numpy") + values(tuple_of(number(9))),
    "uninitialised array, reconstructed": reduce(
        reference("_reconstruct", "numpy.core.multiarray"), NDARRAY, tuple_of(HUGE), string("b")),
    "dtype with forged flags": reduce_x(
        1, DTYPE, [string("V16"), tag("FALSE"), tag("TRUE")],
        tag("TUPLE_N") + values(
            number(3), string("|"), NONE, tuple_of(string("p")),
            bytes([TAGS["FORY_N_DICT"] + 1]) + string("p") + tuple_of(reduce(DTYPE, string("O")), number(0)),
            number(8), number(8), number(0))),
    "object array of too few objects": reduce_x(
        9, reference("object_array", "pyfory.native.builders"), [],
        reference("fill_object_array", "pyfory.native.builders")
        + tuple_of(reduce(reference("dtype", "pyfory.native.builders"), string("O")), tuple_of(HUGE), tag("FALSE"),
                   bytes([TAGS["FORY_N_LIST"]]))),
    "elements that do not fit their structure": reduce_x(
        9, reference("object_array", "pyfory.native.builders"), [],
        reference("fill_object_array", "pyfory.native.builders") + tuple_of(
            reduce(reference("structure", "pyfory.native.builders"), tuple_of(string("a"), string("b")),
                   tuple_of(reduce(reference("dtype", "pyfory.native.builders"), string("O")),
                            reduce(reference("dtype", "pyfory.native.builders"), string("i8"))),
                   tuple_of(number(0), number(8)), NONE, number(16), tag("FALSE")),
            tuple_of(number(1)), tag("FALSE"), bytes([TAGS["FORY_N_LIST"] + 1]) + tuple_of(NONE, string("no number")))),
    "elements of an array that exists": reduce(
        reference("fill_object_array", "pyfory.native.builders"),
        messages.ext("NDARRAY") + b"\x00" + string("<i2") + b"\x01\x02" + b"\x04" + bytes(4), tuple_of(NONE, NONE, NONE, NONE)),
    "dtype of an object": reduce(reference("dtype", "pyfory.native.builders"), EMPTY_DICT),
    "structure whose fields overlap": reduce(
        reference("structure", "pyfory.native.builders"), tuple_of(string("a"), string("b")),
        tuple_of(reduce(reference("dtype", "pyfory.native.builders"), string("O")),
                 reduce(reference("dtype", "pyfory.native.builders"), string("i8"))),
        tuple_of(number(0), number(4)), NONE, number(16), tag("FALSE")),
    "array memory of objects": messages.ext("NDARRAY") + b"\x00" + string("O") + b"\x01\x01" + b"\x08" + bytes(8),
    "scalar of too few bytes": reduce(
        reference("scalar", "numpy.core.multiarray"), reduce(reference("dtype", "pyfory.native.builders"), string("f8")),
        tag("BYTES") + b"\x01a"),
    "scalar of an object": reduce(
        reference("scalar", "numpy.core.multiarray"), reduce(reference("dtype", "pyfory.native.builders"), string("O")),
        reference("Point", HERE)),
    "time zone of a class that is none": reduce(
        reference("zone_info", "pyfory.native.builders"), reference("Point", HERE), string("x"), number(1)),
    "memoryview of a huge shape": reduce(
        reference("memory_view", "pyfory.native.builders"), tag("BYTES") + b"\x01a", string("B"), tuple_of(HUGE, HUGE)),
    "__class__ as a slot": reduce_x(
        1, reference("Slots", HERE), [], tuple_of(NONE, bytes([TAGS["FORY_N_DICT"] + 1]) + tag("STR_1")
                                                  + b"\x09__class__" + reference("Point", HERE))),
    "shape of int": tag("SHAPE") + named("int", "builtins") + messages.SHAPE_OF_A + NONE,
    "shape of range": tag("SHAPE") + named("range", "builtins") + messages.SHAPE_OF_A + NONE,
    "shape of an array": tag("SHAPE") + named("ndarray", "numpy") + messages.SHAPE_OF_A + NONE,
    "callable with a name of its own": reduce(reduce_x(
        1, reference("SimpleNamespace", "types"), [], bytes([DICT_1]) + string("__module__") + bytes([TAGS["FORY_N_LIST"]]))),
    "import by a module record": messages.code("MODULE", values(string("antigravity"))),
    "an enum without members": tag("ENUM") + named("Enum", "enum") + string("Made"),
}  # fmt: skip


def class_attributes() -> bytes:
    """A call numbered like the class before it, so that its state would go to the class."""
    first = reference("Point", HERE)
    call = reduce_x(1, reference("Reduced", HERE), [], tuple_of(
        NONE, bytes([TAGS["FORY_N_DICT"] + 1]) + string("injected") + number(1)))  # fmt: skip
    body = bytes([TAGS["FORY_N_LIST"] + 2]) + first + call
    return tag("MARKS") + b"\x01\x02" + b"\x01\x00" + bytes([len(first)]) + b"\x00" + body


HOSTILE["attributes of a class"] = class_attributes()
HOSTILE["state for an array"] = tag("MARKS") + b"\x01\x02" + b"\x01\x00" + b"\x0a\x00" + (
    bytes([TAGS["FORY_N_LIST"] + 2])
    + messages.ext("NDARRAY") + b"\x00" + string("<i2") + b"\x01\x00" + b"\x00"
    + reduce_x(1, reference("Reduced", HERE), [], tuple_of(number(1), tuple_of(HUGE), NONE, tag("FALSE"), tag("BYTES") + b"\x00"))
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_use_of_builtins(name: str) -> None:
    fory = strict(Point, Slots, Bytes, Numbers, Reduced)
    with pytest.raises(ForyError):
        fory.loads(HEAD + HOSTILE[name])
    assert not hasattr(Point, "injected")
    assert "antigravity" not in sys.modules
    assert fory.loads(fory.dumps([Point(1)]))[0].x == 1


@pytest.mark.parametrize("args", [[], [number(9)], [number(1)] * 2, [string("New"), string("A B")], [number(1)] * 7], ids=repr)
def test_calls_of_a_registered_enum_fail_as_damage(args: List[bytes]) -> None:
    fory = strict(Colour)
    with pytest.raises(ForyError):
        fory.loads(HEAD + reduce(reference("Colour", HERE), *args))
    assert fory.loads(HEAD + reduce(reference("Colour", HERE), number(1))) is Colour.RED


class Hex(enum.Enum):
    ONE = "1"

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        return cls(int(value, 16))


def test_errors_of_the_class_itself_pass() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        strict(Hex).loads(HEAD + reduce(reference("Hex", HERE), string("zz")))
    assert not isinstance(caught.value, ForyError)


def test_state_of_a_class_is_refused_for_the_right_reason() -> None:
    with pytest.raises(ForyInvalidDataError, match="state for a type"):
        strict(Point, Reduced).loads(HEAD + class_attributes())
    with pytest.raises(TypeUnregisteredError, match="no state for ndarray"):
        strict(Point, Reduced).loads(HEAD + HOSTILE["state for an array"])


def test_huge_numbers_cost_what_their_message_costs() -> None:
    fory = strict()
    assert fory.loads(HEAD + HUGE_RANGE) == range(10 ** 15)
    exponent = fory.loads(HEAD + messages.ext("DECIMAL") + b"\x01" + messages.text("1E+999999999"))
    assert exponent == decimal.Decimal("1E+999999999")
