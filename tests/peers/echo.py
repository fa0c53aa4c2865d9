"""The evolution grid against a peer that only echoes: it reads a payload as one
of its own classes and answers with what it writes for the value.

So the peer reads ours when we find the expected value in what it wrote with
the reader's class; and we read the peer's when we find it in what it wrote
with the writer's class.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import grid
from peers import differences


def outcomes(process: Any, cases: List["grid.Case"], mode: Tuple[bool, bool], **options: Any) -> Iterator[tuple]:
    """The outcomes of the cases, as differences.unexplained takes them."""
    by_name, ref = mode
    ours: Dict[Tuple[str, str], bytes] = {}
    theirs: Dict[Tuple[str, str], str] = {}

    def ask(name: str, data: bytes, known: Tuple[str, ...]) -> str:
        answer = process.ask(kind=name, compatible=True, ref=ref, by_name=by_name, bare=not known, hex=data.hex(), **options)
        return answer["hex"] if "hex" in answer else "!" + answer["error"]

    readers: Dict[Tuple[str, Tuple[str, ...]], Any] = {}
    for case in cases:
        key = case.writer, case.value
        if key not in ours:
            ours[key] = grid.instance(case.writer, by_name, ref).serialize(grid.evaluate(*key))
            theirs[key] = ask(case.writer, ours[key], grid.COMPANIONS)
        for who in ((case.reader, case.known), (case.reader, grid.COMPANIONS)):
            if who not in readers:
                readers[who] = grid.instance(who[0], by_name, ref, who[1])
        expected = grid.expectation(case, ref)
        got = ask(case.reader, ours[key], case.known)
        if not got.startswith("!"):
            got = grid.outcome(readers[case.reader, grid.COMPANIONS], bytes.fromhex(got), ref)
        # peers have errors of their own, any will do
        same = got.startswith("!") if expected.startswith("!") else got == expected
        yield case, mode, differences.READS, expected, got, same
        if theirs[key].startswith("!"):
            yield case, mode, differences.WRITES, ours[key].hex(), theirs[key], False
            continue
        got = grid.outcome(readers[case.reader, case.known], bytes.fromhex(theirs[key]), ref)
        yield case, mode, differences.WE_READ, expected, got, grid.agrees(expected, got)


def expressible(process: Any) -> List["grid.Case"]:
    """The cases whose schemas the peer has."""
    schemas = set(process.ask(kinds=True)["schemas"])
    unknown = schemas - set(grid.SCHEMAS)
    assert not unknown, "the grid has no schema named %s" % ", ".join(sorted(unknown))
    return [case for case in grid.CASES if case.writer in schemas and case.reader in schemas]
