"""Native mode's questions of the engine: how a class is written, what a name may become.

Everything that turns a name of a message into a module, class, function or
callable passes `NativeRegistry.resolve_global`, `class_by_name`, `class_by_id`,
`call_reduce`, `call_new` or `authorize_code`, after strict mode and the policy
have said yes. Nothing else in native mode imports or looks up.
"""

from __future__ import annotations

import copyreg
import sys
from types import FunctionType
from typing import Any, Dict, List, Optional, Set, Tuple

from pyfory.error import ForyError, ForyInvalidDataError, ForyUnsupportedError, TypeUnregisteredError
from pyfory.native.safe import SAFE_CLASSES, SAFE_FUNCTIONS
from pyfory.policy import DEFAULT_POLICY
from pyfory.registry import Registration, TypeRegistry

__all__ = ["NativeRegistry"]

#: forms of a name, as in csrc/native/native.h
_BY_NAME, _BY_ID, _BY_TYPENAME = 0, 2, 3
_MISSING: Any = object()

#: what pickle writes without asking copyreg
_PLAIN = frozenset([
    type(None), bool, int, float, str, bytes, bytearray, tuple, list, dict, set, frozenset, type, FunctionType,
])  # fmt: skip


class NativeRegistry(TypeRegistry):
    """The types of a `Fory(xlang=False)`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.xlang = False
        self._reduced: Set[type] = set()

    @property
    def guarded(self) -> bool:
        """Whether every class and call of a message is asked for."""
        return self.policy is not DEFAULT_POLICY

    def _check_class(self, cls: type) -> None:
        """Any class may be registered: its instances travel by their state."""

    # ---- writing: how values of a class travel ---------------------------------------

    def resolve_class(self, cls: type) -> Tuple[str, Any]:
        """(kind, detail) of the values of exactly this class.

        Raises TypeUnregisteredError in strict mode, ForyUnsupportedError for what
        has no meaning in another process.
        """
        from pyfory.native import classify

        serializer = self._serializer_for(cls)
        if serializer is not None:
            return "serializer", serializer
        if self.strict and cls not in self._by_class and not _is_safe_class(cls):
            raise self._unregistered(cls)
        return classify.classify(cls)

    def changed_reducers(self) -> List[Tuple[type, Tuple[str, Any]]]:
        """Classes that copyreg's table has got or lost since the last call, with how they travel now."""
        own = getattr(copyreg, "pickle_complex", None)
        reduced = {
            cls
            for cls, reducer in list(copyreg.dispatch_table.items())
            if isinstance(cls, type) and cls not in _PLAIN and reducer is not own
        }
        changed = []
        for cls in reduced ^ self._reduced:
            try:
                changed.append((cls, self.resolve_class(cls)))
            except ForyError:
                pass  # refused, now as when one of its values is written
        self._reduced = reduced
        return changed

    def _serializer_for(self, cls: type) -> Any:
        for base in cls.__mro__:
            info = self._by_class.get(base)
            if info is not None and info.serializer is not None:
                supports = getattr(info.serializer, "support_subclass", None)
                if base is cls or (supports is not None and supports()):
                    return info.serializer
        return None

    def slots_of_plain(self, cls: type) -> Optional[Tuple[str, ...]]:
        """The slots of a class whose instances are still attributes and nothing else, or None."""
        kind, detail = self.resolve_class(cls)
        return detail if kind == "object" else None

    def name_of(self, obj: Any) -> Optional[Tuple[int, int, str, str, str]]:
        """How a class or function is named: (form, id, typename, module, qualname), or None for by value."""
        info = self.lookup(obj) if isinstance(obj, type) else None
        if info is not None and not info.by_name:
            return _BY_ID, info.user_type_id, "", "", ""
        from pyfory.native.references import reference_of

        reference = reference_of(obj)
        if info is not None:
            module, qualname = reference or (obj.__module__, obj.__qualname__)
            typename = "%s.%s" % (info.namespace, info.typename) if info.namespace else info.typename
            return _BY_TYPENAME, 0, typename, module, qualname
        if reference is None:
            return None
        if self.strict and not self._is_allowed(obj, *reference):
            raise TypeUnregisteredError(
                "strict mode takes no classes and functions that are not registered: %s.%s" % reference
            )
        return (_BY_NAME, 0, "") + reference

    def name_of_singleton(self, obj: Any, name: str) -> Tuple[str, str]:
        """(module, qualname) of an object whose __reduce__ gave its name."""
        module = getattr(obj, "__module__", None)
        if module is None:
            for module, candidate in list(sys.modules.items()):
                if candidate is not None and module not in ("__main__", "__mp_main__"):
                    if _walk(candidate, name, _MISSING) is obj:
                        break
            else:
                module = "__main__"
        try:
            found = _walk(_import(module), name, _MISSING)
        except (ImportError, ValueError) as e:
            raise ForyUnsupportedError("%r: cannot import module %r" % (name, module)) from e
        if found is not obj:
            raise ForyUnsupportedError(
                "%s of a %s is %s in module %s" % (
                    name, type(obj).__qualname__, "not found" if found is _MISSING else "another object", module,
                )  # fmt: skip
            )
        return module, name

    def capture(self, obj: Any, session: Dict[Any, Any]) -> Any:
        """The parts of a class, function or module by value, or None."""
        if self.strict and not self.guarded:
            raise TypeUnregisteredError("strict mode writes no functions and classes by value: %r" % (obj,))
        from pyfory.native.code import capture

        return capture(obj, session)

    # ---- reading: names ------------------------------------------------------------------

    def resolve_global(self, module: str, qualname: str) -> Any:
        """The class or function that a message names.

        Raises TypeUnregisteredError in strict mode, ForyInvalidDataError when there is
        none, and whatever the policy or the import raises.
        """
        if self.strict and not self.guarded:
            found = self._find_allowed(module, qualname)
            if found is None:
                raise TypeUnregisteredError(
                    "strict mode: %s.%s is not registered; register it, or use strict=False or a policy "
                    "for trusted payloads" % (module, qualname)
                )
            return found
        from pyfory.native.references import resolve

        return resolve(module, qualname, self.policy)

    def class_by_id(self, user_id: int) -> type:
        """The class that was registered with a number. Raises TypeUnregisteredError."""
        info = self._by_id.get(user_id)
        if info is None:
            raise TypeUnregisteredError("no class is registered with type_id=%d" % user_id)
        return info.cls

    def class_by_name(self, typename: str, module: str, qualname: str) -> Any:
        """The class registered under a name; unregistered, it is looked up where the writer had it."""
        namespace, _, simple = typename.rpartition(".")
        info = self._by_name.get((namespace, simple))
        return info.cls if info is not None else self.resolve_global(module, qualname)

    def _find_allowed(self, module: str, qualname: str) -> Any:
        for cls in self._by_class:
            if cls.__module__ == module and cls.__qualname__ == qualname:
                return cls
        if (module, qualname) in SAFE_CLASSES or (module, qualname) in SAFE_FUNCTIONS:
            return _walk(_import(module), qualname, None)
        return None

    def _is_allowed(self, obj: Any, module: str, qualname: str) -> bool:
        return self._find_allowed(module, qualname) is obj

    # ---- reading: instances and calls --------------------------------------------------------

    def authorize_instantiation(self, cls: type) -> None:
        """Asks the policy before an instance is made."""
        if self.strict and cls not in self._by_class and not _is_safe_class(cls):
            raise self._unregistered(cls)
        self.policy.authorize_instantiation(cls)

    def call_reduce(self, callable_obj: Any, args: tuple, kwargs: Optional[dict]) -> Any:
        """callable_obj(*args), if strict mode and policy allow it."""
        if self.guarded:
            if isinstance(callable_obj, type):
                self.policy.authorize_instantiation(callable_obj)
            replacement = self.policy.intercept_reduce_call(callable_obj, args)
            if replacement is not None:
                return replacement
        else:
            self._check_callable(callable_obj)
        if not callable(callable_obj):
            raise ForyInvalidDataError("%s is not callable" % type(callable_obj).__name__)
        return callable_obj(*args, **(kwargs or {}))

    def call_new(self, cls: type, args: tuple, kwargs: Optional[dict]) -> Any:
        """cls.__new__(*args) with cls in front, if strict mode and policy allow it."""
        if self.guarded:
            self.authorize_instantiation(cls)
        else:
            self._check_callable(cls)
        return cls.__new__(*args, **(kwargs or {}))

    def _check_callable(self, callable_obj: Any) -> None:
        if isinstance(callable_obj, type):
            if callable_obj in self._by_class or _is_safe_class(callable_obj):
                return
        else:
            name = (getattr(callable_obj, "__module__", None), getattr(callable_obj, "__qualname__", None))
            if name in SAFE_FUNCTIONS and _walk(_import(name[0]), name[1], None) is callable_obj:  # type: ignore[arg-type]
                return
        raise TypeUnregisteredError(
            "strict mode: the message wants to call %s; register the class, or use strict=False or a policy "
            "for trusted payloads" % getattr(callable_obj, "__qualname__", type(callable_obj).__qualname__)
        )

    def apply_state(self, obj: Any, state: Any) -> None:
        """Gives an object its state as pickle does, the policy first."""
        if self.guarded and state is not None:
            self.policy.intercept_setstate(obj, state)
        setstate = getattr(obj, "__setstate__", _MISSING)
        if setstate is not _MISSING:
            setstate(state)
            return
        slots = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        if state:
            try:
                attributes = obj.__dict__
            except AttributeError:
                raise ForyInvalidDataError("%s has no place for attributes" % type(obj).__qualname__) from None
            for name, value in state.items():
                attributes[sys.intern(name) if type(name) is str else name] = value
        if slots:
            for name, value in slots.items():
                setattr(obj, name, value)

    def inspect_reduced(self, obj: Any) -> Any:
        """The object itself, or what the policy puts in its place."""
        replacement = self.policy.inspect_reduced_object(obj)
        return obj if replacement is None else replacement

    # ---- reading: code ------------------------------------------------------------------------

    def authorize_code(self, kind: int, header: tuple) -> None:
        """Before the body of a function, class or module is read."""
        if self.strict and not self.guarded:
            raise TypeUnregisteredError(
                "strict mode reads no functions, classes and modules by value: use strict=False or a policy "
                "for trusted payloads"
            )
        from pyfory.native.code import authorize

        authorize(kind, header, self.policy)

    def ask_find_class(self, kind: int, find_class: Any) -> None:
        """Code by value passes an Unpickler's find_class as the callables that pickle would name."""
        from pyfory.native import kinds

        if kind == kinds.MODULE:
            find_class("importlib", "import_module")
        elif kind in (kinds.METHOD, kinds.BUILTIN_METHOD, kinds.DESCRIPTOR):
            find_class("builtins", "getattr")
        else:
            find_class("pyfory.native.code", "build")

    def build_code(self, kind: int, header: tuple, args: tuple, session: Dict[Any, Any]) -> Any:
        from pyfory.native.code import build

        return build(kind, header, args, self.policy, session)

    def finish_code(self, kind: int, obj: Any, state: Any, session: Dict[Any, Any]) -> Any:
        from pyfory.native.code import finish

        return finish(kind, obj, state, self.policy, session)

    # ---- registering -----------------------------------------------------------------------------

    def engine_arguments(self, info: Registration) -> tuple:
        """What `Engine._refresh` needs to know of a registration."""
        return info.cls, self.guarded


def _is_safe_class(cls: type) -> bool:
    name = (cls.__module__, cls.__qualname__)
    if name not in SAFE_CLASSES:
        return False
    module = sys.modules.get(name[0])
    return module is not None and _walk(module, name[1], None) is cls


def _import(module: str) -> Any:
    found = sys.modules.get(module)
    if found is None or getattr(getattr(found, "__spec__", None), "_initializing", False):
        __import__(module)
        found = sys.modules[module]
    return found


def _walk(home: Any, qualname: str, default: Any) -> Any:
    for part in qualname.split("."):
        if part == "<locals>":
            return default
        try:
            home = getattr(home, part)
        except AttributeError:
            return default
    return home
