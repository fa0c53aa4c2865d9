"""Output streams: what ``Buffer.wrap_output_stream`` returns."""

from __future__ import annotations

import errno
import io
from typing import Any, Iterator, Optional

from pyfory.error import ForyInvalidError

FLUSH_THRESHOLD = 4096


class OutputStream:
    """Sends the bytes written to a bound :class:`pyfory.Buffer` on to a stream.

    ``stream.write`` may return the number of bytes it took (the rest is offered
    again) or None for all of them. Its exceptions pass through unchanged; the
    bytes that were not taken stay in the buffer. A raw stream (io.RawIOBase)
    that would block answers None as well: that raises BlockingIOError.

    Raises ForyInvalidError, a ValueError, when the stream has no ``write``.
    """

    __slots__ = ("_stream", "_write", "_buffer", "_barriers", "_none_is_full")

    def __init__(self, stream: Any) -> None:
        write = getattr(stream, "write", None)
        if write is None:
            raise ForyInvalidError("the stream has no write method: %s" % type(stream).__name__)
        self._stream = stream
        self._write = write
        self._buffer: Optional[Any] = None
        self._barriers = 0
        # None from a raw stream that does not block means that nothing was taken
        self._none_is_full = isinstance(stream, io.RawIOBase)

    def bind(self, buffer: Optional[Any]) -> None:
        """Take the bytes of this Buffer from now on; None for no Buffer."""
        self._buffer = buffer
        self._barriers = 0

    def get_output_stream(self) -> Any:
        """The stream that this one writes to."""
        return self._stream

    def enter_flush_barrier(self) -> None:
        """Hold bytes back until the barrier is left: they may still be patched."""
        self._barriers += 1

    def exit_flush_barrier(self) -> None:
        """Leave the innermost barrier. Raises ValueError when there is none."""
        if self._barriers == 0:
            raise ValueError("exit_flush_barrier() without enter_flush_barrier()")
        self._barriers -= 1

    def try_flush(self) -> None:
        """Write out what has gathered, once it is enough and no barrier is up."""
        buffer = self._buffer
        if buffer is None or self._barriers:
            return
        if buffer.get_writer_index() >= FLUSH_THRESHOLD:
            self._drain(buffer)

    def force_flush(self) -> None:
        """Write out everything, then flush the stream if it can be flushed.

        Raises ValueError inside a flush barrier."""
        if self._barriers:
            raise ValueError("force_flush() inside a flush barrier")
        if self._buffer is not None:
            self._drain(self._buffer)
        flush = getattr(self._stream, "flush", None)
        if flush is not None:
            flush()

    def reset(self) -> None:
        """Drop the bytes that were not written out yet, and all barriers."""
        self._barriers = 0
        if self._buffer is not None:
            self._buffer.set_writer_index(0)

    def _drain(self, buffer: Any) -> None:
        size = buffer.get_writer_index()
        if size == 0:
            return
        # a copy, because the stream may keep what it is given
        data = buffer.get_bytes(0, size)
        done = 0
        try:
            for done in self._pieces(data):
                pass
        finally:
            rest = data[done:]
            buffer.set_writer_index(0)
            if rest:
                buffer.write_bytes(rest)

    def send(self, data: bytes) -> None:
        """Writes these bytes now, past the bound Buffer. Raises as ``stream.write`` does, and
        ForyInvalidError when that takes no bytes."""
        for _ in self._pieces(data):
            pass

    def _pieces(self, data: bytes) -> Iterator[int]:
        """Offers data until the stream has all of it; yields how much it took so far."""
        size = len(data)
        taken = self._write(data)
        done = 0
        while True:
            if taken is None:
                if self._none_is_full:
                    raise BlockingIOError(errno.EAGAIN, "the stream takes no more bytes now", done)
                taken = size - done
            elif not 0 < taken <= size - done:
                raise ForyInvalidError("IOError: stream.write() returned %r for %d bytes" % (taken, size - done))
            done += taken
            yield done
            if done == size:
                return
            taken = self._write(memoryview(data)[done:])
