"""Shared and circular references through every container and struct."""

import collections
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple

import pytest

import pyfory
import support
from pyfory.error import ForyDepthExceedError, ForyError

MODES = pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
NAMED = pytest.mark.parametrize("how", ["id", "name"])


def through(value, *classes, how="name", **options):
    options.setdefault("ref", True)
    entries = [(c, {"type_id": 10 + i} if how == "id" else {"name": "refs." + c.__name__}) for i, c in enumerate(classes)]
    return support.roundtrip(value, *entries, **options)


@dataclass
class Leaf:
    id: pyfory.Int32 = 0
    name: str = ""


@dataclass(eq=False)
class Node:
    name: str = ""
    next: Optional["Node"] = pyfory.field(default=None, ref=True, nullable=True)


@dataclass(eq=False)
class Tree:
    v: int = 0
    children: List[pyfory.Ref["Tree"]] = pyfory.field(default_factory=list, ref=True)
    parent: Optional["Tree"] = pyfory.field(default=None, ref=True, nullable=True)


@dataclass(eq=False)
class Holder:
    """One tracked field of each kind that can be tracked."""

    any1: Any = pyfory.field(default=None, ref=True, nullable=True)
    any2: Any = pyfory.field(default=None, ref=True, nullable=True)
    leaf1: Optional[Leaf] = pyfory.field(default=None, ref=True, nullable=True)
    leaf2: Optional[Leaf] = pyfory.field(default=None, ref=True, nullable=True)
    list1: Optional[List[int]] = pyfory.field(default=None, ref=True, nullable=True)
    list2: Optional[List[int]] = pyfory.field(default=None, ref=True, nullable=True)
    dict1: Optional[Dict[str, int]] = pyfory.field(default=None, ref=True, nullable=True)
    dict2: Optional[Dict[str, int]] = pyfory.field(default=None, ref=True, nullable=True)
    bare1: list = pyfory.field(default_factory=list, ref=True)
    bare2: list = pyfory.field(default_factory=list, ref=True)
    bytes1: bytes = pyfory.field(default=b"", ref=True)
    bytes2: bytes = pyfory.field(default=b"", ref=True)


def hold(value, to):
    to.append(value)
    return value


SHARED = {
    "list": [1, "a"], "empty list": [], "dict": {"k": 1}, "empty dict": {}, "set": {1}, "empty set": set(), "bytes": b"abc",
    "date": date(2020, 1, 1), "timedelta": timedelta(1), "struct": Leaf(1, "x"), "array": pyfory.Int32Array([1, 2]),
    "deep": [[{"k": [1]}]], "decimal": Decimal("1.5"),
}


@MODES
@NAMED
@pytest.mark.parametrize("shared", list(SHARED.values()), ids=list(SHARED))
def test_shared_in_every_container(shared, how, compatible):
    value = [shared, 1, [shared, None, "x"], {"k": shared, "n": 5}, (shared, 2.0), collections.deque([shared, 1])]
    result = through(value, Leaf, how=how, compatible=compatible)
    first = result[0]
    for other in (result[2][0], result[3]["k"], result[4][0], result[5][0]):
        if type(shared) is Decimal:
            assert other == first
        elif type(shared) is pyfory.Int32Array:
            support.assert_same(first, other)
        else:
            assert other is first
    support.assert_same(shared, first)


@MODES
@pytest.mark.parametrize("shared", [SHARED[k] for k in ("list", "dict", "set", "bytes", "date", "struct", "deep")], ids=str)
def test_shared_in_uniform_containers(shared, compatible):
    result = through([[shared, shared], {"a": shared, "b": shared}, {1: shared}], Leaf, compatible=compatible)
    seen = [result[0][0], result[0][1], result[1]["a"], result[1]["b"], result[2][1]]
    assert all(x is seen[0] for x in seen)


@MODES
@NAMED
def test_shared_through_struct_fields(how, compatible):
    leaf, numbers, mapping, bare, blob = Leaf(1, "x"), [1, 2], {"a": 1}, [1, "b"], b"0123"
    value = Holder(leaf, leaf, leaf, leaf, numbers, numbers, mapping, mapping, bare, bare, blob, blob)
    result = through([value, value, leaf], Leaf, Holder, how=how, compatible=compatible)
    assert result[0] is result[1]
    r = result[0]
    assert r.any1 is r.any2 is r.leaf1 is r.leaf2 is result[2] and r.leaf1 == leaf
    assert r.list1 is r.list2 and r.dict1 is r.dict2 and r.bare1 is r.bare2 and r.bytes1 is r.bytes2
    assert (r.list1, r.dict1, r.bare1, r.bytes1) == (numbers, mapping, bare, blob)


@MODES
def test_tracked_any_field_shares_with_containers(compatible):
    inner = [1]
    value = Holder(inner, {"x": inner}, bare1=inner, bare2=[inner, 5])
    r = through(value, Leaf, Holder, compatible=compatible)
    assert r.any1 is r.any2["x"] is r.bare1 is r.bare2[0]


@MODES
def test_untracked_fields_are_copied(compatible):
    @dataclass
    class Untracked:
        a: List[int]
        b: List[int]
        c: Leaf = field(default_factory=Leaf)
        d: Leaf = field(default_factory=Leaf)

    numbers, leaf = [1], Leaf(2)
    result = through(Untracked(numbers, numbers, leaf, leaf), Leaf, Untracked, compatible=compatible)
    assert result == Untracked([1], [1], Leaf(2), Leaf(2))
    assert result.a is not result.b and result.c is not result.d


@MODES
@NAMED
def test_struct_cycles(how, compatible):
    n = Node("self")
    n.next = n
    r = through(n, Node, how=how, compatible=compatible)
    assert r.next is r and r.name == "self"
    a, b = Node("a"), Node("b")
    a.next, b.next = b, a
    r = through([a, b], Node, how=how, compatible=compatible)
    assert r[0].next is r[1] and r[1].next is r[0]
    tree = Tree(1)
    tree.children = [Tree(2, [], tree), Tree(3, [], tree)]
    tree.children[0].children.append(tree)
    r = through(tree, Tree, how=how, compatible=compatible)
    assert [c.v for c in r.children] == [2, 3] and all(c.parent is r for c in r.children)
    assert r.children[0].children[0] is r


@MODES
def test_cycles_through_containers(compatible):
    a = []
    a.append(a)
    r = through(a)
    assert r[0] is r
    d = {}
    d["d"] = [d, {"again": d}]
    r = through(d)
    assert r["d"][0] is r and r["d"][1]["again"] is r
    x = [1]
    x.append({"x": x, "y": (x, 2)})
    r = through(x)
    assert r[1]["x"] is r and r[1]["y"][0] is r
    h = Holder()
    h.any1 = [h, 1]
    h.any2 = {"h": h}
    h.bare1 = [{"deep": [h, "s"]}]
    r = through([h, h.any1], Leaf, Holder, compatible=compatible)
    assert r[0].any1[0] is r[0] and r[0].any2["h"] is r[0] and r[0].bare1[0]["deep"][0] is r[0] and r[1] is r[0].any1


def test_cycle_through_a_root_tuple():
    inner = []
    outer = (inner, 1)
    inner.append(outer)
    r = through(outer)
    # tuples come back as lists, so the cycle can be kept
    assert r[0][0] is r and r[1] == 1


@MODES
def test_cycle_through_a_declared_tuple_fails_cleanly(compatible):
    @dataclass(eq=False)
    class HasTuple:
        t: Tuple[Any, ...] = pyfory.field(default=(), ref=True)

    inner = []
    value = HasTuple((inner, 1))
    inner.append(value.t)
    fory = support.fory(HasTuple, ref=True, compatible=compatible)
    with pytest.raises(ForyError):
        fory.deserialize(fory.serialize(value))
    assert through(HasTuple((1, "a")), HasTuple, compatible=compatible).t == (1, "a")


@MODES
def test_without_tracking_shared_values_are_copied(compatible):
    x = [1]
    r = through([x, x, {"k": x}], ref=False)
    assert r == [[1], [1], {"k": [1]}] and r[0] is not r[1] and r[0] is not r[2]["k"]
    leaf = Leaf(1)
    r = through(Holder(leaf1=leaf, leaf2=leaf), Leaf, Holder, ref=False, compatible=compatible)
    assert r.leaf1 == r.leaf2 == leaf and r.leaf1 is not r.leaf2


def cyclic_values():
    a = []
    a.append(a)
    yield "list", a
    d = {}
    d["d"] = d
    yield "dict", d
    n = Node("x")
    n.next = n
    yield "struct", n
    m = [{}]
    m[0]["m"] = (m, 1)
    yield "mixed", m
    h = Holder()
    h.any1 = {"k": [h]}
    yield "any field", h


@MODES
@pytest.mark.parametrize("value", [pytest.param(v, id=n) for n, v in cyclic_values()])
def test_cycle_without_tracking(value, compatible):
    fory = support.fory(Leaf, Node, Holder, ref=False, compatible=compatible)
    with pytest.raises(ForyDepthExceedError) as caught:
        fory.serialize(value)
    assert isinstance(caught.value, RecursionError) and isinstance(caught.value, ValueError)
    assert fory.deserialize(fory.serialize(Leaf(5))) == Leaf(5)


@dataclass(eq=False)
class Untold:
    n: Optional["Untold"] = None
    name: str = ""


@MODES
def test_cycle_through_an_untracked_field_names_it(compatible):
    value = Untold(name="u")
    value.n = value
    fory = support.fory(Untold, ref=True, compatible=compatible)
    with pytest.raises(ForyDepthExceedError) as caught:
        fory.serialize(value)
    text = str(caught.value)
    assert ".n" in text and "ref=True" in text
    value.n = None
    assert fory.deserialize(fory.serialize(value)).name == "u"


class Plain:
    me: "Plain"
    items: List["Plain"]
    table: Dict[str, "Plain"]
    anything: Any
    number: int


@MODES
@NAMED
def test_annotated_plain_classes_track_everything(how, compatible):
    p = Plain()
    p.me, p.items, p.table, p.anything, p.number = p, [p, p], {"k": p}, [p, 1], 7
    r = through(p, Plain, how=how, compatible=compatible)
    assert r.me is r and r.items[0] is r and r.items[1] is r and r.table["k"] is r and r.anything[0] is r and r.number == 7


@MODES
def test_ref_false_annotation_turns_tracking_off(compatible):
    @dataclass
    class Off:
        xs: List[pyfory.Ref[List[int], False]]

    @dataclass
    class On:
        xs: List[pyfory.Ref[List[int]]]

    @dataclass
    class Default:
        xs: List[List[int]]

    inner = [1]
    for cls, shared in ((Off, False), (On, True), (Default, True)):
        r = through(cls([inner, inner]), cls, compatible=compatible)
        assert r.xs == [[1], [1]] and (r.xs[0] is r.xs[1]) is shared, cls


@MODES
def test_same_instance_many_times(compatible):
    leaf = Leaf(3, "many")
    value = [leaf] * 1000 + [leaf, 1]
    data = support.fory(Leaf, ref=True, compatible=compatible).serialize(value)
    assert len(data) < 4000
    r = through(value, Leaf, compatible=compatible)
    assert all(x is r[0] for x in r[:1001])


def test_temporaries_do_not_share_ids():
    """Objects that exist only while they are written must not be mistaken for
    one another when their memory is reused."""
    class Fresh(collections.abc.Sequence):
        def __getitem__(self, i):
            if i >= 200:
                raise IndexError
            return [i]

        def __len__(self):
            return 200

    assert through(Fresh()) == [[i] for i in range(200)]

    class FreshMap(collections.abc.Mapping):
        def __getitem__(self, key):
            return [key]

        def __iter__(self):
            return iter(range(100))

        def __len__(self):
            return 100

    assert through(FreshMap()) == {i: [i] for i in range(100)}


def test_written_objects_are_released():
    import gc
    import weakref

    class Kept(list):
        pass

    fory = pyfory.Fory(ref=True)
    value = Kept([Kept([1])])
    reference = weakref.ref(value)
    fory.serialize([value, value])
    with pytest.raises(ForyError):
        fory.serialize([value, object()])
    del value
    gc.collect()
    assert reference() is None


def test_reference_reader_settings_may_differ():
    x = [1]
    data = pyfory.Fory(ref=False).serialize([x, x])
    assert pyfory.Fory(ref=True).deserialize(data) == [[1], [1]]


@pytest.mark.parametrize("data", [
    "0100 16 01 01 fe02", "0100 16 02 01 fe05 ff0702", "0100 16 01 01 fe", "0100 16 01 09 29 fe01", "0100fe00", "0100fe01",
])
def test_bad_reference_ids(data):
    with pytest.raises(ForyError) as caught:
        pyfory.Fory(ref=True).deserialize(support.unhex(data))
    assert isinstance(caught.value, ValueError)


@dataclass
class Typed:
    numbers: List[int] = pyfory.field(ref=True)
    table: Dict[str, int] = pyfory.field(ref=True)
    raw: bytes = pyfory.field(ref=True)
    leaf: Leaf = pyfory.field(ref=True)


@MODES
def test_back_references_must_fit_what_is_declared(compatible):
    """Damaged input that refers to an object of another kind is refused where the kind is known."""
    fory = support.fory(Leaf, Typed, ref=True, compatible=compatible)
    shared = Typed([1], {"a": 1}, b"c", Leaf(1, "d"))
    for name in ("numbers", "table", "raw", "leaf"):
        data = fory.serialize([getattr(shared, name), shared])
        assert data.count(b"\xfe\x01") == 1  # the field alone refers to what stands before the struct
        result = fory.deserialize(data)
        assert result[0] is getattr(result[1], name)
        # what it refers to is now something else: the root list itself
        with pytest.raises(ForyError, match="expected|refers back") as info:
            fory.deserialize(data.replace(b"\xfe\x01", b"\xfe\x02" if name == "numbers" else b"\xfe\x00"))
        assert info.value.path == "$[1].%s" % name

    # [[1], [<element type> back reference to the first list]]
    def payload(code):
        return support.unhex("01 00 16 02 01" "00 16 01 08 07 02" "00 16 01 09 %02x fe01" % code)

    result = fory.deserialize(payload(22))
    assert result == [[1], [[1]]] and result[1][0] is result[0]
    for kind, code in (("dict", 24), ("set", 23), ("str", 21), ("bytes", 41)):
        with pytest.raises(ForyError, match="expected %s, the input refers back to a list" % kind) as info:
            fory.deserialize(payload(code))
        assert isinstance(info.value, ValueError) and info.value.path == "$[1][0]"
    # a map value
    with pytest.raises(ForyError, match="expected dict"):
        fory.deserialize(support.unhex("01 00 16 02 01" "00 16 01 08 07 02" "00 18 01 08 01 07 18 02 fe01"))


def test_messages_for_cycles_through_what_cannot_be_published_early():
    import dataclasses
    from typing import Any, Tuple

    @dataclasses.dataclass
    class Holder:
        pair: Tuple[Any, ...] = pyfory.field(default=(), ref=True)

    fory = pyfory.Fory(ref=True)
    fory.register(Holder, type_id=1)
    inner = []
    holder = Holder((inner,))
    inner.append(holder.pair)
    with pytest.raises(ForyError, match="still being read; a cycle may not lead through a tuple") as info:
        fory.loads(fory.dumps(holder))
    assert info.value.path == "$.pair[0][0]"
    with pytest.raises(ForyError, match="invalid reference id 7, 0 references so far"):
        fory.loads(bytes.fromhex("01fe07"))
