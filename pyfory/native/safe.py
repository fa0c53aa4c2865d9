"""What strict mode takes without registration.

Three lists, because naming a class, making an instance from attributes and
calling a class with arguments of the message's choosing are different things:

* `SAFE_CLASSES` may be named, and instances whose state is attributes made;
* `SAFE_CALLS` may be called, the function beside a name looking at the
  arguments first;
* everything else that a builtin needs has a tag of its own in the format.

No call here imports, opens or calls anything that a message could choose, or
makes more of a message than its size: `bytes(10 ** 12)`, a list of a long
range, a Fraction of 1e999999999, and above all arrays and dtypes of NumPy by
their pickled state, which trusts flags and pointers in it, are not among them.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, Optional, Tuple

__all__ = ["SAFE_CALLS", "SAFE_CLASSES", "expands", "holds_memory"]

_EXCEPTIONS = (
    "ArithmeticError AssertionError AttributeError BaseException BlockingIOError BrokenPipeError BufferError "
    "BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError "
    "ConnectionResetError DeprecationWarning EOFError Exception FileExistsError FileNotFoundError "
    "FloatingPointError FutureWarning GeneratorExit ImportError ImportWarning IndentationError IndexError "
    "InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError "
    "ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError "
    "PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError "
    "ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning "
    "SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError "
    "UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning "
    "ZeroDivisionError EncodingWarning"
)

_BY_MODULE = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list memoryview object range set slice str "
    "tuple " + _EXCEPTIONS,
    "array": "array",
    "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "ipaddress": "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network",
    "numpy": "bool bool_ bytes_ complex64 complex128 clongdouble datetime64 dtype float16 float32 float64 int8 int16 "
    "int32 int64 longdouble ndarray str_ timedelta64 uint8 uint16 uint32 uint64 void longlong ulonglong",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pyfory.array": "BFloat16Array BoolArray Float16Array Float32Array Float64Array Int16Array Int32Array Int64Array "
    "Int8Array UInt16Array UInt32Array UInt64Array UInt8Array",
    "pickle": "PickleBuffer",
    "_pickle": "PickleBuffer",
    "types": "MappingProxyType SimpleNamespace",
    "uuid": "UUID SafeUUID",
    "zoneinfo": "ZoneInfo",
}

SAFE_CLASSES: FrozenSet[Tuple[str, str]] = frozenset(
    (module, name) for module, names in _BY_MODULE.items() for name in names.split()
)

#: raises ValueError for arguments that strict mode does not pass on
Check = Callable[[Tuple[Any, ...]], None]


def _no_range(args: Tuple[Any, ...]) -> None:
    for arg in args:
        if isinstance(arg, range):
            raise ValueError("a range as an argument")


def _ratio(args: Tuple[Any, ...]) -> None:
    if not all(type(arg) is int for arg in args) and not (
        len(args) == 1 and type(args[0]) is str and re.match(r"-?\d+(/\d+)?\Z", args[0])
    ):
        raise ValueError("a Fraction of anything but two integers")


def _scalar(args: Tuple[Any, ...]) -> None:
    import numpy

    if (
        len(args) != 2
        or not isinstance(args[0], numpy.dtype)
        or args[0].hasobject
        or type(args[1]) is not bytes
        or len(args[1]) != args[0].itemsize
    ):
        raise ValueError("a NumPy scalar that is not a dtype and the bytes of one element")


_CALLS: Dict[str, Dict[str, Optional[Check]]] = {
    "array": {"_array_reconstructor": None},
    "builtins": dict.fromkeys(_EXCEPTIONS.split()),
    "collections": dict.fromkeys("Counter OrderedDict defaultdict deque".split(), _no_range),
    "datetime": {"timezone": None},
    "fractions": {"Fraction": _ratio},
    "ipaddress": dict.fromkeys(_BY_MODULE["ipaddress"].split()),
    "numpy.core.multiarray": {"scalar": _scalar},
    "numpy._core.multiarray": {"scalar": _scalar},
    "pathlib": dict.fromkeys(_BY_MODULE["pathlib"].split()),
    "pathlib._local": dict.fromkeys(_BY_MODULE["pathlib"].split()),
    "pyfory.native.builders": dict.fromkeys(
        "dict_items dict_keys dict_values dtype fill_object_array memory_view object_array structure subarray zone_info".split()
    ),
    "types": {"MappingProxyType": None, "SimpleNamespace": None},
}

SAFE_CALLS: Dict[Tuple[str, str], Optional[Check]] = {
    (module, name): check for module, calls in _CALLS.items() for name, check in calls.items()
}

_CONTAINERS = (list, tuple, set, frozenset, dict)


def expands(cls: type, args: Tuple[Any, ...]) -> bool:
    """Would a subclass of a builtin container grow beyond its message from these arguments?"""
    if issubclass(cls, (bytes, bytearray)):
        return any(isinstance(arg, (int, range)) for arg in args)
    return issubclass(cls, _CONTAINERS) and any(isinstance(arg, range) for arg in args)


def holds_memory(obj: Any) -> bool:
    """Is the state of `obj` a description of raw memory, which must not come from a message?"""
    for cls in type(obj).__mro__:
        if cls.__module__ == "numpy" and cls.__name__ in ("ndarray", "dtype"):
            return True
    return False
