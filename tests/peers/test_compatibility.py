"""docs/compatibility.md is what a run with the peers gives."""

import pytest
from peers import compatibility, peer


@pytest.fixture(scope="module")
def cells():
    for variable in ("PYFORY_UPSTREAM_PYTHON", "PYFORY_RUST_PEER", "PYFORY_JAVA_PEER"):
        peer.require(variable)
    return compatibility.run_all()


def test_every_failure_has_a_reason_and_every_reason_a_failure(cells):
    wrong = compatibility.complaints(cells)
    assert not wrong, "\n".join(wrong)


def test_the_document_is_up_to_date(cells):
    with open(compatibility.DOCUMENT, encoding="utf-8") as f:
        document = f.read()
    assert document == compatibility.render(cells), "run `python -m peers.compatibility --write` in the folder tests"


def test_most_features_work_with_every_peer(cells):
    for name, enough in (("upstream", 0.85), ("java", 0.85), ("rust", 0.7)):
        good = sum(cell.reads is True and cell.we_read is True for cell in cells[name].values())
        assert good >= enough * len(cells[name]), name
