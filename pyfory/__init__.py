"""pyfory: the Python runtime of the Apache Fory serialization formats.

    import pyfory

    fory = pyfory.Fory(ref=True)
    fory.register(Person, name="example.Person")
    data = fory.dumps(Person("Alice", 30))
    person = fory.loads(data)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from pyfory import _core  # noqa: F401
except ImportError:
    # started in a checkout of the sources: the compiled module is elsewhere
    from pyfory._checkout import use_installed

    use_installed(__path__)
    from pyfory import _core  # noqa: F401

from pyfory._core import Buffer, BufferObject
from pyfory._version import __version__
from pyfory.annotation import (
    Array,
    BFloat16,
    Bool,
    FixedInt32,
    FixedInt64,
    FixedUInt32,
    FixedUInt64,
    Float16,
    Float32,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    NDArray,
    PyArray,
    Ref,
    TaggedInt64,
    TaggedUInt64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
)
from pyfory.array import (
    BFloat16Array,
    BoolArray,
    Float16Array,
    Float32Array,
    Float64Array,
    Int8Array,
    Int16Array,
    Int32Array,
    Int64Array,
    UInt8Array,
    UInt16Array,
    UInt32Array,
    UInt64Array,
)
from pyfory.field import dataclass, dataslots, field
from pyfory.fory import Fory, ThreadSafeFory
from pyfory.policy import DeserializationPolicy
from pyfory.registry import TypeInfo
from pyfory.serializer import CollectionSerializer, Serializer
from pyfory.types import TypeId

if TYPE_CHECKING:
    from pyfory._runtime import show_runtime
    from pyfory.lib import mmh3
    from pyfory import format
    from pyfory._core import RowData
    from pyfory.format.encoder import Encoder, create_row_encoder, encoder
    from pyfory.native.references import register_by_value, unregister_by_value
    from pyfory.stream import Reader
    from pyfory.type_util import get_qualified_classname, record_class_factory
    from pyfory.unknown import UnknownStruct

#: kept for programs that look at it: the compiled engine is always in use
ENABLE_FORY_CYTHON_SERIALIZATION = True

__all__ = [
    "Array",
    "BFloat16",
    "BFloat16Array",
    "Bool",
    "BoolArray",
    "Buffer",
    "BufferObject",
    "CollectionSerializer",
    "DeserializationPolicy",
    "Encoder",
    "FixedInt32",
    "FixedInt64",
    "FixedUInt32",
    "FixedUInt64",
    "Float16",
    "Float16Array",
    "Float32",
    "Float32Array",
    "Float64",
    "Float64Array",
    "Fory",
    "Int16",
    "Int16Array",
    "Int32",
    "Int32Array",
    "Int64",
    "Int64Array",
    "Int8",
    "Int8Array",
    "NDArray",
    "PyArray",
    "Reader",
    "Ref",
    "RowData",
    "Serializer",
    "TaggedInt64",
    "TaggedUInt64",
    "ThreadSafeFory",
    "TypeId",
    "TypeInfo",
    "UInt16",
    "UInt16Array",
    "UInt32",
    "UInt32Array",
    "UInt64",
    "UInt64Array",
    "UInt8",
    "UInt8Array",
    "UnknownStruct",
    "__version__",
    "create_row_encoder",
    "dataclass",
    "dataslots",
    "encoder",
    "field",
    "get_qualified_classname",
    "mmh3",
    "record_class_factory",
    "format",
    "register_by_value",
    "show_runtime",
    "unregister_by_value",
]

_LAZY = {
    "Encoder": "pyfory.format",
    "NonExistEnum": "pyfory.unknown",
    "get_qualified_classname": "pyfory.type_util",
    "record_class_factory": "pyfory.type_util",
    "Reader": "pyfory.stream",
    "RowData": "pyfory._core",
    "UnknownStruct": "pyfory.unknown",
    "create_row_encoder": "pyfory.format",
    "encoder": "pyfory.format",
    "register_by_value": "pyfory.native.references",
    "unregister_by_value": "pyfory.native.references",
    "show_runtime": "pyfory._runtime",
}
_SUBMODULES = ("error", "format", "union", "unknown", "lib", "meta", "policy", "types", "simd")


def __getattr__(name: str) -> Any:
    import importlib

    if name == "mmh3":
        return importlib.import_module("pyfory.lib.mmh3")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module("pyfory." + name)
    raise AttributeError("module 'pyfory' has no attribute %r" % name)
