"""Text that an object hands to its reduce method's tuple out of its own attributes, and who else holds it."""

from __future__ import annotations

import copyreg
import weakref
from typing import Any, Callable, List

import pytest

import pyfory
from pyfory.error import ForyError


def trusting() -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=True, strict=False)


def fresh(text: str) -> str:
    """Text that nobody else holds."""
    return "".join(list(text))


class Made:
    """What the objects below become."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def extend(self, items: Any) -> None:
        self.parts += tuple(items)


class Reducing:
    how: Callable[[Any], Any]

    def __init__(self, name: Any, other: Any = None) -> None:
        self.name = name
        self.other = other

    def __reduce__(self) -> Any:
        return Reducing.how(self)


ONLY = Reducing(3)


class Stateful:
    how: Callable[[Any], Any]

    def __init__(self, name: Any, other: Any = None) -> None:
        self.name = name
        self.other = other

    def __getstate__(self) -> Any:
        return Stateful.how(self)

    def __setstate__(self, state: Any) -> None:
        self.parts = state


class Derived(Stateful):
    pass


def objects(cls: Any, n: int = 4) -> List[Any]:
    return [cls(fresh("name %d" % i), fresh("other %d" % i)) for i in range(n)]


def read(fory: pyfory.Fory, value: Any) -> Any:
    return trusting().loads(fory.dumps(value))


KEPT: List[Any] = []


def keep(value: Any) -> Any:
    KEPT.append(value)
    return value


@pytest.mark.parametrize("cls", [Reducing, Stateful])
@pytest.mark.parametrize(
    "parts, expected",
    [
        (lambda o: (o.name, o.other), lambda i: ("name %d" % i, "other %d" % i)),
        (lambda o: (o.other, o.name), lambda i: ("other %d" % i, "name %d" % i)),
        (lambda o: (1, None, o.name), lambda i: (1, None, "name %d" % i)),
        (lambda o: (o.name, o.name), lambda i: ("name %d" % i,) * 2),
        (lambda o: (o.name, [o.name]), lambda i: ("name %d" % i, ["name %d" % i])),
        (lambda o: ([o.name], o.name), lambda i: (["name %d" % i], "name %d" % i)),
        (lambda o: (o.name, {o.name: o.other}), lambda i: ("name %d" % i, {"name %d" % i: "other %d" % i})),
        (lambda o: (o.name,) * 9, lambda i: ("name %d" % i,) * 9),
        (lambda o: (o.name + "!",), lambda i: ("name %d!" % i,)),
        (lambda o: (o.name, vars(o)["name"]), lambda i: ("name %d" % i,) * 2),
        (lambda o: keep((o.name, o.other)), lambda i: ("name %d" % i, "other %d" % i)),
    ],
)
def test_parts(cls: Any, parts: Any, expected: Any) -> None:
    cls.how = staticmethod(parts if cls is Stateful else lambda o: (Made, parts(o)))
    fory = trusting()
    for _ in range(2):
        result = read(fory, objects(cls))
        assert [made.parts for made in result] == [expected(i) for i in range(4)]
        for made in result:
            texts = [part for part in made.parts if isinstance(part, str)] + [
                item for part in made.parts if isinstance(part, (list, dict)) for item in part
            ]
            for text in texts:
                assert all(other is text for other in texts if other == text)
    KEPT.clear()


@pytest.mark.parametrize("cls", [Reducing, Stateful])
def test_text_that_others_hold_stays_one(cls: Any) -> None:
    cls.how = staticmethod((lambda o: (o.name, 1)) if cls is Stateful else (lambda o: (Made, (o.name, 1))))
    for behind in (True, False):
        made = objects(cls, 6)
        names = [o.name for o in made]
        a, b = read(trusting(), [made, names] if behind else [names, made])[:: 1 if behind else -1]
        assert b == ["name %d" % i for i in range(6)]
        assert all(o.parts[0] is name for o, name in zip(a, b))


@pytest.mark.parametrize("cls", [Reducing, Stateful])
def test_two_objects_with_one_text(cls: Any) -> None:
    cls.how = staticmethod((lambda o: (o.name, 1)) if cls is Stateful else (lambda o: (Made, (o.name, 1))))
    name = fresh("shared")
    value = [cls(name) for _ in range(5)]
    del name
    assert len({id(o.parts[0]) for o in read(trusting(), value)}) == 1


@pytest.mark.parametrize("cls", [Reducing, Stateful])
def test_objects_that_are_met_again(cls: Any) -> None:
    cls.how = staticmethod((lambda o: (o.name, 1)) if cls is Stateful else (lambda o: (Made, (o.name, 1))))
    made = objects(cls, 3)
    result = read(trusting(), made + made[::-1])
    assert [result[i] is result[5 - i] for i in range(3)] == [True] * 3
    assert [o.parts[0] for o in result[:3]] == ["name 0", "name 1", "name 2"]


def test_tuples_that_the_method_keeps() -> None:
    """Met again as a value of its own, the tuple has the same text."""
    KEPT.clear()
    Reducing.how = staticmethod(lambda o: (Made, keep((o.name, o.other))))
    made, kept = read(trusting(), [objects(Reducing, 3), KEPT])
    assert [o.parts for o in made] == kept
    assert all(o.parts[0] is pair[0] and o.parts[1] is pair[1] for o, pair in zip(made, kept))
    KEPT.clear()


def test_items_that_come_later() -> None:
    Reducing.how = staticmethod(lambda o: (Made, (o.name,), None, (text for text in (o.name, o.other))))
    for made in read(trusting(), objects(Reducing)):
        assert made.parts[0] is made.parts[1] and made.parts[2].startswith("other")


def test_a_part_whose_method_takes_the_text_away() -> None:
    class Thief:
        def __init__(self, owner: Any) -> None:
            self.owner = owner

        def __reduce__(self) -> Any:
            self.owner.name = None
            vars(self.owner)
            return int, (7,)

    Stateful.how = staticmethod(lambda o: (Thief(o), o.name, o.other))
    assert [o.parts for o in read(trusting(), objects(Stateful))] == [(7, "name %d" % i, "other %d" % i) for i in range(4)]


def test_other_results_among_the_usual_ones() -> None:
    """A class goes the short way once it is named: what is not like that in between goes the long one."""
    results = {
        0: (Made, (0,)), 1: (Made, (1, "one")), 2: (Made, (2,), {"x": 1}), 3: "ONLY", 4: (int, (4,)), 5: (Made, (5,)),
        6: (Made, tuple(range(200))), 7: (getattr(copyreg, "__newobj__"), (Reducing,)), 8: (Made, ()), 9: [], 10: (Made, (10,)),
    }  # fmt: skip
    Reducing.how = staticmethod(lambda o: results[o.name])
    fory = trusting()
    made = read(fory, [Reducing(0), Reducing(1), Reducing(2), ONLY] + [Reducing(i) for i in (4, 5, 6, 7, 8, 10)])
    assert [getattr(o, "parts", o) for o in made[:3]] == [(0,), (1, "one"), (2,)] and made[3] is ONLY
    assert [getattr(o, "parts", o) for o in made[4:7]] == [4, (5,), tuple(range(200))]
    assert made[2].x == 1 and type(made[7]) is Reducing and made[8].parts == () and made[9].parts == (10,)
    with pytest.raises(ForyError, match="must return a str or a tuple"):
        fory.dumps([Reducing(0), Reducing(1), Reducing(9)])
    assert read(fory, [Reducing(5)])[0].parts == (5,)
    states = [(1, 2), (1,) * 7, (1,) * 8, {"a": 1}, None, [1], (3,), ()]
    Stateful.how = staticmethod(lambda o: o.name)
    assert [getattr(o, "parts", None) for o in read(fory, [Stateful(s) for s in states])] == states


def test_a_derived_class_whose_base_is_written_later() -> None:
    """Looking at a base class changes it, and with it the version of those derived from it."""

    class Base:
        x: Any

        def __init__(self, x: Any) -> None:
            self.x = x

    class Child(Base):
        def __getstate__(self) -> Any:
            return (self.x,)

        def __setstate__(self, state: Any) -> None:
            (self.x,) = state

    fory = trusting()
    for _ in range(3):
        result = trusting().loads(fory.dumps([Child(1), Base(2), Child(3), Child(4)]))
        assert [o.x for o in result] == [1, 2, 3, 4]
    Child.__getstate__ = lambda self: (self.x + 10,)  # type: ignore[method-assign]
    assert [o.x for o in trusting().loads(fory.dumps([Child(1), Child(2)]))] == [11, 12]
    as_int: Any = lambda self, protocol: (int, (self.x,))
    setattr(Child, "__reduce_ex__", as_int)
    assert trusting().loads(fory.dumps([Child(1), Child(2)])) == [1, 2]
    del Child.__reduce_ex__
    assert [o.x for o in trusting().loads(fory.dumps([Child(1), Child(2)]))] == [11, 12]


def test_an_attribute_of_the_method_s_name() -> None:
    Reducing.how = staticmethod(lambda o: (Made, (o.name,)))
    made = objects(Reducing, 4)
    made[2].__reduce__ = lambda: (Made, ("own",))
    assert [o.parts[0] for o in read(trusting(), made)] == ["name 0", "name 1", "own", "name 3"]
    assert [o.parts[0] for o in read(trusting(), objects(Reducing, 2))] == ["name 0", "name 1"]


class HandsItselfOut:
    """Its method's result leads to the object, which only one container holds."""

    how: Callable[[Any], Any]

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def run(self) -> None:
        pass


class ByState(HandsItselfOut):
    def __getstate__(self) -> Any:
        return HandsItselfOut.how(self)


class ByReduce(HandsItselfOut):
    def __reduce__(self) -> Any:
        return ByReduce, (), HandsItselfOut.how(self)


@pytest.mark.parametrize("cls", [ByState, ByReduce])
@pytest.mark.parametrize(
    "state, found",
    [
        (lambda o: (o, 1), lambda s: s[0]),
        (lambda o: (o.run, 1), lambda s: s[0].__self__),
        (lambda o: {"me": [o]}, lambda s: s["me"][0]),
    ],
)
def test_what_a_method_leads_back_to(cls: Any, state: Any, found: Any) -> None:
    HandsItselfOut.how = staticmethod(state)
    for made in ([cls()], [cls() for _ in range(4)], {"a": cls(), "b": (cls(),)}):
        result = read(trusting(), made)
        for o in result if isinstance(result, list) else [result["a"], result["b"][0]]:
            assert found(o.state) is o


def test_what_a_method_keeps_and_another_hands_out() -> None:
    met: List[Any] = []
    HandsItselfOut.how = staticmethod(lambda o: (met.append(o), list(met))[1:])
    a, b, c = read(trusting(), [ByState() for _ in range(3)])
    assert a.state[0] == [a] and b.state[0] == [a, b] and c.state[0] == [a, b, c]


class Branch:
    """Its children lead to it by weak references alone."""

    def __init__(self) -> None:
        self.children: List[Any] = []

    def grow(self) -> Branch:
        self.children.append(Leaf(self))
        return self


class StatefulBranch(Branch):
    def __getstate__(self) -> Any:
        return (self.children, "a branch")

    def __setstate__(self, state: Any) -> None:
        self.children = state[0]


class ReducingBranch(Branch):
    def __reduce__(self) -> Any:
        return type(self), (), {"children": self.children}


class ProtocolBranch(Branch):
    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (), {"children": self.children}


class Leaf:
    def __init__(self, parent: Any) -> None:
        self.parent = weakref.ref(parent)

    def __getstate__(self) -> Any:
        return (self.parent(), "a leaf")

    def __setstate__(self, state: Any) -> None:
        self.parent = weakref.ref(state[0])
        self.held = state[0]


@pytest.mark.parametrize("cls", [Branch, StatefulBranch, ReducingBranch, ProtocolBranch])
def test_weak_references_lead_to_what_was_written(cls: Any) -> None:
    for made in ([cls().grow()], [cls().grow().grow() for _ in range(4)]):
        result = read(trusting(), made)
        assert len(result) == len(made)
        for branch in result:
            assert [leaf.parent() is branch for leaf in branch.children] == [True] * len(made[0].children)


class BySerializer(Branch):
    def run(self) -> None:
        pass


class BranchSerializer(pyfory.Serializer):
    def write(self, write_context: Any, value: Any) -> None:
        write_context.write_ref(value.children)
        write_context.write_ref([value.run])

    def read(self, read_context: Any) -> Any:
        branch = BySerializer()
        read_context.reference(branch)
        branch.children = read_context.read_ref()
        assert [method.__self__ for method in read_context.read_ref()] == [branch]
        return branch


def test_what_a_serializer_leads_back_to() -> None:
    fory = trusting()
    fory.register(BySerializer, serializer=BranchSerializer)
    for branch in fory.loads(fory.dumps([BySerializer().grow() for _ in range(3)])):
        assert [leaf.parent() is branch for leaf in branch.children] == [True]


class Lazy:
    """Its iterators hand out parts of its arguments."""

    def __init__(self, parts: Any = ()) -> None:
        self.parts = parts
        self.items: List[Any] = []
        self.pairs: List[Any] = []

    def extend(self, items: Any) -> None:
        self.items += items

    def append(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs.append(value)

    def __reduce__(self) -> Any:
        return Lazy, (self.parts,), None, (part for part in self.parts), ((i, part) for i, part in enumerate(self.parts))


def test_what_iterators_hand_out_of_the_arguments() -> None:
    def parts() -> List[Any]:
        return [Branch(), [1], {"a": 1}, fresh("text"), {1, 2}]

    for made in (Lazy(parts()), [Lazy(parts()) for _ in range(3)], [Lazy(tuple(parts()))]):
        result = read(trusting(), made)
        for o in result if isinstance(result, list) else [result]:
            assert len(o.parts) == len(o.items) == len(o.pairs) == 5
            assert all(a is b is c for a, b, c in zip(o.parts, o.items, o.pairs))
