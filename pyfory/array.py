"""Dense one-dimensional arrays: the Python carriers of ``array<T>`` schemas.

A carrier owns packed little-endian elements and behaves like a list of Python
numbers. It exports its memory through the buffer protocol, so that
``numpy.asarray(a)`` and ``memoryview(a)`` share it; while such a view is alive,
changing the length raises BufferError.

Elements are checked: integer arrays take ``int`` (not ``bool``, not NumPy
scalars) within their range, float arrays ``int`` and ``float``, BoolArray only
``bool``. A wrong type raises ForyTypeError (a TypeError), a number out of range
ForyOverflowError (an OverflowError). Reduced precision rounds to nearest even
and overflows to infinity.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any, ClassVar, Dict, Type

from pyfory import _core
from pyfory._core import register_array_type as _register

__all__ = [
    "DenseArray",
    "BoolArray",
    "Int8Array",
    "Int16Array",
    "Int32Array",
    "Int64Array",
    "UInt8Array",
    "UInt16Array",
    "UInt32Array",
    "UInt64Array",
    "Float16Array",
    "BFloat16Array",
    "Float32Array",
    "Float64Array",
]


class DenseArray(_core.DenseArray):
    """What all carriers have in common; not to be instantiated itself.

    The constructor takes an iterable of Python numbers, or a one-dimensional
    buffer of the same dtype (ndarray, array.array, memoryview), which is copied
    as a block.
    """

    __slots__ = ()

    type_id: ClassVar[int]
    """Wire type id of the array (wire-format section 7)."""
    typecode: ClassVar[str]
    """The ``array.array`` typecode that :meth:`to_buffer` uses."""

    def to_buffer(self) -> Any:
        """Copy of the packed elements: ``bytearray`` for BoolArray and UInt8Array,
        otherwise ``array.array`` of :attr:`typecode` (16-bit patterns as ``"H"``
        for the two half-precision floats)."""
        if self.type_id == 43 or self.type_id == 48:
            return bytearray(self)
        from array import array

        return array(self.typecode, bytes(self))

    def to_numpy(self, dtype: Any = None) -> Any:
        """The elements as an ndarray that shares this array's memory.

        With another ``dtype`` the result is a converted copy. NumPy has no
        bfloat16: BFloat16Array gives a float32 copy."""
        import numpy

        wanted = None if dtype is None else numpy.dtype(dtype)
        if self.type_id in (53, 54):
            # half floats are widened by our own kernels, several times faster
            exact = wanted if wanted in (numpy.float32, numpy.float64) else None
            if exact is None and self.type_id == 54:
                exact = numpy.dtype(numpy.float32)
            if exact is not None and exact.isnative:
                result = numpy.empty(len(self), exact)
                self._widen_into(result)
                return result if wanted is None else result.astype(wanted, copy=False)
        result = numpy.asarray(self)
        return result if wanted is None else result.astype(wanted, copy=False)


# Registering with the ABC costs nothing per instance; isinstance() then holds
# for every carrier and its subclasses.
MutableSequence.register(DenseArray)


class BoolArray(DenseArray):
    """``array<bool>``; elements are ``bool``, one byte each."""

    __slots__ = ()
    type_id = 43
    typecode = "B"


class Int8Array(DenseArray):
    """``array<int8>``."""

    __slots__ = ()
    type_id = 44
    typecode = "b"


class Int16Array(DenseArray):
    """``array<int16>``."""

    __slots__ = ()
    type_id = 45
    typecode = "h"


class Int32Array(DenseArray):
    """``array<int32>``."""

    __slots__ = ()
    type_id = 46
    typecode = "i"


class Int64Array(DenseArray):
    """``array<int64>``."""

    __slots__ = ()
    type_id = 47
    typecode = "q"


class UInt8Array(DenseArray):
    """``array<uint8>``."""

    __slots__ = ()
    type_id = 48
    typecode = "B"


class UInt16Array(DenseArray):
    """``array<uint16>``."""

    __slots__ = ()
    type_id = 49
    typecode = "H"


class UInt32Array(DenseArray):
    """``array<uint32>``."""

    __slots__ = ()
    type_id = 50
    typecode = "I"


class UInt64Array(DenseArray):
    """``array<uint64>``."""

    __slots__ = ()
    type_id = 51
    typecode = "Q"


class Float16Array(DenseArray):
    """``array<float16>``; elements are ``float``, rounded to IEEE 754 half precision.

    ``from_buffer`` takes the 16-bit patterns verbatim."""

    __slots__ = ()
    type_id = 53
    typecode = "H"


class BFloat16Array(DenseArray):
    """``array<bfloat16>``; elements are ``float``, rounded to the upper half of float32.

    ``from_buffer`` takes the 16-bit patterns verbatim. Buffer views have format
    ``"H"`` (the patterns), since PEP 3118 knows no bfloat16."""

    __slots__ = ()
    type_id = 54
    typecode = "H"


class Float32Array(DenseArray):
    """``array<float32>``; elements are ``float``, rounded to single precision."""

    __slots__ = ()
    type_id = 55
    typecode = "f"


class Float64Array(DenseArray):
    """``array<float64>``."""

    __slots__ = ()
    type_id = 56
    typecode = "d"


ARRAY_TYPES: Dict[int, Type[DenseArray]] = {
    cls.type_id: cls
    for cls in (
        BoolArray,
        Int8Array,
        Int16Array,
        Int32Array,
        Int64Array,
        UInt8Array,
        UInt16Array,
        UInt32Array,
        UInt64Array,
        Float16Array,
        BFloat16Array,
        Float32Array,
        Float64Array,
    )
}
"""Carrier class by wire type id."""

for _type_id, _cls in ARRAY_TYPES.items():
    _register(_type_id, _cls)
del _type_id, _cls
