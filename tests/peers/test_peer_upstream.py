"""Upstream pyfory 1.7.7, in a process of its own, reads what we write and
writes the same bytes again; we read what it writes.

Where upstream is known to differ, the values below avoid the difference; each
restriction names the decision that golden/differences.json gives as reason."""

import dataclasses
import datetime
import os
import typing
from decimal import Decimal
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

import pyfory
import strategies
import support
from golden import cases as golden
from peers import peer

#: What the strategies below leave out.
AVOIDED = {
    "decision 26": "instants and durations between 1800 and 2200 in whole seconds",
    "decision 28": "no arrays of array.array or NumPy in dynamic lists and dicts",
    "decision 30": "float16 without NaN",
    "decision 22": "no empty class in consistent mode",
    "decision 23": "declared classes by id in consistent mode",
    "decision 24": "no field names that upstream refuses",
    "decision 11": "no lone surrogates",
    "decision 9": "no tuples in sets",
    "decision 8": "no more than 24 levels",
}

PRELUDE = """
class Shade(enum.Enum):
    PALE = 0
    MILD = 7
    DARK = 300

class Word(enum.Enum):
    X = "x"
    Y = "y"

@dataclass
class Part:
    id: pyfory.Int32 = 0
    name: str = ""
"""


@pytest.fixture(scope="module")
def upstream():
    server = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upstream_server.py")
    process = peer.Peer([peer.require("PYFORY_UPSTREAM_PYTHON"), server])
    assert process.ask(version=True) == {"version": "1.7.7"}
    yield process
    process.close()


def test_avoided_differences_are_listed():
    reasons = " ".join(e["reason"] for e in golden.DIFFERENCES.values())
    for decision in AVOIDED:
        assert decision in reasons, decision


def exchange(process, value, classes=(), source=PRELUDE, same_bytes=True, expected=..., **options):
    """Ours to upstream and back; `classes` holds (class, registration)."""
    expected = value if expected is ... else expected
    ours = support.fory(*classes, **options)
    data = ours.serialize(value)
    answer = process.ask(
        source=source, options=options, hex=data.hex(),
        register=[[cls.__name__, registration] for cls, registration in classes],
    )
    assert "error" not in answer, "upstream cannot read %s\n%s" % (data.hex(), answer)
    back = bytes.fromhex(answer["hex"])
    if same_bytes:
        # sequences of every kind have become lists on the way
        assert back == ours.serialize(expected), "upstream read %s" % answer["value"]
    support.assert_same(expected, support.fory(*classes, **options).deserialize(back))


def registrations(by_name, *extra):
    classes = (strategies.Shade, strategies.Word, strategies.Part) + extra
    return [(cls, {"name": "peer." + cls.__name__} if by_name else {"type_id": 300 + i}) for i, cls in enumerate(classes)]


INSTANTS = st.datetimes(
    datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1), timezones=st.just(strategies.UTC)
).map(lambda d: d.replace(microsecond=0))
SPANS = st.timedeltas(datetime.timedelta(-100000), datetime.timedelta(100000))
LEAVES = st.one_of(
    st.none(), st.booleans(), strategies.edge_integers(-(2**63), 2**63 - 1), strategies.TEXT, strategies.BINARY,
    strategies.FLOATS, strategies.DATES, INSTANTS, SPANS, strategies.DECIMALS,
)
KEYS = st.one_of(st.booleans(), strategies.INT64, strategies.TEXT, strategies.BINARY, strategies.DATES, SPANS)
VALUES = st.recursive(
    LEAVES,
    lambda s: st.one_of(
        st.lists(s, max_size=6), st.lists(s, max_size=3).map(tuple), st.dictionaries(st.one_of(st.none(), KEYS), s, max_size=5),
        st.lists(strategies.INT64, max_size=30), st.lists(st.one_of(st.none(), strategies.TEXT), max_size=10),
        st.sets(strategies.INT64, max_size=1), st.dictionaries(strategies.TEXT, strategies.INT64, max_size=10),
        st.sampled_from(sorted(strategies.ARRAY_ELEMENTS)).flatmap(strategies.arrays),
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
def test_values(upstream, ref):
    @given(VALUES)
    @settings(max_examples=150)
    def check(value):
        exchange(upstream, value, expected=support.as_read(value), ref=ref)

    check()


@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
def test_sets_and_tracked_graphs(upstream, ref):
    @given(st.sets(KEYS, max_size=6), st.lists(st.sets(strategies.TEXT, max_size=4), max_size=3))
    @settings(max_examples=60)
    def check(one, many):
        # the order of a set is its own on each side
        exchange(upstream, [one, many], same_bytes=False, ref=ref)

    check()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_shared_objects(upstream, picks):
    nodes = [[1], {"k": 2}, [], {"deep": [3]}]
    nodes[2].append(nodes[0])
    nodes[3]["again"] = nodes[1]
    value = [nodes[i] for i in picks] + ["end", nodes[2]]
    data = pyfory.Fory(ref=True).serialize(value)
    answer = upstream.ask(source=PRELUDE, options={"ref": True}, register=[], hex=data.hex())
    assert answer.get("hex") == data.hex(), answer


# ---- struct fields ---------------------------------------------------------------------------

def replaced(table):
    """The strategies with upstream's restrictions."""
    table = dict(table)
    if "datetime" in table:
        table["datetime"] = (datetime.datetime, INSTANTS)
        table["timedelta"] = (datetime.timedelta, SPANS)
        table["Float16"] = (pyfory.Float16, st.floats(width=16, allow_nan=False))
    return table


def dynamic():
    leaf = st.one_of(
        st.none(), st.booleans(), strategies.INT64, strategies.TEXT, strategies.FLOATS, strategies.BINARY, strategies.DATES, INSTANTS,
        strategies.DECIMALS, strategies.PARTS, st.sampled_from(strategies.Shade),
    )
    return st.recursive(leaf, lambda s: st.one_of(st.lists(s, max_size=4), st.dictionaries(strategies.TEXT, s, max_size=4)), max_leaves=8)


PLAIN = replaced(strategies.PLAIN)
FIELDS = dict(PLAIN, **strategies.ARRAY_FIELDS)
FIELDS.update({"Any": (Any, dynamic()), "list": (list, st.lists(dynamic(), max_size=3)),
               "dict": (dict, st.dictionaries(strategies.TEXT, dynamic(), max_size=3)), "set": (set, st.sets(strategies.INT64, max_size=1))})


def annotation_source(annotation: Any) -> str:
    """Source text of an annotation made from the tables above."""
    for name, (known, _) in strategies.ARRAY_FIELDS.items():
        if annotation == known:
            kind, element = ("PyArray", name[7:]) if name.startswith("PyArray") else ("Array", name[5:])
            return "pyfory.%s[%s]" % (kind, "bool" if element == "Bool" else "pyfory." + element)
    for name in list(strategies.INT_RANGES) + ["Float16", "BFloat16", "Float32", "Float64"]:
        if annotation == getattr(pyfory, name):
            return "pyfory." + name
    if annotation is Any:
        return "Any"
    if isinstance(annotation, type) and not typing.get_origin(annotation):
        module = "datetime." if annotation.__module__ == "datetime" else ""
        return module + annotation.__name__
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        return "Optional[%s]" % annotation_source(args[0])
    if origin is tuple:
        return "Tuple[%s, ...]" % annotation_source(args[0])
    name = {list: "List", set: "Set", dict: "Dict"}[origin]
    return "%s[%s]" % (name, ", ".join(annotation_source(a) for a in args))


def class_source(cls: type) -> str:
    lines = ["@dataclass", "class %s:" % cls.__name__]
    for f in dataclasses.fields(cls):
        options = ", ".join("%s=%r" % i for i in sorted(f.metadata.get("options", {}).items()))
        lines.append("    %s: %s = pyfory.field(%s)" % (f.name, annotation_source(f.type), options))
    return "\n".join(lines + ["    pass"] if len(lines) == 2 else lines) + "\n"


def make_class(fields, name="Drawn"):
    """[(name, annotation, options of pyfory.field)] as a class."""
    return dataclasses.make_dataclass(
        name, [(n, a, pyfory.field(metadata={"options": options}, **options)) for n, a, options in fields]
    )


WRAPPERS = {
    "plain": lambda a, s: (a, s),
    "optional": lambda a, s: (typing.Optional[a], st.one_of(st.none(), s)),
    "list": lambda a, s: (typing.List[a], st.lists(s, max_size=4)),
    "dict": lambda a, s: (typing.Dict[str, a], st.dictionaries(strategies.TEXT, s, max_size=3)),
}


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
@pytest.mark.parametrize("name", sorted(FIELDS))
def test_each_kind_of_field(upstream, name, wrapper):
    annotation, strategy = FIELDS[name]
    if wrapper != "plain" and name in ("Any", "list", "dict", "set"):
        pytest.skip("covered by the random schemas")
    if wrapper in ("list", "dict") and name.startswith("PyArray"):
        pytest.skip("decision 28")
    annotation, strategy = WRAPPERS[wrapper](annotation, strategy)
    plain = make_class([("v", annotation, {"nullable": True} if wrapper == "optional" else {})])
    tracked = make_class([("v", annotation, {"nullable": wrapper == "optional", "ref": True})])
    sets = name == "set"

    @given(strategy)
    @settings(max_examples=4)
    def check(value):
        for compatible in (True, False):
            for cls, ref in ((plain, False), (plain, True), (tracked, True), (tracked, False)):
                exchange(
                    upstream, cls(value), registrations(compatible, cls), PRELUDE + class_source(cls),
                    same_bytes=not sets, compatible=compatible, ref=ref,
                )

    check()


NAMES = st.sampled_from("a b id name first_name lastName x1 x_2 userId2 _private zz z_z count2Items a_rather_long_field_name_of_many_letters".split())


@st.composite
def schemas(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    fields, values = [], {}
    for i, name in enumerate(names):
        annotation, strategy = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]
        wrapper = draw(st.sampled_from(["plain", "plain", "optional"]))
        options = {}
        if wrapper == "optional" and annotation is not Any:
            annotation, strategy = WRAPPERS[wrapper](annotation, strategy)
            options["nullable"] = True
        if draw(st.integers(0, 3)) == 0:
            options["id"] = i + (20 if i % 2 else 0)
        if draw(st.integers(0, 3)) == 0:
            options["ref"] = True
        fields.append((name, annotation, options))
        values[name] = strategy
    return make_class(fields), values


@given(st.data(), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=120)
def test_random_schemas(upstream, data, compatible, by_name, ref):
    cls, fields = data.draw(schemas())
    value = data.draw(strategies.fill(cls, fields))
    classes = registrations(by_name and compatible, cls)
    exchange(upstream, value, classes, PRELUDE + class_source(cls), compatible=compatible, ref=ref)
    exchange(upstream, [value, 1, value, {"k": value}], classes, PRELUDE + class_source(cls), compatible=compatible, ref=ref)


@given(st.data())
@settings(max_examples=60)
def test_schema_evolution(upstream, data):
    """Upstream reads our newer class with an older one, and we what it writes."""
    cls, fields = data.draw(schemas())
    kept = data.draw(st.lists(st.sampled_from(sorted(fields)), unique=True, min_size=1))
    value = data.draw(strategies.fill(cls, fields))
    sources = {f.name: f for f in dataclasses.fields(cls)}
    older = make_class([(n, sources[n].type, dict(sources[n].metadata["options"])) for n in kept])
    data_ = support.fory(*registrations(True, cls)).serialize(value)
    answer = upstream.ask(
        source=PRELUDE + class_source(older), options={}, hex=data_.hex(),
        register=[[c.__name__, r] for c, r in registrations(True, older)],
    )
    assert "error" not in answer, answer
    back = support.fory(*registrations(True, older)).deserialize(bytes.fromhex(answer["hex"]))
    for name in kept:
        support.assert_same(getattr(value, name), getattr(back, name))
    # ours reads upstream's older class into the newer one
    newer = support.fory(*registrations(True, cls)).deserialize(bytes.fromhex(answer["hex"]))
    for name in kept:
        support.assert_same(getattr(value, name), getattr(newer, name))


def test_everything_upstream_wrote_is_read_by_value(upstream):
    """Expressions evaluated on both sides."""
    for expression in ("Part(1, 'a')", "[Part(1, 'a'), None, Part(2, 'b')]", "{Shade.DARK: [Word.X, Shade.PALE]}",
                       "[Part(i, str(i)) for i in range(300)]", "{i: Part(i) for i in range(300)}", "[Decimal('1.50'), datetime.date(2020, 1, 1)]"):
        for compatible in (True, False):
            for by_name in (True, False):
                for ref in (True, False):
                    classes = registrations(by_name)
                    answer = upstream.ask(
                        source=PRELUDE, options={"compatible": compatible, "ref": ref}, expression=expression,
                        register=[[c.__name__, r] for c, r in classes],
                    )
                    fory = support.fory(*classes, compatible=compatible, ref=ref)
                    expected = eval(expression, dict(vars(strategies), Decimal=Decimal))
                    support.assert_same(expected, fory.deserialize(bytes.fromhex(answer["hex"])))
                    assert fory.serialize(expected).hex() == answer["hex"]
