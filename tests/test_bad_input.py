"""Damaged input: an error of the family or a value, nothing else; little
memory; the instance stays usable. PYFORY_MUTATIONS sets how often each
recorded payload is mutated (200)."""

import json
import os

import pytest

import pyfory
import support
from pyfory.error import ForyError

MUTATIONS = os.environ.get("PYFORY_MUTATIONS", "200")
TIME_LIMIT = float(os.environ.get("PYFORY_MUTATIONS_TIMEOUT", "600"))


@pytest.mark.parametrize("file", ["pyfory-1.7.7-xlang.json", "rust-1.7.7.json", "java-1.5.0.json"])
def test_damaged_vectors(file):
    out = support.check_python(
        "import json, sys, mutations; print(json.dumps(mutations.main(sys.argv[1], int(sys.argv[2]))))",
        args=[file, MUTATIONS], timeout=TIME_LIMIT,
    )
    report = json.loads(out.splitlines()[-1])
    assert report["problems"] == [], "\n".join(report["problems"])
    assert report["payloads"] > 500
    assert report["tried"] > report["payloads"] * min(int(MUTATIONS), 10)
    assert report["grown_mib"] < 64, report


# Small inputs that promise much.
BOMBS = {
    "list of nulls by type": "01ff 16 ffffff07 08 24",
    "list of empty structs": "01ff 16 ffffff07 08 1c 00 02108c3724525348 c009",
    "set": "01ff 17 ffffffff07 08 07",
    "map": "01ff 18 ffffffff07 00 ff 07 07",
    "map of nulls": "01ff 18 ffffff07 00 ff 24 24",
    "string": "01ff 15 f8ffffff1f",
    "utf-16 string": "01ff 15 f9ffffff1f",
    "utf-8 string": "01ff 15 faffffff1f",
    "bytes": "01ff 29 ffffffff07",
    "array": "01ff 2f f8ffffff07",
    "decimal": "01ff 28 00 81d00f" + "00" * 20,
    "decimal scale": "01ff 28 a29c01 04",
    "type definition": "01ff 1e 00 ffffffffffffffff ffffffff0f",
    "type definition with fields": "01ff 1e 00 10a0e5054e298776 ff ffffffff0f",
    "nested counts": "01ff " + "16 ffffff07 08 " * 40,
    "references": "0100 16 ffffff07 09 16 " + "00 00 " * 20,
    "type name": "01ff 1d feffffff0f",
    "sibling lists": "01ff 16 ff01 08 16 " + "ffff03 08 24 " * 200,
    "out-of-band": "03ff 29 01 ffffffff07",
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_promises_are_checked_before_memory_is_taken(name):
    out = support.check_python(
        """
        import sys, pyfory, support, mutations, tracemalloc
        from pyfory.error import ForyError

        data = support.unhex(sys.argv[1])
        fories = [pyfory.Fory(ref=ref, compatible=compatible) for ref in (False, True) for compatible in (False, True)]
        start = mutations.peak_kib()
        for fory in fories:
            for _ in range(3):
                try:
                    fory.deserialize(data, **({"buffers": []} if data[0] & 2 else {}))
                    print("value")
                except ForyError:
                    print("error")
            assert fory.deserialize(fory.serialize([1])) == [1]
        assert mutations.peak_kib() - start < 16 * 1024, mutations.peak_kib() - start
        """,
        args=[BOMBS[name]],
    )
    assert set(out.split()) == {"error"}


def test_graph_memory_budget():
    fory = pyfory.Fory(max_graph_memory_bytes=10000)
    small, large = fory.serialize([[1]] * 20), fory.serialize([[1]] * 1000)
    assert fory.deserialize(small) == [[1]] * 20
    with pytest.raises(ForyError, match="max_graph_memory_bytes"):
        fory.deserialize(large)
    assert fory.deserialize(small) == [[1]] * 20
    assert pyfory.Fory().deserialize(large) == [[1]] * 1000


@pytest.mark.parametrize("value, needed", [([], 32), ([1] * 10, 112), ([[1]], 80), ({1: 1}, 80), ({1}, 56), ("x" * 10000, 1), (b"x" * 999, 1)],
                         ids=lambda x: str(x)[:20])
def test_budget_thresholds(value, needed):
    data = pyfory.Fory().serialize(value)
    assert pyfory.Fory(max_graph_memory_bytes=needed).deserialize(data) == value
    if needed > 1:
        with pytest.raises(ForyError) as caught:
            pyfory.Fory(max_graph_memory_bytes=needed - 1).deserialize(data)
        assert isinstance(caught.value, ValueError)


def test_unbacked_items():
    nulls = support.unhex("01ff 16 8020 08 24")  # 4096 times None, by type alone
    assert pyfory.Fory().deserialize(nulls) == [None] * 4096
    with pytest.raises(ForyError):
        pyfory.Fory(max_unbacked_container_items=1000).deserialize(nulls)
    assert pyfory.Fory(max_unbacked_container_items=5000).deserialize(nulls) == [None] * 4096


def test_reading_ends_at_the_first_error():
    """A failed read must not leave objects behind in a half-built state."""
    import gc

    fory = pyfory.Fory(ref=True)
    data = fory.serialize([[i, {"k": [str(i)]}] for i in range(50)])
    gc.collect()
    before = len(gc.get_objects())
    for cut in range(0, len(data), 3):
        with pytest.raises(ForyError):
            fory.deserialize(data[:cut])
    gc.collect()
    assert abs(len(gc.get_objects()) - before) < 100
    for o in gc.get_objects():
        if type(o) is list:
            len(o), o[:1]


def test_meta_string_damage():
    from dataclasses import make_dataclass

    cls = make_dataclass("Item", [("name", str)])
    fory = pyfory.Fory(compatible=False)
    fory.register(cls, name="demo.Item")
    good = fory.serialize(cls("a"))
    assert good.hex().startswith("01ff1d06010c8c70")
    for bad in (
        "01ff 1d 01 0603",  # reference to a string that was not sent
        "01ff 1d 06 05 0c8c70 06 03 226460",  # no such encoding
        "01ff 1d 06 00 ffc8c7 06 03 226460",  # not UTF-8
        "01ff 1d 2a 0102030405060700 " + "00" * 21 + "06 03 226460",  # hash of a long string
        "01ff 1d 06 04 ffffff 06 03 226460",
    ):
        with pytest.raises(ForyError):
            fory.deserialize(support.unhex(bad))
        assert fory.deserialize(good) == cls("a")


@pytest.mark.parametrize("bad", [
    "11a0e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20 00",  # one byte too many
    "10a1e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20",  # compressed
    "10a0e5054e298777 e2 0d0c8c70 073c 440700c4 4815340c20",  # hash
    "10a2e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20",  # reserved bit
    "10a0e5054e298776 e3 0d0c8c70 073c 440700c4 4815340c20",  # more fields than there are
])
def test_type_definition_damage(bad):
    fory = pyfory.Fory()
    with pytest.raises(ForyError) as caught:
        fory.deserialize(support.unhex("01ff 1e 00" + bad + "3c08416c"))
    assert isinstance(caught.value, ValueError)
    good = support.unhex("01ff 1e 00 10a0e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20 3c08416c")
    assert dict(fory.deserialize(good)) == {"age": 30, "name": "Al"}


def type_def_limits():
    from dataclasses import field, make_dataclass

    def payload(fields, name="n.Wide"):
        cls = make_dataclass("Wide", [("f%d" % i, int, field(default=i)) for i in range(fields)])
        writer = pyfory.Fory(max_type_fields=10000)
        writer.register(cls, name=name)
        return writer.serialize(cls())

    return payload


def test_type_field_limit_names_its_option():
    payload = type_def_limits()
    fory = pyfory.Fory(max_type_fields=20)
    assert len(fory.deserialize(payload(20))) == 20
    with pytest.raises(ForyError, match="max_type_fields"):
        fory.deserialize(payload(21))
    with pytest.raises(ForyError, match="max_type_meta_bytes"):
        pyfory.Fory(max_type_meta_bytes=50).deserialize(payload(20))


def test_schema_version_limit_rejects():
    payload = type_def_limits()
    datas = [payload(n) for n in range(1, 14)]
    fory = pyfory.Fory()
    for data in datas[:10]:
        fory.deserialize(data)
    with pytest.raises(ForyError, match="max_schema_versions_per_type"):
        fory.deserialize(datas[10])
    for data in datas[:10]:
        fory.deserialize(data)  # those known stay readable
    assert len(pyfory.Fory(max_schema_versions_per_type=50).deserialize(datas[12])) == 13
