"""record_class_factory and get_qualified_classname."""

from __future__ import annotations

import copy
import pickle

import pytest

import pyfory


@pytest.mark.parametrize("fields", [["a", "b"], ("a", "b"), "a b", "a,b", "a, b"])
def test_record_classes(fields):
    cls = pyfory.record_class_factory("Record", fields)
    record = cls(1, b=2)
    assert cls.__slots__ == ("a", "b") and not hasattr(record, "__dict__")
    assert repr(record) == "Record(a=1, b=2)" and record.as_dict() == {"a": 1, "b": 2} and list(record) == [1, 2]
    assert record == cls(1, 2) and hash(record) == hash(cls(1, 2)) and record != cls(2, 1) and record != (1, 2)
    assert list(cls(1)) == [1, None]
    for copied in (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)):
        assert copied == record and type(copied) is cls
    record.a = 5
    assert record.a == 5
    with pytest.raises(AttributeError):
        record.c = 1
    with pytest.raises(AttributeError):
        cls(c=1)
    with pytest.raises(TypeError):
        cls(1, 2, 3)
    with pytest.raises(TypeError):
        cls(1, a=2)


def test_unpublished_and_wrong_record_classes():
    cls = pyfory.record_class_factory("Hidden", "a", publish=False)
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(cls(1))
    with pytest.raises(ValueError):
        pyfory.record_class_factory("Twice", "a a")
    with pytest.raises(TypeError):
        pyfory.record_class_factory("Odd", ["1"])


def test_names_of_classes():
    class Inner:
        pass

    assert pyfory.get_qualified_classname(dict) == "builtins.dict"
    assert pyfory.get_qualified_classname(3) == "builtins.int"
    assert pyfory.get_qualified_classname(Inner()) == __name__ + ".Inner"
    assert pyfory.get_qualified_classname(pyfory.record_class_factory("R", "a")) == "pyfory.type_util.R"


def test_every_public_name_is_there():
    for name in pyfory.__all__:
        assert getattr(pyfory, name) is not None
    assert pyfory.mmh3.hash_buffer(b"abc", 47) == (2908186905518554448, -417192714684214253)


def test_the_module_of_the_compiled_types():
    from pyfory import serialization

    assert serialization.Buffer is pyfory.Buffer and serialization.Fory is pyfory.Fory
    assert serialization._float16_to_bits(1.0) == 0x3C00 and serialization._float16_from_bits(0x3C00) == 1.0
    assert serialization._bfloat16_to_bits(1.0) == 0x3F80 and serialization._bfloat16_from_bits(0x3F80) == 1.0
