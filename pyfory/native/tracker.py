"""Remembers which classes and type variables of this process are which in payloads.

Everything sent by value gets an identity when it is first written or read.
When the same identity arrives again, also back in the process it came from,
it is the object that is already here.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Dict, Optional, Tuple

__all__ = ["Tracker", "tracker"]


class _Reference(weakref.ref):  # type: ignore[type-arg]
    """Says itself what is to be forgotten: a closure that knows its own weakref would be a cycle per object."""

    __slots__ = ("key", "identity")
    key: int
    identity: str


class Tracker:
    """Identity <-> object, holding neither alive. Safe to share between threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        # By id() and not by equality: metaclasses may define __eq__ and __hash__.
        self._identities: Dict[int, Tuple[Any, str]] = {}
        self._objects: Dict[str, Any] = {}
        self._unfinished: Dict[str, bool] = {}

    def after_fork(self) -> None:
        """In the child: another thread may have held the lock, and is not there to give it back."""
        self.lock = threading.RLock()

    def identity(self, obj: Any) -> str:
        """The identity of `obj`, which gets one now if it has none."""
        found = self._identities.get(id(obj))
        if found is not None:
            return found[1]
        with self.lock:
            found = self._identities.get(id(obj))
            if found is None:
                self.add(os.urandom(16).hex(), obj)
                found = self._identities[id(obj)]
        return found[1]

    def find(self, identity: str) -> Optional[Any]:
        """The object of that identity in this process, finished or not."""
        reference = self._objects.get(identity)
        return None if reference is None else reference()

    def add(self, identity: str, obj: Any, unfinished: bool = False) -> Any:
        """Makes `obj` the one of that identity; returns the one there is, if another thread was first."""
        with self.lock:
            there = self.find(identity)
            if there is not None:
                return there
            reference = _Reference(obj, self._forget)
            reference.key = id(obj)
            reference.identity = identity
            self._identities.setdefault(id(obj), (reference, identity))
            self._objects[identity] = reference
            if unfinished:
                self._unfinished[identity] = True
            return obj

    def _forget(self, reference: _Reference) -> None:
        self._identities.pop(reference.key, None)
        if self._objects.get(reference.identity) is reference:
            self._objects.pop(reference.identity, None)
            self._unfinished.pop(reference.identity, None)

    def is_tracked(self, obj: Any) -> bool:
        """Has `obj` an identity?"""
        return id(obj) in self._identities

    def is_unfinished(self, obj: Any) -> bool:
        """Was `obj` added as unfinished and has not been finished since?"""
        found = self._identities.get(id(obj))
        return found is not None and found[1] in self._unfinished

    def finished(self, obj: Any) -> None:
        found = self._identities.get(id(obj))
        if found is not None:
            self._unfinished.pop(found[1], None)


tracker = Tracker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=tracker.after_fork)
