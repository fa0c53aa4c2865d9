"""From annotations to schemas: type ids, field order, fingerprint and hash
(wire-format sections 11 to 13, api sections 6 and 11)."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import pickle
import struct
import sys
import typing
from dataclasses import InitVar, dataclass
from typing import Any, ClassVar, Dict, FrozenSet, Generic, List, Optional, Sequence, Set, Tuple, TypeVar, Union

import pytest
from pure_wire import Resolver, hash_buffer

from pyfory import annotation as an
from pyfory import error, plan, schema
from pyfory.annotation import Annotated
from pyfory.field import ForyFieldMeta, extract_field_meta, extract_object_meta, validate_field_metas
from pyfory.field import dataclass as fory_dataclass
from pyfory.field import dataslots
from pyfory.field import field as fory_field
from pyfory.types import TypeId

T = TypeVar("T")
NewInt = typing.NewType("NewInt", int)


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Shape:
    """Stands for a registered union."""


class Ext:
    """Stands for a class with a serializer of its own."""


class NotRegistered:
    pass


@dataclass
class In:
    v: an.Int32 = 0


class Box(Generic[T]):
    value: T
    items: List[T]


def make_resolver(**options):
    resolver = Resolver(**options)
    resolver.add(Color, 5, kind="enum")
    resolver.add(In, 2)
    resolver.add(Ext, 6, kind="ext")
    resolver.add(Shape, 8, kind="union")
    return resolver


def make_class(*, bases=(), decorate=dataclass, **fields):
    """A dataclass from annotations or (annotation, default) pairs, in this order."""
    namespace = {"__annotations__": {}, "__module__": __name__}
    for name, value in fields.items():
        if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], int):
            namespace["__annotations__"][name], namespace[name] = value
        else:
            namespace["__annotations__"][name] = value
    return decorate(type("C", bases, namespace))


def fingerprint_of(cls, **options):
    resolver = make_resolver(compatible=False, **options)
    return schema.fingerprint(schema.build_schema(cls, resolver).fields)


def order_of(cls, **options):
    return [f.name for f in schema.build_schema(cls, make_resolver(**options)).fields]


# ---- type ids (section 11) ----------------------------------------------------

CASES = [
    (bool, "1"), (int, "7"), (float, "20"), (str, "21"), (bytes, "41"),
    (an.Int8, "2"), (an.Int16, "3"), (an.Int32, "5"), (an.Int64, "7"),
    (an.FixedInt32, "4"), (an.FixedInt64, "6"), (an.TaggedInt64, "8"),
    (an.UInt8, "9"), (an.UInt16, "10"), (an.UInt32, "12"), (an.UInt64, "14"),
    (an.FixedUInt32, "11"), (an.FixedUInt64, "13"), (an.TaggedUInt64, "15"),
    (an.Float16, "17"), (an.BFloat16, "18"), (an.Float32, "19"), (an.Float64, "20"),
    (datetime.date, "39"), (datetime.datetime, "38"), (datetime.timedelta, "37"), (decimal.Decimal, "40"),
    (List[int], "22<7>"), (Sequence[int], "22<7>"), (typing.MutableSequence[int], "22<7>"),
    (Tuple[int, ...], "22<7>/1"), (Tuple[int, int], "22<7>/1"), (Tuple[int, str], "22<0>/1"),
    (Tuple[int, Optional[int]], "22<0>/1"), (Tuple[int], "22<7>/1"),
    (Set[int], "23<7>"), (typing.AbstractSet[int], "23<7>"), (typing.MutableSet[int], "23<7>"),
    (FrozenSet[str], "23<21>/1"),
    (Dict[str, int], "24<21, 7>"), (typing.Mapping[str, int], "24<21, 7>"), (typing.MutableMapping[str, int], "24<21, 7>"),
    (List[List[Optional[int]]], "22<22<7?>>"), (Optional[List[int]], "22<7>?"),
    (an.Array[an.Int32], "46"), (an.NDArray[an.Float64], "56/1"), (an.PyArray[an.UInt8], "48/2"),
    (an.Array[bool], "43"), (an.Array[an.BFloat16], "54"), (an.NDArray[an.Float16], "53/1"),
    (Color, "25:Color"), (In, "28:In"), (Ext, "31:Ext"), (Shape, "33:Shape"), (Optional[In], "28?:In"),
    (Any, "0"), (object, "0"), (list, "0"), (set, "0"), (dict, "0"), (tuple, "0"), (frozenset, "0"),
    (List, "0"), (Dict, "0"), (typing.Sequence, "22<0>"), (collections.abc.Mapping, "24<0, 0>"),
    (Union[int, str], "0"), (Union[int, str, None], "0?"), (NotRegistered, "0"), (None, "0"), (T, "0"), (NewInt, "0"),
    (bytearray, "0"), (complex, "0"), (typing.Callable[[int], int], "0"), (typing.Deque[int], "0"), (Tuple[()], "0"),
    (typing.Iterable[int], "0"),
    (typing.Literal["a", "b"], "21"), (typing.Literal[1, 2], "7"), (typing.Literal[1, "a"], "0"),
    (typing.Literal[True], "1"), (typing.Literal[Color.RED], "25:Color"), (typing.Literal["a", None], "21?"),
    (Annotated[int, "doc"], "7"), (Annotated[List[an.Int8], {"min": 1}], "22<2>"), (Annotated[str, "x", object()], "21"),
    (Annotated[an.Int32, "unit"], "5"), (Optional[Annotated[In, "doc"]], "28?:In"),
    (an.Ref[In], "28&:In"), (an.Ref[In, False], "28!:In"), (List[an.Ref[In]], "22<28&:In>"),
    (Optional[an.Ref[List[int]]], "22<7>?&"), (an.Ref[Optional[In]], "28?&:In"),
    (typing.Final[int], "7"), (typing.NoReturn, "0"),
]  # fmt: skip


@pytest.mark.parametrize("hint,expected", CASES, ids=lambda x: str(x).replace("typing.", "")[:40])
def test_type_of_annotation(hint, expected):
    assert repr(schema.type_node(hint, make_resolver())) == expected


def test_type_ids_by_registration_and_mode():
    resolver = Resolver()
    resolver.add(In, name="demo.In")
    resolver.add(Ext, name="demo.Ext", kind="ext")
    resolver.add(Color, name="demo.Color", kind="enum")
    resolver.add(Shape, name="demo.Shape", kind="union")
    ids = [schema.type_node(c, resolver).type_id for c in (In, Ext, Color, Shape)]
    assert ids == [30, 32, 25, 33]
    fixed = Resolver()
    fixed.add(In, 1, evolving=False)
    assert schema.type_node(In, fixed).type_id == TypeId.STRUCT
    consistent = make_resolver(compatible=False)
    assert schema.type_node(In, consistent).type_id == TypeId.STRUCT


def test_array_carrier_classes():
    fake = type("Int32Array", (), {"__module__": "pyfory.array"})
    assert schema.type_node(fake, make_resolver()).type_id == TypeId.INT32_ARRAY


@pytest.mark.skipif(sys.version_info < (3, 9), reason="needs list[int]")
def test_builtin_generics():
    resolver = make_resolver()
    assert repr(schema.type_node(eval("list[dict[str, int]]"), resolver)) == "22<24<21, 7>>"
    assert repr(schema.type_node(eval("tuple[int, ...]"), resolver)) == "22<7>/1"
    assert repr(schema.type_node(eval("frozenset[int]"), resolver)) == "23<7>/1"
    assert repr(schema.type_node(eval("collections.OrderedDict[str, int]", {"collections": collections}), resolver)) == "0"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs X | Y")
def test_pep604_unions():
    resolver = make_resolver()
    assert repr(schema.type_node(eval("int | None"), resolver)) == "7?"
    assert repr(schema.type_node(eval("int | str"), resolver)) == "0"
    assert repr(schema.type_node(eval("None | int | str"), resolver)) == "0?"
    assert repr(schema.type_node(List[eval("int | None")], resolver)) == "22<7?>"
    cls = make_class(a="int | None", b="list[In] | None")
    assert fingerprint_of(cls) == "a,7,0,1;b,22,0,1[0,0,0];"


@pytest.mark.parametrize(
    "hint,message",
    [
        (an.Array[Optional[an.Int32]], "Optional"),
        (an.Array[an.Ref[an.Int32]], "Ref"),
        (an.Array[an.FixedInt32], "does not allow scalar encoding modifier"),
        (an.Array[an.TaggedUInt64], "does not allow scalar encoding modifier"),
        (an.Array[int], "must be a number or bool marker"),
        (an.Array[float], "must be a number or bool marker"),
        (an.Array[str], "must be a number or bool marker"),
        (an.NDArray[an.BFloat16], "BFloat16"),
        (an.PyArray[bool], "PyArray"),
        (an.PyArray[an.Float16], "PyArray"),
        (an.PyArray[an.BFloat16], "PyArray"),
        (Annotated[float, TypeId.INT8], "does not match"),
        (Annotated[int, TypeId.FLOAT32], "does not match"),
        (Annotated[str, 3], "does not match"),
        (Annotated[bool, TypeId.INT8], "does not match"),
    ],
)
def test_contradicting_markers(hint, message):
    with pytest.raises(TypeError, match=message):
        schema.type_node(hint, make_resolver())


def test_markers_are_annotated_forms():
    get_args = typing.get_args if sys.version_info >= (3, 9) else __import__("typing_extensions").get_args
    assert get_args(an.Int32) == (int, 5)
    assert get_args(an.Float16) == (float, 17)
    assert an.Bool is bool
    assert an.Int32(5) == 5
    assert an.Ref[int].__metadata__ == (an.RefMeta(True),)
    assert an.Array[an.Int8] == an.Array[an.Int8]
    for bad in (lambda: an.Ref[int, 1], lambda: an.Ref[int, True, 2], lambda: an.Array[an.Int8, an.Int8],
                lambda: an.NDArray[an.Int8, 1], lambda: an.PyArray[an.Int8, 1]):  # fmt: skip
        with pytest.raises(TypeError):
            bad()


# ---- names (section 12, decision 24) ---------------------------------------------

SNAKE = {
    "firstName": "first_name", "UserID2": "user_id2", "ABCdef": "ab_cdef", "HTTPServer": "http_server",
    "user2Name": "user2_name", "iOS": "i_os", "parseHTTPUrl": "parse_http_url", "a1B2": "a1_b2",
    "get2HTTPResponse": "get2_http_response", "userID": "user_id", "abc_Def": "abc_def", "x__Y": "x__y",
    "URL": "url", "_private": "_private", "trailing__": "trailing", "A": "a", "Name": "name", "_": "_", "__": "__",
    "été": "été", "lastHTTPCode": "last_http_code",
}  # fmt: skip


@pytest.mark.parametrize("name,expected", SNAKE.items())
def test_snake_case(name, expected):
    assert schema.snake_case(name) == expected


def test_other_name_forms():
    java = {"firstName": "first_name", "lastHTTPCode": "last_h_t_t_p_code", "A": "_a", "x": "x",
            "UPPER_CASE_FIELD": "_u_p_p_e_r__c_a_s_e__f_i_e_l_d"}  # fmt: skip
    for name, expected in java.items():
        assert schema.java_snake_case(name) == expected
    assert schema.camel_case("first_name") == "firstName"
    assert schema.camel_case("x") == "x"


def test_two_fields_with_one_snake_form():
    clash = make_class(userId=int, user_id=int)
    with pytest.raises(TypeError, match="user_id"):
        schema.check_struct_class(clash)
    with pytest.raises(ValueError, match="snake-case"):
        schema.build_schema(clash, make_resolver())
    solved = make_class(userId=(int, fory_field(0)), user_id=int)
    schema.check_struct_class(solved)
    hidden = make_class(userId=(int, fory_field(ignore=True, default=0)), user_id=(int, 0))
    schema.check_struct_class(hidden)


def test_duplicate_tags():
    cls = make_class(a=(int, fory_field(3)), b=(int, fory_field(3)))
    with pytest.raises(ValueError, match="Duplicate tag ID 3"):
        schema.check_struct_class(cls)


# ---- order (section 12) ------------------------------------------------------------

KINDS = {
    "fi64": an.FixedInt64, "fu64": an.FixedUInt64, "f64": an.Float64, "pfloat": float, "fi32": an.FixedInt32,
    "fu32": an.FixedUInt32, "f32": an.Float32, "i16": an.Int16, "u16": an.UInt16, "f16": an.Float16,
    "bf16": an.BFloat16, "bool": bool, "i8": an.Int8, "u8": an.UInt8, "i64": an.Int64, "pint": int,
    "ti64": an.TaggedInt64, "u64": an.UInt64, "tu64": an.TaggedUInt64, "i32": an.Int32, "u32": an.UInt32,
}  # fmt: skip


def test_verified_order():
    fields = {}
    for name in sorted(KINDS, reverse=True):
        fields["n_" + name] = Optional[KINDS[name]]
        fields["p_" + name] = KINDS[name]
    fields.update(
        zstr=str, zEd=str, ts=datetime.datetime, sub=In, st=Set[int], ma=Dict[str, int], li=List[int], en=Color,
        du=datetime.timedelta, dt=datetime.date, de=decimal.Decimal, camelCase=str, camel_b=str, by=bytes,
        astr=Optional[str], ar=an.Array[an.Int32], an=Any,
    )  # fmt: skip
    expected = ["p_" + name for name in KINDS] + ["n_" + name for name in KINDS]
    expected += "an ar astr by camel_b camelCase de dt du en li ma st sub ts zEd zstr".split()
    assert order_of(make_class(**fields)) == expected


def test_tags_precede_names_within_a_group():
    cls = make_class(
        b=(int, fory_field(5, default=0)), a=(int, 0), c=(int, fory_field(2, default=0)),
        z=(str, fory_field(9, default="")), y=(str, ""), x=(List[int], fory_field(1, default=None)),
        f=(float, 0.0), i8=(an.Int8, fory_field(0, default=0)),
    )  # fmt: skip
    assert order_of(cls) == "f i8 c b a x z y".split()


def test_inheritance_and_redefinition():
    @dataclass
    class Base:
        b: int = 0
        a: int = 0

    @dataclass
    class Derived(Base):
        b: str = ""
        c: an.Int8 = 0

    assert fingerprint_of(Derived) == "a,7,0,0;b,21,0,0;c,2,0,0;"
    assert order_of(Derived) == ["c", "a", "b"]


def test_java_order():
    # Java's form sorts capitals by the underscore before them
    fields = schema.build_schema(make_class(bA=str, a_z=str, Z=str), make_resolver()).fields
    assert [f.name for f in fields] == ["a_z", "bA", "Z"]
    assert [f.name for f in sorted(fields, key=lambda f: schema.wire_order_key(f, java=True))] == ["Z", "a_z", "bA"]


# ---- fingerprint and hash (section 13.2) ---------------------------------------------

FINGERPRINTS = [
    (dict(x=int), "x,7,0,0;", "c03ec01d"),
    (dict(name=str, age=int), "age,7,0,0;name,21,0,0;", "bbeb8193"),
    (dict(firstName=str, URL=int, x_y=bool), "first_name,21,0,0;url,7,0,0;x_y,1,0,0;", "6fb1001e"),
    (
        dict(o=Optional[int], l=List[Optional[str]], m=Dict[str, List[int]], s=Set[int], t=Tuple[int, ...], a=Any,
             ar=an.Array[an.Int32]),
        "a,0,0,0;ar,46,0,0;l,22,0,0[21,0,0];m,24,0,0[21,0,0|22,0,0[7,0,0]];o,7,0,1;s,23,0,0[7,0,0];t,22,0,0[7,0,0];",
        "6a253470",
    ),
    (
        dict(a=(int, fory_field(3)), b=(str, fory_field(0)), c=(List[int], fory_field(10, ref=True)), d=int),
        "0,21,0,0;3,7,0,0;10,22,1,0[7,0,0];d,7,0,0;",
        "78467130",
    ),
    (dict(c=Color, i=In, e=Optional[In]), "c,0,0,0;e,0,0,1;i,0,0,0;", "54baa198"),
    (
        dict(u=Union[int, str], f=float, ll=list, tt=tuple, d=dict, ss=set),
        "d,24,0,0;f,20,0,0;ll,22,0,0;ss,23,0,0;tt,0,0,0;u,0,0,0;",
        "c65e3800",
    ),
    (
        dict(f16=an.Float16, by=bytes, d=datetime.date, ts=datetime.datetime, du=datetime.timedelta, de=decimal.Decimal),
        "by,41,0,0;d,39,0,0;de,40,0,0;du,37,0,0;f16,17,0,0;ts,38,0,0;",
        "9635b08a",
    ),
    (
        dict(n=List[List[Optional[an.FixedInt32]]], r=List[an.Ref[In]]),
        "n,22,0,0[22,0,0[4,0,0]];r,22,0,0[0,0,0];",
        "b2f030f5",
    ),
    (dict(f=bytes), "f,41,0,0;", "363ce418"),
    (dict(f=Any), "f,0,0,0;", "b22889fb"),
    (dict(f=list), "f,22,0,0;", "713105ac"),
    (dict(f=List), "f,0,0,0;", "b22889fb"),
    (dict(f=typing.Sequence), "f,22,0,0[0,0,0];", "a9685a93"),
    (dict(f=List[list]), "f,22,0,0[22,0,0];", "99c8d8c2"),
    (dict(f=Optional[In]), "f,0,0,1;", "957137db"),
    (dict(v=int), "v,7,0,0;", "9131d7e7"),
]  # fmt: skip


@pytest.mark.parametrize("fields,text,hash_bytes", FINGERPRINTS, ids=lambda x: str(x)[:30])
def test_fingerprint(fields, text, hash_bytes):
    # fields with pyfory.field may not precede plain ones without a default
    cls = make_class(decorate=lambda c: fory_kw_only(c), **fields)
    assert fingerprint_of(cls) == text
    assert struct.pack("<i", schema.schema_hash(text)).hex() == hash_bytes


def fory_kw_only(cls):
    """dataclass(kw_only=True) for every Python: all fields get a default."""
    for name in cls.__annotations__:
        if name not in cls.__dict__:
            setattr(cls, name, None)
        elif isinstance(cls.__dict__[name], dataclasses.Field) and cls.__dict__[name].default is dataclasses.MISSING:
            cls.__dict__[name].default = None
    return dataclass(cls)


def test_fingerprint_with_field_nullable():
    text = fingerprint_of(make_class(x=int), field_nullable=True)
    assert text == "x,7,0,1;"
    assert struct.pack("<i", schema.schema_hash(text)).hex() == "39a60817"


def test_empty_fingerprint():
    assert schema.schema_hash("") == 0x0BE9A13A
    assert hash_buffer(b"", 47)[0] & 0xFFFFFFFF == 0x0BE9A13A


# ---- fields of dataclasses and plain classes --------------------------------------------


class Plain:
    constant: ClassVar[int] = 3
    other: "ClassVar[str]" = "x"
    seed: InitVar[int]
    name: str
    age: int = 7
    parent: Optional["Plain"]
    tags: List[str]
    when: datetime.date


def test_plain_class():
    fields = schema.build_schema(Plain, make_resolver()).fields
    assert [f.name for f in fields] == ["age", "name", "parent", "tags", "when"]
    assert fields[0].default == (0, 7)
    assert not any(f.ref for f in fields)


def test_plain_class_tracks_what_may_hold_a_cycle():
    resolver = make_resolver(track_ref=True, compatible=False)
    resolver.add(Plain, 1)
    fields = schema.build_schema(Plain, resolver).fields
    assert [f.name for f in fields if f.ref] == ["parent", "tags"]
    assert schema.fingerprint(fields) == "age,7,0,0;name,21,0,0;parent,0,1,1;tags,22,1,0[21,0,0];when,39,0,0;"

    class Off:
        a: an.Ref[list, False]
        b: an.Ref[datetime.date]

    assert [f.ref for f in schema.build_schema(Off, resolver).fields] == [False, True]


def test_dataclass_pseudo_fields():
    @dataclass
    class D:
        a: int
        c: ClassVar[int] = 1
        i: InitVar[str] = "x"
        s: ClassVar[NoSuchName] = 2  # noqa: F821

    assert fingerprint_of(D) == "a,7,0,0;"


def test_dataclass_does_not_track_by_itself():
    cls = make_class(a=(List[int], None), b=(Any, None))
    fields = schema.build_schema(cls, make_resolver(track_ref=True)).fields
    assert not any(f.ref for f in fields)
    marked = make_class(a=(an.Ref[List[int]], None), b=(an.Ref[list, False], fory_field(ref=True, default=None)))
    assert [f.ref for f in schema.build_schema(marked, make_resolver()).fields] == [True, False]


def test_ignored_fields():
    @dataclass
    class D:
        gone: NoSuchName = fory_field(ignore=True)  # noqa: F821
        a: int = 1
        cache: dict = fory_field(ignore=True, default_factory=dict)

    built = schema.build_schema(D, make_resolver())
    assert [f.name for f in built.fields] == ["a"]
    assert built.ignored == (("gone", (0, None)), ("cache", (1, dict)))


def test_local_class_refers_to_itself():
    @dataclass
    class Node:
        value: int
        next: Optional[Node] = None
        children: List["Node"] = dataclasses.field(default_factory=list)

    resolver = make_resolver()
    resolver.add(Node, 9)
    fields = schema.build_schema(Node, resolver).fields
    assert [repr(f.node) for f in fields] == ["7", "22<28:Node>", "28?:Node"]


def test_local_class_hides_a_global_one():
    @dataclass
    class In:
        other: Optional[In] = None

    resolver = make_resolver()
    resolver.add(In, 10)
    assert schema.build_schema(In, resolver).fields[0].node.cls is In


def test_names_of_registered_local_classes():
    @dataclass
    class Left:
        right: Optional[Right] = None  # noqa: F821

    @dataclass
    class Right:
        left: Optional[Left] = None

    class Named(Resolver):
        def class_named(self, name):
            return {c.__name__: c for c in self.registrations}.get(name)

    resolver = Named()
    resolver.add(Left, 1)
    resolver.add(Right, 2)
    assert schema.build_schema(Left, resolver).fields[0].node.cls is Right


def test_name_in_the_class_body():
    @dataclass
    class Outer:
        @dataclass
        class Inner:
            x: int = 0

        inner: Optional[Inner] = None

    resolver = make_resolver()
    resolver.add(Outer.Inner, 11)
    assert schema.build_schema(Outer, resolver).fields[0].node.cls is Outer.Inner


def test_unresolvable_name():
    @dataclass
    class Lost:
        x: Optional[Nowhere] = None  # noqa: F821

    schema.check_struct_class(Lost)  # registration does not look
    with pytest.raises(NameError, match="Nowhere"):
        schema.build_schema(Lost, make_resolver())
    with pytest.raises(error.ForyError, match="Lost"):
        schema.build_schema(Lost, make_resolver())


def test_generic_class():
    resolver = make_resolver()
    resolver.add(Box, 12)
    assert [repr(f.node) for f in schema.build_schema(Box, resolver).fields] == ["22<0>", "0"]
    assert repr(schema.type_node(Box[int], resolver)) == "28:Box"
    assert repr(schema.type_node(List[Box[str]], resolver)) == "22<28:Box>"


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"slots": True}, {"slots": True, "frozen": True}], ids=str)
def test_dataclass_variants(options):
    @fory_dataclass(**options)
    class D:
        name: str = "n"
        next: Optional[D] = None

    resolver = make_resolver()
    resolver.add(D, 20)
    fields = schema.build_schema(D, resolver).fields
    assert [(f.name, f.default) for f in fields] == [("name", (0, "n")), ("next", (0, None))]
    if options.get("slots"):
        assert not hasattr(D("a"), "__dict__")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs kw_only")
def test_kw_only():
    @dataclass(kw_only=True)
    class D:
        a: int = 1
        b: str

    assert order_of(D) == ["a", "b"]


def test_optional_needs_nullable_option():
    cls = make_class(x=(Optional[int], fory_field(0, default=None)))
    with pytest.raises(ValueError, match="nullable=False"):
        schema.build_schema(cls, make_resolver(compatible=False))
    # compatible mode takes the annotation's word, as the peers do
    assert schema.build_schema(cls, make_resolver()).fields[0].nullable
    fine = make_class(x=(Optional[int], fory_field(0, nullable=True, default=None)))
    assert fingerprint_of(fine) == "0,7,0,1;"
    with pytest.raises(ValueError, match="nullable=False"):
        validate_field_metas(cls, {"x": ForyFieldMeta(0)}, {"x": Optional[int]})
    with pytest.raises(ValueError, match="Duplicate tag ID"):
        validate_field_metas(cls, {"x": ForyFieldMeta(0), "y": ForyFieldMeta(0)}, {})


def test_nullable_option_and_dynamic():
    cls = make_class(x=(int, fory_field(nullable=True, dynamic=True, default=0)))
    field = schema.build_schema(cls, make_resolver()).fields[0]
    assert (field.nullable, field.dynamic, field.tag) == (True, True, -1)


# ---- field(), dataclass(), dataslots ------------------------------------------------------


def test_field_options():
    made = fory_field(3, nullable=True, default=1, metadata={"mine": 2})
    assert made.metadata["mine"] == 2
    assert extract_field_meta(made) == ForyFieldMeta(3, True, False, False, None)
    assert extract_field_meta(made).uses_tag_id()
    assert not extract_field_meta(fory_field()).uses_tag_id()
    assert extract_field_meta(dataclasses.field()) is None
    with pytest.raises(TypeError, match="id must be an int"):
        fory_field("x")
    with pytest.raises(ValueError, match="id must be non-negative"):
        fory_field(-1)
    with pytest.raises(ValueError):
        fory_field(1 << 29)
    with pytest.raises(AttributeError):
        extract_field_meta(made).id = 4


def test_object_options():
    @fory_dataclass(evolving=False)
    class A:
        x: int = 0

    @dataclass
    class B(A):
        y: int = 0

    assert extract_object_meta(A).evolving is False
    assert extract_object_meta(B).evolving is False
    assert extract_object_meta(In) is None


def test_dataslots():
    @dataslots
    @dataclass
    class S:
        a: int
        b: str = "b"

    assert S.__slots__ == ("a", "b")
    assert S(1) == S(1, "b")
    with pytest.raises(TypeError, match="__slots__"):
        dataslots(S)


# ---- defaults for missing fields (14.1) -----------------------------------------------------


@pytest.mark.parametrize(
    "hint,expected",
    [
        (bool, False), (int, 0), (an.Float32, 0.0), (str, ""), (bytes, b""), (list, []), (set, set()), (dict, {}),
        (List[int], []), (Sequence[int], []), (typing.Mapping[str, int], {}), (Set[int], set()), (List, []),
        (Color, Color.RED), (Tuple[int, ...], None), (datetime.date, None), (decimal.Decimal, None), (In, None),
        (Any, None), (an.Array[an.Int8], None), (Optional[int], None), (Optional[Color], None),
    ],
    ids=lambda x: str(x)[:30],
)  # fmt: skip
def test_zero_default(hint, expected):
    field = schema.build_schema(make_class(f=hint), make_resolver()).fields[0]
    kind, value = field.default_for_missing()
    assert (value() if kind else value) == expected


def test_declared_defaults():
    cls = make_class(a=(int, 5), b=(Color, None), c=(Optional[Color], None), d=(list, dataclasses.field(default_factory=list)))
    defaults = {f.name: f.default_for_missing() for f in schema.build_schema(cls, make_resolver()).fields}
    assert defaults == {"a": (0, 5), "b": (0, Color.RED), "c": (0, None), "d": (1, list)}


# ---- slots (section 13.1) ----------------------------------------------------------------------

NULLABLE, TRACK_REF, DYNAMIC = plan.NULLABLE, plan.TRACK_REF, plan.DYNAMIC


def slot_of(hint, *, option=None, **options):
    resolver = make_resolver(**options)
    cls = make_class(f=(hint, option if option is not None else None))
    return plan.field_slot(schema.build_schema(cls, resolver).fields[0], resolver)


def test_slots_in_compatible_mode():
    assert slot_of(int) == (7, 0, None, (), 0)
    assert slot_of(Optional[str]) == (21, NULLABLE, None, (), 0)
    assert slot_of(In) == (28, DYNAMIC, In, (), 0)
    assert slot_of(Optional[Ext]) == (31, DYNAMIC | NULLABLE, Ext, (), 0)
    assert slot_of(Color) == (25, 0, Color, (), 0)
    assert slot_of(Shape) == (33, 0, Shape, (), 0)
    assert slot_of(Any) == (0, 0, None, (), 0)
    assert slot_of(List[In]) == (22, 0, None, ((28, 0, In, (), 0),), 0)
    assert slot_of(FrozenSet[int]) == (23, 0, None, ((7, 0, None, (), 0),), 1)
    assert slot_of(an.PyArray[an.Int8]) == (44, 0, None, (), 2)
    assert slot_of(In, option=fory_field(dynamic=False, default=None))[1] == DYNAMIC
    assert slot_of(int, option=fory_field(dynamic=True, default=0))[1] == 0


def test_slots_in_consistent_mode():
    off = dict(compatible=False)
    assert slot_of(In, **off) == (27, 0, In, (), 0)
    assert slot_of(Ext, **off) == (31, 0, Ext, (), 0)
    assert slot_of(In, option=fory_field(dynamic=True, default=None), **off)[1] == DYNAMIC
    assert slot_of(int, option=fory_field(dynamic=True, default=0), **off)[1] == DYNAMIC
    named = Resolver(compatible=False)
    named.add(In, name="demo.In")
    named.add(Ext, name="demo.Ext", kind="ext")
    cls = make_class(a=(In, None), b=(Ext, None), c=(Ext, fory_field(dynamic=False, default=None)))
    slots = [plan.field_slot(f, named)[:2] for f in schema.build_schema(cls, named).fields]
    assert slots == [(29, 0), (32, DYNAMIC), (32, 0)]


def test_slots_with_references():
    on = dict(track_ref=True)
    ref = fory_field(ref=True, nullable=True, default=None)
    assert slot_of(int, option=ref, **on)[1] == NULLABLE
    assert slot_of(str, option=ref, **on)[1] == NULLABLE
    bare = fory_field(ref=True, default=None)
    assert slot_of(int, option=bare, **on)[1] == 0
    for hint in (Color, decimal.Decimal, an.Float16, an.BFloat16, an.Array[an.Int8], an.NDArray[an.Int8]):
        assert slot_of(hint, option=bare, **on)[1] == NULLABLE
    for hint in (bytes, datetime.date, List[int], Dict[str, int], an.PyArray[an.Int8], Any, list, Shape):
        assert slot_of(hint, option=bare, **on)[1] == TRACK_REF
    assert slot_of(In, option=bare, **on)[1] == TRACK_REF | DYNAMIC
    assert slot_of(bytes, option=bare)[1] == 0
    assert slot_of(bytes, **on)[1] == 0


def test_element_slots_with_references():
    def element(hint):
        return slot_of(List[hint], track_ref=True)[3][0][1]

    for hint in (bytes, datetime.date, datetime.datetime, datetime.timedelta, List[int], Set[int], Dict[str, int], In, Ext, Shape):
        assert element(hint) == TRACK_REF
        assert element(an.Ref[hint, False]) == 0
    for hint in (int, str, bool, float, an.Float16, Color, decimal.Decimal, an.Array[an.Int8], Any):
        assert element(hint) == 0
    assert slot_of(List[bytes])[3][0][1] == 0


def test_serializer_that_opts_out_of_references():
    resolver = make_resolver(track_ref=True)
    resolver.lookup(Ext).serializer = type("S", (), {"need_to_write_ref": False})()
    assert plan.element_slot(schema.type_node(Ext, resolver), resolver)[1] == 0


# ---- struct plans ---------------------------------------------------------------------------------


def test_plan_in_consistent_mode():
    cls = make_class(firstName=(str, ""), cache=(Any, fory_field(ignore=True, default_factory=dict)), a=(int, 0))
    resolver = make_resolver(compatible=False)
    built = plan.build_struct_plan(resolver, resolver.add(cls, 1))
    assert built.attrs == ("a", "firstName", "cache")
    assert (built.type_def, built.key) == (b"", 0)
    assert built.hash == schema.schema_hash("a,7,0,0;first_name,21,0,0;")
    assert built.missing == ((2, 1, dict),)
    assert built.read.fields == ((0, built.fields[0], None), (1, built.fields[1], None))
    assert built.alternatives == ()  # Java's form of firstName is the same


def test_java_hash_is_accepted_with_its_own_order():
    cls = make_class(b=(str, ""), userID=(str, ""), Zone=(str, ""))
    resolver = make_resolver(compatible=False)
    built = plan.build_struct_plan(resolver, resolver.add(cls, 1))
    assert built.attrs == ("b", "userID", "Zone")
    ((java_hash, read),) = built.alternatives
    assert java_hash == schema.schema_hash("_zone,21,0,0;b,21,0,0;user_i_d,21,0,0;")
    assert [dest for dest, _, _ in read.fields] == [2, 0, 1]


def test_empty_struct():
    cls = make_class()
    resolver = make_resolver(compatible=False)
    built = plan.build_struct_plan(resolver, resolver.add(cls, 1))
    assert built.hash == 0x0BE9A13A
    assert [h for h, _ in built.alternatives] == [47]


def test_fixed_schema_in_compatible_mode():
    by_id, by_name = make_resolver(), make_resolver()
    a = plan.build_struct_plan(by_id, by_id.add(make_class(x=(int, 0)), 1, evolving=False))
    b = plan.build_struct_plan(by_name, by_name.add(make_class(v=(an.Int32, 0)), name="demo.S", evolving=False))
    assert (a.type_def, a.hash) == (b"", None)
    assert b.type_def[8] == 0xA1 and b.hash is None and b.key == int.from_bytes(b.type_def[:8], "little") >> 12


# ---- errors ----------------------------------------------------------------------------------------


def test_error_family():
    pairs = [
        (error.ForyInvalidDataError, ValueError), (error.ForyBufferOutOfBoundError, EOFError),
        (error.ForyBufferOutOfBoundError, error.ForyInvalidDataError), (error.ForyTypeError, TypeError),
        (error.ForyOverflowError, OverflowError), (error.TypeUnregisteredError, ValueError),
        (error.TypeUnregisteredError, TypeError), (error.TypeNotCompatibleError, ValueError),
        (error.ForyDepthExceedError, RecursionError), (error.ForyLimitError, ValueError),
        (error.ForyInvalidRefError, ValueError), (error.ForyUnknownEnumError, ValueError),
        (error.ForyUnsupportedError, NotImplementedError), (error.ForyUnsupportedError, TypeError),
    ]  # fmt: skip
    for cls, builtin in pairs:
        assert issubclass(cls, builtin) and issubclass(cls, error.ForyError)


def test_errors_say_where_and_pickle():
    for cls in [c for c in vars(error).values() if isinstance(c, type) and issubclass(c, error.ForyError)]:
        plain = cls("broken")
        assert str(plain) == "broken"
        plain.path = "$.a[3].b"
        assert str(plain) == "broken (at $.a[3].b)"
        plain.offset = 17
        assert str(plain) == "broken (at $.a[3].b, byte 17)"
        copy = pickle.loads(pickle.dumps(plain))
        assert type(copy) is cls and str(copy) == str(plain) and copy.args == plain.args
        plain.path = None
        assert str(plain) == "broken (at byte 17)"


def test_raise_by_code():
    codes = {1: "ForyOutOfMemoryError", 9: "ForyInvalidDataError", 13: "ForyDepthExceedError", 18: "ForyBufferOutOfBoundError",
             99: "ForyError"}  # fmt: skip
    for code, name in codes.items():
        with pytest.raises(error.ForyError) as caught:
            error.raise_fory_error(code, "m")
        assert type(caught.value).__name__ == name


def test_type_id_questions():
    ids = range(66)
    assert [i for i in ids if TypeId.is_namespaced_type(i)] == [26, 29, 30, 32, 35]
    assert [i for i in ids if TypeId.is_type_share_meta(i)] == [26, 28, 29, 30, 32, 35]
    assert TypeId.BOUND == 64
