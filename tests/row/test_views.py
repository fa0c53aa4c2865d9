"""RowData, ArrayData and MapData: reading rows where they lie."""

from __future__ import annotations

import copy
import datetime
import decimal
import gc
import mmap
import pickle
import struct
import sys
import weakref
from dataclasses import dataclass
from typing import Dict, List, Optional

import pytest

import pyfory
from pyfory import format as rows
from pyfory._core import RowSchema
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyError,
    ForyFieldError,
    ForyInvalidDataError,
    ForyInvalidError,
    ForyOutOfBoundError,
    ForyTypeError,
)
from pyfory.format import ArrayData, MapData, RowData


@dataclass
class Address:
    street: str
    zip: int


@dataclass
class Person:
    name: str
    age: Optional[int]
    address: Address
    tags: List[str]
    scores: Dict[str, int]
    homes: List[Address]
    counts: List[int]


ADA = Person(
    "Ada", 36, Address("Main", 1234), ["a", None, "ccc"], {"x": 1, "y": None}, [Address("q", 1), Address("r", 2)], [5, 6, 7]
)


@pytest.fixture
def row():
    return pyfory.encoder(Person).to_row(ADA)


def one(dtype, *values):
    """An ArrayData of the element type."""
    schema = rows.schema([rows.field("a", rows.list_(dtype))])
    return rows.create_row_encoder(schema).to_row({"a": list(values)}).a


# ---- rows ----------------------------------------------------------------------


def test_fields_by_name_index_and_attribute(row):
    assert row.schema.names == ["address", "age", "counts", "homes", "name", "scores", "tags"]
    assert row.name == row["name"] == row[4] == row.get(4) == row.get("name") == "Ada"
    assert row.age == 36
    assert row.num_fields == len(row) == 7


def test_nested_reads(row):
    assert type(row.address) is RowData
    assert row.address.zip == 1234
    assert row.homes[1].street == "r"
    assert type(row.tags) is ArrayData and row.tags[2] == "ccc" and row.tags[1] is None
    assert type(row.scores) is MapData and row.scores["x"] == 1


def test_text_is_made_when_asked_for_and_not_kept(row):
    assert row.name is not row.name


def test_str_is_that_of_other_runtimes(row):
    assert str(row) == (
        "{address={street=Main,zip=1234},age=36,counts=[5,6,7],homes=[{street=q,zip=1},{street=r,zip=2}],"
        "name=Ada,scores=Map{[x,y], [1,null]},tags=[a,null,ccc]}"
    )


def test_repr_is_python(row):
    assert repr(row) == (
        "RowData(address=RowData(street='Main', zip=1234), age=36, counts=[5, 6, 7], "
        "homes=[RowData(street='q', zip=1), RowData(street='r', zip=2)], name='Ada', scores={'x': 1, 'y': None}, "
        "tags=['a', None, 'ccc'])"
    )
    assert repr(row.tags) == "ArrayData(['a', None, 'ccc'])"
    assert repr(row.scores) == "MapData({'x': 1, 'y': None})"


def test_repr_of_long_collections_is_cut():
    array = one(rows.int64(), *range(1000))
    assert repr(array) == "ArrayData([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 990 more])"
    assert str(array).endswith(",998,999]")


def test_unknown_fields(row):
    for read in (lambda: row.nothing, lambda: row["nothing"], lambda: row.get("nothing")):
        with pytest.raises(ForyFieldError) as info:
            read()
        assert isinstance(info.value, (ValueError, AttributeError, KeyError))
        assert "'nothing'" in str(info.value)
    assert not hasattr(row, "nothing")
    assert getattr(row, "nothing", 5) == 5


@pytest.mark.parametrize("index", [7, -1, 2**70, -(2**70)])
def test_index_outside(row, index):
    with pytest.raises(IndexError):
        row[index]


def test_index_of_another_type(row):
    with pytest.raises(ForyTypeError, match="not by float"):
        row[1.0]


def test_slices_iteration_and_membership(row):
    assert row[1:2] == (36,)
    assert row[-1:][0].to_list() == ["a", None, "ccc"]
    assert len(list(row)) == 7 and list(row)[1] == 36
    assert "Ada" in row and "Bob" not in row


def test_equality(row):
    again = pyfory.encoder(Person).to_row(ADA)
    other = pyfory.encoder(Person).to_row(Person("Ada", None, Address("", 0), [], {}, [], []))
    assert row == again and not row != again
    assert row != other
    assert row.address == again.address
    assert row != "Ada" and row != 1
    assert (row == object()) is False


def test_rows_with_another_layout_of_equal_values():
    a = rows.create_row_encoder(rows.schema([rows.field("x", rows.int32())])).to_row({"x": 1})
    b = rows.create_row_encoder(rows.schema([rows.field("x", rows.int64())])).to_row({"x": 1})
    assert a == b


def test_views_are_not_hashable(row):
    for view in (row, row.tags, row.scores):
        with pytest.raises(TypeError):
            hash(view)


def test_to_dict(row):
    assert row.to_dict() == {
        "address": {"street": "Main", "zip": 1234},
        "age": 36,
        "counts": [5, 6, 7],
        "homes": [{"street": "q", "zip": 1}, {"street": "r", "zip": 2}],
        "name": "Ada",
        "scores": {"x": 1, "y": None},
        "tags": ["a", None, "ccc"],
    }


def test_copy_and_pickle(row):
    for twin in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert twin == row and twin.schema == row.schema


def test_copies_keep_the_time_zone():
    schema = rows.schema([rows.field("t", rows.timestamp())])
    row = RowData(schema, struct.pack("<Qq", 0, 5), utc=True)
    for twin in (copy.copy(row), pickle.loads(pickle.dumps(row))):
        assert twin.t == datetime.datetime(1970, 1, 1, 0, 0, 0, 5, UTC)


def test_dir_shows_the_fields(row):
    assert {"address", "name", "to_dict", "schema"} <= set(dir(row))


def test_nested_schema(row):
    assert row.address.schema.names == ["street", "zip"]
    assert row.homes[0].schema.names == ["street", "zip"]
    assert row.address.schema is row.address.schema


def test_names_that_methods_have_too():
    schema = rows.schema([rows.field(n, rows.int64()) for n in ("schema", "get", "buffer", "to_bytes", "a b", "é")])
    row = rows.create_row_encoder(schema).to_row({"schema": 1, "get": 2, "buffer": 3, "to_bytes": 4, "a b": 5, "é": 6})
    assert row.schema is schema
    assert [row["schema"], row["get"], row["buffer"], row["to_bytes"], row["a b"], row.é] == [1, 2, 3, 4, 5, 6]
    assert row.get(1) == 2
    name = "".join(["é"])  # not interned
    assert row[name] == 6


# ---- bytes and lifetime ---------------------------------------------------------


def test_bytes_and_buffer(row):
    data = row.to_bytes()
    assert bytes(row) == data == memoryview(row).tobytes()
    assert memoryview(row).readonly
    assert row.base_offset() == 0 and row.size_bytes() == len(data)
    address = row.address
    assert data[address.base_offset() : address.base_offset() + address.size_bytes()] == address.to_bytes()
    assert address.buffer().to_bytes() == data
    assert RowData(address.schema, address.to_bytes()) == address


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda b: pyfory.Buffer(b)])
def test_any_contiguous_buffer(row, wrap):
    data = row.to_bytes()
    twin = RowData(row.schema, wrap(data))
    assert twin == row
    shifted = RowData(row.schema, wrap(b"abc" + data + b"d"), 3, len(data))
    assert shifted == row and shifted.base_offset() == 3


def test_mmap(row, tmp_path):
    path = tmp_path / "row"
    path.write_bytes(row.to_bytes())
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    twin = RowData(row.schema, mapped)
    assert twin.homes[0].street == "q"
    with pytest.raises(BufferError):
        mapped.close()
    del twin
    mapped.close()


@pytest.mark.parametrize("offset, size", [(-1, None), (0, -1), (1, 1000), (1000, 0), (0, 2**62), (2**62, 2**62)])
def test_wrong_ranges(row, offset, size):
    with pytest.raises(ForyInvalidError, match="Wrong offset"):
        RowData(row.schema, bytes(100), offset, size)


@pytest.mark.parametrize("source", [None, 5, "text", [1]])
def test_no_bytes(row, source):
    with pytest.raises(ForyTypeError, match="bytes-like"):
        RowData(row.schema, source)


def test_not_contiguous(row):
    with pytest.raises(ForyTypeError, match="contiguous"):
        RowData(row.schema, memoryview(bytes(400))[::2])


def test_too_short(row):
    with pytest.raises(ForyBufferOutOfBoundError, match="too short for its 7 fields"):
        RowData(row.schema, bytes(63))


def test_schema_of_another_kind(row):
    for schema in (None, 5, "a", object()):
        with pytest.raises(ForyTypeError, match="Schema"):
            RowData(schema, row.to_bytes())


def test_nested_views_keep_the_memory(row):
    class Bytes(bytearray):
        pass

    data = Bytes(row.to_bytes())
    gone = weakref.ref(data)
    view = RowData(row.schema, data).homes[1]
    del data
    gc.collect()
    assert gone() is not None and view.street == "r"
    del view
    gc.collect()
    assert gone() is None


def test_a_cycle_through_the_buffer_is_collected(row):
    class Bytes(bytearray):
        pass

    data = Bytes(row.to_bytes())
    data.view = RowData(row.schema, data)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_views_are_not_made_directly():
    for cls in (ArrayData, MapData):
        with pytest.raises(TypeError):
            cls()


# ---- typed getters ---------------------------------------------------------------

UTC = datetime.timezone.utc
TYPED = [
    ("boolean", rows.boolean(), True),
    ("int8", rows.int8(), -128),
    ("int16", rows.int16(), -32768),
    ("int32", rows.int32(), -(2**31)),
    ("int64", rows.int64(), -(2**63)),
    ("float16", rows.float16(), 0.5),
    ("float", rows.float32(), 1.5),
    ("double", rows.float64(), 0.1),
    ("date", rows.date32(), datetime.date(1, 1, 1)),
    ("datetime", rows.timestamp(), datetime.datetime(2024, 2, 29, 23, 59, 59, 999999)),
    ("duration", rows.duration(), datetime.timedelta(-1, 5, 7)),
    ("decimal", rows.decimal(10, 2), decimal.Decimal("-12345678.90")),
    ("binary", rows.binary(), b"\0\xff"),
    ("str", rows.utf8(), "héllo\U0001f600"),
]


@pytest.mark.parametrize("name, dtype, value", TYPED)
def test_typed_getters(name, dtype, value):
    schema = rows.schema([rows.field("v", dtype), rows.field("n", dtype), rows.field("l", rows.list_(dtype))])
    row = rows.create_row_encoder(schema).to_row({"v": value, "n": None, "l": [value, None]})
    for view in (row, row.l):
        get = getattr(view, "get_" + name)
        got = get(0)
        assert got == value and type(got) is type(value)
        assert get(1) is None
        assert view.is_null_at(1) and not view.is_null_at(0)
        with pytest.raises(IndexError):
            get(9)
    for other, _, _ in TYPED:
        if other != name:
            with pytest.raises(ForyTypeError, match="value 0 is"):
                getattr(row, "get_" + other)(0)


def test_getters_of_nested_values(row):
    assert row.get_struct(0).zip == 1234
    assert row.get_array_data(2).to_list() == [5, 6, 7]
    assert row.get_map_data(5)["x"] == 1
    assert row.homes.get_struct(1).street == "r"
    with pytest.raises(ForyTypeError):
        row.get_struct(2)


def test_times_in_utc():
    schema = rows.schema([rows.field("t", rows.timestamp())])
    moment = datetime.datetime(2024, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    data = rows.create_row_encoder(schema).to_row({"t": moment}).to_bytes()
    assert struct.unpack("<q", data[8:16])[0] == 1709294400000005
    assert RowData(schema, data, utc=True).t == moment
    assert RowData(schema, data, utc=True).t.tzinfo is UTC
    assert RowData(schema, data).t == moment.astimezone().replace(tzinfo=None)


# ---- arrays --------------------------------------------------------------------


def test_array_as_a_sequence():
    array = one(rows.int64(), 1, None, 3)
    assert len(array) == array.num_elements == 3
    assert list(array) == array.to_list() == array[:] == [1, None, 3]
    assert array[1:] == [None, 3] and array[::-1] == [3, None, 1] and array[5:] == []
    assert 3 in array and None in array and 4 not in array
    assert array.null_count == 1
    assert array == [1, None, 3] and array != [1, 2, 3] and array != [1, None] and array == one(rows.int64(), 1, None, 3)
    for index in (-1, 3):
        with pytest.raises(ForyOutOfBoundError):
            array[index]
    assert list(reversed(array)) == [3, None, 1]


def test_empty_array():
    array = one(rows.int64())
    assert len(array) == 0 and list(array) == [] and array == [] and repr(array) == "ArrayData([])"
    assert memoryview(array).nbytes == 0


@pytest.mark.parametrize(
    "dtype, letter, values",
    [
        (rows.boolean(), "?", [True, False]),
        (rows.int8(), "b", [-1, 5]),
        (rows.int16(), "h", [-1, 5]),
        (rows.int32(), "i", [-1, 5]),
        (rows.int64(), "q", [-1, 5]),
        (rows.float32(), "f", [0.5, -1.0]),
        (rows.float64(), "d", [0.1, -1.0]),
    ],
)
def test_array_buffers(dtype, letter, values):
    view = memoryview(one(dtype, *values))
    assert view.format == letter and view.readonly and view.tolist() == values


@pytest.mark.parametrize("name, dtype, value", TYPED)
def test_numpy(name, dtype, value):
    numpy = pytest.importorskip("numpy")
    array = one(dtype, value, value)
    if name in ("decimal", "binary", "str"):
        with pytest.raises(ForyTypeError, match="no fixed width"):
            array.to_numpy()
        return
    result = array.to_numpy()
    assert result.shape == (2,) and not (name != "date" and result.flags.writeable)
    if name == "datetime":
        instant = value.astimezone(UTC).replace(tzinfo=None)
        assert result.dtype == "M8[us]" and result.tolist() == [instant] * 2
    else:
        assert result.tolist() == [value] * 2
    if name != "date":
        assert numpy.shares_memory(result, array.to_numpy())
    assert one(dtype).to_numpy().shape == (0,)


def test_numpy_with_nulls():
    pytest.importorskip("numpy")
    array = one(rows.int32(), 1, None, 3)
    with pytest.raises(ForyInvalidError, match="nulls"):
        array.to_numpy()
    assert array.to_numpy(allow_null=True).tolist() == [1, 0, 3]
    assert array.null_mask().tolist() == [False, True, False]


def test_numpy_keeps_the_memory():
    pytest.importorskip("numpy")
    result = one(rows.int64(), *range(1000)).to_numpy()
    gc.collect()
    assert result.sum() == 499500


def test_lists_of_lists():
    array = one(rows.list_(rows.int8()), [1, 2], None, [])
    assert array.to_list() == [[1, 2], None, []]
    assert array[0][1] == 2


# ---- maps ----------------------------------------------------------------------


def test_map(row):
    scores = row.scores
    assert len(scores) == scores.num_elements == 2
    assert list(scores) == ["x", "y"] and scores.items() == [("x", 1), ("y", None)]
    assert scores.keys().to_list() == scores.keys_array().to_list() == ["x", "y"]
    assert scores.values().to_list() == scores.values_array().to_list() == [1, None]
    assert scores["y"] is None and scores.get("x") == 1 and scores.get("z") is None and scores.get("z", 7) == 7
    assert "x" in scores and "z" not in scores and 5 not in scores and "\ud800" not in scores
    with pytest.raises(KeyError):
        scores["z"]
    assert scores == {"y": None, "x": 1} and scores != {"x": 1}
    assert dict(scores) == scores.to_dict() == {"x": 1, "y": None}


def test_map_with_other_keys():
    schema = rows.schema([rows.field("m", rows.map_(rows.int32(), rows.list_(rows.utf8())))])
    row = rows.create_row_encoder(schema).to_row({"m": {7: ["a"], -1: None}})
    assert row.m[7].to_list() == ["a"] and row.m[-1] is None and 8 not in row.m
    assert row.m.to_dict() == {7: ["a"], -1: None}


# ---- compiled schemas ------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        (27, "", False),
        (27, 5, False, (), ()),
        (22, "", False, (), ()),
        (9, "", False, (), ()),
        (27, "", False, ((9, "u", True, (), ()),), ()),
        (27, "", False, ((22, "l", True, (), ()),), ()),
        (27, "", False, ((4, "l", True, ((4, "x", True, (), ()),), ()),), ()),
        (27, "", False, ((40, "d", True, (), (99, 0)),), ()),
        (27, "", False, ("x",), ()),
    ],
)
def test_bad_specs(spec):
    with pytest.raises((TypeError, ValueError)):
        RowSchema(spec)


def test_specs_that_are_too_deep():
    spec = (4, "x", True, (), ())
    for _ in range(100):
        spec = (22, "x", True, (spec,), ())
    with pytest.raises(ForyError, match="nested deeper"):
        RowSchema((27, "", False, (spec,), ()))


def test_schema_without_python_object():
    spec = (27, "", False, ((6, "a", True, (), ()), (27, "s", True, ((21, "t", True, (), ()),), ())), ())
    plan = RowSchema(spec)
    assert plan.hash == ((17 * 31 + 6) * 31 + 27) * 31 + 21 and plan.spec is spec and plan.schema is None
    data = struct.pack("<QqQ", 0, 5, 24 << 32 | 24) + struct.pack("<QQ8s", 0, 16 << 32 | 2, b"hi")
    row = RowData(plan, data)
    assert row.a == 5 and row.s.t == "hi" and row.s.schema is None


def test_schema_and_compiled_form_are_collected():
    schema = rows.schema([rows.field("a", rows.int64())])
    rows.create_row_encoder(schema).to_row({"a": 1})
    plan = weakref.ref(schema) if hasattr(type(schema), "__weakref__") else None
    count = sys.getrefcount(RowSchema)
    del schema
    gc.collect()
    assert plan is None or plan() is None
    assert sys.getrefcount(RowSchema) <= count


def test_damage_is_named():
    schema = rows.schema([rows.field("a", rows.utf8())])
    row = RowData(schema, struct.pack("<QQ", 0, 100 << 32 | 5))
    with pytest.raises(ForyInvalidDataError, match="utf8 at offset 100, 5 bytes long"):
        row.a
