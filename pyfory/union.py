"""Tagged unions (wire-format 8.3)."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple, Union as _Union

from pyfory.serializer import Serializer

__all__ = ["Union", "UnionSerializer"]


class Union:
    """A value of one of several alternatives, told apart by a case id.

    Subclasses are registered with `Fory.register_union` and a
    `UnionSerializer`. They may provide their own `_from_case_id`.
    """

    __slots__ = ("_case_id", "_value")

    def __init__(self, case_id: int, value: Any) -> None:
        self._case_id = case_id
        self._value = value

    def case_id(self) -> int:
        """Number of the alternative."""
        return self._case_id

    def value(self) -> Any:
        """The value of the alternative."""
        return self._value

    @classmethod
    def _from_case_id(cls, case_id: int, value: Any) -> "Union":
        made = cls.__new__(cls)
        made._case_id = case_id
        made._value = value
        return made

    def __eq__(self, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return self._case_id == other._case_id and self._value == other._value

    def __hash__(self) -> int:
        return hash((type(self), self._case_id, self._value))

    def __repr__(self) -> str:
        return "%s(%r, %r)" % (type(self).__name__, self._case_id, self._value)


class UnionSerializer(Serializer):
    """Describes the alternatives of a union class: `{case_id: type}`, or a list of types
    numbered from 0.

    Raises TypeError for case ids that are no ints and for classes without `_from_case_id`.
    """

    def __init__(self, type_resolver: Any, cls: type, alternatives: _Union[Dict[int, Any], List[Any], Tuple[Any, ...]]) -> None:
        from pyfory.error import ForyTypeError

        super().__init__(type_resolver, cls)
        if not isinstance(alternatives, dict):
            alternatives = dict(enumerate(alternatives))
        for case_id in alternatives:
            if type(case_id) is not int or not 0 <= case_id < 2**32:
                raise ForyTypeError("union case ids must be ints from 0 to 2**32-1, not %r" % (case_id,))
        if not callable(getattr(cls, "_from_case_id", None)):
            raise ForyTypeError("%s has no _from_case_id(case_id, value)" % cls.__name__)
        self.alternatives = alternatives
