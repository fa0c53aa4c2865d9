"""Markers for annotations that say more than a Python type can.

Scalar markers are `typing.Annotated` forms: a type checker sees `int` or
`float`, pyfory sees the type id. `Ref[T]`, `Array[T]`, `NDArray[T]` and
`PyArray[T]` produce `Annotated` forms as well. What they allow inside is
checked when the schema of a class is built (`pyfory.schema`).
"""

from __future__ import annotations

import array as _array
import sys
from typing import TYPE_CHECKING, Any, List, MutableSequence, TypeVar, Union

from pyfory.types import TypeId

if sys.version_info >= (3, 9):
    from typing import Annotated
else:
    from typing_extensions import Annotated

Bool = bool
Int8 = Annotated[int, TypeId.INT8]
Int16 = Annotated[int, TypeId.INT16]
Int32 = Annotated[int, TypeId.VARINT32]
Int64 = Annotated[int, TypeId.VARINT64]
UInt8 = Annotated[int, TypeId.UINT8]
UInt16 = Annotated[int, TypeId.UINT16]
UInt32 = Annotated[int, TypeId.VAR_UINT32]
UInt64 = Annotated[int, TypeId.VAR_UINT64]
FixedInt32 = Annotated[int, TypeId.INT32]
FixedInt64 = Annotated[int, TypeId.INT64]
FixedUInt32 = Annotated[int, TypeId.UINT32]
FixedUInt64 = Annotated[int, TypeId.UINT64]
TaggedInt64 = Annotated[int, TypeId.TAGGED_INT64]
TaggedUInt64 = Annotated[int, TypeId.TAGGED_UINT64]
Float16 = Annotated[float, TypeId.FLOAT16]
BFloat16 = Annotated[float, TypeId.BFLOAT16]
Float32 = Annotated[float, TypeId.FLOAT32]
Float64 = Annotated[float, TypeId.FLOAT64]


class RefMeta:
    """Metadata of `Ref[T]`: whether values at this position are tracked."""

    __slots__ = ("enable",)

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RefMeta) and self.enable == other.enable

    def __hash__(self) -> int:
        return hash((RefMeta, self.enable))

    def __repr__(self) -> str:
        return "RefMeta(%r)" % (self.enable,)


class ArrayMeta:
    """Metadata of the array markers: the element annotation and the carrier
    (`"array"`, `"ndarray"` or `"pyarray"`)."""

    __slots__ = ("element_type", "carrier")

    def __init__(self, element_type: Any, carrier: str) -> None:
        self.element_type = element_type
        self.carrier = carrier

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArrayMeta)
            and self.element_type == other.element_type
            and self.carrier == other.carrier
        )

    def __hash__(self) -> int:
        return hash((ArrayMeta, self.element_type, self.carrier))

    def __repr__(self) -> str:
        return "ArrayMeta(element_type=%r, carrier=%r)" % (self.element_type, self.carrier)


def _element(name: str, params: Any) -> Any:
    if isinstance(params, tuple):
        raise TypeError("%s takes exactly one element type, like %s[pyfory.Int32]" % (name, name))
    return params


if TYPE_CHECKING:
    # What a type checker makes of them: the type itself, and anything that may hold an array.
    _T = TypeVar("_T")
    Ref = Annotated[_T, "reference"]
    Array = Union[MutableSequence[_T], Any]
    NDArray = Union[MutableSequence[_T], Any]
    PyArray = Union[MutableSequence[_T], Any]
else:

    class Ref:
        """`Ref[T]` tracks references at this position, `Ref[T, False]` does not.

        It overrides what the enclosing field or the element type would do, and
        has an effect only with `Fory(ref=True)`.
        """

        def __class_getitem__(cls, params: Any) -> Any:
            enable: Any = True
            target = params
            if isinstance(params, tuple):
                if len(params) != 2:
                    raise TypeError("Ref takes one type and an optional bool, like Ref[T] or Ref[T, False]")
                target, enable = params
            if not isinstance(enable, bool):
                raise TypeError("the second parameter of Ref must be a bool, got %r" % (enable,))
            return Annotated[target, RefMeta(enable)]

    class Array:
        """`Array[T]`: a dense array; values are `pyfory.*Array`."""

        def __class_getitem__(cls, params: Any) -> Any:
            element = _element("Array", params)
            return Annotated[List[element], ArrayMeta(element, "array")]


    class NDArray:
        """`NDArray[T]`: the same on the wire as `Array[T]`; values are one-dimensional NumPy arrays."""

        def __class_getitem__(cls, params: Any) -> Any:
            return Annotated[object, ArrayMeta(_element("NDArray", params), "ndarray")]


    class PyArray:
        """`PyArray[T]`: the same on the wire as `Array[T]`; values are `array.array`."""

        def __class_getitem__(cls, params: Any) -> Any:
            return Annotated[_array.array, ArrayMeta(_element("PyArray", params), "pyarray")]
