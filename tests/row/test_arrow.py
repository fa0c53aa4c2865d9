"""Rows as Arrow columns and back: through our own capsules, which needs no
library, and with pyarrow, pandas, polars and DuckDB where they are installed
(PYFORY_ARROW_PEERS=1 makes them mandatory)."""

from __future__ import annotations

import datetime
import decimal
import gc
import importlib
import os
import sys
import weakref
from dataclasses import dataclass
from typing import Dict, List, Optional

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

import pyfory
from pyfory import format as rows
from pyfory.error import ForyInvalidDataError, ForyTypeError, ForyUnsupportedError
from pyfory.format import RowBatch, arrow
from row import pure_row as pure
from row import row_strategies as strategies

UTC = datetime.timezone.utc


def library(name):
    if os.environ.get("PYFORY_ARROW_PEERS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


@pytest.fixture
def pa():
    return library("pyarrow")


class Array:
    """Offers one array capsule and nothing else."""

    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self.batch.__arrow_c_array__()


class Stream:
    """Offers a stream capsule and nothing else."""

    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_stream__(self, requested_schema=None):
        return self.batch.__arrow_c_stream__()


def make_batch(schema, values):
    return RowBatch(schema, [pure.to_python(schema.spec, value) for value in values])


# ---- through our own capsules ------------------------------------------------------


@given(strategies.schemas_with_rows(count=12))
def test_columns_and_back(case):
    schema, values = case
    batch = make_batch(schema, values)
    expected = [pure.encode(schema.spec, value) for value in values]
    for source in (batch, Stream(batch), Array(batch)):
        again = RowBatch.from_arrow(source)
        assert again.schema == schema
        assert [row.to_bytes() for row in again] == expected


@given(strategies.schemas_with_rows(count=40), st.integers(0, 20), st.integers(0, 40))
def test_slices(case, start, stop):
    schema, values = case
    batch = make_batch(schema, values)[start:stop]
    expected = [pure.encode(schema.spec, value) for value in values[start:stop]]
    assert [row.to_bytes() for row in RowBatch.from_arrow(batch)] == expected


def test_streams_come_in_pieces(monkeypatch):
    monkeypatch.setattr(arrow, "ROWS_PER_BATCH", 7)
    schema = rows.schema([rows.field("a", rows.int64()), rows.field("b", rows.utf8())])
    batch = make_batch(schema, [(i, str(i)) for i in range(50)])
    again = RowBatch.from_arrow(Stream(batch))
    assert [(row.a, row.b) for row in again] == [(i, str(i)) for i in range(50)]


def test_columns_are_found_by_name():
    @dataclass
    class Narrow:
        b: str
        c: Optional[int]

    wide = rows.schema([
        rows.field("x", rows.float64()), rows.field("b", rows.utf8()), rows.field("a", rows.list_(rows.int8())),
    ])  # fmt: skip
    batch = make_batch(wide, [(1.5, "one", [1]), (2.5, None, None)])
    objects = pyfory.encoder(Narrow).from_arrow(batch)
    assert objects == [Narrow("one", None), Narrow(None, None)]


def test_nested_fields_are_found_by_name_too():
    source = rows.schema([rows.field("s", rows.list_(rows.struct([rows.field("z", rows.int8()), rows.field("a", rows.utf8())])))])
    target = rows.schema([rows.field("s", rows.list_(rows.struct([rows.field("a", rows.utf8()), rows.field("q", rows.list_(rows.int8()))])))])
    batch = make_batch(source, [([(1, "one"), None, (2, "two")],)])
    again = RowBatch.from_arrow(batch, target)
    assert again[0].to_dict() == {"s": [{"a": "one", "q": None}, None, {"a": "two", "q": None}]}


def test_missing_columns_of_every_type_are_null():
    schema = rows.schema([
        rows.field("a", rows.boolean()), rows.field("b", rows.utf8()), rows.field("c", rows.list_(rows.utf8())),
        rows.field("d", rows.map_(rows.utf8(), rows.int8())), rows.field("e", rows.struct([rows.field("f", rows.binary())])),
        rows.field("g", rows.decimal(5, 2)), rows.field("h", rows.float16()), rows.field("i", rows.date32()),
    ])  # fmt: skip
    batch = RowBatch.from_arrow(make_batch(rows.schema([rows.field("z", rows.int8())]), [(1,), (2,)]), schema)
    assert [row.to_dict() for row in batch] == [dict.fromkeys("abcdeghi")] * 2


def test_empty_batches():
    schema = rows.schema([rows.field("a", rows.list_(rows.utf8())), rows.field("b", rows.boolean())])
    assert len(RowBatch.from_arrow(RowBatch(schema))) == 0
    assert len(RowBatch.from_arrow(Array(RowBatch(schema)))) == 0
    assert [len(row) for row in RowBatch.from_arrow(make_batch(rows.schema([]), [(), ()]))] == [0, 0]


def test_a_capsule_keeps_what_it_shows():
    schema = rows.schema([rows.field("a", rows.utf8())])
    batch = make_batch(schema, [("x" * 100,)] * 100)
    capsules = batch.__arrow_c_array__()
    stream = batch.__arrow_c_stream__()
    gone = weakref.ref(batch) if hasattr(batch, "__weakref__") else None
    del batch
    gc.collect()

    class Late:
        def __arrow_c_array__(self, requested_schema=None):
            return capsules

    class LateStream:
        def __arrow_c_stream__(self, requested_schema=None):
            return stream

    assert [row.a for row in RowBatch.from_arrow(LateStream(), schema)] == ["x" * 100] * 100
    assert [row.a for row in RowBatch.from_arrow(Late(), schema)] == ["x" * 100] * 100
    del stream, capsules
    gc.collect()
    assert gone is None or gone() is None


def test_an_error_while_streaming_is_reported():
    from pyfory._core import arrow_stream_capsule

    node = arrow._root_node(rows.schema([rows.field("a", rows.int8())]), "UTC")

    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            def arrays():
                raise RuntimeError("the disk is gone")
                yield

            return arrow_stream_capsule(node, arrays())

    with pytest.raises(ForyInvalidDataError, match="the disk is gone"):
        RowBatch.from_arrow(Broken())


@pytest.mark.parametrize("wrong", [5, "text", [1], object(), None])
def test_what_is_no_arrow_data(wrong):
    with pytest.raises(TypeError):
        RowBatch.from_arrow(wrong, rows.schema([rows.field("a", rows.int8())]))


def test_malformed_capsules():
    from pyfory import _core

    for bad in [(), ("i",), ("i", "a", 0, []), (1, "a", 0, ()), ("i", "a\0b", 0, ()), 5]:
        with pytest.raises((TypeError, ValueError)):
            _core.arrow_schema_capsule(bad)
    for bad in [(), (1, 0, (None, 5), ()), (1, 0, (), (5,)), 5]:
        with pytest.raises(TypeError):
            _core.arrow_array_capsule(bad)
    with pytest.raises(TypeError):
        _core.arrow_stream_capsule(("i", "a", 0, ()), 5)
    for read in (_core.arrow_read_array, _core.arrow_read_stream):
        with pytest.raises(ValueError):
            read(_core.arrow_schema_capsule(("i", "a", 0, ())), ("i", "a", 0, ()))
    node: tuple = ("i", "x", 0, ())
    for _ in range(300):
        node = ("+l", "x", 0, (node,))
    with pytest.raises(ValueError):
        _core.arrow_schema_capsule(node)


def ints(*numbers):
    return b"".join(n.to_bytes(4, "little", signed=True) for n in numbers)


@pytest.mark.parametrize("format,array", [
    ("u", (2, 0, (None, ints(0, 3, 1), b"abc"), ())),  # offsets run backwards
    ("u", (1, 0, (None, ints(-1, 3), b"abc"), ())),
    ("u", (1, 0, (None, ints(0, 3), None), ())),  # no data
    ("u", (1, 0, (None, None, b"abc"), ())),
    ("u", (1, 0, (None, ints(0, 3)), ())),  # a buffer too few
    ("i", (1, 0, (None, None), ())),
    ("i", (-1, 0, (None, ints(1)), ())),
    ("+l", (1, 0, (None, ints(0, 3)), ((2, 0, (None, ints(1, 2)), ()),))),  # more than the child has
    ("+s", (2, 0, (None,), ((1, 0, (None, ints(1)), ()),))),
    ("+m", (1, 0, (None, ints(0, 1)), ((1, 0, (None,), ()),))),
    ("+l", (1, 0, (None, ints(0, 1)), ())),
    ("?", (1, 0, (None, ints(0, 1)), ())),
])  # fmt: skip
def test_malformed_arrays(format, array):
    from pyfory import _core

    children = ()
    if format == "+m":
        children = (("+s", "entries", 0, ()),)
    elif format[0] == "+":
        children = (("i", "item", 0, ()),)
    with pytest.raises(pyfory.error.ForyError):
        _core.arrow_read_array(_core.arrow_array_capsule(array), (format, "x", 0, children))


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    schema = rows.schema([rows.field("a", rows.int64())])
    batch = make_batch(schema, [(1,)])
    for action in (
        lambda: rows.to_arrow_schema(schema),
        lambda: rows.from_arrow_schema(object()),
        lambda: batch.to_arrow(),
        lambda: batch.to_pandas(),
        lambda: rows.Encoder(schema=schema).to_arrow_record_batch([{"a": 1}]),
        lambda: rows.Encoder(schema=schema).to_arrow_table([{"a": 1}]),
    ):
        with pytest.raises(ImportError, match=r"pip install pyfory\[format\]"):
            action()
    assert rows.from_arrow_schema(schema) == schema
    wrong = rows.schema([rows.field("a", rows.utf8())])
    with pytest.raises(ForyTypeError, match="column a is l in the Arrow data, utf8 in the schema"):
        RowBatch.from_arrow(batch, wrong)


# ---- pyarrow ---------------------------------------------------------------------------


def arrow_types(pa):
    """(row type, Arrow type that it becomes, Arrow types that become it)."""
    return [
        (rows.boolean(), pa.bool_(), []),
        (rows.int8(), pa.int8(), []),
        (rows.int16(), pa.int16(), []),
        (rows.int32(), pa.int32(), []),
        (rows.int64(), pa.int64(), []),
        (rows.float16(), pa.float16(), []),
        (rows.float32(), pa.float32(), []),
        (rows.float64(), pa.float64(), []),
        (rows.utf8(), pa.string(), [pa.large_string()]),
        (rows.binary(), pa.binary(), [pa.large_binary(), pa.binary(5)]),
        (rows.date32(), pa.date32(), [pa.date64()]),
        (rows.timestamp(), pa.timestamp("us"), [pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("ms", "UTC")]),
        (rows.duration(), pa.duration("us"), [pa.duration("s"), pa.duration("ns")]),
        (rows.decimal(10, 2), pa.decimal128(10, 2), []),
        (rows.list_(rows.int8()), pa.list_(pa.int8()), [pa.large_list(pa.int8()), pa.list_(pa.int8(), 3)]),
        (rows.map_(rows.utf8(), rows.float32()), pa.map_(pa.string(), pa.float32()), []),
        (rows.struct([rows.field("x", rows.int8(), False)]), pa.struct([pa.field("x", pa.int8(), False)]), []),
    ]


def test_schemas(pa):
    for dtype, arrow_type, others in arrow_types(pa):
        schema = rows.schema([rows.field("a", dtype, False), rows.field("b", dtype)])
        expected = pa.schema([pa.field("a", arrow_type, False), pa.field("b", arrow_type)])
        assert rows.to_arrow_schema(schema) == expected
        assert rows.from_arrow_schema(expected) == schema
        for other in others:
            assert rows.from_arrow_schema(pa.schema([("b", other)])).types[0] == dtype
        from pyfory.format.schema import arrow_type_to_fory_type_id, fory_type_id_to_arrow_type

        assert arrow_type_to_fory_type_id(arrow_type) == dtype.id
        if not dtype.num_fields and dtype.id != rows.TypeId.DECIMAL:
            assert fory_type_id_to_arrow_type(dtype.id) == arrow_type


def test_schema_details(pa):
    schema = rows.schema([rows.field("t", rows.timestamp())], metadata={b"k": b"v"})
    assert rows.to_arrow_schema(schema, timezone="UTC").field("t").type == pa.timestamp("us", "UTC")
    assert rows.to_arrow_schema(schema).metadata == {b"k": b"v"}
    assert rows.from_arrow_schema(rows.to_arrow_schema(schema)).metadata == {b"k": b"v"}
    assert pa.schema(schema) == rows.to_arrow_schema(schema, "UTC")
    sorted_map = rows.schema([rows.field("m", rows.map_(rows.utf8(), rows.int8(), keys_sorted=True))])
    assert rows.from_arrow_schema(rows.to_arrow_schema(sorted_map)).types[0].keys_sorted


def test_arrow_types_without_a_row_type(pa):
    for arrow_type in [
        pa.null(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.time32("s"), pa.time64("us"),
        pa.decimal256(50, 2), pa.decimal128(10, -2), pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.uint8()),
        pa.month_day_nano_interval(),
    ]:  # fmt: skip
        with pytest.raises(ForyUnsupportedError, match="of field x"):
            rows.from_arrow_schema(pa.schema([("x", arrow_type)]))
    with pytest.raises(TypeError):
        rows.from_arrow_schema(5)
    with pytest.raises(ForyUnsupportedError, match="decimal128"):
        rows.to_arrow_schema(rows.schema([rows.field("x", rows.decimal(50, 2))]))


@dataclass
class Address:
    zip: int
    city: str


@dataclass
class Order:
    id: int
    price: float
    name: Optional[str]
    tags: List[str]
    stock: Dict[str, int]
    to: Optional[Address]
    at: datetime.datetime
    day: datetime.date
    took: datetime.timedelta
    amount: decimal.Decimal
    paid: bool
    small: pyfory.Int8
    half: pyfory.Float16
    raw: bytes


def order(i):
    return Order(
        i, i / 2, None if i % 3 == 0 else "n%d \u00e9" % i, ["t"] * (i % 4), {"k%d" % i: i}, Address(i, "c") if i % 5 else None,
        datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(microseconds=i), datetime.date(2024, 1, 1 + i % 28),
        datetime.timedelta(microseconds=-i), decimal.Decimal(i).scaleb(-3), i % 2 == 0, i % 128 - 64, i % 100 / 4, b"x" * (i % 5),
    )  # fmt: skip


def as_dict(one):
    result = dict(vars(one))
    if result["to"] is not None:
        result["to"] = vars(result["to"])
    result["stock"] = list(result["stock"].items())
    return result


ORDERS = [order(i) for i in range(300)]


def test_record_batches_and_tables(pa):
    encoder = rows.encoder(Order, utc=True)
    expected = [as_dict(one) for one in ORDERS]
    made = encoder.to_arrow_record_batch(ORDERS)
    made.validate(full=True)
    table = encoder.to_arrow_table(ORDERS)
    table.validate(full=True)
    assert made.schema == table.schema == rows.to_arrow_schema(encoder.schema, "UTC")
    assert made.to_pylist() == table.to_pylist() == [dict(sorted(one.items())) for one in expected]
    assert made == pa.RecordBatch.from_pylist(expected, schema=made.schema)
    for data in (made, table, table.slice(17, 100), made.slice(299), table.slice(5, 0), [made, table], table.to_reader(),
                 pa.concat_tables([table.slice(3, 50), table.slice(9, 11)])):  # fmt: skip
        wanted = data if not isinstance(data, list) else pa.concat_tables([pa.Table.from_batches([made]), table])
        wanted = table if isinstance(data, pa.RecordBatchReader) else wanted
        assert encoder.batch(encoder.from_arrow(data)).to_arrow().to_pylist() == wanted.to_pylist()
    assert encoder.from_arrow(table) == ORDERS


def test_other_storage(pa):
    schema = rows.schema([
        rows.field("a", rows.utf8()), rows.field("b", rows.timestamp()), rows.field("c", rows.list_(rows.list_(rows.int16()))),
        rows.field("d", rows.binary()), rows.field("e", rows.date32()), rows.field("f", rows.duration()), rows.field("g", rows.int8()),
    ])  # fmt: skip
    day = datetime.date(1969, 12, 30)
    table = pa.table({
        "a": pa.array(["x", None, "\u00e9" * 20], pa.large_string()),
        "b": pa.array([1, None, -1], pa.timestamp("s")),
        "c": pa.array([[[1], None], None, []], pa.large_list(pa.list_(pa.int16(), 1))),
        "d": pa.array([b"12345", None, b"abcde"], pa.binary(5)),
        "e": pa.array([day, None, day], pa.date64()),
        "f": pa.array([5000, None, -1000], pa.duration("ns")),
        "g": pa.nulls(3),
    })  # fmt: skip
    for part in (table, table.slice(1), table.slice(2)):
        got = RowBatch.from_arrow(part, schema).to_arrow()
        got.validate(full=True)
        assert got.drop_columns(["b", "f"]).to_pylist() == part.drop_columns(["b", "f"]).to_pylist()
        assert got["f"].to_pylist() == [None if v is None else datetime.timedelta(microseconds=v.value // 1000) for v in
                                        (x if x.is_valid else None for x in part["f"])]  # fmt: skip
    times = RowBatch.from_arrow(table, schema).to_arrow()["b"].cast(pa.int64()).to_pylist()
    assert times == [1000000, None, -1000000]
    if hasattr(pa, "string_view"):
        views = pa.table({"a": pa.array(["short", None, "longer than twelve bytes", ""], pa.string_view())})
        for part in (views, views.slice(1), views.slice(2, 1)):
            assert RowBatch.from_arrow(part, schema).to_arrow()["a"].to_pylist() == part["a"].to_pylist()


def test_conversions_by_pyarrow(pa):
    schema = rows.schema([rows.field("a", rows.int64()), rows.field("b", rows.utf8())])
    table = pa.table({"a": pa.array([1, None], pa.uint8()), "b": pa.array(["x", None]).dictionary_encode()})
    for data in (table, table.to_batches()[0], Stream(table)):
        assert RowBatch.from_arrow(data, schema).to_list() == [{"a": 1, "b": "x"}, {"a": None, "b": None}]
    with pytest.raises(ForyTypeError, match="column a is string in the Arrow data and cannot become int64"):
        RowBatch.from_arrow(pa.table({"a": ["x"]}), schema)


def test_what_would_lose_something(pa):
    schema = rows.schema([rows.field("t", rows.timestamp()), rows.field("d", rows.date32())])
    with pytest.raises(ForyInvalidDataError, match="not a whole number of microseconds"):
        RowBatch.from_arrow(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), schema)
    with pytest.raises(OverflowError):
        RowBatch.from_arrow(pa.table({"t": pa.array([2**62], pa.timestamp("s"))}), schema)
    structs = pa.array([None, {"t": None, "d": None}], pa.struct(rows.to_arrow_schema(schema)))
    with pytest.raises(ForyInvalidDataError, match="null structs"):
        RowBatch.from_arrow(structs, schema)
    with pytest.raises(TypeError, match="not from single columns"):
        RowBatch.from_arrow(pa.array([1]), schema)


def test_structs_are_rows(pa):
    array = pa.array([{"a": 1}, {"a": None}], pa.struct([("a", pa.int64())]))
    assert RowBatch.from_arrow(array).to_list() == [{"a": 1}, {"a": None}]


def test_nothing_is_kept(pa):
    schema = rows.schema([rows.field("a", rows.list_(rows.utf8()))])
    batch = make_batch(schema, [(["x" * 50] * 10,)] * 200)
    batch.to_arrow()
    gc.collect()
    before = pa.total_allocated_bytes()
    references = sys.getrefcount(schema)
    for _ in range(100):
        table = batch.to_arrow()
        RowBatch.from_arrow(table)
    del table
    gc.collect()
    assert pa.total_allocated_bytes() == before
    assert abs(sys.getrefcount(schema) - references) < 5


def test_arrow_writer(pa):
    schema = pa.schema([("id", pa.int64()), ("name", pa.large_string()), ("at", pa.timestamp("ms", "Europe/Berlin"))])
    writer = rows.ArrowWriter(schema)
    at = datetime.datetime(2024, 5, 1, 12, tzinfo=UTC)
    row = rows.create_row_encoder(schema).to_row({"id": 1, "name": "one", "at": at})
    writer.write(row)
    writer.write({"id": 2, "name": None, "at": None})
    made = writer.finish()
    assert made.schema == schema
    assert made.to_pylist() == [{"id": 1, "name": "one", "at": at}, {"id": 2, "name": None, "at": None}]
    assert writer.finish().num_rows == 0
    writer.write(row)
    writer.reset()
    assert writer.finish().num_rows == 0


def test_create_row_encoder_takes_arrow_schemas(pa):
    encoder = rows.create_row_encoder(pa.schema([("a", pa.int64())]))
    assert encoder.to_row({"a": 5}).a == 5


# ---- polars, DuckDB, pandas ------------------------------------------------------------------


def test_polars():
    polars = library("polars")
    encoder = rows.encoder(Order, utc=True)
    batch = encoder.batch(ORDERS)
    frame = polars.DataFrame(batch)
    assert frame.shape == (300, 14)
    assert frame["id"].to_list() == [one.id for one in ORDERS]
    assert frame["to"].struct.field("zip").to_list() == [one.to and one.to.zip for one in ORDERS]
    assert frame["amount"].to_list() == [one.amount for one in ORDERS]
    plain = [name for name in encoder.schema.names if name != "stock"]  # polars may give maps back as lists
    again = RowBatch.from_arrow(frame.select(plain), encoder.schema, utc=True).to_list()
    assert again == [dict(row.to_dict(), stock=None) for row in batch]


def test_duckdb():
    duckdb = library("duckdb")
    encoder = rows.encoder(Order, utc=True)
    fields = [field for field in encoder.schema if field.name != "half"]  # no half floats there
    batch = RowBatch(rows.schema(fields), [vars(one) for one in ORDERS])  # noqa: F841: named in the query
    found = duckdb.sql('select count(*), sum(id), max("to".zip), count(name), min(amount) from batch').fetchall()
    assert found == [(300, sum(range(300)), 299, 200, decimal.Decimal(0))]
    result = duckdb.sql("select id, name, tags from batch where id < 5 order by id")
    again = RowBatch.from_arrow(result)
    assert again.to_list() == [{"id": one.id, "name": one.name, "tags": one.tags} for one in ORDERS[:5]]


def test_pandas(pa):
    pandas = library("pandas")
    encoder = rows.encoder(Order, utc=True)
    batch = encoder.batch(ORDERS)
    frame = batch.to_pandas()
    assert frame.shape == (300, 14)
    assert frame["id"].tolist() == list(range(300))
    assert str(frame["at"].dtype).startswith("datetime64") and "UTC" in str(frame["at"].dtype)
    assert frame["name"].isna().sum() == 100
    assert RowBatch.from_arrow(frame, encoder.schema, utc=True).to_list() == batch.to_list()
    made = pandas.DataFrame({"a": [1.5, None], "b": ["x", "y"]})
    schema = rows.schema([rows.field("b", rows.utf8()), rows.field("a", rows.float64()), rows.field("c", rows.int8())])
    assert RowBatch.from_arrow(made, schema).to_list() == [{"b": "x", "a": 1.5, "c": None}, {"b": "y", "a": None, "c": None}]
    assert RowBatch.from_arrow(made).schema.names == ["a", "b"]


def test_the_index_of_a_frame_is_no_column():
    """It was, of nulls: the rows have the columns alone."""
    library("pyarrow")
    pd = library("pandas")
    batch = RowBatch.from_arrow(pd.DataFrame({"a": [1, 2]}, index=["x", "y"]))
    assert batch.to_list() == [{"a": 1}, {"a": 2}]
    assert RowBatch.from_arrow(pd.DataFrame({"a": [1, 2]})[::-1]).to_list() == [{"a": 2}, {"a": 1}]
