"""pickle's interface over the native format.

    from pyfory import pickle

replaces `import pickle`: dump, dumps, load, loads, Pickler, Unpickler and the
constants and errors have the names and signatures of the standard library's
module. Functions and classes that cannot be imported travel by value.

What differs on purpose:

* The bytes are the native format (docs/native-format.md). `protocol` and
  `fix_imports` are checked as pickle checks them and have no effect;
  objects are asked for `__reduce_ex__(5)`.
* Real pickles are refused, because reading one runs the code it names, unless
  `allow_pickle=True` is given to load, loads or Unpickler, or a subclass of
  Unpickler sets the class attribute. Then they go to the standard library,
  which is also where `encoding` and `errors` count.
* Errors are of the ForyError family *and* of pickle's: catching
  pickle.PicklingError, pickle.UnpicklingError or ForyError works alike.

Like pickle, this module must not read bytes from people you do not trust.
`Unpickler.find_class` restricts what a message may name; `pyfory.Fory` with
`strict=True` or a policy is the better tool for that.
"""

from __future__ import annotations

import pickle as _std
import sys
from copyreg import dispatch_table
from pickle import (
    DEFAULT_PROTOCOL,
    HIGHEST_PROTOCOL,
    PickleBuffer,
    PickleError,
    PicklingError,
    UnpicklingError,
)
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Type, Union

from pyfory import error
from pyfory._core import PicklerBase, UnpicklerBase
from pyfory.fory import Fory

__all__ = [
    "DEFAULT_PROTOCOL", "HIGHEST_PROTOCOL", "PickleBuffer", "PickleError", "Pickler", "PicklerMemoProxy",
    "PicklingError", "Unpickler", "UnpicklerMemoProxy", "UnpicklingError", "dispatch_table", "dump", "dumps", "load",
    "loads",
]  # fmt: skip

_UNLIMITED = 2**63 - 1
_NO_BUFFERS = ()  # what pickle's own functions have as default


def _make_fory(ref: bool) -> Fory:
    # pickle has no budgets; nesting is bounded by the C stack alone.
    return Fory(
        xlang=False,
        ref=ref,
        strict=False,
        max_depth=2**31 - 1,
        max_graph_memory_bytes=_UNLIMITED,
        max_unbacked_container_items=_UNLIMITED,
    )


_fory = _make_fory(True)
_write = _fory.dumps
#: from memory, without asking whether it is a stream
_read = super(Fory, _fory)._load_hooked
_without_references: Optional[Fory] = None


# ---- functions ------------------------------------------------------------------


def dump(
    obj: Any,
    file: Any,
    protocol: Optional[int] = None,
    *,
    fix_imports: bool = True,
    buffer_callback: Optional[Callable[[PickleBuffer], Any]] = None,
) -> None:
    """Writes `obj` as one message to `file`, an object with write(bytes).

    Raises:
        PicklingError: `obj`, or something in it, cannot be written; the message
            says where.
        TypeError: `file` cannot be written to.
    """
    write = _write_method(file)
    write(dumps(obj, protocol, buffer_callback=buffer_callback))


def dumps(
    obj: Any,
    protocol: Optional[int] = None,
    *,
    fix_imports: bool = True,
    buffer_callback: Optional[Callable[[PickleBuffer], Any]] = None,
) -> bytes:
    """The bytes that loads() makes into an object equal to `obj`.

    Args:
        buffer_callback: called with a PickleBuffer for each large piece of memory
            that can travel apart; a false result takes it out of the message.

    Raises:
        PicklingError: `obj`, or something in it, cannot be written.
        ValueError: `protocol` is above HIGHEST_PROTOCOL, or too low for `buffer_callback`.
    """
    if protocol is not None:
        _check_protocol(protocol, buffer_callback)
    data: bytes
    try:
        if buffer_callback is None:
            data = _write(obj)
        else:
            hooks = _WriteHooks()
            hooks.buffer_callback = buffer_callback
            data = _fory._dump_hooked(obj, hooks)
        return data
    except error.ForyError as failure:
        _make_also(failure, PicklingError)
        raise


def load(
    file: Any,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Optional[Iterable[Any]] = (),
    allow_pickle: bool = False,
) -> Any:
    """Reads one message from `file` and leaves `file` right after it.

    Args:
        buffers: what the writer's buffer_callback received, in that order.
        allow_pickle: read the standard library's pickles too. Only for trusted data.

    Raises:
        UnpicklingError: the bytes are damaged, or are not of the native format.
        EOFError: the stream ends before the message does.
    """
    if not allow_pickle:
        return (Unpickler(file) if buffers is _NO_BUFFERS else Unpickler(file, buffers=buffers)).load()
    return Unpickler(
        file, fix_imports=fix_imports, encoding=encoding, errors=errors, buffers=buffers, allow_pickle=True
    ).load()


def loads(
    data: Any,
    /,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Optional[Iterable[Any]] = (),
    allow_pickle: bool = False,
) -> Any:
    """The object in `data`, which is any contiguous bytes-like object.

    Bytes after the message are ignored. Arguments and errors as in load().
    """
    if allow_pickle and _is_pickle(memoryview(data)[:1].tobytes()):
        return _std.loads(
            data, fix_imports=fix_imports, encoding=encoding, errors=errors, buffers=_given(buffers) or ()
        )
    hooks = None
    if buffers is not _NO_BUFFERS:
        hooks = _ReadHooks()
        hooks.buffers = _given(buffers)
    try:
        return _read(data, hooks)
    except error.ForyError as failure:
        _make_also(failure, UnpicklingError)
        raise


# ---- writing --------------------------------------------------------------------


class Pickler(PicklerBase):
    """Writes messages to a stream. Several dumps share what was written: an object
    that an earlier one wrote becomes a reference, which the Unpickler that read
    the earlier message resolves.

    For subclasses, or set on an instance: `persistent_id(obj)`,
    `reducer_override(obj)` and `dispatch_table`, as in the standard library.

    Args:
        file: an object with write(bytes).
        protocol, fix_imports: as in dumps().
        buffer_callback: as in dumps().
    """

    fast: bool = False
    """True writes without references, so shared objects are written twice and
    cycles fail. Deprecated in pickle."""

    _engine = _fory

    def persistent_id(self, obj: Any) -> Any:
        """What to write in place of `obj`, or None to write `obj` itself."""
        return None

    # A hook that is still this one is not called at all.
    _plain_persistent_id = persistent_id

    @property
    def memo(self) -> Any:
        """What was written so far; another Pickler's memo may be assigned."""
        return PicklerMemoProxy(self)

    @memo.setter
    def memo(self, value: Any) -> None:
        if isinstance(value, PicklerMemoProxy):
            value = value.copy()
        elif not isinstance(value, dict):
            raise TypeError("memo must be a PicklerMemoProxy or dict, not %s" % type(value).__name__)
        for key, entry in value.items():
            if not isinstance(key, int) or not isinstance(entry, tuple) or len(entry) != 2:
                raise TypeError("memo must map id(obj) to (number, obj)")
        self.clear_memo()
        for number, obj in value.values():
            self._prime(number, obj)

    @staticmethod
    def _engine_without_references() -> Fory:
        global _without_references
        if _without_references is None:
            _without_references = _make_fory(False)
        return _without_references


class PicklerMemoProxy:
    """The value of `Pickler.memo`."""

    def __init__(self, owner: Pickler) -> None:
        self._owner = owner

    def clear(self) -> None:
        """Forgets all objects."""
        self._owner.clear_memo()

    def copy(self) -> Dict[int, Tuple[int, Any]]:
        """A dict of id(obj) to (number, obj)."""
        return self._owner._memo_dict()

    def __reduce__(self) -> Tuple[Any, ...]:
        return dict, (self.copy(),)


class _WriteHooks:
    """What the engine asks while it writes; what is None is not asked."""

    persistent_id: Optional[Callable[[Any], Any]] = None
    reducer_override: Optional[Callable[[Any], Any]] = None
    dispatch_table: Optional[Mapping[type, Callable[[Any], Any]]] = None
    buffer_callback: Optional[Callable[[PickleBuffer], Any]] = None


# ---- reading --------------------------------------------------------------------


class Unpickler(UnpicklerBase):
    """Reads messages from a stream, each load() one.

    For subclasses: `persistent_load(pid)` and `find_class(module, name)`.

    Args:
        file: an object with read(n) and readline(), as pickle asks for.
        buffers: the out-of-band buffers of all messages, in order.
        encoding, errors, fix_imports: for the standard library's pickles.
        allow_pickle: read those too; None means the class attribute.
    """

    allow_pickle: bool = False
    """Whether the standard library's pickles are read. Only for trusted data."""

    _engine = _fory
    _for_pickles: Dict[str, Any] = {}
    _std_unpickler: Optional[_StdUnpickler] = None

    def _prepare(self, file: Any, fix_imports: bool, encoding: Optional[str], errors: Optional[str]) -> Any:
        # the file to read; asked for by __init__ unless all is as usual
        self._for_pickles = {"fix_imports": fix_imports, "encoding": encoding or "ASCII", "errors": errors or "strict"}
        self._std_unpickler = None
        return _PushBack(file) if self.allow_pickle and not _can_look_ahead(file) else file

    def _load(self, file: Any, buffers: Optional[Iterator[Any]], allow_pickle: bool) -> Any:
        # what load() leaves to us: streams, and the standard library's pickles
        if allow_pickle and _is_pickle(_look_ahead(file)):
            if self._std_unpickler is None:
                self._std_unpickler = _StdUnpickler(self, file, buffers, self._for_pickles)
            return self._std_unpickler.load()
        if hasattr(file, "peek") and _peek(file) is None:
            file = _Plainly(file)  # it only seems to have peek()
        return _fory._load_hooked(file, self)

    def find_class(self, module: str, name: str, /) -> Any:
        """The object that `module` and the (dotted) `name` stand for.

        A subclass may refuse by raising, or return something else.
        """
        sys.audit("pickle.find_class", module, name)
        __import__(module, level=0)
        obj: Any = sys.modules[module]
        for part in name.split("."):
            if part == "<locals>":
                raise AttributeError("%r of module %r is local to a function" % (name, module))
            obj = getattr(obj, part)
        return obj

    def persistent_load(self, pid: Any) -> Any:
        """The object for which the writer's persistent_id returned `pid`."""
        raise UnpicklingError("the message holds a persistent id, but there is no persistent_load")

    # Hooks that are still these are not called at all.
    _plain_find_class = find_class
    _plain_persistent_load = persistent_load

    @property
    def memo(self) -> Any:
        """What was read so far; another Unpickler's memo may be assigned."""
        return UnpicklerMemoProxy(self)

    @memo.setter
    def memo(self, value: Any) -> None:
        if isinstance(value, UnpicklerMemoProxy):
            value = value.copy()
        elif not isinstance(value, dict):
            raise TypeError("memo must be an UnpicklerMemoProxy or dict, not %s" % type(value).__name__)
        for key in value:
            if not isinstance(key, int):
                raise TypeError("memo key must be an int, not %s" % type(key).__name__)
            if key < 0:
                raise ValueError("memo key must not be negative")
        self._clear_memo()
        for key in sorted(value):
            self._append(key, value[key])


class UnpicklerMemoProxy:
    """The value of `Unpickler.memo`."""

    def __init__(self, owner: Unpickler) -> None:
        self._owner = owner

    def clear(self) -> None:
        """Forgets all objects."""
        self._owner._clear_memo()

    def copy(self) -> Dict[int, Any]:
        """A dict of number to object."""
        return self._owner._memo_dict()

    def __reduce__(self) -> Tuple[Any, ...]:
        return dict, (self.copy(),)


class _ReadHooks:
    """What the engine asks while it reads; what is None is not asked."""

    persistent_load: Optional[Callable[[Any], Any]] = None
    find_class: Optional[Callable[[str, str], Any]] = None
    buffers: Optional[Iterator[Any]] = None


class _StdUnpickler(_std.Unpickler):
    """Reads a pickle with the hooks of one of our Unpicklers."""

    def __init__(self, owner: Unpickler, file: Any, buffers: Optional[Iterator[Any]], options: Dict[str, Any]) -> None:
        # Without peek() it takes from the file just what it needs; else it would
        # keep bytes of the messages after it.
        super().__init__(_Plainly(file) if hasattr(file, "peek") else file, buffers=buffers or (), **options)
        self._owner = owner
        hook = owner.find_class
        self._finds = getattr(hook, "__func__", None) is not Unpickler.find_class

    def find_class(self, module: str, name: str, /) -> Any:
        if self._finds:
            return self._owner.find_class(module, name)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        return self._owner.persistent_load(pid)


# ---- streams that hold either format ----------------------------------------------


def _is_pickle(first: bytes) -> bool:
    # A native message starts with its version in bits 2 to 7, bit 0 clear; the
    # lowest opcode of pickle is 0x28, and those from 0x80 on are far away.
    return len(first) > 0 and (first[0] >= 0x28 or first[0] & 1 == 1)


def _can_look_ahead(file: Any) -> bool:
    if _peek(file) is not None:
        return True
    try:
        file.seek(file.tell())
    except (AttributeError, OSError, NotImplementedError):
        return False
    return True


def _look_ahead(file: Any) -> bytes:
    ahead = _peek(file)
    if ahead is None:
        position = file.tell()
        ahead = file.read(1)
        file.seek(position)
    return bytes(ahead[:1])


def _peek(file: Any) -> Any:
    try:
        return file.peek(1)
    except (AttributeError, OSError, NotImplementedError):
        return None


class _Plainly:
    """A stream's reading methods without peek()."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        self.readline = file.readline


class _PushBack:
    """One byte of look-ahead for a stream that can only be read forwards."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ahead = b""

    def peek(self, size: int = 1) -> bytes:
        if not self._ahead:
            self._ahead = bytes(self._file.read(1))
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        if size == 0 or not self._ahead:
            return bytes(self._file.read(size))
        ahead, self._ahead = self._ahead, b""
        return ahead if size == 1 else ahead + bytes(self._file.read(size - 1 if size > 0 else size))

    def readline(self) -> bytes:
        ahead, self._ahead = self._ahead, b""
        return ahead if ahead == b"\n" else ahead + bytes(self._file.readline())


# ---- helpers --------------------------------------------------------------------


def _check_protocol(protocol: Optional[int], buffer_callback: Any) -> None:
    if protocol is None or protocol < 0:
        return
    if protocol > HIGHEST_PROTOCOL:
        raise ValueError("pickle protocol must be <= %d" % HIGHEST_PROTOCOL)
    if buffer_callback is not None and protocol < 5:
        raise ValueError("buffer_callback needs protocol >= 5")


def _write_method(file: Any) -> Callable[[bytes], Any]:
    try:
        write = file.write
    except AttributeError:
        raise TypeError("file must have a 'write' attribute") from None
    return write  # type: ignore[no-any-return]


def _given(buffers: Optional[Iterable[Any]]) -> Optional[Iterator[Any]]:
    return None if buffers is None or buffers == () else iter(buffers)


def _also(failure: Any, kind: str) -> None:
    # called by the compiled part with what has been raised
    if isinstance(failure, error.ForyError):
        _make_also(failure, PicklingError if kind == "PicklingError" else UnpicklingError)


def _make_also(failure: error.ForyError, base: Union[Type[PicklingError], Type[UnpicklingError]]) -> None:
    """Makes a ForyError one of pickle's errors too, keeping its identity, traceback and notes."""
    cls = type(failure)
    if isinstance(failure, base) or cls.__module__ != error.__name__:
        return
    failure.__class__ = globals().get(_joined(cls, base)) or _join(cls, base)


def _joined(cls: type, base: type) -> str:
    return cls.__name__[: -len("Error")] + base.__name__


def _join(cls: Type[error.ForyError], base: type) -> Any:
    name = _joined(cls, base)
    both = type(name, (cls, base), {"__module__": __name__, "__doc__": cls.__doc__})
    return globals().setdefault(name, both)


def __getattr__(name: str) -> Any:
    # The classes made by _join are importable, so that such an error can itself
    # be sent to another process.
    for base in (UnpicklingError, PicklingError):
        if name.endswith(base.__name__):
            cls = getattr(error, name[: -len(base.__name__)] + "Error", None)
            if isinstance(cls, type) and issubclass(cls, error.ForyError):
                return _join(cls, base)
            break
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
