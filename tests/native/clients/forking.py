"""A ForkingPickler, multiprocessing's name for what it writes objects with."""

from __future__ import annotations

import copyreg
import io
import multiprocessing.connection
import multiprocessing.queues
import multiprocessing.reduction
import multiprocessing.sharedctypes
from typing import Any

from native.clients.common import pickle


class ForkingPickler(pickle.Pickler):  # type: ignore
    # shared with the standard one, in which connections, locks and so on register
    _extra_reducers = multiprocessing.reduction.ForkingPickler._extra_reducers  # type: ignore

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        own = getattr(type(self), "dispatch_table", {})
        self.dispatch_table = {**copyreg.dispatch_table, **own, **self._extra_reducers}

    @classmethod
    def register(cls, type: type, reduce: Any) -> None:
        cls._extra_reducers[type] = reduce

    @classmethod
    def dumps(cls, obj: Any, protocol: Any = None) -> memoryview:
        stream = io.BytesIO()
        cls(stream, protocol).dump(obj)
        return stream.getbuffer()

    loads = staticmethod(pickle.loads)


def install() -> None:
    """Makes multiprocessing's pipes and queues use it, in this process.

    A process that is spawned reads its first two messages, which say what to run,
    before it could be told; those stay with pickle.
    """
    for module in (multiprocessing.connection, multiprocessing.queues, multiprocessing.sharedctypes):
        module._ForkingPickler = ForkingPickler  # type: ignore
