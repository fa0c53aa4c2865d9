"""docs/pickle-parity.md says what is the case."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Dict, List

import pytest
from native import kinds, parity_table
from native.implementations import codec

PAGE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "pickle-parity.md"
)
PACKAGES = ["cloudpickle", "numpy", "pandas", "attrs", "pydantic", "joblib", "sqlalchemy", "diskcache"]


@pytest.fixture(scope="module")
def page() -> Dict[str, Dict[str, str]]:
    with open(PAGE, encoding="utf-8") as file:
        return parity_table.parse(file.read())


def test_packages_are_there() -> None:
    if not os.environ.get("PYFORY_CLIENTS"):
        pytest.skip("PYFORY_CLIENTS does not promise them")
    for package in PACKAGES:
        importlib.import_module(package)


def test_page_shows_every_kind(page: Any) -> None:
    # made with the newest Python that has all packages; what that one lacks is left out
    left_out = {kind.name for kind in kinds.KINDS if kind.until <= (3, 11) or kind.since > (3, 11)}
    assert set(page) == {kind.name for kind in kinds.KINDS} - left_out
    assert len(page) >= 150
    assert all(set(words) == set(parity_table.COLUMNS) for words in page.values())


def test_nothing_is_wrong_here(page: Any) -> None:
    refused = {kind.name for kind in kinds.KINDS if kind.refused}
    for name, words in page.items():
        assert words["pyfory"] == ("refused" if name in refused else "yes"), name


@pytest.mark.parametrize("column", parity_table.COLUMNS)
def test_column_is_current(page: Any, column: str) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the page is of Python 3.11")
    python = sys.executable
    if column == "cloudpickle":
        pytest.importorskip("cloudpickle")
    if column == "upstream":
        python = os.environ.get("PYFORY_PARITY_UPSTREAM", "")
        if not python:
            pytest.skip("PYFORY_PARITY_UPSTREAM names no Python with upstream's pyfory")
    outcomes = parity_table.run(column, python)
    different: List[str] = []
    for name, outcome in outcomes.items():
        if outcome.word != page[name][column]:
            different.append("%s: %s, the page says %s" % (name, outcome, page[name][column]))
    assert different == [], "make the page again with tests/native/parity_table.py"


def test_page_is_read_back() -> None:
    yes, wrong = parity_table.Outcome("yes"), parity_table.Outcome("wrong", "`x == 1`")
    results = {
        column: {kind.name: wrong if column == "upstream" else yes for kind in kinds.KINDS}
        for column in parity_table.COLUMNS
    }
    versions = {column: {"version": "1", "python": "3.11"} for column in parity_table.COLUMNS}
    read = parity_table.parse(parity_table.page(results, versions))
    assert set(read) == {kind.name for kind in kinds.KINDS}
    assert all(words == {"pickle": "yes", "cloudpickle": "yes", "upstream": "wrong", "pyfory": "yes"} for words in read.values())


def test_codec_names() -> None:
    assert codec("pickle").loads(codec("pickle").dumps([1])) == [1]
    with pytest.raises(KeyError):
        codec("other")
