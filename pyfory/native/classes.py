"""Classes by value.

As with functions, a class comes in two steps: an empty class with its
metaclass, bases and slots, and, when the reader knows that one, its
attributes, which may refer to it.

Among what the attributes lead to may be instances of the class, which are
made, hashed and compared before the last attribute is there. So the first
thing in the state is a stage: all methods and all attributes that lead
nowhere, applied as soon as they are read.

The empty class is made below everything that users can hook into: neither
the metaclass's `__new__`, `__init__` and `__prepare__` nor `__init_subclass__`
nor `__set_name__` run, just as `__init__` does not run for an unpickled
instance. They ran when the class was defined; what they did to the class is
in its attributes.
"""

from __future__ import annotations

import gc
import sys
import types
from abc import ABCMeta
from operator import itemgetter
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import _abc  # type: ignore[import-not-found]

from pyfory.error import ForyInvalidDataError, ForyUnsupportedError
from pyfory.native.kinds import (
    CLASS,
    CLASS_BODY,
    CLASS_NAMESPACE,
    CLASS_SHELL,
    CLASS_STAGE,
    Captured,
    ReadSession,
    Shell,
    WriteSession,
    expect,
    set_attributes,
)
from pyfory.native.definitions import definition_of, digest, find_definition
from pyfory.native.functions import cell_shell, function_shell, is_safe
from pyfory.native.parts import PROPERTIES_KNOW_NAMES, WRAPPERS, wrapper_shell
from pyfory.native.references import class_dict, class_module, class_mro, class_qualname, is_native, reference_of
from pyfory.native.tracker import tracker
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

_get_bases: Callable[[type], Tuple[type, ...]] = type.__dict__["__bases__"].__get__
_set_bases: Callable[[type, Tuple[type, ...]], None] = type.__dict__["__bases__"].__set__
_get_name: Callable[[type], str] = type.__dict__["__name__"].__get__

#: remade with the class, or a cache that fills when somebody asks
_OMITTED = frozenset(("__dict__", "__weakref__", "_abc_impl", "__slotnames__"))

#: what the enum machinery keeps about members; built again from the members
_ENUM_OMITTED = frozenset(("_member_map_", "_member_names_", "_value2member_map_", "_member_type_"))


_LATE_NAMES = sys.version_info >= (3, 12)

_OBJECT = (object,)

_NAMED_PROPERTIES = hasattr(property, "__set_name__") and not PROPERTIES_KNOW_NAMES


def is_enum(cls: type) -> bool:
    if type(cls) is type:
        return False
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(cls, enum.EnumMeta)


# --- writing -------------------------------------------------------------------------------------


def _class_in_args(cls: type, ws: WriteSession, pending: Optional[List[type]]) -> Any:
    """`cls` itself or, when its attributes may lead back, its shell."""
    if id(cls) in ws.captured or reference_of(cls) is not None:
        return cls
    if pending is not None:
        pending.append(cls)
    return class_shell(cls, ws)


def class_shell(cls: type, ws: WriteSession) -> Shell:
    shell = ws.shells.get(id(cls))
    if shell is None:
        _note_namespace(cls, ws)
        shell = ws.shells[id(cls)] = Shell(CLASS_SHELL, _class_header(cls), _class_args(cls, ws, None), cls)
    return shell


def _class_header(cls: type) -> Tuple[Any, ...]:
    module = class_module(cls)
    bases = _get_bases(cls)
    names = ["%s.%s" % (class_module(base), class_qualname(base)) for base in bases] if bases != _OBJECT else ["builtins.object"]
    return (
        module if type(module) is str else None,
        class_qualname(cls),
        _get_name(cls),
        tracker.identity(cls),
        ", ".join(names),
        definition_of(cls),
    )


def _class_args(cls: type, ws: WriteSession, pending: Optional[List[type]]) -> Tuple[Any, ...]:
    if type(cls) is type and _get_bases(cls) == _OBJECT:
        return (None, _OBJECT, _slots(cls), None)
    # Nearly always the metaclass is the one that the bases ask for.
    meta = None if type(cls) is _natural_meta(_get_bases(cls)) else _class_in_args(type(cls), ws, pending)
    bases = tuple([_class_in_args(base, ws, pending) for base in _get_bases(cls)])
    members: Any = _enum_args(cls, ws, pending) if is_enum(cls) else None
    if type(cls).__module__ == "_ctypes":
        members = _ctypes_args(cls, ws, pending)
    return (meta, bases, _slots(cls), members)


def _ctypes_args(cls: type, ws: WriteSession, pending: Optional[List[type]]) -> Optional[Dict[str, Any]]:
    """The attributes without which an array or a simple type of ctypes cannot be made."""
    namespace = class_dict(cls)
    given = {name: namespace[name] for name in ("_type_", "_length_") if name in namespace}
    if isinstance(given.get("_type_"), type):
        given["_type_"] = _class_in_args(given["_type_"], ws, pending)
    return given or None


def _natural_meta(bases: Tuple[type, ...]) -> type:
    meta: type = type
    for base in bases:
        if issubclass(type(base), meta):
            meta = type(base)
    return meta


def _slots(cls: type) -> Optional[Tuple[str, ...]]:
    """The names that `__slots__` had when the class was made; the object itself may be used up by now."""
    namespace = class_dict(cls)
    if "__slots__" not in namespace:
        return None
    slots = namespace["__slots__"]
    if isinstance(slots, str):
        return (str(slots),)
    if isinstance(slots, (tuple, list, dict)) and all(isinstance(name, str) for name in slots):
        return tuple([str(name) for name in slots])
    names = [name for name, value in namespace.items() if _own_member(cls, value)]
    return tuple(names) + tuple([name for name in ("__dict__", "__weakref__") if name in namespace])


def _own_member(cls: type, value: Any) -> bool:
    return type(value) is types.MemberDescriptorType and value.__objclass__ is cls


def capture_class(cls: type, ws: WriteSession) -> Captured:
    if is_native(cls):
        raise ForyUnsupportedError(
            "class %r of module %r cannot be serialized: it is not written in Python and its name does not lead to it"
            % (class_qualname(cls), class_module(cls))
        )
    shell = ws.shells.get(id(cls))
    ws.captured.add(id(cls))
    _note_namespace(cls, ws)
    pending: List[type] = []
    args = _class_args(cls, ws, pending)
    state = _class_state(cls, ws, pending)
    if shell is not None:
        return CLASS_BODY, (), (shell,), state
    return CLASS, _class_header(cls), args, state


def _stage(cls: type, ws: WriteSession) -> Shell:
    """Methods and simple attributes of one class."""
    stage = ws.stages.get(id(cls))
    if stage is not None:
        return stage
    early: Dict[str, Any] = {}
    cells: List[Any] = []

    #: what the stage does not have, or not whole
    later: Dict[str, Any] = {}

    def shell_of(func: Any) -> Any:
        if type(func) is not types.FunctionType or id(func) in ws.captured or reference_of(func) is not None:
            return func
        cells.extend(_class_cells(cls, func, ws))
        return function_shell(func, ws, cls)

    for name, value in _own_attributes(cls):
        kind = type(value)
        if kind is types.FunctionType:
            early[name] = made = shell_of(value)
            if made is value:
                made = ws.shells.get(id(value))
                if id(value) not in ws.captured or (made is not None and made.complete):
                    continue
            elif made.complete:
                continue
            later[name] = value
        elif is_safe(value):
            early[name] = value
        else:
            if kind in WRAPPERS:
                if id(value) in ws.captured:
                    early[name] = value
                    continue
                shell = wrapper_shell(value, shell_of, ws)
                if shell is not None:
                    early[name] = shell
                    if not shell.complete:
                        later[name] = value
                    continue
            later[name] = value
            if not name.startswith("_"):
                early[name] = None  # keeps the place
    header = (tracker.identity(cls),)
    stage = ws.stages[id(cls)] = Shell(CLASS_STAGE, header, (early, tuple(cells) or None), cls)
    stage.sent = later
    return stage


def _class_state(cls: type, ws: WriteSession, pending: List[type]) -> Tuple[Any, ...]:
    # Bases and metaclass first: their methods are as good as the class's own.
    lineage = class_mro(cls)[::-1]
    if type(cls) is not type:
        lineage = class_mro(type(cls))[::-1] + lineage
    stages = tuple([_stage(base, ws) for base in lineage if id(base) in ws.captured or id(base) in ws.shells])
    attributes: Dict[str, Any] = {}
    for name, value in stages[-1].sent.items():
        if type(value) is types.FunctionType:
            shell = ws.shells.get(id(value))
            if shell is not None and shell.complete:
                continue  # some stage has it as it is
        attributes[name] = value
    registered: Tuple[Any, ...] = ()
    if type(cls) is not type and isinstance(cls, ABCMeta) and "_abc_impl" in class_dict(cls):
        found = [reference() for reference in _abc._get_dump(cls)[0]]
        # a set of weak references has no order worth keeping; sorted, the bytes are the same each time
        registered = tuple(
            sorted(
                [other for other in found if other is not None], key=lambda c: (str(class_module(c)), class_qualname(c))
            )
        )
    return (
        stages,
        tuple(pending) or None,
        attributes,
        registered or None,
        _enum_state(cls) if is_enum(cls) else None,
    )


def _own_attributes(cls: type) -> Iterator[Tuple[str, Any]]:
    """The attributes that make up the class, without those that come with any class.

    In their order, but special names at the end and sorted: theirs differs
    between a class and its copy, which should give the same bytes again.
    """
    enum = is_enum(cls)
    usual: List[Tuple[str, Any]] = []
    special: List[Tuple[str, Any]] = []
    for item in class_dict(cls).items():
        (special if item[0][:2] == "__" else usual).append(item)
    special.sort(key=itemgetter(0))
    for name, value in usual + special:
        kind = type(value)
        if kind is types.FunctionType:
            yield name, value
            continue
        if name in _OMITTED:
            continue
        if name == "__module__" and kind is str:
            continue
        if name == "__annotations__" and not value:
            continue  # asking made it
        if name == "__annotations_cache__" and class_dict(cls).get("__annotate_func__") is not None:
            continue
        if kind in (types.MemberDescriptorType, types.GetSetDescriptorType) and value.__objclass__ is cls:
            continue
        if kind.__name__ == "CField" and kind.__module__ in ("_ctypes", "ctypes"):
            continue  # made again from _fields_
        if enum and (name in _ENUM_OMITTED or _is_own_member(cls, value)):
            continue
        yield name, value


def _class_cells(cls: type, func: types.FunctionType, ws: WriteSession) -> List[Any]:
    """The cell by which `super()` in `func` finds `cls`."""
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        if name == "__class__":
            try:
                if cell.cell_contents is cls:
                    return [cell_shell(cell, ws)]
            except ValueError:
                pass
    return []


# --- reading -------------------------------------------------------------------------------------


def authorize_class(header: Any, policy: DeserializationPolicy) -> None:
    module = expect("class", header, (str, type(None)), str, str, str, str, (int, type(None)))[0]
    if module is not None:
        policy.validate_module(module, is_local=module == "__main__")


def build_class(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> type:
    """The class of that identity, or an empty one."""
    try:
        module, qualname, name, identity, _, definition = header
        meta, bases, slots, members = args
    except (TypeError, ValueError):
        raise ForyInvalidDataError("damaged class record") from None
    if (
        not (type(qualname) is type(name) is type(identity) is str)
        or type(bases) is not tuple
        or (module is not None and type(module) is not str)
        or (slots is not None and type(slots) is not tuple)
        or (members is not None and type(members) is not tuple and type(members) is not dict)
        or (meta is not None and not isinstance(meta, type))
    ):
        raise ForyInvalidDataError("damaged class record")
    if not all([isinstance(base, type) for base in bases]):
        raise ForyInvalidDataError("damaged class record: class %r has impossible bases" % qualname)
    if meta is None:
        meta = _natural_meta(bases) if bases != _OBJECT else type
    elif not issubclass(meta, type):
        raise ForyInvalidDataError("damaged class record: class %r has an impossible metaclass" % qualname)
    if policy is not DEFAULT_POLICY:
        policy.authorize_instantiation(type, module=module, qualname=qualname, bases=bases)
    cls = tracker.find(identity)
    if cls is None and definition is not None:
        cls = find_definition(module, qualname)
        if cls is not None and digest(cls) == definition:
            cls = tracker.add(identity, cls)
        else:
            cls = None
    if cls is None:
        cls = _skeleton(meta, module, qualname, name, bases, slots, members if type(members) is dict else {})
        if type(members) is tuple:
            _add_members(cls, members)
        cls = tracker.add(identity, cls, unfinished=True)
    if not isinstance(cls, type) or class_qualname(cls) != qualname:
        raise ForyInvalidDataError("damaged class record: class %r has the identity of another object" % qualname)
    rs.keep.append(cls)  # the tracker holds it weakly
    if policy is not DEFAULT_POLICY:
        policy.validate_class(cls, is_local=True)
    return cls


def build_class_shell(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return rs.shell(build_class(header, args, policy, rs))


def build_class_body(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    cls = rs.filled(args)
    if not isinstance(cls, type):
        raise ForyInvalidDataError("damaged class record: attributes for %s" % type(cls).__name__)
    return cls


def _native_slot(meta: type, name: str) -> Any:
    """`meta`'s own method of that name below all metaclasses that are written in Python."""
    for kind in class_mro(meta):
        found = class_dict(kind).get(name)
        if found is not None and not isinstance(found, (staticmethod, classmethod, types.FunctionType)):
            return getattr(kind, name)
    raise TypeError("no %s" % name)


def _skeleton(
    meta: Any,
    module: Optional[str],
    qualname: str,
    name: str,
    bases: Tuple[type, ...],
    slots: Optional[Tuple[str, ...]],
    given: Dict[str, Any],
) -> Any:
    namespace: Dict[str, Any] = {"__module__": module, "__qualname__": qualname}
    if slots is not None:
        namespace["__slots__"] = slots
    if meta is type and bases == _OBJECT:
        new, init = type.__new__, type.__init__
    else:
        new, init = _native_slot(meta, "__new__"), _native_slot(meta, "__init__")
    try:
        if new is not type.__new__ or init is not type.__init__:
            # a metaclass written in C has state of its own to set up
            namespace.update(given)
            cls = new(meta, name, bases, namespace)
            init(cls, name, bases, namespace)
        elif bases != _OBJECT and _has_hook(bases):
            cls = _quietly(meta, name, bases, namespace)
        else:
            cls = type.__new__(meta, name, bases, namespace)
    except (TypeError, ValueError, AttributeError) as error:
        raise ForyInvalidDataError("class %r cannot be built here: %s" % (qualname, error)) from error
    if meta is not type and issubclass(meta, ABCMeta):
        _abc._abc_init(cls)
    return cls


def _has_hook(bases: Tuple[type, ...]) -> bool:
    return any("__init_subclass__" in class_dict(cls) for base in bases for cls in class_mro(base) if cls is not object)


def _ignore(cls: type, **kwargs: Any) -> None:
    """An `__init_subclass__` that does nothing."""


_HOOK: Any = classmethod(_ignore)  # type: ignore[arg-type]


def _quietly(meta: Any, name: str, bases: Tuple[type, ...], namespace: Dict[str, Any]) -> Any:
    """Makes the class without calling `__init_subclass__`.

    Type creation calls the first one along the MRO, so a base with an empty
    one goes in front while the class is made and is taken out afterwards. The
    interpreter lets bases change only where the memory layout stays the same:
    either nothing in front adds to the layout, or it adds what the best base does.
    """
    quiet: Any = type("_Quiet", (), {"__slots__": (), "__init_subclass__": _HOOK})
    failure: Optional[TypeError] = None
    for front in [quiet] + [_twin(base) for base in bases if base is not object]:
        try:
            cls = type.__new__(meta, name, (front,) + bases, dict(namespace))
            _set_bases(cls, bases)
            return cls
        except TypeError as error:
            failure = error
    raise failure or TypeError("no bases")


def _twin(base: Any) -> Any:
    """A class with the memory layout of `base` and an `__init_subclass__` that does nothing."""
    while _same_layout(base, base.__base__):
        base = base.__base__
    parent = base.__base__ or object
    slots = [name for name in ("__dict__", "__weakref__") if _adds(name, base, parent)]
    namespace = {"__slots__": tuple(slots), "__init_subclass__": _HOOK}
    if _has_hook((parent,)):
        return _quietly(type(parent), "_Quiet", (parent,), namespace)
    return type.__new__(type(parent), "_Quiet", (parent,), namespace)


def _adds(name: str, base: type, parent: type) -> bool:
    offset = "__dictoffset__" if name == "__dict__" else "__weakrefoffset__"
    return bool(getattr(base, offset)) and not getattr(parent, offset)


def _same_layout(base: Any, parent: Any) -> bool:
    return parent is not None and all(
        getattr(base, name) == getattr(parent, name)
        for name in ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")
    )


def build_stage(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> None:
    """Gives an unfinished class its methods and simple attributes."""
    (identity,) = expect("class", header, str)
    early, cells = expect("class", args, dict, (tuple, type(None)))
    cls = tracker.find(identity)
    if not isinstance(cls, type):
        raise ForyInvalidDataError("damaged class record: attributes before the class")
    for cell in cells or ():
        if not isinstance(cell, types.CellType) or id(cell) not in rs.shells:
            raise ForyInvalidDataError("damaged class record: a cell is not of this payload")
        cell.cell_contents = cls
    with tracker.lock:
        if tracker.is_unfinished(cls):
            _set_all(cls, early)
            new = early.get("__new__")
            if type(new) is staticmethod:
                rs.news[id(cls)] = new
                type.__setattr__(cls, "__new__", _quiet_new(new.__func__))
    if policy is not DEFAULT_POLICY:
        _show_methods(cls, early, policy)


def _quiet_new(new: Any) -> Any:
    """Stands for the `__new__` of an incomplete class.

    Where it takes no arguments it is there for what the class keeps, such as its
    only instance, and that comes later. The instance gets its own state anyway.
    """

    def __new__(cls: Any, *args: Any, **named: Any) -> Any:
        if args or named:
            return new(cls, *args, **named)
        native: Any = _native_base(cls)
        return native.__new__(cls)

    return staticmethod(__new__)


def _show_methods(cls: type, attributes: Dict[str, Any], policy: DeserializationPolicy) -> None:
    for value in attributes.values():
        if type(value) is classmethod:
            policy.validate_method(types.MethodType(value.__func__, cls), is_local=True)


def _set_all(cls: Any, attributes: Dict[Any, Any]) -> None:
    setter = type.__setattr__ if type(cls) is type else _native_slot(type(cls), "__setattr__")
    for name, value in attributes.items():
        if type(name) is not str:
            raise ForyInvalidDataError("damaged class record: an attribute without a name")
        setter(cls, name, value)
        if _NAMED_PROPERTIES and type(value) is property:
            value.__set_name__(cls, name)  # type: ignore[attr-defined]  # what error messages call it


def finish_class(cls: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    try:
        _, _, attributes, registered, enum = state
    except (TypeError, ValueError):
        raise ForyInvalidDataError("damaged class record") from None
    if (
        type(attributes) is not dict
        or not (registered is None or type(registered) is tuple and all([isinstance(other, type) for other in registered]))
        or not (enum is None or type(enum) is tuple)
    ):
        raise ForyInvalidDataError("damaged class record: what is registered is no class")
    with tracker.lock:
        # A class that is here already keeps the attributes it has now.
        if tracker.is_unfinished(cls):
            _set_all(cls, attributes)
            for other in registered or ():
                ABCMeta.register(cls, other)
            if enum is not None:
                _fill_members(cls, enum)
            new = rs.news.pop(id(cls), None)
            if new is not None and "__new__" not in attributes:
                type.__setattr__(cls, "__new__", new)
            tracker.finished(cls)
    if policy is DEFAULT_POLICY:
        return cls
    _show_methods(cls, attributes, policy)
    policy.validate_class(cls, is_local=True)
    return cls


# --- namespaces ----------------------------------------------------------------------------------
#
# Annotations and type parameters that are evaluated late look names up in the
# namespace of the class, which they hold in a cell: the class's own dict.


def _namespace(cls: type) -> Any:
    return gc.get_referents(class_dict(cls))[0]


def _note_namespace(cls: type, ws: WriteSession) -> None:
    if _LATE_NAMES:
        ws.namespaces[id(_namespace(cls))] = cls


def namespace_shell(namespace: Dict[str, Any], ws: WriteSession) -> Any:
    """What to write for the dict of a class; another dict is given back as it is."""
    shell = ws.shells.get(id(namespace))
    if shell is None:
        cls = ws.namespaces.get(id(namespace))
        if cls is None:  # a method that comes without its class
            for cls in gc.get_referrers(namespace):
                if isinstance(cls, type) and _namespace(cls) is namespace:
                    break
            else:
                return namespace
        shell = ws.shells[id(namespace)] = Shell(CLASS_NAMESPACE, (), (), namespace)
        pending: List[type] = []
        shell.args = (_class_in_args(cls, ws, pending),)
        shell.state = tuple(pending) or None
    return shell


def build_namespace(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    (cls,) = expect("class", args, type)
    if tracker.is_tracked(cls):
        namespace = _namespace(cls)
        if type(namespace) is dict:
            return namespace
    return dict(class_dict(cls))  # of a class that is not the payload's: to look at only


# --- enums ---------------------------------------------------------------------------------------
#
# Members are made with the empty class, because whatever else the payload
# holds may refer to them by name or value while the class is being filled.

_PLAIN = (int, str, float, bytes, bool, complex, type(None))


def _is_own_member(cls: Any, value: Any) -> bool:
    return type(value) is cls and class_dict(cls)["_member_map_"].get(getattr(value, "_name_", None)) is value


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is tuple and all(_is_plain(item) for item in value))


def _enum_args(cls: Any, ws: WriteSession, pending: Optional[List[type]]) -> Tuple[Any, ...]:
    namespace = class_dict(cls)
    member_type = namespace.get("_member_type_", object)
    members: List[Any] = []
    for name, member in namespace.get("_member_map_", {}).items():
        if member._name_ == name:
            value = member._value_
            plain = _is_plain(value)
            members.append((name, _data_args(member, member_type), value if plain else None, plain))
        else:
            members.append((name, member._name_))
    direct = [(name, value._name_) for name, value in namespace.items() if _is_own_member(cls, value)]
    names = namespace.get("_member_names_", ())
    return (_class_in_args(member_type, ws, pending), tuple(members), tuple(names), tuple(direct))


_BUILTIN_DATA: Dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    str: str.__str__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    complex: lambda value: complex(value.real, value.imag),
}


def _native_base(member_type: type) -> Any:
    """The class that holds the data of members: int, str, date ... or object."""
    return next(cls for cls in class_mro(member_type) if is_native(cls))


def _data_args(member: Any, member_type: type) -> Tuple[Any, ...]:
    """What the native `__new__` takes after the class to make the data part of `member` again."""
    native = _native_base(member_type)
    if native is object:
        return ()
    data = _BUILTIN_DATA.get(native)
    if data is not None:
        return (data(member),)
    import copyreg

    reduced = native.__reduce_ex__(member, 2)
    func, args = reduced[:2]
    if func is copyreg.__newobj__:  # type: ignore[attr-defined]
        return tuple(args[1:])
    if func is type(member):
        return tuple(args)
    value = member._value_
    return value if isinstance(value, tuple) else (value,)


def _enum_state(cls: Any) -> Tuple[Any, ...]:
    namespace = class_dict(cls)
    states = []
    for name, member in namespace.get("_member_map_", {}).items():
        if member._name_ == name:
            state = {key: value for key, value in vars(member).items() if key not in ("_name_", "__objclass__")}
            if "_inverted_" in state:
                state["_inverted_"] = None  # a cache
            if _is_plain(member._value_):
                state.pop("_value_", None)
            states.append(state)
    extra = []
    for value, member in namespace.get("_value2member_map_", {}).items():
        name = member._name_
        if namespace["_member_map_"].get(name) is member and value != member._value_:
            extra.append((value, name))
    return tuple(states), tuple(extra)


def _add_members(cls: Any, args: Tuple[Any, ...]) -> None:
    member_type, members, names, direct = expect("enum", args, type, tuple, tuple, tuple)
    new: Any = _native_base(member_type).__new__
    by_name: Dict[str, Any] = {}
    by_value: Dict[Any, Any] = {}
    for item in members:
        if type(item) is tuple and len(item) == 2:
            alias, name = expect("enum", item, str, str)
            by_name[alias] = _member(by_name, name)
            continue
        name, data, value, plain = expect("enum", item, str, tuple, None, bool)
        try:
            member = new(cls, *data)
        except TypeError as error:
            raise ForyInvalidDataError("member %r of enum %r cannot be built: %s" % (name, cls.__name__, error)) from error
        attributes = vars(member)
        attributes["_name_"] = name
        attributes["__objclass__"] = cls
        by_name[name] = member
        if plain:
            attributes["_value_"] = value
            by_value.setdefault(value, member)
    for name in names:
        if type(name) is not str:
            raise ForyInvalidDataError("damaged enum record: a name is no string")
        _member(by_name, name)
    for name, value in (
        ("_member_names_", list(names)),
        ("_member_map_", by_name),
        ("_value2member_map_", by_value),
        ("_member_type_", member_type),
    ):
        type.__setattr__(cls, name, value)
    for item in direct:
        attribute, name = expect("enum", item, str, str)
        type.__setattr__(cls, attribute, _member(by_name, name))


def _member(by_name: Dict[str, Any], name: Any) -> Any:
    if name not in by_name:
        raise ForyInvalidDataError("damaged enum record: no member %r" % (name,))
    return by_name[name]


def _fill_members(cls: Any, state: Tuple[Any, ...]) -> None:
    states, extra = expect("enum", state, tuple, tuple)
    namespace = class_dict(cls)
    by_name, by_value = namespace["_member_map_"], namespace["_value2member_map_"]
    canonical = [member for name, member in by_name.items() if member._name_ == name]
    if len(states) != len(canonical):
        raise ForyInvalidDataError("damaged enum record: %d states for %d members" % (len(states), len(canonical)))
    for member, attributes in zip(canonical, states):
        set_attributes("enum", member, attributes)
        try:
            by_value.setdefault(member._value_, member)
        except TypeError:
            pass  # unhashable values are searched one by one
    for item in extra:
        value, name = expect("enum", item, None, str)
        by_value[value] = _member(by_name, name)
