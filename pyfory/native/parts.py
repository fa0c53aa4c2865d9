"""What classes and functions are made of besides code: descriptors, type variables, sentinels, weak containers."""

from __future__ import annotations

import functools
import io
import sys
import types
import typing
import weakref
from typing import Any, Callable, Dict, List, Optional, Tuple

from pyfory.error import ForyInvalidDataError
from pyfory.native.kinds import (
    BUILTIN_METHOD,
    CACHED_PROPERTY,
    CLASSMETHOD,
    DESCRIPTOR,
    NEWTYPE,
    PARTIALMETHOD,
    PROPERTY,
    SENTINEL,
    STATICMETHOD,
    TYPE_ALIAS,
    TYPEVAR,
    WEAK_DICT,
    WEAK_SET,
    WRAPPER_BODY,
    WRAPPER_SHELL,
    Captured,
    ReadSession,
    Shell,
    WriteSession,
    expect,
    set_attributes,
)
from pyfory.native.references import class_dict, import_module, reference_of
from pyfory.native.tracker import tracker
from pyfory.policy import DeserializationPolicy

_OPTIONAL_DICT = (dict, type(None))

#: since 3.13 a property shows the name that error messages call it
PROPERTIES_KNOW_NAMES = "__name__" in vars(property)


# --- property, staticmethod, classmethod ---------------------------------------------------------
#
# All three can be made empty and initialised later, so what is in them may
# lead back to them. A subclass travels in the args.


def _own_class(obj: Any, base: type) -> Tuple[Any, ...]:
    return () if type(obj) is base else (type(obj),)


def _attributes(obj: Any) -> Optional[Dict[str, Any]]:
    try:
        return object.__getattribute__(obj, "__dict__") or None
    except AttributeError:
        return None


def _empty(base: Any, what: str, args: Any, policy: DeserializationPolicy) -> Any:
    cls = base
    if args:
        (cls,) = expect(what, args, type)
        if not issubclass(cls, base):
            raise ForyInvalidDataError("damaged %s record: class %r" % (what, cls.__name__))
        policy.authorize_instantiation(cls)
    return base.__new__(cls)


#: by the number in a record
WRAPPERS: Tuple[Any, ...] = (staticmethod, classmethod, property)


def same_doc(one: Any, other: Any) -> bool:
    """Anything may be a doc, also what cannot be compared."""
    return one is other or (type(one) is type(other) is str and one == other)


def wrapper_shell(obj: Any, shell_of: Callable[[Any], Any], ws: WriteSession) -> Optional[Shell]:
    """What stands for a method in a class's stage: made of shells; None when there is more in it than functions."""
    shell = ws.shells.get(id(obj))
    if shell is not None:
        return shell
    kind = type(obj)
    parts = (obj.fget, obj.fset, obj.fdel) if kind is property else (obj.__func__,)
    for part in parts:
        if part is not None and type(part) is not types.FunctionType:
            return None
    shells = tuple([shell_of(part) for part in parts])
    shell = ws.shells[id(obj)] = Shell(WRAPPER_SHELL, (WRAPPERS.index(kind),), shells, obj)
    # Complete if making it of the same functions gives the same.
    first = parts[0]
    for part, inner in zip(parts, shells):
        if type(inner) is Shell and not inner.complete or inner is part and part is not None and reference_of(part) is None:
            return shell
    if kind is property:
        shell.complete = same_doc(obj.__doc__, None if first is None else first.__doc__) and (
            not PROPERTIES_KNOW_NAMES or getattr(obj, "__name__", None) == getattr(first, "__name__", None)
        )
    else:
        attributes = _attributes(obj) or {}
        shell.complete = all([getattr(first, name, None) is value for name, value in attributes.items()])
    return shell


def wrapper_number(header: Any) -> int:
    (number,) = expect("method", header, int)
    if number not in (0, 1, 2):
        raise ForyInvalidDataError("damaged method record: an unknown kind of method")
    return int(number)


def build_wrapper_shell(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    number = wrapper_number(header)
    if type(args) is not tuple or len(args) != (3 if number == 2 else 1):
        raise ForyInvalidDataError("damaged method record: %s of a method" % type(args).__name__)
    for part in args:
        if part is not None and type(part) is not types.FunctionType:
            raise ForyInvalidDataError("damaged method record: %s is no function" % type(part).__name__)
    return rs.shell(WRAPPERS[number](*args))


def build_wrapper_body(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    obj = rs.filled(args)
    if type(obj) not in WRAPPERS:
        raise ForyInvalidDataError("damaged method record: a state for %s" % type(obj).__name__)
    return obj


def finish_wrapper_body(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if state is None:
        return obj  # its shell was complete
    return (finish_property if type(obj) is property else finish_wrapper)(obj, state, policy, rs)


def _captured(obj: Any, kind: int, base: Any, state: Any, ws: WriteSession) -> Captured:
    shell = ws.shells.get(id(obj))
    ws.captured.add(id(obj))
    if shell is not None:
        return WRAPPER_BODY, (), (shell,), None if shell.complete else state
    return kind, (), _own_class(obj, base), state


def capture_property(obj: property, ws: WriteSession) -> Captured:
    name = getattr(obj, "__name__", None) if PROPERTIES_KNOW_NAMES else None
    state = (obj.fget, obj.fset, obj.fdel, obj.__doc__, name if isinstance(name, str) else None, _attributes(obj))
    return _captured(obj, PROPERTY, property, state, ws)


def build_property(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return _empty(property, "property", args, policy)


def finish_property(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    fget, fset, fdel, doc, name, attributes = expect("property", state, None, None, None, None, (str, type(None)), _OPTIONAL_DICT)
    property.__init__(obj, fget, fset, fdel, doc)
    set_attributes("property", obj, attributes)
    if name is not None and PROPERTIES_KNOW_NAMES:
        obj.__name__ = name
    return obj


def capture_staticmethod(obj: Any, ws: WriteSession) -> Captured:
    return _captured(obj, STATICMETHOD, staticmethod, (obj.__func__, _attributes(obj)), ws)


def capture_classmethod(obj: Any, ws: WriteSession) -> Captured:
    return _captured(obj, CLASSMETHOD, classmethod, (obj.__func__, _attributes(obj)), ws)


def build_staticmethod(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return _empty(staticmethod, "staticmethod", args, policy)


def build_classmethod(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return _empty(classmethod, "classmethod", args, policy)


def finish_wrapper(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    func, attributes = expect("method", state, None, _OPTIONAL_DICT)
    base: Any = staticmethod if isinstance(obj, staticmethod) else classmethod
    base.__init__(obj, func)
    set_attributes("method", obj, attributes)
    return obj


# --- functools.cached_property -------------------------------------------------------------------


def capture_cached_property(obj: Any, ws: WriteSession) -> Captured:
    # Some versions hold a lock, which cannot travel and does not matter.
    return CACHED_PROPERTY, (), (), {name: value for name, value in vars(obj).items() if name != "lock"}


def build_cached_property(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return functools.cached_property(_nothing)


def _nothing(self: Any) -> None:
    """The function of a cached_property until its own is read."""


def finish_cached_property(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    set_attributes("cached_property", obj, state)
    return obj


def capture_partialmethod(obj: Any, ws: WriteSession) -> Captured:
    return PARTIALMETHOD, (), (), vars(obj)


def build_partialmethod(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    # not by its own __new__, which some versions have and which wants the function
    return object.__new__(functools.partialmethod)


def finish_partialmethod(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    set_attributes("partialmethod", obj, state)
    return obj


# --- descriptors of builtin and slotted classes --------------------------------------------------


def capture_descriptor(obj: Any, ws: WriteSession) -> Optional[Captured]:
    if reference_of(obj) is not None:
        return None
    owner = obj.__objclass__
    if class_dict(owner).get(obj.__name__) is not obj:
        return None
    return DESCRIPTOR, (obj.__name__,), (owner,), None


DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.ClassMethodDescriptorType,
)


def build_descriptor(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    (name,) = expect("descriptor", header, str)
    (owner,) = expect("descriptor", args, type)
    found = class_dict(owner).get(name)
    if not isinstance(found, DESCRIPTORS):
        raise ForyInvalidDataError("class %r has no descriptor %r of its own" % (owner.__name__, name))
    policy.validate_method(found, is_local=False)
    return found


def capture_method_wrapper(obj: Any, ws: WriteSession) -> Captured:
    return BUILTIN_METHOD, (obj.__name__,), (obj.__self__,), None


def build_builtin_method(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    from pyfory.native.functions import _static_method

    (owner,) = expect("method", args, None)
    method = _static_method(owner, header[0])
    policy.validate_method(method, is_local=False)
    return method


# --- type variables ------------------------------------------------------------------------------

VARIABLES: Dict[str, Any] = {
    name: getattr(typing, name) for name in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(typing, name)
}
_MARKS = ("__covariant__", "__contravariant__", "__infer_variance__")


def capture_typevar(obj: Any, ws: WriteSession) -> Optional[Captured]:
    if reference_of(obj) is not None:
        return None
    ws.captured.add(id(obj))
    module = getattr(obj, "__module__", None)
    marks = 0
    for i, mark in enumerate(_MARKS):
        marks |= bool(getattr(obj, mark, False)) << i
    header = (type(obj).__name__, obj.__name__, module if isinstance(module, str) else None, tracker.identity(obj), marks)
    args = (getattr(obj, "__bound__", None), getattr(obj, "__constraints__", ()), typevar_default(obj))
    return TYPEVAR, header, args, None


def typevar_default(obj: Any) -> Tuple[Any, ...]:
    """The default of a type variable in a tuple, which is empty without."""
    return (obj.__default__,) if hasattr(obj, "has_default") and obj.has_default() else ()


def authorize_typevar(header: Any, policy: DeserializationPolicy) -> None:
    expect("type variable", header, str, str, (str, type(None)), str, int)


def build_typevar(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    kind, name, module, identity, marks = header
    bound, constraints, default = expect("type variable", args, None, tuple, tuple)
    cls = VARIABLES.get(kind)
    if cls is None:
        raise ForyInvalidDataError("this version of Python has no typing.%s" % kind)
    obj = tracker.find(identity)
    if obj is None:
        options: Dict[str, Any] = {}
        if kind == "TypeVar" or (kind == "ParamSpec" and bound is not None):
            options["bound"] = bound
        if kind != "TypeVarTuple":
            for i, mark in enumerate(("covariant", "contravariant", "infer_variance")):
                if marks & 1 << i:
                    options[mark] = True
        if default:
            options["default"] = default[0]
        try:
            obj = cls(name, *constraints, **options)
        except (TypeError, ValueError, SyntaxError) as error:
            raise ForyInvalidDataError("type variable %r cannot be built here: %s" % (name, error)) from error
        try:
            obj.__module__ = module
        except AttributeError:
            pass
        obj = tracker.add(identity, obj)
    if type(obj) is not cls:
        raise ForyInvalidDataError("damaged type variable record: %r has the identity of another object" % name)
    rs.keep.append(obj)
    return obj


def capture_newtype(obj: Any, ws: WriteSession) -> Optional[Captured]:
    if reference_of(obj) is not None:
        return None
    module = obj.__module__
    return NEWTYPE, (obj.__name__, obj.__qualname__, module if isinstance(module, str) else None), (obj.__supertype__,), None


def build_newtype(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    name, qualname, module = expect("NewType", header, str, str, (str, type(None)))
    (supertype,) = expect("NewType", args, None)
    new_type: Any = typing.NewType
    obj = new_type(name, supertype)
    obj.__qualname__ = qualname
    obj.__module__ = module
    return obj


def capture_type_alias(obj: Any, ws: WriteSession) -> Optional[Captured]:
    if reference_of(obj) is not None:
        return None
    module = obj.__module__
    header = (obj.__name__, module if isinstance(module, str) else None)
    if obj.__type_params__:
        return TYPE_ALIAS, header, (obj.__value__, obj.__type_params__), None
    return TYPE_ALIAS, header, (), (obj.__value__,)


def build_type_alias(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    """Without parameters the value is looked up when it is asked for, so it may lead back to the alias."""
    name, module = expect("type alias", header, str, (str, type(None)))
    if not hasattr(typing, "TypeAliasType"):
        raise ForyInvalidDataError("this version of Python has no typing.TypeAliasType")
    import keyword

    if not name.isidentifier() or keyword.iskeyword(name):
        raise ForyInvalidDataError("damaged type alias record: %r is no name" % name)
    # The module of an alias is that of the code which makes it.
    namespace: Dict[str, Any] = {"__name__": module, "__builtins__": {}}
    if args:
        value, type_params = expect("type alias", args, None, tuple)
        namespace.update(_make=typing.TypeAliasType, _name=name, _value=value, _params=type_params)
        exec("_alias = _make(_name, _value, type_params=_params)", namespace)
        return namespace["_alias"]
    exec("def _make(_box):\n    type %s = _box[0]\n    return %s" % (name, name), namespace)
    box: List[Any] = []
    alias = namespace["_make"](box)
    rs.boxes[id(alias)] = box
    rs.keep.append(alias)
    return alias


def finish_type_alias(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if state is not None:
        box = rs.boxes.pop(id(obj), None)
        if box is None:
            raise ForyInvalidDataError("damaged type alias record")
        box.extend(expect("type alias", state, None))
    return obj


# --- objects of which a process has one ----------------------------------------------------------

#: module, name: compared by identity in the standard library
SENTINELS = (
    ("dataclasses", "MISSING"),
    ("dataclasses", "KW_ONLY"),
    ("dataclasses", "_FIELD"),
    ("dataclasses", "_FIELD_CLASSVAR"),
    ("dataclasses", "_FIELD_INITVAR"),
    ("dataclasses", "_HAS_DEFAULT_FACTORY"),
    ("inspect", "_is_coroutine_mark"),
    ("asyncio.coroutines", "_is_coroutine"),
    ("typing", "NoDefault"),
    ("sys", "stdin"),
    ("sys", "stdout"),
    ("sys", "stderr"),
    ("sys", "__stdin__"),
    ("sys", "__stdout__"),
    ("sys", "__stderr__"),
)


#: names of their types; most objects are told from them by this alone
SENTINEL_TYPES = frozenset(
    ("_MISSING_TYPE", "_KW_ONLY_TYPE", "_FIELD_BASE", "_HAS_DEFAULT_FACTORY_CLASS", "NoDefaultType", "object")
)


def _sentinel_name(obj: Any) -> Optional[Tuple[str, str]]:
    if type(obj).__name__ in SENTINEL_TYPES or isinstance(obj, io.TextIOWrapper):
        for module, name in SENTINELS:
            if getattr(sys.modules.get(module), name, None) is obj:
                return module, name
    return None


def is_sentinel(obj: Any) -> bool:
    return _sentinel_name(obj) is not None


def capture_sentinel(obj: Any, ws: WriteSession) -> Optional[Captured]:
    name = _sentinel_name(obj)
    return None if name is None else (SENTINEL, name, (), None)


def authorize_sentinel(header: Any, policy: DeserializationPolicy) -> None:
    module, _ = expect("sentinel", header, str, str)
    policy.validate_module(module, is_local=False)


def build_sentinel(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if header not in SENTINELS:
        raise ForyInvalidDataError("damaged sentinel record")
    found = getattr(import_module(header[0], policy), header[1], None)
    if found is None:
        raise ForyInvalidDataError("this version of Python has no %s.%s" % header)
    return found


# --- weak containers -----------------------------------------------------------------------------

_WEAK_DICTS: Tuple[Any, ...] = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)


def capture_weak_set(obj: Any, ws: WriteSession) -> Captured:
    return WEAK_SET, (), (), list(obj)


def build_weak_set(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return weakref.WeakSet()


def finish_weak_set(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if not isinstance(state, list):
        raise ForyInvalidDataError("damaged WeakSet record")
    for item in state:
        _check_weak("WeakSet", item)
        obj.add(item)
    return obj


def _check_weak(what: str, item: Any) -> None:
    try:
        weakref.ref(item)
    except TypeError as error:
        raise ForyInvalidDataError("damaged %s record: %s" % (what, error)) from None


def capture_weak_dict(obj: Any, ws: WriteSession) -> Captured:
    items: List[Any] = []
    for key, value in obj.items():
        items += [key, value]
    return WEAK_DICT, (_WEAK_DICTS.index(type(obj)),), (), items


def build_weak_dict(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    (index,) = expect("weak dictionary", header, int)
    if not 0 <= index < len(_WEAK_DICTS):
        raise ForyInvalidDataError("damaged weak dictionary record")
    return _WEAK_DICTS[index]()


def finish_weak_dict(obj: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if not isinstance(state, list) or len(state) % 2:
        raise ForyInvalidDataError("damaged weak dictionary record")
    for key, value in zip(state[::2], state[1::2]):
        _check_weak("weak dictionary", key if isinstance(obj, weakref.WeakKeyDictionary) else value)
        obj[key] = value
    return obj
