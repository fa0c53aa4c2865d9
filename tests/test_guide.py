"""The examples of the user guide that concern xlang mode, as printed there."""

import array
import dataclasses
import threading
from dataclasses import dataclass
from typing import Any, Dict, List

import pytest

import pyfory
import support

try:
    import numpy as np
except ImportError:
    np = None

NUMPY = pytest.mark.skipif(np is None, reason="needs NumPy")


# ---- overview: quick start -----------------------------------------------------

@dataclass
class Person:
    name: str
    age: int


def test_quick_start(capsys):
    fory = pyfory.Fory(xlang=True, ref=True)
    fory.register(Person)
    person = Person("Alice", 30)
    data = fory.serialize(person)
    result = fory.deserialize(data)
    print(result)
    assert capsys.readouterr().out == "Person(name='Alice', age=30)\n"
    assert result == person and result is not person


def test_quick_start_is_readable_by_a_fresh_instance():
    first, second = pyfory.Fory(xlang=True, ref=True), pyfory.Fory(xlang=True, ref=True)
    first.register(Person)
    second.register(Person)
    assert second.deserialize(first.serialize(Person("Alice", 30))) == Person("Alice", 30)


def test_thread_safety(capsys):
    fory = pyfory.ThreadSafeFory(xlang=True, ref=True)
    fory.register(Person)
    results = {}

    def serialize_in_thread(thread_id):
        person = Person(name=f"User{thread_id}", age=25 + thread_id)
        data = fory.serialize(person)
        result = fory.deserialize(data)
        results[thread_id] = result
        print(f"Thread {thread_id}: {result}")

    threads = [threading.Thread(target=serialize_in_thread, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {i: Person("User%d" % i, 25 + i) for i in range(10)}
    assert "Thread 3: Person(name='User3', age=28)" in capsys.readouterr().out


def test_thread_safe_fory_refuses_late_registration():
    fory = pyfory.ThreadSafeFory(xlang=True)
    fory.register(Person)
    fory.serialize(Person("a", 1))
    with pytest.raises(RuntimeError, match="Cannot register types after Fory instances have been created"):
        fory.register(Person, type_id=3)


def test_thread_safe_fory_takes_a_factory_and_all_methods():
    made = []

    def factory():
        made.append(pyfory.Fory(xlang=True, ref=True))
        return made[-1]

    fory = pyfory.ThreadSafeFory(fory_factory=factory)
    assert fory.register_type(Person, name="guide.Person") is None
    assert fory.loads(fory.dumps(Person("x", 2))) == Person("x", 2)
    assert len(made) == 1


# ---- xlang serialization page ---------------------------------------------------

def test_xlang_defaults():
    fory = pyfory.Fory(xlang=True, ref=False, strict=True)
    assert fory.xlang is True and fory.track_ref is False and fory.strict is True and fory.compatible is True
    assert pyfory.Fory().xlang is True


def test_typename():
    f = pyfory.Fory(xlang=True, ref=True)

    @dataclass
    class Person:
        name: str
        age: pyfory.Int32

    f.register(Person, typename="example.Person")
    person = Person("Charlie", 35)
    binary_data = f.serialize(person)
    assert f.deserialize(binary_data) == person
    # the same as the other spelling, so a Java peer sees example.Person
    g = pyfory.Fory(xlang=True, ref=True)
    g.register(Person, name="example.Person")
    assert g.serialize(person) == binary_data
    h = pyfory.Fory(xlang=True, ref=True)
    h.register(Person, namespace="example", typename="Person")
    assert h.serialize(person) == binary_data


@dataclass
class TypedData:
    int_value: pyfory.Int32  # 32-bit integer
    long_value: pyfory.Int64  # 64-bit integer
    float_value: pyfory.Float32  # 32-bit float
    double_value: pyfory.Float64  # 64-bit float
    values: Dict[pyfory.Int32, List[pyfory.Int64]]


@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_typed_data(compatible):
    value = TypedData(-(2**31), 2**63 - 1, 0.5, 0.1, {1: [2**40, -1], -7: []})
    support.assert_same(value, support.roundtrip(value, TypedData, compatible=compatible))


@pytest.mark.parametrize("name", ["Float16Array", "BFloat16Array"])
def test_reduced_precision_arrays(name):
    cls = getattr(pyfory, name)
    values = cls.from_values([1.0, -0.5, 3.0])
    assert list(values) == [1.0, -0.5, 3.0]
    packed = values.to_buffer()
    assert list(cls.from_buffer(packed)) == [1.0, -0.5, 3.0]
    support.assert_same(values, support.roundtrip(values))


def test_dense_wrappers_take_iterables():
    values = pyfory.Float32Array([1, 2, 3])
    assert list(values) == [1.0, 2.0, 3.0] and len(values) == 3 and values[-1] == 3.0
    support.assert_same(values, support.roundtrip(values))


@dataclass
class ArrayWriter:
    v: pyfory.Array[pyfory.Int32]


@dataclass
class NDArrayReader:
    v: pyfory.NDArray[pyfory.Int32]


@dataclass
class PyArrayReader:
    v: pyfory.PyArray[pyfory.Int32]


@pytest.mark.parametrize(
    "make", [
        lambda: pyfory.Int32Array([1, -2]), lambda: np.array([1, -2], dtype=np.int32), lambda: array.array("i", [1, -2]),
        lambda: [1, -2],
    ],
    ids=["wrapper", "ndarray", "array.array", "list"],
)
@NUMPY
@pytest.mark.parametrize("reader", [ArrayWriter, NDArrayReader, PyArrayReader])
def test_array_carriers(make, reader):
    named = {"name": "guide.Arrays"}
    result = support.roundtrip(ArrayWriter(make()), (ArrayWriter, named), reader=[(reader, named)])
    carrier = {ArrayWriter: pyfory.Int32Array, NDArrayReader: np.ndarray, PyArrayReader: array.array}[reader]
    assert type(result) is reader and type(result.v) is carrier and list(result.v) == [1, -2]
    if carrier is np.ndarray:
        assert result.v.dtype == np.int32


@NUMPY
@pytest.mark.parametrize("writer, make", [
    (NDArrayReader, lambda: np.array([5, 6], dtype=np.int32)), (PyArrayReader, lambda: array.array("i", [5, 6])),
])
def test_array_carriers_the_other_way(writer, make):
    named = {"name": "guide.Arrays"}
    result = support.roundtrip(writer(make()), (writer, named), reader=[(ArrayWriter, named)])
    support.assert_same(pyfory.Int32Array([5, 6]), result.v)


# ---- cross-language patterns page -----------------------------------------------

@NUMPY
def test_built_in_types():
    fory = pyfory.Fory(xlang=True)
    object_list = [True, False, "str", -1.1, 1,
                   np.full(100, 0, dtype=np.int32), np.full(20, 0.0, dtype=np.double)]
    data = fory.serialize(object_list)
    new_list = fory.deserialize(data)
    expected = [True, False, "str", -1.1, 1, pyfory.Int32Array([0] * 100), pyfory.Float64Array([0.0] * 20)]
    support.assert_same(expected, new_list)
    object_map = {"k1": "v1", "k2": object_list, "k3": -1}
    data = fory.serialize(object_map)
    new_map = fory.deserialize(data)
    assert repr(new_map).startswith("{'k1': 'v1', 'k2': [True, False, 'str', -1.1, 1, Int32Array([0, 0,")
    support.assert_same({"k1": "v1", "k2": expected, "k3": -1}, new_map)


def test_one_string():
    # the Rust and JavaScript examples of the page
    for text in ("hello", "hello fory"):
        assert support.roundtrip(text) == text


@dataclass
class SomeClass1:
    f1: Any
    f2: Dict[pyfory.Int8, pyfory.Int32]


@dataclass
class SomeClass2:
    f1: Any = None
    f2: str = None
    f3: List[str] = None
    f4: Dict[pyfory.Int8, pyfory.Int32] = None
    f5: pyfory.Int8 = None
    f6: pyfory.Int16 = None
    f7: pyfory.Int32 = None
    # int type will be taken as `pyfory.Int64`.
    # use `pyfory.Int32` for type hint if peer uses more narrow type.
    f8: int = None
    f9: pyfory.Float32 = None
    # float type will be taken as `pyfory.Float64`
    f10: float = None
    f11: pyfory.Array[pyfory.Int16] = None
    f12: List[pyfory.Int16] = None


def test_custom_types(capsys):
    f = pyfory.Fory(xlang=True)
    f.register_type(SomeClass1, name="example.SomeClass1")
    f.register_type(SomeClass2, name="example.SomeClass2")
    obj1 = SomeClass1(f1=True, f2={-1: 2})
    obj = SomeClass2(
        f1=obj1,
        f2="abc",
        f3=["abc", "abc"],
        f4={1: 2},
        f5=2 ** 7 - 1,
        f6=2 ** 15 - 1,
        f7=2 ** 31 - 1,
        f8=2 ** 63 - 1,
        f9=1.0 / 2,
        f10=1 / 3.0,
        f11=array.array("h", [1, 2]),
        f12=[-1, 4],
    )
    data = f.serialize(obj)
    print(f.deserialize(data))
    assert capsys.readouterr().out == (
        "SomeClass2(f1=SomeClass1(f1=True, f2={-1: 2}), f2='abc', f3=['abc', 'abc'], f4={1: 2}, f5=127, f6=32767, "
        "f7=2147483647, f8=9223372036854775807, f9=0.5, f10=0.3333333333333333, f11=Int16Array([1, 2]), f12=[-1, 4])\n"
    )
    expected = dataclasses.replace(obj, f11=pyfory.Int16Array([1, 2]))
    support.assert_same(expected, f.deserialize(data))


class SomeClass:
    f1: "SomeClass"
    f2: Dict[str, str]
    f3: Dict[str, str]


@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_shared_and_circular_references(compatible):
    fory = pyfory.Fory(xlang=True, ref=True, compatible=compatible)
    fory.register_type(SomeClass, name="example.SomeClass")
    obj = SomeClass()
    obj.f2 = {"k1": "v1", "k2": "v2"}
    obj.f1, obj.f3 = obj, obj.f2
    data = fory.serialize(obj)
    result = fory.deserialize(data)
    assert type(result) is SomeClass
    assert result.f1 is result
    assert result.f2 == {"k1": "v1", "k2": "v2"}
    assert result.f3 is result.f2
    assert "SomeClass object at" in repr(result)


def test_schema_metadata_limits_are_options():
    fory = pyfory.Fory(
        max_type_fields=512, max_type_meta_bytes=4096, max_schema_versions_per_type=10,
        max_average_schema_versions_per_type=3,
    )
    assert fory.deserialize(fory.serialize([1])) == [1]
    for name in ("max_type_fields", "max_type_meta_bytes", "max_schema_versions_per_type",
                 "max_average_schema_versions_per_type"):
        with pytest.raises(ValueError, match=name):
            pyfory.Fory(**{name: 0})


# ---- the programs of the guide, line for line, in an interpreter of their own --------

PROGRAMS = {
    "thread safety": (
        """
        import pyfory
        import threading
        from dataclasses import dataclass
        @dataclass
        class Person:
            name: str
            age: int
        # Create a thread-safe xlang Fory instance
        fory = pyfory.ThreadSafeFory(xlang=True, ref=True)
        fory.register(Person)
        # Use in multiple threads safely
        def serialize_in_thread(thread_id):
            person = Person(name=f"User{thread_id}", age=25 + thread_id)
            data = fory.serialize(person)
            result = fory.deserialize(data)
            print(f"Thread {thread_id}: {result}")
        threads = [threading.Thread(target=serialize_in_thread, args=(i,)) for i in range(10)]
        for t in threads: t.start()
        for t in threads: t.join()
        """,
        ["Thread %d: Person(name='User%d', age=%d)" % (i, i, 25 + i) for i in range(10)],
    ),
    "quick start": (
        """
        import pyfory
        from dataclasses import dataclass
        @dataclass
        class Person:
            name: str
            age: int
        # Create an xlang Fory instance
        fory = pyfory.Fory(xlang=True, ref=True)
        fory.register(Person)
        person = Person("Alice", 30)
        data = fory.serialize(person)
        result = fory.deserialize(data)
        print(result) # Person(name='Alice', age=30)
        """,
        ["Person(name='Alice', age=30)"],
    ),
    "mode": ("import pyfory\nfory = pyfory.Fory(xlang=True, ref=False, strict=True)", []),
    "typename": (
        """
        import pyfory
        from dataclasses import dataclass
        f = pyfory.Fory(xlang=True, ref=True)
        # Register type for xlang compatibility
        @dataclass
        class Person:
            name: str
            age: pyfory.Int32
        f.register(Person, typename="example.Person")
        person = Person("Charlie", 35)
        binary_data = f.serialize(person)
        # binary_data can now be sent to Java, Go, etc.
        print(f.deserialize(binary_data))
        """,
        ["Person(name='Charlie', age=35)"],
    ),
    "type mapping": (
        """
        from dataclasses import dataclass
        from typing import Dict, List
        import pyfory
        @dataclass
        class TypedData:
            int_value: pyfory.Int32 # 32-bit integer
            long_value: pyfory.Int64 # 64-bit integer
            float_value: pyfory.Float32 # 32-bit float
            double_value: pyfory.Float64 # 64-bit float
            values: Dict[pyfory.Int32, List[pyfory.Int64]]
        f = pyfory.Fory()
        f.register(TypedData)
        print(f.deserialize(f.serialize(TypedData(1, 2, 0.5, 0.25, {3: [4]}))))
        print(pyfory.Float16Array.from_values([1, 2.5]), pyfory.BFloat16Array.from_values([3]), pyfory.Float32Array([1, 2, 3]))
        """,
        [
            "TypedData(int_value=1, long_value=2, float_value=0.5, double_value=0.25, values={3: [4]})",
            "Float16Array([1.0, 2.5]) BFloat16Array([3.0]) Float32Array([1.0, 2.0, 3.0])",
        ],
    ),
    "built-in types": (
        """
        import pyfory
        import numpy as np

        fory = pyfory.Fory(xlang=True)
        object_list = [True, False, "str", -1.1, 1,
                       np.full(100, 0, dtype=np.int32), np.full(20, 0.0, dtype=np.double)]
        data = fory.serialize(object_list)
        # bytes can be deserialized by other languages
        new_list = fory.deserialize(data)
        object_map = {"k1": "v1", "k2": object_list, "k3": -1}
        data = fory.serialize(object_map)
        # bytes can be deserialized by other languages
        new_map = fory.deserialize(data)
        print(new_map)
        """,
        [
            "{'k1': 'v1', 'k2': [True, False, 'str', -1.1, 1, Int32Array([%s]), Float64Array([%s])], 'k3': -1}"
            % (", ".join(["0"] * 100), ", ".join(["0.0"] * 20))
        ],
    ),
    "custom types": (
        """
        from dataclasses import dataclass
        from typing import List, Dict, Any
        import pyfory, array


        @dataclass
        class SomeClass1:
            f1: Any
            f2: Dict[pyfory.Int8, pyfory.Int32]


        @dataclass
        class SomeClass2:
            f1: Any = None
            f2: str = None
            f3: List[str] = None
            f4: Dict[pyfory.Int8, pyfory.Int32] = None
            f5: pyfory.Int8 = None
            f6: pyfory.Int16 = None
            f7: pyfory.Int32 = None
            # int type will be taken as `pyfory.Int64`.
            # use `pyfory.Int32` for type hint if peer uses more narrow type.
            f8: int = None
            f9: pyfory.Float32 = None
            # float type will be taken as `pyfory.Float64`
            f10: float = None
            f11: pyfory.Array[pyfory.Int16] = None
            f12: List[pyfory.Int16] = None


        if __name__ == "__main__":
            f = pyfory.Fory(xlang=True)
            f.register_type(SomeClass1, name="example.SomeClass1")
            f.register_type(SomeClass2, name="example.SomeClass2")
            obj1 = SomeClass1(f1=True, f2={-1: 2})
            obj = SomeClass2(
                f1=obj1,
                f2="abc",
                f3=["abc", "abc"],
                f4={1: 2},
                f5=2 ** 7 - 1,
                f6=2 ** 15 - 1,
                f7=2 ** 31 - 1,
                f8=2 ** 63 - 1,
                f9=1.0 / 2,
                f10=1 / 3.0,
                f11=array.array("h", [1, 2]),
                f12=[-1, 4],
            )
            data = f.serialize(obj)
            # bytes can be deserialized by other languages
            print(f.deserialize(data))
        """,
        [
            "SomeClass2(f1=SomeClass1(f1=True, f2={-1: 2}), f2='abc', f3=['abc', 'abc'], f4={1: 2}, f5=127, f6=32767, "
            "f7=2147483647, f8=9223372036854775807, f9=0.5, f10=0.3333333333333333, f11=Int16Array([1, 2]), f12=[-1, 4])"
        ],
    ),
    "references": (
        """
        from typing import Dict
        import pyfory

        class SomeClass:
            f1: "SomeClass"
            f2: Dict[str, str]
            f3: Dict[str, str]

        fory = pyfory.Fory(xlang=True, ref=True)
        fory.register_type(SomeClass, name="example.SomeClass")
        obj = SomeClass()
        obj.f2 = {"k1": "v1", "k2": "v2"}
        obj.f1, obj.f3 = obj, obj.f2
        data = fory.serialize(obj)
        # bytes can be deserialized by other languages
        print(fory.deserialize(data))
        again = fory.deserialize(data)
        print(again.f1 is again, again.f3 is again.f2, again.f2)
        """,
        ["True True {'k1': 'v1', 'k2': 'v2'}"],
    ),
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_programs_of_the_guide(name):
    source, expected = PROGRAMS[name]
    if "numpy" in source:
        pytest.importorskip("numpy")
    # print() of several threads may put its line ends elsewhere
    lines = [line for line in support.check_python(source).replace("Thread ", "\nThread ").splitlines() if line]
    if name == "references":
        assert lines.pop(0).startswith("<__main__.SomeClass object at ")
    assert sorted(lines) == sorted(expected)
