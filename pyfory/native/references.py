"""Which objects another process finds again by importing them.

`reference_of` decides between *by reference* (a module name and a qualified
name) and *by value* (pyfory.native.code). The rule is strict: a name counts
only if it leads to the very object in this process, in a module that another
process can import.
"""

from __future__ import annotations

import os
import sys
import threading
import types
from typing import Any, Callable, Dict, Optional, Set, Tuple

from pyfory._core import forget_names
from pyfory.error import ForyInvalidDataError, ForyInvalidError, ForyTypeError
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

__all__ = ["is_importable", "reference_of", "register_by_value", "resolve", "unregister_by_value"]

Reference = Tuple[str, str]

class_dict: Callable[[type], Any] = type.__dict__["__dict__"].__get__
class_mro: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__
class_module: Callable[[type], Any] = type.__dict__["__module__"].__get__
class_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__

#: modules that mean another program in another process
_MAIN = frozenset(("__main__", "__mp_main__"))

_lock = threading.Lock()
_by_value: Set[str] = set()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # another thread may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def register_by_value(module: types.ModuleType) -> None:
    """Sends the functions and classes of `module` and of its submodules by value from now on.

    For code that is being worked on and not installed where the reader runs.

    Raises:
        ForyTypeError: `module` is not a module.
        ForyInvalidError: the module is not in `sys.modules`.
    """
    name = _module_name(module)
    if name not in sys.modules:
        raise ForyInvalidError("module %r is not in sys.modules, so its functions and classes cannot be told from others" % name)
    with _lock:
        _by_value.add(name)
    forget_names()


def unregister_by_value(module: types.ModuleType) -> None:
    """Takes back `register_by_value(module)`.

    Raises:
        ForyTypeError: `module` is not a module.
        ForyInvalidError: the module is not registered.
    """
    name = _module_name(module)
    with _lock:
        if name not in _by_value:
            raise ForyInvalidError("module %r is not registered to be sent by value" % name)
        _by_value.discard(name)
    forget_names()


def _module_name(module: Any) -> str:
    if not isinstance(module, types.ModuleType):
        raise ForyTypeError("expected a module, got %s" % type(module).__name__)
    return module.__name__


def is_registered(name: str) -> bool:
    """Is the module, or a package that it is in, registered to be sent by value?"""
    if not _by_value:
        return False
    while name:
        if name in _by_value:
            return True
        name = name.rpartition(".")[0]
    return False


def is_importable(name: str, module: Any) -> bool:
    """Will `import name` give the counterpart of `module` in another process?

    Modules made by hand have no spec. Those that a package makes while it is
    imported count: importing the package makes them again.
    """
    if sys.modules.get(name) is not module:
        return False
    while True:
        if getattr(module, "__spec__", None) is not None or getattr(module, "__file__", None):
            return True
        parent, _, last = name.rpartition(".")
        owner = sys.modules.get(parent)
        if not parent or owner is None or getattr(owner, last, None) is not module:
            return False
        name, module = parent, owner


def reference_of(obj: Any) -> Optional[Reference]:
    """`(module, qualified name)` by which another process finds `obj`; None: it goes by value.

    `obj` may be anything; what is neither a class nor a function nor one of
    the other objects that carry the name of their definition gives None.
    """
    kind = type(obj)
    finder = _FINDERS.get(kind)
    if finder is not None:
        return finder(obj)
    if issubclass(kind, type):
        return _class_reference(obj)
    return None


def _usable(module_name: Any, qualname: Any, native: bool = False) -> Optional[types.ModuleType]:
    """The module in which to look for `qualname`, or None. What is written in C cannot go by value."""
    if not isinstance(module_name, str) or not isinstance(qualname, str):
        return None
    if module_name in _MAIN or "<locals>" in qualname or (not native and is_registered(module_name)):
        return None
    module = sys.modules.get(module_name)
    if module is None or not is_importable(module_name, module):
        return None
    return module


def _walk(root: Any, qualname: str) -> Any:
    """The attribute at the dotted path, or None."""
    try:
        for name in qualname.split("."):
            root = getattr(root, name)
    except Exception:
        return None
    return root


def _class_reference(cls: type) -> Optional[Reference]:
    module_name, qualname = class_module(cls), class_qualname(cls)
    native = is_native(cls)
    module = _usable(module_name, qualname, native)
    if module is not None and _walk(module, qualname) is cls:
        return module_name, qualname
    if native:
        return _renamed(cls, module_name, module)
    if module is not None and type(cls).__module__ == "_ctypes":
        for order in ("__ctype_be__", "__ctype_le__"):  # the same type with bytes in the other order
            if _walk(module, qualname + "." + order) is cls:
                return module_name, qualname + "." + order
    return None


_HEAP_TYPE = 1 << 9
_IMMUTABLE_TYPE = 1 << 8 if sys.version_info >= (3, 10) else 0


def is_native(cls: type) -> bool:
    """Is the class written in C, so that there is nothing to take apart?"""
    if not cls.__flags__ & _HEAP_TYPE or cls.__flags__ & _IMMUTABLE_TYPE:
        return True
    return any(
        type(value) in (types.MethodDescriptorType, types.WrapperDescriptorType) and value.__objclass__ is cls
        for value in class_dict(cls).values()
    )


def _renamed(cls: type, module_name: Any, module: Optional[types.ModuleType]) -> Optional[Reference]:
    """Classes written in C that have another name than they say: NoneType, function, dict_keys, _json.Scanner ..."""
    if module_name != "builtins":
        for name, value in vars(module).items() if module is not None else ():
            if value is cls:
                return module_name, name
        return None
    for name in ("None", "Ellipsis", "NotImplemented"):
        if cls is type(getattr(sys.modules["builtins"], name)):
            return "builtins", name + ".__class__"
    import _collections_abc

    for module_name, module in (("types", types), ("_collections_abc", _collections_abc)):
        for name, value in vars(module).items():
            if value is cls:
                return module_name, name
    return None


#: attributes by which a descriptor or wrapper leads to the function in it
_INSIDE = ("__func__", "fget", "fset", "fdel", "func", "__wrapped__")


def _function_reference(func: Any) -> Optional[Reference]:
    module_name, qualname = func.__module__, func.__qualname__
    module = _usable(module_name, qualname)
    if module is None:
        return None
    found = _walk(module, qualname)
    if found is func:
        return module_name, qualname
    # The name may lead to what a decorator made of the function.
    path = qualname
    for _ in range(8):
        for name in _INSIDE:
            inner = _walk(found, name) if found is not None else None
            if inner is func:
                return module_name, "%s.%s" % (path, name)
        path, found = path + ".__wrapped__", _walk(found, "__wrapped__")
        if found is None:
            return None
    return None


def _builtin_reference(func: Any) -> Optional[Reference]:
    owner: Any = func.__self__
    qualname = func.__qualname__
    if owner is None or isinstance(owner, types.ModuleType):
        module_name = func.__module__
        if module_name is None:
            module_name = getattr(owner, "__name__", None)
        module = _usable(module_name, qualname, native=True)
        if module is not None and _walk(module, qualname) is func:
            return module_name, qualname
        return _search(func, qualname) if module_name is None else None
    if isinstance(owner, type):
        # dict.fromkeys, tuple.__new__: equal, but a new object each time
        found = _class_reference(owner)
        if found is not None and getattr(owner, func.__name__, None) == func:
            return found[0], "%s.%s" % (found[1], func.__name__)
    return None


def _search(obj: Any, name: str) -> Optional[Reference]:
    """For objects that do not know their module."""
    for module_name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and vars(module).get(name) is obj and _usable(module_name, name) is module:
            return module_name, name
    return None


def _descriptor_reference(descriptor: Any) -> Optional[Reference]:
    owner, name = descriptor.__objclass__, descriptor.__name__
    found = _class_reference(owner)
    if found is not None and getattr(owner, name, None) is descriptor:
        return found[0], "%s.%s" % (found[1], name)
    return None


def _named_reference(obj: Any) -> Optional[Reference]:
    """Objects with a name and a module of their own: TypeVar, NewType, wrappers of functions."""
    name: Any = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    module_name: Any = getattr(obj, "__module__", None)
    module = _usable(module_name, name)
    if module is not None and _walk(module, name) is obj:
        return module_name, name
    return None


def _finders() -> Dict[type, Callable[[Any], Optional[Reference]]]:
    import functools
    import typing

    finders: Dict[type, Callable[[Any], Optional[Reference]]] = {
        type: _class_reference,
        types.FunctionType: _function_reference,
        types.BuiltinFunctionType: _builtin_reference,
        types.MethodDescriptorType: _descriptor_reference,
        types.WrapperDescriptorType: _descriptor_reference,
        types.GetSetDescriptorType: _descriptor_reference,
        types.MemberDescriptorType: _descriptor_reference,
        type(functools.lru_cache(int)): _named_reference,
    }
    for name in ("TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "TypeAliasType"):
        kind = getattr(typing, name, None)
        if isinstance(kind, type):
            finders[kind] = _named_reference
    return finders


_FINDERS = _finders()


# --- the reader's side --------------------------------------------------------------------------


def is_local_name(module: Any, qualname: Any) -> bool:
    """What the policy hooks call local: defined in a program or inside a function."""
    return module == "__main__" or "<locals>" in (qualname or "")


def import_module(name: str, policy: DeserializationPolicy) -> types.ModuleType:
    """Imports a module named by a payload, after the policy has seen the name."""
    policy.validate_module(name, is_local=name == "__main__")
    module = sys.modules.get(name)
    if module is not None and name != "__main__":
        spec = getattr(module, "__spec__", None)
        if not getattr(spec, "_initializing", False):
            return module
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise
    except (ValueError, TypeError) as error:
        # names that no module can have: empty, relative, with NUL or surrogates
        if name and "\0" not in name and not name.startswith(".") and _is_text(name):
            raise
        raise ForyInvalidDataError("impossible name of a module: %r" % name) from error


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def resolve(module_name: str, qualname: str, policy: DeserializationPolicy) -> Any:
    """The object at `qualname` in `module_name`: the reader's half of `reference_of`.

    Under a policy other than the default nothing of the payload's choosing
    runs before the hooks: attributes are found without `__getattr__`,
    properties and metaclass code, and the policy sees every class on the way.

    Raises:
        ForyInvalidDataError: there is no such name, or only user code could find it.
    """
    obj: Any = import_module(module_name, policy)
    static = policy is not DEFAULT_POLICY
    names = qualname.split(".")
    for i, name in enumerate(names):
        try:
            if static:
                # the class that the last name leads through, and the one that defines it
                seen = None
                if issubclass(type(obj), type):
                    seen = obj
                    policy.validate_class(obj, is_local=is_local_name(module_name, ".".join(names[:i])))
                obj, base = static_lookup(obj, name)
                if base is not None and base is not seen:
                    policy.validate_class(base, is_local=is_local_name(class_module(base), class_qualname(base)))
            else:
                obj = getattr(obj, name)
        except AttributeError:
            raise ForyInvalidDataError("module %r has no %r" % (module_name, qualname)) from None
    validate(obj, is_local_name(module_name, qualname), policy)
    return obj


def validate(obj: Any, is_local: bool, policy: DeserializationPolicy) -> None:
    """Shows the policy what a name led to, by the hook for its kind."""
    # by type() and not isinstance(), which asks the object for __class__
    kind = type(obj)
    if issubclass(kind, type):
        policy.validate_class(obj, is_local=is_local)
    elif kind in (types.MethodType, types.BuiltinFunctionType) and not issubclass(
        type(obj.__self__), (types.ModuleType, type(None))
    ):
        policy.validate_method(obj, is_local=is_local)
    else:
        policy.validate_function(obj, is_local=is_local)


_PLAIN_DESCRIPTORS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    type,
    property,
)


def has_static(cls: type, name: str) -> bool:
    """Do instances of `cls` find `name` in their class?"""
    return any(name in class_dict(base) for base in class_mro(cls))


def static_attribute(owner: Any, name: str) -> Any:
    """`getattr(owner, name)` for modules, classes and wrappers, running no code of the user's."""
    return static_lookup(owner, name)[0]


def static_lookup(owner: Any, name: str) -> Tuple[Any, Optional[type]]:
    """The same, and the class that declares the attribute, or None."""
    kind = type(owner)
    if issubclass(kind, type):
        for cls in class_mro(owner):
            if name in class_dict(cls):
                value = class_dict(cls)[name]
                break
        else:
            raise AttributeError(name)
        of_value = type(value)
        if issubclass(of_value, staticmethod):
            return _static_func(value), cls
        if of_value is classmethod:
            return types.MethodType(value.__func__, owner), cls
        if of_value is types.ClassMethodDescriptorType:
            return value.__get__(None, owner), cls
        if issubclass(of_value, _PLAIN_DESCRIPTORS) or not has_static(of_value, "__get__"):
            return value, cls
        raise ForyInvalidDataError("Cannot resolve descriptor %r of %r safely" % (name, class_qualname(owner)))
    if name == "__class__":
        return kind, None
    if kind is types.MethodType and name == "__func__":
        return owner.__func__, None
    if kind is property and name in ("fget", "fset", "fdel"):
        return getattr(owner, name), None
    namespace = _instance_dict(owner)
    if namespace is None or name not in namespace:
        raise AttributeError(name)
    return namespace[name], None


_static_func: Callable[[Any], Any] = vars(staticmethod)["__func__"].__get__


def _instance_dict(owner: Any) -> Optional[Dict[str, Any]]:
    """The dict of a module or another object, unless its class has made something else of `__dict__`."""
    for cls in class_mro(type(owner)):
        found: Any = class_dict(cls).get("__dict__")
        if found is not None:
            if type(found) in (types.GetSetDescriptorType, types.MemberDescriptorType):
                namespace: Dict[str, Any] = found.__get__(owner)
                return namespace
            return None
    return None
