"""Types of row fields: `DataType` and the functions that make them.

A type is immutable. `spec` of a schema (see `pyfory.format.schema`) is made
of what is here: a type id, children and parameters. Widths and layout are
those of section 17 of the wire format.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple, Type, TypeVar

from pyfory.error import ForyTypeError, SchemaError
from pyfory.types import TypeId

#: (type id, name, nullable, children, parameters) of a field, nested
Spec = Tuple[int, str, bool, Tuple[Any, ...], Tuple[int, ...]]

#: name and width in bits of the types without parameters; -1: variable
_SIMPLE: Dict[int, Tuple[str, int]] = {
    TypeId.BOOL: ("bool", 8),
    TypeId.INT8: ("int8", 8),
    TypeId.INT16: ("int16", 16),
    TypeId.INT32: ("int32", 32),
    TypeId.INT64: ("int64", 64),
    TypeId.FLOAT16: ("float16", 16),
    TypeId.FLOAT32: ("float", 32),
    TypeId.FLOAT64: ("double", 64),
    TypeId.STRING: ("utf8", -1),
    TypeId.BINARY: ("binary", -1),
    TypeId.DURATION: ("duration", 64),
    TypeId.TIMESTAMP: ("timestamp", 64),
    TypeId.DATE: ("date32", 32),
}

#: what one byte of the schema format can hold
_BYTE_MIN, _BYTE_MAX = 0, 255


class DataType:
    """The type of a row field. Made by the functions of this module, never directly."""

    __slots__ = ("_id", "_fields", "_params")

    _id: int
    _fields: Tuple["Field", ...]
    _params: Tuple[int, ...]

    def __init__(self) -> None:
        raise ForyTypeError("%s is not made directly; use the functions of pyfory.format" % type(self).__name__)

    @property
    def id(self) -> int:
        """The `pyfory.TypeId`."""
        return self._id

    @property
    def name(self) -> str:
        """The name without parameters: `"int32"`, `"list"`."""
        return _SIMPLE[self._id][0]

    @property
    def bit_width(self) -> int:
        """Bits of one value in an array (bool: 8), -1 when they vary."""
        return _SIMPLE[self._id][1]

    @property
    def num_fields(self) -> int:
        """Number of child fields: one for a list, two for a map."""
        return len(self._fields)

    def fields(self) -> List["Field"]:
        """The child fields."""
        return list(self._fields)

    def field(self, i: int) -> Optional["Field"]:
        """Child field `i`, None when there is none."""
        return self._fields[i] if 0 <= i < len(self._fields) else None

    def equals(self, other: Any) -> bool:
        """True for the same type with the same children and parameters."""
        return isinstance(other, DataType) and self._key() == other._key()

    def _key(self) -> Tuple[Any, ...]:
        return (self._id, self._fields, self._params)

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, DataType) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return "%s(%s)" % (type(self).__name__, self)


class DecimalType(DataType):
    """A decimal number of `precision` digits, `scale` of them behind the point."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "decimal"

    @property
    def bit_width(self) -> int:
        return -1

    @property
    def precision(self) -> int:
        """Number of digits."""
        return self._params[0]

    @property
    def scale(self) -> int:
        """Digits behind the point."""
        return self._params[1]

    def __str__(self) -> str:
        return "decimal(%d, %d)" % self._params


class ListType(DataType):
    """A list of `value_type`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "list"

    @property
    def bit_width(self) -> int:
        return -1

    @property
    def value_field(self) -> "Field":
        """The field of the elements, named "item"."""
        return self._fields[0]

    @property
    def value_type(self) -> DataType:
        """The type of the elements."""
        return self._fields[0].type

    def __str__(self) -> str:
        return "list<%s>" % self.value_type


class MapType(DataType):
    """A map from `key_type` to `item_type`."""

    __slots__ = ("keys_sorted",)

    keys_sorted: bool

    @property
    def name(self) -> str:
        return "map"

    @property
    def bit_width(self) -> int:
        return -1

    @property
    def key_type(self) -> DataType:
        """The type of the keys."""
        return self._fields[0].type

    @property
    def item_type(self) -> DataType:
        """The type of the values."""
        return self._fields[1].type

    def __str__(self) -> str:
        return "map<%s, %s>" % (self.key_type, self.item_type)


class StructType(DataType):
    """A nested row."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "struct"

    @property
    def bit_width(self) -> int:
        return -1

    def get_field_by_name(self, name: str) -> Optional["Field"]:
        """The field `name`, None when there is none."""
        index = self.get_field_index(name)
        return self._fields[index] if index >= 0 else None

    def get_field_index(self, name: str) -> int:
        """The index of field `name`, -1 when there is none."""
        return index_of(self._fields, name)

    def __str__(self) -> str:
        return "struct<%s>" % ", ".join(map(str, self._fields))


class Field:
    """A named position of a row: `type`, and whether it may be null.

    Every slot of a row can be null on the wire; `nullable` is part of the
    schema and of its bytes.
    """

    __slots__ = ("_name", "_type", "_nullable")

    def __init__(self, name: str, dtype: DataType, nullable: bool = True) -> None:
        if not isinstance(name, str):
            raise ForyTypeError("the name of a field must be str, not %s" % type(name).__name__)
        if not isinstance(dtype, DataType):
            raise ForyTypeError(
                "the type of field %r must be a DataType such as pyfory.format.int64(), not %r" % (name, dtype)
            )
        self._name = name
        self._type = dtype
        self._nullable = bool(nullable)

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def type(self) -> DataType:
        """The type."""
        return self._type

    @property
    def nullable(self) -> bool:
        """Whether the value may be null."""
        return self._nullable

    def equals(self, other: Any) -> bool:
        """True for the same name, type and nullability."""
        return isinstance(other, Field) and self._key() == other._key()

    def _key(self) -> Tuple[Any, ...]:
        return (self._name, self._nullable, self._type)

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, Field) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return "%s: %s%s" % (self._name, self._type, "" if self._nullable else " not null")

    def __repr__(self) -> str:
        return "Field(%s)" % self


_Type = TypeVar("_Type", bound=DataType)


def _make(
    cls: Type[_Type], type_id: int, fields: Tuple[Field, ...] = (), params: Tuple[int, ...] = ()
) -> _Type:
    self = cls.__new__(cls)
    self._id = type_id
    self._fields = fields
    self._params = params
    return self


def index_of(fields: Sequence[Field], name: str) -> int:
    """The index of the field `name`, -1 when there is none."""
    for i, field in enumerate(fields):
        if field.name == name:
            return i
    return -1


def checked_fields(fields: Sequence[Field]) -> Tuple[Field, ...]:
    """`fields` as a tuple. TypeError for what is no field, SchemaError (a
    ValueError) when two have one name."""
    result = tuple(fields)
    seen = set()
    for item in result:
        if not isinstance(item, Field):
            raise ForyTypeError("expected a Field, got %r" % (item,))
        if item.name in seen:
            raise SchemaError("two fields are named %r" % item.name)
        seen.add(item.name)
    return result


_BY_ID: Dict[int, DataType] = {type_id: _make(DataType, type_id) for type_id in _SIMPLE}


def simple_type(type_id: int) -> Optional[DataType]:
    """The type without parameters that has this id, None when there is none."""
    return _BY_ID.get(type_id)


def boolean() -> DataType:
    """True or False."""
    return _BY_ID[TypeId.BOOL]


def int8() -> DataType:
    """Signed integer of 8 bits."""
    return _BY_ID[TypeId.INT8]


def int16() -> DataType:
    """Signed integer of 16 bits."""
    return _BY_ID[TypeId.INT16]


def int32() -> DataType:
    """Signed integer of 32 bits."""
    return _BY_ID[TypeId.INT32]


def int64() -> DataType:
    """Signed integer of 64 bits."""
    return _BY_ID[TypeId.INT64]


def float16() -> DataType:
    """Binary floating point of 16 bits."""
    return _BY_ID[TypeId.FLOAT16]


def float32() -> DataType:
    """Binary floating point of 32 bits."""
    return _BY_ID[TypeId.FLOAT32]


def float64() -> DataType:
    """Binary floating point of 64 bits."""
    return _BY_ID[TypeId.FLOAT64]


def utf8() -> DataType:
    """Text."""
    return _BY_ID[TypeId.STRING]


def string() -> DataType:
    """Text, the same as `utf8()`."""
    return _BY_ID[TypeId.STRING]


def binary() -> DataType:
    """Bytes."""
    return _BY_ID[TypeId.BINARY]


def duration() -> DataType:
    """A span of time in microseconds."""
    return _BY_ID[TypeId.DURATION]


def timestamp() -> DataType:
    """An instant, in microseconds since 1970 UTC."""
    return _BY_ID[TypeId.TIMESTAMP]


def date32() -> DataType:
    """A calendar date, in days since 1970-01-01."""
    return _BY_ID[TypeId.DATE]


def decimal(precision: int = 38, scale: int = 18) -> DecimalType:
    """A decimal number of `precision` digits, `scale` of them behind the point.

    Raises SchemaError (a ValueError) when either does not fit into the byte
    that the schema format has for it.
    """
    for number, name in ((precision, "precision"), (scale, "scale")):
        if not _BYTE_MIN <= number <= _BYTE_MAX:
            raise SchemaError("decimal %s must be 0..255, got %r" % (name, number))
    return _make(DecimalType, TypeId.DECIMAL, (), (int(precision), int(scale)))


def list_(value_type: Any) -> ListType:
    """A list of `value_type`, which is a DataType, or a Field to set its name and nullability."""
    value = value_type if isinstance(value_type, Field) else Field("item", value_type)
    return _make(ListType, TypeId.LIST, (value,))


def map_(key_type: Any, item_type: Any, keys_sorted: bool = False) -> MapType:
    """A map. Keys are never null. `keys_sorted` is a note of the local program, not
    part of the schema's bytes."""
    key = key_type if isinstance(key_type, Field) else Field("key", key_type, nullable=False)
    value = item_type if isinstance(item_type, Field) else Field("value", item_type)
    result = _make(MapType, TypeId.MAP, (key, value))
    result.keys_sorted = bool(keys_sorted)
    return result


def struct(fields: Sequence[Field]) -> StructType:
    """A nested row of `fields`."""
    return _make(StructType, TypeId.STRUCT, checked_fields(fields))


def field(name: str, dtype: DataType, nullable: bool = True) -> Field:
    """The same as `Field(...)`."""
    return Field(name, dtype, nullable)


def get_byte_width(dtype: DataType) -> int:
    """Bytes of one value in an array, -1 when they vary."""
    return dtype.bit_width // 8 if dtype.bit_width > 0 else -1


def spec_of(field: Field) -> Spec:
    """The nested tuple that describes a field to the compiled core."""
    return (
        field.type.id,
        field.name,
        field.nullable,
        tuple(spec_of(child) for child in field.type._fields),
        field.type._params,
    )
