"""The evolution grid: what one schema of a class reads of another.

A schema is the text of a dataclass's fields; SCHEMAS names them. A case is a
value of one schema and what a reader with another schema makes of it: a
value, or the class of the error. Everything is text, so that the same case
can be put before other implementations: upstream's process builds the same
classes from the text, the Rust and Java peers have classes of the same names.

`CASES` is the whole grid, `MODES` says in which ways each case is run.
"""

from __future__ import annotations

import decimal
import os
import re
import struct
import sys
import threading
import types
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import pyfory
from peers.describe import describe

FOLDER = os.path.dirname(os.path.abspath(__file__))

#: Names that values may use, and the classes beside the evolving one. The same
#: text runs in upstream's process.
PRELUDE = '''
import array, dataclasses, datetime, enum, typing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List, Optional, Set, Tuple
import pyfory
from pyfory import BFloat16, FixedInt32, FixedInt64, FixedUInt32, FixedUInt64, Float16, Float32, Float64, Int8, Int16, Int32, Int64
from pyfory import TaggedInt64, TaggedUInt64, UInt8, UInt16, UInt32, UInt64, Array, NDArray, PyArray, Ref, field

inf, nan = float("inf"), float("nan")
UTC = datetime.timezone.utc
DAY = datetime.date(2021, 11, 23)
INSTANT = datetime.datetime(2021, 11, 23, 12, 34, 56, tzinfo=UTC)
SPAN = datetime.timedelta(days=1, seconds=2, microseconds=3)

class Shade(enum.Enum):
    Pale = 0
    Mild = 1
    Dark = 2

@dataclass
class Part:
    id: Int32 = 0
    name: str = ""

class Point:
    def __init__(self, x=0, y=0):
        self.x, self.y = x, y

    def __repr__(self):
        return "Point(%r, %r)" % (self.x, self.y)

class PointSerializer(pyfory.serializer.Serializer):
    def write(self, context, value):
        context.write_varint32(value.x)
        context.write_varint32(value.y)

    def read(self, context):
        return Point(context.read_varint32(), context.read_varint32())

class Choice(pyfory.union.Union):
    @classmethod
    def _from_case_id(cls, case_id, value):
        return cls(case_id, value)

    def __repr__(self):
        return "Choice(%r, %r)" % (self._case_id, self._value)

CASES = {1: str, 2: Int32, 5: List[Int32]}

@dataclass
class NonExistEnum:  # as a reader shows a member of an enum whose class it does not know
    value: int = 0

def register(fory, by_name, known, own=True):
    def how(name, number):
        return {"name": "peer." + name} if by_name else {"type_id": number}
    if own:
        fory.register(Value, **how("Value", 300))
    if "Shade" in known:
        fory.register(Shade, **how("Shade", 301))
    if "Part" in known:
        fory.register(Part, **how("Part", 302))
    if "Point" in known:
        fory.register(Point, serializer=PointSerializer(fory.type_resolver, Point), **how("Point", 303))
    if "Choice" in known:
        made = pyfory.union.UnionSerializer(fory.type_resolver, Choice, CASES)
        fory.register_union(Choice, serializer=made, **how("Choice", 304))
'''

#: Every name that `register` knows beside Value.
COMPANIONS = ("Shade", "Part", "Point", "Choice")

# ---- kinds of one field -----------------------------------------------------

#: name: (annotation, a value, what a reader's field of this kind holds when the writer has none)
KINDS: Dict[str, Tuple[str, str, str]] = {
    "Bool": ("bool", "True", "False"),
    "Half": ("Float16", "1.5", "0.0"), "Brain": ("BFloat16", "-2.5", "0.0"),
    "Single": ("Float32", "0.25", "0.0"), "Real": ("float", "1.1", "0.0"),
    "Text": ("str", "'h\\xe9'", "''"), "Binary": ("bytes", "b'a\\x00b'", "b''"),
    "Day": ("datetime.date", "DAY", "None"), "Instant": ("datetime.datetime", "INSTANT", "None"),
    "Span": ("datetime.timedelta", "SPAN", "None"), "Dec": ("Decimal", "Decimal('12.50')", "None"),
    "Colour": ("Shade", "Shade.Dark", "Shade.Pale"), "Inner": ("Part", "Part(5, 'p')", "None"),
    "Anything": ("Any", "[1, 'x', None]", "None"), "Bare": ("list", "[1, 'x']", "[]"), "BareMap": ("dict", "{'k': 1}", "{}"),
    "Ext": ("Point", "Point(3, -4)", "None"), "Either": ("Choice", "Choice(2, 7)", "None"),
}  # fmt: skip
INTEGERS = {
    "Int8": (-(2**7), 2**7 - 1), "Int16": (-(2**15), 2**15 - 1), "Int32": (-(2**31), 2**31 - 1), "Int64": (-(2**63), 2**63 - 1),
    "UInt8": (0, 2**8 - 1), "UInt16": (0, 2**16 - 1), "UInt32": (0, 2**32 - 1), "UInt64": (0, 2**64 - 1),
}  # fmt: skip
#: The encodings of one width.
ENCODINGS = {
    "Int32": ["Int32", "FixedInt32"], "Int64": ["Int64", "FixedInt64", "TaggedInt64"],
    "UInt32": ["UInt32", "FixedUInt32"], "UInt64": ["UInt64", "FixedUInt64", "TaggedUInt64"],
}  # fmt: skip
ALL_INTEGERS = [e for width in INTEGERS for e in ENCODINGS.get(width, [width])]
FLOATS = ["Half", "Brain", "Single", "Real"]
SCALARS = ["Bool"] + ALL_INTEGERS + FLOATS + ["Text", "Dec"]
for _name in ALL_INTEGERS:
    KINDS[_name] = (_name, "7", "0")

#: Dense arrays: element kind, carrier, marker.
DOMAINS = ["Bool"] + list(INTEGERS) + FLOATS
_MARKER = {"Bool": "bool", "Half": "Float16", "Brain": "BFloat16", "Single": "Float32", "Real": "Float64"}
_CARRIER = {"Half": "Float16", "Brain": "BFloat16", "Single": "Float32", "Real": "Float64"}
_ELEMENTS = {"Bool": "[True, False]", "Half": "[1.5, -2.0]", "Brain": "[1.5, -2.0]", "Single": "[0.25, inf]", "Real": "[1.1, -0.0]"}


def elements_of(domain: str) -> str:
    """A list of values of the element type."""
    return _ELEMENTS.get(domain, "[1, 0, %d]" % INTEGERS.get(domain, (0, 0))[1])


def carrier_of(domain: str) -> str:
    """The dense carrier's class, Int32Array and so on."""
    return "pyfory.%sArray" % _CARRIER.get(domain, domain)


for _name in DOMAINS:
    KINDS["Array" + _name] = ("Array[%s]" % _MARKER.get(_name, _name), "%s(%s)" % (carrier_of(_name), elements_of(_name)), "None")
for _name in SCALARS:
    KINDS["List" + _name] = (
        "List[%s]" % KINDS[_name][0],
        elements_of(_name.replace("Fixed", "").replace("Tagged", "")) if _name in ALL_INTEGERS or _name in DOMAINS else "[%s]" % KINDS[_name][1], "[]",
    )  # fmt: skip

KINDS.update({
    "ListBinary": ("List[bytes]", "[b'', b'ab']", "[]"), "ListDay": ("List[datetime.date]", "[DAY]", "[]"),
    "ListColour": ("List[Shade]", "[Shade.Mild, Shade.Pale]", "[]"), "ListInner": ("List[Part]", "[Part(1, 'a'), Part(2, 'b')]", "[]"),
    "ListAny": ("List[Any]", "[1, 'x', None, [2.5]]", "[]"), "ListExt": ("List[Point]", "[Point(1, 2)]", "[]"),
    "ListEither": ("List[Choice]", "[Choice(1, 'a'), Choice(2, 7)]", "[]"),
    "ListList": ("List[List[int]]", "[[1], [], [2, 3]]", "[]"), "ListListInt32": ("List[List[Int32]]", "[[1], []]", "[]"),
    "ListArrayInt32": ("List[Array[Int32]]", "[pyfory.Int32Array([1])]", "[]"),
    "ListOptInt": ("List[Optional[Int32]]", "[1, None, 3]", "[]"), "ListOptText": ("List[Optional[str]]", "['a', None]", "[]"),
    "ListOptInner": ("List[Optional[Part]]", "[None, Part(1, 'a')]", "[]"), "ListMap": ("List[Dict[str, int]]", "[{'a': 1}, {}]", "[]"),
    "SetInt": ("Set[Int32]", "{7}", "set()"), "SetText": ("Set[str]", "{'a'}", "set()"),
    "TupleInt32": ("Tuple[Int32, ...]", "(1, 2)", "None"), "TupleMixed": ("Tuple[Int32, str]", "(1, 'x')", "None"),
    "MapTextInt": ("Dict[str, Int32]", "{'a': 1, 'b': -2}", "{}"), "MapTextReal": ("Dict[str, float]", "{'a': 0.5}", "{}"),
    "MapIntText": ("Dict[int, str]", "{1: 'x'}", "{}"), "MapTextFixed": ("Dict[str, FixedInt32]", "{'a': 1}", "{}"),
    "MapTextAny": ("Dict[str, Any]", "{'a': 1, 'b': 'x'}", "{}"),
    "MapTextText": ("Dict[str, str]", "{'a': 'b'}", "{}"), "MapFixedTagged": ("Dict[FixedInt32, List[TaggedInt64]]", "{1: [2]}", "{}"),
    "MapInt8Int32": ("Dict[Int8, Int32]", "{1: 2}", "{}"), "MapOptInt": ("Dict[str, Optional[Int32]]", "{'a': None, 'b': 5}", "{}"),
    "MapMap": ("Dict[str, Dict[str, str]]", "{'a': {'b': 'c'}}", "{}"), "MapList": ("Dict[str, List[Int32]]", "{'a': [1, 2]}", "{}"),
    "MapInner": ("Dict[str, Part]", "{'a': Part(1, 'p')}", "{}"), "MapColour": ("Dict[Shade, int]", "{Shade.Dark: 1}", "{}"),
    "MapEither": ("Dict[str, Choice]", "{'a': Choice(2, 7), 'b': Choice(1, 'x')}", "{}"),
})  # fmt: skip

#: kind: annotation `Optional[...]` of another kind
OPTIONAL = {
    "OptInt8": "Int8", "OptInt32": "Int32", "OptInt64": "Int64", "OptUInt64": "UInt64", "OptBool": "Bool", "OptSingle": "Single",
    "OptReal": "Real", "OptText": "Text", "OptDay": "Day", "OptInstant": "Instant", "OptSpan": "Span", "OptDec": "Dec",
    "OptInner": "Inner", "OptColour": "Colour", "OptList": "ListInt32", "OptMap": "MapTextText",
}  # fmt: skip
for _name in list(KINDS):
    if _name not in OPTIONAL.values() and not _name.startswith(("Anything", "Tuple")):
        OPTIONAL["Opt" + _name] = _name
for _opt, _name in OPTIONAL.items():
    KINDS[_opt] = ("Optional[%s]" % KINDS[_name][0], KINDS[_name][1], "None")
WITHOUT_OPTIONAL = [k for k in KINDS if k not in OPTIONAL]

#: name: field lines
SCHEMAS: Dict[str, str] = {name: "v: %s" % annotation for name, (annotation, _, _) in KINDS.items()}


class Case(NamedTuple):
    topic: str
    writer: str
    reader: str
    value: str  # arguments of the writer's class
    expected: str  # arguments of the reader's class, or "!" and the class of the error
    known: Tuple[str, ...] = COMPANIONS  # what the reader has registered
    tracked: str = ""  # what is expected with references on, where that differs

    def __str__(self) -> str:
        return "%s: %s(%s) as %s" % (self.topic, self.writer, short(self.value), self.reader)


CASES: List[Case] = []
LOSSY, REFUSED = "!ForyInvalidDataError", "!TypeNotCompatibleError"
#: (registered by name, reference tracking)
MODES = [(True, False), (True, True), (False, False), (False, True)]


def short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def add(
    topic: str, writer: str, reader: str, value: str, expected: str, known: Sequence[str] = COMPANIONS, tracked: str = ""
) -> None:
    CASES.append(Case(topic, writer, reader, value, expected, tuple(known), tracked))


def schema(name: str, *lines: str) -> str:
    """Names a schema of several fields; the name is returned."""
    assert name not in SCHEMAS, name
    SCHEMAS[name] = "\n".join(lines)
    return name


# ---- scalars into scalars (14.4) ---------------------------------------------


def _widths(names: str) -> Iterator[str]:
    for name in names.split():
        yield from ENCODINGS.get(name, [name])


def holds(kind: str, value: Any) -> bool:
    """Whether a number can be written as this kind without changing it."""
    if kind in ALL_INTEGERS:
        low, high = INTEGERS[re.sub("Fixed|Tagged", "", kind)]
        return low <= value <= high
    if value != value or value in (float("inf"), float("-inf")):
        return True
    code = {"Half": "<e", "Brain": "<f", "Single": "<f", "Real": "<d"}[kind]
    try:
        packed = struct.pack(code, value)
    except OverflowError:
        return False
    return struct.unpack(code, packed)[0] == value and (kind != "Brain" or packed[:2] == b"\0\0")


def _load_scalars() -> None:
    space: Dict[str, Any] = {"inf": float("inf"), "nan": float("nan"), "Decimal": decimal.Decimal}
    with open(os.path.join(FOLDER, "grid_scalars.txt"), encoding="ascii") as f:
        blocks = re.split(r"\n(?=\S)", "".join(line for line in f if not line.startswith("#")).rstrip())
    for block in blocks:
        head, *lines = block.split("\n")
        group, text = head.split(" ", 1)
        value = eval(text, space)
        results: Dict[str, str] = {}
        for line in lines:
            result, kinds = line.strip().rsplit(": ", 1)
            results.update((k, result) for k in _widths(kinds))
        if group == "Int":
            sources = [k for k in ALL_INTEGERS if holds(k, value)]
        elif group == "Float":
            sources = [k for k in FLOATS if holds(k, value)]
        else:
            sources = [group]
        for source in sources:
            for target in SCALARS:
                # the format has no sign for a decimal zero
                own = "Decimal('0')" if text == "Decimal('-0')" else text
                add("scalars", source, target, text, own if source == target else results.get(target, LOSSY))


_load_scalars()

# ---- nullable and not --------------------------------------------------------

for _opt, _name in OPTIONAL.items():
    _value, _zero = KINDS[_name][1:]
    add("nullable", _name, _opt, _value, _value)
    add("nullable", _opt, _name, _value, _value)
    add("nullable", _opt, _name, "None", _zero)
    add("nullable", _opt, _opt, "None", "None")
    add("nullable", _opt, _opt, _value, _value)
for _writer, _reader, _value, _expected in [
    ("OptText", "OptInt64", "'12'", "12"), ("OptText", "OptInt64", "None", "None"), ("OptText", "Int64", "None", "0"),
    ("OptInt32", "Text", "None", "''"), ("OptInt32", "OptText", "-3", "'-3'"), ("Int32", "OptText", "-3", "'-3'"),
    ("OptInt8", "OptInt64", "None", "None"), ("OptInt8", "Int64", "-5", "-5"), ("Int8", "OptInt64", "-5", "-5"),
    ("OptInt64", "OptInt8", "300", LOSSY), ("OptInt64", "Int8", "300", LOSSY), ("OptReal", "OptDec", "0.5", "Decimal('0.5')"),
    ("OptDec", "Dec", "None", "None"), ("OptBool", "Int32", "True", "1"), ("OptBool", "Bool", "None", "False"),
    ("OptDec", "OptBool", "Decimal(1)", "True"), ("OptSingle", "OptReal", "None", "None"), ("OptReal", "OptSingle", "0.1", LOSSY),
]:  # fmt: skip
    add("nullable", _writer, _reader, _value, _expected)

# ---- fields added, removed, reordered -----------------------------------------

schema("Base", "a: Int32", "s: str")
schema("Nothing", "pass")
schema("Fixed", "@pyfory.dataclass(evolving=False)", "a: Int32", "s: str")
add("add", "Base", "Base", "1, 'x'", "1, 'x'")
add("remove", "Base", "Nothing", "1, 'x'", "")
add("add", "Nothing", "Base", "", "0, ''")
add("fixed", "Fixed", "Fixed", "1, 'x'", "1, 'x'")
add("fixed", "Base", "Fixed", "1, 'x'", "1, 'x'")
for _name, (_annotation, _value, _zero) in KINDS.items():
    schema("Plus" + _name, "a: Int32", "s: str", "n: %s" % _annotation)
    schema("Skip" + _name, "a: Int32", "v: %s" % _annotation, "z: str")
    add("add", "Base", "Plus" + _name, "1, 'x'", "1, 'x', %s" % _zero)
for _name, _line, _expected in [
    ("Default", "n: int = 7", "7"), ("DefaultText", "n: str = 'd'", "'d'"), ("DefaultNone", "n: Optional[int] = 5", "5"),
    ("DefaultEnum", "n: Shade = Shade.Dark", "Shade.Dark"), ("NoneEnum", "n: Shade = None", "Shade.Pale"),
    ("Factory", "n: List[int] = dataclasses.field(default_factory=lambda: [1, 2])", "[1, 2]"),
    ("FieldFactory", "n: dict = field(default_factory=lambda: {'k': 1})", "{'k': 1}"),
    ("FieldDefault", "n: Int8 = field(default=-3)", "-3"), ("FieldNullable", "n: int = field(nullable=True)", "None"),
    ("Ignored", "n: dict = field(ignore=True, default_factory=dict)", "{}"),
]:  # fmt: skip
    schema("Plus" + _name, "a: Int32", "s: str", _line)
    add("missing", "Base", "Plus" + _name, "1, 'x'", "1, 'x', " + _expected)
    # the default also replaces a None that the field cannot hold
schema("OptN", "a: Int32", "n: Optional[int]")
schema("OptListN", "a: Int32", "n: Optional[List[int]]")
add("missing", "OptN", "PlusDefault", "1, None", "1, '', 7")
add("missing", "OptN", "PlusDefault", "1, 3", "1, '', 3")
add("missing", "OptN", "PlusDefaultNone", "1, None", "1, '', None")
add("missing", "OptListN", "PlusFactory", "1, None", "1, '', [1, 2]")

schema("Ends", "a: Int32", "z: str")
#: Kinds that cannot be passed over without the class: only its serializer knows where the value ends.
NEEDED = ("Ext", "ListExt")
for _name in KINDS:
    add("skip", "Skip" + _name, "Ends", "1, %s, 'end'" % KINDS[_name][1], "1, 'end'")
    add("skip", "Skip" + _name, "Nothing", "1, %s, 'end'" % KINDS[_name][1], "")
    if _name.replace("Opt", "") in NEEDED:
        add("skip", "Skip" + _name, "Ends", "1, %s, 'end'" % KINDS[_name][1], "!TypeUnregisteredError", ())
    else:
        add("skip", "Skip" + _name, "Ends", "1, %s, 'end'" % KINDS[_name][1], "1, 'end'", ())
    if _name in OPTIONAL:
        add("skip", "Skip" + _name, "Ends", "1, None, 'end'", "1, 'end'")
schema("SkipAnyPart", "a: Int32", "v: Any", "z: str")
for _value in ("Part(1, 'x')", "[Part(1, 'x'), Part(2, 'y'), 3]", "{'k': Part(1, 'x')}", "{'k': [DAY, None, 2.5, Decimal('1.5')]}",
               "pyfory.Int16Array([1, 2])", "{1, 2}", "[[[]]]"):  # fmt: skip
    add("skip", "SkipAnyPart", "Ends", "1, %s, 'end'" % _value, "1, 'end'")
    add("skip", "SkipAnyPart", "Ends", "1, %s, 'end'" % _value, "1, 'end'", ())

# what a case of a union holds is skipped by its type id, which does not tell the elements of a list
add("skip", "SkipEither", "Ends", "1, Choice(1, 'x'), 'end'", "1, 'end'", ())
add("skip", "SkipEither", "Ends", "1, Choice(5, [1, 2]), 'end'", "!ForyInvalidDataError", ())

schema("Forward", "a: Int32", "s: str", "b: int", "f: float", "l: List[str]", "t: bool", "o: Optional[Int32]")
schema("Backward", "o: Optional[Int32]", "t: bool", "l: List[str]", "f: float", "b: int", "s: str", "a: Int32")
add("reorder", "Forward", "Backward", "1, 'x', 2, 0.5, ['y'], True, None", "None, True, ['y'], 0.5, 2, 'x', 1")
add("reorder", "Backward", "Forward", "4, True, ['y'], 0.5, 2, 'x', 1", "1, 'x', 2, 0.5, ['y'], True, 4")

# ---- names and tag ids ---------------------------------------------------------

schema("Tags", "a: Int32 = field(id=0, default=0)", "b: str = field(id=1, default='')", "c: Optional[str] = field(id=15, nullable=True, default=None)",
       "d: List[Int32] = field(id=100, default_factory=list)")  # fmt: skip
schema("TagsRenamed", "hundred: List[Int32] = field(id=100, default_factory=list)", "fifteen: Optional[str] = field(id=15, nullable=True, default=None)",
       "one: str = field(id=1, default='')", "zero: Int32 = field(id=0, default=0)")  # fmt: skip
schema("TagsOther", "a: Int32 = field(id=7, default=-1)", "b: str = field(id=1, default='')")
schema("TagsNamed", "a: Int32 = -1", "b: str = '?'")
schema("TagsSwapped", "b: Int32 = field(id=0, default=-1)", "a: str = field(id=1, default='?')")
schema("TagsWide", "a: Int64 = field(id=0, default=0)", "b: str = field(id=1, default='')")
add("rename", "Tags", "TagsRenamed", "1, 'x', 'y', [3]", "[3], 'y', 'x', 1")
add("rename", "TagsRenamed", "Tags", "[3], None, 'x', 1", "1, 'x', None, [3]")
add("rename", "Tags", "TagsOther", "1, 'x', 'y', [3]", "-1, 'x'")
add("rename", "Tags", "TagsNamed", "1, 'x', 'y', [3]", "-1, '?'")
add("rename", "TagsNamed", "Tags", "1, 'x'", "1, 'x', None, []")
add("rename", "Tags", "TagsSwapped", "1, 'x', 'y', [3]", "1, 'x'")
add("rename", "Tags", "TagsWide", "1, 'x', 'y', [3]", "1, 'x'")
schema("Snake", "first_name: str = '?'", "last_http_code: Int32 = -1", "x: Int32 = 0")
schema("Camel", "firstName: str = '?'", "lastHttpCode: Int32 = -1", "x: Int32 = 0")
schema("Capital", "FirstName: str = '?'", "lastHTTPCode: Int32 = -1", "X: Int32 = 0")
for _writer in ("Snake", "Camel", "Capital"):
    for _reader in ("Snake", "Camel", "Capital"):
        add("rename", _writer, _reader, "'f', 404, 3", "'f', 404, 3")
schema("Hidden", "_private: Int32 = -1", "été: str = '?'")
add("rename", "Hidden", "Hidden", "1, 'x'", "1, 'x'")

# ---- lists and arrays, binary and array<uint8> ---------------------------------

for _domain in DOMAINS:
    _array = "Array" + _domain
    for _list in ENCODINGS.get(_domain, [_domain]):
        _list = "List" + _list
        add("dense", _list, _array, elements_of(_domain), "%s(%s)" % (carrier_of(_domain), elements_of(_domain)))
        add("dense", _list, _array, "[]", carrier_of(_domain) + "([])")
        add("dense", _array, _list, elements_of(_domain), elements_of(_domain))
        add("dense", _array, _list, "[]", "[]")
    for _other in DOMAINS:
        if _other != _domain:
            add("dense", "List" + _domain, "Array" + _other, elements_of(_domain), REFUSED)
            add("dense", _array, "List" + _other, elements_of(_domain), REFUSED)
            add("dense", _array, "Array" + _other, elements_of(_domain), REFUSED)
schema("ArrayPython", "v: PyArray[Int32]")
for _writer, _reader, _value, _expected in [
    ("ListOptInt", "ArrayInt32", "[1, 2]", "pyfory.Int32Array([1, 2])"), ("ListOptInt", "ArrayInt32", "[1, None]", REFUSED),
    ("ListInt32", "ArrayInt32", "[1, None]", REFUSED), ("ArrayInt32", "ListOptInt", "[1, 2]", "[1, 2]"),
    ("OptList", "ArrayInt32", "[1]", REFUSED), ("ListInt32", "OptArrayInt32", "[1]", REFUSED), ("ArrayInt32", "OptList", "[1]", REFUSED),
    ("OptArrayInt32", "ListInt32", "[1]", REFUSED), ("ListText", "ArrayInt8", "['a']", REFUSED), ("SetInt", "ArrayInt32", "{1}", REFUSED),
    ("ListListInt32", "ListArrayInt32", "[[1]]", REFUSED), ("ListArrayInt32", "ListListInt32", "[[1]]", REFUSED),
    ("TupleInt32", "ArrayInt32", "(1, 2)", "pyfory.Int32Array([1, 2])"), ("ArrayInt32", "TupleInt32", "[1, 2]", "(1, 2)"),
    ("ArrayInt32", "ListAny", "[1]", REFUSED), ("ListAny", "ArrayInt32", "[1]", REFUSED),
    ("ArrayInt32", "ArrayPython", "[1, 2]", "array.array('i', [1, 2])"), ("ArrayPython", "ArrayInt32", "array.array('i', [1])", "pyfory.Int32Array([1])"),
    ("ListInt32", "ArrayPython", "[1, 2]", "array.array('i', [1, 2])"), ("ArrayPython", "ListInt32", "array.array('i', [1])", "[1]"),
    # binary
    ("Binary", "ArrayUInt8", "b'a\\xff'", "pyfory.UInt8Array([97, 255])"), ("ArrayUInt8", "Binary", "[1, 255]", "b'\\x01\\xff'"),
    ("OptBinary", "ArrayUInt8", "b'a'", "pyfory.UInt8Array([97])"), ("OptBinary", "ArrayUInt8", "None", "None"),
    ("Binary", "OptArrayUInt8", "b'a'", "pyfory.UInt8Array([97])"), ("OptArrayUInt8", "Binary", "None", "b''"),
    ("OptArrayUInt8", "OptBinary", "[5]", "b'\\x05'"), ("Binary", "ArrayInt8", "b'a'", REFUSED), ("ArrayInt8", "Binary", "[1]", REFUSED),
    ("Binary", "ListUInt8", "b'a'", REFUSED), ("ListUInt8", "Binary", "[1]", REFUSED), ("Binary", "Text", "b'a'", REFUSED),
    ("Text", "Binary", "'a'", REFUSED), ("ListBinary", "ListArrayInt32", "[b'a']", REFUSED),
]:  # fmt: skip
    add("dense", _writer, _reader, _value, _expected)

# ---- containers ----------------------------------------------------------------

for _writer, _reader, _value, _expected in [
    ("ListInt32", "ListInt64", "[1]", REFUSED), ("ListInt32", "ListFixedInt32", "[1]", REFUSED), ("ListInt64", "ListTaggedInt64", "[1]", REFUSED),
    ("ListInt32", "ListInt64", "[]", REFUSED), ("ListInt32", "ListUInt32", "[1]", REFUSED), ("ListInt32", "ListText", "[1]", REFUSED),
    ("ListSingle", "ListReal", "[0.5]", REFUSED), ("ListBool", "ListInt8", "[True]", REFUSED), ("ListText", "ListBinary", "['a']", REFUSED),
    ("ListInt32", "ListAny", "[1]", REFUSED), ("ListAny", "ListInt32", "[1]", REFUSED), ("ListList", "ListListInt32", "[[1]]", REFUSED),
    ("ListInt32", "ListOptInt", "[1]", "[1]"), ("ListOptInt", "ListInt32", "[1]", "[1]"), ("ListOptInt", "ListInt32", "[1, None]", "[1, None]"),
    ("ListInner", "ListOptInner", "[Part(1, 'a')]", "[Part(1, 'a')]"), ("ListOptInner", "ListInner", "[None]", "[None]"),
    ("ListInt32", "SetInt", "[1]", REFUSED), ("SetInt", "ListInt32", "{1}", REFUSED), ("ListInt32", "TupleInt32", "[1, 2]", "(1, 2)"),
    ("TupleInt32", "ListInt32", "(1, 2)", "[1, 2]"), ("ListInt32", "MapTextInt", "[1]", REFUSED), ("MapTextInt", "ListInt32", "{'a': 1}", REFUSED),
    ("MapTextInt", "MapTextFixed", "{'a': 1}", REFUSED), ("MapTextInt", "MapOptInt", "{'a': 1}", "{'a': 1}"),
    ("MapOptInt", "MapTextInt", "{'a': None}", "{'a': None}"), ("MapTextInt", "MapTextReal", "{'a': 1}", REFUSED),
    ("MapInt8Int32", "MapIntText", "{1: 2}", REFUSED), ("MapTextInt", "MapTextAny", "{'a': 1}", REFUSED), ("MapTextAny", "MapTextInt", "{'a': 1}", REFUSED),
    ("MapList", "MapMap", "{'a': [1]}", REFUSED), ("ListInner", "ListColour", "[Part(1, 'a')]", REFUSED), ("ListColour", "ListInt32", "[Shade.Mild]", REFUSED),
    ("ListInner", "ListInt32", "[Part(1, 'a')]", REFUSED), ("MapInner", "MapTextInt", "{'a': Part(1, 'p')}", REFUSED),
    ("ListMap", "ListList", "[{'a': 1}]", REFUSED), ("SetInt", "SetText", "{1}", REFUSED),
]:  # fmt: skip
    add("containers", _writer, _reader, _value, _expected)

# ---- kinds that have nothing in common; Any --------------------------------------

for _reader in ("Anything", "Bare"):
    add("any", "ListEither", _reader, KINDS["ListEither"][1], "[pyfory.union.Union(1, 'a'), pyfory.union.Union(2, 7)]")
add("any", "ListColour", "Bare", "[Shade.Mild]", "[NonExistEnum(1)]")
add("any", "ListInner", "Anything", "[Part(1, 'a')]", "[Part(1, 'a')]")
add("any", "OptInner", "Anything", "None", "None")
_STRANGERS = ["Int32", "Text", "Binary", "Day", "Instant", "Span", "Colour", "Inner", "Ext", "Either", "ListInt32", "SetInt", "MapTextInt", "ArrayInt32"]
_RELATED = {("Int32", "Text"), ("Text", "Int32"), ("ListInt32", "ArrayInt32"), ("ArrayInt32", "ListInt32")}
for _writer in _STRANGERS:
    for _reader in _STRANGERS:
        if _writer != _reader and (_writer, _reader) not in _RELATED:
            add("strangers", _writer, _reader, KINDS[_writer][1], REFUSED)
    # the class of an enum or a union is not in the schema of its writer
    _expected = {"Either": "pyfory.union.Union(2, 7)", "Colour": "NonExistEnum(2)"}.get(_writer, KINDS[_writer][1])
    add("any", _writer, "Anything", KINDS[_writer][1], _expected)
for _reader, _value, _expected in [
    ("Int64", "5", "5"), ("Int64", "True", "0"), ("Int64", "'x'", "0"), ("Int64", "None", "0"), ("Int8", "500", "0"), ("Int8", "-128", "-128"),
    ("UInt8", "-1", "0"), ("Bool", "1", "False"), ("Bool", "True", "True"), ("Text", "5", "''"), ("Text", "'x'", "'x'"), ("Real", "5", "0.0"),
    ("Real", "5.0", "5.0"), ("OptInt64", "'x'", "None"), ("OptInt64", "None", "None"), ("ListInt64", "[1]", "[1]"), ("ListInt64", "['a']", "[]"),
    ("ListInt64", "[]", "[]"), ("ListOptInt", "[1, None]", "[1, None]"), ("SetInt", "[1]", "{1}"), ("ListInt64", "{1}", "[1]"), ("TupleInt32", "[1]", "(1,)"),
    ("MapIntText", "{1: 'x'}", "{1: 'x'}"), ("MapIntText", "{'x': 1}", "{}"), ("Binary", "b'a'", "b'a'"), ("Binary", "'a'", "b''"),
    ("Anything", "'x'", "'x'"), ("Bare", "[1, 'x']", "[1, 'x']"), ("Inner", "Part(1, 'x')", "Part(1, 'x')"), ("Colour", "Shade.Dark", "Shade.Dark"),
    ("ListInner", "[Part(1, 'x')]", "[Part(1, 'x')]"), ("Day", "DAY", "DAY"), ("Dec", "Decimal('1.5')", "Decimal('1.5')"),
]:  # fmt: skip
    add("any", "Anything", _reader, _value, _expected)

# ---- references -------------------------------------------------------------------

schema("RefInt", "v: int = field(ref=True)")
schema("RefInt32", "v: Int32 = field(ref=True)")
schema("RefDay", "v: datetime.date = field(ref=True)")
schema("RefBinary", "v: bytes = field(ref=True)")
schema("RefList", "v: List[int] = field(ref=True)")
schema("RefInner", "v: Part = field(ref=True)")
schema("RefArray", "v: Array[Int32] = field(ref=True)")
schema("RefAny", "v: Any = field(ref=True)")
schema("Twice", "a: List[int] = field(ref=True)", "b: List[int] = field(ref=True)", "z: Int32")
schema("TwiceFirst", "a: List[int] = field(ref=True)", "z: Int32")
schema("TwiceSecond", "b: List[int] = field(ref=True)", "z: Int32")
schema("TwiceParts", "a: Part = field(ref=True)", "b: List[Ref[Part]]", "z: Int32")
schema("TwicePartsSecond", "b: List[Ref[Part]]", "z: Int32")
schema("Chain", "name: str", "next: Optional['Value'] = field(ref=True, nullable=True, default=None)", "extra: Int32 = 0")
schema("ChainPlain", "next: Optional['Value'] = field(ref=True, nullable=True, default=None)", "name: str = ''")
for _name, _value in [("Day", "DAY"), ("Binary", "b'ab'"), ("List", "[1, 2]"), ("Inner", "Part(1, 'x')"), ("Any", "[1]")]:
    _plain = {"List": "ListInt64", "Any": "Anything"}.get(_name, _name)
    add("references", "Ref" + _name, _plain, _value, _value)
    add("references", _plain, "Ref" + _name, _value, _value)
    add("references", "Ref" + _name, "Ref" + _name, _value, _value)
add("references", "RefInt", "RefInt", "5", "5")
# scalars are converted, and lists become arrays, only where neither side tracks
for _writer, _reader, _value, _expected in [
    ("RefInt", "Int64", "5", "5"), ("Int64", "RefInt", "5", "5"), ("RefInt", "RefInt32", "5", "5"), ("RefInt", "Text", "5", "'5'"),
    ("RefInt32", "Int64", "5", "5"), ("RefArray", "ListInt32", "[1]", "[1]"), ("ListInt32", "RefArray", "[1]", "pyfory.Int32Array([1])"),
]:  # fmt: skip
    add("references", _writer, _reader, _value, _expected, tracked=REFUSED)
add("references", "RefArray", "ArrayInt32", "[1]", "pyfory.Int32Array([1])")
add("references", "RefInt", "Anything", "5", "5")
add("references", "Twice", "TwiceFirst", "*[[1, 2]] * 2, 5", "[1, 2], 5")
add("references", "Twice", "TwiceSecond", "*[[1, 2]] * 2, 5", "[1, 2], 5")
add("references", "TwiceParts", "TwicePartsSecond", "*(lambda p: (p, [p, p]))(Part(1, 'x')), 5", "(lambda p: [p, p])(Part(1, 'x')), 5")
add("references", "Chain", "ChainPlain", "'a', Value('b')", "Value(None, 'b'), 'a'")


# ---- running it ----------------------------------------------------------------------

_modules: Dict[str, types.ModuleType] = {}
_lock = threading.Lock()


def source_of(name: str) -> str:
    """Module text with the classes; the evolving one is called Value."""
    lines = SCHEMAS[name].split("\n")
    decorator = lines.pop(0) if lines[0].startswith("@") else "@dataclass"
    return PRELUDE + "\n%s\nclass Value:\n%s" % (decorator, "".join("    %s\n" % line for line in lines))


def module_of(name: str) -> types.ModuleType:
    with _lock:
        if name not in _modules:
            module = types.ModuleType("grid_%s" % name)
            sys.modules[module.__name__] = module
            exec(compile(source_of(name), module.__name__, "exec", dont_inherit=True), module.__dict__)
            _modules[name] = module
        return _modules[name]


def evaluate(name: str, arguments: str) -> Any:
    """Value(arguments) with the schema's class."""
    return eval("Value(%s)" % arguments, module_of(name).__dict__)


def instance(name: str, by_name: bool, ref: bool, known: Sequence[str] = COMPANIONS, **options: Any) -> "pyfory.Fory":
    options.setdefault("max_schema_versions_per_type", 10**6)
    fory = pyfory.Fory(ref=ref, **options)
    module_of(name).register(fory, by_name, known)
    return fory


def expectation(case: Case, ref: bool) -> str:
    """The expected result as text; without references nothing is shared."""
    text = case.tracked if ref and case.tracked else case.expected
    return text if text.startswith("!") else describe(evaluate(case.reader, text), ref)


def outcome(fory: "pyfory.Fory", data: bytes, ref: bool) -> str:
    """What a reader makes of a payload, as text."""
    try:
        return describe(fory.deserialize(data), ref)
    except Exception as error:
        return "!%s: %s" % (type(error).__name__, error)


def agrees(expected: str, got: str) -> bool:
    """Whether two outcomes are the same value, or errors of the same class."""
    if expected.startswith("!"):
        return got.split(":")[0] == expected
    return got == expected


def topics() -> List[str]:
    return list(dict.fromkeys(case.topic for case in CASES))


def select(topic: Optional[str] = None) -> List[Case]:
    return [case for case in CASES if topic is None or case.topic == topic]
