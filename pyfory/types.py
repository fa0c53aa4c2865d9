"""Type ids of the wire format (sections 5.2 and 9) and questions about them."""

from __future__ import annotations

from typing import Dict, FrozenSet


class TypeId:
    """The type ids as plain integers. They never reach 64 (`BOUND`)."""

    UNKNOWN = 0
    BOOL = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    VARINT32 = 5
    INT64 = 6
    VARINT64 = 7
    TAGGED_INT64 = 8
    UINT8 = 9
    UINT16 = 10
    UINT32 = 11
    VAR_UINT32 = 12
    UINT64 = 13
    VAR_UINT64 = 14
    TAGGED_UINT64 = 15
    FLOAT8 = 16
    FLOAT16 = 17
    BFLOAT16 = 18
    FLOAT32 = 19
    FLOAT64 = 20
    STRING = 21
    LIST = 22
    SET = 23
    MAP = 24
    ENUM = 25
    NAMED_ENUM = 26
    STRUCT = 27
    COMPATIBLE_STRUCT = 28
    NAMED_STRUCT = 29
    NAMED_COMPATIBLE_STRUCT = 30
    EXT = 31
    NAMED_EXT = 32
    UNION = 33
    TYPED_UNION = 34
    NAMED_UNION = 35
    NONE = 36
    DURATION = 37
    TIMESTAMP = 38
    DATE = 39
    DECIMAL = 40
    BINARY = 41
    ARRAY = 42
    BOOL_ARRAY = 43
    INT8_ARRAY = 44
    INT16_ARRAY = 45
    INT32_ARRAY = 46
    INT64_ARRAY = 47
    UINT8_ARRAY = 48
    UINT16_ARRAY = 49
    UINT32_ARRAY = 50
    UINT64_ARRAY = 51
    FLOAT8_ARRAY = 52
    FLOAT16_ARRAY = 53
    BFLOAT16_ARRAY = 54
    FLOAT32_ARRAY = 55
    FLOAT64_ARRAY = 56
    BOUND = 64

    @staticmethod
    def is_namespaced_type(type_id: int) -> bool:
        """True for user types that are identified by namespace and name."""
        return type_id in _NAMED

    @staticmethod
    def is_type_share_meta(type_id: int) -> bool:
        """True for types whose type information is a TypeDef in compatible mode."""
        return type_id in _SHARE_META


_NAMED: FrozenSet[int] = frozenset((26, 29, 30, 32, 35))
_SHARE_META: FrozenSet[int] = frozenset((26, 28, 29, 30, 32, 35))
_BY_USER_ID: FrozenSet[int] = frozenset((25, 27, 28, 31, 34))
_POLYMORPHIC: FrozenSet[int] = frozenset((0, 27, 28, 29, 30, 31, 32))

INTEGER_IDS: FrozenSet[int] = frozenset(range(2, 16))
FLOAT_IDS: FrozenSet[int] = frozenset((17, 18, 19, 20))
#: numbers and bool: what sorts into the first two groups of a struct (section 12)
NUMERIC_IDS: FrozenSet[int] = INTEGER_IDS | FLOAT_IDS | {1}
#: basic scalars: fields of these types never carry a reference flag (section 13.1)
BASIC_IDS: FrozenSet[int] = INTEGER_IDS | {1, 19, 20, 21}
#: integers of variable length; they follow the fixed ones in field order
COMPRESSED_IDS: FrozenSet[int] = frozenset((5, 7, 8, 12, 14, 15))
ARRAY_IDS: FrozenSet[int] = frozenset((43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 55, 56))
ENUM_IDS: FrozenSet[int] = frozenset((25, 26))
STRUCT_IDS: FrozenSet[int] = frozenset((27, 28, 29, 30))
EXT_IDS: FrozenSet[int] = frozenset((31, 32))
UNION_IDS: FrozenSet[int] = frozenset((33, 34, 35))
#: everything a field type in a TypeDef may be
FIELD_TYPE_IDS: FrozenSet[int] = frozenset(range(57)) - {16, 42, 52}

#: width in bytes of the value range of numbers and bool
SCALAR_SIZES: Dict[int, int] = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 8, 8: 8,
    9: 1, 10: 2, 11: 4, 12: 4, 13: 8, 14: 8, 15: 8,
    16: 1, 17: 2, 18: 2, 19: 4, 20: 8,
}  # fmt: skip

#: element type id -> dense array type id, for the markers that arrays allow
ARRAY_OF: Dict[int, int] = {
    1: 43, 2: 44, 3: 45, 5: 46, 7: 47, 9: 48, 10: 49, 12: 50, 14: 51, 17: 53, 18: 54, 19: 55, 20: 56,
}  # fmt: skip

#: class names of the dense carriers, by type id
ARRAY_NAMES: Dict[int, str] = {
    43: "BoolArray", 44: "Int8Array", 45: "Int16Array", 46: "Int32Array", 47: "Int64Array",
    48: "UInt8Array", 49: "UInt16Array", 50: "UInt32Array", 51: "UInt64Array",
    53: "Float16Array", 54: "BFloat16Array", 55: "Float32Array", 56: "Float64Array",
}  # fmt: skip


def type_name(type_id: int) -> str:
    """The lower-case name of a type id for messages, "any" for values of unknown type."""
    if type_id == TypeId.UNKNOWN:
        return "any"
    for name, value in vars(TypeId).items():
        if value == type_id and name.isupper():
            return name.lower()
    return "type %d" % type_id


def is_primitive_type(type_id: int) -> bool:
    """True for bool, integers and floats of any width."""
    return 1 <= type_id <= 20


def get_primitive_type_size(type_id: int) -> int:
    """Bytes of a number or bool, -1 for every other type."""
    return SCALAR_SIZES.get(type_id, -1)


def is_primitive_array_type(type_id: int) -> bool:
    """True for the dense array types."""
    return type_id in ARRAY_IDS


def is_struct_type(type_id: int) -> bool:
    """True for the four kinds of struct."""
    return type_id in STRUCT_IDS


def is_enum_type(type_id: int) -> bool:
    """True for both kinds of enum."""
    return type_id in ENUM_IDS


def is_ext_type(type_id: int) -> bool:
    """True for both kinds of extension (a class with a serializer of its own)."""
    return type_id in EXT_IDS


def is_union_type(type_id: int) -> bool:
    """True for the three kinds of union."""
    return type_id in UNION_IDS


def is_polymorphic_type(type_id: int) -> bool:
    """True for types whose values may be of another class than the declared one."""
    return type_id in _POLYMORPHIC


def needs_user_type_id(type_id: int) -> bool:
    """True for user types that are identified by a number."""
    return type_id in _BY_USER_ID
