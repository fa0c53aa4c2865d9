"""Random schemas and values: the bytes of section 17.2, and everything comes back from them."""

from __future__ import annotations

import datetime
import math
import struct

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from pyfory import format as rows
from pyfory.format.schema import Schema
from row import pure_row as pure
from row import row_strategies as strategies

UTC = datetime.timezone.utc


def plain(value):
    """What a view or record holds, with dicts for structs and maps."""
    if isinstance(value, rows.RowData):
        return {name: plain(value[name]) for name in value.schema.names}
    if isinstance(value, rows.ArrayData):
        return [plain(item) for item in value]
    if isinstance(value, rows.MapData):
        return dict(zip(plain(value.keys_array()), plain(value.values_array())))
    return value


def plain_record(value):
    if hasattr(value, "as_dict"):
        return {name: plain_record(item) for name, item in value.as_dict().items()}
    if isinstance(value, dict):
        return {key: plain_record(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_record(item) for item in value]
    return value


def aware(value):
    """Naive local times, as rows give them unless asked, as instants."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, dict):
        return {key: aware(item) for key, item in value.items()}
    if isinstance(value, list):
        return [aware(item) for item in value]
    return value


@given(strategies.schemas())
def test_schema_bytes(schema):
    read = Schema.from_bytes(schema.to_bytes())
    assert read == schema and read.spec == schema.spec
    assert rows.compute_schema_hash(read) == rows.compute_schema_hash(schema)


@given(strategies.schemas_with_rows())
def test_rows(case):
    schema, value = case
    expected = pure.encode(schema.spec, value)
    source = pure.to_python(schema.spec, value)
    encoder = rows.create_row_encoder(schema)
    row = encoder.to_row(source)
    assert row.to_bytes() == expected
    assert row.size_bytes() == len(expected)
    assert aware(plain(row)) == source
    assert aware(plain(rows.RowData(schema, expected))) == source
    assert aware(plain_record(encoder.from_row(row))) == source
    assert aware(plain_record(encoder.from_row(rows.RowData(schema, memoryview(expected))))) == source
    assert pure.scrub(schema.spec, expected) == expected


@given(strategies.schemas_with_rows())
def test_a_row_of_a_row(case):
    """Views and records are written as what they came from."""
    schema, value = case
    expected = pure.encode(schema.spec, value)
    encoder = rows.create_row_encoder(schema)
    row = rows.RowData(schema, expected)
    assert encoder.to_row(row).to_bytes() == expected
    assert encoder.to_row(encoder.from_row(row)).to_bytes() == expected


@given(strategies.schemas_with_rows(), st.integers(0, 3))
def test_rows_within_other_bytes(case, shift):
    schema, value = case
    expected = pure.encode(schema.spec, value)
    source = pure.to_python(schema.spec, value)
    data = b"\xff" * shift + expected + b"\xff" * 5
    row = rows.RowData(schema, data, shift, len(expected))
    assert aware(plain(row)) == source
    assert row.to_bytes() == expected


@given(strategies.schemas_with_rows())
def test_encoder_with_hash(case):
    schema, value = case
    encoder = rows.Encoder(schema=schema)
    source = pure.to_python(schema.spec, value)
    data = encoder.encode(source)
    assert data == struct.pack("<q", rows.compute_schema_hash(schema)) + pure.encode(schema.spec, value)
    assert aware(plain_record(encoder.decode(data))) == source


@pytest.mark.parametrize("dtype,bits", [(rows.float16(), 0x7E00), (rows.float32(), 0x7FC00000), (rows.float64(), 0x7FF8000000000000)])
def test_nan(dtype, bits):
    schema = rows.schema([rows.field("x", dtype)])
    row = rows.create_row_encoder(schema).to_row({"x": math.nan})
    assert int.from_bytes(row.to_bytes()[8:], "little") == bits
    assert math.isnan(row.x)
