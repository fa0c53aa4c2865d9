"""Structs whose class the reader does not know (wire-format.md, 14.5)."""

import collections.abc
import dataclasses
import enum
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Set

import pytest

import pyfory
import support
from pyfory.error import ForyError, TypeUnregisteredError


class Shade(enum.Enum):
    PALE = 0
    DARK = 300


@dataclass
class Part:
    id: pyfory.Int32 = 0
    name: str = ""


@dataclass
class Whole:
    n: int = 0
    part: Part = dataclasses.field(default_factory=Part)
    parts: List[Part] = dataclasses.field(default_factory=list)
    shade: Shade = Shade.PALE
    any: Any = None


def make(*classes, **options):
    fory = pyfory.Fory(**options)
    for cls in classes:
        fory.register(cls, name="unknown." + cls.__name__)
    return fory


def read_unknown(value, *known, **options):
    classes = {Shade: None, Part: None, Whole: None, type(value): None}
    return make(*known, **options).deserialize(make(*classes, **options).serialize(value))


def test_mapping():
    u = read_unknown(Whole(5, Part(1, "a"), [Part(2, "b")]), Part)
    assert type(u) is pyfory.UnknownStruct
    assert list(u) == list(u.keys()) == ["n", "any", "part", "parts", "shade"]
    assert u["n"] == 5 and u.get("n") == 5 and u.get("nothing") is None and u.get("nothing", 7) == 7
    assert "n" in u and "nothing" not in u and len(u) == 5
    assert u["part"] == Part(1, "a") and u["parts"] == [Part(2, "b")]
    assert dict(u.items())["n"] == 5 and list(u.values())[0] == 5
    with pytest.raises(KeyError):
        u["nothing"]
    with pytest.raises((TypeError, AttributeError)):
        u["n"] = 6
    assert isinstance(u, collections.abc.Mapping) or hasattr(u, "keys")


def test_identity_equality():
    u, v = read_unknown(Part(1)), read_unknown(Part(1))
    assert u == u and u != v and len({u, v}) == 2


@pytest.mark.parametrize("strict", [True, False])
def test_strict_readers_return_it_too(strict):
    assert read_unknown(Part(1, "x"), strict=strict)["name"] == "x"


def test_repr():
    assert repr(read_unknown(Part(1, "x"))) == "UnknownStruct('unknown.Part', {'id': 1, 'name': 'x'})"
    writer = pyfory.Fory()
    writer.register(Part, type_id=77)
    assert repr(pyfory.Fory().deserialize(writer.serialize(Part(1, "x")))) == "UnknownStruct('fory.UnknownStruct77', {'id': 1, 'name': 'x'})"


def test_tags_have_names_of_their_own():
    @dataclass
    class Tagged:
        a: int = pyfory.field(id=3, default=1)
        b: str = "b"

    u = read_unknown(Tagged())
    assert dict(u) == {"__tag_3__": 1, "b": "b"}


def test_made_by_hand():
    with pytest.raises(TypeError):
        pyfory.UnknownStruct(None)


def test_consistent_mode_knows_no_unknown():
    for options in ({"name": "n.Part"}, {"type_id": 7}):
        writer = pyfory.Fory(compatible=False)
        writer.register(Part, **options)
        with pytest.raises(ForyError) as caught:
            pyfory.Fory(compatible=False).deserialize(writer.serialize(Part()))
        assert isinstance(caught.value, ValueError)
        if "name" in options:
            assert isinstance(caught.value, TypeUnregisteredError)


FIELDS = [
    (Shade, Shade.DARK), (Optional[Shade], None), (Optional[Shade], Shade.DARK), (List[Shade], [Shade.DARK, Shade.PALE]),
    (Set[Shade], {Shade.DARK}), (Dict[Shade, int], {Shade.DARK: 1}), (Dict[str, Shade], {"k": Shade.DARK}),
    (Part, Part(1)), (Optional[Part], Part(1)), (List[Part], [Part(1), Part(2)]), (List[Optional[Part]], [Part(1), None]),
    (Dict[str, Part], {"a": Part(1), "b": Part(2)}), (List[List[Part]], [[Part(1)], [Part(2)]]), (Any, [Part(1), 1, "a"]), (Any, {"k": Part(2)}),
    (list, [1, [Part(3)]]), (int, 5), (pyfory.TaggedUInt64, 2**40), (pyfory.Array[pyfory.Int16], pyfory.Int16Array([1])),
    (pyfory.Float16, 1.5), (bytes, b"x"), (Dict[str, List[Optional[int]]], {"a": [1, None]}),
]


@pytest.mark.parametrize("annotation, value", FIELDS, ids=lambda x: str(x).replace("typing.", "")[:40])
@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
@pytest.mark.parametrize("known", [(), (Part,), (Part, Shade)], ids=["nothing", "part", "all"])
def test_written_again_unchanged(annotation, value, ref, known):
    """An unknown struct read by one instance is passed on byte for byte."""
    cls = dataclasses.make_dataclass("Made", [("a", annotation), ("tail", str)])
    data = make(Shade, Part, cls, ref=ref).serialize(cls(value, "t"))
    stranger = make(*known, ref=ref)
    u = stranger.deserialize(data)
    assert type(u) is pyfory.UnknownStruct and u["tail"] == "t"
    again = stranger.serialize(u)
    assert make(Shade, Part, cls, ref=ref).deserialize(again) == cls(value, "t")
    assert again == data
    # another instance, which has never seen the type, writes it too
    assert make(*known, ref=ref).serialize(u) == data


@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
def test_several_in_one_container(ref):
    @dataclass
    class Other:
        x: int = 1

    value = [Part(1, "a"), Part(2, "b"), Other(3), Part(4, "d")]
    writer = make(Part, Other, ref=ref)
    for shape in (value[:2], value, {"a": value[0], "b": value[1]}, [value[0], 1, value[1]], {"k": value}):
        data = writer.serialize(shape)
        stranger = make(ref=ref)
        again = stranger.serialize(stranger.deserialize(data))
        assert make(Part, Other, ref=ref).deserialize(again) == shape


def test_shared_unknown_structs():
    part = Part(1, "a")
    data = make(Part, ref=True).serialize([part, part, 1])
    u = make(ref=True).deserialize(data)
    assert u[0] is u[1]
    again = make(Part, ref=True).deserialize(make(ref=True).serialize(u))
    assert again == [part, part, 1] and again[0] is again[1]


def test_cycles_through_unknown_structs():
    @dataclass(eq=False)
    class Node:
        name: str = ""
        next: Optional["Node"] = pyfory.field(default=None, ref=True, nullable=True)

    Node.__annotations__["next"] = Optional[Node]
    node = Node("n")
    node.next = node
    u = make(ref=True).deserialize(make(Node, ref=True).serialize(node))
    assert u["next"] is u
    assert "UnknownStruct" in repr(u)
    again = make(Node, ref=True).deserialize(make(ref=True).serialize(u))
    assert again.next is again and again.name == "n"


def test_unknown_enum_values_are_kept():
    u = read_unknown(Whole(shade=Shade.DARK))
    assert u["shade"].value == 300


def test_unknown_inside_known():
    @dataclass
    class Known:
        v: Any = None
        many: List[Any] = dataclasses.field(default_factory=list)

    data = make(Part, Known).serialize(Known(Part(1, "a"), [Part(2, "b"), 5]))
    result = make(Known).deserialize(data)
    assert result.v["name"] == "a" and result.many[0]["id"] == 2 and result.many[1] == 5
    assert make(Part, Known).deserialize(make(Known).serialize(result)) == Known(Part(1, "a"), [Part(2, "b"), 5])


def test_not_writable_in_consistent_mode():
    u = read_unknown(Part(1))
    fory = pyfory.Fory(compatible=False)
    with pytest.raises(ForyError):
        fory.serialize([u])
    assert fory.deserialize(fory.serialize([1])) == [1]


def test_error_paths_lead_through_it():
    data = make(Part, Whole, Shade).serialize([Whole(part=Part(1, "a long name"))])
    with pytest.raises(ForyError) as caught:
        make().deserialize(data[: data.index(b"long name") + 2])
    assert caught.value.path == "$[0].part.name"
    support.assert_same([1], make().deserialize(make().serialize([1])))
