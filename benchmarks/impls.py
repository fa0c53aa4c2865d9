"""What each contender does with a workload.

A contender gives two operations, each a function and the positional arguments that follow the value, so that the timed loop calls
the library's own function and no wrapper.  A library is used at its best settings: encoders and decoders are made once, options are
fixed, types are declared where it knows types.
"""

import dataclasses
import functools
import typing
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from .workloads import Workload


class Unsupported(Exception):
    """The contender has no way to express the workload."""


class Operations(NamedTuple):
    write: Callable[..., Any]
    read: Callable[..., Any]
    write_args: Tuple[Any, ...] = ()
    read_args: Tuple[Any, ...] = ()
    value: Any = None  # what is written, when it has to differ from the workload's value (arrays as lists)
    replaced: bool = False
    restore: Any = None  # turns what was read into what is compared, outside of the timed part


# One line per mode of pyfory; a workload says in its own `modes` whether it takes part.
MODES: Dict[str, Dict[str, Any]] = {
    "compatible": {"xlang": True, "compatible": True, "strict": True},
    "consistent": {"xlang": True, "compatible": False, "strict": True},
    # As the guide has it: in place of pickle, any object, nothing registered.
    "native": {"xlang": False, "ref": True, "strict": False},
}


def _out_of_band(value: Any, dumps: Callable[..., Any], loads: Callable[..., Any], view: Callable[[Any], Any]) -> Operations:
    """Operations whose payload is the message and the list of what travels beside it."""

    def write(item: Any) -> Any:
        beside: List[Any] = []
        return dumps(item, buffer_callback=beside.append), [view(one) for one in beside]

    def read(payload: Any) -> Any:
        return loads(payload[0], buffers=payload[1])

    if not isinstance(value, bytes):
        return Operations(write, read)
    import pickle

    def restore(result: Any) -> bytes:
        return bytes(result.raw() if hasattr(result, "raw") else result)

    return Operations(write, read, value=pickle.PickleBuffer(value), replaced=True, restore=restore)


def fory(workload: Workload, value: Any, mode: str) -> Operations:
    import pyfory

    if mode == "native":
        instance = pyfory.Fory(**MODES[mode])
        if workload.out_of_band:
            return _out_of_band(value, instance.serialize, instance.deserialize, lambda one: one.getbuffer())
        return Operations(instance.serialize, instance.deserialize)
    instance = pyfory.Fory(ref=workload.ref, **MODES[mode])
    for number, cls in enumerate(workload.classes, 101):
        if workload.by_name and mode == "consistent":
            # With numeric ids upstream 1.7.7 compiles the schema of these nested classes again for every message (230-700 us).
            # A peer is measured at its best settings, so both sides register by name here.
            instance.register(cls, name=f"bench.{cls.__name__}")
        else:
            instance.register(cls, type_id=number)
    return Operations(instance.serialize, instance.deserialize)


def pickle5(workload: Workload, value: Any, mode: str) -> Operations:
    import pickle

    if workload.out_of_band:
        return _out_of_band(value, functools.partial(pickle.dumps, protocol=5), pickle.loads, lambda one: one)
    return Operations(pickle.dumps, pickle.loads, (5,))


def cloudpickle(workload: Workload, value: Any, mode: str) -> Operations:
    import cloudpickle
    import pickle

    if workload.out_of_band:
        return _out_of_band(value, functools.partial(cloudpickle.dumps, protocol=5), pickle.loads, lambda one: one)
    return Operations(cloudpickle.dumps, pickle.loads, (5,))


def marshal(workload: Workload, value: Any, mode: str) -> Operations:
    import marshal

    if workload.classes or workload.numpy or workload.out_of_band:
        raise Unsupported("only plain data")
    return Operations(marshal.dumps, marshal.loads)


def json_(workload: Workload, value: Any, mode: str) -> Operations:
    import json

    if workload.classes:
        raise Unsupported("dataclasses only through a Python callback")
    return Operations(json.dumps, json.loads)


def orjson(workload: Workload, value: Any, mode: str) -> Operations:
    import orjson

    return Operations(orjson.dumps, orjson.loads, (None, orjson.OPT_SERIALIZE_NUMPY))


def ormsgpack(workload: Workload, value: Any, mode: str) -> Operations:
    import ormsgpack

    # Options that reading needs as well can only be given by keyword, which costs a partial: only where the data asks for it.
    option = 0
    if workload.name.startswith("dict_int"):
        option = ormsgpack.OPT_NON_STR_KEYS
    elif workload.name.startswith(("list_datetime", "mixed12")):
        option = getattr(ormsgpack, "OPT_DATETIME_AS_TIMESTAMP_EXT", 0)
    read = functools.partial(ormsgpack.unpackb, option=option) if option else ormsgpack.unpackb
    return Operations(ormsgpack.packb, read, (None, ormsgpack.OPT_SERIALIZE_NUMPY | option))


def _array_free(value: Any) -> Tuple[Any, bool]:
    """Return the value with the ndarrays in its dataclasses as lists, and whether there were any."""
    if type(value).__name__ == "ndarray":
        return value.tolist(), True
    if isinstance(value, list):
        pairs = [_array_free(item) for item in value] if value and dataclasses.is_dataclass(value[0]) else []
        return ([item for item, _ in pairs], True) if any(changed for _, changed in pairs) else (value, False)
    if dataclasses.is_dataclass(value):
        found = {}
        for field in dataclasses.fields(value):
            item, changed = _array_free(getattr(value, field.name))
            if changed:
                found[field.name] = item
        return (dataclasses.replace(value, **found), True) if found else (value, False)
    return value, False


def msgspec(workload: Workload, value: Any, mode: str) -> Operations:
    import msgspec

    if workload.numpy and not workload.classes:
        raise Unsupported("no arrays")
    plain, changed = _array_free(value) if workload.numpy else (value, False)
    return Operations(
        msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(workload.hint).decode, value=plain, replaced=changed
    )  # fmt: skip


def msgspec_struct(workload: Workload, value: Any, mode: str) -> Operations:
    """The same records as msgspec.Struct classes: not the same task (the user's classes must change), reported apart."""
    import enum

    import msgspec

    if workload.numpy or not any(dataclasses.is_dataclass(cls) for cls in workload.classes):
        raise Unsupported("no records")
    made: Dict[type, Any] = {}
    namespace: Dict[str, Any] = {}

    def translate(hint: Any) -> Any:
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return made[hint] if hint in made else hint.__name__ if hint in pending else define(hint)
        arguments = typing.get_args(hint)
        if not arguments:
            return hint
        changed = tuple(translate(item) for item in arguments)
        if typing.get_origin(hint) is typing.Union:
            return typing.Union[tuple(typing.ForwardRef(c) if isinstance(c, str) else c for c in changed)]
        return typing.get_origin(hint)[changed]

    pending = set()

    def define(cls: type) -> Any:
        pending.add(cls)
        hints = typing.get_type_hints(cls)
        fields = [(f.name, translate(hints[f.name])) for f in dataclasses.fields(cls)]
        pending.discard(cls)
        made[cls] = msgspec.defstruct(cls.__name__, fields, namespace={"__module__": __name__})
        namespace[cls.__name__] = made[cls]
        return made[cls]

    def convert(item: Any) -> Any:
        if isinstance(item, list):
            return [convert(one) for one in item]
        if dataclasses.is_dataclass(item) and not isinstance(item, enum.Enum):
            return made[type(item)](*[convert(getattr(item, f.name)) for f in dataclasses.fields(item)])
        return item

    hint = translate(workload.hint)
    globals().update(namespace)  # where msgspec resolves the names of recursive classes
    return Operations(
        msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(hint).decode, value=convert(value), replaced=True
    )  # fmt: skip


def cbor2(workload: Workload, value: Any, mode: str) -> Operations:
    import cbor2

    if workload.classes:
        raise Unsupported("dataclasses only through a Python callback")
    if workload.numpy:
        raise Unsupported("no arrays")
    if workload.ref:
        return Operations(functools.partial(cbor2.dumps, value_sharing=True), cbor2.loads)
    return Operations(cbor2.dumps, cbor2.loads)


def _message_of(workload: Workload) -> Any:
    from . import protobuf_models

    if not protobuf_models.known(workload.hint):
        raise Unsupported("no message is defined for it")
    from google.protobuf.internal import api_implementation

    if api_implementation.Type() != "upb":
        raise Unsupported(f"protobuf runs on {api_implementation.Type()}, not on upb")
    return protobuf_models.bind(workload.hint)


def protobuf(workload: Workload, value: Any, mode: str) -> Operations:
    """The user's dataclasses, turned into messages and back."""
    message, to_message, from_message = _message_of(workload)

    def write(item: Any) -> bytes:
        return to_message(item).SerializeToString()

    def read(payload: bytes) -> Any:
        return from_message(message.FromString(payload))

    return Operations(write, read)


def protobuf_message(workload: Workload, value: Any, mode: str) -> Operations:
    """Ready messages: not the same task (what is read makes no Python object before it is looked at), reported apart."""
    message, to_message, from_message = _message_of(workload)
    return Operations(message.SerializeToString, message.FromString, value=to_message(value), replaced=True, restore=from_message)


def pyarrow(workload: Workload, value: Any, mode: str) -> Operations:
    if workload.group != "frame" or workload.out_of_band:
        raise Unsupported("measured with DataFrames; rows are in benchmarks/rows.py")
    import pyarrow as pa

    def write(frame: Any) -> Any:
        table = pa.Table.from_pandas(frame)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return sink.getvalue()

    def read(payload: Any) -> Any:
        # the clock sees the calling thread only, and everybody has one core
        return pa.ipc.open_stream(payload).read_all().to_pandas(use_threads=False)

    return Operations(write, read)


IMPLEMENTATIONS: Dict[str, Callable[[Workload, Any, str], Operations]] = {
    "fory": fory,
    "pickle": pickle5,
    "cloudpickle": cloudpickle,
    "marshal": marshal,
    "json": json_,
    "orjson": orjson,
    "ormsgpack": ormsgpack,
    "msgspec": msgspec,
    "msgspec-struct": msgspec_struct,
    "cbor2": cbor2,
    "protobuf": protobuf,
    "protobuf-message": protobuf_message,
    "pyarrow": pyarrow,
}
