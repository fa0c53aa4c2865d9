"""The evolution grid with the Rust crate fory 1.7.7 as the reader and as the
writer, as far as Rust has the schemas (tests/peers/rust/src/main.rs)."""

import pytest
from peers import differences, echo, peer

MODES = {
    # references say nothing about plain scalars
    "scalars": [(True, False)], "strangers": [(False, False)], "references": [(True, True), (False, True)],
}  # fmt: skip
TOPICS = "scalars fixed nullable add remove skip reorder rename dense containers strangers references".split()
USED = set()
DONE = set()


@pytest.fixture(scope="module")
def rust():
    process = peer.Peer([peer.require("PYFORY_RUST_PEER")])
    process.cases = echo.expressible(process)
    yield process
    process.close()


@pytest.mark.parametrize("topic", TOPICS)
def test_topic(rust, topic):
    cases = [case for case in rust.cases if case.topic == topic]
    if topic == "scalars":
        cases = differences.sample("rust", cases, 4)
    for mode in MODES.get(topic, echo.grid.MODES):
        wrong = differences.unexplained("rust", echo.outcomes(rust, cases, mode), USED)
        assert not wrong, "%d outcomes differ\n%s" % (len(wrong), "\n".join(wrong[:40]))
    DONE.add(topic)


def test_most_of_the_grid_is_expressible(rust):
    topics = {case.topic for case in rust.cases}
    assert topics <= set(TOPICS)
    assert len(rust.cases) > 0.9 * len(echo.grid.CASES)


def test_the_list_of_differences_is_not_longer_than_needed(rust):
    if DONE != set(TOPICS):
        pytest.skip("only known after the whole grid")
    assert differences.unused("rust", USED) == []
