"""Types, fields, schemas and their bytes (wire-format 17.1 and 17.4, api section 16)."""

from __future__ import annotations

import copy
import pickle

import pytest

import pyfory
from pyfory import format as rows
from pyfory.error import ForyBufferOutOfBoundError, ForyInvalidDataError, SchemaError
from pyfory.format import (
    Field,
    Schema,
    TypeId,
    binary,
    boolean,
    compute_schema_hash,
    date32,
    decimal,
    duration,
    field,
    float16,
    float32,
    float64,
    get_byte_width,
    int8,
    int16,
    int32,
    int64,
    list_,
    map_,
    schema,
    string,
    struct,
    timestamp,
    utf8,
)
from support import unhex

# (type, id, name, bits, bytes in an array)
SIMPLE = [
    (boolean(), 1, "bool", 8, 1),
    (int8(), 2, "int8", 8, 1),
    (int16(), 3, "int16", 16, 2),
    (int32(), 4, "int32", 32, 4),
    (int64(), 6, "int64", 64, 8),
    (float16(), 17, "float16", 16, 2),
    (float32(), 19, "float", 32, 4),
    (float64(), 20, "double", 64, 8),
    (utf8(), 21, "utf8", -1, -1),
    (string(), 21, "utf8", -1, -1),
    (duration(), 37, "duration", 64, 8),
    (timestamp(), 38, "timestamp", 64, 8),
    (date32(), 39, "date32", 32, 4),
    (decimal(), 40, "decimal", -1, -1),
    (binary(), 41, "binary", -1, -1),
    (list_(int32()), 22, "list", -1, -1),
    (map_(utf8(), int64()), 24, "map", -1, -1),
    (struct([]), 27, "struct", -1, -1),
]


@pytest.mark.parametrize("dtype,type_id,name,bits,width", SIMPLE)
def test_types(dtype, type_id, name, bits, width):
    assert dtype.id == type_id
    assert dtype.name == name
    assert dtype.bit_width == bits
    assert get_byte_width(dtype) == width


def test_type_text():
    assert str(list_(int32())) == "list<int32>"
    assert str(map_(utf8(), int64())) == "map<utf8, int64>"
    assert str(struct([field("a", int8()), field("b", utf8(), nullable=False)])) == "struct<a: int8, b: utf8 not null>"
    assert str(decimal()) == "decimal(38, 18)"
    assert repr(int32()) == "DataType(int32)"
    assert repr(list_(float64())) == "ListType(list<double>)"
    assert repr(field("a", int8())) == "Field(a: int8)"
    assert repr(schema([field("a", int8()), field("b", utf8(), False)])) == "Schema(a: int8\nb: utf8 not null)"


def test_types_compare_by_structure():
    assert list_(int32()) == list_(int32())
    assert list_(int32()) != list_(int64())
    assert decimal(10, 2) != decimal(10, 3)
    assert struct([field("a", int8())]) != struct([field("b", int8())])
    assert struct([field("a", int8())]) != struct([field("a", int8(), nullable=False)])
    assert int8().equals(int8()) and not int8().equals(5)
    assert hash(map_(utf8(), int8())) == hash(map_(utf8(), int8()))
    assert int8() != 5


def test_types_are_not_made_directly():
    with pytest.raises(TypeError):
        rows.DataType()
    with pytest.raises(TypeError):
        rows.StructType()


def test_children():
    entries = map_(utf8(), int64(), keys_sorted=True)
    assert entries.num_fields == 2
    assert [str(f) for f in entries.fields()] == ["key: utf8 not null", "value: int64"]
    assert entries.key_type == utf8() and entries.item_type == int64() and entries.keys_sorted
    items = list_(int16())
    assert items.value_field == field("item", int16()) and items.value_type == int16()
    assert items.field(0).name == "item" and items.field(1) is None and items.field(-1) is None
    nested = struct([field("a", int8()), field("b", utf8())])
    assert nested.get_field_by_name("b") == field("b", utf8())
    assert nested.get_field_by_name("c") is None
    assert nested.get_field_index("b") == 1 and nested.get_field_index("c") == -1
    assert int8().num_fields == 0 and int8().fields() == []
    amount = decimal(10, 2)
    assert (amount.precision, amount.scale) == (10, 2)


@pytest.mark.parametrize("precision,scale", [(256, 0), (-1, 0), (5, -1), (5, 256)])
def test_decimals_that_the_schema_cannot_hold(precision, scale):
    with pytest.raises(ValueError):
        decimal(precision, scale)


def test_fields():
    first = Field("a", int8())
    assert (first.name, first.type, first.nullable) == ("a", int8(), True)
    assert not field("a", int8(), nullable=False).nullable
    assert first == field("a", int8()) and first.equals(field("a", int8()))
    assert first != field("a", int8(), nullable=False) and not first.equals("a")
    with pytest.raises(TypeError, match="name of a field"):
        Field(5, int8())
    with pytest.raises(TypeError, match="must be a DataType"):
        Field("a", int)


def test_schema_as_a_sequence():
    fields = [field("b", int64()), field("a", utf8())]
    made = Schema(fields)
    assert made.num_fields == len(made) == 2
    assert made.fields == fields == list(made)
    assert made.names == ["b", "a"] and made.types == [int64(), utf8()]
    assert made.field(1) == made[1] == made["a"] == made.get_field_by_name("a") == fields[1]
    assert made.field(2) is made.field(-1) is made[5] is made["c"] is None
    assert made.get_field_index("a") == 1 and made.get_field_index("c") == -1
    assert "a" in made and "c" not in made and fields[0] in made
    with pytest.raises(TypeError):
        made[1.5]


def test_schema_comparison_and_copies():
    made = schema([field("a", list_(int8())), field("b", map_(utf8(), float64()))], metadata={b"k": b"v"})
    assert made == schema([field("a", list_(int8())), field("b", map_(utf8(), float64()))])
    assert hash(made) == hash(schema(made.fields))
    assert made.equals(schema(made.fields)) and not made.equals(1) and made != 1
    assert made != schema([field("a", list_(int8()))])
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made)):
        assert other == made and other.metadata == {b"k": b"v"}
    assert made.with_metadata({}).metadata == {}


def test_schema_refuses():
    with pytest.raises(ValueError, match="two fields are named 'a'"):
        schema([field("a", int8()), field("a", int16())])
    with pytest.raises(ValueError, match="two fields are named 'a'"):
        struct([field("a", int8()), field("a", int16())])
    with pytest.raises(TypeError, match="expected a Field"):
        schema([int8()])


def test_spec():
    made = schema([
        field("l", list_(int32())),
        field("m", map_(utf8(), int64()), nullable=False),
        field("s", struct([field("v", boolean())])),
        field("d", decimal(10, 2)),
    ])  # fmt: skip
    assert made.spec == (27, "", False, (
        (22, "l", True, ((4, "item", True, (), ()),), ()),
        (24, "m", False, ((21, "key", False, (), ()), (6, "value", True, (), ())), ()),
        (27, "s", True, ((1, "v", True, (), ()),), ()),
        (40, "d", True, (), (10, 2)),
    ), ())  # fmt: skip


# the lines of wire-format 17.4, and names that need the other encodings
BYTES = [
    ("01 02 | 41 00 15 | 41 04 06", lambda: [field("b", int64()), field("a", utf8())], 1),
    ("01 01 | 01 00 04", lambda: [field("a", int32(), nullable=False)], 0),
    ("01 01 | 7d 01 80" + "00" * 15 + "04",
     lambda: [field("a" * 24, int32())], 0),
    ("01 04 | 41 2c 16 49226460 04 | 41 30 18 052898 15 4dd40ba100 06 | 41 48 1b 01 415406 | 41 0c 28 0a 02",
     lambda: [field("l", list_(int32())), field("m", map_(utf8(), int64())), field("s", struct([field("v", int64())])),
              field("d", decimal(10, 2))], 0),
    ("01 01 | 4e ce018200 | 02", lambda: [field("Name", int8())], 0),
    ("01 01 | 50 c3a974c3a9 | 02", lambda: [field("\u00e9t\u00e9", int8())], 0),
    ("01 02 | 54 e697a5e69cac 11 | 41 5c 25", lambda: [field("\u65e5\u672c", float16()), field("x", duration())], 0),
    ("01 01 | 01 30 18 | 05 2898 15 | 4d d40ba100 16 | 49 226460 02",
     lambda: [field("m", map_(utf8(), list_(int8()), keys_sorted=True), nullable=False)], 0),
    ("01 00", lambda: [], 0),
]  # fmt: skip


@pytest.mark.parametrize("text,make,reverse", BYTES)
def test_schema_bytes(text, make, reverse):
    made = schema(make()[::-1] if reverse else make())
    data = unhex(text)
    assert made.to_bytes() == data
    for form in (data, bytearray(data), memoryview(data)):
        read = Schema.from_bytes(form)
        assert read == made
        assert read.to_bytes() == data


def test_schema_bytes_of_other_writers():
    # Java marks primitives and keys of its own maps as it likes, and element fields have names
    data = unhex("01 01 | 41 2c 16 | 01 2c 04")
    read = Schema.from_bytes(data)
    assert str(read.field(0).type.value_field) == "l: int32 not null"
    assert read.to_bytes() == data


@pytest.mark.parametrize("text,error", [
    ("", ForyBufferOutOfBoundError),
    ("02 00", ForyInvalidDataError),
    ("01", ForyBufferOutOfBoundError),
    ("01 02", ForyBufferOutOfBoundError),
    ("01 ffffffff0f", ForyBufferOutOfBoundError),
    ("01 ffffffffff01", ForyInvalidDataError),
    ("01 01 01 00 09", ForyInvalidDataError),  # uint8
    ("01 01 01 00 04 7a7a", ForyInvalidDataError),  # more behind the schema
    ("01 01 03 00 04", ForyInvalidDataError),  # name encoding 3
    ("01 01 81 00 04", ForyInvalidDataError),  # reserved bit
    ("01 01 01 00 16", ForyBufferOutOfBoundError),  # list without its element
    ("01 01 01 00 28 0a", ForyBufferOutOfBoundError),
    ("01 02 01 00 04 01 00 04", ForyInvalidDataError),  # one name twice
    ("01 01 00 ff 04", ForyInvalidDataError),  # not UTF-8
    ("01 01 7d ffffffff0f 00 04", ForyBufferOutOfBoundError),
    ("01 01" + "410016" * 200, ForyInvalidDataError),  # nested too deep
])
def test_damaged_schema_bytes(text, error):
    with pytest.raises(error) as caught:
        Schema.from_bytes(unhex(text))
    assert isinstance(caught.value, ValueError)


def test_every_mutation_of_schema_bytes_is_read_or_refused():
    made = schema([
        field("list_of_things", list_(struct([field("a", int8()), field("Name", decimal(20, 4))]))),
        field("m", map_(utf8(), list_(float32()))), field("a_name_that_is_longer_than_sixteen", timestamp()),
    ])  # fmt: skip
    data = made.to_bytes()
    for i in range(len(data)):
        with pytest.raises(ForyInvalidDataError):
            Schema.from_bytes(data[:i])
        for value in {*range(i % 7, 256, 7), 0, 1, 0x7F, 0x80, 0xFF, data[i] ^ 1, data[i] ^ 0x40}:
            mutated = bytearray(data)
            mutated[i] = value
            try:
                read = Schema.from_bytes(mutated)
            except ForyInvalidDataError:
                continue
            # readable schemas can be written again
            assert Schema.from_bytes(read.to_bytes()) == read


@pytest.mark.parametrize("wrong", [5, None, "01 00", [1, 0]])
def test_what_is_not_bytes(wrong):
    with pytest.raises(TypeError):
        Schema.from_bytes(wrong)


def test_schemas_that_have_no_bytes():
    with pytest.raises(SchemaError, match="without a name"):
        schema([field("", int8())]).to_bytes()
    deep = int8()
    for _ in range(120):
        deep = list_(deep)
    with pytest.raises(SchemaError, match="nested deeper"):
        schema([field("a", deep)]).to_bytes()
    with pytest.raises(pyfory.error.ForyError):
        schema([field("\ud800", int8())]).to_bytes()


@pytest.mark.parametrize("fields,expected", [
    ([], 17),
    ([field("a", utf8())], 548),
    ([field("a", list_(int32()))], 17023),
    ([field("m", decimal(5, 2))], 567),
    # the numbers that Java's computeSchemaHash gives for the same types
    ([field(n, t) for n, t in zip("abcdefg", [boolean(), int8(), int16(), int32(), int64(), float32(), float64()])],
     468662097972),
    ([field(n, t) for n, t in zip("abcd", [list_(utf8()), list_(int32()), map_(utf8(), int64()), list_(int64())])],
     468834606845595),
    ([field("a", list_(struct([field("v", int64()), field("w", utf8())]))),
      field("b", struct([field("v", int64()), field("w", utf8())])),
      field("c", map_(utf8(), struct([field("v", int64()), field("w", utf8())]))),
      field("d", list_(list_(int32())))], 6351116577883265159),
])  # fmt: skip
def test_schema_hash(fields, expected):
    assert compute_schema_hash(schema(fields)) == expected


def test_names_of_the_package():
    assert pyfory.format is rows
    assert pyfory.Encoder is rows.Encoder and pyfory.encoder is rows.encoder
    assert pyfory.RowData is rows.RowData and pyfory.create_row_encoder is rows.create_row_encoder
    assert TypeId is pyfory.TypeId
    for name in rows.__all__:
        assert getattr(rows, name) is not None
    from pyfory.format.encoder import Encoder

    assert Encoder is rows.Encoder and callable(rows.encoder)
