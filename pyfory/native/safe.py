"""What strict mode takes without registration: classes of plain data, and the
functions that rebuild them. None of them imports, calls or opens anything that a
message could choose."""

from __future__ import annotations

from typing import FrozenSet, Tuple

__all__ = ["SAFE_CLASSES", "SAFE_FUNCTIONS"]

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
    "numpy.dtypes": "",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pickle": "PickleBuffer",
    "_pickle": "PickleBuffer",
    "types": "MappingProxyType SimpleNamespace",
    "uuid": "UUID SafeUUID",
    "zoneinfo": "ZoneInfo",
}

SAFE_CLASSES: FrozenSet[Tuple[str, str]] = frozenset(
    (module, name) for module, names in _BY_MODULE.items() for name in names.split()
)

SAFE_FUNCTIONS: FrozenSet[Tuple[str, str]] = frozenset(
    [
        ("array", "_array_reconstructor"),
        ("copyreg", "__newobj__"),
        ("copyreg", "__newobj_ex__"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("pyfory.native.builders", "dict_items"),
        ("pyfory.native.builders", "dict_keys"),
        ("pyfory.native.builders", "dict_values"),
        ("pyfory.native.builders", "memory_view"),
        ("pyfory.native.builders", "zone_info"),
    ]
)
