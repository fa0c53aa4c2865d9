"""The Rust crate fory 1.7.7 reads what we write, for every kind of struct field
that Rust can express, and we read what it writes.

Rust's bytes of one value may differ from ours (it writes all text as UTF-8),
so values are compared, not bytes."""

import dataclasses
import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Dict, List, Optional, Set

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

import grid
import pyfory
import strategies
import support
from golden import cases as golden
from peers import peer

#: What the strategies below leave out, with the reason of golden/differences.json.
AVOIDED = {
    "decision 8": "no deep nesting",
    "decision 24": "Rust has snake_case field names only",
}


class Shade(enum.Enum):
    Pale = 0
    Mild = 1
    Dark = 2


@dataclass
class Part:
    id: pyfory.Int32 = 0
    name: str = ""


@pytest.fixture(scope="module")
def rust():
    process = peer.Peer([peer.require("PYFORY_RUST_PEER")])
    assert "kinds" in process.ask(kinds=True)
    yield process
    process.close()


def test_avoided_differences_are_listed():
    reasons = " ".join(e["reason"] for e in golden.DIFFERENCES.values())
    assert all(decision in reasons for decision in AVOIDED)


def instance(by_name, *extra, **options):
    classes = [(Shade, "peer.Shade", 301), (Part, "peer.Part", 302)] + [(c, "peer.Value", 300) for c in extra]
    return support.fory(*[(c, {"name": n} if by_name else {"type_id": i}) for c, n, i in classes], **options)


def exchange(process, kind, value, *classes, by_name=True, ref=False, compatible=True, expected=...):
    fory = instance(by_name, *classes, ref=ref, compatible=compatible)
    data = fory.serialize(value)
    answer = process.ask(kind=kind, compatible=compatible, ref=ref, by_name=by_name, hex=data.hex())
    assert "error" not in answer, "Rust cannot read %s: %s" % (data.hex(), answer["error"])
    back = bytes.fromhex(answer["hex"])
    result = instance(by_name, *classes, ref=ref, compatible=compatible).deserialize(back)
    reason = support.difference(value if expected is ... else expected, result)
    assert reason is None, "%s; Rust read %s" % (reason, answer["value"])
    return data, back, result


INTEGERS = {n: strategies.edge_integers(*r) for n, r in strategies.INT_RANGES.items()}
HALVES, BRAINS, SINGLES = st.floats(width=16), strategies.BFLOATS, st.floats(width=32)
TEXT, BINARY, DATES = strategies.TEXT, strategies.BINARY, strategies.DATES
INSTANTS, SPANS = strategies.UTC_ONLY, strategies.DURATIONS
# Rust keeps the unscaled value in 128 bits or a big integer; no reason to test its limits
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-10**20, max_value=10**20).filter(lambda d: d or not d.is_signed())
PARTS = st.builds(Part, INTEGERS["Int32"], TEXT)
SHADES = st.sampled_from(Shade)

FIELDS = {
    "Bool": (bool, st.booleans()), "Half": (pyfory.Float16, HALVES), "Brain": (pyfory.BFloat16, BRAINS), "Single": (pyfory.Float32, SINGLES),
    "Real": (float, st.floats()), "Text": (str, TEXT), "Binary": (bytes, BINARY), "Day": (datetime.date, DATES),
    "Instant": (datetime.datetime, INSTANTS), "Span": (datetime.timedelta, SPANS), "Dec": (Decimal, DECIMALS),
    "Colour": (Shade, SHADES), "Inner": (Part, PARTS),
    "OptInt8": (Optional[pyfory.Int8], INTEGERS["Int8"]), "OptInt32": (Optional[pyfory.Int32], INTEGERS["Int32"]),
    "OptInt64": (Optional[int], INTEGERS["Int64"]), "OptUInt64": (Optional[pyfory.UInt64], INTEGERS["UInt64"]),
    "OptBool": (Optional[bool], st.booleans()), "OptSingle": (Optional[pyfory.Float32], SINGLES), "OptReal": (Optional[float], st.floats()),
    "OptText": (Optional[str], TEXT), "OptDay": (Optional[datetime.date], DATES), "OptInstant": (Optional[datetime.datetime], INSTANTS),
    "OptSpan": (Optional[datetime.timedelta], SPANS), "OptDec": (Optional[Decimal], DECIMALS), "OptInner": (Optional[Part], PARTS),
    "OptColour": (Optional[Shade], SHADES), "OptList": (Optional[List[pyfory.Int32]], st.lists(INTEGERS["Int32"])),
    "OptMap": (Optional[Dict[str, str]], st.dictionaries(TEXT, TEXT)),
    "ListBool": (List[bool], st.lists(st.booleans())), "ListInt16": (List[pyfory.Int16], st.lists(INTEGERS["Int16"])),
    "ListInt32": (List[pyfory.Int32], st.lists(INTEGERS["Int32"])), "ListInt64": (List[int], st.lists(INTEGERS["Int64"])),
    "ListFixedInt32": (List[pyfory.FixedInt32], st.lists(INTEGERS["Int32"])),
    "ListTaggedInt64": (List[pyfory.TaggedInt64], st.lists(INTEGERS["Int64"])), "ListHalf": (List[pyfory.Float16], st.lists(HALVES)),
    "ListBrain": (List[pyfory.BFloat16], st.lists(BRAINS)), "ListSingle": (List[pyfory.Float32], st.lists(SINGLES)),
    "ListReal": (List[float], st.lists(st.floats())), "ListText": (List[str], st.lists(TEXT)),
    "ListOptInt": (List[Optional[pyfory.Int32]], st.lists(st.one_of(st.none(), INTEGERS["Int32"]))),
    "ListOptText": (List[Optional[str]], st.lists(st.one_of(st.none(), TEXT))), "ListBinary": (List[bytes], st.lists(BINARY)),
    "ListDay": (List[datetime.date], st.lists(DATES)), "ListDec": (List[Decimal], st.lists(DECIMALS)),
    "ListList": (List[List[int]], st.lists(st.lists(INTEGERS["Int64"], max_size=3), max_size=4)),
    "ListColour": (List[Shade], st.lists(SHADES)), "ListInner": (List[Part], st.lists(PARTS, max_size=4)),
    "ListOptInner": (List[Optional[Part]], st.lists(st.one_of(st.none(), PARTS), max_size=4)),
    "SetInt": (Set[pyfory.Int32], st.sets(INTEGERS["Int32"])), "SetText": (Set[str], st.sets(TEXT)),
    "MapTextInt": (Dict[str, pyfory.Int32], st.dictionaries(TEXT, INTEGERS["Int32"])),
    "MapTextReal": (Dict[str, float], st.dictionaries(TEXT, st.floats())), "MapIntText": (Dict[int, str], st.dictionaries(INTEGERS["Int64"], TEXT)),
    "MapInt8Int32": (Dict[pyfory.Int8, pyfory.Int32], st.dictionaries(INTEGERS["Int8"], INTEGERS["Int32"])),
    "MapFixedTagged": (Dict[pyfory.FixedInt32, List[pyfory.TaggedInt64]],
                       st.dictionaries(INTEGERS["Int32"], st.lists(INTEGERS["Int64"], max_size=3), max_size=4)),
    "MapOptInt": (Dict[str, Optional[pyfory.Int32]], st.dictionaries(TEXT, st.one_of(st.none(), INTEGERS["Int32"]))),
    "MapMap": (Dict[str, Dict[str, str]], st.dictionaries(TEXT, st.dictionaries(TEXT, TEXT, max_size=3), max_size=3)),
    "MapList": (Dict[str, List[pyfory.Int32]], st.dictionaries(TEXT, st.lists(INTEGERS["Int32"], max_size=3), max_size=3)),
    "MapInner": (Dict[str, Part], st.dictionaries(TEXT, PARTS, max_size=3)),
}
FIELDS.update({n: (getattr(pyfory, n), s) for n, s in INTEGERS.items()})
for _rust, _name in [("ArrayHalf", "Float16"), ("ArrayBrain", "BFloat16"), ("ArraySingle", "Float32"), ("ArrayReal", "Float64")] + [
        ("Array" + n, n) for n in "Bool Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64".split()]:
    FIELDS[_rust] = (pyfory.Array[bool if _name == "Bool" else getattr(pyfory, _name)], strategies.arrays(_name))

#: Kinds whose elements carry reference flags when references are on (decision
#: 25): Rust ignores the header bit, unless Ref[T, False] turns them off.
TRACKED_ELEMENTS = {
    "ListBinary": List[pyfory.Ref[bytes, False]], "ListDay": List[pyfory.Ref[datetime.date, False]],
    "ListList": List[pyfory.Ref[List[int], False]], "ListInner": List[pyfory.Ref[Part, False]],
    "ListOptInner": List[pyfory.Ref[Optional[Part], False]],
    "MapFixedTagged": Dict[pyfory.FixedInt32, pyfory.Ref[List[pyfory.TaggedInt64], False]],
    "MapMap": Dict[str, pyfory.Ref[Dict[str, str], False]], "MapList": Dict[str, pyfory.Ref[List[pyfory.Int32], False]],
    "MapInner": Dict[str, pyfory.Ref[Part, False]],
}


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "id"])
@pytest.mark.parametrize("compatible", [True, False], ids=["compatible", "consistent"])
@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_field(rust, kind, compatible, by_name):
    annotation, strategy = FIELDS[kind]
    cls = dataclasses.make_dataclass(kind, [("v", annotation)])
    untracked = dataclasses.make_dataclass(kind, [("v", TRACKED_ELEMENTS.get(kind, annotation))])
    if kind.startswith("Opt"):
        strategy = st.one_of(st.none(), strategy)

    @given(strategy)
    @settings(max_examples=8)
    def check(value):
        exchange(rust, kind, cls(value), cls, compatible=compatible, by_name=by_name)
        exchange(rust, kind, untracked(value), untracked, compatible=compatible, by_name=by_name, ref=True)

    check()


def test_every_kind_of_rust_is_used(rust):
    kinds = set(rust.ask(kinds=True)["kinds"])
    # the others are used by the evolution grid and by the table of features
    kinds -= {k for k in kinds if k in grid.KINDS and k not in FIELDS}
    kinds -= {"root int8 array", "root int64 array", "root single array", "root choice", "root point"}
    assert kinds == set(FIELDS) | set(ROOTS) | {"Wide", "Narrow", "Tagged", "Shared", "Empty"}


ROOTS = {
    "root bool": st.booleans(), "root int": INTEGERS["Int64"], "root float": st.floats(), "root text": TEXT, "root bytes": BINARY,
    "root date": DATES, "root datetime": INSTANTS, "root timedelta": SPANS, "root decimal": DECIMALS, "root shade": SHADES,
    "root part": PARTS, "root list of text": st.lists(TEXT),
    "root list of optional text": st.lists(st.one_of(st.none(), TEXT)).filter(lambda v: not v or any(x is not None for x in v)),
    "root list of dates": st.lists(DATES), "root list of decimals": st.lists(DECIMALS), "root list of bytes": st.lists(BINARY),
    "root list of parts": st.lists(PARTS), "root list of optional parts": st.lists(st.one_of(st.none(), PARTS)).filter(lambda v: not v or any(v)),
    "root list of lists": st.lists(st.lists(TEXT, max_size=4), max_size=4), "root set of text": st.sets(TEXT),
    "root dict text int": st.dictionaries(TEXT, INTEGERS["Int64"]), "root dict int text": st.dictionaries(INTEGERS["Int64"], TEXT),
    "root dict optional": st.dictionaries(TEXT, st.one_of(st.none(), INTEGERS["Int64"])),
    "root dict of parts": st.dictionaries(TEXT, PARTS, max_size=5),
    "root dict of dicts": st.dictionaries(TEXT, st.dictionaries(TEXT, INTEGERS["Int64"], max_size=3), max_size=3),
    "root int array": strategies.arrays("Int32"), "root float array": strategies.arrays("Float64"),
    "root bool array": strategies.arrays("Bool"), "root unsigned array": strategies.arrays("UInt64"), "root half array": strategies.arrays("Float16"),
}


@pytest.mark.parametrize("kind", sorted(ROOTS))
def test_root(rust, kind):
    @given(ROOTS[kind], st.booleans(), st.booleans())
    @settings(max_examples=25)
    def check(value, compatible, by_name):
        exchange(rust, kind, value, compatible=compatible, by_name=by_name)

    check()


@dataclass
class Wide:
    flag: bool
    tiny: pyfory.Int8
    small: pyfory.Int16
    medium: pyfory.Int32
    large: pyfory.Int64
    fixed_medium: pyfory.FixedInt32
    tagged_large: pyfory.TaggedInt64
    unsigned: pyfory.UInt64
    real: float
    single: pyfory.Float32
    name: str
    maybe: Optional[pyfory.Int32]
    maybe_name: Optional[str]
    day: datetime.date
    list_of_names: List[str]
    table: Dict[str, int]
    part: Part
    parts: List[Part]
    shade: Shade
    a_rather_long_field_name_that_needs_an_escape: pyfory.Int32


@dataclass
class Narrow:
    name: str = ""
    medium: pyfory.Int32 = 0
    added: Optional[str] = None
    parts: List[Part] = dataclasses.field(default_factory=list)


WIDE = st.builds(
    Wide, st.booleans(), INTEGERS["Int8"], INTEGERS["Int16"], INTEGERS["Int32"], INTEGERS["Int64"], INTEGERS["Int32"], INTEGERS["Int64"],
    INTEGERS["UInt64"], st.floats(), SINGLES, TEXT, st.one_of(st.none(), INTEGERS["Int32"]), st.one_of(st.none(), TEXT), DATES,
    st.lists(TEXT, max_size=4), st.dictionaries(TEXT, INTEGERS["Int64"], max_size=4), PARTS, st.lists(PARTS, max_size=4), SHADES, INTEGERS["Int32"],
)


@given(WIDE, st.booleans(), st.booleans())
def test_wide_struct(rust, value, compatible, by_name):
    exchange(rust, "Wide", value, Wide, compatible=compatible, by_name=by_name)


@given(WIDE, st.booleans())
def test_schema_evolution(rust, value, by_name):
    # we write the wide class, Rust reads the narrow one; we read Rust's narrow bytes into the wide class
    fory = instance(by_name, Wide)
    answer = rust.ask(kind="Narrow", compatible=True, ref=False, by_name=by_name, hex=fory.serialize(value).hex())
    assert "error" not in answer, answer
    back = bytes.fromhex(answer["hex"])
    expected = Narrow(value.name, value.medium, None, value.parts)
    support.assert_same(expected, instance(by_name, Narrow).deserialize(back))
    wide = instance(by_name, Wide).deserialize(back)
    assert (wide.name, wide.medium, wide.parts) == (value.name, value.medium, value.parts)
    assert wide.flag is False and wide.large == 0 and wide.maybe is None and wide.list_of_names == []
    # Rust reads the wide class from our narrow bytes
    answer = rust.ask(kind="Wide", compatible=True, ref=False, by_name=by_name, hex=instance(by_name, Narrow).serialize(expected).hex())
    assert "error" not in answer, answer
    wide = instance(by_name, Wide).deserialize(bytes.fromhex(answer["hex"]))
    assert (wide.name, wide.medium, wide.parts) == (value.name, value.medium, value.parts)


@dataclass
class Tagged:
    a: pyfory.Int32 = pyfory.field(id=2, default=0)
    b: str = pyfory.field(id=0, default="")
    c: Optional[str] = pyfory.field(id=1, nullable=True, default=None)
    big: pyfory.Int64 = pyfory.field(id=100, default=0)
    fifteen: List[pyfory.Int32] = pyfory.field(id=15, default_factory=list)


@given(st.builds(Tagged, INTEGERS["Int32"], TEXT, st.one_of(st.none(), TEXT), INTEGERS["Int64"], st.lists(INTEGERS["Int32"])), st.booleans(), st.booleans())
def test_tag_ids(rust, value, compatible, by_name):
    exchange(rust, "Tagged", value, Tagged, compatible=compatible, by_name=by_name)


@dataclass
class Empty:
    pass


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("compatible", [True, False])
def test_empty_struct(rust, compatible, by_name):
    data, back, _ = exchange(rust, "Empty", Empty(), Empty, compatible=compatible, by_name=by_name)
    if not by_name:
        assert data == back


@dataclass(eq=False)
class Shared:
    left: Optional[Part] = pyfory.field(default=None, ref=True, nullable=True)
    right: Optional[Part] = pyfory.field(default=None, ref=True, nullable=True)
    xs: List[pyfory.Ref[Part]] = dataclasses.field(default_factory=list)
    by_key: Dict[str, pyfory.Ref[Part]] = dataclasses.field(default_factory=dict)


@given(st.lists(PARTS, min_size=1, max_size=3), st.data(), st.booleans(), st.booleans())
def test_shared_objects(rust, parts, data, compatible, by_name):
    pick = st.integers(0, len(parts) - 1).map(lambda i: parts[i])
    value = Shared(
        data.draw(st.one_of(st.none(), pick)), data.draw(st.one_of(st.none(), pick)),
        data.draw(st.lists(pick, max_size=4)), data.draw(st.dictionaries(TEXT, pick, max_size=4)),
    )
    result = exchange(rust, "Shared", value, Shared, compatible=compatible, by_name=by_name, ref=True)[2]

    def sharing(v):
        seen = {}
        items = [v.left, v.right] + v.xs + [v.by_key[k] for k in sorted(v.by_key)]
        return [None if x is None else seen.setdefault(id(x), len(seen)) for x in items]

    assert sharing(result) == sharing(value)


@pytest.mark.parametrize("name", [
    "A", "item", "a.Item", "com.example.Item", "demo.ITEM", "demo.MyItemType", "demo.Item_Type$Inner", "Demo.Item",
    "org.example.very.long.namespace.name.Item", "demo.AnExtremelyLongTypeNameThatGoesOnAndOn", "demo." + "Z" * 40, "demo.x9" + "y" * 90,
])
def test_names_are_covered_by_the_vectors(name):
    """Names cannot be chosen per request here; the recorded Rust payloads
    (regname_*) hold each of them in both modes."""
    assert any(name == r[1].get("name") or name == "A" for c in golden.CASES.values() if c.name.startswith("regname") for r in c.register)
