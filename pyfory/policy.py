"""Hooks that decide what a payload may import, build or call (api section 8).

Xlang mode never resolves anything that a payload names: of these hooks it asks
only `authorize_instantiation`, before an instance of a registered dataclass or
annotated class is made.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DEFAULT_POLICY", "DeserializationPolicy"]


class DeserializationPolicy:
    """Allows everything; override what should be refused, by raising.

    An exception raised by a hook leaves `deserialize` unchanged.
    """

    def validate_module(self, module_name: str, *, is_local: bool, **kwargs: Any) -> None:
        """Before a module named by the payload is imported."""

    def validate_class(self, cls: type, *, is_local: bool, **kwargs: Any) -> None:
        """After a class reference is resolved or a local class is built."""

    def validate_function(self, func: Any, is_local: bool, **kwargs: Any) -> None:
        """After a function is resolved or rebuilt."""

    def validate_method(self, method: Any, is_local: bool, **kwargs: Any) -> None:
        """After a method is resolved."""

    def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
        """Before an instance is made."""

    def intercept_reduce_call(self, callable_obj: Any, args: Any, **kwargs: Any) -> Any:
        """Before `callable_obj(*args)`; a result other than None is used instead of the call."""
        return self._alias("check_reduce_callable", callable_obj, args, **kwargs)

    def inspect_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
        """After state and items were applied; a result other than None replaces the object."""
        return self._alias("check_restored_reduced_object", obj, **kwargs)

    def intercept_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
        """Before state is applied; may change `state` in place."""
        self._alias("check_setstate", obj, state, **kwargs)

    # Other names of the last three; overriding either name of a hook is enough.

    def check_reduce_callable(self, callable_obj: Any, args: Any, **kwargs: Any) -> Any:
        """The same hook as `intercept_reduce_call`."""
        return self._alias("intercept_reduce_call", callable_obj, args, **kwargs)

    def check_restored_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
        """The same hook as `inspect_reduced_object`."""
        return self._alias("inspect_reduced_object", obj, **kwargs)

    def check_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
        """The same hook as `intercept_setstate`."""
        self._alias("intercept_setstate", obj, state, **kwargs)

    def _alias(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The hook under its other name, where a subclass has overridden that one."""
        if getattr(type(self), name) is getattr(DeserializationPolicy, name):
            return None
        return getattr(self, name)(*args, **kwargs)


DEFAULT_POLICY = DeserializationPolicy()
