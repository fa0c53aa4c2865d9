"""What the expressions of the worked examples in docs/native-format.md use."""

from __future__ import annotations

import array
import io
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pickle import PickleBuffer
from typing import Any, Dict, List
from uuid import UUID

import pyfory
from pyfory import pickle


class Special:
    """A value that is not written by a plain dumps()."""

    def __init__(self, data: bytes, read: Any) -> None:
        self.data = data
        self.read = read


def fory() -> pyfory.Fory:
    import shop  # type: ignore[import-not-found]

    class CelsiusSerializer(pyfory.Serializer):
        def write(self, context: Any, value: Any) -> None:
            context.write_varint32(value.x)

        def read(self, context: Any) -> Any:
            return shop.Celsius(context.read_varint32(), 0)

    made = pyfory.Fory(xlang=False, ref=True, strict=False)
    made.register(shop.Celsius, type_id=7, serializer=CelsiusSerializer(made.type_resolver, shop.Celsius))
    made.register(shop.ById, type_id=300)
    made.register(shop.ByName, name="market.stall")
    return made


def twice(*values: Any) -> List[Any]:
    return [value for value in values for _ in range(2)]


def loop() -> Any:
    made: List[Any] = []
    made.append(made)
    return made


def tuple_loop() -> Any:
    inner: List[Any] = []
    made = (inner,)
    inner.append(made)
    return made


def only_instance() -> Any:
    """An instance in an attribute of its class, which goes by value."""

    class Only:
        made: Any = None

        def __eq__(self, other: Any) -> bool:
            return type(other) is type(self)

    Only.made = Only()
    return Only.made


def many_shapes() -> Any:
    """Instances of two classes with 25 different lists of attributes."""
    import shop

    made = []
    for i in range(25):
        one = (shop.Point if i < 13 else shop.ById).__new__(shop.Point if i < 13 else shop.ById)
        setattr(one, "a%d" % i, 1)
        made.append(one)
    return made + [_like(made[-1])]


def attributes(**named: Any) -> Any:
    """A Point with these and no others."""
    import shop

    made = shop.Point.__new__(shop.Point)
    vars(made).update(named)
    return made


def _like(one: Any) -> Any:
    other = type(one).__new__(type(one))
    vars(other).update(vars(one))
    return other


def pickler(*values: Any) -> Special:
    """One message for each, by one Pickler."""
    stream = io.BytesIO()
    writer = pickle.Pickler(stream)
    for value in values:
        writer.dump(value)

    def read(data: bytes) -> Any:
        reader = pickle.Unpickler(io.BytesIO(data))
        found = [reader.load() for _ in values]
        assert found == list(values)

    return Special(stream.getvalue(), read)


def persistent(value: Any) -> Special:
    """`value` is the persistent id of what is written."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return value

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return ("loaded", pid)

    stream = io.BytesIO()
    Pickler(stream).dump("anything")

    def read(data: bytes) -> Any:
        assert Unpickler(io.BytesIO(data)).load() == ("loaded", value)

    return Special(stream.getvalue(), read)


def out(value: Any) -> Special:
    """All memory of `value` out-of-band."""
    buffers: List[Any] = []
    data = fory().dumps(value, buffer_callback=buffers.append)

    def read(data: bytes) -> Any:
        found = fory().loads(data, buffers=[buffer.getbuffer() for buffer in buffers])
        assert type(found) is type(value) and bytes(memoryview(found)) == bytes(memoryview(value))

    return Special(data, read)


def written(value: Any) -> bytes:
    return value.data if isinstance(value, Special) else fory().dumps(value)


def namespace() -> Dict[str, Any]:
    import shop

    names = {
        "shop": shop, "math": math, "date": date, "datetime": datetime, "time": time, "timedelta": timedelta,
        "timezone": timezone, "Decimal": Decimal, "UUID": UUID, "PickleBuffer": PickleBuffer, "twice": twice, "loop": loop,
        "tuple_loop": tuple_loop, "many_shapes": many_shapes, "pickler": pickler, "persistent": persistent, "out": out,
        "numbers": array.array, "attributes": attributes, "Int8Array": pyfory.Int8Array,
        "only_instance": only_instance,
    }  # fmt: skip
    try:
        import numpy
    except ImportError:
        pass
    else:
        names.update(array=numpy.array, asfortranarray=numpy.asfortranarray, float32=numpy.float32)
    return names
