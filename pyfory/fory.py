"""`Fory`, the entry point, and `ThreadSafeFory`."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Type

from pyfory import _core
from pyfory._core import Buffer, ReadContext, WriteContext
from pyfory.error import ForyInvalidError, ForyTypeError
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy
from pyfory.registry import Registration, TypeRegistry

__all__ = ["Config", "Fory", "ThreadSafeFory"]

_MAX_INT64 = 2**63 - 1
_MAX_DEPTH = 2**31 - 1
_DEFAULT_XLANG_DEPTH = 50
_DEFAULT_NATIVE_DEPTH = 1000


class _Options:
    __slots__ = (
        "xlang", "track_ref", "strict", "compatible", "field_nullable", "max_depth", "max_type_fields",
        "max_type_meta_bytes", "max_schema_versions_per_type", "max_average_schema_versions_per_type",
        "max_graph_memory_bytes", "max_unbacked_container_items", "policy", "meta_compressor",
    )  # fmt: skip

    xlang: bool
    track_ref: bool
    strict: bool
    compatible: bool
    field_nullable: bool
    max_depth: int
    max_type_fields: int
    max_type_meta_bytes: int
    max_schema_versions_per_type: int
    max_average_schema_versions_per_type: int
    max_graph_memory_bytes: int
    max_unbacked_container_items: int
    policy: Any
    meta_compressor: Any


class Config(_Options):
    """The options of a `Fory`, read-only."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("the options of a Fory cannot be changed; build another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("the options of a Fory cannot be changed; build another one")

    @property
    def meta_share(self) -> bool:
        return bool(self.compatible)

    @property
    def scoped_meta_share_enabled(self) -> bool:
        return bool(self.compatible)

    def __repr__(self) -> str:
        return "Config(%s)" % ", ".join("%s=%r" % (name, getattr(self, name)) for name in _Options.__slots__)


class Fory(_core.Engine):
    """Writes Python values in the Fory formats and reads them back.

    Args:
        xlang: True for the portable format that other languages read, False for
            native mode: any Python object, read by Python only.
        ref: keep shared and circular references. Off, the same object twice is
            written twice and a cycle raises ForyDepthExceedError.
        strict: only registered classes, and in native mode classes of plain data.
            Xlang mode needs registration in any case.
        compatible: schema evolution; None means True. Both sides must agree.
        max_depth: deepest nesting of containers and objects, writing and reading
            alike; None means 50, in native mode 1,000.
        max_type_fields, max_type_meta_bytes, max_schema_versions_per_type,
        max_average_schema_versions_per_type: limits on received schemas.
        max_graph_memory_bytes: budget of one read for containers and objects, in bytes.
        max_unbacked_container_items: budget of one read for elements without bytes.
        policy: a DeserializationPolicy.
        field_nullable: every dataclass field may be None on the wire.
        meta_compressor: accepted for compatibility; TypeDefs are never compressed.

    Raises:
        TypeError: wrong argument types.
        ValueError: limits outside their range.

    One instance may be shared by threads and re-entered from serializers.
    """

    def __init__(
        self,
        xlang: bool = True,
        ref: bool = False,
        strict: bool = True,
        compatible: Optional[bool] = None,
        max_depth: Optional[int] = None,
        max_type_fields: int = 512,
        max_type_meta_bytes: int = 4096,
        max_schema_versions_per_type: int = 10,
        max_average_schema_versions_per_type: int = 3,
        max_graph_memory_bytes: int = 128 * 1024 * 1024,
        max_unbacked_container_items: int = 8192,
        policy: Any = None,
        field_nullable: bool = False,
        meta_compressor: Any = None,
    ) -> None:
        config = _Options()
        config.xlang = bool(xlang)
        config.track_ref = bool(ref)
        config.strict = bool(strict) or _registration_forced()
        config.compatible = True if compatible is None else bool(compatible)
        config.field_nullable = bool(field_nullable)
        config.max_depth = _depth(max_depth, _DEFAULT_XLANG_DEPTH if xlang else _DEFAULT_NATIVE_DEPTH)
        config.max_type_fields = _positive("max_type_fields", max_type_fields)
        config.max_type_meta_bytes = _positive("max_type_meta_bytes", max_type_meta_bytes)
        config.max_schema_versions_per_type = _positive("max_schema_versions_per_type", max_schema_versions_per_type)
        config.max_average_schema_versions_per_type = _positive(
            "max_average_schema_versions_per_type", max_average_schema_versions_per_type
        )
        config.max_graph_memory_bytes = _in_range("max_graph_memory_bytes", max_graph_memory_bytes, 1)
        config.max_unbacked_container_items = _in_range(
            "max_unbacked_container_items", max_unbacked_container_items, 0
        )
        config.policy = DEFAULT_POLICY if policy is None else policy
        config.meta_compressor = meta_compressor
        config.__class__ = Config  # complete: read-only from now on
        self.config: Config = config  # type: ignore[assignment]
        self.type_resolver = _registry_class(config.xlang)(
            config.track_ref,
            config.strict,
            config.compatible,
            config.field_nullable,
            config.policy,
            config.max_type_fields,
            config.max_type_meta_bytes,
            config.max_schema_versions_per_type,
            config.max_average_schema_versions_per_type,
        )
        self._lock = threading.Lock()
        self._own: Dict[str, Any] = {}
        self._configure(
            self.type_resolver,
            config.xlang,
            config.track_ref,
            config.strict,
            config.compatible,
            config.max_depth,
            config.max_graph_memory_bytes,
            config.max_unbacked_container_items,
        )
        if config.xlang and config.policy is not DEFAULT_POLICY:
            hook = getattr(config.policy, "authorize_instantiation", None)
            own = getattr(hook, "__func__", hook) is not DeserializationPolicy.authorize_instantiation
            if hook is not None and own:
                self._ask_before(hook)
        if not config.xlang:
            self._refresh(None, config.policy is not DEFAULT_POLICY)

    xlang = property(lambda self: self.config.xlang, doc="True: the portable format.")
    track_ref = property(lambda self: self.config.track_ref, doc="Whether references are kept.")
    strict = property(lambda self: self.config.strict, doc="Whether only registered classes are taken.")
    compatible = property(lambda self: self.config.compatible, doc="Whether schemas may evolve.")
    field_nullable = property(lambda self: self.config.field_nullable, doc="Whether every field may be None.")
    max_depth = property(lambda self: self.config.max_depth, doc="The nesting limit in force.")
    max_graph_memory_bytes = property(lambda self: self.config.max_graph_memory_bytes, doc="Read budget, bytes.")
    max_unbacked_container_items = property(
        lambda self: self.config.max_unbacked_container_items, doc="Read budget, elements."
    )
    policy = property(lambda self: self.config.policy, doc="The DeserializationPolicy in force.")

    def __repr__(self) -> str:
        c = self.config
        return "Fory(xlang=%r, ref=%r, strict=%r, compatible=%r, max_depth=%r)" % (
            c.xlang, c.track_ref, c.strict, c.compatible, c.max_depth,
        )  # fmt: skip

    # ---- registration -----------------------------------------------------------

    def register(
        self,
        cls: type,
        *,
        type_id: Optional[int] = None,
        name: Optional[str] = None,
        typename: Optional[str] = None,
        namespace: Optional[str] = None,
        serializer: Any = None,
    ) -> Registration:
        """Registers a dataclass, annotated class or enum, or any class with a serializer.

        Args:
            type_id: number of the type on all peers, 0 to 2**32-2.
            name: "namespace.Name" on all peers. `typename=` (with or without
                `namespace=`) is the older spelling.
            serializer: a Serializer, its class, or a factory; makes the class an
                extension type.
            Without id and name the next free number from 65 up is taken.

        Raises:
            TypeError: the class, id or name is registered already, both id and
                name are given, or an argument has the wrong type.
            ValueError: an empty name or one ending with a dot; field options that
                contradict each other.
            OverflowError: a negative id, or an enum value above 2**32-1.
        """
        return self._add(cls, type_id, name, typename, namespace, serializer, False)

    register_type = register

    def register_union(
        self,
        cls: type,
        *,
        type_id: Optional[int] = None,
        name: Optional[str] = None,
        typename: Optional[str] = None,
        namespace: Optional[str] = None,
        serializer: Any = None,
    ) -> Registration:
        """Registers a union class with its `pyfory.union.UnionSerializer`.

        Raises as `register` does, and TypeError without a serializer.
        """
        return self._add(cls, type_id, name, typename, namespace, serializer, True)

    def register_serializer(self, cls: type, serializer: Any) -> None:
        """Replaces the serializer of a registered class, which becomes an extension type.

        It may be in use already: classes with fields of this one are described anew
        in later messages, running operations end as they began.

        Raises TypeUnregisteredError, or TypeError when `serializer` is no instance.
        """
        with self._lock:
            info = self.type_resolver.replace_serializer(cls, serializer)
            for changed in [info] + self.type_resolver.drop_plans():
                self._tell_engine(changed)
            self._forget()

    def _add(self, cls: Any, type_id: Any, name: Any, typename: Any, namespace: Any, serializer: Any, union: bool) -> Registration:
        with self._lock:
            info, new = self.type_resolver.register(cls, type_id, name, typename, namespace, serializer, union)
            if new:
                self._tell_engine(info)
        return info

    def _tell_engine(self, info: Registration) -> None:
        tell = self._register if self.config.xlang else self._refresh
        tell(*self.type_resolver.engine_arguments(info))

    # ---- streams --------------------------------------------------------------------

    def dump(self, obj: Any, stream: Any) -> None:
        """Writes obj to `stream.write(bytes-like)`; the bytes equal `dumps(obj)`.

        A large message goes out in pieces while it is written, so what fails
        half way leaves its beginning in the stream. A write that takes fewer
        bytes is repeated with the rest; `stream.flush()` is called at the end
        if there is one. Exceptions of the stream pass unchanged.

        Raises ValueError for an object without write, or one that takes no bytes;
        otherwise as `serialize` does.
        """
        from pyfory._output import OutputStream

        output = OutputStream(stream)
        self._dump(obj, output)
        output.force_flush()

    def load(self, stream: Any, buffers: Optional[Iterable[Any]] = None) -> Any:
        """Reads one message and leaves the stream exactly behind it.

        Args:
            stream: an object with readinto(buf), recv_into(buf, size),
                recvinto(buf, size) or read(n), which may give fewer bytes than
                asked for. What has peek() or is seekable is read in blocks. Other
                streams are read in the many small pieces that the format asks
                for: `pyfory.Reader` is faster for a stream of messages.
            buffers: the out-of-band buffers, as for `deserialize`.

        Raises ForyBufferOutOfBoundError, which is an EOFError, when the stream
        ends too early, ForyError as `deserialize` does, ValueError for an object
        that cannot be read from. Exceptions of the stream pass unchanged.
        """
        from pyfory.stream import load

        return load(self, stream, buffers)

    def _load_hooked(self, source: Any, hooks: Any) -> Any:
        if not hasattr(source, "read") or isinstance(source, (bytes, bytearray, memoryview, _core.Buffer)):
            return super()._load_hooked(source, hooks)
        from pyfory.stream import load

        return load(_Hooked(self, hooks), source)

    # Every message has a context of its own: there is never anything of it to reset or to flush.

    @property
    def write_context(self) -> WriteContext:
        """A context of the caller's own, to write parts of messages: `prepare(buffer)` and
        `reset()` begin and end its operation. For one thread at a time."""
        context: Optional[WriteContext] = self._own.get("write")
        if context is None:
            context = self._own["write"] = WriteContext(self)
        return context

    @property
    def read_context(self) -> ReadContext:
        """As `write_context`, to read."""
        context: Optional[ReadContext] = self._own.get("read")
        if context is None:
            context = self._own["read"] = ReadContext(self)
        return context

    @property
    def buffer(self) -> Buffer:
        """A growable Buffer for the caller; messages do not go through it."""
        buffer: Optional[Buffer] = self._own.get("buffer")
        if buffer is None:
            buffer = self._own["buffer"] = Buffer.allocate(32)
        return buffer

    def reset_write(self) -> None:
        """Ends what `write_context.prepare` began; nothing else is left over after an operation."""
        if "write" in self._own:
            self._own["write"].reset()

    def reset_read(self) -> None:
        """Ends what `read_context.prepare` began."""
        if "read" in self._own:
            self._own["read"].reset()

    def reset(self) -> None:
        """Both of `reset_write` and `reset_read`."""
        self.reset_write()
        self.reset_read()

    def enter_flush_barrier(self) -> None:
        """Holds the output of `write_context` back; without an operation of its own nothing happens.

        Serializers use the method of the context they are given."""
        self._on_stream("enter_flush_barrier")

    def exit_flush_barrier(self) -> None:
        """Leaves the innermost barrier of `write_context`. Raises ValueError when there is none."""
        self._on_stream("exit_flush_barrier")

    def try_flush(self) -> None:
        """Sends the output of `write_context` on to the stream of its Buffer once enough has gathered."""
        self._on_stream("try_flush")

    def force_flush(self) -> None:
        """Sends all output of `write_context` on. Raises ValueError inside a flush barrier."""
        self._on_stream("force_flush")

    def _on_stream(self, method: str) -> None:
        context = self._own.get("write")
        if context is not None and context.buffer is not None:
            getattr(context, method)()

    def __reduce__(self) -> Any:
        raise TypeError("a Fory cannot be pickled; build one in each process")


class _Hooked:
    """Reads as a Fory does, under the hooks of an Unpickler."""

    def __init__(self, fory: Fory, hooks: Any) -> None:
        self._fory = fory
        self._hooks = hooks

    def deserialize(self, buffer: Any, buffers: Any) -> Any:
        return _core.Engine._load_hooked(self._fory, buffer, self._hooks)


def _registry_class(xlang: bool) -> Type[TypeRegistry]:
    if xlang:
        return TypeRegistry
    from pyfory.native.registry import NativeRegistry

    return NativeRegistry


def _registration_forced() -> bool:
    return os.environ.get("ENABLE_TYPE_REGISTRATION_FORCIBLY", "").lower() in ("1", "true")


def _depth(value: Any, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise ForyTypeError("max_depth must be an int or None, not %s" % type(value).__name__)
    return max(min(value, _MAX_DEPTH), -1)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ForyTypeError("%s must be an int, not %s" % (name, type(value).__name__))
    if value <= 0:
        raise ForyInvalidError("%s must be a positive integer" % name)
    return value


def _in_range(name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ForyTypeError("%s must be an int, not %s" % (name, type(value).__name__))
    if not low <= value <= _MAX_INT64:
        raise ForyInvalidError("%s must be in range [%d, 2**63-1]" % (name, low))
    return value


class ThreadSafeFory:
    """A `Fory` for many threads whose registrations are frozen by the first use.

    Args:
        fory_factory: called without arguments to make the instance.
        kwargs: the options of `Fory`, when there is no factory.

    Every method is that of `Fory`. A plain `Fory` may be shared as well; this
    class adds the promise that all threads see the same registrations.
    """

    def __init__(self, fory_factory: Optional[Callable[[], Fory]] = None, **kwargs: Any) -> None:
        self._factory = fory_factory
        self._kwargs = kwargs
        self._lock = threading.Lock()
        self._pending: List[Tuple[str, Tuple[Any, ...], Dict[str, Any]]] = []
        self._fory: Optional[Fory] = None

    def _instance(self) -> Fory:
        fory = self._fory
        if fory is None:
            with self._lock:
                fory = self._fory
                if fory is None:
                    fory = Fory(**self._kwargs) if self._factory is None else self._factory()
                    for method, args, kwargs in self._pending:
                        getattr(fory, method)(*args, **kwargs)
                    self._fory = fory
                    self._shortcut(fory)
        return fory

    def _shortcut(self, fory: Fory) -> None:
        """From now on calls go to the instance itself."""
        for method in ("serialize", "deserialize", "dumps", "loads", "dump", "load"):
            if getattr(type(self), method) is getattr(ThreadSafeFory, method):
                self.__dict__[method] = getattr(fory, method)

    def _record(self, method: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        with self._lock:
            if self._fory is not None:
                raise RuntimeError(
                    "Cannot register types after Fory instances have been created: register before the first use"
                )
            self._pending.append((method, args, kwargs))

    def register(self, *args: Any, **kwargs: Any) -> None:
        """As `Fory.register`; checked at the first use. RuntimeError after it."""
        self._record("register", args, kwargs)

    def register_type(self, *args: Any, **kwargs: Any) -> None:
        """As `register`."""
        self._record("register_type", args, kwargs)

    def register_union(self, *args: Any, **kwargs: Any) -> None:
        """As `Fory.register_union`; RuntimeError after the first use."""
        self._record("register_union", args, kwargs)

    def register_serializer(self, *args: Any, **kwargs: Any) -> None:
        """As `Fory.register_serializer`; RuntimeError after the first use."""
        self._record("register_serializer", args, kwargs)

    def serialize(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """As `Fory.serialize`."""
        return self._instance().serialize(obj, *args, **kwargs)

    def deserialize(self, buffer: Any, *args: Any, **kwargs: Any) -> Any:
        """As `Fory.deserialize`."""
        return self._instance().deserialize(buffer, *args, **kwargs)

    dumps = serialize
    loads = deserialize

    def dump(self, obj: Any, stream: Any) -> None:
        """As `Fory.dump`."""
        self._instance().dump(obj, stream)

    def load(self, stream: Any, buffers: Optional[Iterable[Any]] = None) -> Any:
        """As `Fory.load`."""
        return self._instance().load(stream, buffers)
