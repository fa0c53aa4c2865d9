"""Dataclasses and annotated plain classes of every shape."""

import collections.abc
import dataclasses
import enum
import sys
import typing
from dataclasses import dataclass, field
from typing import Any, Dict, Generic, List, Optional, TypeVar

import pytest

import pyfory
import support
from pyfory.error import ForyError

MODES = pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
NAMED = pytest.mark.parametrize("how", ["id", "name"])


def register_all(fory, classes, how):
    for i, cls in enumerate(classes):
        fory.register(cls, **({"type_id": 100 + i} if how == "id" else {"name": "shapes." + cls.__name__}))
    return fory


def through(value, classes, how="name", compatible=True, **options):
    writer = register_all(pyfory.Fory(compatible=compatible, **options), classes, how)
    reader = register_all(pyfory.Fory(compatible=compatible, **options), classes, how)
    return reader.deserialize(writer.serialize(value))


@dataclass
class Plain:
    a: int
    b: str = "x"


@dataclass(frozen=True)
class Frozen:
    a: int
    b: str = "x"


@pyfory.dataclass(slots=True)
class Slotted:
    a: int
    b: str = "x"


@pyfory.dataclass(slots=True, frozen=True)
class FrozenSlotted:
    a: int
    b: str = "x"


@dataclass
class ManualSlots:
    __slots__ = ("a", "b")
    a: int
    b: str


@dataclass
class Base:
    a: int = 1


@dataclass
class Derived(Base):
    b: str = "x"


@dataclass
class Redefined(Derived):
    a: str = "now text"


@pyfory.dataclass(slots=True)
class SlotBase:
    a: int = 0


@pyfory.dataclass(slots=True)
class SlotDerived(SlotBase):
    b: str = ""


class WithDict(SlotBase):
    """Slots from the base and a __dict__ of its own."""


@dataclass
class NoInit:
    a: int
    b: int = field(init=False, default=5)


@dataclass(order=True, unsafe_hash=True)
class Ordered:
    a: int
    b: str


class Parts(typing.NamedTuple):
    x: int
    y: int


@dataclass(repr=False, eq=True)
class NoRepr:
    a: int
    b: str


@MODES
@NAMED
@pytest.mark.parametrize("value", [
    Plain(1), Frozen(1), Slotted(1), FrozenSlotted(1), ManualSlots(1, "b"), Derived(1, "b"), Redefined("a", "b"),
    SlotDerived(1, "b"), NoInit(3), Ordered(1, "b"), NoRepr(1, "b"),
], ids=lambda v: type(v).__name__)
def test_shape(value, how, compatible):
    result = through(value, [type(value)], how, compatible)
    assert type(result) is type(value) and result == value
    for shape in ([value, value], {"k": value}, [value, 1, None, value], {value.a: [value]}):
        assert through(shape, [type(value)], how, compatible) == shape


@MODES
def test_no_code_of_the_class_runs(compatible):
    ran = []

    @dataclass
    class Loud:
        a: int
        b: int = 0

        def __new__(cls, *args, **kwargs):
            return super().__new__(cls)

        def __init__(self, a, b=0):
            ran.append("init")
            self.__dict__.update(a=a, b=b)

        def __post_init__(self):
            ran.append("post_init")

        def __setattr__(self, name, value):
            ran.append("setattr")
            super().__setattr__(name, value)

    value = Loud(1, 2)
    del ran[:]
    result = through(value, [Loud], compatible=compatible)
    assert ran == [] and (result.a, result.b) == (1, 2)


@MODES
def test_post_init_does_not_run(compatible):
    @dataclass
    class Doubling:
        a: int

        def __post_init__(self):
            self.a *= 2

    value = Doubling(3)
    assert through(value, [Doubling], compatible=compatible).a == 6


@dataclass
class Defaults:
    a: int = 7
    b: str = "d"
    c: List[int] = field(default_factory=list)
    d: Dict[str, int] = field(default_factory=dict)
    e: Optional[float] = None


@MODES
def test_defaults(compatible):
    assert through(Defaults(), [Defaults], compatible=compatible) == Defaults()
    value = Defaults(0, "", [1], {"k": 2}, 1.5)
    assert through(value, [Defaults], compatible=compatible) == value
    first, second = through([Defaults(), Defaults()], [Defaults], compatible=compatible)
    assert first.c is not second.c


@dataclass
class Ignoring:
    a: int = 0
    cache: dict = pyfory.field(ignore=True, default_factory=dict)
    note: str = pyfory.field(ignore=True, default="none")
    unset: Any = pyfory.field(ignore=True, default=None)


@MODES
def test_ignored_fields(compatible):
    value = Ignoring(1, {"big": object()}, "mine", print)
    result = through([value, value], [Ignoring], compatible=compatible)
    assert result == [Ignoring(1), Ignoring(1)]
    assert result[0].cache == {} and result[0].cache is not result[1].cache
    assert result[0].note == "none" and result[0].unset is None


@pyfory.dataclass(slots=True)
class IgnoringSlots:
    a: int = 0
    cache: dict = pyfory.field(ignore=True, default_factory=dict)


@MODES
def test_ignored_fields_with_slots(compatible):
    assert through(IgnoringSlots(2, {1: 2}), [IgnoringSlots], compatible=compatible) == IgnoringSlots(2, {})


class Shade(enum.Enum):
    LIGHT = 0
    DARK = 1


@dataclass
class Inner:
    n: int
    shade: Shade = Shade.LIGHT


@dataclass
class Outer:
    one: Inner
    maybe: Optional[Inner]
    many: List[Inner]
    by_key: Dict[str, Inner]
    deep: Dict[str, List[Dict[int, Inner]]]
    anything: Any
    shades: List[Shade]
    by_shade: Dict[Shade, int]


@MODES
@NAMED
@pytest.mark.parametrize("ref", [False, True])
def test_nested(how, compatible, ref):
    i = Inner(1, Shade.DARK)
    value = Outer(
        i, None, [Inner(2), i], {"k": i, "l": Inner(3)}, {"a": [{1: i}, {}], "b": []}, [i, Shade.DARK, {"x": Inner(4)}],
        [Shade.DARK], {Shade.DARK: 1},
    )
    assert through(value, [Shade, Inner, Outer], how, compatible, ref=ref) == value
    empty = Outer(i, i, [], {}, {}, None, [], {})
    assert through([empty, value, empty], [Shade, Inner, Outer], how, compatible, ref=ref) == [empty, value, empty]


def test_nested_classes_may_be_registered_in_any_order():
    value = Outer(Inner(1), None, [Inner(2)], {}, {}, 1, [], {})
    writer, reader = pyfory.Fory(), pyfory.Fory()
    for fory, order in ((writer, [Outer, Shade, Inner]), (reader, [Inner, Outer, Shade])):
        for cls in order:
            fory.register(cls, name="any." + cls.__name__)
    assert reader.deserialize(writer.serialize(value)) == value


@dataclass
class Node:
    name: str
    next: Optional["Node"] = None
    children: List["Node"] = field(default_factory=list)


@MODES
@NAMED
def test_recursive_class(how, compatible):
    value = Node("a", Node("b", Node("c")), [Node("d", None, [Node("e")])])
    assert through(value, [Node], how, compatible) == value


@dataclass
class HoldsBase:
    item: Base
    items: List[Base] = field(default_factory=list)
    by_key: Dict[str, Base] = field(default_factory=dict)
    maybe: Optional[Base] = None


@MODES
@NAMED
@pytest.mark.parametrize("make", [
    lambda v: HoldsBase(v), lambda v: HoldsBase(Base(), [v]), lambda v: HoldsBase(Base(), [Base(), v]),
    lambda v: HoldsBase(Base(), [], {"k": v}), lambda v: HoldsBase(Base(), [], {"j": Base(), "k": v}),
    lambda v: HoldsBase(Base(), [], {}, v),
], ids=["field", "list", "list_later", "dict", "dict_later", "optional"])
def test_subclass_instances_are_never_sliced(make, how, compatible):
    value = make(Derived(5, "kept"))
    try:
        result = through(value, [Base, Derived, HoldsBase], how, compatible)
    except ForyError as error:
        assert not compatible or "list" in str(error) or "item" in str(error)
    else:
        support.assert_same(value, result)


def test_subclass_instance_in_a_field_is_kept_in_compatible_mode():
    for how in ("id", "name"):
        value = HoldsBase(Derived(5, "kept"), [], {}, Derived(6, "too"))
        support.assert_same(value, through(value, [Base, Derived, HoldsBase], how))


@MODES
@NAMED
def test_dynamic_field_keeps_the_subclass(how, compatible):
    @dataclass
    class Dyn:
        item: Base = pyfory.field(default=None, dynamic=True)

    support.assert_same(Dyn(Derived(5, "kept")), through(Dyn(Derived(5, "kept")), [Base, Derived, Dyn], how, compatible))


def test_unregistered_subclass_is_refused():
    with pytest.raises(ForyError):
        through(HoldsBase(Derived(1, "x")), [Base, HoldsBase])


@MODES
def test_missing_attribute_names_the_field(compatible):
    value = Plain(1)
    del value.__dict__["a"]
    fory = register_all(pyfory.Fory(compatible=compatible), [Plain], "name")
    with pytest.raises(ForyError) as caught:
        fory.serialize([0, value])
    assert caught.value.path == "$[1].a" and "a" in str(caught.value)
    slotted = Slotted(1)
    del slotted.b
    with pytest.raises(ForyError) as caught:
        register_all(pyfory.Fory(compatible=compatible), [Slotted], "name").serialize(slotted)
    assert caught.value.path == "$.b"
    assert fory.deserialize(fory.serialize(Plain(2))) == Plain(2)


@MODES
def test_extra_attributes_are_dropped(compatible):
    value = Plain(1)
    value.extra = object()
    result = through(value, [Plain], compatible=compatible)
    assert vars(result) == {"a": 1, "b": "x"}


class Annotated:
    x: pyfory.Int32
    y: str
    z: Optional[List[int]]

    def __init__(self, x, y, z=None):
        self.x, self.y, self.z = x, y, z


class AnnotatedSlots:
    __slots__ = ("x", "y")
    x: int
    y: str


@MODES
@NAMED
def test_annotated_plain_class(how, compatible):
    result = through([Annotated(1, "y"), Annotated(2, "z", [3])], [Annotated], how, compatible)
    assert [vars(r) for r in result] == [{"x": 1, "y": "y", "z": None}, {"x": 2, "y": "z", "z": [3]}]
    value = AnnotatedSlots()
    value.x, value.y = 1, "s"
    result = through(value, [AnnotatedSlots], how, compatible)
    assert type(result) is AnnotatedSlots and (result.x, result.y) == (1, "s")


def test_plain_class_and_dataclass_of_the_same_fields_interchange():
    @dataclass
    class Same:
        x: pyfory.Int32
        y: str
        z: Optional[List[int]]

    for compatible in support.BOTH_MODES:
        writer, reader = pyfory.Fory(compatible=compatible), pyfory.Fory(compatible=compatible)
        writer.register(Annotated, name="n.T")
        reader.register(Same, name="n.T")
        assert reader.deserialize(writer.serialize(Annotated(1, "y", [2]))) == Same(1, "y", [2])


@MODES
def test_inherited_annotations_of_plain_classes(compatible):
    class Low:
        a: int

    class High(Low):
        b: str

    value = High()
    value.a, value.b = 1, "b"
    assert vars(through(value, [High], compatible=compatible)) == {"a": 1, "b": "b"}


@dataclass
class Empty:
    pass


@pyfory.dataclass(slots=True)
class EmptySlots:
    pass


@MODES
@NAMED
def test_empty_class(how, compatible):
    assert through([Empty(), Empty(), 1], [Empty], how, compatible) == [Empty(), Empty(), 1]
    assert through({"a": EmptySlots()}, [EmptySlots], how, compatible) == {"a": EmptySlots()}


@pytest.mark.parametrize("compatible", [False])
def test_empty_class_of_pyfory_1_7_7(compatible):
    fory = pyfory.Fory(compatible=compatible)
    fory.register(Empty, type_id=110)
    assert fory.deserialize(bytes.fromhex("01ff1b6e2f000000")) == Empty()
    assert fory.deserialize(bytes.fromhex("01ff1b6e3aa1e90b")) == Empty()


@pyfory.dataclass(evolving=False)
class Fixed:
    f1: str = ""


@MODES
@NAMED
def test_not_evolving(how, compatible):
    assert through([Fixed("x"), Fixed("y")], [Fixed], how, compatible) == [Fixed("x"), Fixed("y")]


def test_not_evolving_is_smaller():
    def size(cls):
        fory = pyfory.Fory()
        fory.register(cls, type_id=1)
        return len(fory.serialize(cls()))

    assert size(Fixed) == 5 < size(Base)


def test_not_evolving_bytes():
    @pyfory.dataclass(evolving=False)
    class N:
        f: int = 5

    for kwargs, compatible, data in (
        ({"type_id": 1}, True, "01ff 1b 01 0a"),
        ({"type_id": 1}, False, "01ff 1b 01 7d1a8fb8 0a"),
    ):
        fory = pyfory.Fory(compatible=compatible)
        fory.register(N, **kwargs)
        assert fory.serialize(N()) == support.unhex(data)
        assert fory.deserialize(support.unhex(data)) == N()


@dataclass
class Names:
    firstName: str
    URL: int
    _private: int
    A: int
    Name: str
    trailing__: int
    x1Y2: int


@MODES
@NAMED
def test_unusual_field_names(how, compatible):
    value = Names("f", 1, 2, 3, "n", 4, 5)
    assert through(value, [Names], how, compatible) == value


@MODES
def test_unicode_and_long_field_names(compatible):
    cls = dataclasses.make_dataclass("Uni", [("\u00e9t\u00e9", int), ("\u540d", str), ("a" * 200, int), ("__", int), ("_", int)])
    value = cls(1, "x", 2, 3, 4)
    assert through(value, [cls], compatible=compatible) == value


def test_two_fields_with_one_snake_form_are_refused():
    @dataclass
    class Clash:
        userId: int = 0
        user_id: int = 0

    with pytest.raises(ForyError):
        pyfory.Fory().register(Clash, name="n.Clash")


@MODES
@pytest.mark.parametrize("count", [30, 31, 32, 120])
def test_many_fields(count, compatible):
    cls = dataclasses.make_dataclass("Many", [("f%d" % i, Optional[int], i if i % 3 else None) for i in range(count)])
    assert through([cls(), cls(1)], [cls], compatible=compatible) == [cls(), cls(1)]


T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    item: T
    items: List[T] = field(default_factory=list)


@MODES
def test_generic_class_is_dynamic(compatible):
    value = Box({"k": 1}, ["a", 2])
    assert through(value, [Box], compatible=compatible) == value


@dataclass
class Abstracts:
    seq: typing.Sequence[int]
    mapping: typing.Mapping[str, int]
    mutable: typing.MutableSequence[str]
    abstract_set: typing.AbstractSet[int]


@MODES
def test_abstract_collections(compatible):
    value = Abstracts([1], {"a": 2}, ["x"], {3})
    assert through(value, [Abstracts], compatible=compatible) == value


@pytest.mark.skipif(sys.version_info < (3, 10), reason="X | Y needs 3.10")
@MODES
def test_union_operator(compatible):
    module = support.make_module("union_operator", """
        from dataclasses import dataclass

        @dataclass
        class New:
            a: int | None
            b: list[str] | None
            c: dict[str, list[int]]
            d: int | str
    """)
    for value in (module.New(None, None, {}, "x"), module.New(1, ["a"], {"k": [1]}, 2)):
        assert through(value, [module.New], compatible=compatible) == value


@MODES
def test_string_annotations(compatible):
    module = support.make_module("string_annotations", """
        from __future__ import annotations
        from dataclasses import dataclass, field
        from typing import ClassVar, Dict, List, Optional
        import pyfory

        @dataclass
        class Late:
            a: pyfory.Int32
            b: Optional[Late] = None
            c: Dict[str, List[Late]] = field(default_factory=dict)
            ref: Optional[Late] = pyfory.field(default=None, ref=True, nullable=True)
    """)
    value = module.Late(1, module.Late(2), {"x": [module.Late(3)]}, module.Late(4))
    assert through(value, [module.Late], compatible=compatible, ref=True) == value


@dataclass
class WithClassVar:
    kind: typing.ClassVar[str] = "class level"
    seed: dataclasses.InitVar[int] = 0
    a: int = 1


@MODES
def test_class_and_init_variables_are_no_fields(compatible):
    assert through(WithClassVar(a=4), [WithClassVar], compatible=compatible) == WithClassVar(a=4)


@dataclass
class Everything:
    a: pyfory.Int8 = pyfory.field(id=1, default=0)
    b: Optional[str] = pyfory.field(id=0, nullable=True, default=None)
    c: int = pyfory.field(nullable=True, default=None)


@MODES
def test_field_options(compatible):
    for value in (Everything(), Everything(1, "b", 2)):
        assert through(value, [Everything], compatible=compatible) == value


def test_field_option_errors():
    for bad in (-1, 2**29):
        with pytest.raises(ValueError):
            pyfory.field(id=bad)
    for bad in ("1", 1.5):
        with pytest.raises(TypeError):
            pyfory.field(id=bad)

    def schema(**fields):
        cls = dataclasses.make_dataclass("Bad", [(n, t, f) for n, (t, f) in fields.items()])
        fory = pyfory.Fory()
        fory.register(cls, type_id=1)
        fory.serialize(cls(*[1] * len(fields)))

    with pytest.raises(ValueError):
        schema(a=(int, pyfory.field(id=1)), b=(int, pyfory.field(id=1)))


@MODES
def test_field_nullable_option(compatible):
    @dataclass
    class Loose:
        a: int = None
        b: str = None
        c: List[int] = None

    for value in (Loose(), Loose(1, "b", [2])):
        assert through(value, [Loose], compatible=compatible, field_nullable=True) == value


def test_weak_reference_and_identity_of_results():
    result = through([Plain(1), Plain(1)], [Plain])
    assert result[0] is not result[1] and isinstance(result[0], Plain)
    assert not isinstance(result, collections.abc.Mapping)
