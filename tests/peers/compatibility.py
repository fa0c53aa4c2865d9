"""What can be exchanged with the other implementations, feature by feature.

    python -m peers.compatibility            # compare docs/compatibility.md with a run
    python -m peers.compatibility --write    # write it

(in the folder tests, with the variables of setup.sh). Every row is tried in
all its modes, both ways, with the peers running. A cell that is not a plain
`yes` has its reason in REASONS; a reason without such a cell is an error.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import sys
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import grid
from peers import differences, echo, peer
from peers.describe import describe

DOCUMENT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "compatibility.md")
PEERS = ("upstream", "rust", "java")
TITLES = {"upstream": "pyfory 1.7.7", "rust": "Rust fory 1.7.7", "java": "Java fory-core 1.5.0"}

#: (compatible, registered by name, references)
Mode = Tuple[bool, bool, bool]
EVERY: List[Mode] = [(c, n, r) for c in (True, False) for n in (True, False) for r in (False, True)]
NO_REF = [mode for mode in EVERY if not mode[2]]
WITH_REF = [mode for mode in EVERY if mode[2]]
#: nothing is registered: only references matter
ROOT = [(True, True, False), (True, True, True)]


class Feature(NamedTuple):
    group: str
    name: str
    schema: Optional[str]  # of grid.SCHEMAS; None: a value at the root
    values: Sequence[str]  # arguments of the class, or expressions
    modes: Sequence[Mode]
    results: Sequence[str] = ()  # where the reader gets something else than was written
    kinds: Dict[str, str] = {}  # what the echoing peers call the class or type


FEATURES: List[Feature] = []


def at_root(group: str, name: str, *values: str, results: Sequence[str] = (), rust: str = "", modes: Sequence[Mode] = ROOT) -> None:
    FEATURES.append(Feature(group, name, None, values, modes, results, {"java": "root", "rust": rust}))


def in_class(group: str, name: str, schema: str, *values: str, modes: Sequence[Mode] = EVERY, results: Sequence[str] = ()) -> None:
    FEATURES.append(Feature(group, name, schema, values, modes, results, {"java": schema, "rust": schema}))


# ---- the rows --------------------------------------------------------------------

_ = "Values"
at_root(_, "None", "None")
at_root(_, "bool", "True", "False", rust="root bool")
at_root(_, "int, 64 bits", "0", "-1", "2**31", "2**63 - 1", "-2**63", rust="root int")
at_root(_, "float", "1.1", "-0.0", "inf", "nan", "5e-324", rust="root float")
at_root(_, "str: ASCII, Latin-1, BMP, astral", "''", "'a' * 40", "'caf\\xe9'", "'\\u4f60'", "'a\\U0001f600b'", rust="root text")
at_root(_, "bytes", "b''", "bytes(range(256))", rust="root bytes")
at_root(_, "date", "DAY", "datetime.date(1, 1, 1)", "datetime.date(9999, 12, 31)", rust="root date")
at_root(_, "datetime", "INSTANT", "INSTANT.replace(year=1900, microsecond=5)", rust="root datetime")
at_root(_, "datetime, year 2262 and later with microseconds", "datetime.datetime(2262, 4, 12, 1, 2, 3, 999999, UTC)",
        "datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)", rust="root datetime")  # fmt: skip
at_root(_, "timedelta", "SPAN", "-SPAN", rust="root timedelta")
at_root(_, "timedelta.min and max", "datetime.timedelta.min", "datetime.timedelta.max", rust="root timedelta")
at_root(_, "Decimal", "Decimal('1.50')", "Decimal('-12345678901234567890.5')", "Decimal('1E+5')", rust="root decimal")

_ = "Collections"
at_root(_, "list of one type", "['a', 'b']", rust="root list of text")
at_root(_, "list with None", "['a', None]", rust="root list of optional text")
at_root(_, "list of None", "[None]")
at_root(_, "list of several types", "[1, 'a', 2.5, True, DAY, b'x']")
at_root(_, "nested lists", "[['a'], [], ['b', 'c']]", rust="root list of lists")
at_root(_, "50 nested lists", "__import__('functools').reduce(lambda v, _: [v], range(50), 1)")
at_root(_, "tuple, arrives as list", "(1, 2)", results=["[1, 2]"])
at_root(_, "set of str", "{'a'}", "set()", rust="root set of text")
at_root(_, "set of several types", "{1, 'a'}")
at_root(_, "dict", "{'a': 1, 'b': 2}", "{}", rust="root dict text int")
at_root(_, "dict with None as a value", "{'a': 1, 'b': None}", rust="root dict optional")
at_root(_, "dict with None as the key", "{None: 1, 'a': 2}")
at_root(_, "dict of None to None", "{None: None}")
at_root(_, "dict of several types", "{'a': 1, 2: 'b', 'c': [DAY]}")
at_root(_, "dict of 300 entries", "{i: 'x' for i in range(300)}", rust="root dict int text")
at_root(_, "dicts in dicts", "{'a': {'b': 1}, 'c': {}}", rust="root dict of dicts")

_ = "Dense arrays"
_RUST = {"Int8": "root int8 array", "Int32": "root int array", "Int64": "root int64 array", "Single": "root single array", "Real": "root float array", "Bool": "root bool array", "UInt64": "root unsigned array", "Half": "root half array"}
for _domain in grid.DOMAINS:
    in_class(_, "field `Array[%s]`" % grid._MARKER.get(_domain, _domain), "Array" + _domain, "%s(%s)" % (grid.carrier_of(_domain), grid.elements_of(_domain)),
             modes=NO_REF)  # fmt: skip
for _domain in ("Bool", "Int8", "Int32", "Int64", "UInt8", "UInt64", "Half", "Single", "Real"):
    at_root(_, "root %s" % grid.carrier_of(_domain)[7:], "%s(%s)" % (grid.carrier_of(_domain), grid.elements_of(_domain)), rust=_RUST.get(_domain, ""))
at_root(_, "array.array", "array.array('i', [1, -2])", results=["pyfory.Int32Array([1, -2])"], rust="root int array")
at_root(_, "list of array.array", "[array.array('i', [1]), array.array('i', [2])]", results=["[pyfory.Int32Array([1]), pyfory.Int32Array([2])]"])
at_root(_, "list of arrays", "[pyfory.Int32Array([1]), pyfory.Int32Array([2])]")
in_class(_, "field `PyArray[Int32]`", "ArrayPython", "array.array('i', [1, 2])", modes=NO_REF)

_ = "Fields of a class"
for _kind in grid.SCALARS + ["Binary", "Day", "Instant", "Span", "Colour"]:
    in_class(_, "`%s`" % grid.KINDS[_kind][0], _kind, grid.KINDS[_kind][1])
for _kind in ("OptInt32", "OptText", "OptBool", "OptReal", "OptDay", "OptDec", "OptInner", "OptColour", "OptList", "OptMap"):
    in_class(_, "`%s`" % grid.KINDS[_kind][0], _kind, "None", grid.KINDS[_kind][1])
for _kind in ("ListBool", "ListInt32", "ListReal", "ListText", "ListColour", "ListOptInt", "SetInt", "MapTextInt", "MapInt8Int32", "MapOptInt"):
    in_class(_, "`%s`" % grid.KINDS[_kind][0], _kind, grid.KINDS[_kind][1])
for _kind in ("ListBinary", "ListDay", "ListList", "MapList", "MapMap"):
    in_class(_, "`%s`" % grid.KINDS[_kind][0], _kind, grid.KINDS[_kind][1], modes=NO_REF)
    in_class(_, "`%s`, references on" % grid.KINDS[_kind][0], _kind, grid.KINDS[_kind][1], modes=WITH_REF)
in_class(_, "`Tuple[Int32, ...]`", "TupleInt32", "(1, 2)")
in_class(_, "`Any`", "Anything", "5", "'x'", "[1, 'x']", "Part(1, 'p')", "{'k': DAY}")
in_class(_, "`Any` holding None", "Anything", "None")
in_class(_, "another class, registered by id", "Inner", "Part(1, 'p')", modes=[m for m in EVERY if not m[1]])
in_class(_, "another class, by name, compatible", "Inner", "Part(1, 'p')", modes=[m for m in EVERY if m[1] and m[0]])
in_class(_, "another class, by name, consistent", "Inner", "Part(1, 'p')", modes=[m for m in EVERY if m[1] and not m[0]])
in_class(_, "`List` of a class, references off", "ListInner", "[Part(1, 'a'), Part(2, 'b')]", modes=NO_REF)
in_class(_, "`List` of a class, references on", "ListInner", "[Part(1, 'a'), Part(2, 'b')]", modes=WITH_REF)
in_class(_, "`Dict` of a class, references off", "MapInner", "{'a': Part(1, 'a')}", modes=NO_REF)

_ = "Classes"
at_root(_, "dataclass", "Part(1, 'x')", modes=EVERY, rust="root part")
at_root(_, "list of dataclasses", "[Part(1, 'x'), None, Part(2, 'y')]", modes=EVERY, rust="root list of optional parts")
at_root(_, "dict of dataclasses", "{'a': Part(1, 'x'), 'b': Part(2, 'y')}", modes=EVERY, rust="root dict of parts")
at_root(_, "enum", "Shade.Dark", modes=EVERY, rust="root shade")
in_class(_, "seven fields, in the order of the format", "Forward", "1, 'x', 2, 0.5, ['y'], True, None")
in_class(_, "fields with tag ids", "Tags", "1, 'x', None, [3]")
in_class(_, "no fields, compatible", "Nothing", "", modes=[m for m in EVERY if m[0]])
in_class(_, "no fields, consistent", "Nothing", "", modes=[m for m in EVERY if not m[0]])
in_class(_, "camelCase field names", "Camel", "'f', 404, 3", modes=[m for m in EVERY if m[0]])
in_class(_, "field names with a leading capital", "Capital", "'f', 404, 3", modes=[m for m in EVERY if m[0]])
in_class(_, "field names beyond ASCII", "Hidden", "1, 'x'", modes=[m for m in EVERY if m[0]])
in_class(_, "`@pyfory.dataclass(evolving=False)`, by id", "Fixed", "1, 'x'", modes=[m for m in NO_REF if not m[1]])
in_class(_, "`@pyfory.dataclass(evolving=False)`, by name", "Fixed", "1, 'x'", modes=[m for m in NO_REF if m[1]])

_ = "Unions and extensions"
in_class(_, "union field, registered by id", "Either", "Choice(1, 'a')", "Choice(2, 7)", "Choice(5, [1, 2])", modes=[m for m in EVERY if not m[1]])
in_class(_, "union field, registered by name", "Either", "Choice(1, 'a')", "Choice(2, 7)", "Choice(5, [1, 2])", modes=[m for m in EVERY if m[1]])
in_class(_, "`List` of unions, references off", "ListEither", "[Choice(1, 'a'), Choice(2, 7)]", modes=NO_REF)
in_class(_, "`Dict` of unions, references off", "MapEither", "{'a': Choice(2, 7)}", modes=NO_REF)
at_root(_, "union at the root, by id", "Choice(1, 'a')", "Choice(2, 7)", "Choice(5, [1])", rust="root choice", modes=[m for m in EVERY if not m[1]])
for _mode, _word in ((True, "compatible"), (False, "consistent")):
    at_root(_, "union at the root, by name, " + _word, "Choice(1, 'a')", "Choice(2, 7)", "Choice(5, [1])", rust="root choice",
            modes=[m for m in EVERY if m[1] and m[0] == _mode])  # fmt: skip
in_class(_, "custom serializer, field, by id", "Ext", "Point(3, -4)", modes=[m for m in EVERY if not m[1]])
in_class(_, "custom serializer, field, by name, compatible", "Ext", "Point(3, -4)", modes=[m for m in EVERY if m[1] and m[0]])
in_class(_, "custom serializer, field, by name, consistent", "Ext", "Point(3, -4)", modes=[m for m in EVERY if m[1] and not m[0]])
at_root(_, "custom serializer at the root, by id", "Point(3, -4)", rust="root point", modes=[m for m in EVERY if not m[1]])
for _mode, _word in ((True, "compatible"), (False, "consistent")):
    at_root(_, "custom serializer at the root, by name, " + _word, "Point(3, -4)", rust="root point", modes=[m for m in EVERY if m[1] and m[0] == _mode])

_ = "References"
_REF_ROOT = [(True, True, True)]
at_root(_, "one list twice", "(lambda x: [x, x, 1])([1])", modes=_REF_ROOT)
at_root(_, "one object twice", "(lambda p: [p, p, 'z'])(Part(1, 'x'))", modes=WITH_REF)
at_root(_, "list that holds itself", "(lambda l: (l.append(l), l)[1])([1])", modes=_REF_ROOT)
at_root(_, "dict that holds itself", "(lambda d: (d.update(me=d), d)[1])({})", modes=_REF_ROOT)
in_class(_, "`field(ref=True)`, one list in two fields", "Twice", "*[[1, 2]] * 2, 5", modes=WITH_REF)
in_class(_, "`field(ref=True)` and `List[Ref[T]]`, one object", "TwiceParts", "*(lambda p: (p, [p, p]))(Part(1, 'x')), 5", modes=WITH_REF)
in_class(_, "`field(ref=True)`, cycle of two objects", "Chain", "*(lambda a, b: (setattr(b, 'next', a), setattr(a, 'next', b), ('c', a))[2])(Value('a'), Value('b'))",
         modes=WITH_REF)  # fmt: skip


# ---- why a cell is no plain yes ------------------------------------------------------

REASONS: Dict[Tuple[str, str, str], str] = {}


def because(peer_name: str, group: str, reason: str, *names: str) -> None:
    for name in names:
        assert (peer_name, group, name) not in REASONS
        REASONS[peer_name, group, name] = reason


_ = "upstream"
because(_, "Values", "upstream computes with floats here: a microsecond is lost, or it raises (decision 26)",
        "datetime, year 2262 and later with microseconds", "timedelta.min and max")
because(_, "Collections", "upstream counts each list twice when references are off (decision 8)", "50 nested lists")
because(_, "Dense arrays", "upstream repeats the element type, which nobody can read (decision 28)", "list of array.array")
because(_, "Fields of a class", "upstream expects the type of the object before it, Rust and Java do not (decision 23); its own form is read",
        "another class, by name, consistent", "`Optional[Part]`")
because(_, "References", "registered by name, consistent: as for fields of another class (decision 23)",
        "`field(ref=True)` and `List[Ref[T]]`, one object", "`field(ref=True)`, cycle of two objects")
because(_, "Classes", "another hash of the empty schema; ours is that of Rust and Java (decision 22)", "no fields, consistent")
because(_, "Classes", "upstream refuses such names (decision 24)", "field names with a leading capital", "field names beyond ASCII")
because(_, "Classes", "upstream writes no hash in compatible mode and yet expects one", "`@pyfory.dataclass(evolving=False)`, by id")
because(_, "Unions and extensions", "upstream does not call the serializer of a class registered by name in compatible mode (decision 29)",
        "union at the root, by name, compatible", "custom serializer, field, by name, compatible", "custom serializer at the root, by name, compatible")
because(_, "Schema evolution", "upstream cannot convert or skip unions, and does not call named serializers (decision 29)", "nullable", "skip", "any")
because(_, "Schema evolution", "upstream compares names as they are (decision 24)", "rename")
because(_, "Schema evolution", "an evolving schema is refused by a class that is not, though it says all that is needed", "fixed")
because(_, "Schema evolution", "a Tuple field holds a tuple here, a list upstream", "dense")

_ = "rust"
_ONE_TYPE = "a Rust program names the type of a root value: it has none for this"
because(_, "Values", _ONE_TYPE, "None")
because(_, "Collections", _ONE_TYPE, "list of None", "list of several types", "50 nested lists", "tuple, arrives as list", "set of several types",
        "dict with None as the key", "dict of None to None", "dict of several types")
_FLAGS = "with references on the elements are flagged, and Rust ignores the flag in the header; `Ref[T, False]` turns it off (decision 25)"
because(_, "Collections", _FLAGS, "nested lists")
because(_, "Fields of a class", _FLAGS, "`List[bytes]`, references on", "`List[datetime.date]`, references on", "`List[List[int]]`, references on",
        "`List` of a class, references on")
because(_, "Dense arrays", "bytes at the root are `Vec<u8>` in Rust", "root UInt8Array")
because(_, "Dense arrays", "a carrier of Python only", "field `PyArray[Int32]`", "list of array.array")
because(_, "Dense arrays", _ONE_TYPE, "list of arrays")
because(_, "Fields of a class", "Rust has no tuple of any length", "`Tuple[Int32, ...]`")
because(_, "Fields of a class", "`Box<dyn Any>` can be neither compared nor printed; recorded payloads cover it (tests/golden)", "`Any`", "`Any` holding None")
because(_, "Classes", "the derive macro takes snake_case names only", "camelCase field names", "field names with a leading capital", "field names beyond ASCII")
_EXT_NAME = ("Rust and Java write nothing before such a field, pyfory 1.7.7 the type; the bytes of a serializer of the user's do not "
             "tell the two apart (wire-format 13.1). Register by id, or use the compatible mode")
because(_, "Unions and extensions", _EXT_NAME, "custom serializer, field, by name, consistent")
because(_, "References", "identity needs `Rc` in a named type", "one list twice", "one object twice", "list that holds itself", "dict that holds itself",
        "`field(ref=True)`, one list in two fields")
because(_, "References", "a cycle needs `RcWeak`, which the Rust peer does not have", "`field(ref=True)`, cycle of two objects")
because(_, "Schema evolution", "Rust refuses 2^-256 and `0e256`, which are within the bounds", "scalars")
because(_, "Schema evolution", "Rust has no None for most types and puts zero", "nullable", "add", "containers")
because(_, "Schema evolution", "Rust has no initial values, and matches tags with tags only", "rename")
because(_, "Schema evolution", "Rust does not convert between bytes and array<uint8>", "dense")
because(_, "Schema evolution", "an evolving schema is refused by a class that is not, though it says all that is needed", "fixed")
because(_, "Schema evolution", "Rust structs have no defaults of their own", "missing")
because(_, "Schema evolution", "no dynamic fields in the Rust peer, see `Any`", "any")
because(_, "Schema evolution", "Rust loses an object that first occurs in a field it skips", "references")

_ = "java"
because(_, "Collections", "Java cannot read a value of the type NONE", "list of None", "dict of None to None")
because(_, "Fields of a class", "Java cannot read a value of the type NONE", "`Any` holding None")
because(_, "Collections", "Java allows 50 levels but counts the leaf as one", "50 nested lists")
because(_, "Dense arrays", "at the root Java has one array for both signs, and takes byte arrays for bytes", "root Int8Array", "root UInt8Array", "root UInt64Array")
because(_, "Dense arrays", "a carrier of Python only", "field `PyArray[Int32]`")
because(_, "Fields of a class", "Java has no tuples", "`Tuple[Int32, ...]`")
because(_, "Fields of a class", "compatible: Java cannot read a null among Integer elements", "`List[Optional[Int32]]`")
because(_, "Classes", "Java sorts fields by a name of its own, in which every capital is `_` and its small letter (decision 24)", "field names with a leading capital")
because(_, "Classes", "not in the Java peer", "field names beyond ASCII")
because(_, "Unions and extensions", _EXT_NAME, "custom serializer, field, by name, consistent")
because(_, "References", "compatible: the elements of the list are marked too, which Java cannot for numbers", "`field(ref=True)`, one list in two fields")
because(_, "Schema evolution", "Java refuses 2^-256, which is within the bounds", "scalars")
because(_, "Schema evolution", "Java keeps a null and cannot write it again", "nullable", "missing")
because(_, "Schema evolution", "the list in an unknown union can be skipped when Java wrote it", "skip")
because(_, "Schema evolution", "as for names with a leading capital; tags match tags only", "rename")
because(_, "Schema evolution", "Java cannot read a null among Integer elements, and takes sets for lists", "dense", "containers")
because(_, "Schema evolution", "Java does not compare types that have nothing in common", "strangers", "any")
because(_, "Schema evolution", "the elements of the list are marked too, which Java cannot for numbers", "references")


# ---- asking -------------------------------------------------------------------------


class Cell(NamedTuple):
    reads: Optional[bool]  # None: not reached or not expressible
    we_read: Optional[bool]
    tried: int
    detail: str


def _space(feature: Feature) -> str:
    return feature.schema or "Nothing"


def _instance(feature: Feature, mode: Mode) -> Any:
    compatible, by_name, ref = mode
    return grid.instance(_space(feature), by_name, ref, compatible=compatible)


def _evaluate(feature: Feature, text: str) -> Any:
    return grid.evaluate(feature.schema, text) if feature.schema else eval(text, grid.module_of("Nothing").__dict__)


def _probes(feature: Feature) -> Iterator[Tuple[str, str]]:
    results = feature.results or feature.values
    return zip(feature.values, results)


def _expected(feature: Feature, text: str, ref: bool) -> str:
    return describe(_evaluate(feature, text), ref)


def ask_upstream(process: Any, feature: Feature) -> Cell:
    reads, writes, detail = [], [], ""
    for mode in feature.modes:
        compatible, by_name, ref = mode
        fory = _instance(feature, mode)
        payloads = [fory.serialize(_evaluate(feature, text)) for text in feature.values]
        request = dict(
            grid=True, source=grid.source_of(_space(feature)), options={"ref": ref, "compatible": compatible}, by_name=by_name,
            known=list(grid.COMPANIONS), root=feature.schema is None,
        )  # fmt: skip
        read = [data.hex() for data in payloads]
        answer = process.ask(read=read, write=list(feature.values), **request)
        if "error" in answer:  # it died of one of them
            parts = [process.ask(read=[data], write=[], **request) for data in read]
            parts += [process.ask(read=[], write=[text], **request) for text in feature.values]
            texts = ["!" + part["error"] if "error" in part else (part["read"] + part["write"])[0] for part in parts]
        else:
            texts = answer["read"] + answer["write"]
        wanted = [_expected(feature, result, ref) for _, result in _probes(feature)]
        for expected, got, wrote in zip(wanted, texts, texts[len(read) :]):
            reads.append(got == expected)
            detail = detail or ("" if got == expected else "reads %s" % got)
            got = wrote if wrote.startswith("!") else grid.outcome(_instance(feature, mode), bytes.fromhex(wrote), ref)
            writes.append(got == expected)
            detail = detail or ("" if got == expected else "writes %s" % got)
    return Cell(_verdict(reads), _verdict(writes), len(reads), detail)


def ask_echo(process: Any, kind: str, feature: Feature) -> Cell:
    reads, writes, detail = [], [], ""
    for mode in feature.modes:
        compatible, by_name, ref = mode
        for text, result in _probes(feature):
            data = _instance(feature, mode).serialize(_evaluate(feature, text))
            answer = process.ask(kind=kind, compatible=compatible, ref=ref, by_name=by_name, hex=data.hex())
            got = "!" + answer["error"] if "error" in answer else grid.outcome(_instance(feature, mode), bytes.fromhex(answer["hex"]), ref)
            same = got == _expected(feature, result, ref)
            reads.append(same)
            if "error" not in answer:
                writes.append(same)
            detail = detail or ("" if same else got)
    return Cell(_verdict(reads), _verdict(writes) if writes else None, len(reads), detail)


def _verdict(outcomes: List[bool]) -> Any:
    """True: all; False: none; a share as text."""
    if all(outcomes):
        return True
    return False if not any(outcomes) else "%d of %d" % (sum(outcomes), len(outcomes))


EVOLUTION = [topic for topic in grid.topics() if topic != "references"] + ["references"]
#: every how many cases of a topic
STRIDE = {"scalars": 31, "nullable": 3, "add": 3, "skip": 3, "dense": 3}
if os.environ.get("TZ") != "UTC":  # as tests/conftest.py, when run as a program
    os.environ["TZ"] = "UTC"
    time.tzset()


def ask_evolution(name: str, process: Any, topic: str) -> Cell:
    from peers import test_grid_upstream

    mode = (True, topic == "references")
    cases = differences.sample(name, grid.select(topic), STRIDE.get(topic, 1))
    if name == "upstream":
        outcomes = test_grid_upstream.exchange(process, cases, mode)
    else:
        schemas = set(process.cases)
        cases = [case for case in cases if case.writer in schemas and case.reader in schemas]
        if not cases:
            return Cell(None, None, 0, "")
        outcomes = echo.outcomes(process, cases, mode, interpreted=True)
    reads, writes = [], []
    for _, _, direction, _, _, same in outcomes:
        if direction == differences.READS:
            reads.append(same)
        elif direction in (differences.WE_READ, differences.WRITES):
            writes.append(same)
    return Cell(_verdict(reads), _verdict(writes), len(reads), "")


def connect(name: str) -> Any:
    if name == "upstream":
        server = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upstream_server.py")
        return peer.Peer([peer.require("PYFORY_UPSTREAM_PYTHON"), server])
    process = peer.Peer([peer.require("PYFORY_%s_PEER" % name.upper())])
    answer = process.ask(kinds=True)
    process.cases = answer["schemas"]
    process.kinds = set(answer["schemas"]) | set(answer.get("kinds", ())) | ({"root"} if name == "java" else set())
    return process


def run(name: str) -> Dict[Tuple[str, str], Cell]:
    """The cells of one peer."""
    process = connect(name)
    try:
        cells = {}
        for feature in FEATURES:
            key = feature.group, feature.name
            if name == "upstream":
                cells[key] = ask_upstream(process, feature)
            elif feature.kinds[name] in process.kinds:
                cells[key] = ask_echo(process, feature.kinds[name], feature)
            else:
                cells[key] = Cell(None, None, 0, "")
        for topic in EVOLUTION:
            cells["Schema evolution", topic] = ask_evolution(name, process, topic)
        return cells
    finally:
        process.close()


# ---- the document -----------------------------------------------------------------------


TOPICS = {
    "scalars": "scalars into scalars, losslessly or not at all",
    "nullable": "nullable into not nullable and back", "add": "field added, zero value", "remove": "all fields removed", "fixed": "`evolving=False`, reading an evolving schema too",
    "missing": "field added, with a default or a factory", "skip": "unknown field of every kind", "reorder": "fields in another order",
    "rename": "renamed by tag id, names in another case", "dense": "list and dense array, bytes and array<uint8>",
    "containers": "containers match strictly", "strangers": "types with nothing in common are refused", "any": "dynamic fields",
    "references": "references, also out of skipped fields",
}  # fmt: skip

HEAD = """# Compatibility

What this package exchanges with the other implementations. The table is the result of a run with the three of them
(`python -m peers.compatibility --write` in the folder `tests`); the test suite runs it again and compares.

*reads* says whether the peer reads what we wrote and finds the same value, *is read* whether we read what the peer wrote. Each row is
tried in all modes that it has: compatible and consistent, registered by id and by name, references on and off. `yes` stands for all of
them, `5 of 8` for some, `no` for none; `-` means that the peer cannot say it, or that it wrote nothing since it had read nothing. A number
leads to the reason below. The evolution rows count pairs of schemas (`tests/grid.py`), of the large
groups every third or less, and all that are known to fail.
"""


def render(cells: Dict[str, Dict[Tuple[str, str], Cell]]) -> str:
    notes: List[str] = []
    lines = [HEAD]
    groups: Dict[str, List[str]] = {}
    for group, name in cells[PEERS[0]]:
        groups.setdefault(group, []).append(name)
    for group, names in groups.items():
        lines.append("## %s\n" % group)
        lines.append("| | " + " | ".join("%s reads | is read" % TITLES[p] for p in PEERS) + " |")
        lines.append("|---|" + "---|" * (2 * len(PEERS)))
        for name in names:
            row = [TOPICS.get(name, name)]
            for p in PEERS:
                cell = cells[p][group, name]
                texts = [{True: "yes", False: "no", None: "-"}.get(v, str(v)) for v in (cell.reads, cell.we_read)]
                # the numbers are those of the tests' sources
                reason = re.sub(r" \((decision|wire-format) [0-9.]+\)", "", REASONS.get((p, group, name), ""))
                if reason:
                    if reason not in notes:
                        notes.append(reason)
                    worst = 0 if texts[0] != "yes" else 1
                    texts[worst] += " [%d]" % (notes.index(reason) + 1)
                row += texts
            lines.append("| %s |" % " | ".join(row))
        lines.append("")
    lines.append("## Reasons\n")
    lines += ["%d. %s." % (i + 1, note[0].upper() + note[1:] if note[0] != "`" else note) for i, note in enumerate(notes)]
    return "\n".join(lines) + "\n"


def complaints(cells: Dict[str, Dict[Tuple[str, str], Cell]]) -> List[str]:
    """Cells without a reason, and reasons without a cell."""
    wrong = []
    for p in PEERS:
        for key, cell in cells[p].items():
            fine = cell.reads is True and cell.we_read is True
            if fine == ((p,) + key in REASONS):
                wrong.append("%s: %s, %s: reads %s, is read %s%s; %s" % ((p,) + key + (
                    cell.reads, cell.we_read, ", " + cell.detail if cell.detail else "", "has a reason" if fine else "has no reason")))  # fmt: skip
    known = {(p,) + key for p in PEERS for key in cells[p]}
    return wrong + ["no such row: %s" % (key,) for key in REASONS if key not in known]


def run_all() -> Dict[str, Dict[Tuple[str, str], Cell]]:
    """The cells of all peers, which work at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(PEERS)) as pool:
        return dict(zip(PEERS, pool.map(run, PEERS)))


def main(arguments: Sequence[str]) -> int:
    cells = run_all()
    wrong = complaints(cells)
    print("\n".join(wrong) or "every cell has its reason")
    text = render(cells)
    if "--write" in arguments:
        with open(DOCUMENT, "w", encoding="utf-8") as f:
            f.write(text)
        return bool(wrong)
    with open(DOCUMENT, encoding="utf-8") as f:
        same = f.read() == text
    print("the document is %s" % ("up to date" if same else "not what the run gives; use --write"))
    return bool(wrong) or not same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
