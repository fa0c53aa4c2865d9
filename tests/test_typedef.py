"""TypeDefs, written and read (wire-format section 11)."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

import pytest
from pure_wire import Resolver, decode_meta_string, encode_meta_string, hash_buffer

from pyfory import _core, annotation as an
from pyfory import error, plan, typedef
from pyfory.field import field as fory_field
from pyfory.typedef import build_type_def, finish_type_def, parse_type_def


class Color(enum.Enum):
    RED = 1


class Ext:
    pass


@dataclass
class In:
    v: int = 0


@dataclass
class P:
    name: str
    age: int


@dataclass
class Tag:
    a: int = fory_field(3, default=0)
    b: str = fory_field(0, default="")
    c: Optional[int] = fory_field(14, nullable=True, default=None)
    d: bool = fory_field(15, default=False)
    e: List[int] = fory_field(300, default=None)
    zz: int = 0


@dataclass
class Camel:
    firstName: str
    URL: int
    x_y: bool


@dataclass
class Node:
    nxt: Optional[Node] = fory_field(ref=True, nullable=True, default=None)
    v: int = 0


def one(hint, default=None):
    return dataclasses.make_dataclass("C", [("f", hint, default)])


def many(count):
    return dataclasses.make_dataclass("Many", [("f%d" % i, int) for i in range(count)])


def type_def(cls, type_id=None, name="", **options):
    resolver = Resolver(**options)
    resolver.add(In, 2)
    resolver.add(Color, 5, kind="enum")
    resolver.add(Ext, name="demo.Ext", kind="ext")
    registration = resolver.add(cls, type_id, name)
    data = plan.build_struct_plan(resolver, registration).type_def
    # whatever we write we must read
    remote = parse_type_def(resolver, data)
    assert remote.data == data and len(remote.fields) == len(dataclasses.fields(cls))
    return data.hex()


# ---- worked examples (11.1) ------------------------------------------------------


def test_example_a_by_id():
    assert type_def(P, 1) == "0bd06d13be517737c201440700c44815340c20"


def test_example_b_by_name():
    assert type_def(P, name="demo.P") == "10a0e5054e298776e20d0c8c70073c440700c44815340c20"


def test_example_c_without_namespace():
    assert type_def(P, name="P") == "0dd04c8b540d904be200073c440700c44815340c20"


def test_example_d_empty_class():
    assert type_def(dataclasses.make_dataclass("E", []), 9) == "02108c3724525348c009"


@pytest.mark.parametrize(
    "hint,expected",
    [
        (Optional[int], "05d04232495d7925c101420714"),  # (e)
        (List[List[int]], "07a074de69887305c1014016581c14"),  # (f)
        (Any, "0590d8ae9c6f0979c101400014"),  # (g)
        (Color, "05d0ea006f809f04c101401914"),  # (h)
        (In, "0530d7dd553db204c101401c14"),
        (an.Array[an.Int32], "057070339aa22529c101402e14"),
        (Tuple[int, ...], "0660ddd90622362bc10140161c14"),
        (Tuple[int, Optional[int]], "06606cf94c215177c10140160014"),
        (List[an.Ref[int]], "0660ddd90622362bc10140161c14"),
        (bytearray, "0590d8ae9c6f0979c101400014"),
    ],
    ids=str,
)
def test_examples_with_one_field(hint, expected):
    assert type_def(one(hint), 1) == expected


@pytest.mark.parametrize(
    "hint,tail",
    [
        (Dict[str, Optional[int]], "c1014018541e14"),
        (List[bytes], "c1014016a40114"),
        (Ext, "c101402014"),
        (FrozenSet[int], "c10140171c14"),
        (Set[str], "c10140175414"),
        (Optional[Dict[str, List[In]]], "c101421854587014"),
        (datetime.date, "c101402714"),
        (decimal.Decimal, "c101402814"),
    ],
    ids=str,
)
def test_bodies_with_one_field(hint, tail):
    assert type_def(one(hint), 1)[16:] == tail


def test_example_i_tags():
    assert type_def(Tag, 200) == (
        "150067b79a48d23d" "c6c801" "fc0001" "cc07" "4407e720" "fa07" "c015" "fc9d02161c"
    )  # fmt: skip


@pytest.mark.parametrize("count,start", [(30, "de0740"), (31, "df0007"), (40, "df0907")])
def test_example_j_field_counts(count, start):
    data = bytes.fromhex(type_def(many(count), 7))
    body = data[8 + (data[0] == 255) :]
    assert body.hex().startswith(start[:4])


@pytest.mark.parametrize(
    "name,start,size", [("a" * 25, "7c0007", 16), ("a" * 40, "7c0a07", 26), ("f", "400714", 1)]
)
def test_example_k_long_field_names(name, start, size):
    body = type_def(dataclasses.make_dataclass("C", [(name, int)]), 1)[16 + 4 :]
    assert body.startswith(start)
    assert len(body) // 2 == len(bytes.fromhex(start)) + (size if size > 1 else 0)


def test_example_l_reference_field():
    assert type_def(Node, 1, track_ref=True).endswith("471c36f3")
    assert type_def(Node, 1).endswith("461c36f3")
    assert type_def(dataclasses.make_dataclass("N", [
        ("v", Optional[an.Int64], None),
        ("nxt", Optional[In], fory_field(ref=True, nullable=True, default=None)),
    ]), 1, track_ref=True).endswith("471c36f3")  # fmt: skip


@pytest.mark.parametrize(
    "hint,ref,body",
    [
        (List[int], True, "41161d14"),
        (List[an.Ref[List[int]]], False, "4016591d14"),
        (List[an.Ref[List[int], False]], True, "4116581c14"),
        (List[Color], True, "4116651414"[:-2]),
        (List[an.Ref[int]], False, "40161d14"),
        (an.Ref[List[int]], False, "41161d14"),
        (an.Ref[List[int], False], True, "40161c14"),
        (int, True, "410714"),
        (Dict[str, In], True, "4118557114"),
    ],
    ids=str,
)
def test_example_m_nested_reference_bits(hint, ref, body):
    cls = one(hint, fory_field(ref=ref, default=None))
    assert type_def(cls, 1, track_ref=True)[20:] == body
    without = bytes.fromhex(type_def(cls, 1))
    remote = parse_type_def(Resolver(), without)
    assert not remote.fields[0].ref and not any(a.ref for a in remote.fields[0].node.args)


def test_example_n_other_kinds():
    resolver = Resolver()
    color = resolver.add(Color, name="demo.Color", kind="enum")
    assert build_type_def(resolver, color).hex() == "0aa0bc055844f323" "010d0c8c701389cb7440"
    ext = resolver.add(Ext, name="demo.Ext1", kind="ext")
    assert build_type_def(resolver, ext).hex() == "0ac0b62fe0cb7437" "030d0c8c7012bcba7a80"
    union = resolver.add(In, name="demo.U", kind="union")
    assert build_type_def(resolver, union).hex() == "07604e0f7340d25e" "050d0c8c700750"
    kinds = [parse_type_def(resolver, build_type_def(resolver, r)) for r in (color, ext, union)]
    assert [(r.kind, r.type_id, r.namespace, r.typename) for r in kinds] == [
        ("enum", 26, "demo", "Color"), ("ext", 32, "demo", "Ext1"), ("union", 35, "demo", "U"),
    ]  # fmt: skip


def test_example_o_camel_case():
    assert type_def(Camel, 9) == "1430cb24e5abcd5c" "c309" "44015f78" "88075d5ca0" "5815951194fad03080"


def test_fixed_schema():
    resolver = Resolver()
    registration = resolver.add(dataclasses.make_dataclass("S", [("v", int)]), name="demo.S", evolving=False)
    data = plan.build_struct_plan(resolver, registration).type_def
    assert data[8] == 0xA1
    remote = parse_type_def(resolver, data)
    assert (remote.type_id, remote.compatible) == (29, False)


def test_field_nullable_option():
    assert type_def(one(int), 1, field_nullable=True) == "05d04232495d7925c101420714"


# ---- names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Example", "a.Name", "demo.été", "x" * 62 + ".P", "n." + "y" * 120, "ab1." + "Z9" * 60, "日本.語", "a..C", ".C", "A.B.C"],
)
def test_names_survive(name):
    data = type_def(P, name=name)
    remote = parse_type_def(Resolver(), bytes.fromhex(data))
    namespace, _, typename = name.rpartition(".")
    assert (remote.namespace, remote.typename) == (namespace, typename)
    assert remote.display_name == (namespace + "." + typename if namespace else typename)


@pytest.mark.parametrize("name", ["A", "Name", "été", "ß", "x", "URL", "ñandú" * 9, "_", "a2", "x" * 200])
def test_field_names_survive(name):
    data = bytes.fromhex(type_def(dataclasses.make_dataclass("C", [(name, int)]), 1))
    (field,) = parse_type_def(Resolver(), data).fields
    assert (field.name, field.tag_id, field.key) == (name, None, name)


@pytest.mark.parametrize(
    "context,text,code,data",
    [
        ("namespace", "example", 1, "12e063d640"), ("namespace", "a", 1, "00"), ("typename", "Person", 3, "3c91939a"),
        ("typename", "foo", 1, "15ce"), ("field", "age", 1, "00c4"), ("field", "name", 1, "340c20"),
        ("field", "f1", 2, "0ba8"), ("field", "first_name", 1, "951194f6d03080"),
        ("field", "firstName", 1, "951194fad03080"), ("field", "x1y2", 2, "afab1b00"), ("field", "URL", 2, "5d5ca0"),
        ("field", "日", 0, "e697a5"), ("namespace", "Sns", 2, None),
    ],
)  # fmt: skip
def test_name_encodings(context, text, code, data):
    contexts = {"namespace": typedef._NAMESPACE, "typename": typedef._TYPE_NAME, "field": typedef._FIELD_NAME}
    got = typedef._encode_name(text, contexts[context])
    assert got[0] == code
    if data is not None:
        assert got[1].hex() == data
    assert typedef._decode_name(got[1], got[0], contexts[context]) == text


def test_core_agrees_with_plain_python():
    texts = ["", "a", "demo", "Person", "MyType", "HTTPRequest", "Foo1", "Foo_Bar", "aPersonName", "first_name", "x1y2",
             "URL", "my_pkg.v1", "com.Foo", "Example", "日本", "a.b$c", "a|b", "A", "_", "x" * 99]  # fmt: skip
    for text in texts:
        for special in ("._", "$_"):
            for allowed in (0b11111, 0b10101, 0b11101):
                encoding, data = _core.encode_meta_string(text, special[0], special[1], allowed)
                assert (encoding, bytes(data)) == encode_meta_string(text, special[0], special[1], allowed), text
                assert _core.decode_meta_string(data, encoding, special[0], special[1]) == text
                assert decode_meta_string(data, encoding, special[0], special[1]) == text
    for size in range(70):
        data = bytes(range(size))
        assert size == 0 or _core.hash_buffer(data, 47) == hash_buffer(data, 47)


# ---- reading (11.2) ------------------------------------------------------------------


def sample():
    return bytes.fromhex(type_def(P, 1))


def rehash(body):
    return finish_type_def(bytes(body))


def test_parsed_fields():
    remote = parse_type_def(Resolver(), bytes.fromhex(type_def(Tag, 200)))
    assert (remote.kind, remote.type_id, remote.user_type_id, remote.by_name) == ("struct", 28, 200, False)
    assert [f.key for f in remote.fields] == ["__tag_15__", "__tag_3__", "zz", "__tag_14__", "__tag_0__", "__tag_300__"]
    assert remote.fields[3].nullable
    assert remote.fields[5].node.args[0].type_id == 7
    assert remote.key == int.from_bytes(remote.data[:8], "little") >> 12
    assert remote.display_name == "fory.UnknownStruct200"


def test_more_bytes_may_follow():
    data = sample()
    assert parse_type_def(Resolver(), memoryview(data + b"rest")).data == data


def test_cut_off_anywhere():
    for data in (sample(), bytes.fromhex(type_def(many(60), 7))):
        for size in range(len(data)):
            with pytest.raises(error.ForyBufferOutOfBoundError):
                parse_type_def(Resolver(), data[:size])


@pytest.mark.parametrize("bit", [9, 10, 11])
def test_reserved_bits(bit):
    data = bytearray(sample())
    data[1] |= 1 << bit - 8
    with pytest.raises(ValueError, match="reserved"):
        parse_type_def(Resolver(), data)


def test_compressed_body():
    data = bytearray(sample())
    data[1] |= 1
    with pytest.raises(ValueError, match="compressed"):
        parse_type_def(Resolver(), data)


@pytest.mark.parametrize("count", [3, 40, 300])
def test_limits_are_exact_and_named(count):
    data = bytes.fromhex(type_def(many(count), 7))
    size = len(data) - 8 - (2 if len(data) > 263 + 127 else 1 if len(data) > 262 else 0)
    parse_type_def(Resolver(max_type_fields=count, max_type_meta_bytes=size), data)
    with pytest.raises(error.ForyLimitError, match="max_type_fields"):
        parse_type_def(Resolver(max_type_fields=count - 1), data)
    with pytest.raises(ValueError, match="max_type_meta_bytes"):
        parse_type_def(Resolver(max_type_meta_bytes=size - 1), data)


def test_a_huge_size_is_refused_before_the_body_is_needed():
    with pytest.raises(ValueError, match="max_type_meta_bytes"):
        parse_type_def(Resolver(), b"\xff" + b"\0" * 7 + b"\xff\xff\xff\xff\x0f")
    with pytest.raises(ValueError, match="max_type_fields"):
        parse_type_def(Resolver(), rehash(b"\xdf\xff\xff\xff\xff\x0f\x01"))


def test_hash_mismatch():
    data = bytearray(sample())
    data[-1] ^= 1
    with pytest.raises(error.ForyInvalidDataError, match="hash"):
        parse_type_def(Resolver(), data)


@pytest.mark.parametrize(
    "body,message",
    [
        ("", "ends inside"),
        ("c101", "ends inside"),
        ("c001ff", "left over"),
        ("06000000", "unknown kind"),
        ("40", "unknown kind"),
        ("c201" "c007" "c007", "Duplicate tag ID"),
        ("c101" "401014", "Unexpected type_id 16"),
        ("c101" "402a14", "Unexpected type_id 42"),
        ("c101" "403414", "Unexpected type_id 52"),
        ("c101" "40ff14", "Unexpected type_id 255"),
        ("c101" "4016e80714", "Unexpected type_id 250"),
        ("c101" "4016ffffffff1f14", "out of range"),
        ("c101" "4016808080808000", "too long"),
        ("c101" "fcf1ffffff0f07", "tag id"),
        ("e1" "0f0c8c70" "073c" "400714", "encoding 3"),
        ("c101" "0007ff", None),
        ("c101" "4016", "ends inside"),
    ],
)  # fmt: skip
def test_malformed_bodies(body, message):
    with pytest.raises(error.ForyInvalidDataError, match=message):
        parse_type_def(Resolver(), rehash(bytes.fromhex(body)))


def test_deeply_nested_type():
    def body(depth):
        return rehash(b"\xc1\x01\x40\x16" + b"\x58" * (depth - 1) + b"\x1c\x14")

    parse_type_def(Resolver(), body(typedef.MAX_TYPE_NESTING))
    with pytest.raises(error.ForyInvalidDataError, match="nested deeper"):
        parse_type_def(Resolver(), body(typedef.MAX_TYPE_NESTING + 1))
    with pytest.raises(error.ForyInvalidDataError):
        parse_type_def(Resolver(), body(4000))


def test_every_mutation_is_an_error_or_a_type():
    import random

    rng = random.Random(5)
    for source in (sample(), bytes.fromhex(type_def(Tag, 200)), bytes.fromhex(type_def(P, name="demo.P"))):
        body = source[8:]
        for _ in range(400):
            changed = bytearray(body)
            for _ in range(rng.randint(1, 3)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            try:
                parse_type_def(Resolver(), rehash(changed))
            except error.ForyError:
                pass


# ---- what a received TypeDef belongs to ------------------------------------------------------


def test_resolve_remote():
    resolver = Resolver()
    registration = resolver.add(P, name="demo.P")
    color = resolver.add(Color, name="demo.Color", kind="enum")
    remote = parse_type_def(resolver, build_type_def(resolver, registration))
    assert plan.resolve_remote(resolver, remote) is registration
    stranger = parse_type_def(resolver, bytes.fromhex(type_def(P, name="demo.Q")))
    assert plan.resolve_remote(resolver, stranger) is None
    by_id = parse_type_def(resolver, sample())
    assert plan.resolve_remote(resolver, by_id) is None
    enum_def = parse_type_def(resolver, build_type_def(resolver, color))
    assert plan.resolve_remote(resolver, enum_def) is color
    with pytest.raises(ValueError, match="TypeDef demo.Color is not registered"):
        plan.resolve_remote(Resolver(), enum_def)
    other = Resolver()
    other.add(Color, name="demo.P", kind="enum")
    with pytest.raises(error.TypeNotCompatibleError, match="enum"):
        plan.resolve_remote(other, remote)


def test_unknown_plan():
    resolver = Resolver()
    cls = dataclasses.make_dataclass("U", [
        ("i", int), ("s", Optional[In]), ("l", List[In]), ("e", Color), ("t", str, fory_field(7, default=""))
    ])  # fmt: skip
    resolver.add(In, 2)
    resolver.add(Color, 3, kind="enum")
    registration = resolver.add(cls, 1)
    remote = parse_type_def(resolver, plan.build_struct_plan(resolver, registration).type_def)
    keys, slots = plan.unknown_plan(resolver, remote)
    assert keys == ("i", "__tag_7__", "e", "l", "s")
    assert slots == (
        (7, 0, None, (), 0),
        (21, 0, None, (), 0),
        (25, 0, None, (), 0),
        (22, 0, None, ((28, 0, None, (), 0),), 0),
        (28, plan.NULLABLE | plan.DYNAMIC, None, (), 0),
    )


def test_unknown_plan_keeps_repeated_names_apart():
    remote = parse_type_def(Resolver(), rehash(bytes.fromhex("c201" "400714" "400714")))
    assert plan.unknown_plan(Resolver(), remote)[0] == ("f", "f#2")
