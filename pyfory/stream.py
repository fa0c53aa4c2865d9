"""Reading messages from streams: what `Fory.load` does, and `Reader`.

A message does not say how long it is. `load` leaves the stream exactly behind
the message all the same: what can peek or seek is read in blocks and what was
too much is put back, anything else is asked only for bytes that the message
must still have. `Reader` keeps what it read too much for the next message.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, Tuple, Union

from pyfory._core import Buffer
from pyfory.error import ForyBufferOutOfBoundError, ForyInvalidDataError, ForyTypeError

if TYPE_CHECKING:
    from pyfory.fory import Fory, ThreadSafeFory

__all__ = ["Reader"]

_BLOCK = 8192
#: first room of a message that is read piece by piece
_PIECE = 512


class _Source:
    """Fills a Buffer from any kind of stream and remembers whether that raised."""

    __slots__ = ("_fill", "_kind", "failed")

    def __init__(self, stream: Any) -> None:
        self.failed = False
        self._kind, self._fill = _method_of(stream)

    def readinto(self, room: memoryview) -> int:
        try:
            if self._kind == "read":
                data = self._fill(len(room))
                count = None if data is None else _copy(data, room)
            elif self._kind == "recv":
                count = self._fill(room, len(room))
            else:
                count = self._fill(room)
            if count is None:
                raise BlockingIOError("the stream has no data yet")
            return count
        except BaseException:
            self.failed = True
            raise


class _Peeking:
    """Shows a Buffer what `peek` shows and takes it from the stream only when it is settled."""

    __slots__ = ("_stream", "_ahead", "_deaf")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._ahead = 0
        self._deaf = False

    def readinto(self, room: memoryview) -> Optional[int]:
        self.settle(0)
        data = self._peek()
        if data:
            data = data[: len(room)]
            self._ahead = len(data)
            return _copy(data, room)
        # the end, or a stream that does not block and has nothing yet: read() tells them apart
        data = self._stream.read(1)
        return None if data is None else _copy(data, room)

    def _peek(self) -> Any:
        if self._deaf:
            return b""
        try:
            return self._stream.peek(1)
        except NotImplementedError:
            # as the pickle module takes it: byte by byte then
            self._deaf = True
            return b""

    def settle(self, left: int) -> None:
        """Takes what was shown, but for the last `left` bytes."""
        while self._ahead > left:
            taken = len(self._stream.read(self._ahead - left))
            if taken == 0:
                raise ForyInvalidDataError("the stream does not give what peek() showed")
            self._ahead -= taken
        self._ahead = 0


def _method_of(stream: Any) -> Tuple[str, Callable[..., Any]]:
    """The method that fills: of two, the one that does not wait until the room is full."""
    import io

    if isinstance(stream, (io.BufferedReader, io.BufferedRandom)):
        return "readinto", stream.readinto1
    for name, kind in (("readinto", "readinto"), ("recv_into", "recv"), ("recvinto", "recv"), ("read", "read")):
        method = getattr(stream, name, None)
        if method is not None:
            return kind, method
    raise ValueError("stream must have readinto(), recv_into(), recvinto() or read(): %s" % type(stream).__name__)


def _copy(data: Any, room: memoryview) -> int:
    if isinstance(data, str):
        raise ForyTypeError("the stream gives text; open it in binary mode")
    size = len(data)
    if size > len(room):
        raise ValueError("the stream gave %d bytes where %d were asked for" % (size, len(room)))
    room[:size] = data
    return size


def _can_seek(stream: Any) -> bool:
    seekable = getattr(stream, "seekable", None)
    return seekable is not None and bool(seekable()) and hasattr(stream, "seek")


def load(fory: Any, stream: Any, buffers: Optional[Iterable[Any]] = None) -> Any:
    """Reads one message; see `Fory.load`."""
    mmap = sys.modules.get("mmap")
    if mmap is not None and isinstance(stream, mmap.mmap):
        return _load_mapped(fory, stream, buffers)
    if hasattr(stream, "peek"):
        ahead = _Peeking(stream)
        buffer = Buffer.from_stream(ahead, _BLOCK)
        try:
            return fory.deserialize(buffer, buffers)
        finally:
            ahead.settle(buffer.size() - buffer.get_reader_index())
    source = stream if hasattr(stream, "readinto") or hasattr(stream, "recv_into") else _Source(stream)
    if not _can_seek(stream):
        return fory.deserialize(Buffer.from_stream(source, _PIECE, exact=True), buffers)
    buffer = Buffer.from_stream(source, _BLOCK)
    try:
        return fory.deserialize(buffer, buffers)
    finally:
        left = buffer.size() - buffer.get_reader_index()
        if left:
            stream.seek(-left, 1)


def _load_mapped(fory: Any, stream: Any, buffers: Optional[Iterable[Any]]) -> Any:
    """From the memory itself, without a copy."""
    start = stream.tell()
    buffer = Buffer(stream, start)
    try:
        return fory.deserialize(buffer, buffers)
    finally:
        stream.seek(start + buffer.get_reader_index())
        # a traceback that lives on must not keep the file from being closed
        del buffer


class Reader:
    """Iterates over the messages of a stream, up to its end.

        for value in pyfory.Reader(stream, fory):
            ...

    Args:
        stream: an object with readinto(buf), recv_into(buf, size),
            recvinto(buf, size) or read(n): a file, socket, pipe, ... It may give
            fewer bytes than it is asked for.
        fory: the `Fory` or `ThreadSafeFory` to read with; None for a plain one
            without registrations.
        buffer_size: how much is read at a time.

    The reader owns its buffer and reads ahead: do not read from the stream
    beside it. Nothing is closed. Use one thread at a time.

    Raises, while iterating: ForyBufferOutOfBoundError (an EOFError) when the
    stream ends within a message, ForyError as `Fory.deserialize` for damaged
    messages; then the reader cannot go on. Exceptions of the stream itself
    (a timeout, BlockingIOError) pass unchanged, lose nothing, and the next call
    continues. Raises ValueError for an object that cannot be read from, or a
    buffer_size that is not positive.
    """

    __slots__ = ("_buffer", "_source", "_fory", "_broken")

    def __init__(
        self, stream: Any, fory: Optional[Union[Fory, ThreadSafeFory]] = None, buffer_size: int = 64 * 1024
    ) -> None:
        if fory is None:
            from pyfory.fory import Fory

            fory = Fory()
        elif not hasattr(fory, "deserialize"):
            raise ForyTypeError("fory must be a Fory, not %s" % type(fory).__name__)
        self._fory = fory
        self._source = _Source(stream)
        self._buffer = Buffer.from_stream(self._source, buffer_size)
        self._broken = False

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> Any:
        if not self._broken and not self._more():
            raise StopIteration
        return self.read()

    def read(self, buffers: Optional[Iterable[Any]] = None) -> Any:
        """Reads the next message.

        Args:
            buffers: its out-of-band buffers, as for `Fory.deserialize`.

        Raises ForyBufferOutOfBoundError, which is an EOFError, at the end of the
        stream; otherwise as iterating does.
        """
        if self._broken:
            raise ForyInvalidDataError("an earlier message of this stream could not be read")
        if not self._more():
            raise ForyBufferOutOfBoundError("the stream is at its end")
        source = self._source
        source.failed = False
        try:
            return self._fory.deserialize(self._buffer, buffers)
        except BaseException:
            self._broken = not source.failed
            raise

    def _more(self) -> bool:
        """Whether another message begins; waits for its first byte."""
        buffer = self._buffer
        if buffer.get_reader_index() < buffer.size():
            return True
        self._source.failed = False
        try:
            buffer.ensure_readable(1)
        except ForyBufferOutOfBoundError:
            if self._source.failed:
                raise
            return False
        return True
