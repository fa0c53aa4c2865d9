"""The evolution grid with upstream pyfory 1.7.7 as the writer and as the reader.

Both sides build the same classes from the same text. Upstream's bytes must be
ours, its values too; what differs is listed in differences.py."""

import os

import grid
import pytest
from peers import differences, peer

#: Scalars make up most of the grid, and have nothing to do with the registration.
FEWER_MODES = {"scalars": [(True, False), (False, True)]}
USED = set()
DONE = set()


@pytest.fixture(scope="module")
def upstream():
    server = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upstream_server.py")
    process = peer.Peer([peer.require("PYFORY_UPSTREAM_PYTHON"), server])
    assert process.ask(version=True) == {"version": "1.7.7"}
    yield process
    process.close()


def ask(process, schema, mode, known, read=(), write=()):
    """What upstream reads from payloads, and what it writes for arguments of the class."""
    by_name, ref = mode
    answer = process.ask(
        grid=True, source=grid.source_of(schema), options={"ref": ref}, by_name=by_name, known=list(known),
        read=[data.hex() for data in read], write=list(write),
    )  # fmt: skip
    if "error" not in answer:
        return answer["read"] + answer["write"]
    if len(read) + len(write) > 1:  # it died of one of them
        return [x for data in read for x in ask(process, schema, mode, known, [data])] + [
            x for text in write for x in ask(process, schema, mode, known, (), [text])
        ]
    return ["!" + answer["error"]]


def exchange(process, cases, mode):
    """The outcomes of the cases, as differences.unexplained takes them."""
    by_name, ref = mode
    writers, readers = {}, {}
    for case in cases:
        writers.setdefault(case.writer, {})[case.value] = None
        readers.setdefault((case.reader, case.known), []).append(case)
    ours, theirs = {}, {}
    for name, values in writers.items():
        fory = grid.instance(name, by_name, ref)
        for text, answer in zip(values, ask(process, name, mode, grid.COMPANIONS, write=values)):
            ours[name, text] = fory.serialize(grid.evaluate(name, text))
            theirs[name, text] = answer
    for (name, known), group in readers.items():
        fory = grid.instance(name, by_name, ref, known)
        answers = ask(process, name, mode, known, [ours[c.writer, c.value] for c in group])
        for case, got in zip(group, answers):
            expected = grid.expectation(case, ref)
            yield case, mode, differences.READS, expected, got, grid.agrees(expected, got)
            mine, other = ours[case.writer, case.value].hex(), theirs[case.writer, case.value]
            if other.startswith("!"):
                yield case, mode, differences.WRITES, mine, other, False
                continue
            yield case, mode, differences.BYTES, mine, other, mine == other
            got = grid.outcome(fory, bytes.fromhex(other), ref)
            yield case, mode, differences.WE_READ, expected, got, grid.agrees(expected, got)


@pytest.mark.parametrize("topic", grid.topics())
@pytest.mark.parametrize("mode", grid.MODES, ids=["name", "name-ref", "id", "id-ref"])
def test_topic(upstream, topic, mode):
    if mode in FEWER_MODES.get(topic, grid.MODES):
        wrong = differences.unexplained("upstream", exchange(upstream, grid.select(topic), mode), USED)
        assert not wrong, "%d outcomes differ\n%s" % (len(wrong), "\n".join(wrong[:40]))
    DONE.add((topic, mode))


def test_the_list_of_differences_is_not_longer_than_needed(upstream):
    if len(DONE) < len(grid.topics()) * len(grid.MODES):
        pytest.skip("only known after the whole grid")
    assert differences.unused("upstream", USED) == []
