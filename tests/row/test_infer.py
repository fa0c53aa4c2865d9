"""Schemas from annotations (wire-format 17.1, api section 16)."""

from __future__ import annotations

import collections.abc as abc
import datetime
import decimal
import enum
import pickle
import subprocess
import sys
import typing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, FrozenSet, Generic, List, NamedTuple, Optional, Set, Tuple, TypeVar, Union

import pytest

import pyfory
from pyfory import format as rows
from pyfory.annotation import Annotated
from pyfory.error import SchemaError, UnresolvedAnnotationError
from pyfory.format import get_type_id, infer_data_type, infer_schema

T = TypeVar("T")
UserId = typing.NewType("UserId", int)


@dataclass
class Inner:
    v: int


class Color(enum.Enum):
    RED = 1


class Plain:
    b: str
    a: int = 0


class Point(NamedTuple):
    x: float
    label: Optional[str]


class NoAnnotations:
    pass


class Mapped(typing.TypedDict if sys.version_info >= (3, 8) else object):
    a: int


@dataclass
class Tree:
    value: int
    children: List[Tree]


@dataclass
class Box(Generic[T]):
    item: T


KNOWN = [
    (bool, "bool"), (int, "int64"), (float, "double"), (str, "utf8"), (bytes, "binary"),
    (pyfory.Bool, "bool"), (pyfory.Int8, "int8"), (pyfory.Int16, "int16"), (pyfory.Int32, "int32"),
    (pyfory.FixedInt32, "int32"), (pyfory.Int64, "int64"), (pyfory.FixedInt64, "int64"),
    (pyfory.TaggedInt64, "int64"), (pyfory.Float16, "float16"), (pyfory.Float32, "float"),
    (pyfory.Float64, "double"),
    (datetime.date, "date32"), (datetime.datetime, "timestamp"), (datetime.timedelta, "duration"),
    (decimal.Decimal, "decimal(38, 18)"),
    (Annotated[decimal.Decimal, rows.decimal(10, 2)], "decimal(10, 2)"),
    (Annotated[int, rows.int16()], "int16"),
    (Annotated[int, "a note"], "int64"),
    (rows.float32(), "float"),
    (Optional[int], "int64"), (Optional[List[Optional[str]]], "list<utf8>"), (Union[None, int], "int64"),
    (List[int], "list<int64>"), (Set[str], "list<utf8>"), (FrozenSet[bytes], "list<binary>"),
    (Tuple[int, ...], "list<int64>"), (Tuple[int, int], "list<int64>"), (Tuple[pyfory.Int8], "list<int8>"),
    (List[List[int]], "list<list<int64>>"), (typing.Sequence[int], "list<int64>"),
    (typing.Mapping[str, int], "map<utf8, int64>"), (typing.MutableMapping[int, List[str]], "map<int64, list<utf8>>"),
    (Dict[str, int], "map<utf8, int64>"), (Dict[str, Dict[str, float]], "map<utf8, map<utf8, double>>"),
    (List[Dict[str, Inner]], "list<map<utf8, struct<v: int64>>>"),
    (Inner, "struct<v: int64>"), (Plain, "struct<a: int64, b: utf8>"), (Point, "struct<label: utf8, x: double>"),
    (Mapped, "struct<a: int64>"), (UserId, "int64"), (typing.Final[int], "int64"),
    (typing.Literal["a", "b"], "utf8"), (typing.Literal[1, None], "int64"),
]  # fmt: skip
if sys.version_info >= (3, 9):
    KNOWN += [
        (list[int], "list<int64>"), (dict[str, bytes], "map<utf8, binary>"), (set[bool], "list<bool>"),
        (tuple[float, ...], "list<double>"), (abc.Sequence[str], "list<utf8>"), (abc.Set[int], "list<int64>"),
        (abc.Mapping[str, int], "map<utf8, int64>"),
    ]  # fmt: skip
if sys.version_info >= (3, 10):
    KNOWN += [(int | None, "int64"), (list[str | None], "list<utf8>")]

UNKNOWN = [
    pyfory.UInt8, pyfory.UInt16, pyfory.UInt32, pyfory.UInt64, pyfory.FixedUInt32, pyfory.TaggedUInt64,
    pyfory.BFloat16, pyfory.Array[pyfory.Int32], pyfory.NDArray[pyfory.Int32], pyfory.PyArray[pyfory.Int32],
    pyfory.Int32Array, Union[int, str], Tuple[int, str], Tuple[()], tuple, list, dict, set, List, Dict, Any, object,
    Color, complex, NoAnnotations, Tree, List[Tree], Box, T, List[T], typing.Literal[1, "a"], type(None), 5, "int",
    typing.Callable[[], int], List[Union[int, str]], Dict[str, Any],
]  # fmt: skip


@pytest.mark.parametrize("hint,expected", KNOWN, ids=lambda v: str(v)[:40])
def test_known_annotations(hint, expected):
    dtype = infer_data_type(hint)
    assert str(dtype) == expected
    assert get_type_id(hint) == dtype.id


@pytest.mark.parametrize("hint", UNKNOWN, ids=lambda v: str(v)[:40])
def test_annotations_without_a_row_type(hint):
    assert infer_data_type(hint) is None
    assert get_type_id(hint) is None


def test_numpy_scalars():
    numpy = pytest.importorskip("numpy")
    for name, expected in [
        ("bool_", "bool"), ("int8", "int8"), ("int16", "int16"), ("int32", "int32"), ("int64", "int64"),
        ("float16", "float16"), ("float32", "float"), ("float64", "double"), ("str_", "utf8"), ("bytes_", "binary"),
    ]:  # fmt: skip
        assert str(infer_data_type(getattr(numpy, name))) == expected
    for name in ("uint8", "uint64", "complex128", "datetime64", "ndarray"):
        assert infer_data_type(getattr(numpy, name)) is None


def test_fields_are_sorted_by_name_and_nullable():
    @dataclass
    class Trade:
        symbol: str
        price: float
        Size: Optional[pyfory.Int32]
        _hidden: int = 0
        kind: ClassVar[str] = "trade"

    made = infer_schema(Trade)
    assert str(made) == "Size: int32\n_hidden: int64\nprice: double\nsymbol: utf8"
    assert all(f.nullable for f in made)


def test_inherited_fields_and_options():
    @dataclass
    class Base:
        z: int
        a: int

    @dataclass
    class Derived(Base):
        a: str
        m: bytes = b""
        cache: int = pyfory.field(ignore=True, default=0)
        made: int = field(init=False, default=0)

    assert str(infer_schema(Derived)) == "a: utf8\nm: binary\nmade: int64\nz: int64"


def test_empty_class():
    @dataclass
    class Empty:
        pass

    assert infer_schema(Empty).fields == []


@pytest.mark.parametrize("hint,message", [
    (Union[int, str], "x: a union of several types"),
    (List[Dict[str, Union[int, str]]], "x.item.value: a union of several types"),
    (Tuple[int, str], "x: a tuple of several types"),
    (pyfory.UInt8, "x: uint8 has no row type"),
    (pyfory.BFloat16, "x: bfloat16 has no row type"),
    (pyfory.Array[pyfory.Int32], "x: pyfory.Array and its kin"),
    (Color, "x: an enum has no row type"),
    (list, "x: list has no row type"),
    (Any, "x: Any has no row type"),
    (NoAnnotations, "x: class NoAnnotations has no annotations"),
    (Tree, "x.children.item: class Tree contains itself"),
])  # fmt: skip
def test_errors_name_the_attribute(hint, message):
    class Holder:
        pass

    Holder.__annotations__ = {"ok": int, "x": hint}
    with pytest.raises(SchemaError) as caught:
        infer_schema(Holder)
    assert "Holder." + message in str(caught.value)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("wrong", [int, dict, NoAnnotations, 5, "Inner", List[int]])
def test_what_is_no_class_with_fields(wrong):
    with pytest.raises(TypeError):
        infer_schema(wrong)


def test_unresolved_annotation():
    class Holder:
        x: Missing  # noqa: F821

    with pytest.raises(UnresolvedAnnotationError, match="Missing"):
        infer_schema(Holder)


def test_classes_by_schema():
    made = infer_schema(Inner)
    assert made.metadata[b"cls"].endswith(b".Inner")
    assert rows.get_cls_by_schema(made) is Inner
    rows.remove_schema(made)
    record = rows.get_cls_by_schema(made)
    assert record is not Inner and record(v=5).v == 5
    infer_schema(Inner)
    assert rows.get_cls_by_schema(made) is Inner
    rows.reset()
    assert rows.get_cls_by_schema(made) is not Inner


def test_nothing_is_imported_for_a_schema():
    made = rows.schema([rows.field("a", rows.int8())], metadata={b"cls": b"antigravity.Flight"})
    assert rows.get_cls_by_schema(made) is not None
    assert "antigravity" not in sys.modules


def test_record_classes():
    made = rows.schema([rows.field("a", rows.int8()), rows.field("b c", rows.utf8()), rows.field("class", rows.utf8())])
    cls = rows.get_cls_by_schema(made)
    assert rows.get_cls_by_schema(made) is not cls
    one = cls(1, "x")
    assert (one.a, getattr(one, "b c"), getattr(one, "class")) == (1, "x", None)
    assert one.as_dict() == {"a": 1, "b c": "x", "class": None}
    assert list(one) == [1, "x", None]
    assert one == cls(**{"a": 1, "b c": "x"}) and one != cls(2) and one != (1, "x", None)
    assert hash(one) == hash(cls(1, "x"))
    assert repr(one) == "Record(a=1, b c='x', class=None)"
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        cls(q=1)
    with pytest.raises(TypeError):
        cls(1, 2, 3, 4)


def test_rows_need_neither_numpy_nor_pyarrow(tmp_path):
    code = (
        "import sys, pyfory\n"
        "assert 'pyfory.format' not in sys.modules\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class A:\n    a: int\n    b: str\n"
        "encoder = pyfory.encoder(A)\n"
        "assert encoder.from_row(encoder.to_row(A(1, 'x')).to_bytes()) == A(1, 'x')\n"
        "assert not {'numpy', 'pyarrow', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=str(tmp_path))
