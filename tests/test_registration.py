"""Registration: ids, names, kinds and every error case."""

import abc
import datetime
import enum
import functools
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import pyfory
import pyfory.union
import support
from pyfory.error import ForyError, TypeUnregisteredError


@dataclass
class A:
    x: int = 1


@dataclass
class B:
    y: str = "b"


class E(enum.Enum):
    ONE = 1
    TWO = 2


class Thing:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return type(other) is Thing and other.n == self.n


class ThingSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_varint64(value.n)

    def read(self, read_context):
        return Thing(read_context.read_varint64())


def test_automatic_ids_start_at_65():
    fory = pyfory.Fory()
    for i, cls in enumerate((A, B, E)):
        assert fory.register(cls).user_type_id == 65 + i
    assert fory.serialize(A()).hex().startswith("01ff1c00") and fory.serialize(E.TWO).hex() == "01ff194302"
    consistent = pyfory.Fory(compatible=False)
    consistent.register(A)
    assert consistent.serialize(A()).hex().startswith("01ff1b41")


def test_automatic_ids_skip_taken_ones():
    fory = pyfory.Fory()
    fory.register(A, type_id=65)
    assert fory.register(B).user_type_id == 66


@pytest.mark.parametrize("type_id", [0, 1, 127, 128, 16384, 2**31, 2**32 - 2])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_ids(type_id, compatible):
    options = {"type_id": type_id}
    assert support.roundtrip([A(5), A(6)], (A, options), compatible=compatible) == [A(5), A(6)]
    assert support.roundtrip([E.TWO, 1], (E, options), compatible=compatible) == [E.TWO, 1]


@pytest.mark.parametrize("type_id, error", [(-1, (OverflowError, ValueError)), (2**32 - 1, ValueError), (2**32, (OverflowError, ValueError)),
                                            ("1", TypeError), (1.5, TypeError)], ids=str)
def test_bad_ids(type_id, error):
    with pytest.raises(error):
        pyfory.Fory().register(A, type_id=type_id)


@pytest.mark.parametrize("name, namespace, typename", [
    ("A", "", "A"), ("a.A", "a", "A"), ("a.b.C", "a.b", "C"), (".C", "", "C"), ("a..C", "a.", "C"),
])
def test_names(name, namespace, typename):
    info = pyfory.Fory().register(A, name=name)
    assert info.decode_namespace() == namespace and info.decode_typename() == typename
    for compatible in support.BOTH_MODES:
        assert support.roundtrip(A(3), (A, {"name": name}), compatible=compatible) == A(3)


@pytest.mark.parametrize("options, same", [
    ({"typename": "n.A"}, {"name": "n.A"}), ({"typename": "A"}, {"name": "A"}),
    ({"namespace": "n.m", "typename": "A"}, {"name": "n.m.A"}),
])
def test_typename_and_namespace(options, same):
    one, two = pyfory.Fory(compatible=False), pyfory.Fory(compatible=False)
    one.register(A, **options)
    two.register_type(A, **same)
    assert one.serialize(A()) == two.serialize(A())


@pytest.mark.parametrize("options, error", [
    ({"name": ""}, ValueError), ({"name": "a."}, ValueError), ({"name": "."}, ValueError), ({"name": 5}, TypeError),
    ({"name": b"a"}, TypeError), ({"name": "n.A", "type_id": 3}, TypeError), ({"typename": "n.A", "type_id": 3}, TypeError),
    ({"namespace": "n"}, (TypeError, ValueError)), ({"name": "n.A", "typename": "n.A"}, TypeError), ({"unknown": 1}, TypeError),
], ids=str)
def test_bad_names(options, error):
    fory = pyfory.Fory()
    with pytest.raises(error):
        fory.register(A, **options)
    # nothing was half registered
    with pytest.raises(TypeUnregisteredError):
        fory.serialize(A())
    fory.register(A, name="n.A")
    assert fory.deserialize(fory.serialize(A())) == A()


def test_options_are_keyword_only():
    with pytest.raises(TypeError):
        pyfory.Fory().register(A, 5)


def test_same_class_twice():
    fory = pyfory.Fory()
    info = fory.register(A)
    assert fory.register(A).user_type_id == info.user_type_id
    assert fory.register_type(A) is not None
    for options in ({"type_id": 7}, {"name": "n.A"}):
        with pytest.raises(TypeError, match="registered already"):
            fory.register(A, **options)
    assert fory.deserialize(fory.serialize(A(9))) == A(9)


def test_same_id_for_two_classes():
    fory = pyfory.Fory()
    fory.register(A, type_id=7)
    for cls in (B, E):
        with pytest.raises(TypeError, match="already registered"):
            fory.register(cls, type_id=7)
    with pytest.raises(TypeUnregisteredError):
        fory.serialize(B())


def test_same_name_for_two_classes_reads_as_the_last():
    fory = pyfory.Fory()
    fory.register(A, name="n.T")
    data = fory.serialize(A())
    try:
        fory.register(B, name="n.T")
    except TypeError:
        assert fory.deserialize(data) == A()
    else:
        assert fory.deserialize(fory.serialize(B("q"))) == B("q")


@pytest.mark.parametrize("cls", [list, dict, int, str, bytes, set])
def test_builtin_types_keep_their_meaning(cls):
    for options in ({"type_id": 7}, {"name": "n.L"}):
        with pytest.raises(TypeError):
            pyfory.Fory().register(cls, **options)


@pytest.mark.parametrize("bad", [A(), "A", None, 5])
def test_only_classes(bad):
    with pytest.raises(TypeError):
        pyfory.Fory().register(bad)


@pytest.mark.parametrize("compatible, evolving, by_name, kind", [
    (True, True, False, 28), (True, True, True, 30), (True, False, False, 27), (True, False, True, 29),
    (False, True, False, 27), (False, True, True, 29),
])
def test_struct_kinds(compatible, evolving, by_name, kind):
    @pyfory.dataclass(evolving=evolving)
    class S:
        a: int = 0

    fory = pyfory.Fory(compatible=compatible)
    info = fory.register(S, **({"name": "n.S"} if by_name else {"type_id": 5}))
    assert info.type_id == kind and info.cls is S
    assert fory.serialize(S())[2] == kind


@pytest.mark.parametrize("by_name, kind", [(False, 25), (True, 26)])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_enum_kind(by_name, kind, compatible):
    fory = pyfory.Fory(compatible=compatible)
    info = fory.register(E, **({"name": "n.E"} if by_name else {"type_id": 5}))
    assert info.type_id == kind
    assert fory.serialize(E.ONE)[2] == kind


@pytest.mark.parametrize("by_name, kind", [(False, 31), (True, 32)])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
@pytest.mark.parametrize("form", ["class", "instance", "factory", "no arguments"])
def test_serializer_forms(by_name, kind, compatible, form):
    def instance():
        fory = pyfory.Fory(compatible=compatible)
        serializer = {
            "class": ThingSerializer,
            "instance": ThingSerializer(fory.type_resolver, Thing),
            "factory": lambda resolver, cls: ThingSerializer(resolver, cls),
            "no arguments": lambda: ThingSerializer(fory.type_resolver, Thing),
        }[form]
        info = fory.register(Thing, serializer=serializer, **({"name": "n.T"} if by_name else {"type_id": 5}))
        assert info.type_id == kind
        return fory

    value = [Thing(7), Thing(-1), {"k": Thing(2)}]
    assert instance().deserialize(instance().serialize(value)) == value
    assert instance().serialize(Thing(7))[2] == kind


def test_bad_serializer():
    with pytest.raises(TypeError):
        pyfory.Fory().register(Thing, type_id=5, serializer=5)


def test_register_serializer_afterwards():
    fory = pyfory.Fory()
    fory.register(Thing, type_id=6)
    fory.register_serializer(Thing, ThingSerializer(fory.type_resolver, Thing))
    assert fory.serialize(Thing(7)).hex() == "01ff1f060e"
    assert fory.deserialize(fory.serialize(Thing(7))) == Thing(7)
    with pytest.raises(TypeUnregisteredError):
        fory.register_serializer(A, ThingSerializer(fory.type_resolver, A))


def test_register_union_needs_a_serializer():
    class U(pyfory.union.Union):
        pass

    with pytest.raises(TypeError, match="serializer"):
        pyfory.Fory().register_union(U, type_id=5)


# ---- enums (8.1) ----------------------------------------------------------------------

class Negative(enum.Enum):
    A = -1
    B = 5


class Text(enum.Enum):
    X = "x"
    Y = "y"


class Gap(enum.IntEnum):
    P = 3
    Q = 10


class Bools(enum.Enum):
    T = True
    U = 2


class Aliased(enum.Enum):
    ONE = 1
    TWO = 2
    UNO = 1
    ZERO = 0


class Largest(enum.Enum):
    A = 0
    Z = 2**32 - 1


@pytest.mark.parametrize("member, body", [
    (E.TWO, "02"), (Negative.B, "01"), (Negative.A, "00"), (Text.Y, "01"), (Gap.Q, "0a"), (Bools.U, "01"), (Aliased.UNO, "01"),
    (Aliased.ZERO, "00"), (Largest.Z, "ffffffff0f"),
], ids=str)
def test_enum_wire_value(member, body):
    fory = pyfory.Fory()
    fory.register(type(member), type_id=5)
    assert fory.serialize(member).hex() == "01ff1905" + body
    assert fory.deserialize(bytes.fromhex("01ff1905" + body)) is member


def test_enum_root_forms():
    class Color(enum.Enum):
        RED = 1
        GREEN = 2

    def written(compatible, **options):
        fory = pyfory.Fory(compatible=compatible)
        fory.register(Color, **options)
        return fory.serialize(Color.GREEN)

    assert written(True) == written(False) == support.unhex("01ff 19 41 02")
    assert written(False, name="demo.Color") == support.unhex("01ff 1a 06010c8c70 080389cb7440 02")
    assert written(True, name="demo.Color") == support.unhex("01ff 1a 00 0aa0bc055844f323 01 0d0c8c70 1389cb7440 02")


def test_enum_containers():
    fory = pyfory.Fory()
    fory.register(E, type_id=5)
    assert fory.serialize([E.TWO, E.ONE]) == support.unhex("01ff 16 02 08 19 05 02 01")
    tracked = pyfory.Fory(ref=True)
    tracked.register(E, type_id=5)
    data = tracked.serialize([E.TWO, E.ONE, 1])
    assert data == support.unhex("0100 16 03 01 00190502 00190501 ff0702")
    assert tracked.deserialize(data) == [E.TWO, E.ONE, 1]


def test_enum_value_too_large():
    class Huge(enum.Enum):
        S = 0
        L = 2**32

    with pytest.raises(OverflowError):
        pyfory.Fory().register(Huge, type_id=5)


def test_unknown_enum_value():
    fory = pyfory.Fory()
    fory.register(E, type_id=5)
    with pytest.raises(ValueError) as caught:
        fory.deserialize(bytes.fromhex("01ff190507"))
    assert isinstance(caught.value, ForyError)


def test_flag_combination_is_refused():
    class Perm(enum.Flag):
        R = 1
        W = 2

    fory = pyfory.Fory()
    fory.register(Perm, type_id=5)
    assert fory.deserialize(fory.serialize(Perm.W)) is Perm.W
    with pytest.raises(ForyError):
        fory.serialize(Perm.R | Perm.W)


# ---- unregistered ------------------------------------------------------------------------

@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("value", [A(), E.ONE, Thing(1), [A()], {"k": E.ONE}], ids=["struct", "enum", "object", "list", "dict"])
def test_unregistered(value, strict):
    with pytest.raises(TypeUnregisteredError) as caught:
        pyfory.Fory(strict=strict).serialize(value)
    assert isinstance(caught.value, ForyError)


@pytest.mark.parametrize("strict", [True, False])
def test_unknown_names_are_not_imported(strict):
    writer = pyfory.Fory(compatible=False)
    writer.register(A, name="os.system")
    with pytest.raises(TypeUnregisteredError):
        pyfory.Fory(compatible=False, strict=strict).deserialize(writer.serialize(A()))
    writer = pyfory.Fory()
    writer.register(A, name="os.system")
    result = pyfory.Fory(strict=strict).deserialize(writer.serialize(A()))
    assert type(result) is pyfory.UnknownStruct and dict(result) == {"x": 1}


@pytest.mark.parametrize("compatible, options", [(True, {"type_id": 5}), (False, {"type_id": 5}), (True, {"name": "n.E"}), (False, {"name": "n.E"})])
def test_unknown_enum_type(compatible, options):
    writer = pyfory.Fory(compatible=compatible)
    writer.register(E, **options)
    with pytest.raises(ForyError) as caught:
        pyfory.Fory(compatible=compatible).deserialize(writer.serialize(E.ONE))
    assert isinstance(caught.value, ValueError)


def test_kind_mismatch():
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(E, type_id=5)
    reader.register(A, type_id=5)
    with pytest.raises(ForyError):
        reader.deserialize(writer.serialize(E.ONE))
    assert reader.deserialize(reader.serialize(A())) == A()


def test_registration_after_use():
    fory = pyfory.Fory()
    assert fory.deserialize(fory.serialize(1)) == 1
    fory.register(A)
    assert fory.deserialize(fory.serialize(A())) == A()
    fory.register(B)
    assert fory.deserialize(fory.serialize([A(), B()])) == [A(), B()]


def test_instances_are_independent():
    one, two = pyfory.Fory(), pyfory.Fory()
    one.register(A, type_id=1)
    with pytest.raises(TypeUnregisteredError):
        two.serialize(A())
    two.register(A, type_id=2)
    assert one.serialize(A())[2:] != two.serialize(A())[2:]


# ---- options of Fory -------------------------------------------------------------------------

def test_attributes():
    fory = pyfory.Fory()
    assert (fory.xlang, fory.track_ref, fory.strict, fory.compatible, fory.field_nullable) == (True, False, True, True, False)
    assert fory.max_depth == 50 and fory.max_graph_memory_bytes == 128 * 2**20 and fory.max_unbacked_container_items == 8192
    assert fory.type_resolver is not None
    assert pyfory.Fory(ref=True).track_ref is True
    assert pyfory.Fory(compatible=False).compatible is False
    assert pyfory.Fory(True, True).track_ref is True  # positional


@pytest.mark.parametrize("options, error", [
    ({"max_type_fields": 0}, ValueError), ({"max_type_meta_bytes": -1}, ValueError), ({"max_schema_versions_per_type": 0}, ValueError),
    ({"max_average_schema_versions_per_type": 0}, ValueError), ({"max_graph_memory_bytes": 0}, ValueError),
    ({"max_graph_memory_bytes": 2**63}, ValueError), ({"max_unbacked_container_items": -1}, ValueError),
    ({"max_unbacked_container_items": 2**63}, ValueError), ({"max_depth": "5"}, TypeError), ({"language": 1}, TypeError),
    ({"ref_tracking": True}, TypeError), ({"require_type_registration": True}, TypeError),
], ids=str)
def test_bad_options(options, error):
    with pytest.raises(error):
        pyfory.Fory(**options)


def test_same_bytes_every_time():
    def data():
        fory = pyfory.Fory(ref=True)
        fory.register(A)
        fory.register(E, name="n.E")
        return fory.serialize([A(), E.ONE, {"k": A(2)}])

    assert len({data() for _ in range(5)}) == 1


def test_aliases():
    fory = pyfory.Fory()
    fory.register_type(A, name="n.A")
    assert fory.loads(fory.dumps(A(3))) == A(3)
    assert fory.dumps(A(3)) == fory.serialize(A(3))


def test_any_holds_registered_values():
    @dataclass
    class Holder:
        v: Any

    for value in (A(), E.TWO, [A(), E.TWO], {"a": B()}):
        result = support.roundtrip(Holder(value), A, B, E, Holder)
        assert result == Holder(value)


class Pair(NamedTuple):
    a: int
    b: str


class Count(int):
    note: str = ""


class Names(list):
    note: str = ""


@dataclass
class Table(dict):
    note: str = ""


class Moment(datetime.datetime):
    pass


LOCK = type(threading.Lock())


@pytest.mark.parametrize(
    "cls",
    [Pair, Count, Names, Table, Moment, LOCK, type(pytest.raises), functools.partial, datetime.time, pyfory.Buffer],
    ids=lambda cls: cls.__name__,
)
def test_classes_that_keep_more_than_attributes_need_a_serializer(cls):
    """Their fields alone would come back as 0, as an empty list, or crash: `lock` cannot be created."""
    fory = pyfory.Fory()
    with pytest.raises(TypeError, match="register it with serializer="):
        fory.register(cls, type_id=3)
    assert fory.register(A, type_id=3).cls is A

    class Own(pyfory.Serializer):
        def write(self, write_context, value):
            pass

        def read(self, read_context):
            return None

    fory.register(cls, type_id=4, serializer=Own)


class SlottedBase:
    __slots__ = ("x", "__weakref__", "__dict__")
    x: int


class SlottedMore(SlottedBase):
    __slots__ = ("y",)
    y: str


@dataclass
class Failure(Exception):
    code: int = 0


class Abstract(abc.ABC):
    z: int = 0


class Wide(SlottedMore, Abstract):
    pass


@pytest.mark.parametrize("cls", [SlottedBase, SlottedMore, Failure, Wide], ids=lambda cls: cls.__name__)
def test_classes_of_attributes_need_none(cls):
    pyfory.Fory().register(cls, type_id=3)


@pytest.mark.parametrize(
    "value, advice",
    [
        (1j, "has no type in xlang mode: convert the value, or use Fory(xlang=False)"),
        (bytearray(b"a"), "has no type in xlang mode"),
        (object(), "has no type in xlang mode"),
        (Count(1), "fory.register(Count, name=..., serializer=...)"),
        (datetime.time(1), "fory.register(time, name=..., serializer=...)"),
        (A(), "fory.register(A, name=...)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages_for_unregistered_classes_advise_what_works(value, advice):
    with pytest.raises(TypeUnregisteredError, match="is not registered") as info:
        pyfory.Fory().dumps([value])
    assert advice in str(info.value) and info.value.path == "$[0]"


class Bare:
    pass


@dataclass
class Empty:
    pass


@pytest.mark.parametrize("mode", support.BOTH_MODES, ids=support.MODE_IDS)
def test_attributes_without_annotations_are_not_lost_silently(mode):
    fory = pyfory.Fory(compatible=mode)
    fory.register(Bare, name="b.Bare")
    fory.register(Empty, name="b.Empty")
    value = Bare()
    assert type(fory.loads(fory.dumps([value]))[0]) is Bare
    value.x = 1
    with pytest.raises(TypeError, match="attributes of this object would be lost") as info:
        fory.dumps([value])
    assert info.value.path == "$[0]"
    del value.x
    assert type(fory.loads(fory.dumps(value))) is Bare
    extra = Empty()
    extra.x = 1  # no field: dropped, as for every dataclass
    assert fory.loads(fory.dumps(extra)).__dict__ == {}


class Choice(pyfory.union.Union):
    @staticmethod
    def _from_case_id(case_id, value):
        return Choice(case_id, value)


def test_union_serializers_belong_to_unions():
    fory = pyfory.Fory()
    cases = pyfory.union.UnionSerializer(fory.type_resolver, Choice, {0: str})
    with pytest.raises(TypeError, match="a UnionSerializer needs register_union"):
        fory.register(Choice, name="u.C", serializer=cases)
    with pytest.raises(TypeError, match="register_union needs a UnionSerializer"):
        fory.register_union(Choice, name="u.C", serializer=ThingSerializer)
    fory.register_union(Choice, name="u.C", serializer=cases)
    assert fory.loads(fory.dumps(Choice(0, "a"))).value() == "a"
    for question in (fory.type_resolver.get_type_info, fory.type_resolver.get_serializer):
        with pytest.raises(TypeError, match="expected a class, got int"):
            question(5)


@pytest.mark.parametrize("name", ["", 5, None])
def test_fields_need_names(name):
    cls = type("Odd", (), {"__annotations__": {name: int}})
    with pytest.raises(TypeError, match="is no field name: class Odd"):
        pyfory.Fory().register(cls, type_id=3)


def test_field_names_need_not_be_identifiers():
    cls = type("Odd", (), {"__annotations__": {"not valid": int, "a.b": str}})
    fory = pyfory.Fory()
    fory.register(cls, type_id=3)
    value = cls()
    setattr(value, "not valid", 1)
    setattr(value, "a.b", "q")
    assert fory.loads(fory.dumps(value)).__dict__ == {"not valid": 1, "a.b": "q"}
