"""Custom serializers: ways to register them, subclasses, and replacing the
serializer of a class that is in use."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List

import pytest

import pyfory
from pyfory.error import ForyError, ForyTypeError, TypeNotCompatibleError, TypeUnregisteredError
from pyfory.union import Union, UnionSerializer
from support import BOTH_MODES, MODE_IDS


@dataclasses.dataclass
class P:
    x: int = 0


@dataclasses.dataclass
class Holder:
    p: P
    ps: List[P] = dataclasses.field(default_factory=list)
    table: Dict[str, P] = dataclasses.field(default_factory=dict)
    any: Any = None


class TextSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_string("x=%d" % value.x)

    def read(self, read_context):
        return P(int(read_context.read_string()[2:]))


class NumberSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_varint32(value.x)

    def read(self, read_context):
        return P(read_context.read_varint32())


VALUE = Holder(P(1), [P(2), P(3)], {"k": P(4)}, [P(5), P(6)])
HOW = [{"name": "n.P"}, {"type_id": 100}]


def make(compatible: bool, how: Dict[str, Any], ref: bool = False, **p: Any) -> pyfory.Fory:
    fory = pyfory.Fory(compatible=compatible, ref=ref)
    fory.register(P, **how, **p)
    fory.register(Holder, name="n.Holder")
    return fory


@pytest.mark.parametrize("how", HOW, ids=["name", "id"])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_ways_to_give_one(compatible: bool, how: Dict[str, Any]) -> None:
    expected = make(compatible, how, serializer=TextSerializer).serialize(VALUE)

    def plain() -> Any:
        return TextSerializer(None, P)

    for given in (TextSerializer, TextSerializer(None, P), lambda resolver, cls: TextSerializer(resolver, cls),
                  lambda resolver: TextSerializer(resolver, P), plain):
        fory = make(compatible, how, serializer=given)
        assert fory.serialize(VALUE) == expected and fory.deserialize(expected) == VALUE
        assert isinstance(fory.type_resolver.get_serializer(P), TextSerializer)
    for wrong in (5, "x", int, lambda: 5, lambda a, b, c: None, object()):
        with pytest.raises(TypeError):
            make(compatible, how, serializer=wrong)


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("how", HOW, ids=["name", "id"])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_replaced_after_use(compatible: bool, how: Dict[str, Any], ref: bool) -> None:
    fory = make(compatible, how, ref)
    before = fory.serialize(VALUE)
    assert fory.deserialize(before) == VALUE
    for serializer in (TextSerializer, NumberSerializer):
        fory.register_serializer(P, serializer(fory.type_resolver, P))
        fresh = make(compatible, how, ref, serializer=serializer)
        data = fory.serialize(VALUE)
        assert data == fresh.serialize(VALUE)
        assert fory.deserialize(data) == VALUE and fresh.deserialize(data) == VALUE
        assert fory.type_resolver.get_type_info(P).type_id == (32 if "name" in how else 31)
    # messages of the earlier schema are refused with a reason
    with pytest.raises(ForyError) as info:
        fory.deserialize(before)
    assert isinstance(info.value, ValueError)
    assert make(compatible, how, ref).deserialize(before) == VALUE


def test_replaced_after_reading_another_schema() -> None:
    other = dataclasses.make_dataclass("Holder", [("p", P), ("extra", int)])
    writer = pyfory.Fory()
    writer.register(P, name="n.P", serializer=TextSerializer)
    writer.register(other, name="n.Holder")
    data = writer.serialize(other(P(7), 5))
    reader = make(True, {"name": "n.P"})
    for _ in range(2):
        with pytest.raises(ForyError):
            reader.deserialize(data)
    reader.register_serializer(P, TextSerializer(reader.type_resolver, P))
    for _ in range(2):
        assert reader.deserialize(data) == Holder(P(7))


def test_replaced_while_values_are_written_and_read() -> None:
    """Operations that run end as they began."""

    class Switch:
        pass

    class SwitchSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            if replace:
                fory.register_serializer(P, NumberSerializer(fory.type_resolver, P))
            write_context.write_int8(1)

        def read(self, read_context):
            if replace:
                fory.register_serializer(P, NumberSerializer(fory.type_resolver, P))
            return read_context.read_int8()

    for compatible in BOTH_MODES:
        replace = False
        fory = make(compatible, {"name": "n.P"})
        fory.register(Switch, name="n.S", serializer=SwitchSerializer)
        value = [Holder(P(1), [P(2)], {"k": P(3)}), Switch(), Holder(P(1), [P(2)], {"k": P(3)})]
        data = fory.serialize(value)
        replace = True
        try:
            fory.serialize(value)
        except ForyError:
            pass
        fory2, fory = fory, make(compatible, {"name": "n.P"})
        fory.register(Switch, name="n.S", serializer=SwitchSerializer)
        try:
            fory.deserialize(data)
        except ForyError:
            pass
        replace = False
        for f in (fory, fory2):
            assert f.deserialize(f.serialize(VALUE)) == VALUE


def test_mistakes_of_register_serializer() -> None:
    fory = pyfory.Fory()
    with pytest.raises(TypeUnregisteredError):
        fory.register_serializer(P, TextSerializer(None, P))
    fory.register(P)
    for wrong in (TextSerializer, None, 5):
        with pytest.raises(ForyTypeError):
            fory.register_serializer(P, wrong)
    assert fory.deserialize(fory.serialize(P(3))) == P(3)


# ---- subclasses --------------------------------------------------------------------------


class Shape:
    def __init__(self, size: int) -> None:
        self.size = size


class Circle(Shape):
    pass


class Dot(Circle):
    pass


class ShapeSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_string(type(value).__name__)
        write_context.write_varint32(value.size)

    def read(self, read_context):
        return {"Shape": Shape, "Circle": Circle, "Dot": Dot}[read_context.read_string()](read_context.read_varint32())

    @classmethod
    def support_subclass(cls) -> bool:
        return True


class OnlyShapes(ShapeSerializer):
    @classmethod
    def support_subclass(cls) -> bool:
        return False


@dataclasses.dataclass
class Drawing:
    main: Shape
    shapes: List[Shape]


@pytest.mark.parametrize("how", [{"name": "n.Shape"}, {"type_id": 100}], ids=["name", "id"])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_subclasses(compatible: bool, how: Dict[str, Any]) -> None:
    fory = pyfory.Fory(compatible=compatible)
    fory.register(Shape, serializer=ShapeSerializer, **how)
    fory.register(Drawing, name="n.Drawing")
    value = [Shape(1), Circle(2), Dot(3), Drawing(Dot(4), [Circle(5), Shape(6)]), {"k": Dot(7)}]
    result = fory.deserialize(fory.serialize(value))
    shapes = result[:3] + [result[3].main] + result[3].shapes + [result[4]["k"]]
    assert [(type(s), s.size) for s in shapes] == [
        (Shape, 1), (Circle, 2), (Dot, 3), (Dot, 4), (Circle, 5), (Shape, 6), (Dot, 7)]  # fmt: skip

    strict = pyfory.Fory(compatible=compatible)
    strict.register(Shape, serializer=OnlyShapes, **how)
    with pytest.raises(TypeUnregisteredError, match="Circle"):
        strict.serialize(Circle(1))


def test_subclasses_after_the_serializer_was_replaced() -> None:
    fory = pyfory.Fory()
    fory.register(Shape, name="n.Shape", serializer=ShapeSerializer)
    assert fory.deserialize(fory.serialize(Dot(3))).size == 3
    fory.register_serializer(Shape, OnlyShapes(fory.type_resolver, Shape))
    assert fory.deserialize(fory.serialize(Shape(3))).size == 3
    with pytest.raises(TypeUnregisteredError, match="Dot"):
        fory.serialize(Dot(3))
    fory.register_serializer(Shape, ShapeSerializer(fory.type_resolver, Shape))
    assert type(fory.deserialize(fory.serialize(Dot(3)))) is Dot


def test_the_nearest_base_decides() -> None:
    class CircleSerializer(ShapeSerializer):
        def write(self, write_context, value):
            super().write(write_context, Circle(value.size + 100))

    fory = pyfory.Fory()
    fory.register(Shape, name="n.Shape", serializer=ShapeSerializer)
    fory.register(Circle, name="n.Circle", serializer=CircleSerializer)
    assert fory.deserialize(fory.serialize(Dot(1))).size == 101


def test_a_registered_subclass_has_its_own_serializer() -> None:
    fory = pyfory.Fory()
    fory.register(Shape, name="n.Shape", serializer=ShapeSerializer)

    class DotSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_int8(value.size)

        def read(self, read_context):
            return Dot(read_context.read_int8() + 50)

    fory.register(Dot, name="n.Dot", serializer=DotSerializer)
    assert [s.size for s in fory.deserialize(fory.serialize([Dot(1), Circle(1)]))] == [51, 1]


# ---- unions of such classes ----------------------------------------------------------------


class Either(Union):
    @staticmethod
    def _from_case_id(case_id: int, value: Any) -> "Either":
        return Either(case_id, value)


@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_unions_follow_a_replaced_serializer(compatible: bool) -> None:
    def with_union(**p: Any) -> pyfory.Fory:
        fory = pyfory.Fory(compatible=compatible)
        fory.register(P, name="n.P", **p)
        fory.register_union(Either, name="n.Either", serializer=UnionSerializer(fory.type_resolver, Either, {0: P, 1: str}))
        return fory

    fory = with_union()
    value = [Either(0, P(3)), Either(1, "x")]
    read = fory.deserialize(fory.serialize(value))
    assert [(u.case_id(), u.value()) for u in read] == [(0, P(3)), (1, "x")]
    fory.register_serializer(P, TextSerializer(fory.type_resolver, P))
    data = fory.serialize(value)
    assert data == with_union(serializer=TextSerializer).serialize(value)
    assert [(u.case_id(), u.value()) for u in fory.deserialize(data)] == [(0, P(3)), (1, "x")]
