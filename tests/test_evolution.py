"""Reading one schema into another (wire-format section 14)."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import struct
from decimal import Decimal
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple, Union

import pytest
from pure_wire import Resolver

from pyfory import annotation as an
from pyfory import array as arrays
from pyfory import error, plan
from pyfory.evolution import CARRIER_DENSE_LIST, camel_case, match_fields, read_field
from pyfory.field import field as fory_field
from pyfory.schema import StructField, TypeNode
from pyfory.typedef import RemoteField, parse_type_def

INF = float("inf")
NAN = float("nan")


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Shape:
    pass


class Ext:
    pass


@dataclasses.dataclass
class In:
    v: int = 0


MISSING = object()


def make(hint, default=MISSING, **options):
    """A one-field dataclass; options are those of pyfory.field."""
    if options:
        if default is not MISSING:
            options["default"] = default
        return dataclasses.make_dataclass("C", [("f", hint, fory_field(**options))])
    if default is not MISSING:
        return dataclasses.make_dataclass("C", [("f", hint, dataclasses.field(default=default))])
    return dataclasses.make_dataclass("C", [("f", hint)])


def resolver_for(cls, **options):
    resolver = Resolver(**options)
    resolver.add(In, 2)
    resolver.add(Color, 3, kind="enum")
    resolver.add(Ext, 4, kind="ext")
    resolver.add(Shape, 5, kind="union")
    return resolver, resolver.add(cls, 1)


def read_plan(remote_cls, local_cls, remote_ref=False, local_ref=False):
    """The plan by which `local_cls` reads what `remote_cls` writes, through real TypeDef bytes."""
    writer, registration = resolver_for(remote_cls, track_ref=remote_ref)
    data = plan.build_struct_plan(writer, registration).type_def
    reader, registration = resolver_for(local_cls, track_ref=local_ref)
    return plan.read_plan_for(reader, registration, parse_type_def(reader, data))


def as_class(hint):
    return hint if hasattr(hint, "__dataclass_fields__") and hint is not In else make(hint)


def read_one(remote, local, **refs):
    """(slot, conversion) of a one-field class; arguments are annotations or classes."""
    ((dest, slot, convert),) = read_plan(as_class(remote), as_class(local), **refs).fields
    assert dest == 0
    return slot, convert


# ---- matching (14.1, decision 24) ---------------------------------------------------


def matched(local, remote):
    """`local`: names, a number is a tag id with attribute name t<number>; `remote` likewise."""
    fields = [
        StructField("t%d" % n if isinstance(n, int) else n, TypeNode(7), tag=n if isinstance(n, int) else -1)
        for n in local
    ]
    others = [
        RemoteField(None if isinstance(n, int) else n, n if isinstance(n, int) else None, TypeNode(7), False, False)
        for n in remote
    ]
    return match_fields(fields, others)


@pytest.mark.parametrize(
    "local,remote,expected",
    [
        (["a", "b"], ["b", "a", "c"], [1, 0, -1]),
        ([3, "a"], ["a", 3], [1, 0]),
        ([3], [4], [-1]),
        (["a"], [3], [-1]),  # an unknown tag matches nothing
        ([3], ["t3"], [0]),  # a name matches a tagged field by its attribute
        (["first_name"], ["firstName"], [0]),
        (["firstName"], ["first_name"], [0]),
        (["lastHTTPCode"], ["last_http_code"], [0]),
        (["lastHTTPCode"], ["last_h_t_t_p_code"], [0]),  # as Java writes it
        (["A"], ["_a"], [0]),
        (["UPPER_CASE"], ["_u_p_p_e_r__c_a_s_e"], [0]),
        (["x1"], ["x_1"], [0]),  # camel case of the remote name
        (["firstName", "first_name"], ["first_name", "firstName"], [1, 0]),  # exact wins
        (["firstName"], ["firstName", "first_name"], [0, -1]),  # once only
        (["firstName"], ["first_name", "firstName"], [-1, 0]),
        (["été", "Name"], ["Name", "été"], [1, 0]),
        ([], ["a", 1], [-1, -1]),
        (["a"], [], []),
        (["a"], ["a", "a"], [0, -1]),
    ],
)
def test_matching(local, remote, expected):
    assert matched(local, remote) == expected


def test_camel_case():
    assert camel_case("foo_bar_baz") == "fooBarBaz"


def test_missing_and_dropped_fields():
    remote = dataclasses.make_dataclass("C", [("a", int), ("gone", List[In]), ("e", Color), ("u", Shape)])
    local = dataclasses.make_dataclass("C", [
        ("a", int), ("b", str), ("o", Optional[int]), ("c", list, dataclasses.field(default_factory=list)), ("d", int, 7),
        ("cache", dict, fory_field(ignore=True, default_factory=dict)),
    ])  # fmt: skip
    built = read_plan(remote, local)
    assert [(dest, slot[:3]) for dest, slot, _ in built.fields] == [
        (0, (7, 0, None)), (-1, (25, 0, None)), (-1, (22, 0, None)), (-1, (33, 0, None)),
    ]  # fmt: skip
    assert all(convert is None for _, _, convert in built.fields)
    resolver, registration = resolver_for(local)
    names = plan.build_struct_plan(resolver, registration).attrs
    missing = {names[i]: value() if kind else value for i, kind, value in built.missing}
    assert missing == {"b": "", "c": [], "d": 7, "o": None, "cache": {}}


def test_same_schema_needs_no_conversion():
    for hint in (int, str, List[In], Optional[Color], Any, Dict[str, Ext], an.NDArray[an.Int8], Shape):
        cls = make(hint)
        resolver, registration = resolver_for(cls)
        own = plan.build_struct_plan(resolver, registration)
        remote = parse_type_def(resolver, own.type_def)
        ((dest, slot, convert),) = plan.read_plan_for(resolver, registration, remote).fields
        assert (dest, slot, convert) == (0, own.fields[0], None)


# ---- which type goes into which (14.3) -----------------------------------------------


REFUSED = "refused"
INT32 = arrays.Int32Array
TYPES = [
    # remote, local, value as read, expected
    (List[int], Any, [1], [1]),
    (List[int], list, [1], [1]),
    (int, Any, 5, 5),
    (int, list, 5, 5),
    (Optional[int], Any, None, None),
    (List[int], Tuple[int, ...], None, "slot"),
    (List[int], Set[int], None, REFUSED),
    (Set[int], FrozenSet[int], None, "slot"),
    (List[int], List[an.Int32], None, REFUSED),
    (List[an.Int32], List[an.Int64], None, REFUSED),
    (List[an.FixedInt32], List[an.Int32], None, REFUSED),
    (List[Optional[int]], List[int], None, "slot"),
    (List[int], List[Any], None, REFUSED),
    (List[Any], List[int], None, REFUSED),
    (List[In], List[Any], None, "slot"),
    (List[Any], List[In], None, "slot"),
    (List[In], List[int], None, REFUSED),
    (List[Color], List[Any], None, REFUSED),
    (List[Color], List[int], None, REFUSED),
    (Dict[str, int], Dict[str, Any], None, REFUSED),
    (Dict[str, Any], Dict[str, int], None, REFUSED),
    (Dict[str, In], Dict[str, Any], None, "slot"),
    (Dict[str, an.Int32], Dict[str, an.FixedInt32], None, REFUSED),
    (List[an.Int32], an.Array[an.Int32], [1], INT32([1])),
    (List[an.FixedInt32], an.Array[an.Int32], [1], INT32([1])),
    (List[an.TaggedInt64], an.Array[an.Int64], [1], arrays.Int64Array([1])),
    (List[an.TaggedUInt64], an.Array[an.UInt64], [2**64 - 1], arrays.UInt64Array([2**64 - 1])),
    (List[an.Int32], an.Array[an.Int64], None, REFUSED),
    (List[an.Int32], an.Array[an.UInt32], None, REFUSED),
    (List[Optional[an.Int32]], an.Array[an.Int32], [1], INT32([1])),
    (Optional[List[an.Int32]], an.Array[an.Int32], None, REFUSED),
    (List[an.Int32], Optional[an.Array[an.Int32]], None, REFUSED),
    (List[bool], an.Array[bool], [True], arrays.BoolArray([True])),
    (List[an.Float16], an.Array[an.Float16], [1.5], arrays.Float16Array([1.5])),
    (List[float], an.Array[an.Float64], [1.5], arrays.Float64Array([1.5])),
    (List[float], an.Array[an.Float32], None, REFUSED),
    (List[str], an.Array[an.Int8], None, REFUSED),
    (Tuple[an.Int32, ...], an.Array[an.Int32], [1], INT32([1])),
    (Set[an.Int32], an.Array[an.Int32], None, REFUSED),
    (an.Array[an.Int32], List[an.Int32], INT32([1]), [1]),
    (an.Array[an.Int32], List[an.FixedInt32], INT32([1]), [1]),
    (an.Array[an.Int32], List[Optional[an.Int32]], INT32([1]), [1]),
    (an.Array[an.Int32], Tuple[an.Int32, ...], INT32([1]), (1,)),
    (an.Array[an.Int32], List[an.Int64], None, REFUSED),
    (an.Array[an.Int32], List[Any], None, REFUSED),
    (Optional[an.Array[an.Int32]], List[an.Int32], None, REFUSED),
    (an.Array[an.Int32], Optional[List[an.Int32]], None, REFUSED),
    (an.Array[an.Int32], an.PyArray[an.Int32], None, "slot"),
    (an.Array[an.Int32], an.Array[an.Int64], None, REFUSED),
    (bytes, an.Array[an.UInt8], b"ab", arrays.UInt8Array([97, 98])),
    (Optional[bytes], an.Array[an.UInt8], b"ab", arrays.UInt8Array([97, 98])),
    (Optional[bytes], an.Array[an.UInt8], None, None),
    (bytes, Optional[an.Array[an.UInt8]], b"ab", arrays.UInt8Array([97, 98])),
    (an.Array[an.UInt8], bytes, arrays.UInt8Array([1, 2]), b"\x01\x02"),
    (Optional[an.Array[an.UInt8]], bytes, None, b""),
    (an.Array[an.Int8], bytes, None, REFUSED),
    (List[an.UInt8], bytes, None, REFUSED),
    (bytes, List[an.UInt8], None, REFUSED),
    (List[bytes], List[an.Array[an.UInt8]], None, REFUSED),
    (List[List[an.Int32]], List[an.Array[an.Int32]], None, REFUSED),
    (datetime.date, datetime.datetime, None, REFUSED),
    (int, datetime.date, None, REFUSED),
    (str, bytes, None, REFUSED),
    (In, Color, None, REFUSED),
    (In, Ext, None, REFUSED),
    (Color, int, None, REFUSED),
    (Color, Shape, None, REFUSED),
    (int, In, None, REFUSED),
    (Optional[datetime.date], datetime.date, None, None),
    (Optional[In], In, None, None),
    (Optional[List[int]], List[int], None, []),
    (Optional[Color], Color, None, Color.RED),
    (Optional[int], int, None, 0),
    (Optional[str], str, "x", "x"),
    (Optional[bytes], bytes, None, b""),
    (Optional[Any], list, None, []),
    (Union[int, str], int, "x", 0),
]


@pytest.mark.parametrize("remote,local,value,expected", TYPES, ids=lambda x: str(x).replace("typing.", "")[:36])
def test_types(remote, local, value, expected):
    if isinstance(expected, str) and expected == REFUSED:
        with pytest.raises(error.TypeNotCompatibleError, match="Compatible field 'f' cannot be read as local field 'f'"):
            read_one(remote, local)
        return
    slot, convert = read_one(remote, local)
    if isinstance(expected, str) and expected == "slot":
        assert convert is None
        return
    got = value if convert is None else convert(value)
    assert type(got) is type(expected) and got == expected


def test_carriers_and_classes_of_the_reader_apply():
    assert read_one(List[int], Tuple[int, ...])[0] == (22, 0, None, ((7, 0, None, (), 0),), 1)
    assert read_one(Set[int], FrozenSet[int])[0][4] == 1
    assert read_one(an.Array[an.Int8], an.NDArray[an.Int8])[0] == (44, 0, None, (), 1)
    assert read_one(List[In], List[In])[0][3][0][:3] == (28, 0, In)
    assert read_one(Dict[str, List[Tuple[Color, ...]]], Dict[str, List[Tuple[Color, ...]]])[0][3][1][3][0] == (
        22, 0, None, ((25, 0, Color, (), 0),), 1,
    )  # fmt: skip
    assert read_one(List[an.Int32], an.Array[an.Int32])[0][4] == CARRIER_DENSE_LIST
    assert read_one(Color, Any)[0] == (25, 0, None, (), 0)


def test_other_array_carriers():
    numpy = pytest.importorskip("numpy")
    _, convert = read_one(List[an.Int32], an.NDArray[an.Int32])
    made = convert([1, 2])
    assert isinstance(made, numpy.ndarray) and made.dtype == numpy.int32 and made.tolist() == [1, 2]
    _, convert = read_one(bytes, an.NDArray[an.UInt8])
    assert convert(b"ab").tolist() == [97, 98]


def test_array_array_carrier():
    import array

    for marker, code in ((an.Int8, "b"), (an.UInt16, "H"), (an.Int32, "i"), (an.Float32, "f"), (an.Float64, "d")):
        _, convert = read_one(List[marker], an.PyArray[marker])
        made = convert([1, 2])
        assert isinstance(made, array.array) and made.typecode == code and made.tolist() == [1, 2]
    _, convert = read_one(List[an.UInt64], an.PyArray[an.UInt64])
    assert convert([2**64 - 1]).itemsize == 8


ON = dict(remote_ref=True, local_ref=True)
LOCAL_OFF = dict(remote_ref=True, local_ref=False)


@pytest.mark.parametrize(
    "remote,local,refs,ok",
    [
        (make(int, ref=True), make(int), ON, False),
        (make(int), make(int, ref=True), ON, False),
        (make(int), make(int, ref=True), LOCAL_OFF, True),
        (make(int, ref=True), make(int, ref=True), ON, True),
        (make(int, ref=True), make(int, ref=True), LOCAL_OFF, False),
        (make(int, ref=True), make(an.Int32, ref=True), ON, False),
        (make(int, ref=True), make(Optional[int], ref=True, nullable=True), ON, False),
        (make(Decimal, ref=True), make(Decimal), ON, False),
        (make(datetime.date, ref=True), make(datetime.date), ON, True),
        (make(bytes, ref=True), make(bytes), LOCAL_OFF, True),
        (make(bytes, ref=True), make(an.Array[an.UInt8]), ON, True),
        (make(Color, ref=True), make(Color), ON, True),
        (make(In, ref=True), make(In), LOCAL_OFF, True),
        (make(In), make(In, ref=True), ON, True),
        (make(an.Array[an.Int32], ref=True), make(List[an.Int32]), ON, False),
        (make(List[an.Int32], ref=True), make(an.Array[an.Int32]), ON, False),
        (make(List[an.Int32]), make(an.Array[an.Int32], ref=True), ON, False),
        (make(List[an.Int32]), make(an.Array[an.Int32], ref=True), LOCAL_OFF, True),
        (make(List[an.Ref[an.Int32]]), make(an.Array[an.Int32]), ON, False),
        (make(int, ref=True), make(Any), ON, True),
        (make(Any, ref=True), make(int), ON, True),
        (make(an.PyArray[an.Int8], ref=True), make(an.Array[an.Int8]), ON, True),
    ],
)
def test_references(remote, local, refs, ok):
    if ok:
        read_one(remote, local, **refs)
    else:
        with pytest.raises(error.TypeNotCompatibleError):
            read_one(remote, local, **refs)


def test_reference_framing_is_the_writers():
    slot, convert = read_one(make(bytes, ref=True), make(bytes), **LOCAL_OFF)
    assert slot[1] == plan.TRACK_REF
    assert convert(None) == b"" and convert(b"x") == b"x"
    slot, _ = read_one(make(bytes), make(bytes, ref=True), **ON)
    assert slot[1] == 0
    slot, _ = read_one(make(In, ref=True, nullable=True), make(In), **ON)
    assert slot[1] == plan.TRACK_REF | plan.NULLABLE | plan.DYNAMIC
    slot, _ = read_one(make(int, ref=True), make(Any), **ON)
    assert slot[1] == 0  # basic scalars carry no flag although the bit is set


# ---- remote Any ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "local,value,expected",
    [
        (int, 5, 5), (int, True, 0), (int, "x", 0), (int, None, 0), (an.Int8, 500, 0), (an.Int8, -128, -128),
        (an.UInt8, -1, 0), (bool, 1, False), (bool, True, True), (str, 5, ""), (float, 5, 0.0), (float, 5.0, 5.0),
        (an.Float32, 1e300, 1e300), (Optional[int], "x", None), (Optional[int], None, None),
        (List[int], [1], [1]), (List[int], ["a"], []), (List[int], [1, None], []), (List[Optional[int]], [1, None], [1, None]),
        (List[int], {1}, [1]), (Set[int], [1, 1], {1}), (Set[List[int]], [[1]], set()), (Tuple[int, ...], [1], (1,)),
        (FrozenSet[int], {1}, frozenset([1])), (List[Set[int]], [[1, 1]], [{1}]), (List[int], "ab", []),
        (Dict[str, int], {"a": 1}, {"a": 1}), (Dict[str, int], {"a": "x"}, {}), (Dict[str, int], {None: 1}, {}),
        (Dict[str, int], [1], {}), (Dict[str, Tuple[int, ...]], {"a": [1]}, {"a": (1,)}),
        (bytes, b"a", b"a"), (bytes, arrays.UInt8Array([1]), b"\x01"), (bytes, "a", b""),
        (an.Array[an.UInt8], b"ab", arrays.UInt8Array([97, 98])), (an.Array[an.UInt8], 5, None),
        (an.Array[an.Int32], [1], [1]), (datetime.date, 5, 5), (In, 3, 3), (Color, 3, 3), (Decimal, "x", "x"),
        (Any, "x", "x"), (list, 5, 5),
    ],
    ids=lambda x: str(x).replace("typing.", "")[:30],
)  # fmt: skip
def test_remote_any(local, value, expected):
    slot, convert = read_one(Any, local)
    assert slot == (0, 0, None, (), 0)
    got = value if convert is None else convert(value)
    assert type(got) is type(expected) and got == expected


def test_remote_any_keeps_the_object():
    _, convert = read_one(Any, List[int])
    value = [1, 2]
    assert convert(value) is value
    _, convert = read_one(Any, Dict[str, List[int]])
    value = {"a": [1]}
    assert convert(value) is value


def test_default_of_the_field_replaces_what_does_not_fit():
    for remote, value in ((Any, "x"), (Any, None), (Optional[int], None)):
        _, convert = read_one(remote, make(int, default=7))
        assert convert(value) == 7
    _, convert = read_one(Optional[str], make(int, default=7))
    assert convert(None) == 7 and convert("9") == 9
    fresh = dataclasses.make_dataclass("C", [("f", list, dataclasses.field(default_factory=list))])
    _, convert = read_one(Optional[List[int]], dataclasses.make_dataclass(
        "C", [("f", List[int], dataclasses.field(default_factory=lambda: [1]))]))  # fmt: skip
    assert convert(None) == [1] and convert(None) is not convert(None)
    assert read_one(Optional[Any], fresh)[1](None) == []


# ---- scalar conversion (14.4) ----------------------------------------------------------------

MARKERS = {
    "bool": bool, "i8": an.Int8, "i16": an.Int16, "i32": an.Int32, "f32i": an.FixedInt32, "i64": int,
    "f64i": an.FixedInt64, "t64": an.TaggedInt64, "u8": an.UInt8, "u16": an.UInt16, "u32": an.UInt32,
    "fu32": an.FixedUInt32, "u64": an.UInt64, "fu64": an.FixedUInt64, "tu64": an.TaggedUInt64, "f16": an.Float16,
    "bf16": an.BFloat16, "f32": an.Float32, "f64": float, "str": str, "dec": Decimal,
}  # fmt: skip
LOSSY = "lossy"
D = Decimal
POW53, POW24 = 2**53, 2**24

CONVERSIONS = [
    # bool
    ("bool", "str", True, "true"), ("bool", "str", False, "false"), ("bool", "i8", True, 1), ("bool", "f64", True, 1.0),
    ("bool", "f16", False, 0.0), ("bool", "dec", True, D(1)), ("bool", "u64", False, 0), ("bool", "i8", 2, LOSSY),
    ("bool", "str", 255, LOSSY),
    # to bool
    ("str", "bool", "1", True), ("str", "bool", "true", True), ("str", "bool", "0", False), ("str", "bool", "false", False),
    ("str", "bool", "True", LOSSY), ("str", "bool", "", LOSSY), ("str", "bool", "1.0", LOSSY), ("i64", "bool", 1, True),
    ("i64", "bool", 2, LOSSY), ("i8", "bool", -1, LOSSY), ("u64", "bool", 2**64 - 1, LOSSY), ("f64", "bool", 1.0, True),
    ("f64", "bool", -0.0, False), ("f64", "bool", 0.5, LOSSY), ("f32", "bool", NAN, LOSSY), ("f64", "bool", INF, LOSSY),
    ("dec", "bool", D("1.0"), True), ("dec", "bool", D("-0"), False), ("dec", "bool", D("0.1"), LOSSY),
    # integers
    ("i64", "i8", 127, 127), ("i64", "i8", 128, LOSSY), ("i64", "i8", -129, LOSSY), ("i64", "u8", -1, LOSSY),
    ("u8", "i8", 128, LOSSY), ("u64", "i64", 2**63, LOSSY), ("i64", "u64", 2**63 - 1, 2**63 - 1), ("i32", "u32", -1, LOSSY),
    ("u32", "i32", 2**31, LOSSY), ("t64", "u16", 65536, LOSSY), ("tu64", "fu32", 2**32 - 1, 2**32 - 1),
    # integers to floats
    ("i64", "f64", POW53, 2.0**53), ("i64", "f64", POW53 + 1, LOSSY), ("i64", "f32", POW24 + 1, LOSSY),
    ("i32", "f32", POW24, 2.0**24), ("i32", "f16", 2048, 2048.0), ("i32", "f16", 2049, LOSSY), ("i32", "bf16", 256, 256.0),
    ("i32", "bf16", 257, LOSSY), ("u64", "f64", 2**64 - 1, LOSSY), ("i64", "f64", -(2**63), -(2.0**63)), ("i32", "f16", 65536, LOSSY),
    # floats to integers
    ("f64", "i64", 1.0, 1), ("f64", "i64", -0.0, 0), ("f64", "i64", 1.5, LOSSY), ("f64", "i64", INF, LOSSY),
    ("f64", "i64", NAN, LOSSY), ("f64", "i64", 2.0**63, LOSSY), ("f64", "i64", -(2.0**63), -(2**63)), ("f64", "u64", -1.0, LOSSY),
    ("f16", "u8", 255.0, 255), ("f32", "u64", 2.0**63, 2**63),
    # floats to floats
    ("f64", "f32", 0.1, LOSSY), ("f64", "f32", 0.5, 0.5), ("f64", "f32", -0.0, -0.0), ("f64", "f32", INF, INF),
    ("f64", "f32", NAN, LOSSY), ("f32", "f64", NAN, LOSSY), ("f64", "f16", 65504.0, 65504.0), ("f64", "f16", 65520.0, LOSSY),
    ("f64", "f16", 2.0**-24, 2.0**-24), ("f64", "f16", 2.0**-25, LOSSY), ("f64", "bf16", 1.5, 1.5), ("f32", "bf16", 1.00390625, LOSSY),
    ("f64", "f32", 1e300, LOSSY), ("f64", "f32", 2.0**-149, 2.0**-149), ("f16", "f32", -INF, -INF), ("bf16", "f16", 2.0**100, LOSSY),
    # text to numbers
    ("str", "i64", "1.0", 1), ("str", "i64", "1e2", 100), ("str", "i64", "10e-1", 1), ("str", "i64", "1.5", LOSSY),
    ("str", "i64", "-9223372036854775808", -(2**63)), ("str", "i64", "9223372036854775808", LOSSY), ("str", "u8", "256", LOSSY),
    ("str", "f64", "1.5", 1.5), ("str", "f64", "0.1", LOSSY), ("str", "f64", "-0", -0.0), ("str", "f64", "-0e5", -0.0),
    ("str", "f64", "0", 0.0), ("str", "f16", "65504", 65504.0), ("str", "f64", "1e400", LOSSY), ("str", "dec", "1.10", D("1.1")),
    ("str", "dec", "-0.0", D(0)), ("str", "dec", "1e2", D(100)), ("str", "i64", "-0", 0), ("str", "dec", "0.1", D("0.1")),
] + [
    ("str", kind, text, LOSSY)
    for kind in ("i64", "f64", "dec")
    for text in ("", " 1", "1 ", "+1", "01", "1.", ".5", "-", "e5", "1e", "1e+2", "1e02", "00", "nan", "inf", "Infinity", "0x10",
                 "1_0", "\u0661", "\n1", "1\n", "1e-05", "true", "1" * 321)
] + [
    # decimals
    ("dec", "i64", D("1E+5"), 100000), ("dec", "i64", D("1.50"), LOSSY), ("dec", "i8", D("127.00"), 127), ("dec", "i8", D(128), LOSSY),
    ("dec", "f64", D("1.5"), 1.5), ("dec", "f64", D("0.1"), LOSSY), ("dec", "f64", D("-0"), 0.0), ("dec", "f32", D("0.5"), 0.5),
    ("i64", "dec", 100, D(100)), ("f64", "dec", 0.5, D("0.5")), ("f64", "dec", 100.0, D(100)), ("f64", "dec", NAN, LOSSY),
    ("f64", "dec", INF, LOSSY), ("f64", "dec", -0.0, D(0)), ("f64", "dec", 0.1, D("0.1000000000000000055511151231257827021181583404541015625")),
    ("f64", "dec", 5e-324, LOSSY), ("f64", "dec", 2.0**-256, D((0, tuple(map(int, str(5**256))), -256))),
    # to text
    ("i64", "str", -5, "-5"), ("u64", "str", 2**64 - 1, "18446744073709551615"), ("f64", "str", 1.0, "1.0"), ("f64", "str", -0.0, "-0.0"),
    ("f64", "str", 0.1, "0.1000000000000000055511151231257827021181583404541015625"), ("f64", "str", 1e22, "10000000000000000000000.0"),
    ("f64", "str", NAN, LOSSY), ("f64", "str", -INF, LOSSY), ("f64", "str", 5e-324, LOSSY), ("f64", "str", 1e300, LOSSY),
    ("f16", "str", 1.5, "1.5"), ("dec", "str", D("1.50"), "1.5"), ("dec", "str", D("1E+5"), "100000"), ("dec", "str", D("0.00"), "0"),
    ("dec", "str", D("-0.05"), "-0.05"), ("dec", "str", D("-12.30"), "-12.3"),
    # bounds
    ("str", "dec", "1e255", D(10**255)), ("str", "dec", "1e256", LOSSY), ("str", "dec", "0." + "0" * 255 + "1", D("1E-256")),
    ("str", "dec", "0." + "0" * 256 + "1", LOSSY), ("str", "dec", "1" * 256, D("1" * 256)), ("str", "dec", "1" * 257, LOSSY),
    ("str", "dec", "1e-256", D("1E-256")), ("str", "dec", "1e-257", LOSSY), ("str", "dec", "10e-257", LOSSY),
    ("str", "i64", "0e256", 0), ("str", "i64", "0e257", LOSSY), ("str", "i64", "0e-256", 0), ("str", "i64", "0." + "0" * 257, LOSSY),
    ("str", "i64", "1." + "0" * 255, 1), ("str", "i64", "1." + "0" * 256, LOSSY), ("str", "i64", "1e99999999999999999999", LOSSY),
    ("dec", "str", D("1E+255"), "1" + "0" * 255), ("dec", "str", D("1E+256"), LOSSY), ("dec", "str", D("1E-256"), "0." + "0" * 255 + "1"),
    ("dec", "str", D("1E-257"), LOSSY), ("dec", "str", D("9" * 257), LOSSY), ("dec", "str", D("1E-10000"), LOSSY), ("dec", "f64", D("9" * 9000), LOSSY),
    ("dec", "i64", D("1E+10000"), LOSSY),
]  # fmt: skip


@pytest.mark.parametrize("source,target,value,expected", CONVERSIONS, ids=lambda x: str(x)[:24])
def test_conversion(source, target, value, expected):
    slot, convert = read_one(MARKERS[source], MARKERS[target])
    assert slot[0] == (9 if source == "bool" else read_one(MARKERS[source], Any)[0][0])
    wire = int(value) if source == "bool" else value
    if isinstance(expected, str) and expected == LOSSY:
        with pytest.raises(error.ForyInvalidDataError) as caught:
            convert(wire)
        message = str(caught.value)
        assert message.startswith("Cannot convert compatible field 'f' from type ") and len(message) < 256
        return
    got = wire if convert is None else convert(wire)
    assert type(got) is type(expected) and got == expected
    if isinstance(got, float):
        assert math.copysign(1, got) == math.copysign(1, expected)
    if isinstance(got, Decimal):
        assert got.as_tuple() == expected.as_tuple()


def test_every_pair_of_scalars_is_convertible():
    samples = {"str": "1", "dec": D(1)}
    for source in MARKERS:
        for target in MARKERS:
            slot, convert = read_one(MARKERS[source], MARKERS[target])
            value = samples.get(source, 1.0 if source in ("f16", "bf16", "f32", "f64") else 1)
            if convert is not None:
                value = convert(value)
            assert value == {"str": "1", "bool": True}.get(target, 1) or (source == "bool" and value == "true") or (
                target == "str" and value == "1.0"
            )


@pytest.mark.parametrize(
    "source,target,direct",
    [
        ("i8", "i16", True), ("i32", "i64", True), ("f32i", "i64", True), ("i32", "f32i", True), ("t64", "i64", True),
        ("u8", "u64", True), ("tu64", "fu64", True), ("u8", "i64", False), ("i64", "i32", False), ("i32", "u64", False),
        ("bool", "bool", True), ("f32", "f64", False),
    ],
)  # fmt: skip
def test_widening_needs_no_conversion(source, target, direct):
    _, convert = read_one(MARKERS[source], MARKERS[target])
    assert (convert is None) == direct


def test_nullable_scalars():
    _, convert = read_one(Optional[an.Int32], int)
    assert convert(None) == 0 and convert(5) == 5
    _, convert = read_one(Optional[an.Int32], Optional[int])
    assert convert is None
    slot, convert = read_one(Optional[str], Optional[int])
    assert slot[1] == plan.NULLABLE and convert(None) is None and convert("7") == 7
    slot, convert = read_one(Optional[bool], bool)
    assert slot == (9, plan.NULLABLE, None, (), 0)
    assert convert(1) is True and convert(None) is False
    with pytest.raises(error.ForyInvalidDataError):
        convert(2)
    _, convert = read_one(int, Optional[str])
    assert convert(3) == "3"


def test_messages_are_bounded_and_do_not_echo():
    name = "n" * 5000
    secret = "9" * 300
    remote = RemoteField(name, None, TypeNode(21), False, False)
    _, convert = read_field(remote, StructField(name, TypeNode(7)), False)
    with pytest.raises(error.ForyInvalidDataError) as caught:
        convert(secret)
    assert len(str(caught.value)) < 256 and "999" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(error.TypeNotCompatibleError) as refused:
        read_field(remote, StructField(name, TypeNode(38)), False)
    assert len(str(refused.value)) < 256


def test_float_results_are_representable():
    for target, code in (("f16", "<e"), ("f32", "<f")):
        for value in (0.5, -2.0, 1024.0, 2.0**-14):
            _, convert = read_one(float, MARKERS[target])
            got = convert(value)
            assert struct.unpack(code, struct.pack(code, got))[0] == value
