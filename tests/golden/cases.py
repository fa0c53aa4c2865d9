"""Evaluates the recorded payloads in this folder.

A case of `pyfory-1.7.7-xlang.json` names a Python expression, the options and
registrations of writer and reader, and the bytes (or the kind of error) that
pyfory 1.7.7 produced. `rust-1.7.7.json` and `java-1.5.0.json` hold bytes of
the same values (same case name) from the other runtimes, and `peer_*` cases
whose values are in PEER_ONLY below.

`differences.json` lists where this package differs from pyfory 1.7.7 on
purpose.
"""

from __future__ import annotations

import array
import dataclasses
import datetime
import enum
import functools
import json
import math
import os
import re
import struct
import sys
import types
import typing
import warnings
from decimal import Decimal
from typing import Any, Callable, Dict, List, Optional

import pyfory
import support

try:
    import numpy
except ImportError:
    numpy = None

FOLDER = os.path.dirname(os.path.abspath(__file__))


def load(name: str) -> Dict[str, Any]:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        return json.load(f)


# ---- the names that expressions may use ------------------------------------

schema = types.ModuleType("golden_schema")
sys.modules["golden_schema"] = schema
space = schema.__dict__
space.update(
    array=array, dataclasses=dataclasses, dataclass=dataclasses.dataclass, datetime=datetime, enum=enum,
    functools=functools, math=math, np=numpy, pyfory=pyfory, typing=typing, Decimal=Decimal,
    Any=typing.Any, Dict=typing.Dict, List=typing.List, Optional=typing.Optional, Set=typing.Set,
    Tuple=typing.Tuple, Union=typing.Union, date=datetime.date, dt=datetime.datetime,
    timedelta=datetime.timedelta, timezone=datetime.timezone, UTC=datetime.timezone.utc,
    NAN=float("nan"), INF=float("inf"),
)


def helper(function: Callable) -> Callable:
    space[function.__name__] = function
    return function


def _define_classes(sources: Dict[str, str]) -> None:
    """Runs the class texts; a class may need one that comes later in the file."""
    waiting = dict(sources)
    while waiting:
        done = []
        for name, source in waiting.items():
            try:
                exec(compile(source, "golden_schema", "exec", dont_inherit=True), space)
            except NameError:
                continue
            done.append(name)
        if not done:
            raise RuntimeError("unresolved classes: %s" % ", ".join(waiting))
        for name in done:
            del waiting[name]


_document = load("pyfory-1.7.7-xlang.json")
# SomeClass1 is registered by cases but not recorded with its source.
_document["classes"].setdefault(
    "SomeClass1", "@dataclass\nclass SomeClass1:\n    f1: Any\n    f2: Dict[pyfory.Int8, pyfory.Int32]\n"
)
_define_classes(_document["classes"])


@helper
class ReadingSerializer(pyfory.Serializer):
    """Count as varint32, then the unit."""

    def write(self, write_context, value):
        write_context.write_varint32(value.count)
        write_context.write_string(value.unit)

    def read(self, read_context):
        number = read_context.read_varint32()
        text = read_context.read_string()
        return space["Reading"](number, text)


@helper
def _r16(x):
    """x rounded to float16."""
    return struct.unpack("<e", struct.pack("<e", x))[0]


@helper
def _utc(x):
    return support.utc(x)


@helper
def _shared_list():
    inner = [1, 2]
    return [inner] * 2


@helper
def _shared_str():
    text = "".join(["shared-", "string-", "value"])
    return [text, text, dict(k=text)]


@helper
def _cycle_list():
    loop = [1]
    loop += [loop]
    return loop


@helper
def _cycle_dict():
    loop = {}
    loop.update(self=loop)
    return loop


@helper
def _shared_dict_vals():
    return dict.fromkeys("ab", {"q": 1})


@helper
def _shared_mixed():
    one, two = [1], dict(k="v")
    return [one, two, one, two, dict(a=one, b=two)]


@helper
def _pair():
    return space["Pair"](*[space["Leaf"](42, "shared")] * 2)


@helper
def _node_cycle():
    node = space["Node"](name="self")
    node.next = node
    return node


@helper
def _node_two():
    first = space["Node"](name="a")
    first.next = space["Node"](name="b", next=first)
    return first


@helper
def _tree():
    root = space["Tree"](v=1)
    root.children.extend(space["Tree"](v=v, parent=root) for v in (2, 3))
    return root


@helper
def _ref_box():
    leaf = space["Leaf"](1, "e")
    return space["RefBox"](xs=[leaf, leaf], by_key=dict(k1=leaf, k2=leaf))


@helper
def _any_shared():
    leaf = space["Leaf"](1, "e")
    return space["AnyHolder"](a=leaf, b=leaf, l=[leaf, "x", leaf])


@helper
def make_some_class2():
    return space["SomeClass2"](
        f1=space["SomeClass1"](True, {-1: 2}), f2="abc", f3=["abc"] * 2, f4={1: 2},
        f5=127, f6=32767, f7=0x7FFFFFFF, f8=0x7FFFFFFFFFFFFFFF, f9=0.5, f10=1 / 3.0,
        f11=array.array("h", (1, 2)), f12=[-1, 4],
    )


@helper
def make_some_class_cycle():
    value = space["SomeClass"]()
    value.f1 = value
    value.f2 = value.f3 = dict(k1="v1", k2="v2")
    return value


# ---- cases -------------------------------------------------------------------

PEER_ONLY = {
    # case: (value, how the decoded value is compared; None for exactly the value)
    "peer_i8_m5": ("-5", None),
    "peer_i16_m300": ("-300", None),
    "peer_i32_5": ("5", None),
    "peer_i32_min": ("-2**31", None),
    "peer_u8_200": ("200", None),
    "peer_u16_60000": ("60000", None),
    "peer_u32_max": ("2**32-1", None),
    "peer_u64_max": ("2**64-1", None),
    "peer_f32_1_5": ("1.5", None),
    "peer_f16_1_5": ("1.5", None),
    "peer_bf16_1_5": ("1.5", None),
    "peer_vec_i32": ("pyfory.Int32Array([1, -1, 2**31-1])", None),
    "peer_vec_opt_i32": ("[1, None]", None),
    "peer_set_i32": ("{7}", None),
    "peer_map_str_i32": ("{'a': 1}", None),
    "peer_map_i32_vec_i32": ("{1: [1, 2]}", "list(d) == [1] and list(d[1]) == [1, 2]"),
    "peer_tuple": ("[1, 'a', 2.5]", None),
    "peer_option_none": ("None", None),
    "peer_vec_vec_string": ("[['a'], []]", None),
}

#: Values that the Java recording holds in another shape: its class tracks only
#: f1, and its lists of Any do not track elements.
PEER_CHECKS = {
    ("java", "guide_ref_example"): "d.f1 is d and d.f2 == v.f2 and d.f3 == v.f3",
    ("java", "refst_any_id_co"): "d == v",
    ("java", "refst_any_nm_co"): "d == v",
}

#: Sharper or corrected expectations for cases of pyfory 1.7.7 (expect, check).
OVERRIDES = {
    "decimal_neg_zero": ("Decimal('0')", None),
    "list_datetime_and_date": ("[dt(2021,1,1,tzinfo=UTC), date(2021,1,1)]", None),
    "list_datetimes": (None, None),
    "evo_c_any_i32_nm": ("Evo_c_any_i32_R(3, 't')", None),
    "evo_c_any_i32_id": ("Evo_c_any_i32_R(3, 't')", None),
    "evo_c_i32_any_nm": ("Evo_c_i32_any_R(3, 't')", None),
    "evo_c_i32_any_id": ("Evo_c_i32_any_R(3, 't')", None),
    "evo_c_opt_none_i32_nm": ("Evo_c_opt_none_i32_R(None, 't')", None),
    "evo_c_opt_none_i32_id": ("Evo_c_opt_none_i32_R(None, 't')", None),
    "evo_c_opt_str_none_str_nm": ("Evo_c_opt_str_none_str_R(None, 't')", None),
    "evo_c_opt_str_none_str_id": ("Evo_c_opt_str_none_str_R(None, 't')", None),
    "evo_nested_skip_unknown": ("EvoOuterR(5, None)", None),
    "bad_Float32_1e39": ("SFloat32(INF)", None),
    "bad_Float16_70000_0": ("SFloat16(INF)", None),
    "bad_Float64_1": ("SFloat64(1.0)", None),
    "bad_Int32_True": ("SInt32(1)", None),
    "bad_Int32_np_int32_5_": ("SInt32(5)", None),
    "bad_Float64_np_float64_1_5_": ("SFloat64(1.5)", None),
    "bad_ListStr___a___b__": ("SListStr(['a', 'b'])", None),
    "unknown_struct_tagids": (
        None,
        "dict(d) == {'__tag_100__': 7, '__tag_2__': 5, '__tag_0__': 'bee', '__tag_1__': None, '__tag_15__': 'ff'}",
    ),
}
for _how in ("id_sc", "nm_sc", "id_co", "nm_co"):
    # Any fields of dataclasses are not tracked, elements of a dynamic list are.
    OVERRIDES["refst_any_" + _how] = (None, "d == v and d.l[0] is d.l[2] and d.a is not d.b")

DEFAULTS = {"xlang": True, "ref": False, "strict": True, "compatible": True}


@dataclasses.dataclass
class Case:
    name: str
    expr: str
    config: Dict[str, Any]
    register: List[list]
    reader_config: Dict[str, Any]
    reader_register: List[list]
    expect: Optional[str]
    check: Optional[str]
    tags: str
    record: Dict[str, Any]

    @property
    def data(self) -> Optional[bytes]:
        """What pyfory 1.7.7 wrote, None where it could not write."""
        return bytes.fromhex(self.record["hex"]) if "hex" in self.record else None

    @property
    def needs_numpy(self) -> bool:
        classes = [_document["classes"].get(r[0], "") for r in self.register + self.reader_register]
        return any("np." in t or "NDArray" in t for t in [self.expr, self.expect or "", self.check or ""] + classes)

    @property
    def upstream_error(self) -> Optional[str]:
        """The exception pyfory 1.7.7 ended with, if any."""
        for key in ("setup_error", "write_error", "read_error", "crash"):
            if key in self.record:
                return self.record[key]
        return None

    def value(self) -> Any:
        return evaluate(self.expr)

    def writer(self) -> "pyfory.Fory":
        return _instance(self.config, self.register)

    def reader(self, **options: Any) -> "pyfory.Fory":
        return _instance(dict(self.reader_config, **options), self.reader_register)

    def judge(self, written: Any, decoded: Any, as_recorded: bool = True) -> None:
        """Asserts that `decoded` is what a reader must return. `as_recorded`
        also compares the text form with what pyfory 1.7.7 returned."""
        names = dict(v=written, d=decoded, x=evaluate(self.expect) if self.expect else written)
        if self.check and self.check != "True":
            ok = eval(self.check, dict(space, **names))
            assert ok, "check %r is not true for %r" % (self.check, decoded)
        else:
            expected = names["x"]
            if type(expected) is datetime.datetime:
                expected = support.utc(expected)
            support.assert_same(expected, decoded)
        if as_recorded and "decoded" in self.record and self.name not in OVERRIDES:
            assert type(decoded).__name__ == self.record.get("decoded_type", type(decoded).__name__)
            assert repr(decoded) == self.record["decoded"]


def evaluate(expression: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # array typecode "u" is on its way out
        # a copy: `x := ...` in an expression must not stay behind
        return eval(expression, dict(space))


def _instance(config: Dict[str, Any], registrations: List[list]) -> "pyfory.Fory":
    fory = pyfory.Fory(**config)
    for name, options, kind in registrations:
        cls, options = space[name], dict(options)
        if kind == "ext":
            serializer = space[options.pop("serializer")]
            fory.register(cls, serializer=serializer(fory.type_resolver, cls), **options)
        elif kind == "union":
            fory.register_union(cls, **options)
        else:
            fory.register(cls, **options)
    return fory


def _case(record: Dict[str, Any]) -> Case:
    name = record["case"]
    config = dict(DEFAULTS, **record.get("config", {}))
    expect, check = record.get("expect"), record.get("check")
    if name in OVERRIDES:
        expect, check = OVERRIDES[name]
    if name.startswith("datetime_"):
        check = "d == _utc(v) and d.tzinfo is UTC"
    if name.startswith(("list_datetimes",)):
        check = "d == v and d[0].tzinfo is UTC"
    return Case(
        name, record["expr"], config, record.get("register", []),
        dict(DEFAULTS, **record["reader_config"]) if "reader_config" in record else config,
        record.get("reader_register", record.get("register", [])),
        expect, check, record.get("tags", ""), record,
    )


CASES: Dict[str, Case] = {r["case"]: _case(r) for r in _document["cases"]}
DIFFERENCES: Dict[str, Dict[str, str]] = {
    entry["case"]: entry for entry in load("differences.json")["differences"]
}


def peer_cases(file: str) -> Dict[str, Case]:
    """The cases of another runtime that can be evaluated here."""
    result = {}
    for record in load(file)["cases"]:
        name = record["case"]
        record = {"hex": record["hex"], "case": name}
        if name in PEER_ONLY:
            expr, check = PEER_ONLY[name]
            result[name] = Case(name, expr, DEFAULTS, [], DEFAULTS, [], None, check, "", record)
            continue
        base = CASES.get(name)
        if base is None:
            # field_<kind>_<n>_co and _ref exist for more values than pyfory recorded
            match = re.match(r"(field_\w+_\d+)_(co|ref)$", name)
            if not match or match.group(1) + "_sc" not in CASES:
                continue
            base = CASES[match.group(1) + "_sc"]
            config = dict(DEFAULTS, compatible=match.group(2) == "co", ref=match.group(2) == "ref")
            base = dataclasses.replace(base, config=config, reader_config=config)
        check = PEER_CHECKS.get((file[:4], name), base.check)
        result[name] = dataclasses.replace(base, name=name, record=record, check=check)
    return result
