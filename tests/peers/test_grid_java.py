"""The evolution grid with Java's fory-core 1.5.0 as the reader and as the
writer, as far as Java has the schemas (tests/peers/java/schemas.txt)."""

import pytest
from peers import differences, echo, peer

NAME, NAME_REF, ID, ID_REF = echo.grid.MODES
#: Java compiles a serializer for each class at run time, or interprets its
#: fields. Compiling takes a while, and is done where it is not for hundreds of classes.
COMPILED = "nullable remove missing reorder rename containers references".split()
MODES = {"scalars": [ID], "strangers": [ID], "any": [ID], "references": [NAME_REF, ID_REF]}
TOPICS = "scalars fixed nullable add remove missing skip reorder rename dense containers strangers any references".split()
USED = set()
DONE = set()


@pytest.fixture(scope="module")
def java():
    process = peer.Peer([peer.require("PYFORY_JAVA_PEER")])
    process.cases = echo.expressible(process)
    yield process
    process.close()


@pytest.mark.parametrize("topic", TOPICS)
def test_topic(java, topic):
    cases = [case for case in java.cases if case.topic == topic]
    if topic == "scalars":
        cases = differences.sample("java", cases, 4)
    for mode in MODES.get(topic, echo.grid.MODES):
        compiled = topic in COMPILED and mode == (NAME_REF if topic == "references" else NAME)
        outcomes = echo.outcomes(java, cases, mode, interpreted=not compiled)
        wrong = differences.unexplained("java", outcomes, USED)
        assert not wrong, "%d outcomes differ\n%s" % (len(wrong), "\n".join(wrong[:40]))
    DONE.add(topic)


def test_most_of_the_grid_is_expressible(java):
    topics = {case.topic for case in java.cases}
    assert topics <= set(TOPICS)
    assert len(java.cases) > 0.85 * len(echo.grid.CASES)


def test_the_list_of_differences_is_not_longer_than_needed(java):
    if DONE != set(TOPICS):
        pytest.skip("only known after the whole grid")
    assert differences.unused("java", USED) == []
