"""Schemas of rows, and their bytes.

    schema = Schema([field("id", int64()), field("tags", list_(utf8()))])
    assert Schema.from_bytes(schema.to_bytes()) == schema

Section 17.4 of the wire format.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from pyfory.error import ForyBufferOutOfBoundError, ForyInvalidDataError, ForyTypeError, SchemaError
from pyfory.format.types import (
    DataType,
    Field,
    Spec,
    checked_fields,
    decimal,
    list_,
    map_,
    simple_type,
    spec_of,
    struct,
    StructType,
)
from pyfory.types import TypeId

_VERSION = 1
_LONG_NAME = 15
_NULLABLE = 0x40
#: the encodings of a field name, by their code in the field header
_ENCODINGS = (0, 4, 2)
_ALLOWED = 1 << 0 | 1 << 4 | 1 << 2
#: no sane schema nests this deep; a hostile one could exhaust the stack
MAX_NESTING = 100
# header, one byte of name, type
_MIN_FIELD_BYTES = 3

_HASH_START = 17
_HASH_MAX = (1 << 63) - 1


class Schema:
    """The fields of a row, in order.

    `metadata` maps bytes to bytes; it is local to the program, part of
    neither the bytes nor of equality. Raises SchemaError (a ValueError) when
    two fields have one name, TypeError for what is no field.
    """

    __slots__ = ("_fields", "_index", "_metadata", "_spec", "_compiled", "__weakref__")

    def __init__(self, fields: Sequence[Field], metadata: Optional[Mapping[bytes, bytes]] = None) -> None:
        self._fields: Tuple[Field, ...] = checked_fields(fields)
        self._index: Dict[str, int] = {field.name: i for i, field in enumerate(self._fields)}
        self._metadata: Dict[bytes, bytes] = dict(metadata or {})
        self._spec: Optional[Spec] = None
        self._compiled: Any = None

    @property
    def spec(self) -> Spec:
        """The nested tuple `(type id, name, nullable, children, parameters)` that
        describes the schema to the compiled core; the root is a struct without a name."""
        if self._spec is None:
            self._spec = (TypeId.STRUCT, "", False, tuple(spec_of(field) for field in self._fields), ())
        return self._spec

    def _plan(self) -> Any:
        """The compiled form, made on first use."""
        if self._compiled is None:
            from pyfory._core import RowSchema

            self._compiled = RowSchema(self.spec, self)
        return self._compiled

    # ---- fields

    @property
    def num_fields(self) -> int:
        """The number of fields."""
        return len(self._fields)

    @property
    def fields(self) -> List[Field]:
        """The fields."""
        return list(self._fields)

    @property
    def names(self) -> List[str]:
        """The names of the fields."""
        return list(self._index)

    @property
    def types(self) -> List[DataType]:
        """The types of the fields."""
        return [field.type for field in self._fields]

    @property
    def metadata(self) -> Dict[bytes, bytes]:
        """Notes of the local program, such as `b"cls"`: the class the schema was inferred from."""
        return dict(self._metadata)

    def field(self, i: int) -> Optional[Field]:
        """Field `i`, None when there is none."""
        return self._fields[i] if 0 <= i < len(self._fields) else None

    def get_field_by_name(self, name: str) -> Optional[Field]:
        """The field `name`, None when there is none."""
        i = self._index.get(name)
        return None if i is None else self._fields[i]

    def get_field_index(self, name: str) -> int:
        """The index of field `name`, -1 when there is none."""
        return self._index.get(name, -1)

    def with_metadata(self, metadata: Mapping[bytes, bytes]) -> "Schema":
        """A copy with other metadata."""
        return Schema(self._fields, metadata)

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __contains__(self, item: object) -> bool:
        return item in self._index if isinstance(item, str) else item in self._fields

    def __getitem__(self, key: Union[int, str]) -> Optional[Field]:
        if isinstance(key, str):
            return self.get_field_by_name(key)
        if isinstance(key, int):
            return self.field(key)
        raise ForyTypeError("fields are found by int or str, not %s" % type(key).__name__)

    def __arrow_c_schema__(self) -> Any:
        """The capsule through which Arrow libraries read the schema."""
        from pyfory.format.arrow import schema_capsule

        return schema_capsule(self)

    # ---- comparison

    def equals(self, other: Any) -> bool:
        """True for the same fields in the same order."""
        return isinstance(other, Schema) and self._fields == other._fields

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, Schema) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields)

    def __str__(self) -> str:
        return "\n".join(map(str, self._fields))

    def __repr__(self) -> str:
        return "Schema(%s)" % self

    def __reduce__(self) -> Tuple[Any, ...]:
        return Schema, (self._fields, self._metadata)

    # ---- bytes

    def to_bytes(self) -> bytes:
        """The schema as every Fory runtime reads it (wire format 17.4).

        Raises SchemaError (a ValueError) for a field without a name, which
        the format cannot express, or containers nested more than 100 deep.
        """
        out = bytearray((_VERSION,))
        _put_fields(out, self._fields, 0)
        return bytes(out)

    @staticmethod
    def from_bytes(data: Any) -> "Schema":
        """The schema in a bytes-like object.

        Raises ForyBufferOutOfBoundError (an EOFError) when it is cut off and
        ForyInvalidDataError (a ValueError) when it is malformed.
        """
        with memoryview(data) as view:
            cursor = _Cursor(view.tobytes())
        version = cursor.u8()
        if version != _VERSION:
            raise ForyInvalidDataError("row schema has version %d, expected %d" % (version, _VERSION))
        try:
            schema = Schema(_take_fields(cursor, 0))
        except SchemaError as error:
            raise ForyInvalidDataError("malformed row schema: %s" % error) from None
        if cursor.pos != len(cursor.data):
            raise ForyInvalidDataError("%d bytes follow the row schema" % (len(cursor.data) - cursor.pos))
        return schema


def schema(fields: Sequence[Field], metadata: Optional[Mapping[bytes, bytes]] = None) -> Schema:
    """The same as `Schema(...)`."""
    return Schema(fields, metadata)


def compute_schema_hash(schema: Schema) -> int:
    """The 64-bit number that goes before the row in `Encoder.encode`. It depends on
    the types of the fields alone, not on their names."""
    number = _HASH_START
    for field in schema.fields:
        number = _hash_type(number, field.type)
    return number


def _hash_type(number: int, dtype: DataType) -> int:
    while number * 31 + dtype.id > _HASH_MAX:
        number >>= 2
    number = number * 31 + dtype.id
    for child in dtype._fields:
        number = _hash_type(number, child.type)
    return number


# ---- writing ----------------------------------------------------------------


def _put_vu32(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_fields(out: bytearray, fields: Sequence[Field], depth: int) -> None:
    _put_vu32(out, len(fields))
    for field in fields:
        _put_field(out, field, depth)


def _put_field(out: bytearray, field: Field, depth: int) -> None:
    from pyfory._core import encode_meta_string

    if not field.name:
        raise SchemaError("a field without a name cannot be written")
    if depth >= MAX_NESTING:
        raise SchemaError("the schema is nested deeper than %d" % MAX_NESTING)
    encoding, name = encode_meta_string(field.name, "$", "_", _ALLOWED)
    size = len(name)
    head = _ENCODINGS.index(encoding) | min(size - 1, _LONG_NAME) << 2
    out.append(head | _NULLABLE if field.nullable else head)
    if size > _LONG_NAME:
        _put_vu32(out, size - _LONG_NAME)
    out += name
    dtype = field.type
    out.append(dtype.id)
    if isinstance(dtype, StructType):
        _put_fields(out, dtype._fields, depth + 1)
        return
    for child in dtype._fields:
        _put_field(out, child, depth + 1)
    out += bytes(dtype._params)


# ---- reading ----------------------------------------------------------------


class _Cursor:
    __slots__ = ("data", "pos")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0

    def u8(self) -> int:
        if self.pos >= len(self.data):
            raise ForyBufferOutOfBoundError("the row schema is cut off at byte %d" % self.pos)
        self.pos += 1
        return self.data[self.pos - 1]

    def vu32(self) -> int:
        result = 0
        for shift in range(0, 35, 7):
            byte = self.u8()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise ForyInvalidDataError("malformed row schema: number is too long")
        if result >> 32:
            raise ForyInvalidDataError("malformed row schema: number is out of range")
        return result

    def left(self) -> int:
        return len(self.data) - self.pos

    def take(self, size: int) -> bytes:
        if size > self.left():
            raise ForyBufferOutOfBoundError("the row schema is cut off at byte %d" % len(self.data))
        self.pos += size
        return self.data[self.pos - size : self.pos]


def _take_fields(cursor: _Cursor, depth: int) -> List[Field]:
    count = cursor.vu32()
    if count * _MIN_FIELD_BYTES > cursor.left():
        raise ForyBufferOutOfBoundError("a row schema of %d fields does not fit into its bytes" % count)
    return [_take_field(cursor, depth) for _ in range(count)]


def _take_field(cursor: _Cursor, depth: int) -> Field:
    from pyfory._core import decode_meta_string

    if depth >= MAX_NESTING:
        raise ForyInvalidDataError("the row schema is nested deeper than %d" % MAX_NESTING)
    head = cursor.u8()
    code = head & 3
    if code >= len(_ENCODINGS) or head & 0x80:
        raise ForyInvalidDataError("malformed row schema: field header 0x%02x" % head)
    size = (head >> 2 & _LONG_NAME) + 1
    if size > _LONG_NAME:
        size = _LONG_NAME + cursor.vu32()
    name = decode_meta_string(cursor.take(size), _ENCODINGS[code], "$", "_")
    if not name:
        raise ForyInvalidDataError("malformed row schema: a field has no name")
    return Field(name, _take_type(cursor, depth), bool(head & _NULLABLE))


def _take_type(cursor: _Cursor, depth: int) -> DataType:
    type_id = cursor.u8()
    dtype = simple_type(type_id)
    if dtype is not None:
        return dtype
    if type_id == TypeId.LIST:
        return list_(_take_field(cursor, depth + 1))
    if type_id == TypeId.MAP:
        key = _take_field(cursor, depth + 1)
        return map_(key, _take_field(cursor, depth + 1))
    if type_id == TypeId.STRUCT:
        return struct(_take_fields(cursor, depth + 1))
    if type_id == TypeId.DECIMAL:
        precision = cursor.u8()
        return decimal(precision, cursor.u8())
    raise ForyInvalidDataError("malformed row schema: type %d has no row form" % type_id)


_ARROW = ("arrow_type_to_fory_type_id", "fory_type_id_to_arrow_type", "from_arrow_schema", "to_arrow_schema")


def __getattr__(name: str) -> Any:
    if name in _ARROW:
        from pyfory.format import arrow

        return getattr(arrow, name)
    raise AttributeError("module 'pyfory.format.schema' has no attribute %r" % name)
