"""Hypothesis strategies for xlang values and dataclass schemas."""

from __future__ import annotations

import array
import datetime
import enum
import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List, Optional, Set, Tuple

from hypothesis import strategies as st

import pyfory

UTC = datetime.timezone.utc

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
BINARY = st.binary(max_size=40)
FLOATS = st.floats()
DATES = st.dates()
# a day away from the ends, so that every zone has the instant
AWARE = st.datetimes(
    datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30),
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m))),
)
UTC_ONLY = st.datetimes(timezones=st.just(UTC))
DURATIONS = st.timedeltas()
DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-10**9, max_value=10**9),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign if any(digits) else 0, digits, exponent)),
        st.integers(0, 1), st.lists(st.integers(0, 9), min_size=1, max_size=60).map(tuple).map(lambda d: _strip(d)),
        st.integers(-9000, 9000),
    ),
).filter(lambda d: d or not d.is_signed())


def _strip(digits: Tuple[int, ...]) -> Tuple[int, ...]:
    while len(digits) > 1 and digits[0] == 0:
        digits = digits[1:]
    return digits


def _bfloat(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


BFLOATS = st.integers(0, 0xFFFF).filter(lambda b: (b & 0x7F80) != 0x7F80).map(_bfloat)

INT_RANGES = {
    "Int8": (-(2**7), 2**7 - 1), "Int16": (-(2**15), 2**15 - 1), "Int32": (-(2**31), 2**31 - 1), "Int64": (-(2**63), 2**63 - 1),
    "UInt8": (0, 2**8 - 1), "UInt16": (0, 2**16 - 1), "UInt32": (0, 2**32 - 1), "UInt64": (0, 2**64 - 1),
    "FixedInt32": (-(2**31), 2**31 - 1), "FixedInt64": (-(2**63), 2**63 - 1), "TaggedInt64": (-(2**63), 2**63 - 1),
    "FixedUInt32": (0, 2**32 - 1), "FixedUInt64": (0, 2**64 - 1), "TaggedUInt64": (0, 2**64 - 1),
}


def edge_integers(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers with the borders of the variable-length forms among them."""
    edges = {low, high, 0, 1, -1}
    for bits in (6, 7, 13, 14, 20, 21, 27, 28, 30, 31, 32, 34, 35, 41, 48, 55, 56, 62, 63):
        edges |= {2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1}
    return st.one_of(st.sampled_from(sorted(e for e in edges if low <= e <= high)), st.integers(low, high))


ARRAY_ELEMENTS: Dict[str, st.SearchStrategy] = {
    "Bool": st.booleans(), "Float16": st.floats(width=16, allow_nan=False), "BFloat16": BFLOATS,
    "Float32": st.floats(width=32, allow_nan=False), "Float64": st.floats(),
}
ARRAY_ELEMENTS.update({n: st.integers(*INT_RANGES[n]) for n in INT_RANGES if not n.startswith(("Fixed", "Tagged"))})


def arrays(name: str) -> st.SearchStrategy:
    cls = getattr(pyfory, name + "Array")
    return st.lists(ARRAY_ELEMENTS[name], max_size=20).map(cls)


ARRAYS = st.sampled_from(sorted(ARRAY_ELEMENTS)).flatmap(arrays)

HASHABLE = st.one_of(st.booleans(), edge_integers(-(2**63), 2**63 - 1), TEXT, BINARY, FLOATS, DATES, UTC_ONLY, DURATIONS, DECIMALS)
SCALARS = st.one_of(st.none(), HASHABLE, AWARE, UTC_ONLY.map(lambda d: d.replace(tzinfo=None)))


def values(leaves: st.SearchStrategy = st.one_of(SCALARS, ARRAYS), max_leaves: int = 30) -> st.SearchStrategy:
    """Anything that may stand at a dynamic position, without user types."""
    uniform = st.sampled_from([INT64, TEXT, FLOATS, st.booleans(), BINARY, DATES, DECIMALS, st.none()])

    def extend(inner: st.SearchStrategy) -> st.SearchStrategy:
        return st.one_of(
            st.lists(inner, max_size=6),
            st.lists(inner, max_size=4).map(tuple),
            st.sets(HASHABLE, max_size=5),
            st.frozensets(INT64, max_size=5),
            st.dictionaries(st.one_of(st.none(), HASHABLE), inner, max_size=6),
            st.dictionaries(TEXT, inner, max_size=6),
            uniform.flatmap(lambda s: st.lists(st.one_of(s, s, st.none()), max_size=12)),
            uniform.flatmap(lambda s: st.lists(s, max_size=40)),
        )

    return st.recursive(leaves, extend, max_leaves=max_leaves)


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


REGISTERED = (Shade, Word, Part)
PARTS = st.builds(Part, st.integers(-(2**31), 2**31 - 1), TEXT)

# name -> (annotation, values)
BASIC: Dict[str, Tuple[Any, st.SearchStrategy]] = {
    n: (getattr(pyfory, n), edge_integers(*INT_RANGES[n])) for n in INT_RANGES
}
BASIC.update({
    "bool": (bool, st.booleans()), "int": (int, edge_integers(-(2**63), 2**63 - 1)), "float": (float, FLOATS),
    "str": (str, TEXT), "Float32": (pyfory.Float32, st.floats(width=32)), "Float64": (pyfory.Float64, FLOATS),
})
PLAIN: Dict[str, Tuple[Any, st.SearchStrategy]] = dict(BASIC)
PLAIN.update({
    "Float16": (pyfory.Float16, st.floats(width=16)), "BFloat16": (pyfory.BFloat16, BFLOATS), "bytes": (bytes, BINARY),
    "date": (datetime.date, DATES), "datetime": (datetime.datetime, UTC_ONLY), "timedelta": (datetime.timedelta, DURATIONS),
    "Decimal": (Decimal, DECIMALS), "Shade": (Shade, st.sampled_from(Shade)), "Word": (Word, st.sampled_from(Word)),
    "Part": (Part, PARTS),
})
UNHASHABLE = {"Part"}
ARRAY_FIELDS: Dict[str, Tuple[Any, st.SearchStrategy]] = {}
for _name in ARRAY_ELEMENTS:
    _element = bool if _name == "Bool" else getattr(pyfory, _name)
    ARRAY_FIELDS["Array" + _name] = (pyfory.Array[_element], arrays(_name))
for _name, _code in (("Int8", "b"), ("UInt16", "H"), ("Int32", "i"), ("Int64", "q"), ("UInt64", "Q"), ("Float32", "f"), ("Float64", "d")):
    ARRAY_FIELDS["PyArray" + _name] = (
        pyfory.PyArray[getattr(pyfory, _name)],
        st.lists(ARRAY_ELEMENTS[_name], max_size=8).map(lambda v, code=_code: array.array(code, v)),
    )


def dynamic_values() -> st.SearchStrategy:
    """What a bare or Any field may hold and gets back unchanged."""
    leaf = st.one_of(st.none(), st.booleans(), INT64, TEXT, FLOATS, BINARY, DATES, UTC_ONLY, DECIMALS, PARTS, st.sampled_from(Shade))
    return st.recursive(
        leaf, lambda s: st.one_of(st.lists(s, max_size=4), st.dictionaries(TEXT, s, max_size=4), st.sets(INT64, max_size=4)), max_leaves=8
    )


DYNAMIC: Dict[str, Tuple[Any, st.SearchStrategy]] = {
    "Any": (Any, dynamic_values()), "list": (list, st.lists(dynamic_values(), max_size=4)),
    "dict": (dict, st.dictionaries(TEXT, dynamic_values(), max_size=4)), "set": (set, st.sets(INT64, max_size=4)),
}


@st.composite
def kinds(draw: Any, depth: int = 2, hashable: bool = False) -> Tuple[Any, st.SearchStrategy]:
    """A field annotation and the strategy of its values."""
    names = [n for n in PLAIN if not hashable or n not in UNHASHABLE]
    shape = draw(st.sampled_from(["plain"] * 4 + ([] if hashable else ["array", "dynamic", "optional"] + ["list", "set", "dict", "tuple"] * (depth > 0))))
    if shape == "plain":
        return PLAIN[draw(st.sampled_from(names))]
    if shape == "array":
        return ARRAY_FIELDS[draw(st.sampled_from(sorted(ARRAY_FIELDS)))]
    if shape == "dynamic":
        return DYNAMIC[draw(st.sampled_from(sorted(DYNAMIC)))]
    if shape == "optional":
        annotation, strategy = draw(kinds(depth=depth - 1))
        return Optional[annotation], st.one_of(st.none(), strategy)
    if shape == "set":
        annotation, strategy = draw(kinds(depth=0, hashable=True))
        return Set[annotation], st.sets(strategy, max_size=4)
    if shape == "dict":
        key, keys = draw(kinds(depth=0, hashable=True))
        annotation, strategy = draw(kinds(depth=depth - 1))
        return Dict[key, annotation], st.dictionaries(keys, strategy, max_size=4)
    annotation, strategy = draw(kinds(depth=depth - 1))
    if shape == "tuple":
        return Tuple[annotation, ...], st.lists(strategy, max_size=4).map(tuple)
    return List[annotation], st.lists(strategy, max_size=5)


FIELD_NAMES = st.sampled_from(
    "a b c id name value first_name lastName URL x1 x_2 HTTPServer userID2 _private tail_ zz z_z count2Items "
    "a_rather_long_field_name_that_needs_an_escape \u00e9t\u00e9 \u540d\u524d Q Label".split()
)


@st.composite
def schemas(draw: Any, min_fields: int = 0, max_fields: int = 8) -> Tuple[type, Dict[str, st.SearchStrategy]]:
    """A dataclass and the strategies of its fields."""
    names = draw(st.lists(FIELD_NAMES, min_size=min_fields, max_size=max_fields, unique=True))
    tagged = draw(st.booleans())
    fields, strategies = [], {}
    for i, name in enumerate(names):
        annotation, strategy = draw(kinds())
        options: Dict[str, Any] = {}
        if tagged and draw(st.booleans()):
            options["id"] = i if i % 2 else 20 + i
        if draw(st.booleans()):
            options["ref"] = True
        options["nullable"] = "Optional" in str(annotation)[:17]
        fields.append((name, annotation, pyfory.field(**options)))
        strategies[name] = strategy
    make = pyfory.dataclass if draw(st.booleans()) else dataclass
    kwargs = {"slots": True} if make is pyfory.dataclass and draw(st.booleans()) else {}
    cls = type("Drawn", (), {"__annotations__": {n: a for n, a, _ in fields}, **{n: f for n, _, f in fields}})
    return make(**kwargs)(cls) if kwargs else make(cls), strategies


def fill(cls: type, strategies: Dict[str, st.SearchStrategy]) -> st.SearchStrategy:
    return st.builds(cls, **strategies)
