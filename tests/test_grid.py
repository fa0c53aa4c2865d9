"""The evolution grid within this package: every case of tests/grid.py, written
and read by separate instances, registered by name and by id, references on and
off."""

import re

import grid
import pytest
from peers.describe import describe

import pyfory


@pytest.mark.parametrize("topic", grid.topics())
@pytest.mark.parametrize("by_name,ref", grid.MODES, ids=["name", "name-ref", "id", "id-ref"])
def test_topic(topic, by_name, ref):
    wrong = []
    written, readers = {}, {}
    for case in grid.select(topic):
        expected = grid.expectation(case, ref)
        key = case.writer, case.value
        if key not in written:
            written[key] = grid.instance(case.writer, by_name, ref).serialize(grid.evaluate(*key))
        if (case.reader, case.known) not in readers:
            readers[case.reader, case.known] = grid.instance(case.reader, by_name, ref, case.known)
        got = grid.outcome(readers[case.reader, case.known], written[key], ref)
        if not grid.agrees(expected, got):
            wrong.append("%s\n    expected %s\n    got      %s" % (case, expected, got))
    assert not wrong, "%d cases differ\n%s" % (len(wrong), "\n".join(wrong[:40]))


#: Order, defaults, carriers, nullability inside, names in another case and of tagged fields are no part of the hash.
SAME_HASH = [
    "ArrayInt32 as ArrayPython", "ArrayPython as ArrayInt32", "Backward as Forward", "Base as Fixed", "Base as PlusIgnored",
    "Camel as Capital", "Camel as Snake", "Capital as Camel", "Capital as Snake",
    "Forward as Backward", "ListInner as ListOptInner", "ListInt32 as ListOptInt", "ListInt32 as TupleInt32",
    "ListOptInner as ListInner", "ListOptInt as ListInt32", "MapOptInt as MapTextInt", "MapTextInt as MapOptInt",
    "Snake as Camel", "Snake as Capital", "Tags as TagsRenamed", "TagsRenamed as Tags",
    "TupleInt32 as ListInt32",
]  # fmt: skip
ZERO = re.compile("Colour|Inner|Ext|Either|Any")


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "id"])
def test_consistent_mode_never_misreads(by_name):
    """Without TypeDefs a schema of another hash is refused; what is read has the value it would have in compatible mode."""
    outcomes = {}
    for case in grid.CASES:
        if case.topic == "scalars" or case.known != grid.COMPANIONS:
            continue
        # the hash has one number for every class and for Any (wire-format 13.2)
        if case.expected == grid.REFUSED and ZERO.search(case.writer) and ZERO.search(case.reader) or case.topic == "any":
            continue
        data = grid.instance(case.writer, by_name, False, compatible=False).serialize(grid.evaluate(case.writer, case.value))
        got = grid.outcome(grid.instance(case.reader, by_name, False, compatible=False), data, False)
        expected = grid.expectation(case, False)
        if not got.startswith("!TypeNotCompatibleError: "):
            assert got == expected or (got[0] == expected[0] == "!"), "%s gives %s" % (case, got)
        outcomes[case.writer, case.reader] = got[:1] != "!"
    assert sorted("%s as %s" % pair for pair, ok in outcomes.items() if ok and pair[0] != pair[1]) == SAME_HASH


@pytest.mark.parametrize("kind", sorted(grid.KINDS))
def test_unknown_struct_of_every_kind(kind):
    """A reader without the class gets the fields under their names, and writes the same bytes again."""
    schema, (_, value, _) = "Skip" + kind, grid.KINDS[kind]
    for by_name, ref in grid.MODES:
        data = grid.instance(schema, by_name, ref).serialize(grid.evaluate(schema, "1, %s, 'end'" % value))
        for known in (grid.COMPANIONS, ()):
            stranger = pyfory.Fory(ref=ref)
            module = grid.module_of(schema)
            if known:
                module.register(stranger, by_name, known, own=False)
            if kind.replace("Opt", "") in grid.NEEDED and not known:
                assert grid.outcome(stranger, data, ref).startswith("!TypeUnregisteredError"), kind
                continue
            unknown = stranger.deserialize(data)
            assert type(unknown) is pyfory.UnknownStruct and sorted(unknown) == ["a", "v", "z"]
            assert (unknown["a"], unknown["z"]) == (1, "end")
            if "Either" in kind:  # no class, no types of its cases
                assert "Union(2, 7)" in repr(unknown["v"])
                with pytest.raises(pyfory.error.TypeNotCompatibleError, match="cannot be written again"):
                    stranger.serialize(unknown)
                continue
            assert stranger.serialize(unknown) == data, (kind, by_name, ref, known)
            back = grid.instance(schema, by_name, ref).deserialize(stranger.serialize([unknown, unknown]))
            expected = describe(grid.evaluate(schema, "1, %s, 'end'" % value), False)
            assert [describe(x, False) for x in back] == [expected] * 2
            assert isinstance(back[0], module.Value)
