"""A Pickler for loky (and others) whose reader is always pickle.loads: the native
message travels inside a pickle of one call, `pyfory.pickle.loads(message)`.

    joblib.externals.loky.set_loky_pickler("native.clients.loky_pickler")
"""

from __future__ import annotations

import io
import pickle as std
from typing import Any

from native.clients.common import pickle


class _Message:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> Any:
        return pickle.loads, (self.data,)


class Pickler(pickle.Pickler):  # type: ignore
    def __init__(self, file: Any, protocol: Any = None) -> None:
        self._stream = io.BytesIO()
        super().__init__(self._stream)
        self._file = file

    def dump(self, obj: Any) -> None:
        self.clear_memo()
        self._stream.seek(0)
        self._stream.truncate()
        super().dump(obj)
        std.dump(_Message(self._stream.getvalue()), self._file, 5)
