"""Native mode's questions of the engine: how a class is written, what a name may become.

Everything that turns a name of a message into a module, class, function or
callable passes `NativeRegistry.resolve_global`, `class_by_name`, `class_by_id`,
`call_reduce`, `call_new` or `authorize_code`, after strict mode and the policy
have said yes. Nothing else in native mode imports or looks up.
"""

from __future__ import annotations

import copyreg
import sys
from types import CodeType, FunctionType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from pyfory.error import (
    ForyError,
    ForyInvalidDataError,
    ForyUnsupportedError,
    TypeNotCompatibleError,
    TypeUnregisteredError,
)
from pyfory.policy import DEFAULT_POLICY
from pyfory.registry import Registration, TypeRegistry

__all__ = ["NativeRegistry"]

#: forms of a name, as in csrc/native/native.h
_BY_NAME, _BY_ID, _BY_TYPENAME = 0, 2, 3
_MISSING: Any = object()
#: states that mean none when they are empty, as with pickle
_PLAIN_STATES = (bool, int, float, str, bytes, tuple, list, set, frozenset)

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
        self._reference_of: Any = None  # imported when it is needed

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
        from pyfory.native.builders import REDUCERS

        serializer = self._serializer_for(cls)
        if serializer is not None:
            return "serializer", serializer
        kind = classify.classify(cls)
        if self.strict and cls not in self._by_class and not _is_safe_class(cls):
            # Classes and functions are asked for one by one when they are named.
            if kind[0] != "code" and cls not in REDUCERS:
                raise self._unregistered(cls)
        return kind

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
        if self._reference_of is None:
            from pyfory.native.references import reference_of

            self._reference_of = reference_of
        reference: Optional[Tuple[str, str]] = self._reference_of(obj)
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

    def code_support(self) -> Tuple[Any, ...]:
        """What the engine needs for code by value where nobody has to be asked: csrc/native/native.h."""
        from pyfory.native.code import support

        return support()

    def capture(self, obj: Any, session: Any) -> Any:
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
        self._show(info.cls)
        return info.cls

    def class_by_name(self, typename: str, module: str, qualname: str) -> Any:
        """The class registered under a name; unregistered, it is looked up where the writer had it."""
        namespace, _, simple = typename.rpartition(".")
        info = self._by_name.get((namespace, simple))
        if info is None:
            return self.resolve_global(module, qualname)
        self._show(info.cls)
        return info.cls

    def _show(self, cls: type) -> None:
        """Shows a registered class to the policy, as one found by its name."""
        if self.guarded:
            from pyfory.native.references import is_local_name, validate

            validate(cls, is_local_name(cls.__module__, cls.__qualname__), self.policy)

    def _find_allowed(self, module: str, qualname: str) -> Any:
        from pyfory.native.safe import SAFE_CALLS, SAFE_CLASSES

        for cls in self._by_class:
            if cls.__module__ == module and cls.__qualname__ == qualname:
                return cls
        if (module, qualname) in SAFE_CLASSES or (module, qualname) in SAFE_CALLS:
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

    def call_reduce(self, callable_obj: Any, args: Tuple[Any, ...], kwargs: Optional[Dict[str, Any]]) -> Any:
        """callable_obj(*args), if strict mode and policy allow it."""
        if self.guarded:
            made = _made_by(callable_obj, args)
            if made is not None:
                self.policy.authorize_instantiation(made)
            replacement = self.policy.intercept_reduce_call(callable_obj, args)
            if replacement is not None:
                return replacement
        else:
            self.check_call(callable_obj, args)
        if not callable(callable_obj):
            raise ForyInvalidDataError("%s is not callable" % type(callable_obj).__name__)
        return self._run(callable_obj, args, kwargs)

    def call_new(self, cls: type, args: Tuple[Any, ...], kwargs: Optional[Dict[str, Any]]) -> Any:
        """cls.__new__(*args) with cls in front, if strict mode and policy allow it."""
        if self.guarded:
            self.authorize_instantiation(cls)
        else:
            self.check_new(cls, args[1:])
        return self._run(cls.__new__, args, kwargs)

    def check_call(self, callable_obj: Any, args: Tuple[Any, ...]) -> None:
        """Would strict mode call this? Asked by the writer, too.

        Raises TypeUnregisteredError.
        """
        from pyfory.native.safe import SAFE_CALLS, expands

        if isinstance(callable_obj, type):
            if callable_obj in self._by_class:
                if expands(callable_obj, args):
                    raise self._uncalled(callable_obj, "with these arguments")
                return
        name = _call_name(callable_obj)
        check = SAFE_CALLS.get(name, _MISSING)
        if check is _MISSING or _walk(_import(name[0]), name[1], None) is not callable_obj:
            raise self._uncalled(callable_obj, "")
        if check is not None:
            try:
                check(args)
            except ValueError as error:
                raise self._uncalled(callable_obj, "with %s" % error) from None

    def check_new(self, cls: type, args: Tuple[Any, ...]) -> None:
        """Would strict mode call cls.__new__ with these arguments? Asked by the writer, too."""
        from pyfory.native.safe import expands

        if cls not in self._by_class and (args or not _is_safe_class(cls)) or expands(cls, args):
            raise self._uncalled(cls, "with arguments" if args else "")

    def _uncalled(self, callable_obj: Any, how: str) -> TypeUnregisteredError:
        return TypeUnregisteredError(
            "strict mode does not call %s %s; register the class, or use strict=False or a policy for trusted payloads"
            % (getattr(callable_obj, "__qualname__", type(callable_obj).__qualname__), how)
        )

    def _run(self, callable_obj: Any, args: Tuple[Any, ...], kwargs: Optional[Dict[str, Any]] = None) -> Any:
        try:
            return callable_obj(*args, **(kwargs or {}))
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, NotImplementedError) as error:
            if not (self.strict or self.guarded) or isinstance(error, ForyError) or not _is_foreign(callable_obj, error):
                raise
            raise ForyInvalidDataError(
                "%s: %s" % (getattr(callable_obj, "__qualname__", type(callable_obj).__qualname__), error)
            ) from error

    def apply_state(self, obj: Any, state: Any) -> None:
        """Gives an object its state as pickle does, the policy first."""
        if self.guarded:
            if state is not None:
                self.policy.intercept_setstate(obj, state)
        elif self.strict:
            from pyfory.native.safe import holds_memory

            if holds_memory(obj):
                raise TypeUnregisteredError("strict mode takes no state for %s" % type(obj).__qualname__)
        setstate = getattr(obj, "__setstate__", _MISSING)
        if setstate is not _MISSING:
            self._run(setstate, (state,))
            return
        slots = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        for part in (state, slots):
            # its truth is asked of plain values alone: an array has none, and a method must not run here
            if part is not None and not isinstance(part, dict) and (type(part) not in _PLAIN_STATES or part):
                raise ForyInvalidDataError("the state of a %s is not a dict" % type(obj).__qualname__)
        if state:
            try:
                attributes = obj.__dict__
            except AttributeError:
                raise ForyInvalidDataError("%s has no place for attributes" % type(obj).__qualname__) from None
            for name, value in state.items():
                attributes[sys.intern(name) if type(name) is str else name] = value
        if slots:
            for name, value in slots.items():
                if self.strict and name in ("__class__", "__dict__"):
                    raise ForyInvalidDataError("%s as a slot of a %s" % (name, type(obj).__qualname__))
                self._run(setattr, (obj, name, value))

    def fill_object(self, obj: Any, fields: Dict[str, Any]) -> None:
        """Gives a plain object its attributes, the policy first."""
        self.policy.intercept_setstate(obj, fields)
        from pyfory.native.references import class_dict, class_mro

        attributes: Any = None
        for name, value in fields.items():
            slot: Any
            for cls in class_mro(type(obj)):
                if name in class_dict(cls):
                    slot = class_dict(cls)[name]
                    break
            else:
                slot = None
            if type(slot) is MemberDescriptorType:
                slot.__set__(obj, value)
                continue
            if attributes is None:
                try:
                    attributes = obj.__dict__
                except AttributeError:
                    raise TypeNotCompatibleError(
                        "%s has no place for attribute %r" % (type(obj).__qualname__, name)
                    ) from None
            attributes[name] = value

    def inspect_reduced(self, obj: Any) -> Any:
        """The object itself, or what the policy puts in its place."""
        replacement = self.policy.inspect_reduced_object(obj)
        return obj if replacement is None else replacement

    # ---- reading: code ------------------------------------------------------------------------

    def authorize_code(self, kind: int, header: Tuple[Any, ...], session: Any) -> None:
        """Before the body of a function, class or module is read."""
        if self.strict and not self.guarded:
            raise TypeUnregisteredError(
                "strict mode reads no functions, classes and modules by value: use strict=False or a policy "
                "for trusted payloads"
            )
        from pyfory.native import code, kinds

        code.authorize(kind, header, self.policy)
        # The policy hears of bytecode with the function that it belongs to.
        if kind in (kinds.FUNCTION, kinds.FUNCTION_SHELL):
            session.function = True
        elif kind == kinds.CODE and self.guarded and not session.function:
            self.policy.authorize_instantiation(CodeType, is_local=True)

    def ask_find_class(self, kind: int, header: Tuple[Any, ...], find_class: Callable[[str, str], Any]) -> None:
        """Before a record of an Unpickler that has its own find_class is made."""
        from pyfory.native import code

        code.ask_find_class(kind, header, find_class)

    def build_code(self, kind: int, header: Tuple[Any, ...], args: Tuple[Any, ...], session: Any) -> Any:
        from pyfory.native.code import build

        return build(kind, header, args, self.policy, session)

    def finish_code(self, kind: int, obj: Any, state: Any, session: Any) -> Any:
        from pyfory.native.code import finish

        return finish(kind, obj, state, self.policy, session)

    # ---- arrays of objects ----------------------------------------------------------------

    def reduce_object_array(self, array: Any) -> Tuple[Any, ...]:
        from pyfory.native.builders import reduce_object_array

        reduced: Tuple[Any, ...] = reduce_object_array(array)
        return reduced

    # ---- registering -----------------------------------------------------------------------------

    def engine_arguments(self, info: Registration) -> Tuple[Any, ...]:
        """What `Engine._refresh` needs to know of a registration."""
        return info.cls, self.guarded


_MAKERS = (copyreg.__newobj__, copyreg.__newobj_ex__, copyreg._reconstructor)  # type: ignore[attr-defined]


def _made_by(callable_obj: Any, args: Tuple[Any, ...]) -> Optional[type]:
    """The class that a call makes an instance of: itself, or the first argument of copyreg's functions."""
    # by identity: what stands in the place of a callable may have an __eq__
    if any(callable_obj is function for function in _MAKERS):
        callable_obj = args[0] if args else None
    return callable_obj if isinstance(callable_obj, type) else None


def _is_foreign(callable_obj: Any, error: BaseException) -> bool:
    """Did the call fail for what it was given, and not in code of the user's?"""
    from pyfory.native.safe import SAFE_CALLS

    traceback = error.__traceback__
    if traceback is None or traceback.tb_next is None:
        return True
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(callable_obj, enum.EnumMeta):
        # the enum module looks members up in Python; a class of the user's may do so, too (_missing_)
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        return traceback.tb_frame.f_globals is vars(enum)
    return _call_name(callable_obj) in SAFE_CALLS


def _call_name(callable_obj: Any) -> Any:
    """The key of SAFE_CALLS; of a bound method, that of its class."""
    if callable_obj is MappingProxyType:
        return "types", "MappingProxyType"
    owner = getattr(callable_obj, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        callable_obj = type(owner)
    name = (getattr(callable_obj, "__module__", None), getattr(callable_obj, "__qualname__", None))
    return name if type(name[0]) is str and type(name[1]) is str else ("", "")


def _is_safe_class(cls: type) -> bool:
    from pyfory.native.safe import SAFE_CLASSES

    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(cls, getattr(numpy, "dtype", ())):
        return True
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
