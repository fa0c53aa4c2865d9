"""Code by value: functions, classes, modules and what they are made of.

The writer calls `capture`, which takes an object apart:

* `kind`, one of the numbers in `pyfory.native.kinds`;
* `header`, plain strings and numbers: all that a policy needs to decide;
* `args`, what an empty object is built from; never leads back to the object;
* `state`, the rest, which may lead back to the object.

The reader reads kind and header and calls `authorize`, reads `args` and calls
`build`, makes the result known under its reference number, reads `state` and
calls `finish`. Whatever leads to a function or class by way of `args` goes
through a `Shell`, so this order is enough for every cycle.

`session` is a WriteSession for each `dumps` and a ReadSession for each `loads`,
or a dict that is empty at first.
"""

from __future__ import annotations

import functools
import sys
import io
import types
import typing
import weakref
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from pyfory.error import ForyInvalidDataError, ForyUnsupportedError
from pyfory.native import bytecode, classes, functions, kinds, modules, parts
from pyfory.native.kinds import Captured, ReadSession, Shell, WriteSession, read_session, write_session
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

__all__ = ["authorize", "build", "capture", "captures", "finish", "support"]


def capture(obj: Any, session: Any) -> Optional[Captured]:
    """Takes a code-like object apart; None when `obj` is none.

    Functions and classes are taken by value without asking `reference_of`.

    Raises:
        ForyUnsupportedError: the object belongs to a running process, such as
            an open file, a generator or a frame.
    """
    kind = type(obj)
    capturer = _CAPTURE.get(kind)
    if capturer is None:
        capturer = _other(kind)
        if capturer is None:
            return None
    ws = session if type(session) is WriteSession else write_session(session)
    captured = capturer(obj, ws)
    if captured is not None:
        ws.keep += (captured, obj)
    return captured


def _other(kind: type) -> Optional[Callable[[Any, WriteSession], Optional[Captured]]]:
    for base, capturer in _SUBCLASSES:
        if issubclass(kind, base):
            return capturer  # type: ignore[no-any-return]
    if kind.__name__ in parts.SENTINEL_TYPES:
        return parts.capture_sentinel
    if kind.__name__ == "NewType" and kind is getattr(typing, "NewType", None):
        return parts.capture_newtype
    return None


def captures(kind: type) -> bool:
    """Whether `capture` takes instances of exactly this class."""
    return kind in _CAPTURE or _other(kind) is not None


def authorize(kind: int, header: Tuple[Any, ...], policy: DeserializationPolicy) -> None:
    """Asks the policy, before anything else of the object is read.

    Raises:
        ForyInvalidDataError: unknown kind, damaged header, or bytecode of
            another version of Python. Whatever the policy raises.
    """
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise ForyInvalidDataError("unknown kind of code: %r" % (kind,))
    if handler.authorize is not None:
        handler.authorize(header, policy)


def ask_find_class(kind: int, header: Tuple[Any, ...], find_class: Callable[[str, str], Any]) -> None:
    """Asks an Unpickler's `find_class` for what a record is made with, as a pickle would.

    Raises:
        ForyInvalidDataError: unknown kind, or `find_class` gave something else,
            which cannot make such an object. Whatever `find_class` raises.
    """
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise ForyInvalidDataError("unknown kind of code: %r" % (kind,))
    if not all(type(part) in (str, int, type(None), bool, bytes) for part in header):
        raise ForyInvalidDataError("damaged code record")
    maker: Any = _MAKERS.get(kind)
    if kind == kinds.SENTINEL and header in parts.SENTINELS or kind == kinds.TYPEVAR and header[:1] and header[0] in parts.VARIABLES:
        maker = ("typing", header[0]) if kind == kinds.TYPEVAR else header
    if kind == kinds.WRAPPER_SHELL:
        maker = ("builtins", parts.WRAPPERS[parts.wrapper_number(header)].__name__)
    if maker is None:
        if kind in _FILLED:
            return
        raise ForyInvalidDataError("damaged code record")
    found = find_class(*maker)
    module = sys.modules.get(maker[0])
    if module is None or found is not getattr(module, maker[1], None):
        raise ForyInvalidDataError("find_class does not give %s.%s, which the message needs" % maker)


def build(kind: int, header: Tuple[Any, ...], args: Tuple[Any, ...], policy: DeserializationPolicy, session: Any) -> Any:
    """The object without its state.

    Raises:
        ForyInvalidDataError: damaged record, or something this version of Python cannot build.
    """
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise ForyInvalidDataError("unknown kind of code: %r" % (kind,))
    return handler.build(header, args, policy, read_session(session))


def finish(kind: int, obj: Any, state: Any, policy: DeserializationPolicy, session: Any) -> Any:
    """Applies the state; returns the object to use.

    Raises:
        ForyInvalidDataError: damaged record. Whatever the policy raises.
    """
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise ForyInvalidDataError("unknown kind of code: %r" % (kind,))
    if handler.finish is None:
        return obj
    return handler.finish(obj, state, policy, read_session(session))


# --- writing -------------------------------------------------------------------------------------


def _capture_shell(shell: Shell, ws: WriteSession) -> Captured:
    return shell.kind, shell.header, shell.args, shell.state


_REFUSED = {
    types.GeneratorType: "a running generator",
    types.CoroutineType: "a running coroutine",
    types.AsyncGeneratorType: "a running asynchronous generator",
    types.FrameType: "a frame of a running function",
    types.TracebackType: "a traceback, which holds the frames of running functions",
}


def _refuse(obj: Any, ws: WriteSession) -> Captured:
    raise ForyUnsupportedError("%s cannot be serialized: it belongs to this process" % _REFUSED[type(obj)])


def _capture_stream(obj: Any, ws: WriteSession) -> Optional[Captured]:
    captured = parts.capture_sentinel(obj, ws)
    if captured is None and type(obj) in _CAPTURE:
        raise ForyUnsupportedError(
            "an open file (%s%s) cannot be serialized: send its name or its contents"
            % (type(obj).__name__, " of %r" % (obj.name,) if hasattr(obj, "name") else "")
        )
    return captured


def _capturers() -> Dict[type, Callable[[Any, WriteSession], Optional[Captured]]]:
    table: Dict[type, Any] = {
        Shell: _capture_shell,
        types.FunctionType: functions.capture_function,
        types.CodeType: bytecode.capture_code,
        types.CellType: functions.capture_cell,
        types.MethodType: functions.capture_method,
        types.BuiltinFunctionType: functions.capture_builtin_method,
        types.MethodWrapperType: parts.capture_method_wrapper,
        functions.LruCacheType: functions.capture_lru_cache,
        functools.partialmethod: parts.capture_partialmethod,
        functools.cached_property: parts.capture_cached_property,
        weakref.WeakSet: parts.capture_weak_set,
        weakref.WeakKeyDictionary: parts.capture_weak_dict,
        weakref.WeakValueDictionary: parts.capture_weak_dict,
    }
    groups: Tuple[Tuple[Tuple[Any, ...], Any], ...] = (
        (parts.DESCRIPTORS, parts.capture_descriptor),
        (tuple(parts.VARIABLES.values()), parts.capture_typevar),
        (
            (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair, io.FileIO),
            _capture_stream,
        ),
        (tuple(_REFUSED), _refuse),
    )
    for group, capturer in groups:
        table.update(dict.fromkeys(group, capturer))
    if hasattr(typing, "TypeAliasType"):
        table[typing.TypeAliasType] = parts.capture_type_alias
    return table


_CAPTURE = _capturers()
_SUBCLASSES: Tuple[Tuple[type, Any], ...] = (
    (type, classes.capture_class),
    (types.ModuleType, modules.capture_module),
    (property, parts.capture_property),
    (staticmethod, parts.capture_staticmethod),
    (classmethod, parts.capture_classmethod),
    (io.TextIOWrapper, _capture_stream),  # sys.stdout may be of a class of its own
)


# --- reading -------------------------------------------------------------------------------------


class _Handler(NamedTuple):
    build: Callable[[Any, Any, DeserializationPolicy, ReadSession], Any]
    finish: Optional[Callable[[Any, Any, DeserializationPolicy, ReadSession], Any]] = None
    authorize: Optional[Callable[[Any, DeserializationPolicy], None]] = None


_HANDLERS: Dict[int, _Handler] = {
    kinds.FUNCTION: _Handler(functions.build_function, functions.finish_function, functions.authorize_function),
    kinds.FUNCTION_SHELL: _Handler(functions.build_function_shell, None, functions.authorize_function),
    kinds.FUNCTION_BODY: _Handler(functions.build_function_body, functions.finish_function),
    kinds.CODE: _Handler(bytecode.build_code, None, bytecode.authorize_code),
    kinds.GLOBALS: _Handler(functions.build_globals),
    kinds.CELL_SHELL: _Handler(functions.build_cell_shell),
    kinds.CELL: _Handler(functions.build_cell, functions.finish_cell),
    kinds.CLASS: _Handler(classes.build_class, classes.finish_class, classes.authorize_class),
    kinds.CLASS_SHELL: _Handler(classes.build_class_shell, None, classes.authorize_class),
    kinds.CLASS_BODY: _Handler(classes.build_class_body, classes.finish_class),
    kinds.MODULE: _Handler(modules.build_module, None, modules.authorize_module),
    kinds.MODULE_VALUE: _Handler(modules.build_module_value, modules.finish_module_value, modules.authorize_module_value),
    kinds.METHOD: _Handler(functions.build_method, None, functions.authorize_method),
    kinds.BUILTIN_METHOD: _Handler(parts.build_builtin_method, None, functions.authorize_builtin_method),
    kinds.PROPERTY: _Handler(parts.build_property, parts.finish_property),
    kinds.STATICMETHOD: _Handler(parts.build_staticmethod, parts.finish_wrapper),
    kinds.CLASSMETHOD: _Handler(parts.build_classmethod, parts.finish_wrapper),
    kinds.WRAPPER_SHELL: _Handler(parts.build_wrapper_shell),
    kinds.WRAPPER_BODY: _Handler(parts.build_wrapper_body, parts.finish_wrapper_body),
    kinds.DESCRIPTOR: _Handler(parts.build_descriptor),
    kinds.LRU_CACHE: _Handler(functions.build_lru_cache, functions.finish_lru_cache),
    kinds.CACHED_PROPERTY: _Handler(parts.build_cached_property, parts.finish_cached_property),
    kinds.TYPEVAR: _Handler(parts.build_typevar, None, parts.authorize_typevar),
    kinds.NEWTYPE: _Handler(parts.build_newtype),
    kinds.TYPE_ALIAS: _Handler(parts.build_type_alias, parts.finish_type_alias),
    kinds.WEAK_SET: _Handler(parts.build_weak_set, parts.finish_weak_set),
    kinds.WEAK_DICT: _Handler(parts.build_weak_dict, parts.finish_weak_dict),
    kinds.PARTIALMETHOD: _Handler(parts.build_partialmethod, parts.finish_partialmethod),
    kinds.CLASS_NAMESPACE: _Handler(classes.build_namespace),
    kinds.CLASS_STAGE: _Handler(classes.build_stage),
    kinds.SENTINEL: _Handler(parts.build_sentinel, None, parts.authorize_sentinel),
}


#: builders that check the header themselves; of functions and code the engine checks the version of Python
_CHECKED = frozenset((kinds.CLASS, kinds.CLASS_SHELL))


def support() -> Tuple[Any, ...]:
    """What the engine uses where no policy has to be asked; the order is that of csrc/native/native.h."""
    handlers = [_HANDLERS.get(kind) for kind in range(max(_HANDLERS) + 1)]
    return (
        capture,
        WriteSession,
        ReadSession,
        Shell,
        bytecode.PYTHON,
        bytecode.MAGIC,
        tuple(bytecode.FIELDS),
        bytecode.FIELD_TYPES,
        DEFAULT_POLICY,
        tuple([None if h is None or kind in _CHECKED else h.authorize for kind, h in enumerate(handlers)]),
        tuple([h and h.build for h in handlers]),
        tuple([h and h.finish for h in handlers]),
    )


# What makes the objects of a kind: the names that find_class of an Unpickler is asked for.
_MAKERS: Dict[int, Tuple[str, str]] = {
    kinds.FUNCTION: ("types", "FunctionType"),
    kinds.FUNCTION_SHELL: ("types", "FunctionType"),
    kinds.CODE: ("types", "CodeType"),
    kinds.GLOBALS: ("types", "ModuleType"),
    kinds.CELL_SHELL: ("types", "CellType"),
    kinds.CLASS: ("builtins", "type"),
    kinds.CLASS_SHELL: ("builtins", "type"),
    kinds.MODULE: ("importlib", "import_module"),
    kinds.MODULE_VALUE: ("types", "ModuleType"),
    kinds.METHOD: ("builtins", "getattr"),
    kinds.BUILTIN_METHOD: ("builtins", "getattr"),
    kinds.PROPERTY: ("builtins", "property"),
    kinds.STATICMETHOD: ("builtins", "staticmethod"),
    kinds.CLASSMETHOD: ("builtins", "classmethod"),
    kinds.DESCRIPTOR: ("builtins", "getattr"),
    kinds.LRU_CACHE: ("functools", "lru_cache"),
    kinds.CACHED_PROPERTY: ("functools", "cached_property"),
    kinds.PARTIALMETHOD: ("functools", "partialmethod"),
    kinds.NEWTYPE: ("typing", "NewType"),
    kinds.TYPE_ALIAS: ("typing", "TypeAliasType"),
    kinds.WEAK_SET: ("weakref", "WeakSet"),
    kinds.WEAK_DICT: ("weakref", "WeakValueDictionary"),
}
#: records that fill what another one of the same message has made
_FILLED = frozenset(
    (kinds.FUNCTION_BODY, kinds.CLASS_BODY, kinds.CELL, kinds.CLASS_NAMESPACE, kinds.CLASS_STAGE, kinds.WRAPPER_BODY)
)
