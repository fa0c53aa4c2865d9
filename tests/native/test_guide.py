"""The examples of the user guide that concern native mode and out-of-band buffers, as printed there."""

from __future__ import annotations

import io
import os
import pickle
import timeit
from dataclasses import dataclass
from typing import Any, List

import pytest

import pyfory
from pyfory.error import ForyInvalidDataError

np = pytest.importorskip("numpy")
try:
    import pandas as pd
except ImportError:
    pd = None

#: CI promises pandas on one version of Python
PANDAS = pytest.mark.skipif(pd is None and not os.environ.get("PYFORY_PANDAS"), reason="needs pandas")


@dataclass
class Person:
    name: str
    age: int

    def f(self, x: Any) -> Any:
        return self.age * x

    @classmethod
    def g(cls, x: Any) -> Any:
        return 10 * x

    @staticmethod
    def h(x: Any) -> Any:
        return 10 * x


# ---- native serialization -----------------------------------------------------------------------


def test_create_fory() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=True)
    assert (fory.xlang, fory.track_ref, fory.strict) == (False, False, True)


def test_basic_usage(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    data = fory.dumps({"name": "Alice", "age": 30, "scores": [95, 87, 92]})
    print(fory.loads(data))

    person = Person("Bob", 25)
    data = fory.dumps(person)
    print(fory.loads(data))  # Person(name='Bob', age=25)
    assert capsys.readouterr().out == "{'name': 'Alice', 'age': 30, 'scores': [95, 87, 92]}\nPerson(name='Bob', age=25)\n"


def test_both_pairs_of_names() -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    value = {"name": "Alice"}
    assert fory.deserialize(fory.serialize(value)) == fory.loads(fory.dumps(value)) == value
    assert fory.serialize(value) == fory.dumps(value)


def test_references() -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=True)
    node: Any = {}
    node["self"] = node
    data = fory.dumps(node)
    decoded = fory.loads(data)
    assert decoded["self"] is decoded


def my_global_function(x: Any) -> Any:
    return 10 * x


def test_global_functions(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    data = fory.dumps(my_global_function)
    print(fory.loads(data)(10))  # 100
    assert capsys.readouterr().out == "100\n"
    assert fory.loads(data) is my_global_function


def test_local_functions_and_lambdas(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)

    def my_function() -> Any:
        local_var = 10

        def local_func(x: Any) -> Any:
            return x * local_var

        return local_func

    data = fory.dumps(my_function())
    print(fory.loads(data)(10))  # 100

    data = fory.dumps(lambda x: 10 * x)
    print(fory.loads(data)(10))  # 100
    assert capsys.readouterr().out == "100\n100\n"


def test_global_classes_and_methods(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    print(fory.loads(fory.dumps(Person))("Bob", 25))  # Person(name='Bob', age=25)
    print(fory.loads(fory.dumps(Person("Bob", 20).f))(10))  # 200
    print(fory.loads(fory.dumps(Person.g))(10))  # 100
    print(fory.loads(fory.dumps(Person.h))(10))  # 100
    assert capsys.readouterr().out == "Person(name='Bob', age=25)\n200\n100\n100\n"


def test_local_classes_and_methods(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)

    def create_local_class() -> Any:
        class LocalClass:
            def f(self, x: Any) -> Any:
                return 10 * x

            @classmethod
            def g(cls, x: Any) -> Any:
                return 10 * x

            @staticmethod
            def h(x: Any) -> Any:
                return 10 * x

        return LocalClass

    data = fory.dumps(create_local_class())
    print(fory.loads(data)().f(10))  # 100
    data = fory.dumps(create_local_class()().f)
    print(fory.loads(data)(10))  # 100
    data = fory.dumps(create_local_class().g)
    print(fory.loads(data)(10))  # 100
    data = fory.dumps(create_local_class().h)
    print(fory.loads(data)(10))  # 100
    assert capsys.readouterr().out == "100\n" * 4


class SessionToken:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __getstate__(self) -> Any:
        return {"value": self.value}

    def __setstate__(self, state: Any) -> None:
        self.value = state["value"]


def test_customisation_hooks(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, strict=False)
    token = fory.loads(fory.dumps(SessionToken("abc")))
    print(token.value)  # abc
    assert capsys.readouterr().out == "abc\n"


def test_out_of_band_pickle_buffer() -> None:
    data = b"Large binary data"
    pickle_buffer = pickle.PickleBuffer(data)
    buffer_objects: List[Any] = []
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    serialized = fory.dumps(pickle_buffer, buffer_callback=buffer_objects.append)
    buffers = [obj.getbuffer() for obj in buffer_objects]
    decoded = fory.loads(serialized, buffers=buffers)
    assert bytes(decoded.raw()) == data
    assert len(buffer_objects) == 1 and data not in serialized


def test_compared_with_pickle(capsys: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    obj = {f"key{i}": f"value{i}" for i in range(10000)}
    # 1000 as printed; fewer do for a test
    print(f"Fory: {timeit.timeit(lambda: fory.dumps(obj), number=10):.3f}s")
    print(f"Pickle: {timeit.timeit(lambda: pickle.dumps(obj), number=10):.3f}s")
    assert capsys.readouterr().out.startswith("Fory: ")


# ---- out-of-band serialization -----------------------------------------------------------------------


def test_array() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    array = np.arange(10000, dtype=np.float64)
    buffer_objects: List[Any] = []
    serialized_data = fory.serialize(array, buffer_callback=buffer_objects.append)
    buffers = [obj.getbuffer() for obj in buffer_objects]
    deserialized_array = fory.deserialize(serialized_data, buffers=buffers)
    assert np.array_equal(array, deserialized_array)
    assert len(serialized_data) < 100 and np.shares_memory(array, deserialized_array)


@PANDAS
def test_data_frame() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    df = pd.DataFrame({
        'a': np.arange(1000, dtype=np.float64),
        'b': np.arange(1000, dtype=np.int64),
        'c': ['text'] * 1000
    })  # fmt: skip
    buffer_objects: List[Any] = []
    serialized_data = fory.serialize(df, buffer_callback=buffer_objects.append)
    buffers = [obj.getbuffer() for obj in buffer_objects]
    deserialized_df = fory.deserialize(serialized_data, buffers=buffers)
    assert df.equals(deserialized_df)
    for name in "ab":
        assert np.shares_memory(df[name].to_numpy(), deserialized_df[name].to_numpy())
    deserialized_df["d"] = 1
    assert list(deserialized_df.columns) == ["a", "b", "c", "d"]


counter = 0


def test_selective_callback() -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    arr1 = np.arange(1000, dtype=np.float64)
    arr2 = np.arange(2000, dtype=np.float64)
    data = [arr1, arr2]
    buffer_objects: List[Any] = []
    global counter
    counter = 0

    def selective_callback(buffer_object: Any) -> bool:
        global counter
        counter += 1
        # Only send even-numbered buffers out-of-band
        if counter % 2 == 0:
            buffer_objects.append(buffer_object)
            return False  # Out-of-band
        return True  # In-band

    serialized = fory.serialize(data, buffer_callback=selective_callback)
    buffers = [obj.getbuffer() for obj in buffer_objects]
    deserialized = fory.deserialize(serialized, buffers=buffers)
    assert len(buffers) == 1 and buffers[0].nbytes == 16000
    assert np.array_equal(deserialized[0], arr1) and np.array_equal(deserialized[1], arr2)


def test_pickle_buffer_without_references() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    data = b"Large binary data"
    pickle_buffer = pickle.PickleBuffer(data)
    buffer_objects: List[Any] = []
    serialized = fory.serialize(pickle_buffer, buffer_callback=buffer_objects.append)
    buffers = [obj.getbuffer() for obj in buffer_objects]
    deserialized = fory.deserialize(serialized, buffers=buffers)
    assert bytes(deserialized.raw()) == data


def test_write_to_streams(tmp_path: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    array = np.arange(1000, dtype=np.float64)
    buffer_objects: List[Any] = []
    serialized = fory.serialize(array, buffer_callback=buffer_objects.append)
    for buffer_obj in buffer_objects:
        bytes_stream = io.BytesIO()
        buffer_obj.write_to(bytes_stream)
        with open(tmp_path / 'buffer_data.bin', 'wb') as f:
            buffer_obj.write_to(f)
        mv = buffer_obj.getbuffer()
        assert isinstance(mv, memoryview)
        assert bytes_stream.getvalue() == (tmp_path / 'buffer_data.bin').read_bytes() == array.tobytes() == bytes(mv)
    assert np.array_equal(fory.deserialize(serialized, buffers=[bytes_stream.getvalue()]), array)


@pytest.mark.parametrize("kind", ["memoryview", "bytes", "Buffer", "bytearray"])
def test_kinds_of_buffers(kind: str) -> None:
    """ "accepts memoryview, bytes, or Buffer" """
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    buffer_objects: List[Any] = []
    serialized = fory.serialize(array, buffer_callback=buffer_objects.append)
    make: Any = {"memoryview": memoryview, "bytes": bytes, "Buffer": pyfory.Buffer, "bytearray": bytearray}[kind]
    buffers = [make(bytes(obj.getbuffer())) for obj in buffer_objects]
    read = fory.deserialize(serialized, buffers=buffers)
    assert np.array_equal(read, array) and read.dtype == array.dtype
    if kind != "Buffer":
        assert read.flags.writeable == (kind == "bytearray")


def test_missing_buffers_say_so() -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    buffer_objects: List[Any] = []
    serialized = fory.serialize(np.arange(4), buffer_callback=buffer_objects.append)
    with pytest.raises(ValueError, match="ut-of-band buffers"):
        fory.deserialize(serialized)
    with pytest.raises(ValueError, match="ut-of-band buffers"):
        fory.deserialize(serialized, buffers=[])


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_buffers_of_another_size_are_refused(size: int) -> None:
    """Buffers in the wrong order must not become other numbers."""
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    serialized = fory.serialize(np.arange(4, dtype=np.int64), buffer_callback=lambda buffer: None)
    with pytest.raises(ForyInvalidDataError, match="buffer of %d bytes for an array of 32" % size):
        fory.deserialize(serialized, buffers=[bytes(size)])


@pytest.mark.parametrize("value", [np.arange(4), b"bytes", pickle.PickleBuffer(b"buffer")], ids=["array", "bytes", "PickleBuffer"])
@pytest.mark.parametrize("item", [None, 5, "text", [1, 2]], ids=repr)
def test_what_is_no_buffer_is_refused(value: Any, item: Any) -> None:
    fory = pyfory.Fory(xlang=False, ref=False, strict=False)
    serialized = fory.serialize(value, buffer_callback=lambda buffer: None)
    with pytest.raises(ForyInvalidDataError, match="must be bytes-like, not %s" % type(item).__name__):
        fory.deserialize(serialized, buffers=[item])
