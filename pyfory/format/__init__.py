"""The row format: rows that are read without being decoded.

    from pyfory import format as rows

    encoder = rows.encoder(Person)
    row = encoder.to_row(person)      # bytes in the standard row layout
    row.name                          # made when asked for

Section 17 of the wire format; docs/row-format.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# This must be done here: the function `encoder` hides the module of that name.
from pyfory.format.encoder import Encoder, RowEncoder, create_row_encoder, encoder
from pyfory.format.infer import (
    get_cls_by_schema,
    get_type_id,
    infer_data_type,
    infer_schema,
    remove_schema,
    reset,
)
from pyfory.format.schema import Schema, compute_schema_hash, schema
from pyfory.format.types import (
    DataType,
    DecimalType,
    Field,
    ListType,
    MapType,
    StructType,
    binary,
    boolean,
    date32,
    decimal,
    duration,
    field,
    float16,
    float32,
    float64,
    get_byte_width,
    int8,
    int16,
    int32,
    int64,
    list_,
    map_,
    string,
    struct,
    timestamp,
    utf8,
)
from pyfory.types import TypeId

if TYPE_CHECKING:
    from pyfory._core import ArrayData, MapData, RowData
    from pyfory.format.arrow import ArrowWriter, from_arrow_schema, to_arrow_schema
    from pyfory.format.batch import Column, ListColumn, MapColumn, RowBatch, StringColumn, StructColumn

__all__ = [
    "ArrayData",
    "ArrowWriter",
    "Column",
    "DataType",
    "DecimalType",
    "Encoder",
    "Field",
    "ListColumn",
    "ListType",
    "MapColumn",
    "MapData",
    "MapType",
    "RowBatch",
    "RowData",
    "RowEncoder",
    "Schema",
    "StringColumn",
    "StructColumn",
    "StructType",
    "TypeId",
    "binary",
    "boolean",
    "compute_schema_hash",
    "create_row_encoder",
    "date32",
    "decimal",
    "duration",
    "encoder",
    "field",
    "float16",
    "float32",
    "float64",
    "from_arrow_schema",
    "get_byte_width",
    "get_cls_by_schema",
    "get_type_id",
    "infer_data_type",
    "infer_schema",
    "int16",
    "int32",
    "int64",
    "int8",
    "list_",
    "map_",
    "remove_schema",
    "reset",
    "schema",
    "string",
    "struct",
    "timestamp",
    "to_arrow_schema",
    "utf8",
]

#: loaded on first use
_LAZY = {
    "ArrayData": "pyfory._core",
    "MapData": "pyfory._core",
    "RowData": "pyfory._core",
    "ArrowWriter": "pyfory.format.arrow",
    "from_arrow_schema": "pyfory.format.arrow",
    "to_arrow_schema": "pyfory.format.arrow",
    "Column": "pyfory.format.batch",
    "ListColumn": "pyfory.format.batch",
    "MapColumn": "pyfory.format.batch",
    "StringColumn": "pyfory.format.batch",
    "StructColumn": "pyfory.format.batch",
    "RowBatch": "pyfory.format.batch",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError("module 'pyfory.format' has no attribute %r" % name)
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
