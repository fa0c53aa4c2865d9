"""The compiled types under the module name that programs for upstream import them from."""

from __future__ import annotations

from pyfory._core import (
    Buffer,
    BufferObject,
    ReadContext,
    WriteContext,
    bfloat16_bits as _bfloat16_to_bits,
    bfloat16_from_bits as _bfloat16_from_bits,
    float16_bits as _float16_to_bits,
    float16_from_bits as _float16_from_bits,
)
from pyfory.fory import Fory
from pyfory.registry import TypeInfo

__all__ = [
    "Buffer",
    "BufferObject",
    "Fory",
    "ReadContext",
    "TypeInfo",
    "WriteContext",
    "_bfloat16_from_bits",
    "_bfloat16_to_bits",
    "_float16_from_bits",
    "_float16_to_bits",
]
