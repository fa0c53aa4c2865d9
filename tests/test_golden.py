"""Recorded payloads of pyfory 1.7.7, the Rust crate 1.7.7 and fory-core 1.5.0
(Java): we read all of them, and write the bytes of pyfory 1.7.7 but for the
cases listed with a reason in golden/differences.json."""

import re

import pytest

import pyfory
import pyfory.error
import support
from golden import cases as golden
from pyfory.error import ForyError

RUST = golden.peer_cases("rust-1.7.7.json")
JAVA = golden.peer_cases("java-1.5.0.json")

# Upstream's exception -> base class that ours must share with it (decision 12).
BASES = {
    "OverflowError": OverflowError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "NotImplementedError": NotImplementedError,
    "UnicodeDecodeError": ValueError,
}
# Cases where upstream's class is an accident of its implementation.
ERROR_CLASSES = {
    "regid_4294967295": ValueError,  # refused at registration, advice of wire-format 9
    "enum_flag_sc": ForyError,  # upstream leaks a KeyError
    "enum_flag_co": ForyError,
    "datetime_min": ValueError,
}


def expected_error(case):
    """Class that the failure of a case must have."""
    name = case.upstream_error
    if case.name in ERROR_CLASSES:
        return ERROR_CLASSES[case.name]
    return BASES.get(name) or getattr(pyfory.error, name, ForyError)


def parameters(table, chosen=lambda case: True):
    return [pytest.param(case, id=name) for name, case in table.items() if chosen(case)]


def evaluated(case):
    if case.needs_numpy and golden.numpy is None:
        pytest.skip("needs NumPy")
    return case.value()


def difference_of(case):
    return golden.DIFFERENCES.get(case.name)


def writes(case):
    """Cases in which our writer must give bytes known in advance."""
    entry = difference_of(case)
    if entry is not None:
        return "hex" in entry
    return case.data is not None and "hashorder" not in case.tags


def refused_when_writing(case):
    entry = difference_of(case)
    if entry is not None:
        return entry["kind"] == "refused"
    return case.data is None


def readable(case):
    """Recorded bytes that must give the expected value."""
    entry = difference_of(case)
    if entry is not None:
        return case.data is not None and (entry["kind"] == "works" or entry.get("old") == "reads")
    return case.data is not None and case.upstream_error is None


def unreadable(case):
    entry = difference_of(case)
    if entry is not None:
        return case.data is not None and entry.get("old") == "fails"
    return case.data is not None and case.upstream_error is not None


@pytest.mark.parametrize("case", parameters(golden.CASES, writes))
def test_writes_the_recorded_bytes(case):
    value = evaluated(case)
    entry = difference_of(case)
    expected = entry["hex"] if entry else case.data.hex()
    writer = case.writer()
    assert writer.serialize(value).hex() == expected
    # nothing is left over from the first call
    assert writer.serialize(value).hex() == expected


@pytest.mark.parametrize("case", parameters(golden.CASES, readable))
def test_reads_the_recorded_bytes(case):
    value = evaluated(case)
    reader = case.reader()
    works_only_here = difference_of(case) is not None
    case.judge(value, reader.deserialize(case.data), as_recorded=not works_only_here)
    case.judge(value, reader.deserialize(case.data), as_recorded=not works_only_here)


@pytest.mark.parametrize(
    "case",
    parameters(golden.CASES, lambda c: "hashorder" in c.tags or (difference_of(c) or {}).get("kind") in ("works", "bytes")),
)
def test_reads_its_own_bytes(case):
    value = evaluated(case)
    case.judge(value, case.reader().deserialize(case.writer().serialize(value)), as_recorded=False)


@pytest.mark.parametrize("case", parameters(golden.CASES, refused_when_writing))
def test_refuses_to_write(case):
    value = evaluated(case)
    with pytest.raises(ForyError) as caught:
        case.writer().serialize(value)
    if difference_of(case) is None:
        assert isinstance(caught.value, expected_error(case)), repr(caught.value)


@pytest.mark.parametrize("case", parameters(golden.CASES, unreadable))
def test_refuses_to_read(case):
    if not case.reader_config["xlang"]:
        try:
            case.reader()
        except NotImplementedError:
            pytest.skip("this build has no native mode")
    with pytest.raises(ForyError) as caught:
        case.reader().deserialize(case.data)
    if difference_of(case) is None:
        assert isinstance(caught.value, expected_error(case)), repr(caught.value)


@pytest.mark.parametrize(
    "case", parameters(golden.CASES, lambda c: (difference_of(c) or {}).get("old") in ("differs", "unchecked"))
)
def test_old_bytes_do_no_harm(case):
    reader = case.reader()
    try:
        reader.deserialize(case.data)
    except ForyError:
        pass
    value = evaluated(case)
    if difference_of(case)["kind"] == "bytes":
        case.judge(value, reader.deserialize(case.writer().serialize(value)), as_recorded=False)


@pytest.mark.parametrize("case", parameters(RUST))
def test_reads_rust(case):
    value = evaluated(case)
    case.judge(value, case.reader().deserialize(case.data), as_recorded=False)


@pytest.mark.parametrize("case", parameters(JAVA))
def test_reads_java(case):
    value = evaluated(case)
    case.judge(value, case.reader().deserialize(case.data), as_recorded=False)


def test_every_peer_case_is_evaluated():
    assert len(RUST) == len(golden.load("rust-1.7.7.json")["cases"]) == 1012
    assert len(JAVA) == len(golden.load("java-1.5.0.json")["cases"]) == 952


def test_every_case_is_used():
    for case in golden.CASES.values():
        assert writes(case) or refused_when_writing(case) or "hashorder" in case.tags, case.name
    assert len(golden.CASES) == 1402


def test_differences_have_reasons():
    entries = golden.load("differences.json")["differences"]
    assert len({e["case"] for e in entries}) == len(entries)
    for entry in entries:
        case = golden.CASES[entry["case"]]
        assert entry["kind"] in ("bytes", "works", "refused")
        assert re.match(r"decision \d+|UP-BUG", entry["reason"]), entry
        if entry["kind"] == "bytes":
            assert bytes.fromhex(entry["hex"]) != case.data
            assert entry["old"] in ("reads", "fails", "differs", "unchecked")
        elif entry["kind"] == "works":
            assert case.upstream_error is not None or not case.record.get("roundtrip", True)


@pytest.mark.parametrize("name", ["st_Many600_id_co", "st_Many600_nm_co", "st_Many600_nm_co_ref"])
def test_more_fields_than_the_limit(name):
    """The default refuses 600 fields, as upstream does; the option allows them."""
    case = golden.CASES[name]
    with pytest.raises(ForyError, match="max_type_fields"):
        case.reader().deserialize(case.data)
    reader = case.reader(max_type_fields=600, max_type_meta_bytes=10000)
    case.judge(case.value(), reader.deserialize(case.data))


def test_half_read_payload_of_one_case_does_not_disturb_the_next():
    person = golden.CASES["st_Person_nm_co"]
    reader = person.reader()
    for cut in range(len(person.data)):
        with pytest.raises(ForyError):
            reader.deserialize(person.data[:cut])
        support.assert_same(person.value(), reader.deserialize(person.data))
