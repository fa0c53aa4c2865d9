"""Which way the values of a class travel in native mode, decided once per class.

The order is pickle's: copyreg's dispatch table, then the reduce methods. A class
for which object's own reduce method would be used, and which keeps its state in
attributes and nothing else, skips the protocol: the engine takes the attributes
directly and the result is the same.
"""

from __future__ import annotations

import copyreg
import io
import sys
from types import MethodDescriptorType, ModuleType
from typing import Any, Tuple

__all__ = ["classify"]

_OBJECT_GETSTATE = getattr(object, "__getstate__", None)
#: an instance without attributes has no state: its __setstate__ is not called
_EMPTY_STATE_IS_NONE = sys.version_info >= (3, 11)
_NEWARGS_AND_SETSTATE = ("__getnewargs_ex__", "__getnewargs__", "__setstate__")
#: Py_TPFLAGS_HEAPTYPE
_HEAP_TYPE = 1 << 9


def classify(cls: type) -> Tuple[str, Any]:
    """(kind, detail) for the engine; see csrc/native/root.c."""
    if cls in copyreg.dispatch_table:
        return "reduce", None
    name = (cls.__module__, cls.__qualname__)
    if name == ("numpy", "ndarray"):
        return "ndarray", None
    if name[0] == "pyfory.array" and name[1].endswith("Array"):
        return "dense", None
    if name == ("array", "array") and cls is getattr(sys.modules.get("array"), "array", None):
        return "pyarray", None
    numpy = sys.modules.get("numpy")
    if numpy is not None and name[0] == "numpy" and issubclass(cls, getattr(numpy, "generic", ())):
        # those that have no code, and subclasses, take the protocol after all
        return "numpy_scalar", None
    if may_be_code(cls):
        from pyfory.native.code import captures

        if captures(cls):
            return "code", None
    from pyfory.native.builders import REDUCERS

    reducer = REDUCERS.get(cls)
    if reducer is not None:
        return "reduce", reducer
    if name == ("decimal", "Decimal") and cls is sys.modules["decimal"].Decimal:
        return "decimal", None
    if name == ("uuid", "UUID"):
        return "uuid", None
    if numpy is not None and issubclass(cls, getattr(numpy, "dtype", ())):
        from pyfory.native.builders import reduce_dtype

        return "reduce", reduce_dtype
    if name[0] in ("zoneinfo", "backports.zoneinfo") and name[1] == "ZoneInfo":
        from pyfory.native.builders import reduce_zone_info

        return "reduce", reduce_zone_info
    if _is_plain_enum(cls):
        return "enum", None
    if issubclass(cls, BaseException):
        if _reduces_as_builtin(cls) and _found_in(cls, "__setstate__") is BaseException:
            from pyfory.native.builders import reduce_exception

            return "reduce", reduce_exception
    elif cls.__module__ not in _FORGETFUL and _reduces_as_builtin(cls):
        from pyfory.native.builders import reduce_with_attributes

        return "reduce", reduce_with_attributes
    slots = _slots_of_plain_object(cls)
    if slots is not None:
        return "object", slots
    return _shortcut(cls), None


_CODE_BASES = (type, ModuleType, property, staticmethod, classmethod, io.TextIOWrapper)
#: where classes live that are written in Python, or might be, and that `captures` takes
_CODE_MODULES = frozenset(
    "_io _weakrefset asyncio.coroutines dataclasses functools inspect io pyfory.native.kinds types typing weakref".split()
)


def may_be_code(cls: type) -> bool:
    """False where `captures` is sure to be, at a fraction of what importing it takes.

    Most first messages of a program hold its own classes and no code.
    """
    return not cls.__flags__ & _HEAP_TYPE or cls.__module__ in _CODE_MODULES or issubclass(cls, _CODE_BASES)


def _shortcut(cls: type) -> str:
    """Which part of the protocol the class takes: "stateful", "reducing", or all of it."""
    if _found_in(cls, "__reduce_ex__") is not object or _found_in(cls, "__getattribute__") is not object:
        return "reduce"
    if _found_in(cls, "__class__") is not object or not cls.__flags__ & _HEAP_TYPE:
        return "reduce"
    if _found_in(cls, "__reduce__") is not object:
        return "reducing"
    if _found_in(cls, "__getstate__") in (object, None) or issubclass(cls, (list, dict)):
        return "reduce"
    if _found_in(cls, "__getnewargs_ex__") is not None or _found_in(cls, "__getnewargs__") is not None:
        return "reduce"
    return "stateful"


def _is_plain_enum(cls: type) -> bool:
    enum = sys.modules.get("enum")
    if enum is None or not isinstance(cls, enum.EnumMeta):
        return False
    own = _found_in(cls, "__reduce_ex__")
    return own in (enum.Enum, enum.Flag) and _found_in(cls, "__reduce__") is object


#: modules with classes in C whose reduce methods know nothing of a subclass's attributes
_FORGETFUL = ("datetime", "decimal", "collections")


def _reduces_as_builtin(cls: type) -> bool:
    """Whether the reduce method comes from such a class, or from one of builtins."""
    if _found_in(cls, "__reduce_ex__") in (object, None) or _is_forgetful(_found_in(cls, "__reduce_ex__")):
        return _is_forgetful(_found_in(cls, "__reduce__"))
    return False


def _is_forgetful(base: type) -> bool:
    if issubclass(base, BaseException):
        return base.__module__ == "builtins"
    method = base.__dict__.get("__reduce__") or base.__dict__.get("__reduce_ex__")
    return base.__module__ in _FORGETFUL and isinstance(method, MethodDescriptorType)


def _found_in(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base
    return None


def _slots_of_plain_object(cls: type) -> Any:
    """The slot names (a tuple, mangled) of a class whose instances are their attributes, else None."""
    if _found_in(cls, "__reduce_ex__") is not object or _found_in(cls, "__reduce__") is not object:
        return None
    getstate = _found_in(cls, "__getstate__")
    if getstate is not (object if _OBJECT_GETSTATE is not None else None):
        return None
    hooks = ("__getnewargs_ex__", "__getnewargs__") if _EMPTY_STATE_IS_NONE else _NEWARGS_AND_SETSTATE
    for hook in hooks:
        if _found_in(cls, hook) is not None:
            return None
    if _found_in(cls, "__getattribute__") is not object or _found_in(cls, "__class__") is not object:
        return None
    if _OBJECT_GETSTATE is None and _found_in(cls, "__getattr__") is not None:
        # older protocols ask the instance for __getstate__
        return None
    if cls.__itemsize__ or issubclass(cls, (list, dict)):
        return None
    slots = copyreg._slotnames(cls)  # type: ignore[attr-defined]
    # state that is no attribute shows in the size, as object.__reduce_ex__ finds it
    word = tuple.__itemsize__
    size = object.__basicsize__ + word * len(slots)
    size += word * ((cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0))
    if cls.__basicsize__ > size or len(set(slots)) != len(slots):
        return None
    return tuple(sys.intern(name) for name in slots)
