"""Random values and random schemas come back equal from a fresh reader."""

import collections
import dataclasses
from dataclasses import dataclass
from typing import Any, Optional

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

import pyfory
import strategies
import support


@given(strategies.values(), st.booleans())
@settings(max_examples=300)
def test_values(value, ref):
    data = pyfory.Fory(ref=ref).serialize(value)
    reader = pyfory.Fory(ref=ref)
    expected = support.as_read(value)
    support.assert_same(expected, reader.deserialize(data))
    # what was read writes the same bytes again, so nothing about it was lost
    again = pyfory.Fory(ref=ref).serialize(reader.deserialize(data))
    support.assert_same(expected, pyfory.Fory(ref=ref).deserialize(again))


@given(st.lists(strategies.values(max_leaves=8), max_size=5))
def test_several_roots_in_one_buffer(values):
    fory = pyfory.Fory()
    buffer = pyfory.Buffer.allocate(8)
    for value in values:
        fory.serialize(value, buffer)
    for value in values:
        support.assert_same(support.as_read(value), fory.deserialize(buffer))


@pytest.mark.parametrize("name", sorted(strategies.PLAIN) + sorted(strategies.ARRAY_FIELDS) + sorted(strategies.DYNAMIC))
def test_each_kind_of_field(name):
    table = {**strategies.PLAIN, **strategies.ARRAY_FIELDS, **strategies.DYNAMIC}
    annotation, strategy = table[name]
    plain = dataclasses.make_dataclass("Plain", [("v", annotation)])
    optional = dataclasses.make_dataclass("Maybe", [("v", Optional[annotation])])
    tracked = dataclasses.make_dataclass("Tracked", [("v", annotation, pyfory.field(ref=True))])
    fories = {
        (cls, compatible, ref): [support.fory(*strategies.REGISTERED, cls, compatible=compatible, ref=ref) for _ in "wr"]
        for cls in (plain, optional, tracked) for compatible in (True, False) for ref in (True, False)
    }

    @given(st.data())
    @settings(max_examples=25)
    def check(data):
        value = data.draw(strategy)
        for (cls, compatible, ref), (writer, reader) in fories.items():
            given_values = [cls(value), cls(None)] if cls is optional else [cls(value)]
            for v in given_values + [[cls(value)] * 2]:
                support.assert_same(v, reader.deserialize(writer.serialize(v)))

    check()


@given(st.data(), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=150)
def test_schemas(data, compatible, ref, by_name):
    cls, fields = data.draw(strategies.schemas())
    options = {"name": "random.Drawn"} if by_name else {"type_id": 900}
    writer = support.fory(*strategies.REGISTERED, (cls, options), compatible=compatible, ref=ref)
    reader = support.fory((cls, options), *strategies.REGISTERED, compatible=compatible, ref=ref)
    value = data.draw(strategies.fill(cls, fields))
    support.assert_same(value, reader.deserialize(writer.serialize(value)))
    other = data.draw(strategies.fill(cls, fields))
    both = [value, other, {"k": value}, None, (other, 1)]
    support.assert_same([value, other, {"k": value}, None, [other, 1]], reader.deserialize(writer.serialize(both)))


@given(st.data(), st.booleans())
@settings(max_examples=100)
def test_schema_evolution(data, ref):
    """A reader with fewer, more and reordered fields takes the common ones."""
    cls, fields = data.draw(strategies.schemas(min_fields=1))
    value = data.draw(strategies.fill(cls, fields))
    kept = data.draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
    sources = {f.name: f for f in dataclasses.fields(cls)}
    new_fields = []
    for name in kept:
        metadata = sources[name].metadata
        new_fields.append((name, sources[name].type, dataclasses.field(default=None, metadata=metadata)))
    extra = [("only_here", int, dataclasses.field(default=41)), ("also_here", Optional[str], dataclasses.field(default=None))]
    place = data.draw(st.integers(0, len(new_fields)))
    new_fields[place:place] = extra
    reader_cls = dataclasses.make_dataclass("Drawn", new_fields)
    named = {"name": "random.Drawn"}
    writer = support.fory(*strategies.REGISTERED, (cls, named), ref=ref)
    reader = support.fory(*strategies.REGISTERED, (reader_cls, named), ref=ref)
    result = reader.deserialize(writer.serialize([value, value]))
    for r in result:
        assert type(r) is reader_cls and r.only_here == 41 and r.also_here is None
        for name in kept:
            support.assert_same(getattr(value, name), getattr(r, name))
    # and a reader that knows nothing keeps every field, and can pass it on
    stranger = support.fory(*strategies.REGISTERED, ref=ref)
    unknown = stranger.deserialize(writer.serialize(value))
    assert type(unknown) is pyfory.UnknownStruct and len(unknown) == len(fields)
    support.assert_same(value, support.fory(*strategies.REGISTERED, (cls, named), ref=ref).deserialize(stranger.serialize(unknown)))


@st.composite
def graphs(draw):
    """Lists and dicts that refer to each other in any way."""
    count = draw(st.integers(1, 6))
    nodes = [[] if draw(st.booleans()) else {} for _ in range(count)]
    leaf = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from(["a", "bc", "\u4f60"]))
    for node in nodes:
        for i in range(draw(st.integers(0, 4))):
            item = nodes[draw(st.integers(0, count - 1))] if draw(st.booleans()) else draw(leaf)
            if isinstance(node, list):
                node.append(item)
            else:
                node["k%d" % i] = item
    return nodes[0]


def isomorphic(a, b):
    """Same shape, same leaves, and the same objects shared."""
    there, back, todo = {}, {}, collections.deque([(a, b)])
    while todo:
        x, y = todo.popleft()
        if type(x) is not type(y):
            return False
        if not isinstance(x, (list, dict)):
            if x != y:
                return False
            continue
        if id(x) in there or id(y) in back:
            if there.get(id(x)) != id(y) or back.get(id(y)) != id(x):
                return False
            continue
        there[id(x)], back[id(y)] = id(y), id(x)
        if len(x) != len(y):
            return False
        if isinstance(x, list):
            todo.extend(zip(x, y))
        else:
            if list(x) != list(y):
                return False
            todo.extend((x[k], y[k]) for k in x)
    return True


@given(graphs())
@settings(max_examples=300)
def test_object_graphs(value):
    result = pyfory.Fory(ref=True).deserialize(pyfory.Fory(ref=True).serialize(value))
    assert isomorphic(value, result)


@dataclass(eq=False)
class Vertex:
    label: int = 0
    any: Any = pyfory.field(default=None, ref=True, nullable=True)
    next: Optional["Vertex"] = pyfory.field(default=None, ref=True, nullable=True)
    edges: list = pyfory.field(default_factory=list, ref=True)


@given(st.data(), st.booleans())
def test_struct_graphs(data, compatible):
    count = data.draw(st.integers(1, 5))
    vertices = [Vertex(i) for i in range(count)]
    pick = st.integers(0, count - 1).map(lambda i: vertices[i])
    for v in vertices:
        v.any = data.draw(st.one_of(st.none(), pick, st.integers(0, 3)))
        v.next = data.draw(st.one_of(st.none(), pick))
        v.edges = data.draw(st.lists(st.one_of(pick, st.none(), st.integers(0, 3)), max_size=4))
    writer, reader = (support.fory(Vertex, ref=True, compatible=compatible) for _ in "wr")
    result = reader.deserialize(writer.serialize(vertices))

    def describe(items):
        index = {id(v): i for i, v in enumerate(items)}

        def name(x):
            return ("vertex", index[id(x)]) if isinstance(x, Vertex) else x

        return [(v.label, name(v.any), name(v.next), [name(e) for e in v.edges]) for v in items]

    assert describe(result) == describe(vertices)


@given(st.binary(max_size=60), st.booleans(), st.booleans())
@settings(max_examples=500)
def test_any_bytes_give_a_value_or_an_error(data, ref, compatible):
    fory = support.fory(*strategies.REGISTERED, ref=ref, compatible=compatible)
    for payload in (data, b"\x01\xff" + data, b"\x01\x00" + data, b"\x01\xff\x16\x05" + data, b"\x01\xff\x18\x05" + data):
        try:
            fory.deserialize(payload)
        except pyfory.error.ForyError:
            pass
    assert fory.deserialize(fory.serialize([1, strategies.Part(2)])) == [1, strategies.Part(2)]
